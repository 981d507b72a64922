"""Max unpooling: values put back to where a max pooling found them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import (
    GeometryError,
    Padding,
    PerAxis,
    axis_name,
    per_axis,
    resolve_padding,
    whole_number,
)
from convstudio.core.pools.route import checked_grad, checked_indices, fetch, route_back
from convstudio.core.pools.windows import checked_shape

Array: TypeAlias = npt.NDArray[Any]


def max_unpool(
    x: Any,
    indices: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    output_size: Sequence[int] | None = None,
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """Values of a max pooling at the places they came from, zeros elsewhere.

    Parameters
    ----------
    x: (N, C, *pooled), 1 to 3 spatial axes. float32 and float64 are kept, other real types become float32.
    indices: whole numbers in the shape of `x`: the place of each value in its output plane, row by row, as
        `max_pool` returns them. Where several values have the same place, the last one stays.
    kernel_size, stride, padding: the pooling's. They make the output (n − 1) · stride − padding + kernel_size
        long on each axis; with padding "same" or "same_lower" n · stride.
    output_size: another size of the output, as several inputs pool to the same size: one number per spatial
        axis (those of batch and channels may stand before them), less than a stride away from the above.

    Returns (N, C, *output), C-contiguous. ValueError for indices beyond the output or an argument outside its
    range, GeometryError for shapes that do not fit one another, Cancelled when `control` asked for it. As
    PyTorch's `max_unpool2d`.
    """
    values = real_array("x", x)
    size = _output_size(values.shape, kernel_size, stride, padding, output_size)
    places = checked_indices(indices, values.shape, size)
    shape = (*values.shape[:2], *size)
    result = checked_out(out, shape, compute_dtype(values.dtype), x=values, indices=places)
    route_back(values, places, result, control, add=False)
    return result


def max_unpool_backward(
    grad: Any,
    x: Any,
    indices: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    output_size: Sequence[int] | None = None,
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `max_unpool` with respect to `x`: that of the place where each value went.

    grad: in the shape of the unpooled output. As in PyTorch, of several values for one place each has all of
    its gradient. Other arguments and errors as of `max_unpool`.
    """
    values = real_array("x", x)
    size = _output_size(values.shape, kernel_size, stride, padding, output_size)
    places = checked_indices(indices, values.shape, size)
    upstream = checked_grad(grad, (*values.shape[:2], *size), "unpooled output")
    result = checked_out(
        out, values.shape, compute_dtype(values.dtype), grad=upstream, x=values, indices=places
    )
    fetch(upstream, places, result, control)
    return result


def _output_size(
    shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[int, ...]:
    """The spatial shape of the output, as PyTorch's `_unpool_output_size` allows it."""
    checked_shape(shape)
    pooled = shape[2:]
    rank = len(pooled)
    kernel = per_axis("kernel_size", kernel_size, rank)
    steps = kernel if stride is None else per_axis("stride", stride, rank)
    if isinstance(padding, str) and padding in ("same", "same_lower"):
        usual = tuple(n * s for n, s in zip(pooled, steps, strict=True))
    elif isinstance(padding, str) and padding == "full":
        raise ValueError(
            "padding='full' is not for pooling; give a number of cells or 'valid', 'same', 'same_lower'"
        )
    else:
        pads = resolve_padding(padding, pooled, kernel, steps)
        usual = tuple(
            (n - 1) * s - sum(pair) + k for n, s, pair, k in zip(pooled, steps, pads, kernel, strict=True)
        )
    if output_size is None:
        for axis, length in enumerate(usual):
            if length < 1:
                raise GeometryError(
                    f"padding leaves no output: {length} px along the {axis_name(axis, rank)}, from "
                    f"{pooled[axis]} values, kernel_size {kernel[axis]}, stride {steps[axis]} and padding "
                    f"{padding!r}"
                )
        return usual
    return _asked_size(shape, output_size, usual, steps)


def _asked_size(
    shape: tuple[int, ...], output_size: Any, usual: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[int, ...]:
    rank = len(usual)
    if (
        not isinstance(output_size, Sequence)
        or isinstance(output_size, str)
        or len(output_size) not in (rank, rank + 2)
    ):
        raise ValueError(
            f"output_size must have one number for each of the {rank} spatial axes, got {output_size!r}"
        )
    size = tuple(whole_number("output_size", length, 1) for length in output_size[-rank:])
    if len(output_size) > rank and tuple(output_size[:2]) != shape[:2]:
        raise GeometryError(
            f"output_size must begin with batch and channels {shape[:2]}, got {output_size!r}"
        )
    for axis, (length, about, s) in enumerate(zip(size, usual, stride, strict=True)):
        if not about - s < length < about + s:
            raise GeometryError(
                f"output_size must be {max(about - s + 1, 1)} to {about + s - 1} px along the "
                f"{axis_name(axis, rank)}, for values that are {s} px apart, got {length}"
            )
    return size
