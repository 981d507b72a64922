"""Passes over flat runs of numbers, for `separable` at stride 1.

A pass along the height adds rows, one along the width neighbours; with all rows one after the other in a flat
run, both add the run to itself, moved by the length of a row or by one. What a run holds at the joints
between rows or planes is nonsense, and left behind or overwritten by the sides (see `frame`).

A long pass of equal weights is done by doubling, in about 2 · log2(taps) additions; any other along the
height is a product of the weights with the rows, and along the width it takes its taps in one pass each,
where weights of zero are left out if the input is finite.

Each call of NumPy may have to wait for the interpreter, some 20 µs where two threads are at work: so there
are as few as can be for a tile.
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
from convstudio.core.frame import Frame, Sides, frame_of
from convstudio.core.job import ConvJob, Tile, Triple, Work, fit_tile, tiles_of, whole
from convstudio.core.speeds import plans_steadily
from convstudio.core.threads import Scratch
from convstudio.core.weighted_sum import weighted_sum

Array: TypeAlias = npt.NDArray[Any]

_CACHE = 1 << 20  # bytes of input, output and what is between, of a tile
_BAND = 1 << 20  # bytes of input and output of a band that is computed in place
_TILE = 9 << 20  # the same of a tile, which is some bands
_ONE = 1.0001  # up to this gain, but for rounding, passes before the last cannot overflow
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
    steps = (job.cells[1] * job.cells[2], job.cells[2], 1)
    for group in passes:
        for each in group:
            for _, *columns in each.terms:
                for column, step in zip(columns, steps, strict=True):
                    work = column.work(step * column.gap)
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
        return frame.tiles(_TILE), _Bands(job, frame, passes, look)

    def compute(tile: Tile, scratch: Scratch) -> bool:
        block = job.read(tile, scratch)
        finite = look and surely_finite(block)
        exact = True
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
            program = _program(each, (rows * pitch, pitch), job.dtype, finite, plans_steadily())
            program.apply(inputs.reshape(job.inputs, -1), total.reshape(-1)[:run], scratch)
            result[...] = total[:, :height, :width]
            exact = exact and program.exact
        return finite or exact

    full = whole(job)
    size = job.dtype.itemsize
    terms = max(len(each.terms) for group in passes for each in group)

    def needed(extents: Sequence[int]) -> int:
        read = (job.inputs + terms) * math.prod(job.reach(extents[2:]))
        return size * extents[0] * extents[1] * (read + job.outputs * math.prod(extents[2:]))

    return tiles_of(full, fit_tile(full, needed, most=_CACHE)), compute


class _Bands:
    """How to compute whole rows in place, each tile in bands of rows."""

    def __init__(self, job: ConvJob, frame: Frame, passes: list[list[Passes]], look: bool) -> None:
        self._job = job
        self._frame = frame
        self._passes = passes
        self._look = look
        self._sides = Sides(job, frame) if frame.sided else None
        self._band = max(_BAND // frame.row_bytes, 1)

    def __call__(self, tile: Tile, scratch: Scratch) -> bool:
        """Compute a tile; True if there is nothing to mend."""
        job, frame = self._job, self._frame
        finite = self._look and frame.finite(tile)
        passes, dtype = self._passes[tile.groups[0]], job.dtype
        programs = [_program(each, (0, frame.width), dtype, finite, plans_steadily()) for each in passes]
        for output, program in enumerate(programs):
            self._compute(tile, output, program, scratch)
        if self._sides is not None:
            offsets = (0, self._sides.pitch)

            def sum_into(output: int, padded: Array, cells: Array) -> None:
                program = _program(passes[output], offsets, dtype, finite, plans_steadily())
                program.apply(padded.reshape(job.inputs, -1), cells, scratch)

            self._sides.compute(tile, sum_into, scratch)
        return finite or all(program.exact for program in programs)

    def _compute(self, tile: Tile, output: int, program: _Program, scratch: Scratch) -> None:
        """Filter a tile into one output channel of its group, but for the sides."""
        frame, width = self._frame, self._frame.width
        count = -(-tile.extent[1] // self._band)
        band = -(-tile.extent[1] // count)
        room = scratch.take("middle", (program.terms, band * width), self._job.dtype)
        for low in range(tile.low[1], tile.high[1], band):
            high = min(low + band, tile.high[1])
            for start, stop in frame.parts(low, high) if program.joins else [(low, high)]:
                inputs = frame.inputs(tile, start, stop, scratch)
                first, size = (start - low) * width, (stop - start) * width
                middle = program.to_width(inputs, room, first, size, scratch)
            begin, run = frame.run(tile, output, low, high)
            program.along_width(middle[:, begin:], run, scratch)


@lru_cache(maxsize=256)
def _program(
    passes: Passes, offsets: tuple[int, int], dtype: np.dtype[Any], finite: bool, _steady: bool
) -> _Program:
    return _Program(passes, offsets, dtype, finite)


class _Program:
    """The passes of one output channel over flat runs.

    offsets: cells from one plane and from one row to the next. joins: whether passes come before the last.
    exact: whether there is nothing to mend, since NaN stays in its windows, and what is summed does not
    overflow on the way.
    """

    def __init__(self, passes: Passes, offsets: tuple[int, int], dtype: np.dtype[Any], finite: bool) -> None:
        terms = passes.terms
        self.terms = len(terms)
        self.joins = len(terms) > 1 or terms[0][1].counts or terms[0][2].counts
        self._first: list[tuple[int, ColumnSum | None, int, ColumnSum | None]] = []
        self._scales: list[float] = []  # by what each term is to be multiplied before the last pass
        width = terms[0][3]
        self._gap, self._reach = width.gap, width.reach
        self._last = ColumnSum(width, 1, 1.0, dtype, finite=finite)
        left = self._last.left if len(terms) == 1 else 1.0
        folded = _folded(passes, left, finite)
        for channel, depth, height, _ in terms:
            scale, over_depth, over_height = folded, None, None
            if depth.counts:
                over_depth = ColumnSum(depth, offsets[0], scale, dtype, finite=finite)
                scale = over_depth.left
            if height.counts:
                over_height = ColumnSum(height, offsets[1], scale, dtype, finite=finite)
                scale = over_height.left
            self._first.append((channel, over_depth, height.reach * offsets[1], over_height))
            self._scales.append(scale / folded)
        self.exact = False
        if len(terms) > 1:
            each = [term[3].weights * scale for term, scale in zip(terms, self._scales, strict=True)]
            self._weights = np.array(each).astype(dtype)
            return
        factor = scale if folded == left else scale / folded * left
        if self._last.multiplies and scale != folded:
            self._last = ColumnSum(width, 1, factor, dtype, finite=finite)
        self._factor = dtype.type(1.0 if self._last.multiplies else factor)
        tame = over_depth is None and over_height is not None and over_height.gain <= _ONE
        self.exact = tame and not self._last.spreads

    def apply(self, inputs: Array, total: Array, scratch: Scratch) -> None:
        """All passes over (channels, flat run) into a flat run."""
        room = len(total) + self._reach
        middle = scratch.take("middle", (self.terms, room), total.dtype)
        self.along_width(self.to_width(inputs, middle, 0, room, scratch), total, scratch)

    def to_width(self, inputs: Array, room: Array, first: int, size: int, scratch: Scratch) -> Array:
        """All passes but the last over (channels, flat run), into so many cells from `first` on.

        Returns (terms, cells): all of the `room`, or the inputs themselves where there are no such passes.
        """
        if not self.joins:
            return inputs[self._first[0][0], None, :size]
        for index, (channel, over_depth, reach, over_height) in enumerate(self._first):
            values, middle = inputs[channel], room[index, first : first + size]
            if over_depth is not None and over_height is not None:
                deep = scratch.take("deep", (size + reach,), room.dtype)
                over_depth(values, deep, scratch)
                over_height(deep, middle, scratch)
            elif over_height is not None:
                over_height(values, middle, scratch)
            elif over_depth is not None:
                over_depth(values, middle, scratch)
            else:
                np.copyto(middle, values[:size])
        return room

    def along_width(self, middle: Array, total: Array, scratch: Scratch) -> None:
        """The last pass: the run of all terms joined."""
        if self.terms == 1:
            self._last(middle[0], total, scratch)
            if self._factor != 1:
                np.multiply(total, self._factor, out=total)
            return
        size = total.itemsize
        strides = (middle.strides[0], self._gap * size, size)
        weighted_sum(self._weights, strided(middle, (*self._weights.shape, len(total)), strides), total)


def _folded(passes: Passes, left: float, finite: bool) -> float:
    """What to multiply the weights of the first passes by: a factor that the last one leaves to others.

    If it leaves none, a power of two that keeps sums before it from overflowing.
    """
    if left != 1 or finite or len(passes.terms) > 1:
        return left if left and math.isfinite(left) else 1.0
    total = float(np.abs(passes.terms[0][2].weights).sum())
    return 0.5 ** max(math.frexp(total)[1], 0) if math.isfinite(total) else 1.0
