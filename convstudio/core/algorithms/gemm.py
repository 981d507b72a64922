"""`gemm`: windows unrolled into the columns of a matrix (im2col), times the weights as a matrix.

For filter banks and many channels. Only the columns of one tile exist at a time; a 1×1 kernel needs none,
since the input itself is that matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    return tiles_of(full, extents(job, full)), work(job)


def extents(job: ConvJob, full: Sequence[int]) -> list[int]:
    """The tile's extents for all of the job or, where `full` says so, fewer of its columns."""
    size = job.dtype.itemsize

    def needed(tile: Sequence[int]) -> int:
        read = math.prod(job.reach(tile[2:]))
        columns = math.prod(tile[2:]) * (job.taps + 1)
        return size * tile[0] * tile[1] * job.inputs * (read + columns)

    return fit_tile(full, needed)


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    groups, outputs, inputs = job.weight.shape[:3]
    matrix = job.weight.reshape(groups, outputs, inputs * job.taps)

    def compute(tile: Tile, scratch: Scratch) -> None:
        columns = _columns(job, tile, job.read(tile, scratch), scratch)
        weights = matrix[tile.groups[0] : tile.groups[1]]
        target = job.target(tile)
        examples, many, cells = columns.shape[0], columns.shape[1], columns.shape[3]
        run = _as_run(target, (examples, many, outputs, cells))
        if run is not None:
            np.matmul(weights, columns, out=run)
            return
        result = scratch.take("result", (examples, many, outputs, cells), job.dtype)
        np.matmul(weights, columns, out=result)
        target[...] = result.reshape(target.shape)

    return compute


def _columns(job: ConvJob, tile: Tile, block: Array, scratch: Scratch) -> Array:
    """(examples, groups, inputs · taps, cells): column by column what each window covers."""
    examples = block.shape[0]
    groups = tile.groups[1] - tile.groups[0]
    extent = tile.extent
    cells = math.prod(extent)
    of_example, of_channel, *of_axis = block.strides
    if job.taps == 1 and job.stride == (1, 1, 1):
        run = _as_run(block, (examples, groups, job.inputs, cells))
        if run is not None:
            return run
    windows = strided(
        block,
        (examples, groups, job.inputs, *job.kernel, *extent),
        (
            of_example,
            of_channel * job.inputs,
            of_channel,
            *(step * gap for step, gap in zip(of_axis, job.dilation, strict=True)),
            *(step * stride for step, stride in zip(of_axis, job.stride, strict=True)),
        ),
    )
    columns = scratch.take("columns", (examples, groups, job.inputs * job.taps, cells), job.dtype)
    np.copyto(columns.reshape(windows.shape), windows)
    return columns


def _as_run(cells: Array, shape: tuple[int, int, int, int]) -> Array | None:
    """(examples, channels, depth, height, width) as (examples, groups, channels of one, cells), not copied.

    None where the cells of a channel do not lie one after the other in memory.
    """
    depth, height, width = cells.shape[2:]
    _, _, of_plane, of_row, of_cell = cells.strides
    if width > 1 and of_cell != cells.itemsize:
        return None
    if height > 1 and of_row != width * cells.itemsize:
        return None
    if depth > 1 and of_plane != height * width * cells.itemsize:
        return None
    return cells.reshape(shape)  # a view, since each channel's cells are one run
