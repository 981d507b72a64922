"""Values of sliding windows: blocks of output cells, each folded over depth and height, then over width.

Along depth and height, rows are joined with rows, so that few of them are left when it comes to the width.
Nothing is copied where a block needs no padding above and below: the first pass reads the input where it lies
and leaves room beside its rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from convstudio.core.control import Control
from convstudio.core.job import Tile, Triple, fit_tile, tiles_of
from convstudio.core.padding import PaddedSource
from convstudio.core.pools.fold import OTHERS, Fold, fold_axis, fold_flat, fold_width, iterate_rows
from convstudio.core.pools.power import Power
from convstudio.core.pools.windows import Windows
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]
# Computes a tile's cells into an array of their shape.
Compute: TypeAlias = Callable[[Tile, Scratch, Array], None]
# Turns a tile's cells into what is wanted, in place.
Finish: TypeAlias = Callable[[Tile, Array], None]

# Bytes of a tile's input and buffers. Smaller ones would stay in a faster cache, but at each call of NumPy
# the threads lose some microseconds to one another.
_CACHED_BYTES = 2 << 20
# What the buffers of a tile may take where large windows overlap so much that small tiles would be in vain.
_MOST_BYTES = 12 << 20
# Windows that cover each row at most twice, and are as wide as this, are joined one by one.
_COARSE = 16
# Bytes of input that are brought into another form at a time.
_BAND_BYTES = 1 << 20
# Rows that are added up one after another; more are added pairwise, along the width first.
_ROWS_ADDED = 64
# Cells of input or output from which a second thread pays for its waking.
WORTH_THREADS = 1 << 17


@dataclass(slots=True)
class PoolJob:
    """A checked pooling.

    lead: examples and channels of `source` and of an output with 5 axes.
    power: what each cell of the input is raised to.
    """

    windows: Windows
    source: PaddedSource
    lead: tuple[int, int]
    power: Power | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def full(self) -> tuple[int, int, int, int, int]:
        """Examples, channels, and output cells along depth, height and width."""
        return (*self.lead, *self.windows.cells)

    @property
    def parallel(self) -> bool:
        """Whether it is worth more than one thread."""
        size = self.source.array.size
        return (
            size >= WORTH_THREADS
            or self.lead[0] * self.lead[1] * math.prod(self.windows.cells) >= WORTH_THREADS
        )

    def reading(self, tile: Tile) -> tuple[Triple, Triple]:
        """The cells of the padded input, from low to high, that a tile's windows cover."""
        _, _, (l0, l1, l2), (h0, h1, h2) = tile
        (s0, s1, s2), (r0, r1, r2) = self.windows.stride, self.windows.spans
        return (l0 * s0, l1 * s1, l2 * s2), ((h0 - 1) * s0 + r0, (h1 - 1) * s1 + r1, (h2 - 1) * s2 + r2)


def common_lead(*arrays: Array) -> tuple[int, int]:
    """Examples and channels, as one run of channels where all arrays (N, C, …) are contiguous."""
    examples, channels = arrays[0].shape[:2]
    return (
        (1, examples * channels)
        if all(array.flags.c_contiguous for array in arrays)
        else (examples, channels)
    )


def pool_job(
    x: Array,
    windows: Windows,
    dtype: np.dtype[Any],
    identity: float,
    power: Power | None = None,
    lead: tuple[int, int] | None = None,
) -> PoolJob:
    """The job over `x` (N, C, *spatial), padded with `identity`."""
    lead = lead or common_lead(x)
    source = PaddedSource(x.reshape(*lead, *windows.spatial), windows.reach, "constant", identity, dtype)
    return PoolJob(windows, source, lead, power)


def part_of(array: Array, tile: Tile) -> Array:
    """A tile's cells of an array with 5 axes."""
    (l0, l1, l2), (h0, h1, h2) = tile.low, tile.high
    return array[tile.examples[0] : tile.examples[1], tile.groups[0] : tile.groups[1], l0:h0, l1:h1, l2:h2]


def run_sliding(
    job: PoolJob, fold: Fold, result: Array, control: Control | None, finish: Finish | None = None
) -> None:
    """Join the cells of every window into `result` (N, C, *output), and `finish` them."""
    if result.size == 0:
        if control is not None:
            control.report(0, 0)
        return
    cells = result.reshape(job.full)
    tiles, compute = plan(job, fold)

    def work(tile: Tile, scratch: Scratch) -> None:
        target = part_of(cells, tile)
        compute(tile, scratch, target)
        if finish is not None:
            finish(tile, target)

    run_tiles(tiles, work, control, parallel=job.parallel)


def plan(job: PoolJob, fold: Fold) -> tuple[list[Tile], Compute]:
    """Tiles that cover the job, and what computes one."""
    tiles, coarse = _tiles(job.windows, job.lead, job.dtype.itemsize, _CACHED_BYTES)
    compute = _join_whole if coarse else _slide
    return tiles, lambda tile, scratch, target: compute(job, fold, tile, scratch, target)


@lru_cache(maxsize=256)
def _tiles(windows: Windows, lead: tuple[int, int], size: int, most: int) -> tuple[list[Tile], bool]:
    """Tiles for cells of so many bytes, and whether their windows are joined one by one."""
    full = (*lead, *windows.cells)

    def needed(extents: Sequence[int]) -> int:
        depth, height, width = windows.covered(extents[2:])
        rows = depth * height + 2 * extents[2] * extents[3]
        return extents[0] * extents[1] * rows * width * size

    def needed_coarse(extents: Sequence[int]) -> int:
        depth, height, _ = windows.covered(extents[2:])
        return extents[0] * extents[1] * depth * height * extents[4] * size

    least = _least_extents(windows, needed)
    if least is None or _is_coarse(windows):
        return tiles_of(full, fit_tile(full, needed_coarse, most=most)), True
    return tiles_of(full, fit_tile(full, needed, least, most=most)), False


def _least_extents(windows: Windows, needed: Callable[[Sequence[int]], int]) -> tuple[int, ...] | None:
    """Tiles no smaller than a window, so that they do not read mostly what others read too.

    Fewer cells where such tiles would be large; None if even a single window is.
    """
    cells = [min(n, -(-r // s)) for n, r, s in zip(windows.cells, windows.spans, windows.stride, strict=True)]
    while needed((1, 1, *cells)) > _MOST_BYTES:
        if max(cells) == 1:
            return None
        longest = cells.index(max(cells))
        cells[longest] = -(-cells[longest] // 2)
    return (1, 1, *cells)


def _is_coarse(windows: Windows) -> bool:
    width = windows.kernel[2]
    return width >= _COARSE and windows.cells[2] * width <= 2 * windows.covered(windows.cells)[2]


def _slide(job: PoolJob, fold: Fold, tile: Tile, scratch: Scratch, target: Array) -> None:
    windows = job.windows
    kernel, stride, dilation = windows.kernel, windows.stride, windows.dilation
    a, (left, right), name = read_block(job, tile, scratch)
    iterate_rows(a.shape[-1])
    rows = [axis for axis in (0, 1) if kernel[axis] > 1 or stride[axis] > 1]
    for axis in rows:
        k, s, d = kernel[axis], stride[axis], dilation[axis]
        if s == 1 and left == right == 0 and a.flags.c_contiguous:
            unit = d * (a.shape[-1] if axis == 1 else a.shape[-1] * a.shape[-2])
            flat, name = fold_flat(fold, a.reshape(-1), unit, k, scratch, name)
            a = flat.reshape(a.shape)
            continue
        margins = (left, right) if axis == rows[-1] else (0, 0)
        a, name = fold_axis(fold, a, axis + 2, k, s, d, target.shape[axis + 2], scratch, name, margins)
    if left or right or not a.flags.c_contiguous:
        if not rows:
            a, name = _with_margins(a, left, right, scratch, name)
        if left:
            a[..., :left] = fold.identity
        if right:
            a[..., a.shape[-1] - right :] = fold.identity
    fold_width(fold, a, kernel[2], stride[2], dilation[2], target, scratch, name)


def read_block(job: PoolJob, tile: Tile, scratch: Scratch) -> tuple[Array, tuple[int, int], str]:
    """What a tile's windows cover: the input's own cells where they need nothing above and below.

    Also how many cells are missing at either end of its rows, so that they are a multiple of the stride long,
    and the scratch buffer where it had to be written, "" for none.
    """
    windows = job.windows
    examples, channels = tile.examples, tile.groups
    low, high = job.reading(tile)
    before, n = windows.pads[2][0], windows.spatial[2]
    length = high[2] - low[2]
    length += -length % windows.stride[2]
    first, last = max(low[2], before), min(low[2] + length, before + n)
    view = job.source.view(examples, channels, (low[0], low[1], first), (high[0], high[1], last))
    if view is not None and job.power is None:
        return view, (first - low[2], low[2] + length - last), ""
    shape = (examples[1] - examples[0], channels[1] - channels[0], high[0] - low[0], high[1] - low[1], length)
    block = scratch.take("a", shape, job.dtype)
    job.source.fill(block, examples, channels, low, (high[0], high[1], low[2] + length))
    if job.power is not None:
        job.power.raised(block, block)
    return block, (0, 0), "a"


def _with_margins(a: Array, left: int, right: int, scratch: Scratch, name: str) -> tuple[Array, str]:
    """A contiguous copy with room at either end of each row, and its scratch buffer."""
    width = a.shape[-1]
    name = OTHERS[name][0]
    copy = scratch.take(name, (*a.shape[:-1], left + width + right), a.dtype)
    np.copyto(copy[..., left : left + width], a)
    return copy, name


def _join_whole(job: PoolJob, fold: Fold, tile: Tile, scratch: Scratch, target: Array) -> None:
    """Join the windows of a tile one by one, along one axis after the other."""
    windows = job.windows
    low, high = job.reading(tile)
    lead = target.shape[:2]
    depth, height, length = (end - start for start, end in zip(low, high, strict=True))
    view = job.source.view(tile.examples, tile.groups, low, high) if job.power is None else None
    columns = scratch.take("b", (*lead, depth, *target.shape[3:]), job.dtype)
    few = math.prod(lead) * depth * target.shape[3] * length * job.dtype.itemsize <= _MOST_BYTES
    if view is not None and few and (fold.overlaps or windows.kernel[1] <= _ROWS_ADDED):
        rows = scratch.take("a", (*lead, depth, target.shape[3], length), job.dtype)
        _join_windows(fold, view, windows, 1, rows)
        _join_windows(fold, rows, windows, 2, columns)
    else:
        rows = scratch.take("a", (*lead, depth, height, target.shape[-1]), job.dtype)
        if view is not None:
            _join_windows(fold, view, windows, 2, rows)
        else:
            _join_bands(job, fold, tile, scratch, rows)
        _join_windows(fold, rows, windows, 1, columns)
    _join_windows(fold, columns, windows, 0, target)


def _join_bands(job: PoolJob, fold: Fold, tile: Tile, scratch: Scratch, rows: Array) -> None:
    """Join windows along the width, bringing some of the rows after the other into the form for it."""
    low, high = job.reading(tile)
    lead, (depth, height) = rows.shape[:2], rows.shape[2:4]
    length = high[2] - low[2]
    band = max(1, _BAND_BYTES // (lead[0] * lead[1] * length * job.dtype.itemsize))
    for plane in range(depth):
        for top in range(0, height, band):
            count = min(band, height - top)
            block = scratch.take("block", (*lead, 1, count, length), job.dtype)
            at = (low[0] + plane, low[1] + top, low[2])
            job.source.fill(block, tile.examples, tile.groups, at, (at[0] + 1, at[1] + count, high[2]))
            if job.power is not None:
                job.power.raised(block, block)
            _join_windows(fold, block, job.windows, 2, rows[:, :, plane : plane + 1, top : top + count])


def _join_windows(fold: Fold, a: Array, windows: Windows, axis: int, target: Array) -> None:
    """Join the cells of each window along an axis, adding pairwise where they lie next to one another."""
    k, s, d = windows.kernel[axis], windows.stride[axis], windows.dilation[axis]
    at = axis + 2
    step = a.strides[at]
    shape = (*a.shape[:at], target.shape[at], k, *a.shape[at + 1 :])
    strides = (*a.strides[:at], s * step, d * step, *a.strides[at + 1 :])
    fold.join.reduce(as_strided(a, shape, strides), axis=at + 1, out=target)
