"""The adjoint of summing windows: each window's gradient is added to every cell that the window covers.

It goes block by block of the input, each collecting from the windows that reach it, so that blocks are
independent of one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.job import Tile, fit_tile, tiles_of
from convstudio.core.pools.fold import SUM, fold_axis, iterate_rows
from convstudio.core.pools.sliding import WORTH_THREADS, part_of
from convstudio.core.pools.windows import Windows
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]
# Writes the gradients of the sums of a tile's windows into an array of their shape.
Gradients: TypeAlias = Callable[[Tile, Scratch, Array], None]
# Scales a tile of the input's gradient, in place.
Scale: TypeAlias = Callable[[Tile, Scratch, Array], None]

_CACHED_BYTES = 2 << 20
# Taps along an axis from which windows at stride 1 are added up by doubling.
_MANY_TAPS = 4


def run_spread(
    windows: Windows, gradients: Gradients, target: Array, control: Control | None, scale: Scale | None = None
) -> None:
    """Spread the gradients of all windows over `target` (examples, channels, depth, height, width)."""

    def needed(extents: Sequence[int]) -> int:
        reach = [n + r for n, r in zip(extents[2:], windows.covered((1, 1, 1)), strict=True)]
        return 3 * extents[0] * extents[1] * math.prod(reach) * target.itemsize

    def work(tile: Tile, scratch: Scratch) -> None:
        part = part_of(target, tile)
        _spread(windows, gradients, tile, scratch, part)
        if scale is not None:
            scale(tile, scratch, part)

    shape = target.shape
    spans = windows.covered((1, 1, 1))
    least = (1, 1, *(min(n, span) for n, span in zip(shape[2:], spans, strict=True)))
    tiles = tiles_of(shape, fit_tile(shape, needed, least, most=_CACHED_BYTES))
    run_tiles(tiles, work, control, parallel=target.size >= WORTH_THREADS)


def _spread(windows: Windows, gradients: Gradients, tile: Tile, scratch: Scratch, target: Array) -> None:
    reaching = [_reaching(windows, axis, tile.low[axis], tile.high[axis]) for axis in range(3)]
    if any(first >= stop for first, stop in reaching):
        target.fill(0)
        return
    (d0, d1), (h0, h1), (w0, w1) = reaching
    shape = (*target.shape[:2], d1 - d0, h1 - h0, w1 - w0)
    a = scratch.take("spread", shape, target.dtype)
    gradients(Tile(tile.examples, tile.groups, (d0, h0, w0), (d1, h1, w1)), scratch, a)
    iterate_rows(target.shape[-1])
    for axis in range(3):
        k, s, d = windows.kernel[axis], windows.stride[axis], windows.dilation[axis]
        if k > 1 or s > 1:
            a = _spread_axis(a, axis + 2, k, s, d, scratch)
    part: list[slice] = [slice(None), slice(None)]
    uncovered = False
    inner: list[slice] = [slice(None), slice(None)]
    for axis in range(3):
        start = tile.low[axis] + windows.pads[axis][0] - reaching[axis][0] * windows.stride[axis]
        length = tile.high[axis] - tile.low[axis]
        first, stop = max(start, 0), min(start + length, a.shape[axis + 2])
        part.append(slice(first, stop))
        inner.append(slice(first - start, stop - start))
        uncovered |= stop - first < length
    if uncovered:
        target.fill(0)
    target[tuple(inner)] = a[tuple(part)]


def _reaching(windows: Windows, axis: int, low: int, high: int) -> tuple[int, int]:
    """The windows along an axis that may cover cells from `low` to `high` of the input."""
    s, before = windows.stride[axis], windows.pads[axis][0]
    reach = windows.dilation[axis] * (windows.kernel[axis] - 1)
    first = max(0, -(-(low + before - reach) // s))
    return first, min(windows.cells[axis], (high - 1 + before) // s + 1)


def _spread_axis(a: Array, axis: int, k: int, s: int, d: int, scratch: Scratch) -> Array:
    """Add each cell to the k cells, d apart, of a longer axis, on which cells lie s apart."""
    m = a.shape[axis]
    lead = (slice(None),) * axis
    length = (m - 1) * s + d * (k - 1) + 1
    if s == 1 and k > _MANY_TAPS:
        reach = d * (k - 1)
        padded = scratch.take("wide", (*a.shape[:axis], m + 2 * reach, *a.shape[axis + 1 :]), a.dtype)
        padded[(*lead, slice(0, reach))] = 0
        padded[(*lead, slice(reach + m, None))] = 0
        padded[(*lead, slice(reach, reach + m))] = a
        return fold_axis(SUM, padded, axis, k, 1, d, length, scratch, "")[0]
    name = f"spread {axis}"
    if d == 1 and k <= s and k > _MANY_TAPS:
        wide = scratch.take(name, (*a.shape[:axis], m, s, *a.shape[axis + 1 :]), a.dtype)
        wide[(*lead, slice(None), slice(0, k))] = np.expand_dims(a, axis + 1)
        wide[(*lead, slice(None), slice(k, None))] = 0
        return wide.reshape(*a.shape[:axis], m * s, *a.shape[axis + 1 :])[(*lead, slice(0, length))]
    wide = scratch.take(name, (*a.shape[:axis], length, *a.shape[axis + 1 :]), a.dtype)
    wide[(*lead, slice(m * s if d == 1 and k >= s else 0, None))] = 0
    for tap in range(k):
        place = (*lead, slice(tap * d, tap * d + (m - 1) * s + 1, s))
        if tap * d < s:  # the first to come here
            wide[place] = a
        else:
            np.add(wide[place], a, out=wide[place])
    return wide
