"""Whole rows of a picture computed where they lie, and their sides from small padded copies.

Where rows of input and output are equally long ("same" padding at stride 1), a band of input rows taken as
one flat run of numbers gives a flat run of the output: no row is padded and none copied out. At the sides of
the rows, where the run passes from one row to the next, it writes nonsense; these columns are computed after
it, left and right together.

Bands are small enough for a core's own cache, so there are many of them, and whatever the interpreter does
for one is done by one thread at a time: views and buffers are made once, not for each band.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import address
from convstudio.core.job import ConvJob, Tile, pieces, worth_cutting
from convstudio.core.padding import Segment, axis_segments
from convstudio.core.threads import Scratch, thread_count

Array: TypeAlias = npt.NDArray[Any]

_ALIGNED = 4  # numbers: runs that begin at a multiple of so many are written a quarter faster
_BANDS = 3  # for each thread, at least
_LEAST_ROWS = 16


class Frame:
    """The bands of a job's output, and the columns at their sides.

    width: of input and output. left, right: up to and from which column on the sides are computed apart.
    """

    def __init__(self, job: ConvJob) -> None:
        self._job = job
        self.width = job.cells[2]
        before, after = job.source.pads[2]
        self._first = before  # the first column whose windows need no padding
        self.left = before + _ALIGNED - 1 if before or after else 0
        self.right = self.width - after
        self._input = job.source.array.reshape(-1)
        self._output = job.out.reshape(-1)
        self._start = address(job.out) // job.out.itemsize
        # What a row of the padded copy of both sides shows of one of the input; where the right side begins.
        self._segments: list[Segment] = []
        self.pitch = self._second = 0
        if before or after:
            reach = job.reach((1, 1, 1))[2] - 1
            for low, high in ((0, self.left), (self.right, self.width)):
                self._second = self.pitch
                for start, stop, shown in axis_segments(
                    self.width, before, job.source.mode, low, high + reach
                ):
                    self._segments.append((start + self.pitch, stop + self.pitch, shown))
                self.pitch += high + reach - low

    def bands(self, most: int) -> list[Tile]:
        """Bands of rows of one channel group of one example each, of up to so many bytes in and out.

        There are a few for each thread, and as many for each where they are few.
        """
        job = self._job
        examples, groups, height = int(job.out.shape[0]), job.groups, job.cells[1]
        row = job.dtype.itemsize * self.width * (job.inputs + job.outputs)
        count = max(-(-height * row // most), -(-_BANDS * thread_count() // (examples * groups)))
        if examples * groups == 1:
            count = -(-count // thread_count()) * thread_count()
        whole = Tile((0, examples), (0, groups), (0, 0, 0), (1, height, self.width))
        return pieces(whole, (1, 1, 1, max(_LEAST_ROWS, -(-height // count)), self.width))

    def inputs(self, tile: Tile, scratch: Scratch) -> Array:
        """The rows that a band reads, (input channels, flat run), as a view where none is padding."""
        job = self._job
        top = job.source.pads[1][0]
        height = job.source.array.shape[3]
        low, high = tile.low[1] - top, tile.high[1] - 1 - top + job.reach((1, 1, 1))[1]
        if low < 0 or high > height:
            block = job.read_columns(tile, scratch)
            return block.reshape(job.inputs, -1)
        example, group = tile.examples[0], tile.groups[0]
        plane = (example * job.groups + group) * job.inputs * height
        if job.inputs == 1:
            start = (plane + low) * self.width
            return self._input[None, start : start + (high - low) * self.width]
        planes = self._input.reshape(-1, height * self.width)
        return planes[plane // height : plane // height + job.inputs, low * self.width : high * self.width]

    def run(self, tile: Tile, output: int) -> tuple[int, Array, Array]:
        """The cells of a band of one output channel of a group, as (rows, width), and their flat run.

        The run goes up to the last row's last inner cell. It begins at or a little after the first inner
        cell, where memory is aligned; with it comes the cell of the band's input, counted from its first, at
        which its first window begins.
        """
        job = self._job
        channel = (tile.examples[0] * job.groups + tile.groups[0]) * job.outputs + output
        low = (channel * job.cells[1] + tile.low[1]) * self.width
        rows = tile.high[1] - tile.low[1]
        start = low + self._first
        skipped = -(self._start + start) % _ALIGNED if self._segments else 0  # the sides make up for it
        run = self._output[start + skipped : low + (rows - 1) * self.width + self.right]
        return skipped, run, self._output[low : low + rows * self.width].reshape(rows, self.width)

    def sides(
        self, shape: tuple[int, int], rows: int, borders: Sequence[float], scratch: Scratch
    ) -> Sides | None:
        """Buffers for the sides of bands of so many rows; None if there are none to compute.

        shape: channels and rows that they are computed from. borders: the constant that each channel is
        padded with, if that is the mode.
        """
        if not self._segments:
            return None
        return Sides(self, self._segments, self._second, shape, rows, borders, self._job.dtype, scratch)


class Sides:
    """The sides of bands of one height, one after the other."""

    def __init__(
        self,
        frame: Frame,
        segments: Sequence[Segment],
        second: int,
        shape: tuple[int, int],
        rows: int,
        borders: Sequence[float],
        dtype: np.dtype[Any],
        scratch: Scratch,
    ) -> None:
        self._frame = frame
        self.padded = scratch.take("sides", (*shape, frame.pitch), dtype)
        self._shown = np.zeros(frame.pitch, np.intp)  # the column that each column of `padded` shows
        self._constant = [slice(start, stop) for start, stop, shown in segments if shown is None]
        self._borders = np.reshape(np.array(borders, dtype), (-1, 1, 1))
        for start, stop, shown in segments:
            if shown is not None:
                self._shown[start:stop] = np.arange(frame.width)[shown]
        cells = scratch.take("both sides", (rows, frame.pitch), dtype)
        last = second + frame.width - frame.right
        self.run = cells.reshape(-1)[: (rows - 1) * frame.pitch + last]
        self._parts = cells[:, : frame.left], cells[:, second:last]

    def compute(self, values: Array, sum_into: Callable[[Array, Array], None], target: Array) -> None:
        """Compute the sides of a band, (rows, width) cells of one output channel.

        values: (channels, rows, width), from which `sum_into` computes a flat run when given (channels, rows,
        pitch) of them with their sides padded.
        """
        # All columns are within bounds; "clip" keeps NumPy from buffering the output.
        np.take(values, self._shown, 2, self.padded, mode="clip")
        for columns in self._constant:
            self.padded[:, :, columns] = self._borders
        sum_into(self.padded, self.run)
        left, right = self._parts
        np.copyto(target[:, : self._frame.left], left)
        np.copyto(target[:, self._frame.right :], right)


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
