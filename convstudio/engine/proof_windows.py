"""What output cells should hold, of layers that look at windows, by gathering just what these cells read.

For the proof alone: float64, SciPy where it has the operation, else plain index arithmetic. Nothing of the
core takes part, padding included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.engine.proof_cells import Array, Cells, Expected, Floats, Indices, gathered
from convstudio.layers import AvgPool, LpPool, MaxPool, MinPool, Pad, Upsample
from convstudio.layers.base import Mate
from convstudio.layers.pooling import Pooling

Pair = tuple[int, int]
Flags = NDArray[np.bool_]

_NUMPY_MODES: dict[str, Any] = {
    "replicate": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "circular": "wrap",
}


@dataclass(frozen=True, eq=False)
class Taps:
    """What some output cells read along one axis.

    Attributes:
        at: ``(cells, taps)``, places on the input; those outside are padding.
        length: of the input.
    """

    at: Indices
    length: int

    @property
    def inside(self) -> Flags:
        """Which of the places are on the input."""
        return (self.at >= 0) & (self.at < self.length)

    @property
    def clipped(self) -> Indices:
        """The places, those outside moved to the edge."""
        return np.clip(self.at, 0, self.length - 1)


def same_padding(n: int, taps: int, step: int, gap: int, lower: bool) -> Pair:
    """Padding that gives ⌈n / step⌉ cells."""
    needed = max(0, (-(-n // step) - 1) * step + gap * (taps - 1) + 1 - n)
    less, more = needed // 2, needed - needed // 2
    return (more, less) if lower else (less, more)


def shown_cells(n: int, amounts: Pair, mode: str) -> Indices:
    """Return which cell of n each padded one shows, −1 for a constant; NumPy knows the modes."""
    cells = np.arange(n)
    if mode in _NUMPY_MODES:
        return np.pad(cells, amounts, mode=_NUMPY_MODES[mode])
    return np.pad(cells, amounts, constant_values=-1)


# --- pooling ---


def pooling(layer: Pooling, x: Array, cells: Cells) -> Expected:
    """The greatest or least value, the mean or the norm of each window."""
    windows = _PoolWindows(layer, x, cells)
    if isinstance(layer, MaxPool | MinPool):
        return windows.extreme(least=isinstance(layer, MinPool))
    if isinstance(layer, LpPool):
        return windows.norm(layer.p)
    assert isinstance(layer, AvgPool)
    return windows.mean(padding=layer.count_include_pad)


class _PoolWindows:
    """The cells' windows, laid side by side so that SciPy's filters see one at a time."""

    def __init__(self, layer: Pooling, x: Array, cells: Cells) -> None:
        self._kernel = layer.window
        self._pads = _pool_pads(layer, x.shape[1:])
        rows, columns = (
            _pool_taps(layer, axis, places, x.shape[1 + axis], self._pads[axis])
            for axis, places in enumerate((cells.rows, cells.columns))
        )
        self._axes = (rows, columns)
        self._inside = np.logical_and.outer(rows.inside.ravel(), columns.inside.ravel())
        self._values = gathered(x, cells.channels, rows.clipped.ravel(), columns.clipped.ravel())

    def _filtered(self, values: Array, line: Callable[[Array, int, int], Array]) -> Array:
        """Let a filter slide along rows and columns, and take every window's answer."""
        for axis, taps in enumerate(self._kernel, start=1):
            dense = line(values, taps, axis)
            values = dense[:, taps // 2 :: taps] if axis == 1 else dense[:, :, taps // 2 :: taps]
        return values

    def extreme(self, *, least: bool) -> Expected:
        """Padding never wins, and NaN always does."""
        from scipy import ndimage

        worst = np.inf if least else -np.inf
        choose = ndimage.minimum_filter1d if least else ndimage.maximum_filter1d
        hole = np.isnan(self._values) & self._inside
        values = np.where(self._inside & ~hole, self._values, worst)
        best = self._filtered(values, lambda v, taps, axis: choose(v, taps, axis, mode="nearest"))
        if hole.any():
            marks = hole.astype(np.uint8)
            holes = self._filtered(marks, lambda v, taps, axis: ndimage.maximum_filter1d(v, taps, axis))
            best = np.where(holes > 0, np.nan, best)
        return Expected.exactly(best)

    def _sums(self, values: Floats) -> Floats:
        from scipy import ndimage

        return self._filtered(
            np.where(self._inside, values, 0.0),
            lambda v, taps, axis: ndimage.correlate1d(v, np.ones(taps), axis, mode="nearest"),
        )

    def _counts(self, *, padding: bool) -> Floats:
        """Cells of each window: those on the input, or those on the padded input."""
        lines = []
        for taps, (before, after) in zip(self._axes, self._pads, strict=True):
            low, high = (-before, taps.length + after) if padding else (0, taps.length)
            lines.append(((taps.at >= low) & (taps.at < high)).sum(axis=1))
        counts: Floats = np.multiply.outer(lines[0], lines[1]).astype(np.float64)
        return counts

    def mean(self, *, padding: bool) -> Expected:
        """Padding is zeros that count or do not; beyond it nothing counts."""
        sums, counts = self._sums(self._values), self._counts(padding=padding)
        sizes = self._sums(np.abs(self._values))
        return Expected(sums / counts, sizes / counts, math.prod(self._kernel), passing=sizes)

    def norm(self, p: float) -> Expected:
        """The p-norm; windows that hang over the end count as if their mean filled them."""
        taps = math.prod(self._kernel)
        with np.errstate(all="ignore"):
            powers = self._sums(np.abs(self._values) ** p) * (taps / self._counts(padding=True))
            values = powers ** (1.0 / p)
            digits = np.abs(np.log(np.where(powers > 0.0, powers, 1.0)))  # exponents are rounded too
        least = 4.0 * taps * float(np.finfo(np.float32).smallest_subnormal)
        return Expected(
            values,
            values * (1.0 + digits / 4),
            taps,
            passing=np.maximum(powers, 1.0),
            spare=least ** (1.0 / p),
        )


def _pool_pads(layer: Pooling, spatial: tuple[int, ...]) -> tuple[Pair, Pair]:
    if not isinstance(layer.padding, str):
        return layer.padding
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    lower = layer.padding == "same_lower"
    numbers = zip(spatial, layer.window, layer.stride, layer.dilation, strict=True)
    rows, columns = (same_padding(n, k, s, d, lower) for n, k, s, d in numbers)
    return rows, columns


def _pool_taps(layer: Pooling, axis: int, places: Indices, n: int, pads: Pair) -> Taps:
    offsets = np.arange(layer.window[axis]) * layer.dilation[axis]
    return Taps(places[:, None] * layer.stride[axis] - pads[0] + offsets, n)


def unpooling(x: Array, cells: Cells, mate: Mate) -> Expected:
    """Each pooled value where its window's greatest value was found; of several in a place the last."""
    layer, given = mate.layer, mate.x
    assert isinstance(layer, MaxPool)
    assert given is not None
    pads = _pool_pads(layer, given.shape[1:])
    windows = [
        _reaching(layer, axis, places, x.shape[1 + axis], pads[axis][0])
        for axis, places in enumerate((cells.rows, cells.columns))
    ]
    rows, columns = (
        _pool_taps(layer, axis, some, given.shape[1 + axis], pads[axis]) for axis, some in enumerate(windows)
    )
    values = np.zeros(cells.shown.shape)
    if not (len(windows[0]) and len(windows[1])):
        return Expected.exactly(values)
    inside = _laid(rows.inside[:, :, None, None] & columns.inside)
    for place, channel in enumerate(cells.channels):
        held = given[channel][rows.clipped[:, :, None, None], columns.clipped]
        tap = _first_greatest(_laid(held), inside)
        down = np.take_along_axis(rows.at, tap // layer.window[1], axis=1) - cells.rows[0]
        across = columns.at[np.arange(len(columns.at)), tap % layer.window[1]] - cells.columns[0]
        hit = (down >= 0) & (down < len(cells.rows)) & (across >= 0) & (across < len(cells.columns))
        values[place][down[hit], across[hit]] = x[channel][np.ix_(*windows)][hit]  # the last one stays
    return Expected.exactly(values)


def _reaching(layer: MaxPool, axis: int, places: Indices, count: int, before: int) -> Indices:
    """Windows that may reach some neighbouring cells of the pooling's input."""
    reach, step = layer.dilation[axis] * (layer.window[axis] - 1), layer.stride[axis]
    first = -(-(int(places[0]) + before - reach) // step)
    last = (int(places[-1]) + before) // step
    return np.arange(max(0, first), min(count, last + 1), dtype=np.int64)


def _laid(windows: Array) -> Array:
    """Windows ``(rows, down, columns, across)`` as ``(rows, columns, taps)``."""
    ordered = windows.transpose(0, 2, 1, 3)
    laid: Array = ordered.reshape(*ordered.shape[:2], -1)
    return laid


def _first_greatest(values: Array, inside: Flags) -> Indices:
    """The tap that wins each window: the last NaN, else the first of the greatest on the input."""
    hole = np.isnan(values) & inside
    order = np.where(inside & ~hole, values, -np.inf)
    best = (order == order.max(axis=2, keepdims=True)) & inside & ~hole
    last_hole = values.shape[2] - 1 - np.argmax(hole[:, :, ::-1], axis=2)
    won: Indices = np.where(hole.any(axis=2), last_hole, np.argmax(best, axis=2))
    return won


# --- the shape of pictures ---


def padding(layer: Pad, x: Array, cells: Cells) -> Expected:
    """What the rule of the border says."""
    rows, columns = (
        shown_cells(n, amounts, layer.padding_mode)[places]
        for n, amounts, places in zip(
            x.shape[1:], (layer.vertical, layer.horizontal), (cells.rows, cells.columns), strict=True
        )
    )
    values = gathered(x, cells.channels, rows, columns)
    constant = np.logical_or.outer(rows < 0, columns < 0)
    values[:, constant] = x.dtype.type(layer.padding_value if layer.padding_mode == "constant" else 0.0)
    return Expected.exactly(values)


def upsampling(layer: Upsample, x: Array, cells: Cells) -> Expected:
    """The pixel that a cell lies in, or a blend of the four whose centres are around it."""
    if layer.method == "nearest":
        rows, columns = cells.rows // layer.factor[0], cells.columns // layer.factor[1]
        return Expected.exactly(gathered(x, cells.channels, rows, columns))
    blended = [
        _blend(places, f, n)
        for places, f, n in zip((cells.rows, cells.columns), layer.factor, x.shape[1:], strict=True)
    ]
    values = np.zeros(cells.shown.shape)
    sizes = np.zeros_like(values)
    for rows, down in blended[0]:
        for columns, across in blended[1]:
            share = np.multiply.outer(down, across)
            part = gathered(x, cells.channels, rows, columns)
            part = np.where(share > 0.0, part, 0.0) * share  # an infinite neighbour without a share has none
            values += part
            sizes += np.abs(part)
    return Expected(values, sizes, 4)


def _blend(places: Indices, factor: int, n: int) -> list[tuple[Indices, Floats]]:
    """The two pixels that each cell lies between along one axis, with their shares."""
    position = np.clip((places + 0.5) / factor - 0.5, 0.0, n - 1.0)
    low = np.floor(position + 1e-9).astype(np.int64)
    share = np.maximum(position - low, 0.0)
    share[share < 1e-9] = 0.0
    return [(low, 1.0 - share), (np.minimum(low + 1, n - 1), share)]
