"""Whole rows of a picture computed where they lie, and their sides from small padded copies.

Where rows of input and output are equally long ("same" padding at stride 1), a band of input rows taken as
one flat run of numbers gives a flat run of the output: no row is padded and none copied out. At the sides of
the rows, where the run passes from one row to the next, it writes nonsense; these columns are computed after
it, left and right together.

Each call of NumPy may have to wait for the interpreter, some 20 µs where two threads are at work: so the
sides are computed for whole tiles, and what is the same for all tiles is made once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import address, surely_finite
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile, pieces, worth_cutting
from convstudio.core.padding import axis_segments
from convstudio.core.threads import Scratch, thread_count

Array: TypeAlias = npt.NDArray[Any]

_ALIGNED = 4  # numbers: runs that begin at a multiple of so many are written a quarter faster
_LEAST_ROWS = 16


class Frame:
    """The rows of a job's output in tiles, what they read, and the columns at their sides.

    width: of input and output. left, right: up to and from which column on the sides are computed apart.
    """

    def __init__(self, job: ConvJob) -> None:
        self._job = job
        self.width = job.cells[2]
        before, after = job.source.pads[2]
        self._before = before  # also the first column whose windows need no padding
        self.left = before + _ALIGNED - 1 if before or after else 0
        self.right = self.width - after
        self._height, self._input_height = job.cells[1], int(job.source.array.shape[3])
        self._reach = job.reach((1, 1, 1))[1]
        self._top = job.source.pads[1][0]
        # The rows whose windows reach over neither top nor bottom.
        self._inner = (self._top, self._top + self._input_height - self._reach + 1)
        self._input = job.source.array.reshape(-1, self._input_height * self.width)
        self._output = job.out.reshape(-1, self._height * self.width)
        self._start = address(job.out) // job.out.itemsize
        self.sided = before + after > 0

    def tiles(self, most: int) -> list[Tile]:
        """Tiles of rows of one channel group of one example each, of up to so many bytes in and out.

        There are at least two for each thread, and of a single plane as many for each.
        """
        shape = (int(self._job.out.shape[0]), self._job.groups, self._height, self.width)
        return _tiles(*shape, self.row_bytes, most)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of all inputs and outputs of a group."""
        return self._job.dtype.itemsize * self.width * (self._job.inputs + self._job.outputs)

    def parts(self, low: int, high: int) -> list[Pair]:
        """Output rows in ranges: those whose windows reach over the top or bottom apart from all others.

        Only for these few are input rows then copied.
        """
        first, last = self._inner
        if (first <= low and high <= last) or first >= last:
            return [(low, high)]
        cuts = [low, *(row for row in self._inner if low < row < high), high]
        return list(pairwise(cuts))

    def inputs(self, tile: Tile, low: int, high: int, scratch: Scratch) -> Array:
        """The input rows that some output rows of a tile read, (input channels, flat run).

        A view where none is padding.
        """
        job = self._job
        if low < self._inner[0] or high > self._inner[1]:
            part = tile._replace(low=(0, low, 0), high=(1, high, self.width))
            return job.read_columns(part, scratch).reshape(job.inputs, -1)
        start = (low - self._top) * self.width
        return self.planes(tile)[:, start : start + (high - low + self._reach - 1) * self.width]

    def finite(self, tile: Tile) -> bool:
        """Whether a quick look proves that all that a tile reads is finite."""
        source, (first, last) = self._job.source, self._inner
        height, (before, after) = self._input_height, source.pads[1]
        low, high = tile.low[1] - before, tile.high[1] - before + self._reach - 1
        if tile.low[1] < first:  # padding shows rows of this edge, at most so many
            low, high = 0, max(high, before + 1)
        if tile.high[1] > last:
            low, high = min(low, height - after - 1), height
        if source.mode == "circular" and not first <= tile.low[1] < tile.high[1] <= last:
            low, high = 0, height
        cells = slice(max(low, 0) * self.width, min(high, height) * self.width)
        return math.isfinite(source.value) and all(
            surely_finite(channel[cells]) for channel in self.planes(tile)
        )

    def planes(self, tile: Tile) -> Array:
        """The tile's input channels, (input channels, all cells), as they lie."""
        first = (tile.examples[0] * self._job.groups + tile.groups[0]) * self._job.inputs
        return self._input[first : first + self._job.inputs]

    def run(self, tile: Tile, output: int, low: int, high: int) -> tuple[int, Array]:
        """The flat run of some output rows of a tile, in one output channel of its group.

        It goes up to the last row's last inner cell. It begins at or a little after the first inner cell,
        where memory is aligned; with it comes the cell of the input, counted from the first of `inputs`, at
        which its first window begins.
        """
        plane = (tile.examples[0] * self._job.groups + tile.groups[0]) * self._job.outputs + output
        start = low * self.width + self._before
        # The sides make up for what is skipped.
        skipped = -(self._start + plane * self._height * self.width + start) % _ALIGNED if self.sided else 0
        return skipped, self._output[plane, start + skipped : (high - 1) * self.width + self.right]

    def target(self, tile: Tile, output: int) -> Array:
        """The cells of a tile in one output channel of its group, as (rows, width)."""
        plane = (tile.examples[0] * self._job.groups + tile.groups[0]) * self._job.outputs + output
        cells = self._output[plane, tile.low[1] * self.width : tile.high[1] * self.width]
        return cells.reshape(-1, self.width)


class Sides:
    """The columns at the sides of a job's tiles: the left ones, then the right ones, in rows of `pitch`."""

    def __init__(self, job: ConvJob, frame: Frame) -> None:
        self._job = job
        self._frame = frame
        source, reach = job.source, job.reach((1, 1, 1))[2] - 1
        self._second = frame.left + reach
        self.pitch = self._second + frame.width - frame.right + reach
        edges = (frame.left, frame.right)
        self._constant, self._shown = _columns(frame.width, source.pads[2][0], source.mode, edges, reach)

    def compute(self, tile: Tile, sum_into: Callable[[int, Array, Array], None], scratch: Scratch) -> None:
        """Compute the sides of a tile.

        For each output channel of the group, `sum_into` computes its flat run when given the channel's index,
        (input channels, rows, pitch) cells as padded, and where to write.
        """
        frame = self._frame
        rows, last = tile.extent[1], self._second + frame.width - frame.right
        padded = self._padded(tile, scratch)
        cells = scratch.take("both sides", (rows, self.pitch), self._job.dtype)
        for output in range(self._job.outputs):
            sum_into(output, padded, cells.reshape(-1)[: (rows - 1) * self.pitch + last])
            target = frame.target(tile, output)
            target[:, : frame.left] = cells[:, : frame.left]
            target[:, frame.right :] = cells[:, self._second : last]

    def _padded(self, tile: Tile, scratch: Scratch) -> Array:
        """All that the sides of a tile read: (input channels, rows, pitch)."""
        job, source = self._job, self._job.source
        low, rows = tile.low[1], job.reach(tile.extent)[1]
        padded = scratch.take("sides", (job.inputs, rows, self.pitch), job.dtype)
        planes = self._frame.planes(tile).reshape(job.inputs, -1, self._frame.width)
        for start, stop, shown in axis_segments(
            planes.shape[1], source.pads[1][0], source.mode, low, low + rows
        ):
            if shown is None:
                padded[:, start:stop] = source.value
            else:
                padded[:, start:stop] = planes[:, shown].take(self._shown, 2)
        for columns in self._constant:
            padded[:, :, columns] = source.value
        return padded


@lru_cache(maxsize=64)
def _tiles(examples: int, groups: int, height: int, width: int, row_bytes: int, most: int) -> list[Tile]:
    cores, planes = thread_count(), examples * groups
    count = max(-(-height * row_bytes // most), -(-2 * cores // planes))
    if planes == 1:  # one for each thread will do, as each costs some waiting
        count = -(-height * row_bytes // (most * cores)) * cores
    whole = Tile((0, examples), (0, groups), (0, 0, 0), (1, height, width))
    return pieces(whole, (1, 1, 1, max(_LEAST_ROWS, -(-height // count)), width))


@lru_cache(maxsize=64)
def _columns(width: int, before: int, mode: str, edges: Pair, reach: int) -> tuple[list[slice], Array]:
    """The columns of `Sides` that show a constant, and for each other one which column of the input."""
    left, right = edges
    second = left + reach
    constant: list[slice] = []
    shown = np.zeros(second + width - right + reach, np.intp)
    for place, low, high in ((0, 0, left), (second, right, width)):
        for start, stop, cells in axis_segments(width, before, mode, low, high + reach):
            columns = slice(start + place, stop + place)
            if cells is None:
                constant.append(columns)
            else:
                shown[columns] = np.arange(width)[cells]
    return constant, shown


def frame_of(job: ConvJob) -> Frame | None:
    """The job's frame; None where rows cannot be computed in place, or are too few or too short for that."""
    depth, height, width = job.cells
    source = job.source
    if (
        job.stride != (1, 1, 1)
        or depth != 1
        or source.shape[0] != 1
        or not source.in_place
        or source.array.shape[4] != width
        or not worth_cutting(height * width)
        or width - sum(source.pads[2]) - _ALIGNED < width // 2
    ):
        return None
    return Frame(job)
