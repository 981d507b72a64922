"""The phases of a transposed convolution by matrix products, for many channels.

Cells are made band by band. What the windows of a phase cover is unrolled into the columns of a matrix, which
its part of the kernel multiplies, and the result goes to the phase's places. All phases read one block of
values; where each is reached by one tap alone, the block is that matrix.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.control import Control
from convstudio.core.geometry import Pair
from convstudio.core.gradients.bands import Band, bands, start_of
from convstudio.core.gradients.phases import Phases, Scattered, alike, along_axis, biases, cells_of
from convstudio.core.job import Triple
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Products from which threads with a band each are quicker than BLAS with its own.
_WORTH_THREADS = 8_000_000


def scatter(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """Write the cells from `low` on, as many as there are in `out`."""
    making = _Making(job, out, low)
    inputs, outputs = job.weight.shape[1:3]
    taps = math.prod(-(-taps // step) for taps, step in zip(job.kernel, job.stride, strict=True))
    # A value's part of the block and of the columns, and the cells that come of it.
    each = inputs * (1 + taps) + outputs * math.prod(job.stride)
    parallel = job.values.size * outputs * math.prod(job.kernel) >= _WORTH_THREADS
    tiles = bands(job, out, each, parallel)
    run_tiles(tiles, making.make, control, parallel=parallel)


class _Making:
    """What all bands of one job share."""

    def __init__(self, job: Scattered, out: Array, low: Triple) -> None:
        self.job, self.low = job, low
        groups, _, outputs = job.weight.shape[:3]
        self.targets = out.reshape(len(out), groups, outputs, *out.shape[2:])
        pads: list[Pair] = []
        geometry = zip(job.kernel, job.stride, job.dilation, low, out.shape[2:], strict=True)
        for n, axis in zip(job.values.shape[2:], geometry, strict=True):
            phases = along_axis(*axis)
            first, last = min(phase.start for phase in phases), max(phase.stop for phase in phases)
            pads.append((max(-first, 0), max(last - n, 0)))
        self.source = PaddedSource(job.values, pads, "zeros", 0.0, out.dtype)
        self.kernels: dict[tuple[Any, ...], tuple[Array, Array | None]] = {}

    def make(self, band: Band, scratch: Scratch) -> None:
        """Write the cells of one band."""
        target = band.target(self.targets)
        d, h, w = (at + start for at, start in zip(self.low, band.low, strict=True))
        families = alike(self.job, (d, h, w), target.shape[1:])
        reached = [members for members in families if all(phase.taps for phase in members[0])]
        if len(reached) < len(families):  # some cells lie between the taps
            target[...] = start_of(self.job, self.targets)[band.group]
        if not reached:
            return
        begin = [min(members[0][axis].start for members in reached) for axis in range(3)]
        end = [max(members[0][axis].stop for members in reached) for axis in range(3)]
        block = self._read(band, begin, end, scratch)
        for members in reached:
            made = self._product(band.group, members, block, begin, target, scratch)
            for index, phases in enumerate(members):
                i, j, k = (phase.target for phase in phases)
                target[:, i, j, k] = made[index]

    def _read(self, band: Band, begin: list[int], end: list[int], scratch: Scratch) -> Array:
        """(inputs, depth, height, width): the values from `begin` to `end`."""
        inputs = self.job.weight.shape[1]
        examples = (band.example, band.example + 1)
        channels = (band.group * inputs, (band.group + 1) * inputs)
        low, high = (
            [at + before for at, (before, _) in zip(corner, self.source.pads, strict=True)]
            for corner in (begin, end)
        )
        block = self.source.view(examples, channels, low, high)
        if block is None:
            shape = (1, inputs, *(stop - start for start, stop in zip(low, high, strict=True)))
            block = scratch.take("block", shape, self.source.dtype)
            self.source.fill(block, examples, channels, low, high)
        values: Array = block[0]
        return values

    def _product(
        self,
        group: int,
        members: list[Phases],
        block: Array,
        begin: list[int],
        target: Array,
        scratch: Scratch,
    ) -> Array:
        """(phases, outputs, depth, height, width): the cells of phases that are alike."""
        weight, bias = self._weights(group, members)
        cells = cells_of(members, target.shape[1:])
        phases = members[0]
        d, h, w = (slice(phase.start - start, None) for phase, start in zip(phases, begin, strict=True))
        shown = block[:, d, h, w]
        of_channel, *of_axis = shown.strides
        windows = strided(
            shown,
            (*(phase.taps for phase in phases), len(block), *cells),
            (
                *(step * phase.gap for step, phase in zip(of_axis, phases, strict=True)),
                of_channel,
                *of_axis,
            ),
        )
        size = (len(weight), math.prod(cells))
        if len(weight) == len(block):
            columns = windows.reshape(size)  # a view, if the block has nothing else
        else:
            columns = scratch.take("columns", size, block.dtype)
            np.copyto(columns.reshape(windows.shape), windows)
        made = scratch.take("made", (weight.shape[1], size[1]), block.dtype)
        np.matmul(weight.T, columns, out=made)
        if bias is not None:
            np.add(made, bias, out=made)
        return made.reshape(len(members), len(target), *cells)

    def _weights(self, group: int, members: list[Phases]) -> tuple[Array, Array | None]:
        """The phases' weights, (taps · inputs, phases · outputs), and biases."""
        key = (group, *((phase.first, phase.taps) for phases in members for phase in phases))
        found = self.kernels.get(key)
        if found is None:
            given = self.job.weight[group]
            inputs, outputs = given.shape[:2]
            taps = [phase.taps for phase in members[0]]
            weight = np.empty((*taps, inputs, len(members), outputs), given.dtype)
            for index, phases in enumerate(members):
                for tap in product(*map(range, taps)):  # the values run towards the first taps
                    d, h, w = (
                        phase.first + phase.step * (phase.taps - 1 - at)
                        for phase, at in zip(phases, tap, strict=True)
                    )
                    i, j, k = tap
                    weight[i, j, k, :, index] = given[:, :, d, h, w]
            bias = biases(self.job, len(members))
            found = weight.reshape(-1, len(members) * outputs), None if bias is None else bias[group, :, None]
            self.kernels[key] = found
        return found
