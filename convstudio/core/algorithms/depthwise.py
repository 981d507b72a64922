"""`depthwise`: one input channel to each kernel, and all channels of a tile in one step.

`taps` goes channel by channel and pays for a call each time; the matrices of `gemm` have but one row here.
NumPy's `einsum` adds a weighted copy to a sum in one pass, over all channels in one call with a weight for
each, and reads overlapping views as they are. The order "F" makes it keep the cells innermost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms import gemm
from convstudio.core.algorithms.windows import as_run, copy_out, windows_of
from convstudio.core.job import ConvJob, Tile, Triple, Work, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

_TILE_BYTES = 2 << 20
_WIDE = 400  # columns from which `einsum` is as quick with rows
# Weights (group, taps), what they read (example, group, taps, depth, cells), and results, last axis first.
_RUN = "gzyx,egzyxdn->ndge"
_ROWS = "gzyx,egzyxdhw->whdge"


def covers(inputs: int, stride: Triple) -> bool:
    """Whether the algorithm itself does such jobs (input channels of a group); others it leaves to `gemm`.

    With strides `einsum` takes three times as long for a copy, and `gemm` wins.
    """
    return inputs == 1 and stride[1:] == (1, 1)


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    if not covers(job.inputs, job.stride):
        return gemm.prepare(job)
    full = whole(job)

    def needed(tile: Sequence[int]) -> int:
        depth, height, width = job.reach(tile[2:])
        return job.dtype.itemsize * tile[0] * tile[1] * width * (depth * height + tile[2] * tile[3])

    return tiles_of(full, gemm.few_tiles(job, full, needed, _TILE_BYTES)), work(job)


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    if not covers(job.inputs, job.stride):
        return gemm.work(job)
    kernels = np.ascontiguousarray(job.weight[:, :, 0].swapaxes(0, 1))  # (output, group, taps)

    def compute(tile: Tile, scratch: Scratch) -> None:
        block, target = job.read(tile, scratch), job.target(tile)
        view, pitch = windows_of(job, block, tile.extent, _WIDE)
        read = view[:, :, 0]
        shape = (*read.shape[:2], *read.shape[5:])
        subscripts = _RUN if len(shape) == 4 else _ROWS
        for output, weights in enumerate(kernels[:, tile.groups[0] : tile.groups[1]]):
            part = target[:, output :: job.outputs]
            run = as_run(part, shape) if pitch == tile.extent[2] else None
            results = scratch.take("result", shape, job.dtype, copied_to=part) if run is None else run
            np.einsum(subscripts, weights, read, out=results.T, order="F")
            if run is None:
                copy_out(results, part, pitch)

    return compute
