"""The sums over all windows of a picture that least squares needs, without ever making a matrix of windows.

With w(i, j) the window under output cell (i, j) as a vector and y its target, the normal equations are
A·k = b with A = Σ w·wᵀ and b = Σ w·y over the cells that count (Björck, Numerical Methods for Least Squares
Problems, 1996, section 2.2). The entry of A for the taps (u, v) and (u + Δ, v′) is

    Σ_i Σ_j x[i + u·d, j + v·e] · x[i + (u + Δ)·d, j + v′·e]

For stride 1 the inner sum depends on u and i by the row r = i + u·d alone: it is computed once for each pair
of rows (r, r + Δ·d), as one product of matrices for many rows, and added for every u that meets the row. That
is k³ products a pixel instead of k⁴ (rows at a distance of d make a picture of their own, so that dilation
changes nothing). Strides, and masks that leave few cells, are summed window by window instead.

Pictures are float32; products of two are exact in float64, in which all sums are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convstudio.core import Control, conv_backward
from convstudio.core.geometry import Pair
from convstudio.core.gradients.progress import share
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles
from convstudio.layers.base import FloatArray

Doubles: TypeAlias = NDArray[np.float64]
Planes: TypeAlias = Sequence[Sequence[int]]
"""What a window reads: planes, each the sum of some channels of the picture."""

Rows: TypeAlias = Callable[[int, int], Doubles]
"""Rows of targets from … to, when they are asked for."""

_DOUBLE = np.dtype(np.float64)
_TILE_BYTES = 6 << 20
"""Of shifted rows or windows in one piece: small beside the promised 64 MiB, and some 10 ms of work."""
_BLOCK = 128
"""Rows of A that are one thread's task."""

# Nanoseconds on one core, measured with benchmarks/least_squares.py; their ratios are what counts.
_PRODUCT = 0.06  # a product and sum inside a large matrix product
_THIN = 1.6  # a row of a thin product: what BLAS needs to load it
_SHIFTED = 0.7  # copying a number into a shifted row
_GATHERED = 1.5  # copying a number into a window


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a convolution on a picture, those of the first ``rows`` rows of output cells.

    Attributes:
        x: ``(C, H, W)``, float32 or float64.
        kernel, stride, dilation: per axis, rows first.
        amounts: cells of padding before and after, per axis.
        mode, value: what the padding shows, as ``core.pad`` takes it.
        rows, columns: output cells.
    """

    x: FloatArray
    kernel: Pair
    stride: Pair
    dilation: Pair
    amounts: tuple[Pair, Pair]
    mode: str
    value: float
    rows: int
    columns: int

    def read(self, planes: Planes, rows: range, columns: Pair) -> Doubles:
        """Return ``(planes, rows, columns)`` of the padded picture; ``rows`` may have a step."""
        source = PaddedSource(self.x[np.newaxis], ((0, 0), *self.amounts), self.mode, self.value, _DOUBLE)
        first, last = columns
        out = np.empty((len(planes), len(rows), last - first))
        runs = [(0, rows)] if rows.step == 1 else [(k, range(r, r + 1)) for k, r in enumerate(rows)]
        for plane, channels in zip(out, planes, strict=True):
            for at, run in runs:
                target = plane[np.newaxis, np.newaxis, np.newaxis, at : at + len(run)]
                low, high = (0, run.start, first), (1, run.stop, last)
                source.fill(target, (0, 1), (channels[0], channels[0] + 1), low, high)
                for channel in channels[1:]:
                    more = np.empty_like(target)
                    source.fill(more, (0, 1), (channel, channel + 1), low, high)
                    target += more
        return out

    def reach(self, axis: int, low: int, high: int) -> Pair:
        """Return the padded cells that the output cells ``low`` to ``high`` read along an axis."""
        step, taps = self.stride[axis], self.dilation[axis] * (self.kernel[axis] - 1)
        return low * step, (high - 1) * step + taps + 1


def normal_sums(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None = None, control: Control | None = None
) -> Doubles:
    """Return Σ window·windowᵀ, ``(n, n)`` float64, for windows of n = planes · rows · columns taps.

    ``keep`` says which cells count, bool ``(rows, columns)``; None for all.

    Raises:
        Cancelled: by the control.
    """
    cells = windows.rows * windows.columns
    kept = cells if keep is None else int(np.count_nonzero(keep))
    by_rows = sums_by_rows_cost(windows, len(planes))
    if by_rows < kept * _window_cost(windows, len(planes)):
        if keep is None or kept == cells:
            return sums_by_rows(windows, planes, control)
        if by_rows + (cells - kept) * _window_cost(windows, len(planes)) < kept * _window_cost(
            windows, len(planes)
        ):  # less work to take away what does not count
            everything = sums_by_rows(windows, planes, share(control, 0.0, 0.5))
            everything -= sums_by_windows(windows, planes, ~keep, share(control, 0.5, 1.0))
            return everything
    return sums_by_windows(windows, planes, keep, control)


def sums_by_rows_cost(windows: Windows, planes: int) -> float:
    """Return about how many nanoseconds ``sums_by_rows`` takes, infinity where it cannot."""
    if windows.stride != (1, 1):
        return float("inf")
    high, wide = windows.kernel[0], windows.kernel[1] * planes
    each = high * wide * (_PRODUCT * wide + _THIN) + _SHIFTED * wide * 2
    return each * windows.rows * windows.columns


def _window_cost(windows: Windows, planes: int) -> float:
    unknowns = planes * windows.kernel[0] * windows.kernel[1]
    return unknowns * (_PRODUCT * unknowns / (2 if unknowns > 2 * _BLOCK else 1) + _GATHERED)


def sums_by_rows(windows: Windows, planes: Planes, control: Control | None = None) -> Doubles:
    """``normal_sums`` for stride 1 and all cells, by products of pairs of rows."""
    (high, wide), count, step = windows.kernel, len(planes), windows.dilation[0]
    unknowns = high * count * wide
    blocks = np.zeros((high, high, count * wide, count * wide))  # first tap row, second ≥ it, taps in them
    pictures = [len(range(phase, windows.rows, step)) for phase in range(step)]
    total, done = sum(rows + high - 1 for rows in pictures if rows), 0
    for phase, rows in enumerate(pictures):
        for first, last in _alike(rows, high):
            taps = range(max(0, first - rows + 1), min(high - 1, first) + 1)
            part = share(control, done / total, (done + last - first) / total)
            pairs = _row_pairs(windows, planes, phase, (first, last), high - taps.start, part)
            done += last - first
            for tap in taps:
                for delta in range(high - tap):
                    blocks[tap, tap + delta] += pairs[delta]
    for tap in range(high):
        for other in range(tap):
            blocks[tap, other] = blocks[other, tap].T
    ordered = blocks.reshape(high, high, count, wide, count, wide).transpose(2, 0, 3, 4, 1, 5)
    return np.ascontiguousarray(ordered).reshape(unknowns, unknowns)


def _alike(rows: int, taps: int) -> Iterator[Pair]:
    """Ranges of input rows that the same tap rows meet, for so many rows of output."""
    if not rows:
        return
    edges = sorted({*range(taps), *range(rows, rows + taps)})
    yield from pairwise(edges)


def _row_pairs(
    windows: Windows, planes: Planes, phase: int, rows: Pair, deltas: int, control: Control | None
) -> Doubles:
    """Σ over the rows r of (shifted copies of row r) · (those of row r + Δ)ᵀ for each Δ < ``deltas``.

    Rows are counted in the picture of every ``dilation``-th row, from ``phase`` on.
    """
    wide, gap, step = windows.kernel[1], windows.dilation[1], windows.dilation[0]
    shifts = len(planes) * wide
    sums = np.zeros((deltas, shifts, shifts))
    room = max(1, _TILE_BYTES // (8 * shifts))  # shifted pixels
    high = min(rows[1] - rows[0], max(2 * deltas, room // windows.columns - deltas, 1))
    across = min(windows.columns, max(16, room // (high + deltas - 1)))
    tiles = [
        (row, min(row + high, rows[1]), column, min(column + across, windows.columns))
        for row in range(rows[0], rows[1], high)
        for column in range(0, windows.columns, across)
    ]
    buffer = np.empty(shifts * (high + deltas - 1) * across)
    for number, (first, last, left, right) in enumerate(tiles):
        count, tall, cells = last - first, last - first + deltas - 1, right - left
        needed = range(phase + first * step, phase + (last + deltas - 2) * step + 1, step)
        raw = windows.read(planes, needed, (left, right + gap * (wide - 1)))
        shifted = buffer[: shifts * tall * cells].reshape(shifts, tall, cells)

        def shift(at: int, _: Scratch, raw: Doubles = raw, to: Doubles = shifted, n: int = cells) -> None:
            start = at % wide * gap
            to[at] = raw[at // wide, :, start : start + n]

        def multiply(delta: int, _: Scratch, of: Doubles = shifted, n: int = count) -> None:
            upper, lower = of[:, :n].reshape(shifts, -1), of[:, delta : delta + n].reshape(shifts, -1)
            sums[delta] += upper @ lower.T

        run_tiles(range(shifts), shift, _checking(control), parallel=shifted.size > 1 << 16)
        run_tiles(range(deltas), multiply, _checking(control), parallel=shifted.size > 1 << 14)
        if control is not None:
            control.report(number + 1, len(tiles))
    return sums


def sums_by_windows(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None = None, control: Control | None = None
) -> Doubles:
    """``normal_sums`` by gathering some windows at a time; any stride and mask."""
    taps = windows.kernel[0] * windows.kernel[1]
    unknowns = len(planes) * taps
    sums = np.zeros((unknowns, unknowns))
    starts = range(0, unknowns, _BLOCK)
    # A task takes an equal share of the triangle: a block of rows from the top and one from the bottom.
    tasks = [{k, len(starts) - 1 - k} for k in range((len(starts) + 1) // 2)]
    tiles = list(_tiles(windows.rows, windows.columns, max(1, _TILE_BYTES // (8 * unknowns))))
    for number, (top, bottom, left, right) in enumerate(tiles):
        gathered = _gather(windows, planes, keep, (top, bottom), (left, right))

        def add(task: set[int], _: Scratch, gathered: Doubles = gathered) -> None:
            for start in sorted(starts[k] for k in task):
                rows = gathered[:, start : start + _BLOCK]
                sums[start : start + _BLOCK, start:] += rows.T @ gathered[:, start:]

        if len(gathered):
            run_tiles(tasks, add, _checking(control))
        if control is not None:
            control.report(number + 1, len(tiles))
    for start in starts:
        sums[start + _BLOCK :, start : start + _BLOCK] = sums[start : start + _BLOCK, start + _BLOCK :].T
    return sums


def _tiles(rows: int, columns: int, cells: int) -> Iterator[tuple[int, int, int, int]]:
    """Pieces of at most so many cells: whole rows if they fit."""
    high, wide = max(1, cells // columns), min(columns, cells)
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            yield top, min(top + high, rows), left, min(left + wide, columns)


def _gather(
    windows: Windows, planes: Planes, keep: NDArray[np.bool_] | None, rows: Pair, columns: Pair
) -> Doubles:
    """The windows of some cells, ``(cells that count, unknowns)``."""
    chosen = None if keep is None else keep[rows[0] : rows[1], columns[0] : columns[1]]
    unknowns = len(planes) * windows.kernel[0] * windows.kernel[1]
    if chosen is not None and not chosen.any():
        return np.empty((0, unknowns))
    raw = windows.read(planes, range(*windows.reach(0, *rows)), windows.reach(1, *columns))
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
    room = max(1, _TILE_BYTES // (8 * (count + len(planes) * windows.stride[0] * windows.stride[1])))
    high = max(1, room // windows.columns)
    for top in range(0, windows.rows, high):
        bottom = min(top + high, windows.rows)
        down, across = windows.reach(0, top, bottom), windows.reach(1, 0, windows.columns)
        found = conv_backward(
            targets(top, bottom)[np.newaxis],
            windows.read(planes, range(*down), across)[np.newaxis],
            weight,
            stride=windows.stride,
            dilation=windows.dilation,
            needs=("weight",),
            control=_checking(control),
        )
        sums += found.grad_weight
        if control is not None:
            control.report(bottom, windows.rows)
    return sums.reshape(count, -1)


class _Checking(Control):
    """Hears of a cancel as the whole does and keeps progress of single pieces to itself."""

    __slots__ = ("_whole",)

    def __init__(self, whole: Control) -> None:
        super().__init__()
        self._whole = whole

    @property
    def cancelled(self) -> bool:
        return self._whole.cancelled

    def check(self) -> None:
        self._whole.check()


def _checking(control: Control | None) -> Control | None:
    return None if control is None else _Checking(control)
