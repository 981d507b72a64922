"""Passes by banded matrices, for `separable` with long columns or a stride.

The vertical pass multiplies the input rows, as they lie, by the kernel's column: for each output row, or for
long columns for a band of them, by a (band × rows read) matrix that holds the column one cell further on in
each row. The horizontal pass takes shifted copies of the rows if there are few, else overlapping windows,
each of which such a matrix turns into a strip of output columns. Padding at the sides is made between the
passes, which gives the same and saves copying the input.

Multiplying by the zeros of the bands spreads NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.factor import Term, separate
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole, whole_bands
from convstudio.core.padding import axis_segments
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

_SHORT = 5  # taps up to which a horizontal product takes shifted copies of the rows, as `rows` does
_STRIP = 16  # output columns that one row of a horizontal product makes, for longer kernels
_LONG = 16  # taps from which a vertical product of several rows beats one for each row
_BAND = 16  # its output rows
_DEEP = 8  # output slices of one product along depth


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    band = _band(job, full[3])

    def needed(extents: Sequence[int]) -> int:
        rows = extents[3] * band
        depth, height, width = job.reach((extents[2], rows, extents[4]))
        read = job.inputs * depth * height + extents[2] * height
        windows = job.kernel[2] if job.kernel[2] <= _SHORT else 1 + job.reach((1, 1, 16))[2] // 16
        return job.dtype.itemsize * width * (read + (2 + windows) * extents[2] * rows)

    extents = fit_tile((1, 1, min(full[2], _DEEP), -(-full[3] // band), full[4]), needed)
    extents[3] *= band
    return whole_bands(tiles_of(full, extents), band), work(job)


def _band(job: ConvJob, height: int) -> int:
    return min(_BAND, height) if job.kernel[1] >= _LONG else 1


def _strip(job: ConvJob) -> int:
    return min(_STRIP if job.kernel[2] < 2 * _STRIP else 2 * _STRIP, job.cells[2])


def work(job: ConvJob) -> Work:
    """How to compute a tile whose height is a whole number of bands or less than one."""
    matrices: dict[tuple[int, ...], list[_Passes]] = {}

    def passes_of(group: int, output: int, channel: int, depth: int, band: int) -> list[_Passes]:
        key = (group, output, channel, depth, band)
        if key not in matrices:
            terms = separate(job.exact[group, output, channel], job.dtype)
            matrices[key] = [_Passes(job, term, depth, band) for term in terms]
        return matrices[key]

    # Sides can be padded between the passes where every column of the input goes through the first.
    late_sides = job.kernel[2] > 1 and (job.kernel[0] > 1 or job.kernel[1] > 1)

    def compute(tile: Tile, scratch: Scratch) -> None:
        depth, height, width = tile.extent
        band = _band(job, height)
        late = late_sides and width == job.cells[2]
        for example, group in product(range(*tile.examples), range(*tile.groups)):
            part = tile._replace(examples=(example, example + 1), groups=(group, group + 1))
            block = (job.read_columns(part, scratch) if late else job.read(part, scratch))[0]
            target = job.target(part)[0]
            for output, channel in product(range(job.outputs), range(job.inputs)):
                for index, passes in enumerate(passes_of(group, output, channel, depth, band)):
                    if channel == 0 and index == 0:
                        passes.apply(block[channel], target[output], scratch, late)
                        continue
                    term = scratch.take("term", tile.extent, job.dtype)
                    passes.apply(block[channel], term, scratch, late)
                    np.add(target[output], term, out=target[output])

    return compute


class _Passes:
    """One outer product as up to three banded matrices, for tiles of one depth and bands of one height."""

    def __init__(self, job: ConvJob, term: Term, depth: int, band: int) -> None:
        self.job = job
        columns = [np.array(column) for column in term]
        needed = [taps > 1 or step > 1 for taps, step in zip(job.kernel, job.stride, strict=True)]
        last = 1 if needed[1] and not needed[2] else 2  # the pass that writes to the target
        for axis in range(3):
            if not needed[axis] and axis != last:  # a single weight: scale another pass by it
                columns[last] *= columns[axis][0]
        self.band = band
        self.short = job.kernel[2] <= _SHORT
        self.depth = _banded(job, columns[0], 0, depth) if needed[0] else None
        self.height = _banded(job, columns[1], 1, band) if needed[1] else None
        self.width: Array | None = None
        if last == 2:
            # (1, taps); or (cells read, columns of a strip), as BLAS reads a transposed one more slowly
            banded = _banded(job, columns[2], 2, _strip(job))
            row = columns[2][None].astype(job.dtype)
            self.width = row if self.short else np.ascontiguousarray(banded.T)
        # What the earlier passes make of a constant, which is what they would make of constant side columns.
        self.gain = float(np.prod([columns[axis].sum() for axis in range(2) if needed[axis] or axis == last]))

    def apply(self, block: Array, target: Array, scratch: Scratch, late: bool) -> None:
        """Filter the (depth, height, width) block into the target; `late`: its sides are yet to be padded."""
        job = self.job
        if self.depth is not None:
            wide = scratch.take("deep", (len(self.depth), *block.shape[1:]), job.dtype)
            np.matmul(self.depth, block.reshape(len(block), -1), out=wide.reshape(len(wide), -1))
            block = wide
        if self.width is None:
            self._vertical(block, target)
            return
        if late:
            before, after = job.source.pads[2]
            columns = block.shape[2]
            padded = scratch.take("padded", (*target.shape[:2], before + columns + after), job.dtype)
            inner = padded[:, :, before : before + columns]
            if self.height is None:
                inner[...] = block
            else:
                self._vertical(block, inner)
            for start, stop, shown in axis_segments(columns, before, job.source.mode, 0, padded.shape[2]):
                if shown is None:
                    padded[:, :, start:stop] = job.source.value * self.gain
                elif start != before:
                    padded[:, :, start:stop] = inner[:, :, shown]
            block = padded
        elif self.height is not None:
            passed = scratch.take("padded", (*target.shape[:2], block.shape[2]), job.dtype)
            self._vertical(block, passed)
            block = passed
        self._horizontal(block, target, scratch)

    def _vertical(self, block: Array, target: Array) -> None:
        assert self.height is not None
        depth, height, width = target.shape
        bands = height // self.band
        of_plane, of_row, of_cell = block.strides
        rows = strided(
            block,
            (depth, bands, self.height.shape[1], width),
            (of_plane, of_row * self.job.stride[1] * self.band, of_row, of_cell),
        )
        np.matmul(self.height, rows, out=target.reshape(depth, bands, self.band, width))

    def _horizontal(self, block: Array, target: Array, scratch: Scratch) -> None:
        assert self.width is not None
        depth, height, width = target.shape
        step, gap = self.job.stride[2], self.job.dilation[2]
        of_plane, of_row, of_cell = block.strides
        if self.short:
            shifted = strided(
                block,
                (depth, height, self.width.shape[1], width),
                (of_plane, of_row, of_cell * gap, of_cell * step),
            )
            np.matmul(self.width, _copied(shifted, scratch), out=target[:, :, None])
            return
        reach, strip = self.width.shape
        strips = width // strip
        windows = strided(
            block, (depth, height, strips, reach), (of_plane, of_row, of_cell * step * strip, of_cell)
        )
        copy = _copied(windows, scratch)
        rest = width - strips * strip
        if rest == 0 and target.flags.c_contiguous:
            np.matmul(copy.reshape(-1, reach), self.width, out=target.reshape(-1, strip))
            return
        split = target[:, :, : strips * strip].reshape(depth, height, strips, strip)
        np.matmul(copy, self.width, out=split)
        if rest:
            reach = self.job.reach((1, 1, rest))[2]
            tail = block[:, :, strips * step * strip : strips * step * strip + reach]
            np.matmul(tail, self.width[:reach, :rest], out=target[:, :, strips * strip :])


def _copied(windows: Array, scratch: Scratch) -> Array:
    copy = scratch.take("windows", windows.shape, windows.dtype)
    np.copyto(copy, windows)
    return copy


def _banded(job: ConvJob, column: Array, axis: int, outputs: int) -> Array:
    """(outputs, cells read): the kernel's column on each row, moved along by the stride."""
    extent = [1, 1, 1]
    extent[axis] = outputs
    matrix = np.zeros((outputs, job.reach(extent)[axis]), job.dtype)
    index = np.arange(outputs)
    for tap, weight in enumerate(column):
        matrix[index, index * job.stride[axis] + tap * job.dilation[axis]] = weight
    return matrix
