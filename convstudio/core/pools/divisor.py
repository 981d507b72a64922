"""What the sum of a window is divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import real_number
from convstudio.core.job import Tile
from convstudio.core.pools.windows import Windows

Array: TypeAlias = npt.NDArray[Any]


class Divisor:
    """One number for all windows, or a count of cells for each: the product of counts along the axes.

    counts: for depth, height and width, of each window along it.
    whole: cells of a window that nothing cuts off.
    """

    __slots__ = ("_counts", "_number", "_whole")

    def __init__(self, counts: Sequence[Array], whole: float, override: float | None = None) -> None:
        self._counts = counts
        self._whole = whole
        self._number = override
        if override is None and all(np.all(axis == axis[:1]) for axis in counts):
            self._number = float(math.prod(int(axis[0]) if len(axis) else 1 for axis in counts))

    def divide(self, tile: Tile, sums: Array) -> None:
        """Divide a tile's sums, in place."""
        if self._number is not None:
            divide_by(self._number, sums)
        else:
            np.divide(sums, self._of(tile, sums.dtype), out=sums)

    def fill_up(self, tile: Tile, sums: Array) -> None:
        """Scale sums of windows that are cut off by taps over cells, as if they were whole, in place."""
        if self._number is None:
            np.multiply(sums, self._whole / self._of(tile, sums.dtype), out=sums)
        elif self._number != self._whole:
            np.multiply(sums, sums.dtype.type(self._whole / self._number), out=sums)

    def _of(self, tile: Tile, dtype: np.dtype[Any]) -> Array:
        """A tile's divisors (depth, height, width)."""
        depth, height, width = (
            counts[low:high] for counts, low, high in zip(self._counts, tile.low, tile.high, strict=True)
        )
        return (depth[:, None, None] * height[:, None] * width).astype(dtype)


def window_divisor(windows: Windows, *, padding: bool, override: float | None = None) -> Divisor:
    """The cells of each window, those on the padding included or not."""
    if override is not None or windows.reach == ((0, 0),) * 3:
        return Divisor((), windows.taps, float(windows.taps) if override is None else override)
    return Divisor([windows.counts(axis, padding=padding) for axis in range(3)], windows.taps)


def divide_by(number: float, sums: Array) -> None:
    """Divide in place; by a power of two as the multiplication that gives the same and is quicker."""
    if math.frexp(number)[0] in (0.5, -0.5):
        np.multiply(sums, sums.dtype.type(1 / number), out=sums)
    elif number != 1:
        np.divide(sums, sums.dtype.type(number), out=sums)


def checked_override(value: Any) -> float | None:
    """`divisor_override` as a number other than 0, or None."""
    if value is None:
        return None
    number = real_number("divisor_override", value)
    if number == 0 or not math.isfinite(number):
        raise ValueError(f"divisor_override must be a finite number other than 0, got {value!r}")
    return number
