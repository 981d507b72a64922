"""All channels of a layer's output at once: numbers and histograms of each.

Every product is one pass over the values, in pieces that stay in a cache, shared out over the cores. No
piece is copied as a whole, so that 256 channels of a large photo take no more memory than one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.threads import Scratch, run_tiles
from convstudio.engine.display import usual_limit

Values = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Piece = tuple[int, slice]
"""A channel and some of its rows."""

ORDERS = ("index", "energy", "mean", "zeros")
"""What channels can be sorted by."""

CHUNK = 1 << 18
"""Values of a piece: a megabyte of float32."""
_SHIFT_STEP = 64
_PLAIN = (1e-15, 1e15)  # magnitudes whose squares float32 can add up
_MOST_BINS = 256
_NARROWEST = 1e-300


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Numbers of each channel, arrays of length C; NaN and infinity count in ``nonfinite`` alone.

    Attributes:
        low, high, mean, deviation, energy: float64, of the finite values: the least, the greatest, the mean,
            the standard deviation (of the population) and the mean square; NaN where there is none.
        zeros: float64, the share of all cells that are exactly 0, from 0 to 1.
        nonfinite: int64, cells that hold NaN or infinity.
        usual: float64, what ``display.usual_limit`` finds for the channel: the magnitude that all but the
            largest 0.5 % stay within.
        usual_of_all: the same for all channels together.
        cells: how many cells a channel has.
    """

    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats
    energy: Floats
    zeros: Floats
    nonfinite: Counts
    usual: Floats
    usual_of_all: float
    cells: int

    def __len__(self) -> int:
        return len(self.low)


@dataclass(frozen=True, eq=False)
class Histograms:
    """How often values fall into bins of equal width, channel by channel.

    Attributes:
        counts: int64 ``(C, bins)``.
        ranges: float64 ``(C, 2)``, where the first bin begins and the last one ends; both ends belong to it.
        below, above, nonfinite: int64 ``(C,)``, values outside of the range, and NaN and infinity.
    """

    counts: Counts
    ranges: Floats
    below: Counts
    above: Counts
    nonfinite: Counts


# --- numbers ---


@dataclass(frozen=True)
class _Moments:
    """Of one piece: finite values, their extent, mean and sum of squares about it; zeros."""

    count: int
    low: float
    high: float
    mean: float
    squares: float
    zeros: int


def channel_statistics(values: Values, control: Control | None = None) -> ChannelStatistics:
    """Return the numbers of each channel of float ``(C, H, W)``.

    Raises:
        ValueError: not a float array of that shape, or an empty one.
        Cancelled: ``control`` was cancelled.
    """
    check_values(values)
    channels, cells = values.shape[0], values[0].size
    found: list[list[_Moments]] = [[] for _ in range(channels)]
    usual = np.zeros(channels)

    def work(piece: Piece, scratch: Scratch) -> None:
        channel, rows = piece
        found[channel].append(_moments(_flat(values[channel, rows]), scratch))
        if rows.start == 0:
            usual[channel] = usual_limit(values[channel : channel + 1])

    run_tiles(_pieces(values), work, control, parallel=worth_threads(values))
    parts = [_merged(each) for each in found]
    with np.errstate(over="ignore"):
        mean = np.array([part.mean for part in parts])
        spread = np.array([part.squares / part.count if part.count else math.nan for part in parts])
        energy = spread + mean * mean
    return ChannelStatistics(
        low=np.array([part.low for part in parts]),
        high=np.array([part.high for part in parts]),
        mean=mean,
        deviation=np.sqrt(spread),
        energy=energy,
        zeros=np.array([part.zeros / cells for part in parts]),
        nonfinite=np.array([cells - part.count for part in parts], np.int64),
        usual=usual,
        usual_of_all=usual_limit(values),
        cells=cells,
    )


def _moments(flat: Values, scratch: Scratch) -> _Moments:
    low, high = float(flat.min()), float(flat.max())
    zeros = 0
    if not low > 0.0 and not high < 0.0:
        zeros = int(np.count_nonzero(flat == 0))
    if not (math.isfinite(low) and math.isfinite(high)):
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return _Moments(0, math.inf, -math.inf, 0.0, 0.0, zeros)
        low, high = float(flat.min()), float(flat.max())
    peak = max(-low, high)
    if flat.dtype != np.float64 and peak and not _PLAIN[0] < peak < _PLAIN[1]:
        flat = flat.astype(np.float64)
    # About a value near the mean little cancels. That of each 64th cell is: those cells count among the
    # others, so that their distance from the mean cannot exceed eight standard deviations.
    shift = flat[::_SHIFT_STEP].mean()
    apart = scratch.take("apart", flat.shape, flat.dtype)
    np.subtract(flat, shift, out=apart)
    offset = float(apart.sum()) / flat.size
    squares = float(np.dot(apart, apart)) - offset * offset * flat.size
    return _Moments(flat.size, low, high, float(shift) + offset, max(0.0, squares), zeros)


def _merged(parts: list[_Moments]) -> _Moments:
    """Join pieces (Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983)."""
    filled = [part for part in parts if part.count]
    zeros = sum(part.zeros for part in parts)
    count = sum(part.count for part in filled)
    if not count:
        return _Moments(0, math.nan, math.nan, math.nan, math.nan, zeros)
    mean = math.fsum(part.mean * (part.count / count) for part in filled)
    squares = math.fsum(
        part.squares + part.count * (part.mean - mean) * (part.mean - mean) for part in filled
    )
    low, high = min(part.low for part in filled), max(part.high for part in filled)
    return _Moments(count, low, high, mean, squares, zeros)


def joined(parts: Sequence[ChannelStatistics]) -> ChannelStatistics:
    """Return the numbers of several groups of channels in a row, of the same number of cells each.

    ``usual_of_all`` is the largest one of the groups': their values are not there any more to ask.
    """
    arrays = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(ChannelStatistics)
        if field.name not in ("usual_of_all", "cells")
    }
    usual = max(part.usual_of_all for part in parts)
    return ChannelStatistics(**arrays, usual_of_all=usual, cells=parts[0].cells)


def order(stats: ChannelStatistics, by: str) -> tuple[int, ...]:
    """Return the channels sorted by one of ``ORDERS``: the index rising, all else falling.

    Equal ones stay in their order, those without a finite value come last.

    Raises:
        ValueError: an unknown order.
    """
    if by not in ORDERS:
        raise ValueError(f"channels are sorted by one of {', '.join(ORDERS)}, got {by!r}")
    if by == "index":
        return tuple(range(len(stats)))
    keys = {"energy": stats.energy, "mean": stats.mean, "zeros": stats.zeros}[by]
    falling = np.where(np.isnan(keys), np.inf, -keys)
    return tuple(np.argsort(falling, kind="stable").tolist())


def clipped_counts(
    values: Values,
    ranges: Floats,
    control: Control | None = None,
    *,
    stats: ChannelStatistics | None = None,
) -> Counts:
    """Return int64 ``(C, 2)``: how many finite values lie below and above each channel's range.

    Args:
        values: float ``(C, H, W)``.
        ranges: float64 ``(C, 2)``, the ends of each channel's scale, which lie inside.
        stats: of these values, if known: channels that keep within their range are not read again.
    """
    check_values(values)
    counts = np.zeros((values.shape[0], 2), np.int64)
    parts: list[tuple[int, int, int]] = []
    outside = np.ones(values.shape[0], bool)
    if stats is not None:
        outside = (stats.low < ranges[:, 0]) | (stats.high > ranges[:, 1])

    def work(piece: Piece, _scratch: Scratch) -> None:
        channel, rows = piece
        part = values[channel, rows]
        low, high = ranges[channel].tolist()  # Python's numbers: NumPy's would make wide copies
        below, above = part < low, part > high
        if stats is None or stats.nonfinite[channel]:
            finite = np.isfinite(part)
            below, above = below & finite, above & finite
        parts.append((channel, int(np.count_nonzero(below)), int(np.count_nonzero(above))))

    run_tiles([piece for piece in _pieces(values) if outside[piece[0]]], work, control)
    for channel, below, above in parts:
        counts[channel] += (below, above)
    return counts


# --- histograms ---


def histograms(
    values: Values,
    ranges: Floats,
    control: Control | None = None,
    *,
    bins: int = 64,
) -> Histograms:
    """Count the values of each channel of float ``(C, H, W)`` in bins of equal width.

    Args:
        ranges: float64 ``(C, 2)`` or one ``(2,)`` for all; of ``value_ranges``, or a view's scale. Where both
            ends are equal the values at that place are in the middle bin.
        bins: 1 to 256.

    Raises:
        ValueError: not a float array of that shape, or ranges or bins that make no sense.
        Cancelled: ``control`` was cancelled.
    """
    check_values(values)
    if not 1 <= bins <= _MOST_BINS:
        raise ValueError(f"bins must be from 1 to {_MOST_BINS}, got {bins}")
    ends = np.array(np.broadcast_to(ranges, (values.shape[0], 2)), np.float64)
    if not (np.isfinite(ends).all() and (ends[:, 0] <= ends[:, 1]).all()):
        raise ValueError("each range must have a finite low end and a high one that is not below it")
    parts: list[tuple[int, Counts]] = []

    def work(piece: Piece, scratch: Scratch) -> None:
        channel, rows = piece
        low, high = ends[channel].tolist()
        parts.append((channel, _binned(_flat(values[channel, rows]), low, high, bins, scratch)))

    run_tiles(_pieces(values), work, control, parallel=worth_threads(values))
    totals = np.zeros((values.shape[0], bins + 3), np.int64)
    for channel, counts in parts:
        totals[channel] += counts
    return Histograms(totals[:, :bins], ends, totals[:, bins], totals[:, bins + 1], totals[:, bins + 2])


def _binned(flat: Values, low: float, high: float, bins: int, scratch: Scratch) -> Counts:
    """Return the counts of ``bins`` bins, of what lies below and above, and of NaN and infinity."""
    below = above = nonfinite = 0
    least, most = float(flat.min()), float(flat.max())
    if not (low <= least and most <= high):
        finite = np.isfinite(flat)
        nonfinite = flat.size - int(np.count_nonzero(finite))
        below = int(np.count_nonzero((flat < low) & finite))
        above = int(np.count_nonzero((flat > high) & finite))
        flat = flat[(flat >= low) & (flat <= high)]
    counts = np.zeros(bins + 3, np.int64)
    counts[bins:] = below, above, nonfinite
    if high - low < _NARROWEST:
        counts[bins // 2] = flat.size
    elif flat.size:
        counts[:bins] = _evenly_binned(flat, low, high, bins, scratch)
    return counts


def _evenly_binned(flat: Values, low: float, high: float, bins: int, scratch: Scratch) -> Counts:
    """Count values that are all from ``low`` to ``high``, two at a time, which halves the slowest part."""
    pairs = -(-flat.size // 2)
    codes = scratch.take("codes", (2 * pairs,), np.dtype(np.uint8))
    codes[flat.size :] = 0
    if flat.dtype == np.float32 and 1e-30 < high - low < 1e30:
        places = scratch.take("places", flat.shape, flat.dtype)
        np.subtract(flat, flat.dtype.type(low), out=places)
        np.multiply(places, bins / (high - low), out=places)
    else:  # by halves: the span may be more than float64 holds
        places = scratch.take("places", flat.shape, np.dtype(np.float64))
        np.multiply(flat, 0.5, out=places)
        np.subtract(places, 0.5 * low, out=places)
        np.multiply(places, bins / (0.5 * high - 0.5 * low), out=places)
    np.clip(places, 0.0, bins - 0.5, out=places)
    np.copyto(codes[: flat.size], places, casting="unsafe")
    both = np.bincount(codes.view(np.uint16), minlength=bins << 8).reshape(bins, 256)
    counts: Counts = both.sum(axis=0)[:bins] + both.sum(axis=1)
    counts[0] -= 2 * pairs - flat.size
    return counts


# --- pieces ---


def value_ranges(stats: ChannelStatistics, *, shared: bool) -> Floats:
    """Return ``(C, 2)``, from each channel's least value to its greatest, or those of all; 0 for none."""
    ends = np.stack([stats.low, stats.high], axis=1)
    known = ~np.isnan(ends[:, 0])
    if shared and known.any():
        ends[:] = ends[known, 0].min(), ends[known, 1].max()
    return np.nan_to_num(ends, nan=0.0)


def _pieces(values: Values) -> list[Piece]:
    channels, height, width = values.shape
    parts = cut(height, max(1, CHUNK // width))
    return [(channel, rows) for channel in range(channels) for rows in parts]


def cut(length: int, step: int) -> list[slice]:
    """Return the parts of a length, each ``step`` long but for the last."""
    return [slice(first, min(first + step, length)) for first in range(0, length, step)]


def worth_threads(values: Values) -> bool:
    """Whether there is enough to do for several threads."""
    return values.size > CHUNK


def _flat(block: Values) -> Values:
    flat: Values = np.ascontiguousarray(block).reshape(-1)
    return flat


def check_values(values: Values) -> None:
    """Raise ValueError for anything but float32 or float64 ``(C, H, W)`` with cells."""
    if values.ndim != 3 or values.dtype not in (np.float32, np.float64) or not values.size:
        raise ValueError(f"values must be float32 or float64 (C, H, W), got {values.dtype} {values.shape}")
