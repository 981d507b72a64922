"""Where the greatest or least value of each sliding window lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.job import Tile, Triple, fit_tile, tiles_of
from convstudio.core.pools.fold import Fold, iterate_rows
from convstudio.core.pools.race import Race
from convstudio.core.pools.search import LARGE, Locate, plan_search
from convstudio.core.pools.sliding import PoolJob, part_of, read_block
from convstudio.core.pools.windows import Windows
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

_CACHED_BYTES = 2 << 20
_MOST_BYTES = 12 << 20


class Pooled(NamedTuple):
    """Values, and where in its plane each was found: int64, counted row by row."""

    values: Array
    indices: Array


def checked_pair(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], x: Array) -> Pooled:
    """The arrays to write values and indices to; ValueError for others than a pair that fits."""
    if out is not None and (not isinstance(out, tuple) or len(out) != 2):
        raise ValueError(
            f"out must be a pair of arrays, for values and for indices, got {type(out).__name__}"
        )
    values, indices = out or (None, None)
    pooled = Pooled(
        checked_out(values, shape, dtype, x=x), checked_out(indices, shape, np.dtype(np.int64), x=x)
    )
    if out and np.may_share_memory(values, indices):
        raise ValueError("out must be two arrays that do not share memory")
    return pooled


class Places:
    """What codes stand for: cells of the input's plane.

    spatial: the plane (depth, height, width).
    kernel, dilation: of the largest window.
    starts: along each axis, the first cell of each window, which may lie on padding.
    first: if some do, each window's first tap that does not.
    """

    def __init__(
        self,
        spatial: Triple,
        kernel: Triple,
        dilation: Triple,
        starts: Sequence[Array],
        first: Sequence[Array] | None = None,
    ) -> None:
        _, height, width = spatial
        (d0, d1, d2), (k0, k1, k2) = dilation, kernel
        self.code: np.dtype[Any] = np.min_scalar_type(k0 * k1 * k2 - 1)
        self._units = (k1 * k2, k2, 1)
        taps = (np.arange(k0) * d0 * height)[:, None, None] + (np.arange(k1) * d1)[:, None]
        self._cells: Array = (taps * width + np.arange(k2) * d2).reshape(-1)
        self._starts = [axis * unit for axis, unit in zip(starts, (height * width, width, 1), strict=True)]
        self._first: list[Array] | None = None
        if first is not None:
            self._first = [
                (axis * unit).astype(self.code) for axis, unit in zip(first, self._units, strict=True)
            ]

    def unit(self, axis: int) -> int:
        """How much the code grows from one cell of a window to the next along an axis."""
        return self._units[axis]

    def skip_padding(self, tile: Tile, codes: Array) -> None:
        """Where all of a window is as bad as padding, let its first cell of the input win."""
        if self._first is None:
            return
        depth, height, width = (
            first[low:high] for first, low, high in zip(self._first, tile.low, tile.high, strict=True)
        )
        if depth[0] or height[0] or width[0]:
            np.maximum(codes, depth[:, None, None] + height[:, None] + width, out=codes)

    def locate(self, tile: Tile, codes: Array, indices: Array) -> None:
        """Turn a tile's codes into indices."""
        depth, height, width = (
            starts[low:high] for starts, low, high in zip(self._starts, tile.low, tile.high, strict=True)
        )
        np.take(self._cells, codes, out=indices, mode="clip")
        np.add(indices, (depth[:, None] + height)[..., None], out=indices)
        np.add(indices, width, out=indices)


def places_of(windows: Windows) -> Places:
    """The places of sliding windows."""
    starts = [
        np.arange(n) * s - before
        for n, s, (before, _) in zip(windows.cells, windows.stride, windows.pads, strict=True)
    ]
    first = (
        [windows.first_taps(axis) for axis in range(3)] if any(before for before, _ in windows.pads) else None
    )
    return Places(windows.spatial, windows.kernel, windows.dilation, starts, first)


def winner_tiles(job: PoolJob) -> list[Tile]:
    """Tiles that cover the job, each small enough for the cache."""
    windows = job.windows

    def needed(extents: Sequence[int]) -> int:
        depth, height, width = windows.covered(extents[2:])
        return extents[0] * extents[1] * depth * height * width * (2 * job.dtype.itemsize + 4)

    spans = windows.covered((1, 1, 1))
    cells = [min(n, -(-r // s)) for n, r, s in zip(windows.cells, spans, windows.stride, strict=True)]
    while needed((1, 1, *cells)) > _MOST_BYTES and max(cells) > 1:
        longest = cells.index(max(cells))
        cells[longest] = -(-cells[longest] // 2)
    return tiles_of(job.full, fit_tile(job.full, needed, (1, 1, *cells), most=_CACHED_BYTES))


def _best(job: PoolJob, fold: Fold, places: Places, tile: Tile, scratch: Scratch, values: Array) -> Array:
    """Write a tile's values and return its codes; they stay as they are until the scratch is used again."""
    codes = _find(job, fold, places, tile, scratch, values, nan=False)
    if np.isnan(fold.join.reduce(values, axis=None)):  # comparisons do not see NaN
        codes = _find(job, fold, places, tile, scratch, values, nan=True)
    places.skip_padding(tile, codes)
    return codes


def _find(
    job: PoolJob, fold: Fold, places: Places, tile: Tile, scratch: Scratch, values: Array, *, nan: bool
) -> Array:
    windows = job.windows
    kernel, stride, dilation, (depth, height, width) = (
        windows.kernel,
        windows.stride,
        windows.dilation,
        tile.extent,
    )
    block, (left, right), _ = read_block(job, tile, scratch)
    iterate_rows(width)
    if left or right or not block.flags.c_contiguous:
        inner = block.shape[-1]
        copy = scratch.take("a", (*block.shape[:-1], left + inner + right), job.dtype)
        copy[..., :left] = fold.identity
        copy[..., left + inner :] = fold.identity
        copy[..., left : left + inner] = block
        block = copy
    race = Race(fold, block, places.code, scratch, nan)
    if kernel[2] > 1:
        race.slide(dilation[2], kernel[2], places.unit(2))
    if stride[2] > 1:
        race.thin(stride[2], width)
    for axis, count in ((1, height), (0, depth)):
        k, s, d = kernel[axis], stride[axis], dilation[axis]
        if s > 1:
            race.stride(axis + 2, k, s, d, count, places.unit(axis))
        elif k > 1:
            unit = math.prod(race.values.shape[axis + 3 :])
            race.slide(d * unit, k, places.unit(axis))
    np.copyto(values, race.values[:, :, :depth, :height, :width])
    if race.codes is None:
        codes = scratch.take("codes", race.values.shape, places.code)
        codes.fill(0)
    else:
        codes = race.codes
    return codes[:, :, :depth, :height, :width]


def plan_winners(job: PoolJob, fold: Fold) -> tuple[list[Tile], Locate]:
    """Tiles that cover the job, and what finds a tile's values and indices."""
    windows = job.windows
    if windows.taps >= LARGE:
        ranges = [windows.ranges(axis) for axis in range(3)]
        return plan_search(job.source.array, ranges, job.full, fold)
    places = places_of(windows)

    def locate(tile: Tile, scratch: Scratch, values: Array, indices: Array) -> None:
        places.locate(tile, _best(job, fold, places, tile, scratch, values), indices)

    return winner_tiles(job), locate


def run_winners(
    plan: tuple[list[Tile], Locate],
    full: Sequence[int],
    pooled: Pooled,
    control: Control | None,
    *,
    parallel: bool,
) -> None:
    """Write every window's value and index. full: the shape of the output with five axes."""
    if pooled.values.size == 0:
        if control is not None:
            control.report(0, 0)
        return
    tiles, locate = plan
    values, indices = pooled.values.reshape(full), pooled.indices.reshape(full)

    def work(tile: Tile, scratch: Scratch) -> None:
        locate(tile, scratch, part_of(values, tile), part_of(indices, tile))

    run_tiles(tiles, work, control, parallel=parallel)
