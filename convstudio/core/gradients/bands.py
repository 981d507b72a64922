"""The cells of a transposed convolution in bands, for threads and for the caches."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.gradients.phases import Scattered
from convstudio.core.job import Triple
from convstudio.core.threads import thread_count

Array: TypeAlias = npt.NDArray[Any]

# Scratch of a band where each thread has its own, and where BLAS has all of them.
_BAND_BYTES = 2 << 20
_ALONE_BYTES = 4 << 20


class Band(NamedTuple):
    """Cells to make: an example, a group, and a block in space from `low` to `high`."""

    example: int
    group: int
    low: Triple
    high: Triple

    def target(self, out: Array) -> Array:
        """The band of `out`, (examples, groups, outputs, depth, height, width)."""
        (d0, h0, w0), (d1, h1, w1) = self.low, self.high
        band: Array = out[self.example, self.group, :, d0:d1, h0:h1, w0:w1]
        return band


def bands(job: Scattered, out: Array, each: int, parallel: bool) -> list[Band]:
    """The bands, each a whole number of strides long along each axis.

    each: the scratch that one value takes, as numbers of the computation's dtype. parallel: whether each
    thread is to have bands of its own.
    """
    examples, groups = len(out), len(job.weight)
    room = (_BAND_BYTES if parallel else _ALONE_BYTES) // (each * out.itemsize)
    full = [-(-n // stride) for n, stride in zip(out.shape[2:], job.stride, strict=True)]
    steps = [1, 1, 1]
    for axis in (2, 1, 0):
        pieces = -(-full[axis] // max(room, 1))
        if parallel and axis == (0 if full[0] > 1 else 1):  # as many for each thread
            least = -(-thread_count() // (examples * groups))
            pieces = -(-pieces // least) * least
        steps[axis] = -(-full[axis] // pieces)
        room //= full[axis]
    ranges = [
        [(start, min(start + step * stride, n)) for start in range(0, n, step * stride)]
        for n, step, stride in zip(out.shape[2:], steps, job.stride, strict=True)
    ]
    return [
        Band(example, group, (d[0], h[0], w[0]), (d[1], h[1], w[1]))
        for example, group in product(range(examples), range(groups))
        for d, h, w in product(*ranges)
    ]


def start_of(job: Scattered, out: Array) -> Array:
    """What each output begins with, its bias or 0: (groups, outputs, 1, 1, 1)."""
    groups, outputs = job.weight.shape[0], job.weight.shape[2]
    if job.bias is None:
        return np.zeros((groups, outputs, 1, 1, 1), out.dtype)
    return job.bias.reshape(groups, outputs, 1, 1, 1)
