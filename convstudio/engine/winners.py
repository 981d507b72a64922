"""Which input cell won a window of a max or min pooling, to be marked on the input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import GeometryError, max_pool, min_pool
from convstudio.layers import MaxPool, MinPool
from convstudio.layers.base import FloatArray

Extreme = MaxPool | MinPool
"""The poolings that keep one cell of each window."""


@dataclass(frozen=True, eq=False)
class WinningWindow:
    """One output cell's window, in the input's rows and columns.

    Attributes:
        rows, columns: where its rows and columns of taps lie; some may be outside, on padding.
        values: ``(taps down, taps across)``, the input's values; NaN where ``inside`` is False.
        inside: bool, taps on the input; padding never wins.
        winner: row and column of the cell that won: of equal values the first, of several NaN the last.
        value: what it holds, which is the output.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    values: FloatArray
    inside: NDArray[np.bool_]
    winner: tuple[int, int]
    value: float


def winning_window(layer: Extreme, x: FloatArray, channel: int, row: int, column: int) -> WinningWindow:
    """Return what one output cell's window holds and which cell of it won.

    Raises:
        GeometryError: the windows do not fit, or there is no such channel or cell.
    """
    shape = (x.shape[0], x.shape[1], x.shape[2])
    count, height, width = layer.out_shape(shape)
    if not (0 <= channel < count and 0 <= row < height and 0 <= column < width):
        raise GeometryError(
            f"the output has {count} channels of {height}×{width} cells, got channel {channel}, row {row}, "
            f"column {column}"
        )
    amounts = layer.geometry(shape).amounts
    rows, columns = (
        cell * layer.stride[axis] - amounts[axis][0] + np.arange(layer.window[axis]) * layer.dilation[axis]
        for axis, cell in enumerate((row, column))
    )
    down = np.flatnonzero((rows >= 0) & (rows < x.shape[1]))
    across = np.flatnonzero((columns >= 0) & (columns < x.shape[2]))
    inside = np.zeros((len(rows), len(columns)), bool)
    inside[np.ix_(down, across)] = True
    values = np.full(inside.shape, np.nan, x.dtype)
    taken = x[channel][np.ix_(rows[down], columns[across])]
    values[np.ix_(down, across)] = taken
    # The core's own answer for the window by itself, as large as what it covers of the input.
    found = _pool_of(layer)(taken[np.newaxis, np.newaxis], taken.shape, return_indices=True)
    at = divmod(int(found.indices[0, 0, 0, 0]), len(across))
    return WinningWindow(
        rows=tuple(rows.tolist()),
        columns=tuple(columns.tolist()),
        values=values,
        inside=inside,
        winner=(int(rows[down[at[0]]]), int(columns[across[at[1]]])),
        value=float(found.values[0, 0, 0, 0]),
    )


def _pool_of(layer: Extreme) -> Callable[..., Any]:
    return max_pool if isinstance(layer, MaxPool) else min_pool
