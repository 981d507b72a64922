"""The gradient of a convolution with respect to its weights and bias.

A weight meets, under its tap, one input cell for each output cell; its gradient is the sum of their products.
Over a tile of output cells that is a product of matrices, the windows' columns (inputs · taps, cells) times
the upstream gradient (cells, outputs), in one of two layouts, as `gemm` and `rows` have them: all cells of
the tile in one product; or, for few outputs and wide rows, a product for each output row, for which input
rows are copied only once for each column of the kernel.

Products are summed in the precision of the computation within a tile, some hundred thousand at most, and in
float64 from tile to tile, in the order of the tiles: the result does not depend on which thread was first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.control import Control
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile, fit_tile, tiles_of, whole
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles, thread_count

Array: TypeAlias = npt.NDArray[Any]

# Sums in float64 that all threads together may hold.
_SUMS_BYTES = 24 << 20
# Outputs of a group up to which, and columns from which, a product for each row pays.
_FEW_OUTPUTS = 4
_WIDE = 64
# Tiles are smaller than a convolution's by this: BLAS reads the columns more than once.
_SHARE = 2
# Products from which other threads are worth waking.
_WORTH_THREADS = 2_000_000


class _Unit(NamedTuple):
    """What one thread sums up by itself: some outputs of some groups over consecutive tiles."""

    groups: Pair
    outputs: Pair
    tiles: list[Tile]


def sum_gradients(
    job: ConvJob, grad: PaddedSource, *, weight: bool, bias: bool, control: Control | None = None
) -> tuple[Array | None, Array | None]:
    """The gradients of weight (groups, outputs, inputs, depth, height, width) and bias (groups, outputs).

    job: the forward convolution, of whose `out` only the shape matters. grad: the upstream gradient, in that
    shape, without padding. None for what is not wanted.
    """
    shape = (job.groups, job.outputs)
    by_weight = np.zeros((*shape, job.inputs, *job.kernel), job.dtype) if weight else None
    by_bias = np.zeros(shape, job.dtype) if bias else None
    if job.out.size == 0 or not (weight or bias):
        if control is not None:
            control.report(0, 0)
        return by_weight, by_bias
    compute = _by_rows if _takes_rows(job) else _by_columns
    units = _units(job, weight)
    sums: list[tuple[Array | None, Array | None]] = [(None, None)] * len(units)

    def work(index: int, scratch: Scratch) -> None:
        unit = units[index]
        products: Array | None = None
        total: Array | None = None
        for tile in unit.tiles:
            upstream = _upstream(job, grad, tile, unit.outputs, scratch)
            if weight:
                block = job.read(tile, scratch)
                products = _plus(products, compute(job, block, upstream, scratch))
            if bias:
                total = _plus(total, _summed(np.add.reduce(upstream, axis=-1), (0, 3, 4)))
            if control is not None:
                control.check()
        sums[index] = (products, total)

    parallel = job.out.size * (job.inputs * job.taps if weight else 1) >= _WORTH_THREADS
    run_tiles(range(len(units)), work, control, parallel=parallel)
    for result, part in ((by_weight, 0), (by_bias, 1)):
        if result is not None:
            _gather(result, units, [pair[part] for pair in sums])
    return by_weight, by_bias


def _units(job: ConvJob, weight: bool) -> list[_Unit]:
    full = whole(job)
    parts = 3 * thread_count()
    outputs = job.outputs
    if weight:
        each = 8 * job.inputs * job.taps  # bytes of the sums for one output
        outputs = min(outputs, max(_SUMS_BYTES // parts // each, 1))
    if outputs < job.outputs:
        outputs = -(-job.outputs // -(-job.outputs // outputs))  # blocks of even length
    extents = fit_tile((full[0], full[1] if outputs == job.outputs else 1, *full[2:]), _needed(job, weight))
    by_groups: dict[Pair, list[Tile]] = {}
    for tile in tiles_of(full, extents):
        by_groups.setdefault(tile.groups, []).append(tile)
    blocks = [(first, min(first + outputs, job.outputs)) for first in range(0, job.outputs, outputs)]
    runs = -(-parts // (len(by_groups) * len(blocks)))
    units: list[_Unit] = []
    for groups, tiles in by_groups.items():
        length = -(-len(tiles) // runs)
        for block in blocks:
            units += [
                _Unit(groups, block, tiles[first : first + length]) for first in range(0, len(tiles), length)
            ]
    return units


def _needed(job: ConvJob, weight: bool) -> Any:
    """The scratch of a tile, in bytes, by its extents."""
    height_taps = job.kernel[1]
    rows = _takes_rows(job)

    def needed(tile: Sequence[int]) -> int:
        examples, groups, depth, height, width = tile
        if not weight:
            return int(_SHARE * job.dtype.itemsize * job.outputs * math.prod(tile))
        reach = job.reach((depth, height, width))
        if rows:
            columns = depth * reach[1] * (job.taps // height_taps) * width + height * job.taps
        else:
            columns = math.prod(tile[2:]) * job.taps
        cells = job.inputs * (math.prod(reach) + columns)
        return _SHARE * job.dtype.itemsize * examples * groups * cells

    return needed


def _takes_rows(job: ConvJob) -> bool:
    return job.outputs <= _FEW_OUTPUTS and job.cells[2] >= _WIDE and job.kernel[1] > 1


def _upstream(job: ConvJob, grad: PaddedSource, tile: Tile, outputs: Pair, scratch: Scratch) -> Array:
    """The tile's part of the gradient: (examples, groups, outputs, depth, height, width)."""
    first, last = tile.groups
    if last - first == 1:
        channels = (first * job.outputs + outputs[0], first * job.outputs + outputs[1])
    else:
        channels = (first * job.outputs, last * job.outputs)
    block = grad.view(tile.examples, channels, tile.low, tile.high)
    if block is None:
        shape = (tile.examples[1] - tile.examples[0], channels[1] - channels[0], *tile.extent)
        block = scratch.take("upstream", shape, job.dtype)
        grad.fill(block, tile.examples, channels, tile.low, tile.high)
    return block.reshape(len(block), last - first, outputs[1] - outputs[0], *tile.extent)


def _by_columns(job: ConvJob, block: Array, upstream: Array, scratch: Scratch) -> Array:
    """The tile's sums of products, (groups, outputs, inputs, depth, height, width), in float64."""
    examples, groups, outputs, *extent = upstream.shape
    cells = examples * math.prod(extent)
    window = job.inputs * job.taps
    if examples == 1:
        others = upstream.reshape(groups, outputs, cells)
    else:
        copy = scratch.take("others", (groups, outputs, examples, *extent), job.dtype)
        np.copyto(copy, upstream.transpose(1, 2, 0, 3, 4, 5))
        others = copy.reshape(groups, outputs, cells)
    if examples == 1 and job.taps == 1 and job.stride == (1, 1, 1):
        columns = block.reshape(groups, window, cells)
    else:
        of_example, of_channel, *of_axis = block.strides
        windows = strided(
            block,
            (groups, job.inputs, *job.kernel, examples, *extent),
            (
                of_channel * job.inputs,
                of_channel,
                *(step * gap for step, gap in zip(of_axis, job.dilation, strict=True)),
                of_example,
                *(step * stride for step, stride in zip(of_axis, job.stride, strict=True)),
            ),
        )
        columns = scratch.take("columns", (groups, window, cells), job.dtype)
        np.copyto(columns.reshape(windows.shape), windows)
    products = np.matmul(columns, others.swapaxes(1, 2))
    shaped: Array = products.reshape(groups, job.inputs, *job.kernel, outputs).astype(np.float64)
    return shaped.transpose(0, 5, 1, 2, 3, 4)


def _by_rows(job: ConvJob, block: Array, upstream: Array, scratch: Scratch) -> Array:
    """The same with a product for each output row."""
    examples, groups, outputs, depth, height, width = upstream.shape
    (kd, kh, kw), inputs = job.kernel, job.inputs
    (s0, s1, s2), (g0, g1, g2) = job.stride, job.dilation
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    shifted = strided(
        block,
        (examples, groups, depth, block.shape[3], kd, inputs, kw, width),
        (
            of_example,
            of_channel * inputs,
            of_plane * s0,
            of_row,
            of_plane * g0,
            of_channel,
            of_cell * g2,
            of_cell * s2,
        ),
    )
    copy = scratch.take("columns", shifted.shape, job.dtype)
    np.copyto(copy, shifted)
    # The rows under a window lie one below the other: one matrix, if there are no gaps between them.
    joined, apart = (kh, 1) if g1 == 1 else (1, kh)
    of_read = copy.strides[3]
    columns = strided(
        copy,
        (examples, groups, depth, height, apart, joined * kd * inputs * kw, width),
        (*copy.strides[:3], of_read * s1, of_read * g1, *copy.strides[-2:]),
    )
    others = upstream.transpose(0, 1, 3, 4, 5, 2)[:, :, :, :, None]
    products = np.matmul(columns, others)
    summed = _summed(products, (0, 2, 3)).reshape(groups, kh, kd, inputs, kw, outputs)
    return summed.transpose(0, 5, 3, 2, 1, 4)


def _summed(values: Array, axes: tuple[int, ...]) -> Array:
    total: Array = np.add.reduce(values, axis=axes, dtype=np.float64)
    return total


def _plus(total: Array | None, more: Array) -> Array:
    if total is None:
        return more
    total += more
    return total


def _gather(result: Array, units: Sequence[_Unit], sums: Sequence[Array | None]) -> None:
    """Add the units' sums, in their order, and round the totals once."""
    totals: dict[tuple[Pair, Pair], Array] = {}
    for unit, part in zip(units, sums, strict=True):
        if part is not None:
            key = (unit.groups, unit.outputs)
            totals[key] = _plus(totals.get(key), part)
    for (groups, outputs), total in totals.items():
        result[groups[0] : groups[1], outputs[0] : outputs[1]] = total
