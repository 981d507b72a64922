"""Pooling to a given output size, and its gradients.

Window i of o along an axis of n cells runs from ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉, so that windows cover all cells, of
nearly the same length, and overlap where o does not divide n (PyTorch's rule). Size 1 is global pooling.

x: (N, C, *spatial), 1 to 3 spatial axes, as in `pooling`.
output_size: an int, or one int or None per spatial axis; None keeps the axis as it is.
control, out: as in `pooling`. ValueError for an argument outside its range, GeometryError for shapes that do
not fit one another, Cancelled when `control` asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import checked_flag, compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import per_axis, whole_number
from convstudio.core.job import Tile
from convstudio.core.padding import PaddedSource
from convstudio.core.pooling import avg_pool, max_pool
from convstudio.core.pooling_backward import avg_pool_backward, max_pool_backward
from convstudio.core.pools.divisor import Divisor
from convstudio.core.pools.fold import MAXIMUM, SUM
from convstudio.core.pools.route import checked_grad, checked_indices, route_back, route_winners
from convstudio.core.pools.segments import plan_segment_winners, run_segments, segments
from convstudio.core.pools.sliding import WORTH_THREADS, common_lead
from convstudio.core.pools.windows import checked_shape
from convstudio.core.pools.winners import checked_pair, run_winners
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]
_PLANES_CELLS = 1 << 18  # cells to take at a time

OutputSize: TypeAlias = int | Sequence[int | None] | None


def adaptive_avg_pool(
    x: Any, output_size: OutputSize, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """The mean of each of `output_size` windows: (N, C, *output_size).

    Arguments and errors: see the module.
    """
    pixels, sizes = _checked(x, output_size)
    dtype = compute_dtype(pixels.dtype)
    if sizes == (1,) * len(sizes) and pixels.dtype == dtype and pixels.flags.c_contiguous and pixels.size:
        return _plane_means(pixels, checked_out(out, (*pixels.shape[:2], *sizes), dtype, x=pixels), control)
    kernel = _even(pixels.shape[2:], sizes)
    if kernel is not None:
        return avg_pool(pixels, kernel, control=control, out=out)
    result = checked_out(out, (*pixels.shape[:2], *sizes), dtype, x=pixels)
    if _nothing(result, control):
        return result
    windows = _windows(pixels.shape[2:], sizes)
    source = _source(pixels, pixels.shape[2:], dtype, common_lead(pixels))
    run_segments(source, windows, SUM, _five(result, source, sizes), control, _divisor(windows).divide)
    return result


def adaptive_max_pool(
    x: Any,
    output_size: OutputSize,
    return_indices: bool = False,
    *,
    control: Control | None = None,
    out: Any = None,
) -> Any:
    """The greatest value of each of `output_size` windows: (N, C, *output_size).

    With `return_indices` a named tuple (values, indices), as `max_pool` returns it. Arguments and errors: see
    the module.
    """
    pixels, sizes = _checked(x, output_size)
    with_indices = checked_flag("return_indices", return_indices)
    kernel = _even(pixels.shape[2:], sizes)
    if kernel is not None:
        return max_pool(pixels, kernel, return_indices=with_indices, control=control, out=out)
    dtype = compute_dtype(pixels.dtype)
    shape = (*pixels.shape[:2], *sizes)
    if not with_indices:
        result = checked_out(out, shape, dtype, x=pixels)
        if not _nothing(result, control):
            windows = _windows(pixels.shape[2:], sizes)
            source = _source(pixels, pixels.shape[2:], dtype, common_lead(pixels))
            run_segments(source, windows, MAXIMUM, _five(result, source, sizes), control, _as_it_is)
        return result
    pooled = checked_pair(out, shape, dtype, pixels)
    windows = _windows(pixels.shape[2:], sizes)
    source = _source(pixels, pixels.shape[2:], dtype, common_lead(pixels))
    full = (*source.array.shape[:2], *map(len, windows))
    plan = plan_segment_winners(source, windows, MAXIMUM, full)
    run_winners(plan, full, pooled, control, parallel=pixels.size >= WORTH_THREADS)
    return pooled


def adaptive_avg_pool_backward(
    grad: Any, x: Any, output_size: OutputSize, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """The gradient of `adaptive_avg_pool`, in the shape of `x`; grad: (N, C, *output_size)."""
    pixels, sizes = _checked(x, output_size)
    kernel = _even(pixels.shape[2:], sizes)
    if kernel is not None:
        return avg_pool_backward(grad, pixels, kernel, control=control, out=out)
    upstream = checked_grad(grad, (*pixels.shape[:2], *sizes))
    dtype = compute_dtype(pixels.dtype)
    result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels)
    if not upstream.size:
        result.fill(0)
    if _nothing(upstream, control):
        return result
    divisor = _divisor(_windows(pixels.shape[2:], sizes))
    # The windows that cover cell j are ⌊j·o/n⌋ to ⌈(j+1)·o/n⌉: adaptive windows once more, the other way.
    windows = _windows(sizes, pixels.shape[2:])
    source = _source(upstream, sizes, dtype, common_lead(upstream))
    target = _five(result, source, pixels.shape[2:])
    run_segments(source, windows, SUM, target, control, _as_it_is, divisor.divide)
    return result


def adaptive_max_pool_backward(
    grad: Any,
    x: Any,
    output_size: OutputSize,
    return_indices: bool = False,
    *,
    indices: Any = None,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `adaptive_max_pool`: each window's goes to its winner; those for one cell add up.

    indices: the forward's, in the shape of `grad`, to save finding the winners again.
    """
    pixels, sizes = _checked(x, output_size)
    with_indices = checked_flag("return_indices", return_indices)
    kernel = _even(pixels.shape[2:], sizes)
    if kernel is not None:
        return max_pool_backward(
            grad, pixels, kernel, return_indices=with_indices, indices=indices, control=control, out=out
        )
    upstream = checked_grad(grad, (*pixels.shape[:2], *sizes))
    dtype = compute_dtype(pixels.dtype)
    if indices is not None:
        places = checked_indices(indices, upstream.shape, pixels.shape[2:])
        result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels, indices=places)
        route_back(upstream, places, result, control)
        return result
    result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels)
    windows = _windows(pixels.shape[2:], sizes)
    source = _source(pixels, pixels.shape[2:], dtype, common_lead(upstream, pixels))
    full = (*source.array.shape[:2], *map(len, windows))
    plan = plan_segment_winners(source, windows, MAXIMUM, full)
    route_winners(*plan, upstream.reshape(full), _five(result, source, pixels.shape[2:]), control)
    return result


def _checked(x: Any, output_size: Any) -> tuple[Array, tuple[int, ...]]:
    pixels = real_array("x", x)
    checked_shape(pixels.shape)
    spatial = pixels.shape[2:]
    if output_size is None:
        return pixels, spatial
    if isinstance(output_size, tuple | list) and len(output_size) == len(spatial):
        sizes = [
            n if size is None else whole_number("output_size", size, 0)
            for size, n in zip(output_size, spatial, strict=True)
        ]
        return pixels, tuple(sizes)
    return pixels, per_axis("output_size", output_size, len(spatial), 0)


def _plane_means(pixels: Array, result: Array, control: Control | None) -> Array:
    """The mean of each plane, which is one run of numbers: NumPy sums it by halves, and so precisely."""
    planes, means = pixels.reshape(len(result.reshape(-1)), -1), result.reshape(-1)
    step = max(1, _PLANES_CELLS // planes.shape[1])
    parts = [slice(first, first + step) for first in range(0, len(planes), step)]

    def work(part: slice, _: Scratch) -> None:
        np.add.reduce(planes[part], axis=1, out=means[part])
        np.divide(means[part], planes.shape[1], out=means[part])

    run_tiles(parts, work, control, parallel=pixels.size >= WORTH_THREADS)
    return result


def _even(spatial: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The kernel size that does the same as its own stride, if there is one."""
    if any(size == 0 or n % size for n, size in zip(spatial, sizes, strict=True)):
        return None
    return tuple(n // size for n, size in zip(spatial, sizes, strict=True))


def _windows(spatial: tuple[int, ...], sizes: tuple[int, ...]) -> list[list[range]]:
    """The windows along depth, height and width."""
    lead = [[range(1)]] * (3 - len(spatial))
    return lead + [segments(n, size) for n, size in zip(spatial, sizes, strict=True)]


def _divisor(windows: list[list[range]]) -> Divisor:
    return Divisor([np.array([len(window) for window in axis]) for axis in windows], 1)


def _source(x: Array, spatial: tuple[int, ...], dtype: np.dtype[Any], lead: tuple[int, int]) -> PaddedSource:
    cells = x.reshape(*lead, *(1,) * (3 - len(spatial)), *spatial)
    return PaddedSource(cells, ((0, 0),) * 3, "zeros", 0.0, dtype)


def _five(result: Array, source: PaddedSource, sizes: tuple[int, ...]) -> Array:
    """The result with five axes, examples and channels as in the source."""
    return result.reshape(*source.array.shape[:2], *(1,) * (3 - len(sizes)), *sizes)


def _nothing(result: Array, control: Control | None) -> bool:
    if result.size == 0 and control is not None:
        control.report(0, 0)
    return result.size == 0


def _as_it_is(tile: Tile, values: Array) -> None:
    """No finish."""
