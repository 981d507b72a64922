"""Input rows copied once for each column of the kernel, for `rows`.

Each call of NumPy may have to wait for the interpreter while another thread holds it: so all columns of all
rows are copied by one call that takes the input as one run of numbers. Where a row is padded, the copies then
show the end of the row before or the beginning of the next one; a few calls write over these what padding
shows.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms.row_input import Place, in_pairs, phases_of
from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob, Tile
from convstudio.core.padding import shown_along
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Index: TypeAlias = tuple[Any, ...]

_PAIR = np.dtype(np.uint64)
_PHASE, _ROW, _TAP, _CELL = 3, 4, 7, 8  # axes of the copies


class Run(NamedTuple):
    """Copies from `at` on that show every `step`-th cell of the input from `first` on."""

    at: int
    size: int
    first: int
    step: int


class Patch(NamedTuple):
    """Copies that show other cells than the rest: which ones, and what they show.

    shape, strides: of the view of the input, which begins so many bytes (`offset`) after the first cell that
    a tile reads.
    """

    where: Index
    shape: Shape
    strides: Shape
    offset: int


class Buffers(NamedTuple):
    """Memory for copies, and views of it.

    halves: the values as integers, where they are the halves of pairs. blanks: what shows a constant.
    patches: what is copied apart. windows: what each output row is the product of the weights with,
    overlapping: (examples, groups, depth, phases, height, columns of the weights, width). Output row r is row
    r // phases of its phase, r % phases.
    """

    copies: Array
    halves: Array | None
    blanks: list[Array]
    patches: list[Array]
    windows: Array


class Layout:
    """How the copies for tiles of one size are read and laid out.

    shape: (examples, groups, depth, phases, rows, kernel depth, inputs, kernel columns, width).
    """

    def __init__(self, job: ConvJob, place: Place, tile: Tile) -> None:
        (d0, d1, d2), (s0, s1, s2) = job.dilation, job.stride
        of_example, of_channel, of_plane, of_row, of_cell = place.strides
        depth, height, width = tile.extent
        examples, groups = tile.examples[1] - tile.examples[0], tile.groups[1] - tile.groups[0]
        kd, kh, kw = job.kernel
        self.shape = (examples, groups, depth, *phases_of(job, height), kd, job.inputs, kw, width)
        self._to_output = (of_example, of_channel * job.inputs, of_plane * s0, of_row * s1, of_cell * s2)
        of_window = (of_row * d1, of_plane * d0, of_channel, of_cell * d2)
        self._strides = (*self._to_output[:4], *of_window, of_cell * s2)
        self._reach = sum((n - 1) * step for n, step in zip(self.shape, self._strides, strict=True))
        self._dtype, self._in_pairs = job.dtype, in_pairs(job)
        phases, each = self.shape[_PHASE], kh * kd * job.inputs * kw
        self._windows = (examples, groups, depth, phases, height // phases, each, width)
        self._step = s1 if d1 == 1 else 1
        # The cell of the input that the first copy shows: negative where that is padding.
        top, left = job.source.pads[1][0], job.source.pads[2][0]
        self._origin = (tile.low[1] * s1 - top, tile.low[2] * s2 - left)
        self._cell = (of_row, of_cell)
        self._blanks: list[Index] = []
        self._patches: list[Patch] = []
        if not place.padded:
            self._find_padding(job, tile)

    def start(self, tile: Tile) -> int:
        """Bytes from a place's offset to the first value to copy for a tile."""
        starts = (tile.examples[0], tile.groups[0], *tile.low)
        return sum(first * step for first, step in zip(starts, self._to_output, strict=True))

    def buffers(self, scratch: Scratch) -> Buffers:
        """Memory for the copies, and its parts."""
        array = scratch.take("columns", self.shape, self._dtype)
        strides = (*array.strides[:_ROW], array.strides[_ROW] * self._step, *array.strides[_TAP:])
        return Buffers(
            array,
            array.view(np.uint32) if self._in_pairs else None,
            [array[index] for index in self._blanks],
            [array[patch.where] for patch in self._patches],
            strided(array, self._windows, strides),
        )

    def copy(self, place: Place, start: int, to: Buffers) -> None:
        """Make the copies."""
        offset = place.offset + start
        if to.halves is not None and offset + self._reach + _PAIR.itemsize <= place.memory.nbytes:
            pairs: Array = np.ndarray(self.shape, _PAIR, place.memory, offset, self._strides)
            np.copyto(to.halves, pairs, casting="unsafe")
        else:
            np.copyto(to.copies, np.ndarray(self.shape, self._dtype, place.memory, offset, self._strides))
        self._write_over(place, offset, to)

    def _write_over(self, place: Place, offset: int, to: Buffers) -> None:
        for blank in to.blanks:
            blank.fill(place.value)
        for copies, (_, shape, strides, first) in zip(to.patches, self._patches, strict=True):
            shown: Array = np.ndarray(shape, self._dtype, place.memory, offset + first, strides)
            np.copyto(copies, shown)

    def _find_padding(self, job: ConvJob, tile: Tile) -> None:
        """The copies of the input's rows that show padding."""
        cells, constant = job.source.array.shape[4], job.source.mode in ("zeros", "constant")
        before, width = job.source.pads[2][0], self.shape[_CELL]
        for tap, padded in enumerate(_padded_columns(job, tile)):
            first, stop = (int(n) for n in np.searchsorted(padded, (before, before + cells)))
            for low, high in ((0, first), (stop, width)):
                if constant and low < high:
                    _add_blank(self._blanks, tap, slice(low, high))
                elif low < high:
                    for run in _runs(_shown(job, 2)[padded[low:high]], low):
                        self._patches.append(self._patch(tap, run))

    def _patch(self, tap: int, cells: Run, rows: Run | None = None, phase: int = 0) -> Patch:
        """The copies for a column of the kernel in some cells of all rows, or of some rows of a phase."""
        index: list[slice] = [slice(None)] * len(self.shape)
        shape, strides = list(self.shape), list(self._strides)
        offset = (cells.first - self._origin[1]) * self._cell[1]
        runs = [(_TAP, Run(tap, 1, 0, 0), 0), (_CELL, cells, self._cell[1])]
        if rows is not None:
            runs += [(_PHASE, Run(phase, 1, 0, 0), 0), (_ROW, rows, self._cell[0])]
            offset += (rows.first - self._origin[0]) * self._cell[0]
        for axis, run, each in runs:
            index[axis] = slice(run.at, run.at + run.size)
            shape[axis], strides[axis] = run.size, run.step * each
        return Patch(tuple(index), tuple(shape), tuple(strides), offset)


class EdgeLayout(Layout):
    """The layout for one tile along the top or bottom of the input: all cells are copied apart."""

    def _find_padding(self, job: ConvJob, tile: Tile) -> None:
        self._in_pairs = False
        if job.source.mode in ("zeros", "constant"):
            self._blanks.append(())  # all, of which then some show the input
        phases, rows = self.shape[_PHASE : _ROW + 1]
        columns = [_runs(_shown(job, 2)[padded]) for padded in _padded_columns(job, tile)]
        for phase in range(phases):
            first = (tile.low[1] + phase) * job.stride[1]
            padded_rows = first + np.arange(rows) * job.dilation[1]
            for run in _runs(_shown(job, 1)[padded_rows]):
                for tap, cells in enumerate(columns):
                    self._patches += [self._patch(tap, each, run, phase) for each in cells]

    def copy(self, place: Place, start: int, to: Buffers) -> None:
        """Make the copies."""
        self._write_over(place, place.offset + start, to)


def _padded_columns(job: ConvJob, tile: Tile) -> list[Array]:
    """For each column of the kernel, the columns of the padded input that the tile reads."""
    outputs = np.arange(tile.low[2], tile.high[2]) * job.stride[2]
    return [outputs + tap * job.dilation[2] for tap in range(job.kernel[2])]


def _shown(job: ConvJob, axis: int) -> Array:
    source = job.source
    return shown_along(source.array.shape[2 + axis], source.pads[axis], source.mode)


def _runs(shown: Array, at: int = 0) -> list[Run]:
    """Cells of the input in runs of even steps, without −1; `at` is where the first one stands."""
    found: list[Run] = []
    known = np.flatnonzero(shown >= 0)
    for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        cells = shown[part]
        steps = np.diff(cells)
        start = 0
        while start < len(cells):
            step = int(steps[start]) if start < len(steps) else 0
            others = np.flatnonzero(steps[start:] != step)
            size = (int(others[0]) if len(others) else len(steps) - start) + 1
            found.append(Run(at + int(part[start]), size, int(cells[start]), step))
            start += size
    return found


def _add_blank(blanks: list[Index], tap: int, cells: slice) -> None:
    for index, (_, taps, same) in enumerate(blanks):
        if same == cells and taps.stop == tap:  # one call for both
            blanks[index] = (..., slice(taps.start, tap + 1), cells)
            return
    blanks.append((..., slice(tap, tap + 1), cells))
