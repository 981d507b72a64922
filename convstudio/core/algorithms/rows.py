"""`rows`: a band of T output rows is one matrix product, for few channels.

The weights become a banded matrix: row t of it holds the kernel's rows from input row t onwards, zero
elsewhere. It multiplies the k_w horizontally shifted copies of the T + k_h − 1 input rows that a band reads.
The zeros are multiplied too, in all (T + k_h − 1) / k_h times the products that count, but at the speed of
BLAS, and the input is copied k_w times instead of k_h · k_w times.

The zeros also mean that one NaN reaches the whole band: `conv` computes such tiles again by `taps`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole, whole_bands
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]


def band_height(taps: int, rows: int) -> int:
    """Output rows in a band: tall ones feed BLAS better, low ones multiply fewer zeros."""
    return min(16 if taps <= 11 else 32, rows)


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    size = job.dtype.itemsize
    band = band_height(job.kernel[1], job.cells[1])

    def needed(extents: Sequence[int]) -> int:
        examples, groups, depth, bands, width = extents
        read = job.reach((depth, bands * band, width))
        copied = math.prod(read[:2]) * width * job.kernel[2]
        result = 0 if job.outputs == 1 else job.outputs * depth * bands * band * width
        return size * examples * groups * (job.inputs * (math.prod(read) + copied) + result)

    bands = -(-full[3] // band)
    extents = fit_tile((*full[:3], bands, full[4]), needed)
    if job.kernel[0] > 1:  # the columns of a window are one run in memory only for one band at a time
        extents[3] = 1
    extents[3] *= band
    return whole_bands(tiles_of(full, extents), band), work(job)


def work(job: ConvJob) -> Work:
    """How to compute a tile whose height is a whole number of bands or less than one."""
    tallest = band_height(job.kernel[1], job.cells[1])
    matrices: dict[int, Array] = {}

    def compute(tile: Tile, scratch: Scratch) -> None:
        band = min(tallest, tile.extent[1])
        matrix = matrices.get(band)
        if matrix is None:
            matrix = matrices[band] = band_matrix(job, band)
        _product(job, tile, band, matrix[tile.groups[0] : tile.groups[1]], scratch)

    return compute


def _product(job: ConvJob, tile: Tile, band: int, matrix: Array, scratch: Scratch) -> None:
    depth, height, width = tile.extent
    bands = height // band
    columns = _columns(job, tile, band, scratch)
    target = job.target(tile)
    examples, groups = columns.shape[:2]
    # Splitting an axis of a view gives a view.
    bands_of = target.reshape(examples, groups, job.outputs, depth, bands, band, width)
    if job.outputs == 1:
        np.matmul(matrix[:, None, None], columns, out=bands_of[:, :, 0])
        return
    result = scratch.take("result", (examples, groups, depth, bands, job.outputs * band, width), job.dtype)
    np.matmul(matrix[:, None, None], columns, out=result)
    split = result.reshape(examples, groups, depth, bands, job.outputs, band, width)
    bands_of[...] = split.transpose(0, 1, 4, 2, 3, 5, 6)


def _columns(job: ConvJob, tile: Tile, band: int, scratch: Scratch) -> Array:
    """(examples, groups, depth, bands, columns of `band_matrix`, width): overlapping views of one copy.

    The copy is laid out (examples, groups, depth, row, input channel, horizontal tap, width), so that what a
    band reads is one contiguous run of it: the next band begins band · stride rows further on.
    """
    block = job.read(tile, scratch)
    depth, height, width = tile.extent
    examples, inputs, kw = block.shape[0], job.inputs, job.kernel[2]
    groups = tile.groups[1] - tile.groups[0]
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    shifted = as_strided(
        block,
        (examples, groups, block.shape[2], block.shape[3], inputs, kw, width),
        (
            of_example,
            of_channel * inputs,
            of_plane,
            of_row,
            of_channel,
            of_cell * job.dilation[2],
            of_cell * job.stride[2],
        ),
    )
    copy = scratch.take("columns", shifted.shape, job.dtype)
    np.copyto(copy, shifted)
    of_example, of_group, of_plane, of_row, _, of_column, of_cell = copy.strides
    reach = job.reach((1, band, 1))
    return as_strided(
        copy,
        (examples, groups, depth, height // band, reach[0] * reach[1] * inputs * kw, width),
        (
            of_example,
            of_group,
            of_plane * job.stride[0],
            of_row * job.stride[1] * band,
            of_column,
            of_cell,
        ),
    )


def band_matrix(job: ConvJob, band: int) -> Array:
    """(groups, outputs · band, columns): for each output row of a band the weight of every cell it may read.

    Columns run over depth, row, input channel and horizontal tap, in that order.
    """
    groups, outputs, inputs, kd, kh, kw = job.weight.shape
    reach = job.reach((1, band, 1))
    matrix = np.zeros((groups, outputs, band, reach[0], reach[1], inputs, kw), job.dtype)
    row = np.arange(band)
    for i in range(kd):
        for j in range(kh):
            taps = job.weight[:, :, :, i, j, :]
            matrix[:, :, row, i * job.dilation[0], row * job.stride[1] + j * job.dilation[1]] = taps[
                :, :, None
            ]
    return matrix.reshape(groups, outputs * band, -1)
