"""Input rows copied once for each column of the kernel, for `rows`.

They are copied straight from the input where that is possible: a padded block of it, to copy from, would be
written and read once more. And each call of NumPy may have to wait for the interpreter while another thread
holds it: so all columns of all rows are copied by one call that takes the input as one run of numbers. Where
a row is padded, the copies then show the end of the row before or the beginning of the next one; a call for
each column writes the padding over these.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import address, strided
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Index: TypeAlias = tuple[Any, ...]

# NumPy narrows integers several at a time, in half the time that reading every second value takes. Of a pair
# of float32 the first is the lower half of an integer.
_FIRST_IS_LOW = sys.byteorder == "little"
_PAIR = np.dtype(np.uint64)


class Place(NamedTuple):
    """Where the padded input lies in memory, or what would be it if its rows were not padded.

    memory: a C-contiguous array. offset: bytes from its beginning to the cell that the kernel's first tap
    multiplies for output cell 0 of example 0 and group 0; it may be negative. strides: bytes per example,
    channel, plane, row and cell. padding: what to write over copies of cells outside the input, if it is it.
    """

    memory: Array
    offset: int
    strides: Shape
    padding: float | None


def reads_directly(job: ConvJob) -> bool:
    """Whether rows can be copied from the input, with no padded block."""
    source = job.source
    return source.mode in ("zeros", "constant") and source.in_place and source.shape[0] == 1


def input_of(job: ConvJob) -> Place:
    """The input as it is, for a job that `reads_directly`."""
    (_, (top, _), (left, _)), array = job.source.pads, job.source.array
    strides = packed(array.shape, array.itemsize)  # NumPy may give any for an axis of length 1
    return Place(array, -top * strides[3] - left * strides[4], strides, job.source.value)


def direct_rows(job: ConvJob) -> Pair:
    """The output rows, from and up to, for which `input_of` shows no rows or memory outside the input."""
    (_, (top, _), (left, _)), (_, _, _, height, cells) = job.source.pads, job.source.array.shape
    # A row's copies begin `left` cells before it and end up to `after` behind it.
    after = max(job.reach(job.cells)[2] + int(_in_pairs(job)) - left - cells, 0)
    first, stop = -(-left // cells), height - -(-after // cells)
    stride, reach = job.stride[1], job.reach((1, 1, 1))[1]
    low = min(max(-(-(first + top) // stride), 0), job.cells[1])
    high = min((stop + top - reach) // stride + 1, job.cells[1])
    return low, max(high, low)


def block_of(job: ConvJob, tile: Tile, scratch: Scratch) -> Place:
    """What the tile reads, padded and in the dtype of the job."""
    block = job.read(tile, scratch)
    memory = job.source.array  # of which it is a part, unless it was made
    if block.flags.c_contiguous and isinstance(block.base, np.ndarray):
        memory = block.base if block.base.flags.c_contiguous else block
    of_example, of_channel, of_plane, of_row, of_cell = strides = block.strides
    (s0, s1, s2), (d, h, w) = job.stride, tile.low
    before = d * s0 * of_plane + h * s1 * of_row + w * s2 * of_cell
    before += tile.examples[0] * of_example + tile.groups[0] * job.inputs * of_channel
    return Place(memory, address(block) - address(memory) - before, strides, None)


def packed(shape: Sequence[int], itemsize: int) -> Shape:
    """The strides of a C-contiguous array."""
    return tuple(itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def phases_of(job: ConvJob, height: int) -> Pair:
    """In how many phases the rows are copied that so many output rows read, and the rows of each.

    Row r of phase p is row p · stride + r · dilation of those that are read: with gaps between the rows of a
    window, output rows that many rows apart overlap.
    """
    kh, stride, gap = job.kernel[1], job.stride[1], job.dilation[1]
    if gap == 1:
        return 1, (height - 1) * stride + kh
    if stride == 1 and height % gap == 0:
        return gap, height // gap + kh - 1
    return height, kh  # no output rows share any


class Layout:
    """How the copies for tiles of one size are read and laid out.

    shape: (examples, groups, depth, phases, rows, kernel depth, inputs, kernel columns, width).
    """

    def __init__(self, job: ConvJob, place: Place, tile: Tile) -> None:
        (d0, d1, d2), (s0, s1, s2) = job.dilation, job.stride
        of_example, of_channel, of_plane, of_row, of_cell = place.strides
        depth, height, width = tile.extent
        examples, groups = tile.examples[1] - tile.examples[0], tile.groups[1] - tile.groups[0]
        kd, _, kw = job.kernel
        of_group, of_next_row = of_channel * job.inputs, of_row * s1
        self.shape = (examples, groups, depth, *phases_of(job, height), kd, job.inputs, kw, width)
        self._to_output = (of_example, of_group, of_plane * s0, of_next_row, of_cell * s2)
        of_window = (of_row * d1, of_plane * d0, of_channel, of_cell * d2)
        self._strides = (*self._to_output[:4], *of_window, of_cell * s2)
        self._reach = sum((n - 1) * step for n, step in zip(self.shape, self._strides, strict=True))
        self._dtype, self._in_pairs = job.dtype, _in_pairs(job)
        phases, each = self.shape[3], job.kernel[1] * kd * job.inputs * kw
        self._windows = (examples, groups, depth, phases, height // phases, each, width)
        self._step = s1 if d1 == 1 else 1
        self._parts: list[Index] = [] if place.padding is None else _blanks(job, tile)

    def start(self, tile: Tile) -> int:
        """Bytes from a place's offset to the first value to copy for a tile."""
        starts = (tile.examples[0], tile.groups[0], *tile.low)
        return sum(first * step for first, step in zip(starts, self._to_output, strict=True))

    def buffers(self, scratch: Scratch) -> Buffers:
        """Memory for the copies, and its parts."""
        array = scratch.take("columns", self.shape, self._dtype)
        strides = (*array.strides[:4], array.strides[4] * self._step, *array.strides[-2:])
        halves = array.view(np.uint32) if self._in_pairs else None
        parts = [array[index] for index in self._parts]
        return Buffers(array, halves, parts, strided(array, self._windows, strides))

    def copy(self, place: Place, start: int, to: Buffers) -> None:
        """Make the copies."""
        offset = place.offset + start
        if to.halves is not None and offset + self._reach + _PAIR.itemsize <= place.memory.nbytes:
            pairs: Array = np.ndarray(self.shape, _PAIR, place.memory, offset, self._strides)
            np.copyto(to.halves, pairs, casting="unsafe")
        else:
            np.copyto(to.copies, np.ndarray(self.shape, self._dtype, place.memory, offset, self._strides))
        for blank in to.parts:
            blank.fill(place.padding)


class EdgeLayout(Layout):
    """The layout for one tile along an edge of an input that is read as it is: cells are copied in parts."""

    def __init__(self, job: ConvJob, place: Place, tile: Tile) -> None:
        super().__init__(job, place, tile)
        self._in_pairs = False
        self._parts = []
        self._reads: list[tuple[Shape, Shape, int]] = []
        top, gap, stride = job.source.pads[1][0], job.dilation[1], job.stride[1]
        phases, rows = self.shape[3:5]
        for phase in range(phases):
            begin = (tile.low[1] + phase) * stride - top  # the input's row that is the first of the phase
            first = min(max(-(begin // gap), 0), rows)
            last = max(min((job.source.array.shape[3] - 1 - begin) // gap + 1, rows), first)
            for tap in range(job.kernel[2]):
                start, stop = _shown(job, tile, tap)
                if first < last and start < stop:
                    index = (slice(phase, phase + 1), slice(first, last), slice(tap, tap + 1))
                    self._add(index, slice(start, stop))

    def _add(self, index: tuple[slice, slice, slice], cells: slice) -> None:
        phase, rows, tap = index
        self._parts.append((..., phase, rows, slice(None), slice(None), tap, cells))
        starts = (0, 0, 0, phase.start, rows.start, 0, 0, tap.start, cells.start)
        shape = (*self.shape[:3], 1, rows.stop - rows.start, *self.shape[5:7], 1, cells.stop - cells.start)
        offset = sum(first * step for first, step in zip(starts, self._strides, strict=True))
        self._reads.append((shape, self._strides, offset))

    def copy(self, place: Place, start: int, to: Buffers) -> None:
        """Make the copies."""
        to.copies.fill(place.padding)
        for part, (shape, strides, offset) in zip(to.parts, self._reads, strict=True):
            first = place.offset + start + offset
            np.copyto(part, np.ndarray(shape, self._dtype, place.memory, first, strides))


class Buffers(NamedTuple):
    """Memory for copies, and views of it.

    halves: the values as integers, where they are the halves of pairs. parts: those that a layout treats
    apart. windows: what each output row is the product of the weights with, overlapping: (examples, groups,
    depth, phases, height, columns of the weights, width). Output row r is row r // phases of its phase,
    r % phases.
    """

    copies: Array
    halves: Array | None
    parts: list[Array]
    windows: Array


def _in_pairs(job: ConvJob) -> bool:
    return job.stride[2] == 2 and job.dtype.itemsize == 4 and _FIRST_IS_LOW


def _shown(job: ConvJob, tile: Tile, tap: int) -> Pair:
    """The columns of the tile, from and up to, for which a column of the kernel lies on the input."""
    cells, stride, width = job.source.array.shape[4], job.stride[2], tile.extent[2]
    shift = tile.low[2] * stride + tap * job.dilation[2] - job.source.pads[2][0]
    start = min(max(-(shift // stride), 0), width)
    return start, max(min((cells - 1 - shift) // stride + 1, width), start)


def _blanks(job: ConvJob, tile: Tile) -> list[Index]:
    """Where the copies for rows of the input show padding."""
    found: list[tuple[slice, slice]] = []  # columns of the kernel and of the tile
    for tap in range(job.kernel[2]):
        start, stop = _shown(job, tile, tap)
        for cells in (slice(0, start), slice(stop, tile.extent[2])):
            if cells.start >= cells.stop:
                continue
            for index, (taps, same) in enumerate(found):
                if same == cells and taps.stop == tap:  # one call for both
                    found[index] = (slice(taps.start, tap + 1), cells)
                    break
            else:
                found.append((slice(tap, tap + 1), cells))
    return [(..., taps, cells) for taps, cells in found]
