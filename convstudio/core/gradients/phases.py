"""A transposed convolution taken apart into dense ones.

With stride s, dilation d and taps k along an axis, value j times tap k goes to cell j·s + k·d. The cells
i = q·s + r of one phase r are reached only by the taps with k·d ≡ r (mod s), which lie s / gcd(s, d) apart:
they are one dense convolution of the values by a part of the kernel, rotated. Nothing is stuffed with zeros
(Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, section 4, draws that form;
Shi et al., Is the deconvolution layer the same as a convolutional layer?, 2016, the phases).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import Triple

Array: TypeAlias = npt.NDArray[Any]


class Scattered(NamedTuple):
    """A transposed convolution that has been checked.

    values: (examples, groups · inputs, depth, height, width), any layout, in the dtype of the computation.
    weight: (groups, inputs, outputs, depth, height, width), C-contiguous, in that dtype.
    bias: (groups · outputs,) or None.
    algorithm: for the dense convolutions.
    """

    values: Array
    weight: Array
    stride: Triple
    dilation: Triple
    bias: Array | None = None
    algorithm: str = "auto"

    @property
    def kernel(self) -> Triple:
        """Taps along depth, height and width."""
        depth, height, width = self.weight.shape[3:]
        return (depth, height, width)


class Phase(NamedTuple):
    """One phase of an axis: which taps reach it, and which run of values they multiply.

    target: the phase's cells among those wanted. first, step: its taps. gap: its dilation over the values.
    start, stop: the values that are read, from the first tap of the first cell to the last of the last.
    """

    target: slice
    first: int
    step: int
    taps: int
    gap: int
    start: int
    stop: int


Phases: TypeAlias = tuple[Phase, Phase, Phase]


@lru_cache(maxsize=256)
def along_axis(taps: int, stride: int, dilation: int, low: int, cells: int) -> tuple[Phase, ...]:
    """The phases of so many cells from `low` on."""
    common = math.gcd(stride, dilation)
    step, gap = stride // common, dilation // common
    phases = []
    for offset in range(min(stride, cells)):
        phase = (low + offset) % stride
        begin = (low + offset) // stride
        count = -(-(cells - offset) // stride)
        first = next((k for k in range(min(step, taps)) if (k * dilation - phase) % stride == 0), taps)
        many = -(-(taps - first) // step)
        latest = begin - (first * dilation - phase) // stride  # the value that the first tap multiplies
        start = latest - (many - 1) * gap
        phases.append(Phase(slice(offset, None, stride), first, step, many, gap, start, latest + count))
    return tuple(phases)


def alike(job: Scattered, low: Triple, cells: Sequence[int]) -> list[list[Phases]]:
    """All phases of the cells from `low` on, those together that read the same values with as many taps.

    They are one convolution to more channels.
    """
    along = [along_axis(*axis) for axis in zip(job.kernel, job.stride, job.dilation, low, cells, strict=True)]
    found: dict[tuple[tuple[int, int, int], ...], list[Phases]] = {}
    for d, h, w in product(*along):
        key = tuple((phase.taps, phase.start, phase.stop) for phase in (d, h, w))
        found.setdefault(key, []).append((d, h, w))
    return list(found.values())


def kernels(job: Scattered, members: Sequence[Phases]) -> Array:
    """The weights of phases that are alike, rotated: (groups, phases · outputs, inputs, *taps)."""
    parts = []
    for d, h, w in members:
        taps = (slice(phase.first, None, phase.step) for phase in (d, h, w))
        i, j, k = taps
        parts.append(job.weight[:, :, :, i, j, k][:, :, :, ::-1, ::-1, ::-1].swapaxes(1, 2))
    return np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts, axis=1)


def biases(job: Scattered, many: int) -> Array | None:
    """The bias for each output of each of so many phases: (groups, phases · outputs), or None."""
    if job.bias is None:
        return None
    return np.concatenate([job.bias.reshape(job.weight.shape[0], job.weight.shape[2])] * many, axis=1)


def cells_of(members: Sequence[Phases], shape: Sequence[int]) -> list[int]:
    """Cells of one of the phases along depth, height and width, of so many in all."""
    return [len(range(n)[phase.target]) for n, phase in zip(shape, members[0], strict=True)]
