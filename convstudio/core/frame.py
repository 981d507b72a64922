"""The inside of a picture, which is computed where it lies, and the frame around it.

Where rows of input and output are equally long ("same" padding at stride 1), a band of input rows taken as
one flat run of numbers gives a flat run of the output: nothing is padded and nothing copied out. The run also
writes nonsense at the sides of its rows, where it passes from one row to the next; the sides are computed
after it from small padded copies, and so are the rows at the top and the bottom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

import numpy.typing as npt

from convstudio.core.arrays import address
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile, pieces, worth_cutting
from convstudio.core.threads import thread_count

Array: TypeAlias = npt.NDArray[Any]

_LEAST_ROWS = 16  # fewer are not worth the ado
_ALIGNED = 4  # numbers: from where writing is a quarter faster


@dataclass(frozen=True, slots=True)
class Inside:
    """Ranges of output rows and columns whose windows need no padding, and the output's size."""

    rows: Pair
    columns: Pair
    height: int
    width: int

    def holds(self, tile: Tile) -> bool:
        """Whether the tile is a band of whole rows of the inside."""
        rows = self.rows[0] <= tile.low[1] and tile.high[1] <= self.rows[1]
        return rows and tile.extent[2] == self.width

    def tiles(self, job: ConvJob, most: int) -> list[Tile]:
        """Bands of the inside of one plane each, then the rows above and below of all planes.

        most: bytes of input and output of a band.
        """
        examples, groups = job.out.shape[0], job.groups
        height = self.rows[1] - self.rows[0]
        row = job.dtype.itemsize * self.width * (job.inputs + job.outputs)
        bands = max(-(-height * row // most), -(-4 * thread_count() // (examples * groups)))
        if examples * groups == 1:  # as many for each thread, so that they end together
            bands = -(-bands // thread_count()) * thread_count()
        whole = Tile((0, examples), (0, groups), (0, self.rows[0], 0), (1, self.rows[1], self.width))
        tiles = pieces(whole, (1, 1, 1, max(_LEAST_ROWS, -(-height // bands)), self.width))
        for first, last in ((0, self.rows[0]), (self.rows[1], self.height)):
            if first < last:
                edge = whole._replace(low=(0, first, 0), high=(1, last, self.width))
                tiles += pieces(edge, (1, 1, 1, last - first, self.width))
        return tiles

    def run(self, plane: Array) -> tuple[int, Array]:
        """The flat run of a band of one output channel, (rows, width), up to its last inner cell.

        It begins at or a little after the first inner cell, where memory is aligned. With it comes the cell
        of the band's input, counted from its first, at which the run's first window begins.
        """
        flat = plane.reshape(-1)
        start = self.columns[0]
        start += -(address(flat) // flat.itemsize + start) % _ALIGNED
        return start - self.columns[0], flat[start : (len(plane) - 1) * self.width + self.columns[1]]


class Sides:
    """Which bands of each plane are done, so that the sides of all its rows can be computed at once."""

    def __init__(self, inside: Inside, tiles: Sequence[Tile]) -> None:
        self._inside = inside
        self._lock = Lock()
        self._waiting = Counter((tile.examples, tile.groups) for tile in tiles if inside.holds(tile))

    def after(self, tile: Tile) -> list[Tile]:
        """The sides of the plane if this was its last band, else nothing."""
        plane = (tile.examples, tile.groups)
        with self._lock:
            self._waiting[plane] -= 1
            if self._waiting[plane]:
                return []
        inside = self._inside
        ranges = ((0, inside.columns[0] + _ALIGNED - 1), (inside.columns[1], inside.width))
        (top, bottom) = inside.rows
        return [
            tile._replace(low=(0, top, first), high=(1, bottom, last))
            for first, last in ranges
            if first < last
        ]

    def finished(self, tile: Tile) -> Tile:
        """The part of a band that its run has computed for good."""
        first, last = self._inside.columns[0] + _ALIGNED - 1, self._inside.columns[1]
        return tile._replace(low=(0, tile.low[1], first), high=(1, tile.high[1], last))


def inside_of(job: ConvJob) -> Inside | None:
    """The job's inside; None where it has none to speak of or cannot be computed in place."""
    depth, height, width = job.cells
    if (
        job.stride != (1, 1, 1)
        or depth != 1
        or job.kernel[0] != 1
        or job.source.pads[0] != (0, 0)
        or not job.source.in_place
        or job.source.array.shape[4] != width
        or not worth_cutting(height * width)
    ):
        return None
    (top, bottom), (left, right) = job.source.pads[1:]
    _, high, wide = job.reach((1, 1, 1))
    rows = (top, job.source.shape[1] - bottom - high + 1)
    columns = (left, job.source.shape[2] - right - wide + 1)
    if rows[1] - rows[0] < max(_LEAST_ROWS, height // 2) or columns[1] - columns[0] < width // 2:
        return None
    return Inside(rows, columns, height, width)
