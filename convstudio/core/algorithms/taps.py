"""`taps`: add shifted, weighted copies of the input, one for each kernel tap.

The best choice for small kernels, sparse ones and tiny inputs, and the readable reference. At stride 1 a tile
of rows is treated as one flat run of numbers: shifting it by a tap's offset is then a slice, and every step
runs over contiguous memory that stays in cache. Cells between one row's last window and the next row's first
hold nonsense; they are left behind when the rows are copied out or, where rows of input and output are
equally long, overwritten by the cells at the sides, so that nothing is copied at all.

Taps of weight zero are left out where the input is finite, so that 0 · x is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided, surely_finite
from convstudio.core.frame import Frame, Sides, frame_of
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole
from convstudio.core.threads import Scratch
from convstudio.core.weighted_sum import weighted_sum

Array: TypeAlias = npt.NDArray[Any]

_CACHE = 1 << 20  # bytes of input and output of a tile: what a core's own cache holds, or little more
_BAND = 1 << 21  # the same for bands computed in place
_NARROW = 64  # cells of a row up to which a run over cells between the rows costs nothing to speak of


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    kernels = [[_Kernel.of(kernel) for kernel in group] for group in job.weight]
    sparse = any(kernel.sparse is not None for group in kernels for kernel in group)
    frame = frame_of(job)
    if frame is not None:
        return frame.tiles(_BAND), _Bands(job, frame, kernels, sparse)

    def compute(tile: Tile, scratch: Scratch) -> None:
        block, target = job.read(tile, scratch), job.target(tile)
        skip = sparse and surely_finite(block)
        for example, channel in product(range(block.shape[0]), range(target.shape[1])):
            group, output = divmod(channel, job.outputs)
            inputs = block[example, group * job.inputs : (group + 1) * job.inputs]
            taps = kernels[tile.groups[0] + group][output].taps(skip)
            _apply(job, inputs, taps, target[example, channel], scratch)

    full = whole(job)
    size = job.dtype.itemsize

    def needed(extents: Sequence[int]) -> int:
        read = job.inputs * math.prod(job.reach(extents[2:]))
        return size * extents[0] * extents[1] * (read + job.outputs * math.prod(extents[2:]))

    return tiles_of(full, fit_tile(full, needed, most=_CACHE)), compute


def sums_of(job: ConvJob) -> float:
    """How many weighted copies are added for the job's kernels, in passes over the cells."""
    kernels = (_Kernel.of(kernel) for group in job.weight for kernel in group)
    return sum(kernel.passes for kernel in kernels)


class _Bands:
    """How to compute whole rows in place."""

    def __init__(self, job: ConvJob, frame: Frame, kernels: list[list[_Kernel]], sparse: bool) -> None:
        self._job = job
        self._frame = frame
        self._kernels = kernels
        self._sparse = sparse
        self._sides = Sides(job, frame) if frame.sided else None

    def __call__(self, tile: Tile, scratch: Scratch) -> None:
        job, frame = self._job, self._frame
        skip = self._sparse and frame.finite(tile)
        kernels = [kernel.taps(skip) for kernel in self._kernels[tile.groups[0]]]
        for start, stop in frame.parts(tile.low[1], tile.high[1]):
            inputs = frame.inputs(tile, start, stop, scratch)
            rows = inputs.reshape(job.inputs, 1, -1, frame.width)
            for output, taps in enumerate(kernels):
                begin, run = frame.run(tile, output, start, stop)
                _run(job, rows, taps, begin, run, scratch)
        if self._sides is not None:

            def sum_into(output: int, padded: Array, cells: Array) -> None:
                _run(job, padded[:, None], kernels[output], 0, cells, scratch)

            self._sides.compute(tile, sum_into, scratch)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Taps that stand in a regular grid: their weights, and the first one's place and the steps per axis.

    Axes are input channel, depth, height and width.
    """

    weights: Array
    first: tuple[int, ...]
    step: tuple[int, ...]


_Taps: TypeAlias = _Grid | list[tuple[tuple[int, ...], Any]]  # a list of places and weights


@dataclass(frozen=True, slots=True)
class _Kernel:
    """One output channel's taps: all of them, and without those of weight zero where there are any."""

    all: _Grid
    sparse: _Taps | None

    @property
    def passes(self) -> float:
        """Passes over the cells, for finite input."""
        if isinstance(self.sparse, list):
            return max(1.0, sum(1.0 if abs(weight) == 1 else 2.0 for _, weight in self.sparse))
        return float((self.sparse or self.all).weights.size + 1)

    def taps(self, skip: bool) -> _Taps:
        """The taps that count; with `skip` zeros do not."""
        return self.sparse if skip and self.sparse is not None else self.all

    @staticmethod
    def of(kernel: Array) -> _Kernel:
        everything = _Grid(kernel, (0,) * 4, (1,) * 4)
        if kernel.all():
            return _Kernel(everything, None)
        grid = _grid(kernel)
        if grid is not None:
            return _Kernel(everything, grid)
        places = [tuple(map(int, place)) for place in np.argwhere(kernel)]
        if 2 * len(places) > kernel.size:  # two passes for each of few cost as much as one for each of many
            return _Kernel(everything, None)
        return _Kernel(everything, [(place, kernel[place]) for place in places])


def _grid(kernel: Array) -> _Grid | None:
    """The taps that are not zero, if they are all the crossings of evenly spaced planes."""
    lines = []
    for axis in range(4):
        used = np.flatnonzero(kernel.any(axis=tuple(other for other in range(4) if other != axis)))
        steps = np.diff(used)
        if len(used) == 0 or (steps != steps[:1]).any():
            return None
        lines.append(slice(int(used[0]), int(used[-1]) + 1, int(steps[0]) if len(steps) else 1))
    weights = kernel[tuple(lines)]
    if not weights.all():
        return None
    first, step = tuple(line.start for line in lines), tuple(line.step for line in lines)
    return _Grid(np.ascontiguousarray(weights), first, step)


def _apply(job: ConvJob, inputs: Array, taps: _Taps, result: Array, scratch: Scratch) -> None:
    """Sum the taps over the (channels, depth, height, width) inputs."""
    rows, pitch = inputs.shape[-2:]
    depth, height, width = result.shape
    flat = inputs[0].flags.c_contiguous and pitch <= max(2 * width, _NARROW)
    if job.stride != (1, 1, 1) or not flat:
        _accumulate(_windows(job, inputs, taps, result.shape), result, scratch)
        return
    run = (depth - 1) * rows * pitch + (height - 1) * pitch + width
    if pitch == width and (depth == 1 or rows == height) and result.flags.c_contiguous:
        _run(job, inputs, taps, 0, result.reshape(-1), scratch)
        return
    total = scratch.take("total", (depth, rows, pitch), job.dtype, copied_to=result)
    _run(job, inputs, taps, 0, total.reshape(-1)[:run], scratch)
    result[...] = total[:, :height, :width]


def _run(job: ConvJob, inputs: Array, taps: _Taps, begin: int, total: Array, scratch: Scratch) -> None:
    """The same over a flat run from cell `begin` on: rows keep the length they have in the input."""
    d0, d1, d2 = job.dilation
    of_channel, of_plane, of_row, of_cell = inputs.strides
    steps = (of_channel, of_plane * d0, of_row * d1, of_cell * d2)
    first = begin * of_cell
    if isinstance(taps, _Grid):
        first += sum(at * step for at, step in zip(taps.first, steps, strict=True))
        strides = tuple(step * by for step, by in zip(steps, taps.step, strict=True))
        copies = strided(inputs, (*taps.weights.shape, len(total)), (*strides, of_cell), first)
        weighted_sum(taps.weights, copies, total)
        return
    flat = [channel.reshape(-1) for channel in inputs]
    places = (
        (c, begin + sum(at * step for at, step in zip(place, steps[1:], strict=True)) // of_cell, value)
        for (c, *place), value in taps
    )
    _accumulate(((flat[c][at : at + len(total)], value) for c, at, value in places), total, scratch)


def _windows(
    job: ConvJob,
    inputs: Array,
    taps: _Taps,
    extent: Sequence[int],
) -> Iterator[tuple[Array, Any]]:
    """For each tap the input cells that it multiplies, shaped as the output, and its weight."""
    if isinstance(taps, _Grid):
        places = [
            (
                tuple(f + s * n for f, s, n in zip(taps.first, taps.step, index, strict=True)),
                taps.weights[index],
            )
            for index in product(*map(range, taps.weights.shape))
        ]
    else:
        places = taps
    for (c, *at), value in places:
        yield (
            inputs[c][
                tuple(_reach(*axis) for axis in zip(at, job.dilation, extent, job.stride, strict=True))
            ],
            value,
        )


def _reach(tap: int, dilation: int, outputs: int, stride: int) -> slice:
    first = tap * dilation
    return slice(first, first + (outputs - 1) * stride + 1, stride)


def _accumulate(shifts: Iterator[tuple[Array, Any]], total: Array, scratch: Scratch) -> None:
    """The weighted sum of the shifted copies, into `total`. Weights of ±1 need no product."""
    first = next(shifts, None)
    if first is None:
        total[...] = 0
        return
    np.multiply(*first, out=total)
    product_ = scratch.take("product", total.shape, total.dtype)
    for shift, value in shifts:
        if value == 1:
            np.add(total, shift, out=total)
        elif value == -1:
            np.subtract(total, shift, out=total)
        else:
            np.multiply(shift, value, out=product_)
            np.add(total, product_, out=total)
