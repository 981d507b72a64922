"""The gradient of a convolution with respect to its weights and bias.

A weight meets, under its tap, one input cell for each output cell; its gradient is the sum of their products.
That sum over a tile of output cells is computed in one of three ways (`gradients.products`); here the tiles'
sums are added up, in float64 and in the order of the tiles: within a tile, some hundred thousand products at
most, the precision of the computation is enough, and the result does not depend on which thread was first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.geometry import Pair
from convstudio.core.gradients import products
from convstudio.core.job import ConvJob, Tile, fit_tile, tiles_of, whole
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles, thread_count

Array: TypeAlias = npt.NDArray[Any]

# Sums in float64 that all threads together may hold.
_SUMS_BYTES = 24 << 20
# Scratch of the one tile of a job that is too small for several threads.
_ALONE_BYTES = 2 << 20
# Products from which other threads are worth waking.
_WORTH_THREADS = 2_000_000


class _Unit(NamedTuple):
    """What one thread sums up by itself: some outputs of some groups over consecutive tiles.

    alone: there are no other tiles for these.
    """

    groups: Pair
    outputs: Pair
    tiles: list[Tile]
    alone: bool


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
    way = products.way(job)
    parallel = job.out.size * (job.inputs * job.taps if weight else 1) >= _WORTH_THREADS
    units = _units(job, way if weight else None, parallel)
    sums: list[tuple[Array | None, Array | None]] = [(None, None)] * len(units)

    def work(index: int, scratch: Scratch) -> None:
        unit = units[index]
        total: Array | None = None
        total_bias: Array | None = None
        for tile in unit.tiles:
            upstream = _upstream(job, grad, tile, unit.outputs, scratch)
            if weight:
                made = way.compute(job, job.read(tile, scratch), upstream, scratch)
                total = _plus(total, made)
            if bias:
                rows = np.add.reduce(upstream, axis=-1)  # pairwise
                total_bias = _plus(total_bias, np.add.reduce(rows, axis=(0, 3, 4), dtype=np.float64))
            if control is not None:
                control.check()
        if total is not None:
            total = way.arrange(job, total)
            if unit.alone and by_weight is not None:  # the sums of large weights must not pile up
                by_weight[slice(*unit.groups), slice(*unit.outputs)] = total
                total = None
        sums[index] = (total, total_bias)

    run_tiles(range(len(units)), work, control, parallel=parallel)
    for result, part in ((by_weight, 0), (by_bias, 1)):
        if result is not None:
            _gather(result, units, [pair[part] for pair in sums])
    return by_weight, by_bias


def _units(job: ConvJob, way: products.Way | None, parallel: bool) -> list[_Unit]:
    full = whole(job)
    most = 3 * thread_count() if parallel else 1
    outputs = job.outputs
    if way is not None:
        each = 8 * job.inputs * job.taps  # bytes of the sums for one output
        outputs = min(outputs, max(_SUMS_BYTES // most // each, 1))
        outputs = -(-job.outputs // -(-job.outputs // outputs))  # blocks of even length

    def needed(tile: Sequence[int]) -> int:
        values = job.outputs * math.prod(tile) if way is None else way.scratch(job, tile)
        return values * job.dtype.itemsize

    extents = [full[0], full[1] if outputs == job.outputs else 1, *full[2:]]
    if parallel or needed(extents) > _ALONE_BYTES:
        extents = _even(full, fit_tile(extents, needed))
    by_groups: dict[Pair, list[Tile]] = {}
    for tile in tiles_of(full, extents):
        by_groups.setdefault(tile.groups, []).append(tile)
    blocks = [(first, min(first + outputs, job.outputs)) for first in range(0, job.outputs, outputs)]
    most = -(-most // (len(by_groups) * len(blocks)))
    units: list[_Unit] = []
    for groups, tiles in by_groups.items():
        runs = min(most, len(tiles))
        cuts = [len(tiles) * run // runs for run in range(runs + 1)]
        for block in blocks:
            units += [_Unit(groups, block, tiles[first:last], runs == 1) for first, last in pairwise(cuts)]
    return units


def _even(full: Sequence[int], extents: list[int]) -> list[int]:
    """The extents, smaller if need be for each thread to get as many tiles."""
    for axis in reversed(range(len(full))):
        pieces = -(-full[axis] // extents[axis])
        if pieces > 1:
            pieces = -(-pieces // thread_count()) * thread_count()
            extents[axis] = -(-full[axis] // pieces)
            break
    return extents


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


def _plus(total: Array | None, more: Array) -> Array:
    """The sum in float64, written to `total` if there is one."""
    if total is None:
        return more.astype(np.float64)
    return np.add(total, more, out=total)


def _gather(result: Array, units: Sequence[_Unit], sums: Sequence[Array | None]) -> None:
    """Add the units' sums, in their order, and round the totals once."""
    totals: dict[tuple[Pair, Pair], Array] = {}
    for unit, part in zip(units, sums, strict=True):
        if part is not None:
            key = (unit.groups, unit.outputs)
            totals[key] = _plus(totals.get(key), part)
    for (groups, outputs), total in totals.items():
        result[groups[0] : groups[1], outputs[0] : outputs[1]] = total
