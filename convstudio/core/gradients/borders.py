"""The gradient of padding: each padded cell hands its gradient on to the cell that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.geometry import Pair
from convstudio.core.job import Triple
from convstudio.core.padding import Segment, axis_segments

Array: TypeAlias = npt.NDArray[Any]


def add_borders(
    target: Array, pads: Sequence[Pair], mode: str, region: Callable[[Triple, Triple], Array]
) -> None:
    """Add what the border of a padded array hands on to `target`, which holds the inside's gradient already.

    target: (…, depth, height, width). pads: a pair for each of these. region(low, high): the padded array's
    gradient from cell low to high; it is asked for each side and corner by itself, so that the whole need
    never exist.
    """
    inside: list[Segment] = []
    segments: list[list[Segment]] = []
    for n, (before, after) in zip(target.shape[-3:], pads, strict=True):
        inside.append((before, before + n, slice(0, n)))
        along = axis_segments(n, before, mode, 0, before + n + after)
        segments.append([part for part in along if part[2] is not None])  # a constant has no gradient
    for d, h, w in product(*segments):
        if [d, h, w] == inside:
            continue
        part = region((d[0], h[0], w[0]), (d[1], h[1], w[1]))
        for axis, (start, stop, _) in enumerate((d, h, w)):
            if mode == "replicate" and (start, stop) != inside[axis][:2]:  # one cell is shown by all of these
                part = np.add.reduce(part, axis=axis - 3, keepdims=True)
        cells = target[..., d[2], h[2], w[2]]
        np.add(cells, part, out=cells)
