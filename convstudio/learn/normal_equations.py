"""The sums over all windows of a picture that least squares needs, without ever making a matrix of windows.

With w(i, j) the window under output cell (i, j) as a vector and y its target, the normal equations are
A·k = b with A = Σ w·wᵀ and b = Σ w·y over the cells that count (Björck, Numerical Methods for Least Squares
Problems, 1996, section 2.2). For stride 1 ``lagged_sums`` makes A from far fewer products than there are
pairs of taps; strides, and masks that leave few cells, are summed window by window, a piece at a time.

Pictures are float32; products of two are exact in float64, in which all sums are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convstudio.core import Control, conv_backward
from convstudio.core.geometry import Pair
from convstudio.core.gradients.progress import share
from convstudio.core.threads import Scratch, run_tiles
from convstudio.learn.lagged_sums import lag_passes, lagged_sums, products_a_pixel
from convstudio.learn.windows import TILE_BYTES, Doubles, Planes, Windows, checking, summed

Rows: TypeAlias = Callable[[int, int], Doubles]
"""Rows of targets from … to, when they are asked for."""

_BLOCK = 128
"""Rows of A that are one thread's task."""
_LARGE = 512
"""Unknowns from which on A is too large for sums in several places."""
_PICTURE_BYTES = 6 << 20
"""Of rows that are handed to the core, which cuts them further."""

# Nanoseconds of one core (with AVX2, at some 3 GHz), laid through the best of several timings of pictures of
# 500 rows and 700 columns, kernels of 3×3 to 15×15 (windows: to 31×31), and one or three planes: nearly all
# lie within a third; a pass by a picture of 160×200 and one with a dilation of 9 and 20. Ratios count.
_LAG_PRODUCT = 0.3  # a product and sum of ``lagged_sums``, with its share of copying blocks
_LAG_CELL = 20.0  # a cell in one plane, whatever the kernel
_LAG_PASS = 300_000.0  # one of ``lag_passes``, whatever the picture: for small ones, and large dilations
_PRODUCT = 0.06  # an entry of Σ window·windowᵀ for one window: BLAS makes one triangle of it
_GATHERED = 8.0  # copying a pixel into a window


def normal_sums(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None = None, control: Control | None = None
) -> Doubles:
    """Return Σ window·windowᵀ, ``(n, n)`` float64, for windows of n = planes · rows · columns taps.

    ``keep`` says which cells count, bool ``(rows, columns)``; None for all.

    Raises:
        Cancelled: by the control.
    """
    cells, each = windows.rows * windows.columns, window_cost(windows, len(planes))
    kept = cells if keep is None else int(np.count_nonzero(keep))
    lagged = cells * lagged_cost(windows, len(planes))
    if keep is None or kept == cells:
        by_lags = lagged <= cells * each
        return (
            lagged_sums(windows, planes, control) if by_lags else window_sums(windows, planes, None, control)
        )
    if lagged + (cells - kept) * each < kept * each:  # less work to take away what does not count
        everything = lagged_sums(windows, planes, share(control, 0.0, 0.5))
        everything -= window_sums(windows, planes, ~keep, share(control, 0.5, 1.0))
        return everything
    return window_sums(windows, planes, keep, control)


def lagged_cost(windows: Windows, planes: int) -> float:
    """Return about how many nanoseconds an output cell takes ``lagged_sums``, infinity where it cannot."""
    if windows.stride != (1, 1):
        return float("inf")
    passes = _LAG_PASS * lag_passes(windows) / (windows.rows * windows.columns)
    return _LAG_PRODUCT * products_a_pixel(windows, planes) + _LAG_CELL * planes + passes


def window_cost(windows: Windows, planes: int) -> float:
    """Return about how many nanoseconds an output cell takes ``window_sums``."""
    unknowns = planes * windows.kernel[0] * windows.kernel[1]
    return unknowns * (_PRODUCT * unknowns + _GATHERED)


def window_sums(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None = None, control: Control | None = None
) -> Doubles:
    """``normal_sums`` by gathering some windows at a time; any stride and mask."""
    unknowns = len(planes) * windows.kernel[0] * windows.kernel[1]
    tiles = list(_tiles(windows.rows, windows.columns, max(1, TILE_BYTES // (8 * unknowns))))
    if unknowns > _LARGE:
        return _large_sums(windows, planes, keep, tiles, control)

    def add(tile: tuple[Pair, Pair], sums: Doubles) -> None:
        gathered = _gather(windows, planes, keep, *tile)
        if len(gathered):
            sums += gathered.T @ gathered

    return summed((unknowns, unknowns), tiles, add, control)


def _large_sums(
    windows: Windows,
    planes: Planes,
    keep: NDArray[np.bool_] | None,
    tiles: list[tuple[Pair, Pair]],
    control: Control | None,
) -> Doubles:
    """``window_sums`` where A is there once only: threads add to different rows, of one triangle."""
    unknowns = len(planes) * windows.kernel[0] * windows.kernel[1]
    sums = np.zeros((unknowns, unknowns))
    starts = range(0, unknowns, _BLOCK)
    for number, tile in enumerate(tiles):
        gathered = _gather(windows, planes, keep, *tile)

        def add(start: int, _: Scratch, gathered: Doubles = gathered) -> None:
            rows = gathered[:, start : start + _BLOCK]
            sums[start : start + _BLOCK, start:] += rows.T @ gathered[:, start:]

        if len(gathered):
            run_tiles(starts, add, checking(control))
        if control is not None:
            control.report(number + 1, len(tiles))
    for start in starts:
        sums[start + _BLOCK :, start : start + _BLOCK] = sums[start : start + _BLOCK, start + _BLOCK :].T
    return sums


def _tiles(rows: int, columns: int, cells: int) -> Iterator[tuple[Pair, Pair]]:
    """Pieces of at most so many cells: whole rows if they fit."""
    high, wide = max(1, cells // columns), min(columns, cells)
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            yield (top, min(top + high, rows)), (left, min(left + wide, columns))


def _gather(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None, rows: Pair, columns: Pair
) -> Doubles:
    """The windows of some cells, ``(cells that count, unknowns)``."""
    chosen = None if keep is None else keep[rows[0] : rows[1], columns[0] : columns[1]]
    unknowns = len(planes) * windows.kernel[0] * windows.kernel[1]
    if chosen is not None and not chosen.any():
        return np.empty((0, unknowns))
    raw = windows.read(planes, windows.reach(0, *rows), windows.reach(1, *columns))
    (down, across), (d, e), (s, t) = windows.kernel, windows.dilation, windows.stride
    views = sliding_window_view(raw, (d * (down - 1) + 1, e * (across - 1) + 1), axis=(1, 2))
    cells = views[:, ::s, ::t, ::d, ::e].transpose(1, 2, 0, 3, 4)
    if chosen is None or chosen.all():
        return np.ascontiguousarray(cells).reshape(-1, unknowns)
    picked: Doubles = cells[chosen].reshape(-1, unknowns)
    return picked


def right_sums(
    windows: Windows, planes: Planes, count: int, targets: Rows, control: Control | None = None
) -> Doubles:
    """Return Σ window·y for each of ``count`` targets y, ``(count, n)`` float64.

    ``targets(top, bottom)`` gives rows of all of them, ``(count, rows, columns)`` float64, 0 at cells that do
    not count. The sum is the gradient of a convolution's weights for an error y: the core computes it.

    Raises:
        Cancelled: by the control.
    """
    weight = np.zeros((count, len(planes), *windows.kernel))
    sums = np.zeros_like(weight)
    room = max(1, _PICTURE_BYTES // (8 * (count + len(planes) * windows.stride[0] * windows.stride[1])))
    high = max(1, room // windows.columns)
    for top in range(0, windows.rows, high):
        bottom = min(top + high, windows.rows)
        down, across = windows.reach(0, top, bottom), windows.reach(1, 0, windows.columns)
        found = conv_backward(
            targets(top, bottom)[np.newaxis],
            windows.read(planes, down, across)[np.newaxis],
            weight,
            stride=windows.stride,
            dilation=windows.dilation,
            needs=("weight",),
            control=checking(control),
        )
        assert found.grad_weight is not None
        sums += found.grad_weight
        if control is not None:
            control.report(bottom, windows.rows)
    return sums.reshape(count, -1)
