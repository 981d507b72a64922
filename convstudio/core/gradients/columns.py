"""A transposed convolution by its definition: all products of a band's values, added tap by tap (col2im).

Each product is made and added once, and no other: NaN and infinity in the values or the weights reach exactly
the cells that they belong to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.gradients.bands import Band, bands, start_of
from convstudio.core.gradients.phases import Scattered
from convstudio.core.job import Triple
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Values to add from which threads with a band each are quicker than BLAS with its own.
_WORTH_THREADS = 16_000_000


def scatter(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """Write the cells from `low` on, as many as there are in `out`."""
    groups, inputs, outputs = job.weight.shape[:3]
    taps = math.prod(job.kernel)
    matrix = job.weight.reshape(groups, inputs, outputs * taps)
    values = job.values.reshape(len(out), groups, inputs, *job.values.shape[2:])
    targets = out.reshape(len(out), groups, outputs, *out.shape[2:])
    starts = start_of(job, out)

    def work(band: Band, scratch: Scratch) -> None:
        target = band.target(targets)
        target[...] = starts[band.group]
        corner = (low[0] + band.low[0], low[1] + band.low[1], low[2] + band.low[2])
        (d0, h0, w0), (d1, h1, w1) = first, _ = _reaching(job, corner, target.shape[1:])
        block = values[band.example, band.group, :, d0:d1, h0:h1, w0:w1]
        if block.size:
            columns = scratch.take("columns", (outputs * taps, block[0].size), out.dtype)
            np.matmul(matrix[band.group].T, block.reshape(inputs, -1), out=columns)
            made = columns.reshape(outputs, *job.kernel, *block.shape[1:])
            add_windows(made, target, job.stride, job.dilation, corner, first)

    parallel = job.values.size // inputs * outputs * taps >= _WORTH_THREADS
    run_tiles(bands(job, out, outputs * taps, parallel), work, control, parallel=parallel)


def _reaching(job: Scattered, low: Triple, cells: Sequence[int]) -> tuple[Triple, Triple]:
    """The first values along each axis that reach any of the cells from `low` on, and behind the last."""
    first, last = [0, 0, 0], [0, 0, 0]
    for axis in range(3):
        span = job.dilation[axis] * (job.kernel[axis] - 1)
        first[axis] = max(-((span - low[axis]) // job.stride[axis]), 0)
        end = (low[axis] + cells[axis] - 1) // job.stride[axis] + 1
        last[axis] = max(min(end, job.values.shape[2 + axis]), first[axis])
    return (first[0], first[1], first[2]), (last[0], last[1], last[2])


def add_windows(
    columns: Array, target: Array, stride: Triple, dilation: Triple, low: Triple, at: Triple = (0, 0, 0)
) -> None:
    """Add what each window gives to the cells under its taps; what falls outside of `target` is left out.

    columns: (…, *kernel, *windows), three axes each. target: (…, depth, height, width), whose first cell is
    `low`. at: the position of the first window.
    """
    kernel, windows = columns.shape[-6:-3], columns.shape[-3:]
    for tap in product(*map(range, kernel)):
        read: list[slice] = []
        written: list[slice] = []
        for axis in range(3):
            step, n = stride[axis], target.shape[axis - 3]
            begin = at[axis] * step + tap[axis] * dilation[axis] - low[axis]  # the first window's cell
            first = max(-(begin // step), 0)
            last = min((n - 1 - begin) // step + 1, windows[axis])
            if first >= last:
                break
            read.append(slice(first, last))
            written.append(slice(begin + first * step, begin + (last - 1) * step + 1, step))
        else:
            cells = target[..., written[0], written[1], written[2]]
            i, j, k = tap
            d, h, w = read
            np.add(cells, columns[..., i, j, k, d, h, w], out=cells)
