"""Values sent to places given by indices: the gradients of maxima and minima, and unpooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import any_array, real_array
from convstudio.core.control import Control
from convstudio.core.elementwise import flat_run
from convstudio.core.geometry import GeometryError, Pair
from convstudio.core.job import Tile
from convstudio.core.pools.search import Locate
from convstudio.core.pools.sliding import WORTH_THREADS, part_of
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

_PIECE = 1 << 17  # cells sent at a time
_INDEX = np.dtype(np.intp)


def checked_grad(grad: Any, shape: tuple[int, ...], what: str = "pooled values") -> Array:
    """The upstream gradient; GeometryError unless it has the shape of the forward's result."""
    upstream = real_array("grad", grad)
    if upstream.shape != shape:
        raise GeometryError(f"grad must have the shape of the {what}, {shape}, got {upstream.shape}")
    return upstream


def checked_indices(indices: Any, shape: tuple[int, ...], spatial: tuple[int, ...]) -> Array:
    """Indices as an array of whole numbers of this shape, each within a plane of the spatial shape."""
    places = any_array("indices", indices)
    if places.dtype.kind not in "iu" and places.size:
        raise ValueError(f"indices must hold whole numbers, got dtype {places.dtype}")
    if places.shape != shape:
        raise GeometryError(f"indices must have the shape {shape} of the pooled values, got {places.shape}")
    cells = math.prod(spatial)
    if places.size:
        least, most = int(places.min()), int(places.max())
        if least < 0 or most >= cells:
            size = "×".join(map(str, spatial))
            raise ValueError(
                f"indices must be 0 to {cells - 1}, to lie within a plane of {size} px, got "
                f"{least if least < 0 else most}"
            )
    return places


def route_back(
    values: Array, places: Array, target: Array, control: Control | None, *, add: bool = True
) -> None:
    """Send values (N, C, *pooled) to their places in the planes of `target` (N, C, *spatial), 0 elsewhere.

    Values for the same place add up, or without `add` the last one stays.
    """
    cells = math.prod(target.shape[2:])
    flat = target.reshape(-1)

    def work(run: _Run, scratch: Scratch) -> None:
        part = flat[run.first_plane * cells : run.last_plane * cells]
        part.fill(0)
        for start, stop in run.pieces():
            sent = flat_run("values", values, start, stop, target.dtype, scratch)
            to = run.absolute(flat_run("places", places, start, stop, _INDEX, scratch), cells)
            if add:
                np.add.at(part, to, sent)
            else:
                part[to] = sent

    _run_planes(places, work, control)


def fetch(source: Array, places: Array, target: Array, control: Control | None) -> None:
    """Take from each plane of `source` (N, C, *spatial) the values at `places`, in the shape of those."""
    cells = math.prod(source.shape[2:])
    flat = target.reshape(-1)

    def work(run: _Run, scratch: Scratch) -> None:
        planes = (run.first_plane * cells, run.last_plane * cells)
        part = flat_run("values", source, *planes, target.dtype, scratch)
        for start, stop in run.pieces():
            at = run.absolute(flat_run("places", places, start, stop, _INDEX, scratch), cells)
            np.take(part, at, out=flat[start:stop], mode="clip")

    _run_planes(places, work, control)


@dataclass(frozen=True, slots=True)
class _Run:
    """Planes that are dealt with at once; `pooled`: indices in each."""

    first_plane: int
    last_plane: int
    pooled: int

    def pieces(self) -> Iterator[Pair]:
        """Runs of indices, as ranges of all: all of several planes, or parts of a single one."""
        start, stop = self.first_plane * self.pooled, self.last_plane * self.pooled
        step = _PIECE if self.last_plane - self.first_plane == 1 else stop - start
        for first in range(start, stop, step):
            yield first, min(first + step, stop)

    def absolute(self, places: Array, cells: int) -> Array:
        """Indices within planes of so many cells, as indices into this run of planes."""
        count = self.last_plane - self.first_plane
        if count == 1:
            return places
        moved: Array = places.reshape(count, self.pooled) + np.arange(0, count * cells, cells)[:, None]
        return moved.reshape(-1)


def _run_planes(places: Array, work: Callable[[_Run, Scratch], None], control: Control | None) -> None:
    planes, pooled = math.prod(places.shape[:2]), math.prod(places.shape[2:])
    if not planes and control is not None:
        control.report(0, 0)
    many = max(1, _PIECE // max(pooled, 1))
    runs = [_Run(first, min(first + many, planes), pooled) for first in range(0, planes, many)]
    run_tiles(runs, work, control, parallel=places.size >= WORTH_THREADS)


def route_winners(
    tiles: Sequence[Tile], locate: Locate, grad: Array, target: Array, control: Control | None
) -> None:
    """Send each window's gradient to its winner; both arrays have five axes and `target` is contiguous.

    Tiles share cells where windows overlap, so those of the same planes follow one another on one thread.
    """
    runs: dict[tuple[Pair, Pair], list[Tile]] = {}
    for tile in tiles if grad.size else ():
        runs.setdefault((tile.examples, tile.groups), []).append(tile)
    cells = math.prod(target.shape[2:])
    flat = target.reshape(-1)
    if not runs:
        target.fill(0)
        if control is not None:
            control.report(0, 0)

    def work(tiles: list[Tile], scratch: Scratch) -> None:
        (e0, e1), (c0, c1) = tiles[0].examples, tiles[0].groups
        target[e0:e1, c0:c1] = 0
        planes = (np.arange(e0, e1)[:, None] * target.shape[1] + np.arange(c0, c1)) * cells
        for tile in tiles:
            shape = (e1 - e0, c1 - c0, *tile.extent)
            values, to = scratch.take("values", shape, target.dtype), scratch.take("places", shape, _INDEX)
            locate(tile, scratch, values, to)
            np.add(to, planes[:, :, None, None, None], out=to)
            np.copyto(values, part_of(grad, tile), casting="same_kind")
            np.add.at(flat, to.reshape(-1), values.reshape(-1))
            if control is not None:
                control.check()

    run_tiles(list(runs.values()), work, control, parallel=target.size >= WORTH_THREADS)
