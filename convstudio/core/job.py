"""A convolution that has been checked: what every algorithm is given.

Algorithms see one form whatever the caller's rank: five axes for pictures (examples, channels, depth,
height, width; a picture has depth 1, a signal depth and height 1) and six for weights (group, output channel
within it, input channel within it, depth, height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.geometry import Pair
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, thread_count

Array: TypeAlias = npt.NDArray[Any]
Triple: TypeAlias = tuple[int, int, int]

# Scratch memory of one tile. Measured from 256 KiB to 4 MiB: larger ones were never slower, as BLAS does its
# own blocking for the caches and the interpreter's part, some 30 µs a tile, counts less.
TILE_BYTES = 4 << 20
# Output cells from which the sides of a picture are worth steps of their own.
_WORTH_CUTTING = 200_000
# What all workers together may take for their tiles (the promise is 64 MiB beyond input and output).
_ALL_TILES_BYTES = 40 << 20


class Tile(NamedTuple):
    """A block of output cells: ranges of examples and groups, and from `low` to `high` in space."""

    examples: Pair
    groups: Pair
    low: Triple
    high: Triple

    @property
    def extent(self) -> Triple:
        """Cells along depth, height and width."""
        low, high = self.low, self.high
        return (high[0] - low[0], high[1] - low[1], high[2] - low[2])


# Computes a tile; True if it knows that none of the tile's cells is NaN or infinite.
Work: TypeAlias = Callable[[Tile, Scratch], bool | None]


@dataclass(slots=True)
class ConvJob:
    """Checked arguments. Nothing here is changed once it is made, but for the contents of `out`.

    weight: in the dtype of the computation, C-contiguous, flipped already if that was asked for.
    exact: the same weights as they were given, for an algorithm that factors them.
    out: (examples, groups · outputs, depth, height, width), C-contiguous.
    """

    source: PaddedSource
    weight: Array
    exact: Array
    bias: Array | None
    stride: Triple
    dilation: Triple
    out: Array

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64: what is computed with."""
        return self.source.dtype

    @property
    def groups(self) -> int:
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        """Output channels of one group."""
        return int(self.weight.shape[1])

    @property
    def inputs(self) -> int:
        """Input channels of one group."""
        return int(self.weight.shape[2])

    @property
    def kernel(self) -> Triple:
        depth, height, width = self.weight.shape[3:]
        return (depth, height, width)

    @property
    def cells(self) -> Triple:
        """The output's spatial shape."""
        depth, height, width = self.out.shape[2:]
        return (depth, height, width)

    @property
    def taps(self) -> int:
        depth, height, width = self.weight.shape[3:]
        return int(depth * height * width)

    def reach(self, extent: Sequence[int]) -> Triple:
        """Cells of the padded input that so many output cells read, per axis."""
        (s0, s1, s2), (d0, d1, d2), (k0, k1, k2) = self.stride, self.dilation, self.kernel
        return (
            (extent[0] - 1) * s0 + d0 * (k0 - 1) + 1,
            (extent[1] - 1) * s1 + d1 * (k1 - 1) + 1,
            (extent[2] - 1) * s2 + d2 * (k2 - 1) + 1,
        )

    def channels(self, groups: Pair) -> Pair:
        """The input channels of a range of groups."""
        return (groups[0] * self.inputs, groups[1] * self.inputs)

    def read(self, tile: Tile, scratch: Scratch) -> Array:
        """What the tile's windows cover, (examples, channels, depth, height, width); a view if it can be."""
        low = (
            tile.low[0] * self.stride[0],
            tile.low[1] * self.stride[1],
            tile.low[2] * self.stride[2],
        )
        reach = self.reach(tile.extent)
        return self._block(tile, low, (low[0] + reach[0], low[1] + reach[1], low[2] + reach[2]), scratch)

    def read_columns(self, tile: Tile, scratch: Scratch) -> Array:
        """`read`, but without padding at the left and right: exactly the input's columns.

        The tile covers the whole width.
        """
        reach = self.reach(tile.extent)
        before, after = self.source.pads[2]
        low = (tile.low[0] * self.stride[0], tile.low[1] * self.stride[1], before)
        high = (low[0] + reach[0], low[1] + reach[1], self.source.shape[2] - after)
        return self._block(tile, low, high, scratch)

    def _block(self, tile: Tile, low: Triple, high: Triple, scratch: Scratch) -> Array:
        """The padded input from `low` to `high`, for the tile's examples and groups."""
        channels = self.channels(tile.groups)
        block = self.source.view(tile.examples, channels, low, high)
        if block is None:
            extent = (high[0] - low[0], high[1] - low[1], high[2] - low[2])
            shape = (tile.examples[1] - tile.examples[0], channels[1] - channels[0], *extent)
            block = scratch.take("block", shape, self.dtype)
            self.source.fill(block, tile.examples, channels, low, high)
        return block

    def target(self, tile: Tile) -> Array:
        """The tile's cells of the output, as a view: (examples, output channels, depth, height, width)."""
        return self.out[
            tile.examples[0] : tile.examples[1],
            tile.groups[0] * self.outputs : tile.groups[1] * self.outputs,
            tile.low[0] : tile.high[0],
            tile.low[1] : tile.high[1],
            tile.low[2] : tile.high[2],
        ]


def add_bias(job: ConvJob, tile: Tile) -> None:
    """Add the job's bias, if it has one, to a tile of its output."""
    if job.bias is not None:
        of_tile = job.bias[tile.groups[0] * job.outputs : tile.groups[1] * job.outputs]
        target = job.target(tile)
        np.add(target, of_tile.reshape(-1, 1, 1, 1), out=target)


def tile_bytes(total: int) -> int:
    """The scratch memory to allow a tile, when the whole job in one tile would take `total` bytes.

    A few tiles for each core keep all of them busy to the end.
    """
    share = total // (3 * thread_count())
    return min(max(share, TILE_BYTES // 8), TILE_BYTES, _ALL_TILES_BYTES // thread_count())


def whole(job: ConvJob) -> tuple[int, int, int, int, int]:
    """The extents of a tile that covers the job: examples, groups, depth, height, width."""
    return (int(job.out.shape[0]), job.groups, *job.cells)


def fit_tile(
    full: Sequence[int],
    needed: Callable[[Sequence[int]], int],
    least: Sequence[int] = (1,) * 5,
    most: int | None = None,
) -> list[int]:
    """The largest extents (examples, groups, depth, height, width) whose scratch fits, last axis first.

    An axis is longer than `least` only where all axes after it are whole, so that with the default a tile's
    output cells lie in one contiguous run per channel. `most`: bytes to stay below, to fit into a cache.
    """
    total = needed(full)
    if total <= TILE_BYTES // 8:
        return list(full)
    budget = tile_bytes(total) if most is None else min(most, tile_bytes(total))
    extents = list(least)
    for axis in reversed(range(len(full))):
        extents[axis] = full[axis]
        if needed(extents) <= budget:
            continue
        fits, fails = least[axis], full[axis]
        while fails - fits > 1:
            extents[axis] = (fits + fails) // 2
            if needed(extents) <= budget:
                fits = extents[axis]
            else:
                fails = extents[axis]
        extents[axis] = -(-full[axis] // -(-full[axis] // fits))  # pieces of even length
        break
    return extents


def tiles_of(full: Sequence[int], extents: Sequence[int], columns: Pair | None = None) -> list[Tile]:
    """Tiles of the given extents that cover the job, or a range of its output columns, in memory order."""
    first, last = columns or (0, full[4])
    region = Tile((0, full[0]), (0, full[1]), (0, 0, first), (full[2], full[3], last))
    if columns is None and list(extents) == list(full):  # small jobs, where the loops below take longest
        return [region]
    examples, groups, depth, height, _ = full
    # Bands of rows, which jobs with few channels are cut into: as the small ones, without the loops.
    if columns is None and extents[:3] == [examples, groups, depth] and extents[4] == last:
        step, to = extents[3], (0, groups)
        return [
            Tile((0, examples), to, (0, low, 0), (depth, min(low + step, height), last))
            for low in range(0, height, step)
        ]
    return pieces(region, extents)


def pieces(tile: Tile, extents: Sequence[int]) -> list[Tile]:
    """The tile's cells in tiles of the given extents, in memory order."""
    whole_ranges = (tile.examples, tile.groups, *zip(tile.low, tile.high, strict=True))
    ranges = [
        [(start, min(start + step, stop)) for start in range(first, stop, step)]
        for (first, stop), step in zip(whole_ranges, extents, strict=True)
    ]
    return [
        Tile(examples, groups, (d[0], h[0], w[0]), (d[1], h[1], w[1]))
        for examples in ranges[0]
        for groups in ranges[1]
        for d in ranges[2]
        for h in ranges[3]
        for w in ranges[4]
    ]


def worth_cutting(cells: int) -> bool:
    """Whether so many output cells are worth computing apart from the borders around them."""
    return cells >= _WORTH_CUTTING


def whole_bands(tiles: Sequence[Tile], band: int) -> list[Tile]:
    """The same cells in tiles that are each a whole number of bands of rows high, or less than one."""
    cut: list[Tile] = []
    for tile in tiles:
        low, high = tile.low, tile.high
        edge = high[1] - (high[1] - low[1]) % band
        if low[1] < edge < high[1]:
            cut.append(tile._replace(high=(high[0], edge, high[2])))
            cut.append(tile._replace(low=(low[0], edge, low[2])))
        else:
            cut.append(tile)
    return cut
