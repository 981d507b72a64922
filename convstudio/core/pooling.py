"""Pooling by sliding windows: the greatest, least or mean value, or the p-norm, of each.

Arguments mean what they mean in PyTorch's `max_pool2d`, `avg_pool2d` and `lp_pool2d`, on 1 to 3 spatial axes.
Common to all:

x: (N, C, *spatial). float32 and float64 are computed as they are, any other real type as float32. It is not
    written to and may have any memory layout.
kernel_size, stride, dilation: an int, or one per spatial axis, 1 or more; stride None means the kernel size.
padding: cells: an int, one per axis, or a (before, after) pair per axis; or "valid", "same" (the output is
    ⌈n / stride⌉ long, an odd cell after), "same_lower" (an odd cell before). A number for both sides is at
    most half of the window's span, as in PyTorch; pairs may be longer, as in ONNX, as long as each window
    covers a cell of the input.
ceil_mode: a last window may hang over the end if it starts inside the input or its padding before.
control: stops the work from another thread and hears of its progress.
out: an array of the result's shape and dtype, C-contiguous and apart from `x`, to write to and return.

They raise ValueError for an argument outside its range, its subclass GeometryError for shapes that do not fit
one another, Cancelled when `control` asked for it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt

from convstudio.core.arrays import checked_flag, compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import Padding, PerAxis
from convstudio.core.job import Tile
from convstudio.core.pools.divisor import checked_override, window_divisor
from convstudio.core.pools.fold import MAXIMUM, MINIMUM, SUM, Fold
from convstudio.core.pools.power import Power, checked_power
from convstudio.core.pools.sliding import Finish, pool_job, run_sliding
from convstudio.core.pools.windows import Windows, checked_windows
from convstudio.core.pools.winners import checked_pair, plan_winners, run_winners

Array: TypeAlias = npt.NDArray[Any]


def max_pool(
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    control: Control | None = None,
    out: Any = None,
) -> Any:
    """The greatest value of each window; padding never wins and NaN always does.

    Returns the (N, C, *output) array; with `return_indices` a named tuple (values, indices), and `out` is a
    pair of arrays. Indices are int64 and count within a plane of `x`, row by row: of equal values the first
    wins, of several NaN the last, as in PyTorch. Arguments and errors: see the module.
    """
    return _extreme(
        MAXIMUM, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, control, out
    )


def min_pool(
    x: Any,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    control: Control | None = None,
    out: Any = None,
) -> Any:
    """The least value of each window, in all else as `max_pool`."""
    return _extreme(
        MINIMUM, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, control, out
    )


def avg_pool(
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
    """The mean of each window, padding being zeros.

    count_include_pad: whether padding counts in the number of cells. What `ceil_mode` lets hang over the end
        of the padding never does.
    divisor_override: what to divide the sums by instead, not 0.

    Returns the (N, C, *output) array. Arguments and errors: see the module.
    """
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    padding_counts = checked_flag("count_include_pad", count_include_pad)
    override = checked_override(divisor_override)
    divisor = window_divisor(windows, padding=padding_counts, override=override)
    return _slide(SUM, pixels, windows, control, out, divisor.divide)


def lp_pool(
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
    """The p-norm of each window, (Σ x^p)^(1/p), as PyTorch defines it: of x, not of its magnitude.

    So with an odd p negative values count as negative, and the root of a negative sum is NaN unless p is 1;
    so is a power of negative x where p is not whole. ONNX's LpPool takes magnitudes: give abs(x) for those.
    Padding is zeros; a window that `ceil_mode` lets hang over the end counts as if its mean filled it, as in
    PyTorch.

    p: above 0. Returns the (N, C, *output) array. Arguments and errors: see the module.
    """
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    power = checked_power(p)
    divisor = window_divisor(windows, padding=True)

    def finish(tile: Tile, sums: Array) -> None:
        divisor.fill_up(tile, sums)
        power.root(sums)

    return _slide(SUM, pixels, windows, control, out, finish, power)


def _slide(
    fold: Fold,
    x: Array,
    windows: Windows,
    control: Control | None,
    out: Any,
    finish: Finish | None = None,
    power: Power | None = None,
) -> Array:
    dtype = compute_dtype(x.dtype)
    result = checked_out(out, (*x.shape[:2], *windows.out_spatial), dtype, x=x)
    run_sliding(pool_job(x, windows, dtype, fold.identity, power), fold, result, control, finish)
    return result


def _extreme(
    fold: Fold,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    return_indices: Any,
    control: Control | None,
    out: Any,
) -> Any:
    pixels = real_array("x", x)
    windows = checked_windows(pixels.shape, kernel_size, stride, padding, dilation, ceil_mode)
    if not checked_flag("return_indices", return_indices):
        return _slide(fold, pixels, windows, control, out)
    dtype = compute_dtype(pixels.dtype)
    pooled = checked_pair(out, (*pixels.shape[:2], *windows.out_spatial), dtype, pixels)
    job = pool_job(pixels, windows, dtype, fold.identity)
    run_winners(plan_winners(job, fold), job.full, pooled, control, parallel=job.parallel)
    return pooled
