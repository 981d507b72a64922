"""Involution: a kernel of its own for every position, shared by the channels of a group.

Li, Hu, Wang, Li, She, Zhu, Zhang and Chen, Involution: Inverting the inherence of convolution for visual
recognition, CVPR 2021. Where convolution has one kernel for all positions and another for each channel,
involution has one for all channels of a group and another for each position:

    y[n, c, p] = Σ_k kernels[n, g(c), k, p] · x[n, c, stride·p + dilation·k]        (x padded)

with k over the taps and g(c) = ⌊c·groups/C⌋ the channel's group. Where the kernels come from is not the
operation's matter; `involution_kernels` makes them as the paper does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import (
    GeometryError,
    Padding,
    Pair,
    PerAxis,
    fitted_shape,
    per_axis,
    resolve_padding,
)
from convstudio.core.gradients.borders import add_borders
from convstudio.core.gradients.checks import checked_grad, five_axes, three
from convstudio.core.gradients.progress import share
from convstudio.core.job import Tile, Triple, fit_tile, tiles_of
from convstudio.core.padding import PaddedSource, checked_mode
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# A tile's input, sum and product are passed over once a tap and are to stay in the second-level cache: they
# may take this part of the memory that `fit_tile` would allow.
_CACHE_SHARE = 8
# Multiply-adds from which a second thread pays for its waking.
_WORTH_THREADS = 1 << 18
# Cells of a channel's border whose gradient is made at once.
_SIDE_CELLS = 1 << 16


class InvolutionGradients(NamedTuple):
    """What `involution_backward` returns: each of the shape of its argument."""

    grad_x: Array
    grad_kernels: Array


def involution(
    x: Any,
    kernels: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """Multiply each window of `x` by the kernel of its position, and sum.

    Parameters
    ----------
    x: (N, C, *spatial), 1 to 3 spatial axes. float32 and float64 are computed as they are, any other real
        type as float32. It is not written to and may have any memory layout.
    kernels: (N, groups, *kernel, *output): for each position of the output its kernel. `groups` divides C.
    stride, padding, dilation, padding_mode, padding_value, control, out: as of `conv`.

    Returns the (N, C, *output) array, C-contiguous. NaN and infinity reach exactly the cells whose windows
    cover them.

    Raises ValueError for an argument outside its range, its subclass GeometryError for shapes that do not fit
    one another, Cancelled when `control` asked for it.
    """
    cells, each = real_array("x", x), real_array("kernels", kernels)
    job = _checked(cells, each, stride, padding, dilation, padding_mode, padding_value)
    result = checked_out(out, job.shape, job.dtype, x=cells, kernels=each)
    target = five_axes(result)

    def work(tile: Tile, scratch: Scratch) -> None:
        kernel = job.kernels_of(tile)
        total: Array | None = None
        for tap, window in job.windows(tile, scratch):
            if total is None:
                total = scratch.take("total", window.shape, job.dtype)
                np.multiply(window, kernel[tap], out=total)
                continue
            summand = np.multiply(window, kernel[tap], out=scratch.take("product", window.shape, job.dtype))
            np.add(total, summand, out=total)
        part = job.part(target, tile)
        part[...] = total

    run_tiles(job.tiles(), work, control, parallel=job.products >= _WORTH_THREADS)
    if control is not None and not result.size:
        control.report(0, 0)
    return result


def involution_backward(
    grad: Any,
    x: Any,
    kernels: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    control: Control | None = None,
) -> InvolutionGradients:
    """The gradients of `involution(x, kernels, …)`, given that of its result.

    That of `x` is the sum over the windows that cover a cell of `grad` times the tap over it, handed on from
    padded cells to those that they show; that of a tap the sum over its group's channels of `grad` times the
    cell under it. They are in float64 if x is, else float32. Errors as of `involution`, and GeometryError for
    a `grad` of another shape than its result's.
    """
    cells, each = real_array("x", x), real_array("kernels", kernels)
    job = _checked(cells, each, stride, padding, dilation, padding_mode, padding_value)
    upstream = five_axes(checked_grad(grad, job.shape, job.dtype))
    parallel = job.products >= _WORTH_THREADS

    grad_kernels = np.empty(each.shape, job.dtype)
    into = grad_kernels.reshape(job.kernels.shape)

    def kernel_work(tile: Tile, scratch: Scratch) -> None:
        above = job.part(upstream, tile)
        targets = job.kernels_of(tile, into)
        for tap, window in job.windows(tile, scratch):
            slope = np.multiply(window, above, out=scratch.take("product", window.shape, job.dtype))
            np.add.reduce(slope, axis=2, out=targets[tap][:, :, 0])

    run_tiles(job.tiles(), kernel_work, share(control, 0.0, 0.5), parallel=parallel)

    grad_x = np.empty(cells.shape, job.dtype)
    target = five_axes(grad_x)
    inside = job.source.pads

    def x_work(tile: Tile, scratch: Scratch) -> None:
        low = tuple(start + before for start, (before, _) in zip(tile.low, inside, strict=True))
        high = tuple(stop + before for stop, (before, _) in zip(tile.high, inside, strict=True))
        part = job.part(target, tile)
        part[...] = job.scattered(upstream, tile, three(low), three(high), scratch)

    def border_work(tile: Tile, scratch: Scratch) -> None:
        def region(low: Triple, high: Triple) -> Array:
            return job.scattered(upstream, tile, low, high, scratch)

        add_borders(job.part(target, tile), inside, job.source.mode, region, _SIDE_CELLS)

    run_tiles(job.tiles(target.shape[2:]), x_work, share(control, 0.5, 0.9), parallel=parallel)
    run_tiles(job.planes(target.shape[2:]), border_work, share(control, 0.9, 1.0), parallel=parallel)
    return InvolutionGradients(grad_x, grad_kernels)


@dataclass(frozen=True, slots=True)
class _Job:
    """Checked arguments, with depth, height and width.

    kernels: (N, groups, *kernel, *output), in the dtype of the computation. shape: of the result.
    """

    source: PaddedSource
    kernels: Array
    stride: Triple
    dilation: Triple
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def groups(self) -> int:
        return int(self.kernels.shape[1])

    @property
    def channels(self) -> int:
        """Channels of one group."""
        return self.shape[1] // self.groups

    @property
    def kernel(self) -> Triple:
        return three(self.kernels.shape[2:5])

    @property
    def products(self) -> int:
        return self.kernels.size * self.channels

    def tiles(self, spatial: Sequence[int] | None = None) -> list[Tile]:
        """Blocks of the output, or of an array of the same examples and channels, that fit into the cache."""
        cells = self.kernels.shape[5:] if spatial is None else spatial
        full = (self.shape[0], self.groups, *cells)
        if 0 in full:
            return []

        def needed(extents: Sequence[int]) -> int:
            read = math.prod(self._reach(extents[2:]))
            each = extents[0] * extents[1] * self.channels * self.dtype.itemsize
            return each * (read + 2 * math.prod(extents[2:])) * _CACHE_SHARE

        return tiles_of(full, fit_tile(full, needed))

    def planes(self, spatial: Sequence[int]) -> list[Tile]:
        """Every group of every example by itself, as a whole."""
        full = (self.shape[0], self.groups, *spatial)
        return tiles_of(full, (1, 1, *spatial)) if self.shape[0] else []

    def part(self, array: Array, tile: Tile) -> Array:
        """The tile's cells of an array of channels, (examples, groups, channels, depth, height, width)."""
        (first, last), (d0, h0, w0), (d1, h1, w1) = tile.groups, tile.low, tile.high
        part = array[slice(*tile.examples), first * self.channels : last * self.channels]
        cells = part.reshape(len(part), last - first, self.channels, *part.shape[2:])
        return cells[..., d0:d1, h0:h1, w0:w1]

    def kernels_of(self, tile: Tile, kernels: Array | None = None) -> dict[Triple, Array]:
        """For each tap the tile's weights, (examples, groups, 1, depth, height, width)."""
        part = (self.kernels if kernels is None else kernels)[
            slice(*tile.examples), slice(*tile.groups), None
        ]
        (d0, h0, w0), (d1, h1, w1) = tile.low, tile.high
        return {
            (i, j, k): part[:, :, :, i, j, k, d0:d1, h0:h1, w0:w1]
            for i, j, k in product(*map(range, self.kernel))
        }

    def windows(self, tile: Tile, scratch: Scratch) -> Iterator[tuple[Triple, Array]]:
        """Each tap and the cells under it, (examples, groups, channels, depth, height, width)."""
        (first, last), extent = tile.groups, tile.extent
        low = three([start * step for start, step in zip(tile.low, self.stride, strict=True)])
        high = three([start + reach for start, reach in zip(low, self._reach(extent), strict=True)])
        channels = (first * self.channels, last * self.channels)
        block = self.source.view(tile.examples, channels, low, high)
        if block is None:
            shape = (tile.examples[1] - tile.examples[0], channels[1] - channels[0], *self._reach(extent))
            block = scratch.take("block", shape, self.dtype)
            self.source.fill(block, tile.examples, channels, low, high)
        cells = block.reshape(len(block), last - first, self.channels, *block.shape[2:])
        for tap in product(*map(range, self.kernel)):
            d, h, w = (
                slice(at * gap, at * gap + (n - 1) * step + 1, step)
                for at, gap, step, n in zip(tap, self.dilation, self.stride, extent, strict=True)
            )
            yield three(tap), cells[..., d, h, w]

    def scattered(self, grad: Array, tile: Tile, low: Triple, high: Triple, scratch: Scratch) -> Array:
        """The gradient of cells `low` to `high` of the padded input, for the tile's examples and groups.

        (examples, groups, channels, depth, height, width), in scratch.
        """
        box = three([stop - start for start, stop in zip(low, high, strict=True)])
        above = self.part(grad, tile._replace(low=(0, 0, 0), high=three(grad.shape[2:])))
        total = scratch.take("total", (*above.shape[:3], *box), self.dtype)
        total[...] = 0
        everything = tile._replace(low=(0, 0, 0), high=three(grad.shape[2:]))
        for tap, kernel in self.kernels_of(everything).items():
            ranges = [
                _meeting(at * gap, step, n, start, stop)
                for at, gap, step, n, start, stop in zip(
                    tap, self.dilation, self.stride, grad.shape[2:], low, high, strict=True
                )
            ]
            if any(outputs.start >= outputs.stop for outputs, _ in ranges):
                continue
            (d, td), (h, th), (w, tw) = ranges
            slope = above[..., d, h, w]
            summand = scratch.take("product", slope.shape, self.dtype)
            np.multiply(slope, kernel[..., d, h, w], out=summand)
            into = total[..., td, th, tw]
            np.add(into, summand, out=into)
        return total

    def _reach(self, extent: Sequence[int]) -> Triple:
        """Cells of the padded input that so many output cells read, per axis."""
        return three(
            [
                (n - 1) * step + gap * (taps - 1) + 1
                for n, step, gap, taps in zip(extent, self.stride, self.dilation, self.kernel, strict=True)
            ]
        )


def _meeting(offset: int, stride: int, outputs: int, start: int, stop: int) -> tuple[slice, slice]:
    """The outputs whose tap at `offset` lies on padded cells `start` to `stop`; those cells, from `start`."""
    first = max(-(-(start - offset) // stride), 0)
    last = min((stop - 1 - offset) // stride + 1, outputs)
    begin = first * stride + offset - start
    return slice(first, last), slice(begin, begin + (last - first - 1) * stride + 1, stride)


def _checked(
    cells: Array,
    each: Array,
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis,
    padding_mode: str,
    padding_value: float,
) -> _Job:
    rank = cells.ndim - 2
    if not 1 <= rank <= 3:
        raise GeometryError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {cells.shape}"
        )
    if each.ndim != 2 + 2 * rank:
        raise GeometryError(
            f"kernels must have {2 + 2 * rank} axes (batch, groups, then {rank} of the kernel and {rank} of "
            f"the output), got shape {each.shape}"
        )
    if 0 in cells.shape[1:]:
        raise GeometryError(
            f"x must have at least 1 channel and 1 px along each axis, got shape {cells.shape}"
        )
    if 0 in each.shape[1:]:
        raise GeometryError(f"kernels must not be empty, got shape {each.shape}")
    batch, channels = cells.shape[:2]
    groups, kernel = each.shape[1], each.shape[2 : 2 + rank]
    if each.shape[0] != batch:
        raise GeometryError(f"kernels must be for the {batch} examples of x, got {each.shape[0]}")
    if channels % groups:
        raise GeometryError(f"groups of kernels must divide the {channels} channels of x, got {groups}")
    spatial = cells.shape[2:]
    steps, gaps = per_axis("stride", stride, rank), per_axis("dilation", dilation, rank)
    pads = resolve_padding(padding, spatial, kernel, steps, gaps)
    output = fitted_shape(spatial, kernel, steps, pads, gaps)
    if each.shape[2 + rank :] != output:
        raise GeometryError(
            f"kernels must hold one for each cell of the output, {output}, got {each.shape[2 + rank :]}"
        )
    value = checked_mode(padding_mode, padding_value, spatial, pads)
    dtype = compute_dtype(cells.dtype)
    lead: tuple[Pair, ...] = ((0, 0),) * (3 - rank)
    ones = (1,) * (3 - rank)
    return _Job(
        source=PaddedSource(cells, lead + pads, padding_mode, value, dtype),
        kernels=each.astype(dtype, copy=False).reshape(batch, groups, *ones, *kernel, *ones, *output),
        stride=three(steps),
        dilation=three(gaps),
        shape=(batch, channels, *output),
    )
