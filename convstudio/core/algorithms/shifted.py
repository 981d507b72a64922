"""Input rows copied once for each column of the kernel, straight from the input: for `rows`.

A padded block of the input, to copy from, would be written and read once more. And each call of NumPy may
have to wait for the interpreter while the other threads copy too: so all columns of all rows are copied by
one call that takes the input as one run of numbers. Where a row is padded, the copies then show the end of
the row before or the beginning of the next one; a few calls write the padding over these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import ConvJob, Tile
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = tuple[Any, ...]

# Of a pair of float32 the first is the lower half of an integer.
_FIRST_IS_LOW = sys.byteorder == "little"


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
    parts = _Parts(job)
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
            parts.copy_run(result[:, :, :, low:high], (e0, g0, start + low * gap))
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
                    parts.copy_rows(of_phase[:, :, here:end], lines[e0:e1, g0:g1, read])
        return result.reshape(*result.shape[:2], 1, *result.shape[2:4], 1, *result.shape[4:])

    return copies


def _within(cells: int, step: int, most: int) -> int:
    """How many steps it takes to get so many cells on, from 0 to `most`."""
    return min(max(-(-cells // step), 0), most)


class _Parts:
    """What each kernel column's copy of a row consists of."""

    def __init__(self, job: ConvJob) -> None:
        self._job = job
        # Cells that show padding, those to copy as the first of two (to where, of what), and others.
        self._blank: list[Index] = []
        self._paired: list[tuple[Index, Index]] = []
        self._single: list[tuple[Index, Index]] = []
        # NumPy narrows integers several at a time, in half the time that reading single values takes.
        self._pairs = job.stride[2] == 2 and job.dtype.itemsize == 4 and _FIRST_IS_LOW
        for column in range(job.kernel[2]):
            self._add(column)
        cells, before = int(job.source.array.shape[-1]), job.source.pads[2][0]
        height = int(job.source.array.shape[-2])
        # From and up to which row of the input the copies of a row read nothing outside the array's memory.
        reach = job.reach(job.cells)[2] - before + (1 if self._pairs else 0)
        self.run_rows = (-(-before // cells), height - max(-(-reach // cells) - 1, 0))

    def _add(self, column: int) -> None:
        job = self._job
        cells, width, stride = job.source.array.shape[-1], job.cells[2], job.stride[2]
        shift = column * job.dilation[2] - job.source.pads[2][0]  # cell c shows cell c · stride + shift
        first = min(max(-(shift // stride), 0), width)
        stop = max(min((cells - 1 - shift) // stride + 1, width), first)
        for blank in (slice(0, first), slice(stop, width)):
            if blank.start < blank.stop:
                self._add_blank(column, blank)
        begin = first * stride + shift
        if self._pairs:
            pairs = max(min(stop - first, (cells - begin) // 2), 0)
            if pairs > 0:
                to = (..., column, slice(first, first + pairs))
                self._paired.append((to, (..., slice(begin, begin + 2 * pairs))))
            begin, first = begin + 2 * pairs, first + pairs
        if first < stop:
            end = begin + (stop - first - 1) * stride + 1
            self._single.append(((..., column, slice(first, stop)), (..., slice(begin, end, stride))))

    def _add_blank(self, column: int, blank: slice) -> None:
        for index, (_, columns, cells) in enumerate(self._blank):
            if cells == blank and columns.stop == column:  # one call for both
                self._blank[index] = (..., slice(columns.start, column + 1), blank)
                return
        self._blank.append((..., slice(column, column + 1), blank))

    def copy_run(self, result: Array, at: tuple[int, int, int]) -> None:
        """Copy rows within `run_rows`, from an example, a group and a row of the input on."""
        job = self._job
        array, value, inputs = job.source.array, job.source.value, job.inputs
        of_example, of_channel, _, of_row, of_cell = array.strides
        example, group, row = at
        offset = example * of_example + group * inputs * of_channel + row * of_row
        strides = (
            of_example,
            of_channel * inputs,
            of_row * job.stride[1],
            of_row * job.dilation[1],
            of_channel,
            of_cell * job.dilation[2],
            of_cell * job.stride[2],
        )
        to, kind = (result.view(np.uint32), np.dtype(np.uint64)) if self._pairs else (result, job.dtype)
        offset -= job.source.pads[2][0] * of_cell
        read: Array = np.ndarray(result.shape, kind, array, offset, strides)
        np.copyto(to, read, casting="unsafe")
        for blank in self._blank:
            result[blank] = value

    def copy_rows(self, result: Array, read: Array) -> None:
        """Copy any rows (examples, groups, rows, inputs, cells), piece by piece."""
        for blank in self._blank:
            result[blank] = self._job.source.value
        for to, of in self._single:
            result[to] = read[of]
        if self._paired:
            halves = result.view(np.uint32)
            for to, of in self._paired:
                np.copyto(halves[to], read[of].view(np.uint64), casting="unsafe")
