"""`gemm`: windows unrolled into the columns of a matrix (im2col), times the weights as a matrix.

For filter banks and many channels. Only the columns of one tile exist at a time; a 1×1 kernel needs none,
since the input itself is that matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms.windows import as_run, copy_out, windows_of
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole
from convstudio.core.threads import Scratch, thread_count

Array: TypeAlias = npt.NDArray[Any]

# Scratch memory of one tile. Measured: columns of 4 MiB are multiplied a tenth slower than of 1 or 2.
_TILE_BYTES = 3 << 20
# What all cores together may take for their tiles (the promise is 64 MiB beyond input and output).
_ALL_TILES_BYTES = 40 << 20
# Products of the job, and as many for each value that is copied, from which it is cut for all cores.
_WORTH_CUTTING = 3e6
_COPYING, _COPYING_APART = 3, 10  # values that lie side by side, and others


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    return tiles_of(full, few_tiles(job, full, _scratch_bytes(job), _TILE_BYTES)), work(job)


def extents(job: ConvJob, full: Sequence[int]) -> list[int]:
    """The tile's extents for all of the job or, where `full` says so, fewer of its columns."""
    return fit_tile(full, _scratch_bytes(job))


def _scratch_bytes(job: ConvJob) -> Callable[[Sequence[int]], int]:

    def needed(tile: Sequence[int]) -> int:
        depth, height, width = job.reach(tile[2:])
        columns = tile[2] * tile[3] * (-(-width // job.stride[2]))
        each = job.inputs * (depth * height * width + job.taps * columns)
        return job.dtype.itemsize * tile[0] * tile[1] * (each + job.outputs * columns)

    return needed


def few_tiles(
    job: ConvJob, full: Sequence[int], needed: Callable[[Sequence[int]], int], most: int
) -> list[int]:
    """Extents for one large tile a core, or for as many times more as keep each within `most` bytes.

    Each tile takes some dozen calls, which wait for the interpreter while other threads hold it: tiles of
    equal size keep all cores busy to the end without being many.
    """
    cores = thread_count() if worth_cutting(job) else 1
    most = min(most, _ALL_TILES_BYTES // thread_count())
    count = cores * -(-needed(full) // (cores * most))
    while True:
        extents, left = list(full), count
        for axis, length in enumerate(full):
            extents[axis] = -(-length // min(left, length))
            left = -(-left // -(-length // extents[axis]))
        if needed(extents) <= most or count >= math.prod(full):
            return extents
        count += cores


def worth_cutting(job: ConvJob) -> bool:
    """Whether the job is large enough to give each core a part of it."""
    copying = _COPYING if job.stride[2] == 1 else _COPYING_APART
    return job.out.size * job.inputs * job.taps * (1 + copying / job.outputs) >= _WORTH_CUTTING


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    groups, outputs, inputs = job.weight.shape[:3]
    matrix = job.weight.reshape(groups, outputs, inputs * job.taps)
    in_place = job.taps == 1 and job.stride == (1, 1, 1)

    def compute(tile: Tile, scratch: Scratch) -> None:
        block, target = job.read(tile, scratch), job.target(tile)
        weights = matrix[tile.groups[0] : tile.groups[1]]
        lead, cells = (len(block), len(weights)), math.prod(tile.extent)
        run = as_run(target, (*lead, outputs, cells))
        columns = as_run(block, (*lead, inputs, cells)) if in_place else None
        pitch = tile.extent[2]
        if columns is None:
            view, pitch = windows_of(job, block, tile.extent)
            copy = scratch.take("columns", view.shape, job.dtype)
            np.copyto(copy, view)
            columns = copy.reshape(*lead, inputs * job.taps, -1)
        if run is not None and columns.shape[-1] == cells:
            _multiply(weights, columns, run)
            return
        shape = (*lead, outputs, columns.shape[-1])
        results = scratch.take("result", shape, job.dtype, copied_to=target)
        _multiply(weights, columns, results)
        copy_out(results, target, pitch)

    return compute


def _multiply(weights: Array, columns: Array, out: Array) -> None:
    """(groups, outputs, n) times (examples, groups, n, cells)."""
    if weights.shape[1] > 1:
        np.matmul(weights, columns, out=out)
        return
    # BLAS multiplies a vector by a matrix in another order for each number of threads it has at the moment.
    np.einsum("gn,egnc->cge", weights[:, 0], columns, out=out[:, :, 0].T, order="F")
