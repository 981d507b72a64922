"""The greatest or least value of single large windows, and where it lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import Tile, fit_tile, tiles_of
from convstudio.core.pools.fold import MAXIMUM, Fold
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

# Cells of a window from which windows are searched one by one.
LARGE = 4096
_BAND_CELLS = 1 << 18  # looked at in one piece
_TILE_BYTES = 2 << 20


Ranges: TypeAlias = Sequence[Sequence[range]]  # the cells of each window along each axis
# Writes the values and indices of a tile's windows into two arrays of its shape.
Locate: TypeAlias = Callable[[Tile, Scratch, Array, Array], None]


def plan_search(planes: Array, ranges: Ranges, full: Sequence[int], fold: Fold) -> tuple[list[Tile], Locate]:
    """Tiles of windows over planes (examples, channels, depth, height, width), and what searches them."""
    largest = math.prod(max(map(len, axis), default=0) for axis in ranges)

    def locate(tile: Tile, _: Scratch, values: Array, indices: Array) -> None:
        some = planes[tile.examples[0] : tile.examples[1], tile.groups[0] : tile.groups[1]]
        axes = [axis[low:high] for axis, low, high in zip(ranges, tile.low, tile.high, strict=True)]
        for at in np.ndindex(*tile.extent):
            window = [axis[i] for axis, i in zip(axes, at, strict=True)]
            values[(..., *at)], indices[(..., *at)] = search(some, window, fold, values.dtype)

    tiles = tiles_of(full, fit_tile(full, lambda extents: 4 * largest * math.prod(extents), most=_TILE_BYTES))
    return tiles, locate


def search(planes: Array, window: Sequence[range], fold: Fold, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """The winner among the cells of a window of each plane (examples, channels, depth, height, width).

    window: the cells along depth, height and width. Returns values and indices, both (examples, channels);
    the first of equal values, the last of several NaN.
    """
    layers, rows, columns = window
    lead = planes.shape[:2]
    values: Array | None = None
    indices = np.zeros(lead, np.int64)
    band = max(1, _BAND_CELLS // (lead[0] * lead[1] * len(columns)))
    _, height, width = planes.shape[2:]
    for layer in layers:
        for first in range(0, len(rows), band):
            some = rows[first : first + band]
            found, at = _best(planes[:, :, layer, _slice(some), _slice(columns)], fold, dtype)
            row, column = np.divmod(at, len(columns))
            place = (
                (layer * height + some.start + row * some.step) * width
                + columns.start
                + column * columns.step
            )
            if values is None:
                values, indices = found, place
                continue
            better = (found > values) if fold is MAXIMUM else (found < values)
            better |= np.isnan(found)
            np.copyto(values, found, where=better)
            np.copyto(indices, place, where=better)
    assert values is not None  # a window has at least one cell
    return values, indices


def _slice(cells: range) -> slice:
    return slice(cells.start, cells.stop, cells.step)


def _best(block: Array, fold: Fold, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Values, and places in (examples, channels, height, width) blocks, row by row."""
    lead = block.shape[:2]
    cells = block.astype(dtype, copy=False).reshape(lead[0] * lead[1], -1)
    at = cells.argmax(1) if fold is MAXIMUM else cells.argmin(1)
    found = cells[np.arange(len(cells)), at]
    for plane in np.flatnonzero(np.isnan(found)):  # NumPy gives the first NaN
        at[plane] = cells.shape[1] - 1 - int(np.isnan(cells[plane, ::-1]).argmax())
    return found.reshape(lead), at.reshape(lead)
