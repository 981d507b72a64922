"""Windows of different lengths, as adaptive pooling has where the output does not divide the input.

Window i of o over n cells runs from ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉ (aten/src/ATen/native/AdaptivePooling.h).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.job import Tile, fit_tile, tiles_of
from convstudio.core.padding import PaddedSource
from convstudio.core.pools.fold import Fold, fold_axis
from convstudio.core.pools.race import Race
from convstudio.core.pools.search import Locate, plan_search
from convstudio.core.pools.sliding import WORTH_THREADS, Finish, part_of
from convstudio.core.pools.winners import Places
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

_CACHED_BYTES = 2 << 20
# Bytes of input that are joined at once, and in how large parts where windows are larger.
_MOST_BYTES = 8 << 20
_BAND_BYTES = 1 << 20
# Windows as few or as long as this are joined one after another, others all at once.
_FEW, _LONG = 64, 32
# Cells of a window from which each is searched by itself for its winner.
_SEARCHED = 256


def segments(n: int, count: int) -> list[range]:
    """The cells of `count` windows that share out n cells."""
    return [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def run_segments(
    source: PaddedSource,
    ranges: Sequence[Sequence[range]],
    fold: Fold,
    result: Array,
    control: Control | None,
    finish: Finish,
    prepare: Callable[[Tile, Array], None] | None = None,
) -> None:
    """Join the cells of all windows into `result` (examples, channels, depth, height, width).

    ranges: the windows along each axis. prepare: changes a block of the input, a tile of it, in place.
    """

    def work(tile: Tile, scratch: Scratch) -> None:
        target = part_of(result, tile)
        axes = [axis[low:high] for axis, low, high in zip(ranges, tile.low, tile.high, strict=True)]
        _join(source, axes, fold, tile, scratch, target, prepare)
        finish(tile, target)

    run_tiles(
        _tiles(ranges, result), work, control, parallel=max(source.array.size, result.size) >= WORTH_THREADS
    )


def _tiles(ranges: Sequence[Sequence[range]], result: Array) -> list[Tile]:
    longest = [max(map(len, axis)) for axis in ranges]

    def needed(extents: Sequence[int]) -> int:
        return math.prod(extents) * math.prod(longest) * 2 * result.itemsize

    return tiles_of(result.shape, fit_tile(result.shape, needed, most=_CACHED_BYTES))


def _join(
    source: PaddedSource,
    axes: Sequence[Sequence[range]],
    fold: Fold,
    tile: Tile,
    scratch: Scratch,
    target: Array,
    prepare: Callable[[Tile, Array], None] | None,
) -> None:
    """Rows first: they are joined with rows, as wide as they lie, and few are left for the width."""
    lead, (out_height, _) = target.shape[:2], target.shape[3:]
    depth, height, width = (range(axis[0].start, axis[-1].stop) for axis in axes)

    def block_of(layers: range, rows: range) -> Array:
        low, high = (layers.start, rows.start, width.start), (layers.stop, rows.stop, width.stop)
        block = source.view(tile.examples, tile.groups, low, high)
        if block is None or prepare is not None:
            block = scratch.take("block", (*lead, len(layers), len(rows), len(width)), target.dtype)
            source.fill(block, tile.examples, tile.groups, low, high)
        if prepare is not None:
            prepare(Tile(tile.examples, tile.groups, low, high), block)
        return block

    joined = scratch.take("rows", (*lead, len(depth), out_height, len(width)), target.dtype)
    row_bytes = lead[0] * lead[1] * len(width) * target.itemsize
    if row_bytes * len(depth) * len(height) <= _MOST_BYTES:
        _join_axis(fold, block_of(depth, height), 3, _within(axes[1], height), joined, scratch)
    else:
        band = max(1, _BAND_BYTES // row_bytes)
        for z, layer in enumerate(depth):
            for y, window in enumerate(axes[1]):
                for top in range(window.start, window.stop, band):
                    rows = block_of(range(layer, layer + 1), range(top, min(top + band, window.stop)))
                    part = fold.join.reduce(rows, axis=3)[:, :, 0]
                    at = joined[:, :, z, y]
                    np.copyto(at, part) if top == window.start else fold.join(at, part, out=at)
    layers = scratch.take("layers", (*lead, target.shape[2], out_height, len(width)), target.dtype)
    _join_axis(fold, joined, 2, _within(axes[0], depth), layers, scratch)
    _join_axis(fold, layers, 4, _within(axes[2], width), target, scratch)


def _within(windows: Sequence[range], cells: range) -> list[range]:
    """Windows counted from the first of the cells that they share out."""
    return [range(window.start - cells.start, window.stop - cells.start) for window in windows]


def _join_axis(
    fold: Fold, a: Array, axis: int, windows: Sequence[range], target: Array, scratch: Scratch
) -> None:
    """Join the cells of each window along an axis of `a`."""
    if a.shape[axis] == len(windows) == 1:
        np.copyto(target, a)
        return
    lead: tuple[Any, ...] = (slice(None),) * axis
    lengths = [len(window) for window in windows]
    if len(windows) <= _FEW or sum(lengths) >= _LONG * len(windows):
        for at, window in enumerate(windows):
            fold.join.reduce(a[(*lead, slice(window.start, window.stop))], axis=axis, out=target[(*lead, at)])
        return
    for length in sorted(set(lengths)):
        joined, _ = fold_axis(fold, a, axis, length, 1, 1, a.shape[axis] - length + 1, scratch, "")
        these = [i for i, n in enumerate(lengths) if n == length]
        target[(*lead, these)] = np.take(joined, [windows[i].start for i in these], axis)


def plan_segment_winners(
    source: PaddedSource, ranges: Sequence[Sequence[range]], fold: Fold, full: Sequence[int]
) -> tuple[list[Tile], Locate]:
    """Tiles of windows, and what finds the values and indices of a tile's."""
    k0, k1, k2 = (max((len(window) for window in axis), default=1) for axis in ranges)
    if k0 * k1 * k2 >= _SEARCHED:
        return plan_search(source.array, ranges, full, fold)
    _, _, depth, height, width = source.array.shape
    starts = [np.array([window.start for window in axis], np.int64) for axis in ranges]
    places = Places((depth, height, width), (k0, k1, k2), (1, 1, 1), starts)

    def locate(tile: Tile, scratch: Scratch, values: Array, indices: Array) -> None:
        axes = [axis[low:high] for axis, low, high in zip(ranges, tile.low, tile.high, strict=True)]
        codes = _race(source, axes, fold, places, tile, scratch, values, nan=False)
        if np.isnan(fold.join.reduce(values, axis=None)):
            codes = _race(source, axes, fold, places, tile, scratch, values, nan=True)
        places.locate(tile, codes, indices)

    def needed(extents: Sequence[int]) -> int:
        return math.prod(extents) * k0 * k1 * k2 * (2 * source.dtype.itemsize + 4)

    return tiles_of(full, fit_tile(full, needed, most=_CACHED_BYTES)), locate


def _race(
    source: PaddedSource,
    axes: Sequence[Sequence[range]],
    fold: Fold,
    places: Places,
    tile: Tile,
    scratch: Scratch,
    values: Array,
    *,
    nan: bool,
) -> Array:
    """Write the values of a tile's windows and return their codes."""
    low = (axes[0][0].start, axes[1][0].start, axes[2][0].start)
    high = (axes[0][-1].stop, axes[1][-1].stop, axes[2][-1].stop)
    block = source.view(tile.examples, tile.groups, low, high)
    if block is None:
        shape = (*values.shape[:2], *(stop - start for start, stop in zip(low, high, strict=True)))
        block = scratch.take("a", shape, source.dtype)
        source.fill(block, tile.examples, tile.groups, low, high)
    race = Race(fold, block, places.code, scratch, nan)
    for axis in (2, 1, 0):
        windows = [range(w.start - low[axis], w.stop - low[axis]) for w in axes[axis]]
        race.gather(axis + 2, windows, places.unit(axis))
    np.copyto(values, race.values)
    assert race.codes is not None  # gathered along every axis
    return race.codes
