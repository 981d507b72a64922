"""Windows as columns (im2col) and back (col2im), for signals, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, new_array, real_array, strided
from convstudio.core.geometry import (
    GeometryError,
    Padding,
    Pair,
    PerAxis,
    fitted_shape,
    per_axis,
    resolve_padding,
)
from convstudio.core.gradients.checks import checked_grad, five_axes, three
from convstudio.core.gradients.columns import add_windows
from convstudio.core.job import Tile, Triple, fit_tile, tiles_of
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Cells from which several threads are worth waking.
_WORTH_THREADS = 1 << 16


class _Geometry(NamedTuple):
    """Kernel, stride, dilation and window count for depth, height and width; padding per spatial axis."""

    kernel: Triple
    stride: Triple
    dilation: Triple
    windows: Triple
    pads: tuple[Pair, ...]


def unfold(
    x: Any, kernel_size: PerAxis, *, dilation: PerAxis = 1, padding: Padding = 0, stride: PerAxis = 1
) -> Array:
    """What each window of a convolution covers, as a column (im2col): PyTorch's `unfold` for 1 to 3 axes.

    Parameters
    ----------
    x: (N, C, *spatial), 1 to 3 spatial axes, any real type and memory layout.
    kernel_size, stride, dilation: an int, or one per spatial axis, 1 or more.
    padding: zeros around the input, in any form that `conv` takes.

    Returns (N, C · K, L), C-contiguous, for K taps and L windows, both row by row: float64 for float64, else
    float32. Reshaped weights times it are the convolution. ValueError for wrong arguments, GeometryError
    where the kernel does not fit.
    """
    array = _pictures("x", x)
    geometry = _geometry(array.shape[2:], kernel_size, stride, padding, dilation)
    kernel, windows = geometry.kernel, geometry.windows
    dtype = compute_dtype(array.dtype)
    source = PaddedSource(array, ((0, 0),) * (5 - array.ndim) + geometry.pads, "zeros", 0.0, dtype)
    examples, channels = array.shape[:2]
    out = new_array((examples, channels, *kernel, *windows), dtype)

    def reach(extent: Sequence[int]) -> Triple:
        d, h, w = (
            (n - 1) * s + g * (k - 1) + 1
            for n, s, g, k in zip(extent, geometry.stride, geometry.dilation, kernel, strict=True)
        )
        return (d, h, w)

    def needed(tile: Sequence[int]) -> int:
        return dtype.itemsize * tile[0] * tile[1] * math.prod(reach(tile[2:]))

    def work(tile: Tile, scratch: Scratch) -> None:
        d, h, w = (at * step for at, step in zip(tile.low, geometry.stride, strict=True))
        low, size = (d, h, w), reach(tile.extent)
        high = [at + n for at, n in zip(low, size, strict=True)]
        block = source.view(tile.examples, tile.groups, low, high)
        if block is None:
            lead = (tile.examples[1] - tile.examples[0], tile.groups[1] - tile.groups[0])
            block = scratch.take("block", (*lead, *size), dtype)
            source.fill(block, tile.examples, tile.groups, low, high)
        of_example, of_channel, *of_axis = block.strides
        shown = strided(
            block,
            (*block.shape[:2], *kernel, *tile.extent),
            (
                of_example,
                of_channel,
                *(step * gap for step, gap in zip(of_axis, geometry.dilation, strict=True)),
                *(step * stride for step, stride in zip(of_axis, geometry.stride, strict=True)),
            ),
        )
        (n0, n1), (c0, c1) = tile.examples, tile.groups
        (d0, h0, w0), (d1, h1, w1) = tile.low, tile.high
        out[n0:n1, c0:c1, :, :, :, d0:d1, h0:h1, w0:w1] = shown

    if out.size:
        full = (examples, channels, *windows)
        run_tiles(tiles_of(full, fit_tile(full, needed)), work, parallel=out.size >= _WORTH_THREADS)
    return out.reshape(examples, channels * math.prod(kernel), math.prod(windows))


def fold(
    x: Any,
    output_size: PerAxis,
    kernel_size: PerAxis,
    *,
    dilation: PerAxis = 1,
    padding: Padding = 0,
    stride: PerAxis = 1,
) -> Array:
    """Add columns up where `unfold` would have taken them from (col2im), its adjoint: PyTorch's `fold`.

    Parameters
    ----------
    x: (N, C · K, L), as `unfold` returns for K taps and L windows of a picture of the `output_size`.
    output_size: the spatial shape to make. An int means that length on every axis; how many axes there are
        is told by whichever argument gives one number per axis, and is 2 if none does, as in PyTorch.
    kernel_size, dilation, padding, stride: as of `unfold`.

    Returns (N, C, *output_size), C-contiguous: float64 for float64, else float32. ValueError for wrong
    arguments, GeometryError where x does not have the shape that the others imply.
    """
    columns, spatial, geometry = _columns(x, output_size, kernel_size, dilation, padding, stride)
    return _folded(columns, spatial, geometry)


def unfold_backward(
    grad: Any,
    x: Any,
    kernel_size: PerAxis,
    *,
    dilation: PerAxis = 1,
    padding: Padding = 0,
    stride: PerAxis = 1,
) -> Array:
    """The gradient of `unfold` with respect to `x`, of which only shape and type matter: it is `fold`.

    grad: the gradient of unfold's result, (N, C · K, L). Returns an array of x's shape.
    """
    array = _pictures("x", x)
    spatial = array.shape[2:]
    geometry = _geometry(spatial, kernel_size, stride, padding, dilation)
    shape = (len(array), array.shape[1] * math.prod(geometry.kernel), math.prod(geometry.windows))
    columns = checked_grad(grad, shape, compute_dtype(array.dtype), "unfold's result")
    return _folded(columns, spatial, geometry)


def fold_backward(
    grad: Any,
    x: Any,
    output_size: PerAxis,
    kernel_size: PerAxis,
    *,
    dilation: PerAxis = 1,
    padding: Padding = 0,
    stride: PerAxis = 1,
) -> Array:
    """The gradient of `fold` with respect to `x`, of which only shape and type matter: it is `unfold`.

    grad: the gradient of fold's result, (N, C, *output_size). Returns an array of x's shape.
    """
    columns, spatial, geometry = _columns(x, output_size, kernel_size, dilation, padding, stride)
    rank = len(spatial)
    channels = columns.shape[1] // math.prod(geometry.kernel)
    pictures = checked_grad(grad, (len(columns), channels, *spatial), columns.dtype, "fold's result")
    kernel, steps, gaps = (axes[3 - rank :] for axes in (geometry.kernel, geometry.stride, geometry.dilation))
    return unfold(pictures, kernel, dilation=gaps, padding=geometry.pads, stride=steps)


def _folded(columns: Array, spatial: tuple[int, ...], geometry: _Geometry) -> Array:
    examples = len(columns)
    channels = columns.shape[1] // math.prod(geometry.kernel)
    result = new_array((examples, channels, *spatial), columns.dtype)
    target = five_axes(result)
    made = columns.reshape(examples, channels, *geometry.kernel, *geometry.windows)
    low = three([before for before, _ in geometry.pads], 0)

    def work(tile: tuple[int, int], _: Scratch) -> None:
        cells = target[tile]
        cells[...] = 0
        add_windows(made[tile], cells, geometry.stride, geometry.dilation, low)

    tiles = [(example, channel) for example in range(examples) for channel in range(channels)]
    if made.size >= _WORTH_THREADS:
        run_tiles(tiles, work)
    else:
        target[...] = 0
        add_windows(made, target, geometry.stride, geometry.dilation, low)
    return result


def _pictures(name: str, value: Any) -> Array:
    array = real_array(name, value)
    if not 3 <= array.ndim <= 5:
        raise GeometryError(
            f"{name} must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {array.shape}"
        )
    if 0 in array.shape[1:]:
        raise GeometryError(
            f"{name} must have at least 1 channel and 1 px along each axis, got shape {array.shape}"
        )
    return array


def _geometry(
    spatial: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> _Geometry:
    rank = len(spatial)
    kernel = per_axis("kernel_size", kernel_size, rank)
    steps = per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    pads = resolve_padding(padding, spatial, kernel, steps, gaps)
    windows = fitted_shape(spatial, kernel, steps, pads, gaps)
    return _Geometry(three(kernel), three(steps), three(gaps), three(windows), pads)


def _columns(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Array, tuple[int, ...], _Geometry]:
    """fold's arguments checked: the columns in the dtype of the computation, output shape, geometry."""
    array = real_array("x", x)
    if array.ndim != 3:
        raise GeometryError(f"x must be (N, channels · taps, windows), got shape {array.shape}")
    given = (output_size, kernel_size, stride, dilation)
    rank = next((len(value) for value in given if isinstance(value, tuple | list)), 2)
    if not 1 <= rank <= 3:
        raise GeometryError(f"output_size must have 1 to 3 axes, got {output_size!r}")
    spatial = per_axis("output_size", output_size, rank)
    geometry = _geometry(spatial, kernel_size, stride, padding, dilation)
    taps, windows = math.prod(geometry.kernel), math.prod(geometry.windows)
    if array.shape[1] == 0 or array.shape[1] % taps:
        raise GeometryError(
            f"x must hold {taps} values of each channel, one for each tap of the kernel, along its second "
            f"axis, got shape {array.shape}"
        )
    if array.shape[2] != windows:
        counts = " × ".join(str(n) for n in geometry.windows[3 - rank :])
        raise GeometryError(
            f"x must hold {windows} windows ({counts}) along its last axis for output_size {output_size!r}, "
            f"got shape {array.shape}"
        )
    return array.astype(compute_dtype(array.dtype), copy=False), spatial, geometry
