"""`taps`: add shifted, scaled copies of the input, one for each kernel tap. The readable reference.

The best choice where most taps are zero or the input is tiny. At stride 1 a tile of padded rows is treated
as one flat run of numbers: shifting it by a tap's offset is then a slice, and every step runs over contiguous
memory that stays in cache. Cells between one row's last window and the next row's first hold nonsense and are
left behind when the rows are copied out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import ConvJob, Tile, Work, fit_tile, inner_columns, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    size = job.dtype.itemsize

    def needed(extents: Sequence[int]) -> int:
        cells = math.prod(job.reach(extents[2:])) * extents[0]
        return size * cells * (extents[1] * job.inputs + 2)

    columns = inner_columns(job)
    tiles: list[Tile] = []
    for first, last in (columns, (0, columns[0]), (columns[1], full[4])):
        if first < last:
            part = (*full[:4], last - first)
            tiles += tiles_of(full, fit_tile(part, needed), (first, last))
    return tiles, work(job)


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job (also where another algorithm met NaN or infinity)."""
    weight = job.weight
    unit_stride = job.stride == (1, 1, 1)
    sparse = bool((weight == 0).any())

    def compute(tile: Tile, scratch: Scratch) -> None:
        block = job.read(tile, scratch)
        target = job.target(tile)
        # A zero tap may be left out only where 0 · x is 0; a finite sum proves that all of x is finite.
        skip = sparse and bool(np.isfinite(np.add.reduce(block, axis=None)))
        for example in range(block.shape[0]):
            for channel in range(target.shape[1]):
                group = channel // job.outputs
                inputs = block[example, group * job.inputs : (group + 1) * job.inputs]
                kernels = weight[tile.groups[0] + group, channel % job.outputs]
                result = target[example, channel]
                if unit_stride and inputs[0].flags.c_contiguous and inputs.shape[-1] <= 2 * result.shape[-1]:
                    _flat(job, inputs, kernels, result, scratch, skip)
                else:
                    shifts = _windows(job, inputs, kernels, result.shape, skip)
                    _accumulate(shifts, result, scratch)

    return compute


def _taps(kernels: Array, skip: bool) -> Iterator[tuple[int, int, int, int, Any]]:
    """Channel, depth, height, width and weight of every tap that counts."""
    for index in product(*map(range, kernels.shape)):
        value = kernels[index]
        if value != 0 or not skip:
            yield (*index, value)


def _windows(
    job: ConvJob, inputs: Array, kernels: Array, extent: Sequence[int], skip: bool
) -> Iterator[tuple[Array, Any]]:
    """For each tap the input cells that it multiplies, shaped as the output, and its weight."""
    (s0, s1, s2), (d0, d1, d2) = job.stride, job.dilation
    e0, e1, e2 = ((n - 1) * s + 1 for n, s in zip(extent, job.stride, strict=True))
    for c, i, j, k, value in _taps(kernels, skip):
        i, j, k = i * d0, j * d1, k * d2
        yield inputs[c, i : i + e0 : s0, j : j + e1 : s1, k : k + e2 : s2], value


def _flat(job: ConvJob, inputs: Array, kernels: Array, result: Array, scratch: Scratch, skip: bool) -> None:
    """The same over flat runs: rows keep the length they have in the input while they are summed."""
    depth, height, width = result.shape
    rows, pitch = inputs.shape[-2:]
    plane = rows * pitch
    run = (depth - 1) * plane + (height - 1) * pitch + width
    flat = [channel.reshape(-1) for channel in inputs]
    d0, d1, d2 = job.dilation

    def shifts() -> Iterator[tuple[Array, Any]]:
        for c, i, j, k, value in _taps(kernels, skip):
            start = i * d0 * plane + j * d1 * pitch + k * d2
            yield flat[c][start : start + run], value

    if pitch == width and (depth == 1 or rows == height) and result.flags.c_contiguous:
        _accumulate(shifts(), result.reshape(-1), scratch)
        return
    total = scratch.take("total", (depth, rows, pitch), job.dtype, copied_to=result)
    _accumulate(shifts(), total.reshape(-1)[:run], scratch)
    result[...] = total[:, :height, :width]


def _accumulate(shifts: Iterator[tuple[Array, Any]], total: Array, scratch: Scratch) -> None:
    """The weighted sum of the shifted copies, into `total`. Weights of ±1 need no product."""
    first = next(shifts, None)
    if first is None:
        total[...] = 0
        return
    np.multiply(*first, out=total)
    product_ = scratch.take("product", total.shape, total.dtype)
    for shift, value in shifts:
        if value == 1:
            np.add(total, shift, out=total)
        elif value == -1:
            np.subtract(total, shift, out=total)
        else:
            np.multiply(shift, value, out=product_)
            np.add(total, product_, out=total)
