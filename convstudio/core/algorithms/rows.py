"""`rows`: each output row is one product of the weights with shifted copies of the input rows it reads.

For few channels. The horizontally shifted copies of an input row, one for each column of the kernel, are
laid out one below the other, and so are the rows: what an output row needs is then one contiguous run of
the copy, and that of the next output row begins one input row further on. Rows are copied k_w times, not
k_h · k_w times as by `gemm`, and BLAS reads overlapping views.

A banded matrix that computes T rows in one product would read memory less often, but it multiplies by
zeros, (T + k_h − 1) / k_h times as much in all, and lets NaN spread over the band; measured, it was no
faster for any kernel that `fft` does not win anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms import gemm
from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, inner_columns, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

# Columns below which a product for each row is not worth its call; `gemm` takes all rows in one.
_NARROW = 16


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    first, last = inner_columns(job)
    tiles = tiles_of(full, extents(job, (*full[:4], last - first)), (first, last))
    for side in ((0, first), (last, full[4])):
        if side[0] < side[1]:
            tiles += tiles_of(full, gemm.extents(job, (*full[:4], side[1] - side[0])), side)
    return tiles, work(job)


def extents(job: ConvJob, full: Sequence[int]) -> list[int]:
    """The extents of a tile for a part of the job with the given ones (examples, groups, then space)."""
    kd, _, kw = job.kernel

    def needed(tile: Sequence[int]) -> int:
        examples, groups, depth, height, width = tile
        read = job.reach((depth, height, width))
        copied = depth * _copied_rows(job, height) * kd * kw * width
        return job.dtype.itemsize * examples * groups * job.inputs * (math.prod(read) + copied)

    # Each tile copies the rows between it and the next once more: it should be high compared to the kernel.
    height = min(full[3], 2 * job.kernel[1] + 6)
    return fit_tile(full, needed, (1, 1, 1, height, min(full[4], 64)))


def _copied_rows(job: ConvJob, height: int) -> int:
    """Rows to copy for so many output rows: those that are read, or with gaps between them each row's own."""
    return height * job.kernel[1] if job.dilation[1] > 1 else job.reach((1, height, 1))[1]


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    groups, outputs, inputs, kd, kh, kw = job.weight.shape
    # Columns run over row, slice, input channel and horizontal tap.
    by_row = np.ascontiguousarray(job.weight.transpose(0, 1, 4, 3, 2, 5))
    weights = by_row.reshape(groups, 1, 1, outputs, kh * kd * inputs * kw)

    narrow = gemm.work(job)

    def compute(tile: Tile, scratch: Scratch) -> None:
        if tile.extent[2] < _NARROW:
            narrow(tile, scratch)
            return
        columns = _columns(job, tile, scratch)
        examples, many = columns.shape[:2]
        target = job.target(tile).reshape(examples, many, outputs, *tile.extent)
        np.matmul(weights[tile.groups[0] : tile.groups[1]], columns, out=target.transpose(0, 1, 3, 4, 2, 5))

    return compute


def _columns(job: ConvJob, tile: Tile, scratch: Scratch) -> Array:
    """(examples, groups, depth, height, columns of the weights, width): overlapping views of one copy."""
    block = job.read(tile, scratch)
    depth, height, width = tile.extent
    examples, inputs, (kd, kh, kw) = block.shape[0], job.inputs, job.kernel
    groups = tile.groups[1] - tile.groups[0]
    (s0, s1, s2), (g0, g1, g2) = job.stride, job.dilation
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    # One axis of rows where output rows share them, two (output row, kernel row) where gaps keep them apart.
    shared = g1 == 1
    rows, of_rows = ((block.shape[3],), (of_row,)) if shared else ((height, kh), (of_row * s1, of_row * g1))
    shifted = strided(
        block,
        (examples, groups, depth, *rows, kd, inputs, kw, width),
        (
            of_example,
            of_channel * inputs,
            of_plane * s0,
            *of_rows,
            of_plane * g0,
            of_channel,
            of_cell * g2,
            of_cell * s2,
        ),
    )
    copy = scratch.take("columns", shifted.shape, job.dtype)
    np.copyto(copy, shifted)
    strides = (*copy.strides[:3], copy.strides[3] * (s1 if shared else 1), *copy.strides[-2:])
    shape = (examples, groups, depth, height, kh * kd * inputs * kw, width)
    return strided(copy, shape, strides)
