"""Input rows copied once for each column of the kernel, straight from the input: for `rows`.

A padded block of the input, to copy from, would be written and read once more. And each call of NumPy may
have to wait for the interpreter while the other threads copy too: so all columns of all rows are copied by
one call that takes the input as one run of numbers. Where a row is padded, the copies then show the end of
the row before or the beginning of the next one; a few calls write the padding over these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile, Triple
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = tuple[Any, ...]

# Of a pair of float32 the first is the lower half of an integer.
_FIRST_IS_LOW = sys.byteorder == "little"
_PAIR = np.dtype(np.uint64)


def reads_directly(job: ConvJob) -> bool:
    """Whether tiles as wide as the output need no padded block."""
    source = job.source
    return source.mode in ("zeros", "constant") and source.in_place and source.shape[0] == 1


def phases_of(job: ConvJob, height: int) -> tuple[int, int]:
    """In how many phases the rows are copied that so many output rows read, and the rows of each.

    Row r of phase p is row p · stride + r · dilation of those that are read.
    """
    kh, stride, gap = job.kernel[1], job.stride[1], job.dilation[1]
    if gap == 1:
        return 1, (height - 1) * stride + kh
    if stride == 1 and height % gap == 0:
        return gap, height // gap + kh - 1
    return height, kh  # no output rows share any


def copier(job: ConvJob) -> Callable[[Tile, Scratch], Array | None] | None:
    """What makes the copies for a tile.

    (examples, groups, depth, phases, rows, kernel depth, inputs, kernel columns, width), both depths being 1.
    None instead of them for tiles less wide than the output or with padding only, and instead of the copier
    where `reads_directly` says no.
    """
    if not reads_directly(job):
        return None
    source, inputs, kw, width = job.source, job.inputs, job.kernel[2], job.cells[2]
    batch, channels, _, height, cells = source.array.shape
    lines = source.array.reshape(batch, channels // inputs, inputs, height, cells).transpose(0, 1, 3, 2, 4)
    top, value, gap = source.pads[1][0], source.value, job.dilation[1]
    parts = _parts_of(job)
    first, stop = parts.run_rows

    def copies(tile: Tile, scratch: Scratch) -> Array | None:
        if tile.extent[2] < width:
            return None
        phases, rows = phases_of(job, tile.extent[1])
        start = tile.low[1] * job.stride[1] - top  # the first row read, as one of the input
        last = start + (phases - 1) * job.stride[1]  # the first row of the last phase
        if last + (rows - 1) * gap < 0 or start >= height:
            return None
        (e0, e1), (g0, g1) = tile.examples, tile.groups
        result = scratch.take("columns", (e1 - e0, g1 - g0, phases, rows, inputs, kw, width), job.dtype)
        # Rows of all phases to copy as one run.
        low = _within(first - start, gap, rows)
        high = max(_within(stop - last, gap, rows), low)
        if low < high:
            parts.copy_run(job, result[:, :, :, low:high], (e0, g0, start + low * gap))
        for phase in range(phases):
            begin = start + phase * job.stride[1]
            above, below = _within(-begin, gap, rows), _within(height - begin, gap, rows)
            of_phase = result[:, :, phase]
            if above > 0:
                of_phase[:, :, :above] = value
            if below < rows:
                of_phase[:, :, below:] = value
            for here, end in [(above, low), (high, below)] if low < high else [(above, below)]:
                if here < end:
                    read = slice(begin + here * gap, begin + (end - 1) * gap + 1, gap)
                    parts.copy_rows(of_phase[:, :, here:end], lines[e0:e1, g0:g1, read], value)
        return result.reshape(*result.shape[:2], 1, *result.shape[2:4], 1, *result.shape[4:])

    return copies


def _within(cells: int, step: int, most: int) -> int:
    """How many steps it takes to get so many cells on, from 0 to `most`."""
    return min(max(-(-cells // step), 0), most)


class _Parts(NamedTuple):
    """What each kernel column's copy of a row consists of.

    blank: cells that show padding. paired: those to copy as the first of two, to where and of what. single:
    others. halved: whether all are narrowed from pairs. run_rows: from and up to which row of the input the
    copies of a row read nothing outside the array's memory, as one run.
    """

    blank: list[Index]
    paired: list[tuple[Index, Index]]
    single: list[tuple[Index, Index]]
    halved: bool
    run_rows: Pair

    def copy_run(self, job: ConvJob, result: Array, at: tuple[int, int, int]) -> None:
        """Copy rows within `run_rows`, from an example, a group and a row of the input on."""
        array = job.source.array
        of_example, of_channel, _, of_row, of_cell = array.strides
        example, group, row = at
        offset = example * of_example + group * job.inputs * of_channel + row * of_row
        offset -= job.source.pads[2][0] * of_cell
        strides = (
            of_example,
            of_channel * job.inputs,
            of_row * job.stride[1],
            of_row * job.dilation[1],
            of_channel,
            of_cell * job.dilation[2],
            of_cell * job.stride[2],
        )
        to, kind = (result.view(np.uint32), _PAIR) if self.halved else (result, job.dtype)
        read: Array = np.ndarray(result.shape, kind, array, offset, strides)
        np.copyto(to, read, casting="unsafe")
        for blank in self.blank:
            result[blank] = job.source.value

    def copy_rows(self, result: Array, read: Array, value: float) -> None:
        """Copy any rows (examples, groups, rows, inputs, cells), piece by piece."""
        for blank in self.blank:
            result[blank] = value
        for to, of in self.single:
            result[to] = read[of]
        if self.paired:
            halves = result.view(np.uint32)
            for to, of in self.paired:
                np.copyto(halves[to], read[of].view(_PAIR), casting="unsafe")


def _parts_of(job: ConvJob) -> _Parts:
    # NumPy narrows integers several at a time, in half the time that reading single values takes.
    halved = job.stride[2] == 2 and job.dtype.itemsize == 4 and _FIRST_IS_LOW
    height, cells = job.source.array.shape[3:]
    columns = (job.kernel[2], job.dilation[2], job.stride[2])
    return _parts(height, cells, job.cells[2], job.source.pads[2][0], columns, halved)


@lru_cache(maxsize=64)
def _parts(height: int, cells: int, width: int, before: int, columns: Triple, halved: bool) -> _Parts:
    """The parts for rows of so many cells; `columns` are how many, their gap, and the stride."""
    parts = _Parts([], [], [], halved, _run_rows(height, cells, width, before, columns, halved))
    many, gap, stride = columns
    for column in range(many):
        shift = column * gap - before  # cell c shows cell c · stride + shift
        first = min(max(-(shift // stride), 0), width)
        stop = max(min((cells - 1 - shift) // stride + 1, width), first)
        for blank in (slice(0, first), slice(stop, width)):
            if blank.start < blank.stop:
                _add_blank(parts.blank, column, blank)
        begin = first * stride + shift
        if halved:
            pairs = max(min(stop - first, (cells - begin) // 2), 0)
            if pairs > 0:
                to = (..., column, slice(first, first + pairs))
                parts.paired.append((to, (..., slice(begin, begin + 2 * pairs))))
            begin, first = begin + 2 * pairs, first + pairs
        if first < stop:
            end = begin + (stop - first - 1) * stride + 1
            parts.single.append(((..., column, slice(first, stop)), (..., slice(begin, end, stride))))
    return parts


def _run_rows(height: int, cells: int, width: int, before: int, columns: Triple, halved: bool) -> Pair:
    many, gap, stride = columns
    reach = (width - 1) * stride + (many - 1) * gap + 1 - before + (1 if halved else 0)
    return -(-before // cells), height - max(-(-reach // cells) - 1, 0)


def _add_blank(blanks: list[Index], column: int, blank: slice) -> None:
    for index, (_, columns, cells) in enumerate(blanks):
        if cells == blank and columns.stop == column:  # one call for both
            blanks[index] = (..., slice(columns.start, column + 1), blank)
            return
    blanks.append((..., slice(column, column + 1), blank))
