"""Gradients of pooling by sliding windows.

Each takes the upstream gradient first, in the shape of the pooled values, then exactly the forward's
arguments, and returns the gradient of `x`: (N, C, *spatial), C-contiguous, in the dtype that `x` is computed
in. `control`, `out` and errors are as in `pooling`.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import checked_flag, compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import Padding, PerAxis
from convstudio.core.job import Tile
from convstudio.core.pools.divisor import checked_override, window_divisor
from convstudio.core.pools.fold import MAXIMUM, MINIMUM, SUM, Fold
from convstudio.core.pools.power import Power, checked_power
from convstudio.core.pools.route import checked_grad, checked_indices, route_back, route_winners
from convstudio.core.pools.sliding import PoolJob, common_lead, part_of, plan, pool_job
from convstudio.core.pools.spread import Gradients, run_spread
from convstudio.core.pools.windows import checked_windows
from convstudio.core.pools.winners import plan_winners
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Bytes of window sums that are kept as a whole; more are computed again where they are needed.
_KEPT_SUMS = 32 << 20


def max_pool_backward(
    grad: Any,
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    indices: Any = None,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `max_pool`: each window's goes to the cell that won; overlapping windows add up.

    indices: the forward's, in the shape of `grad`, to save finding the winners again.
    return_indices: taken as the forward takes it, and of no effect on the gradient.
    """
    arguments = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _extreme_backward(MAXIMUM, grad, x, *arguments, indices, control, out)


def min_pool_backward(
    grad: Any,
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    indices: Any = None,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `min_pool`, as `max_pool_backward`."""
    arguments = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _extreme_backward(MINIMUM, grad, x, *arguments, indices, control, out)


def avg_pool_backward(
    grad: Any,
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
    *,
    dilation: PerAxis = 1,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `avg_pool`: each window's, over its divisor, goes to all of its cells."""
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    padding_counts = checked_flag("count_include_pad", count_include_pad)
    override = checked_override(divisor_override)
    divisor = window_divisor(windows, padding=padding_counts, override=override)
    upstream = checked_grad(grad, (*pixels.shape[:2], *windows.out_spatial))
    result = checked_out(out, pixels.shape, compute_dtype(pixels.dtype), grad=upstream, x=pixels)
    lead = common_lead(upstream)
    source = upstream.reshape(*lead, *windows.cells)

    def gradients(tile: Tile, _: Scratch, target: Array) -> None:
        np.copyto(target, part_of(source, tile), casting="same_kind")
        divisor.divide(tile, target)

    run_spread(windows, gradients, result.reshape(*lead, *windows.spatial), control)
    return result


def lp_pool_backward(
    grad: Any,
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    *,
    p: float = 2.0,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `lp_pool`: (Σ x^p)^(1/p−1) · x^(p−1) for each cell, 0 where the sum is 0."""
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    power = checked_power(p)
    upstream = checked_grad(grad, (*pixels.shape[:2], *windows.out_spatial))
    dtype = compute_dtype(pixels.dtype)
    result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels)
    lead = common_lead(upstream, pixels)
    job = pool_job(pixels, windows, dtype, 0.0, power, lead)
    cells = job.source.array

    def scale(tile: Tile, scratch: Scratch, target: Array) -> None:
        slopes = scratch.take("a", target.shape, dtype)
        np.copyto(slopes, part_of(cells, tile), casting="same_kind")
        power.slope(slopes, slopes)
        np.multiply(target, slopes, out=target)

    gradients = _norm_gradients(job, power, upstream.reshape(job.full), control)
    run_spread(windows, gradients, result.reshape(*lead, *windows.spatial), control, scale)
    return result


def _norm_gradients(job: PoolJob, power: Power, upstream: Array, control: Control | None) -> Gradients:
    """Of sums of powers: the upstream gradient times the derivative of the root."""
    divisor = window_divisor(job.windows, padding=True)
    tiles, sums_of = plan(job, SUM)

    def gradients(tile: Tile, scratch: Scratch, target: Array) -> None:
        sums_of(tile, scratch, target)
        divisor.fill_up(tile, target)
        power.root_slope(target)
        divisor.fill_up(tile, target)
        np.multiply(target, part_of(upstream, tile), out=target, casting="same_kind")

    if math.prod(job.full) * job.dtype.itemsize > _KEPT_SUMS:
        return gradients
    kept = np.empty(job.full, job.dtype)

    def keep(tile: Tile, scratch: Scratch) -> None:
        if control is not None:
            control.check()
        gradients(tile, scratch, part_of(kept, tile))

    run_tiles(tiles if kept.size else [], keep, parallel=job.parallel)
    return lambda tile, _, target: np.copyto(target, part_of(kept, tile))


def _extreme_backward(
    fold: Fold,
    grad: Any,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    return_indices: Any,
    indices: Any,
    control: Control | None,
    out: Array | None,
) -> Array:
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    checked_flag("return_indices", return_indices)
    upstream = checked_grad(grad, (*pixels.shape[:2], *windows.out_spatial))
    dtype = compute_dtype(pixels.dtype)
    if indices is not None:
        places = checked_indices(indices, upstream.shape, pixels.shape[2:])
        result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels, indices=places)
        route_back(upstream, places, result, control)
        return result
    result = checked_out(out, pixels.shape, dtype, grad=upstream, x=pixels)
    lead = common_lead(upstream, pixels)
    job = pool_job(pixels, windows, dtype, fold.identity, lead=lead)
    target = result.reshape(*lead, *windows.spatial)
    route_winners(*plan_winners(job, fold), upstream.reshape(job.full), target, control)
    return result
