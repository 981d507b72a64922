"""Σ window·windowᵀ over all cells of a convolution of stride 1, from products of pixels a lag apart.

The entry for the taps (u, v) and (u + Δ, v + δ) is, with d and e the dilation along rows and columns,

    Σ_i Σ_j x[i + u·d, j + v·e] · x[i + (u + Δ)·d, j + (v + δ)·e]

a sum over the pixels (i + u·d, j + v·e) that tap (u, v) meets, of their product with the pixel Δ rows and δ
columns on. Pixels that every tap meets, nearly all, count the same for all taps: their sum is made once for
each lag (Δ, δ), 2·k² products a pixel instead of the k⁴ of all pairs of taps. Pixels near the border, which
only some taps meet, are summed row by row and column by column, and added where they belong. With a dilation
every d-th row and e-th column make a picture of their own.

The sums for all δ at once are a product of matrices: a row is cut into blocks of m pixels, each multiplied
with the m + 2·(k − 1) pixels around it, and the sums stand along the diagonals of the result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convstudio.core import Control
from convstudio.core.geometry import Pair
from convstudio.core.gradients.progress import share
from convstudio.learn.windows import TILE_BYTES, Doubles, Planes, Windows, summed

_Tile: TypeAlias = tuple[int, int, int, int]
"""Rows from … to, blocks (or border columns) from … to."""

_SMALL_KERNEL = 8


def lagged_sums(windows: Windows, planes: Planes, control: Control | None = None) -> Doubles:
    """Return Σ window·windowᵀ, ``(n, n)`` float64, for windows of n = planes · rows · columns taps.

    Raises:
        ValueError: a stride other than 1.
        Cancelled: by the control.
    """
    if windows.stride != (1, 1):
        raise ValueError(f"the windows must be one cell apart, got a stride of {windows.stride}")
    (high, wide), count, (down, across) = windows.kernel, len(planes), windows.dilation
    # First tap's row, second's, then plane and column of the first and of the second.
    sums = np.zeros((high, high, count, wide, count, wide))
    parts = [
        (phase, rows, column, columns)
        for phase in range(down)
        for column in range(across)
        if (rows := len(range(phase, windows.rows, down)))
        and (columns := len(range(column, windows.columns, across)))
    ]
    for number, (phase, rows, column, columns) in enumerate(parts):
        picture = _Picture(windows, planes, phase, column, columns)
        done = 0
        for first, last in _alike(rows, high):
            taps = range(max(0, first - rows + 1), min(high - 1, first) + 1)
            begin, end = (number + at / (rows + high - 1) for at in (done, done + last - first))
            part = share(control, begin / len(parts), end / len(parts))
            pairs = picture.row_pairs(first, last, high - taps.start, part)
            done += last - first
            for tap in taps:
                sums[tap, tap:] += pairs[: high - tap]
    for tap in range(high):
        for other in range(tap):
            sums[tap, other] = sums[other, tap].transpose(2, 3, 0, 1)
    unknowns = count * high * wide
    return np.ascontiguousarray(sums.transpose(2, 0, 3, 4, 1, 5)).reshape(unknowns, unknowns)


def products_a_pixel(windows: Windows, planes: int) -> float:
    """Return how many products ``lagged_sums`` makes for each output cell."""
    high, wide = windows.kernel
    return planes * planes * high * (_block(windows, planes) + 2 * wide - 2)


def lag_passes(windows: Windows) -> float:
    """Return about how often ``lagged_sums`` goes over rows that the same taps meet, for each distance."""
    high = windows.kernel[0]
    return math.prod(windows.dilation) * (2 * high - 1) * (high + 1) / 2


def _block(windows: Windows, planes: int) -> int:
    """Pixels of a block: enough for a product of matrices to be quick, few beside the lags."""
    return max(1, (16 if windows.kernel[1] < _SMALL_KERNEL else 32) // planes)


def _alike(rows: int, taps: int) -> Iterator[Pair]:
    """Ranges of rows that the same tap rows meet, for so many rows of output."""
    yield from pairwise(sorted({*range(taps), *range(rows, rows + taps)}))


@dataclass(frozen=True, eq=False)
class _Picture:
    """Every so many rows and columns of a padded picture, from ``phase`` and ``column`` on.

    Attributes:
        columns: output cells in a row of it; it has kernel − 1 more columns itself.
    """

    windows: Windows
    planes: Planes
    phase: int
    column: int
    columns: int

    def row_pairs(self, first: int, last: int, deltas: int, control: Control | None) -> Doubles:
        """Return for Δ < ``deltas`` the sum over the rows r of all products of r's windows with r + Δ's.

        ``(deltas, planes, columns, planes, columns)``: planes and taps of the first window, of the second.
        """
        wide, count = self.windows.kernel[1], len(self.planes)
        sums = np.zeros((deltas, count, wide, count, wide))
        inner = self.columns - wide + 1  # columns that all taps meet
        if inner > 0:
            lags = self._inner(first, last, deltas, inner, share(control, 0.0, 0.8))
            for tap in range(wide):
                sums[:, :, tap] += lags[..., wide - 1 - tap : 2 * wide - 1 - tap]
        total = self.columns + wide - 1
        border = [p for p in range(total) if not wide - 1 <= p < self.columns]
        if border:
            edges = self._border(first, last, deltas, border, share(control, 0.8, 1.0))
            for tap in range(wide):
                met = [k for k, p in enumerate(border) if 0 <= p - tap < self.columns]
                lags = edges[:, met].sum(axis=1)
                sums[:, :, tap] += lags[..., wide - 1 - tap : 2 * wide - 1 - tap]
        return sums

    def _inner(self, first: int, last: int, deltas: int, inner: int, control: Control | None) -> Doubles:
        """Sums of the products of pixels that all taps meet, ``(deltas, planes, planes, lags)``."""
        wide, count, block = self.windows.kernel[1], len(self.planes), _block(self.windows, len(self.planes))
        around = block + 2 * wide - 2
        blocks = -(-inner // block)
        room = max(1, TILE_BYTES // (8 * count * (block + around)))

        def add(tile: _Tile, sums: Doubles) -> None:
            top, bottom, left, right = tile
            rows, number = bottom - top, right - left
            # Pixels from the first lag of the first block on; what is beyond the last one is multiplied by 0.
            length = number * block + 2 * wide - 2
            raw = self._read(top, bottom + deltas - 1, left * block, left * block + length)
            view = sliding_window_view(raw, around, axis=2)[:, :, ::block].transpose(1, 2, 0, 3)
            lagged = np.ascontiguousarray(view).reshape(rows + deltas - 1, number, count * around)
            own = np.array(view[:rows, ..., wide - 1 : wide - 1 + block], order="C")
            if right == blocks and inner % block:
                own[:, -1, :, inner % block :] = 0.0
            pixels = own.reshape(rows * number, count * block).T
            for delta in range(deltas):
                sums[delta] += pixels @ lagged[delta : delta + rows].reshape(rows * number, count * around)

        shape = (deltas, count * block, count * around)
        products = summed(shape, self._tiles(first, last, deltas, blocks, room), add, control)
        by_block = products.reshape(deltas, count, block, count, around)
        lags = np.zeros((deltas, count, count, 2 * wide - 1))
        for at in range(block):
            lags += by_block[:, :, at, :, at : at + 2 * wide - 1]
        return lags

    def _border(
        self, first: int, last: int, deltas: int, border: list[int], control: Control | None
    ) -> Doubles:
        """The same for single columns, ``(deltas, columns, planes, planes, lags)``."""
        wide, count = self.windows.kernel[1], len(self.planes)
        lags = 2 * wide - 1
        room = max(1, TILE_BYTES // (8 * count * lags))

        def add(tile: _Tile, sums: Doubles) -> None:
            top, bottom, left, right = tile
            rows = bottom - top
            some = border[left:right]
            low = min(some) - wide + 1
            raw = self._read(top, bottom + deltas - 1, low, max(some) + wide)
            view = sliding_window_view(raw, lags, axis=2)[:, :, [p - wide + 1 - low for p in some]]
            lagged = np.ascontiguousarray(view.transpose(2, 1, 0, 3)).reshape(len(some), -1, count * lags)
            own = np.ascontiguousarray(view[:, :rows, :, wide - 1].transpose(2, 0, 1))
            for delta in range(deltas):
                sums[delta, left:right] += own @ lagged[:, delta : delta + rows]

        # One side at a time, as what lies between them is not read.
        cut = next((k for k in range(1, len(border)) if border[k] - border[k - 1] > 1), len(border))
        tiles = [
            (top, bottom, start + left, start + right)
            for start, stop in ((0, cut), (cut, len(border)))
            if stop > start
            for top, bottom, left, right in self._tiles(first, last, deltas, stop - start, room)
        ]
        shape = (deltas, len(border), count, count * lags)
        found = summed(shape, tiles, add, control)
        return found.reshape(deltas, len(border), count, count, lags)

    def _tiles(self, first: int, last: int, deltas: int, across: int, room: int) -> list[_Tile]:
        """Pieces of about ``room`` blocks or columns in all rows that they read."""
        high = min(last - first, max(2 * deltas, room // across - deltas, 1))
        wide = min(across, max(1, room // (high + deltas - 1)))
        return [
            (row, min(row + high, last), left, min(left + wide, across))
            for row in range(first, last, high)
            for left in range(0, across, wide)
        ]

    def _read(self, top: int, bottom: int, left: int, right: int) -> Doubles:
        """``(planes, rows, columns)``, both counted from this picture's first; 0 beyond its columns."""
        down, across = self.windows.dilation
        inside = max(left, 0), min(right, self.columns + self.windows.kernel[1] - 1)
        first = self.windows.top + self.phase
        rows = range(first + top * down, first + (bottom - 1) * down + 1, down)
        start, stop = (self.column + at * across for at in (inside[0], inside[1] - 1))
        found = self.windows.read(self.planes, rows, range(start, stop + 1, across))
        if inside == (left, right):
            return found
        return np.pad(found, ((0, 0), (0, 0), (inside[0] - left, right - inside[1])))
