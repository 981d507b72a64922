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
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms import gemm
from convstudio.core.algorithms.shifted import copier, phases_of, reads_directly
from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob, Tile, Work, fit_tile, tiles_of, whole, whole_bands
from convstudio.core.threads import Scratch, thread_count

Array: TypeAlias = npt.NDArray[Any]

# Columns below which a product for each row is not worth its call; `gemm` takes all rows in one.
_NARROW = 16
# Scratch memory of one tile. Measured from 1 to 16 MiB: of 2 they take up to a third less than of 1 or 4.
_TILE_BYTES = 2 << 20
# Tiles of the same shapes are remembered: cutting takes as long as a thread takes to start.
_MOST_PREPARED = 128
_prepared: dict[tuple[Any, ...], list[Tile]] = {}


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    shapes = (job.out.shape, job.weight.shape, job.stride, job.dilation, job.dtype, reads_directly(job))
    tiles = _prepared.get(shapes)
    if tiles is None:
        if len(_prepared) >= _MOST_PREPARED:
            _prepared.clear()
        tiles = _prepared[shapes] = _tiles(job)
    return tiles, work(job)


def _tiles(job: ConvJob) -> list[Tile]:
    full = whole(job)
    # Large ones with all columns: each call of NumPy for one more may have to wait for the interpreter, which
    # takes longer than copying the input to pad its sides.
    few = gemm.few_tiles(job, full, _scratch_bytes(job), _TILE_BYTES)
    if few[4] < full[4] and reads_directly(job):
        few = _full_width(job, full) or few
    return tiles_of(full, _in_bands(job, few, full))


def _full_width(job: ConvJob, full: Sequence[int]) -> list[int] | None:
    """Extents of one example's bands as wide as the output, which need no padded block and fewer calls.

    None where bands within the bytes of a tile are lower than the kernel: they share too few rows.
    """
    needed, cores = _scratch_bytes(job), thread_count()
    count = cores * -(-needed((1, 1, 1, *full[3:])) // (cores * _TILE_BYTES))
    while True:
        height = -(-full[3] // count)
        if height < max(job.kernel[1], 2):
            return None
        if needed((1, 1, 1, height, full[4])) <= _TILE_BYTES:
            return [1, 1, 1, height, full[4]]
        count += cores


def extents(job: ConvJob, full: Sequence[int]) -> list[int]:
    """The extents of a tile for a part of the job with the given ones (examples, groups, then space)."""
    # Each tile copies the rows between it and the next once more: it should be high compared to the kernel.
    height = min(full[3], 2 * job.kernel[1] + 6)
    least = (1, 1, 1, height, min(full[4], 64))
    return _in_bands(job, fit_tile(full, _scratch_bytes(job), least), full)


def _scratch_bytes(job: ConvJob) -> Callable[[Sequence[int]], int]:
    kd, _, kw = job.kernel
    direct = reads_directly(job)

    def needed(tile: Sequence[int]) -> int:
        examples, groups, depth, height, width = tile
        read = (0,) if direct and width == job.cells[2] else job.reach((depth, height, width))
        copied = depth * _copied_rows(job, height) * kd * kw * width
        return job.dtype.itemsize * examples * groups * job.inputs * (math.prod(read) + copied)

    return needed


def _in_bands(job: ConvJob, extents: list[int], full: Sequence[int]) -> list[int]:
    if extents[3] < full[3]:
        extents[3] -= extents[3] % min(_band(job), extents[3])
    return extents


def _band(job: ConvJob) -> int:
    """Heights to be a multiple of: with gaps between the rows read, every so many output rows share them."""
    return job.dilation[1] if job.stride[1] == 1 else 1


def _copied_rows(job: ConvJob, height: int) -> int:
    """Rows to copy for so many output rows: those that are read or, if they share none, each one's own."""
    apart = height * job.kernel[1]
    shared = job.dilation[1] == 1 or job.stride[1] == 1
    return min(apart, job.reach((1, height, 1))[1]) if shared else apart


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    groups, outputs, inputs, kd, kh, kw = job.weight.shape
    # Columns run over row, slice, input channel and horizontal tap.
    by_row = np.ascontiguousarray(job.weight.transpose(0, 1, 4, 3, 2, 5))
    weights = by_row.reshape(groups, 1, 1, 1, outputs, kh * kd * inputs * kw)

    narrow = gemm.work(job)
    copies = copier(job)
    band = _band(job)

    def compute(tile: Tile, scratch: Scratch) -> None:
        if tile.extent[2] < _NARROW:
            narrow(tile, scratch)
            return
        if tile.extent[1] % band:
            for part in whole_bands([tile], band):
                product(part, scratch)
        else:
            product(tile, scratch)

    def product(tile: Tile, scratch: Scratch) -> None:
        copied = copies(tile, scratch) if copies is not None else None
        columns = _windows(job, _copies(job, tile, scratch) if copied is None else copied, tile)
        examples, many, depth, phases, height = columns.shape[:5]
        target = job.target(tile).reshape(examples, many, outputs, depth, height, phases, tile.extent[2])
        by_phase = target.transpose(0, 1, 3, 5, 4, 2, 6)
        np.matmul(weights[tile.groups[0] : tile.groups[1]], columns, out=by_phase)

    return compute


def _windows(job: ConvJob, copies: Array, tile: Tile) -> Array:
    """What each output row is the product of the weights with, as overlapping views of the copies.

    (examples, groups, depth, phases, height, columns of the weights, width): output row r is row r // phases
    of phase r % phases.
    """
    examples, groups, depth, phases, _, kd, inputs, kw, width = copies.shape
    step = job.stride[1] if job.dilation[1] == 1 else 1
    strides = (*copies.strides[:4], copies.strides[4] * step, *copies.strides[-2:])
    each = job.kernel[1] * kd * inputs * kw
    shape = (examples, groups, depth, phases, tile.extent[1] // phases, each, width)
    return strided(copies, shape, strides)


def _copies(job: ConvJob, tile: Tile, scratch: Scratch) -> Array:
    """(examples, groups, depth, phases, rows, kernel depth, inputs, kernel columns, width).

    With gaps of g rows between the rows of a window, output rows g apart overlap: the rows are copied in g
    phases, each without gaps.
    """
    block = job.read(tile, scratch)
    depth, height, width = tile.extent
    examples, inputs, (kd, _, kw) = block.shape[0], job.inputs, job.kernel
    groups = tile.groups[1] - tile.groups[0]
    (s0, s1, s2), (g0, g1, g2) = job.stride, job.dilation
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    phases, rows = phases_of(job, height)
    shifted = strided(
        block,
        (examples, groups, depth, phases, rows, kd, inputs, kw, width),
        (
            of_example,
            of_channel * inputs,
            of_plane * s0,
            of_row * s1,
            of_row * g1,
            of_plane * g0,
            of_channel,
            of_cell * g2,
            of_cell * s2,
        ),
    )
    copy = scratch.take("columns", shifted.shape, job.dtype)
    np.copyto(copy, shifted)
    return copy
