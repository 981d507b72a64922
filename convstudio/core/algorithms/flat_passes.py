"""Passes over flat runs of numbers, for `separable` at stride 1.

A pass along the height adds rows, one along the width neighbours; with all rows one after the other in a flat
run, both add the run to itself, moved by the length of a row or by one. What a run holds at the joints
between rows or planes is nonsense, and left behind or overwritten by the sides (see `frame`).

A pass of equal weights is done by doubling, in about 2 · log2(taps) additions; any other takes its taps in
one pass each, where weights of zero are left out if the input is finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms.column_sum import Column, ColumnSum
from convstudio.core.arrays import strided, surely_finite
from convstudio.core.factor import separate
from convstudio.core.frame import Frame, frame_of
from convstudio.core.job import ConvJob, Tile, Triple, Work, fit_tile, tiles_of, whole
from convstudio.core.threads import Scratch
from convstudio.core.weighted_sum import weighted_sum

Array: TypeAlias = npt.NDArray[Any]

_CACHE = 1 << 20  # bytes of input, output and what is between, of a tile
_BAND = 3 << 19  # bytes of input and output of a band that is computed in place
_TAME = 1e18  # the largest sum of magnitudes of weights with which finite sums of squares give finite results


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """The passes of one output channel: for each term its input channel, and a column per axis.

    skips: whether taps of weight zero can be left out where the input is finite, so that it is worth a look.
    gain: the largest sum of magnitudes that passes can multiply the input by.
    """

    terms: tuple[tuple[int, Column, Column, Column], ...]
    skips: bool
    gain: float

    @staticmethod
    def of(kernels: Array, dilation: Triple, dtype: np.dtype[Any]) -> Passes:
        """The passes of one output channel's kernels, (input channels, depth, height, width)."""
        found, gain, skips = [], 0.0, False
        for channel, kernel in enumerate(kernels):
            for term in separate(kernel, dtype):
                depth, height, width = (Column.of(*axis) for axis in zip(term, dilation, strict=True))
                found.append((channel, depth, height, width))
                skips = skips or depth.zeros or height.zeros or width.zeros
                gain += math.prod(max(float(np.abs(column).sum()), len(column)) for column in term)
        return Passes(tuple(found), skips, gain)


def passes_of(job: ConvJob) -> list[list[Passes]] | None:
    """Passes for each group's output channels, or None if flat runs are not the way for this job."""
    if job.stride != (1, 1, 1):
        return None
    exact = job.exact
    return _passes_of(exact.tobytes(), exact.dtype.str, exact.shape, job.dilation, job.dtype)


@lru_cache(maxsize=32)
def _passes_of(
    data: bytes, type_: str, shape: tuple[int, ...], dilation: Triple, dtype: np.dtype[Any]
) -> list[list[Passes]]:
    return [
        [Passes.of(one, dilation, dtype) for one in group]
        for group in np.frombuffer(data, type_).reshape(shape)
    ]


def work_of(job: ConvJob) -> tuple[float, float] | None:
    """Passes over the cells and multiply-adds a cell, over all channels; None where `passes_of` is."""
    passes = passes_of(job)
    if passes is None:
        return None
    added = multiplied = 0.0
    for group in passes:
        for each in group:
            for _, *columns in each.terms:
                for column in columns:
                    work = column.work()
                    added, multiplied = added + work[0], multiplied + work[1]
    return added, multiplied


def prepare(job: ConvJob, passes: list[list[Passes]]) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    frame = frame_of(job)
    # Without taps to leave out it is quicker to look at the output, which is in the cache then.
    look = all(each.gain < _TAME for group in passes for each in group) and any(
        each.skips for group in passes for each in group
    )
    if frame is not None:
        return frame.bands(_BAND), _Bands(job, frame, passes, look)

    def compute(tile: Tile, scratch: Scratch) -> bool:
        block = job.read(tile, scratch)
        finite = look and surely_finite(block)
        target = job.target(tile)
        rows, pitch = block.shape[3:]
        depth, height, width = tile.extent
        run = (depth - 1) * rows * pitch + (height - 1) * pitch + width
        for example, channel in product(range(block.shape[0]), range(target.shape[1])):
            group, output = divmod(channel, job.outputs)
            inputs = block[example, group * job.inputs : (group + 1) * job.inputs]
            result = target[example, channel]
            total = scratch.take("total", (depth, rows, pitch), job.dtype, copied_to=result)
            each = passes[tile.groups[0] + group][output]
            room = run + each.terms[0][3].reach
            program = _Program(each, (rows * pitch, pitch), room, job.dtype, scratch, finite)
            values = program.to_width(inputs.reshape(job.inputs, -1))
            program.along_width(values, total.reshape(-1)[:run])
            result[...] = total[:, :height, :width]
        return finite

    full = whole(job)
    size = job.dtype.itemsize
    terms = max(len(each.terms) for group in passes for each in group)

    def needed(extents: Sequence[int]) -> int:
        read = (job.inputs + terms) * math.prod(job.reach(extents[2:]))
        return size * extents[0] * extents[1] * (read + job.outputs * math.prod(extents[2:]))

    return tiles_of(full, fit_tile(full, needed, most=_CACHE)), compute


class _Bands:
    """How to compute bands of whole rows in place."""

    def __init__(self, job: ConvJob, frame: Frame, passes: list[list[Passes]], look: bool) -> None:
        self._job = job
        self._frame = frame
        self._passes = passes
        self._look = look
        self._programs: dict[tuple[Scratch, Passes, int, bool], _BandProgram] = {}

    def __call__(self, tile: Tile, scratch: Scratch) -> bool:
        job, frame = self._job, self._frame
        inputs = frame.inputs(tile, scratch)
        finite = self._look and surely_finite(inputs)
        rows = tile.high[1] - tile.low[1]
        for output, passes in enumerate(self._passes[tile.groups[0]]):
            key = (scratch, passes, rows, finite)
            program = self._programs.get(key)
            if program is None:
                program = self._programs[key] = _BandProgram(job, frame, passes, rows, scratch, finite)
            program.compute(inputs, *frame.run(tile, output))
        return finite


class _Program:
    """The passes of one output channel over flat runs, with their buffers.

    offsets: cells from one plane and from one row to the next. room: cells that the pass along the width
    reads.
    """

    def __init__(
        self,
        passes: Passes,
        offsets: tuple[int, int],
        room: int,
        dtype: np.dtype[Any],
        scratch: Scratch,
        finite: bool,
    ) -> None:
        terms = passes.terms
        self._first: list[tuple[int, ColumnSum | None, Array | None, ColumnSum | None]] = []
        self.scales: list[float] = []
        # One term without a pass along the height: nothing to join, and nowhere to put it.
        self._middle: Array | None = None
        if len(terms) > 1 or terms[0][2].counts:
            self._middle = scratch.take("middle", (len(terms), room), dtype)
        self._room = room
        for channel, depth, height, _ in terms:
            scale, over_depth, deep, over_height = 1.0, None, None, None
            if depth.counts:
                size = room + height.reach * offsets[1]
                deep = scratch.take("deep", (size,), dtype)
                over_depth = ColumnSum(depth, offsets[0], scale, size, dtype, scratch, finite=finite)
                scale = over_depth.left
            if height.counts:
                over_height = ColumnSum(height, offsets[1], scale, room, dtype, scratch, finite=finite)
                scale = over_height.left
            self._first.append((channel, over_depth, deep, over_height))
            self.scales.append(scale)
        width = terms[0][3]
        self._gap = width.gap
        if len(terms) == 1:
            self._last = ColumnSum(width, 1, scale, room, dtype, scratch, finite=finite)
            self._factor = dtype.type(self._last.left)
        else:
            each = [term[3].weights * scale for term, scale in zip(terms, self.scales, strict=True)]
            self._weights = np.array(each).astype(dtype)

    def to_width(self, inputs: Array) -> Array:
        """All passes but the last over (channels, flat run): (terms, room)."""
        for index, (channel, over_depth, deep, over_height) in enumerate(self._first):
            values = inputs[channel]
            if over_depth is not None and deep is not None:
                over_depth(values, deep)
                values = deep
            if self._middle is None:
                break
            if over_height is not None:
                over_height(values, self._middle[index])
            else:
                np.copyto(self._middle[index], values[: self._room])
        return values[None, : self._room] if self._middle is None else self._middle

    def along_width(self, middle: Array, total: Array) -> None:
        """The last pass: the run of all terms joined."""
        if len(self._first) == 1:
            self._last(middle[0], total)
            if self._factor != 1:
                np.multiply(total, self._factor, out=total)
            return
        size = total.itemsize
        strides = (middle.strides[0], self._gap * size, size)
        weighted_sum(self._weights, strided(middle, (*self._weights.shape, len(total)), strides), total)

    def side(self, padded: Array, total: Array) -> None:
        """`along_width` for (terms, rows, pitch)."""
        self.along_width(padded.reshape(len(padded), -1), total)


class _BandProgram:
    """The passes of one output channel over bands of one height."""

    def __init__(
        self, job: ConvJob, frame: Frame, passes: Passes, rows: int, scratch: Scratch, finite: bool
    ) -> None:
        self._shape = (len(passes.terms), rows, frame.width)
        size = rows * frame.width
        self._program = _Program(passes, (0, frame.width), size, job.dtype, scratch, finite)
        # The sides are padded before the last pass: by what the others make of a constant.
        border = job.source.value
        borders = [
            border * float(depth.weights.sum() * height.weights.sum()) / scale if border and scale else 0.0
            for (_, depth, height, _), scale in zip(passes.terms, self._program.scales, strict=True)
        ]
        self._sides = frame.sides((len(passes.terms), rows), rows, borders, scratch)

    def compute(self, inputs: Array, begin: int, run: Array, target: Array) -> None:
        """Filter the (channels, flat run) inputs into a band of the output and its run (see `Frame.run`)."""
        middle = self._program.to_width(inputs)
        self._program.along_width(middle[:, begin:], run)
        if self._sides is not None:
            self._sides.compute(middle.reshape(self._shape), self._program.side, target)
