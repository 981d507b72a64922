"""The gradient of padding: each padded cell hands its gradient on to the cell that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.geometry import Pair
from convstudio.core.job import Triple
from convstudio.core.padding import axis_segments

Array: TypeAlias = npt.NDArray[Any]

# A run of padded cells: from, to, and the cells of the array that they show.
_Run: TypeAlias = tuple[int, int, slice]


def add_borders(
    target: Array,
    pads: Sequence[Pair],
    mode: str,
    region: Callable[[Triple, Triple], Array],
    most: int | None = None,
) -> None:
    """Add what the border of a padded array hands on to `target`, which holds the inside's gradient already.

    target: (…, depth, height, width). pads: a pair for each of these. region(low, high): the padded array's
    gradient from cell low to high; it is asked for each side and corner by itself, and for no more than about
    `most` cells of each channel at once, so that the whole need never exist.
    """
    inside: list[_Run] = []
    runs: list[list[_Run]] = []
    for n, (before, after) in zip(target.shape[-3:], pads, strict=True):
        inside.append((before, before + n, slice(0, n)))
        along = axis_segments(n, before, mode, 0, before + n + after)
        runs.append([(start, stop, shown) for start, stop, shown in along if shown is not None])
    for side in product(*runs):
        if list(side) == inside:
            continue
        for d, h, w in _pieces(side, most):
            part = region((d[0], h[0], w[0]), (d[1], h[1], w[1]))
            cells = target[..., d[2], h[2], w[2]]
            for axis, shown in enumerate(cells.shape[-3:]):
                if shown < part.shape[axis - 3]:  # all of these show the one cell
                    part = np.add.reduce(part, axis=axis - 3, keepdims=True)
            np.add(cells, part, out=cells)


def _pieces(side: Sequence[_Run], most: int | None) -> Iterator[tuple[_Run, ...]]:
    """The side's cells in pieces of about `most`."""
    room = most
    cut: list[list[_Run]] = []
    for run in reversed(side):
        length = run[1] - run[0]
        step = length if room is None else min(max(room, 1), length)
        cut.append([_part(run, at, min(at + step, length)) for at in range(0, length, step)])
        room = None if room is None else room // length
    yield from product(*reversed(cut))


def _part(run: _Run, begin: int, end: int) -> _Run:
    """Cells `begin` to `end` of a run, and what they show: the one cell, or as many, either way."""
    start, stop, shown = run
    if shown.step == -1:
        last = shown.start - end
        shown = slice(shown.start - begin, last if last >= 0 else None, -1)
    elif shown.stop - shown.start == stop - start:
        shown = slice(shown.start + begin, shown.start + end)
    return (start + begin, start + end, shown)
