"""The arrays that are learned as single kernels to look at, and their numbers in cells of a fixed width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QFontMetricsF

Numbers = NDArray[np.float64]
Arrays = tuple[Numbers, ...]
"""One array a parameter, as ``learn.network.Values``."""

_MOST_DECIMALS = 6


@dataclass(frozen=True)
class Array:
    """What is known of an array before there are numbers in it.

    Attributes:
        name: what it is called, such as "weight"; with the layer's name where there are several layers.
        shape: of the array; ``(C_out, C_in / groups, rows, columns)`` of a bank.
        free: how many of its numbers can change by themselves.
    """

    name: str
    shape: tuple[int, ...]
    free: int


@dataclass(frozen=True)
class Plane:
    """One kernel of an array: where it is found there, and what it is called."""

    array: int
    place: tuple[int, ...]
    title: str

    def of(self, arrays: Arrays) -> Numbers:
        """Return its weights ``(rows, columns)``."""
        values: Numbers = np.atleast_2d(arrays[self.array][self.place])
        return values


def planes_of(arrays: Sequence[Array]) -> tuple[Plane, ...]:
    """Return the kernels that differ: of those that are tied to one another only the first."""
    found: list[Plane] = []
    kernels = [n for n, each in enumerate(arrays) if len(each.shape) >= 2]
    for n in kernels:
        each = arrays[n]
        leading = each.shape[:-2]
        outs, ins = _distinct(each)
        prefix = f"{each.name} · " if len(kernels) > 1 else ""
        for out in range(outs):
            for channel in range(ins):
                words = [f"out {out}"] * (outs > 1) + [f"in {channel}"] * (ins > 1)
                place = (out, channel)[: len(leading)] if len(leading) <= 2 else (0,) * len(leading)
                found.append(Plane(n, place, (prefix + " · ".join(words)).removesuffix(" · ")))
    return tuple(found)


def _distinct(array: Array) -> tuple[int, int]:
    """Return how many output and input channels have kernels of their own."""
    if len(array.shape) != 4:
        return (array.shape[0] if len(array.shape) == 3 else 1), 1
    outs, ins, rows, columns = array.shape
    kernels, rest = divmod(array.free, rows * columns)
    if rest or kernels >= outs * ins or kernels == 0:
        return outs, ins  # all their own, or smaller ones among them
    return (outs, 1) if kernels == outs else (min(kernels, outs), 1)


def mosaic(kernels: Sequence[Numbers]) -> Numbers:
    """Return the first kernels, nine at most, side by side in one: an icon of all of them."""
    some = kernels[:9]
    if len(some) == 1:
        return some[0]
    across = 2 if len(some) <= 4 else 3
    rows, columns = some[0].shape
    down = -(-len(some) // across)
    whole = np.zeros((down * (rows + 1) - 1, across * (columns + 1) - 1))
    for n, each in enumerate(some):
        if each.shape == (rows, columns):  # layers of other sizes are left to the large view
            top, left = n // across * (rows + 1), n % across * (columns + 1)
            whole[top : top + rows, left : left + columns] = each
    return whole


def biases_of(arrays: Sequence[Array], values: Arrays) -> Numbers:
    """Return the numbers of the arrays that are no kernels, one after the other."""
    flat = [v.ravel() for each, v in zip(arrays, values, strict=True) if len(each.shape) < 2]
    return np.concatenate(flat) if flat else np.empty(0)


def fixed_texts(
    values: Numbers, limit: float, metrics: QFontMetricsF, room: float, least: int = 1, *, bare: bool = True
) -> list[list[str]] | None:
    """Return all weights to the same number of decimals, as many as fit into ``room`` px.

    None where the largest weight would have fewer than ``least`` digits (of three at most).

    With ``bare`` the zero before the point is left out of all where there is no room for it. "0" alone is
    exactly nothing.

    Unlike a kernel that is edited, one that is learned changes all the time: fractions and rounding to where
    each number happens to be short would make the cells flicker.
    """
    if not (math.isfinite(limit) and np.isfinite(values).all()):
        return [[_odd(v) for v in row] for row in values.tolist()]
    exponent = math.floor(math.log10(limit))
    decimals = min(_MOST_DECIMALS, max(0, 2 - exponent))
    fewest = max(0, min(decimals, least - 1 - exponent))
    while decimals >= fewest:
        signed = float(values.min()) <= -0.5 / 10.0**decimals  # and is not written as nothing
        widest = -limit if signed else limit
        for write in (_full, _bare)[: 1 + bare]:
            if metrics.horizontalAdvance(write(widest, decimals)) <= room:
                return [["0" if v == 0.0 else write(v, decimals) for v in row] for row in values.tolist()]
        decimals -= 1
    return None


def _odd(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "∞" if value > 0 else "−∞" if value < 0 else "NaN"


def _full(value: float, decimals: int) -> str:
    """Return a number without a sign where it rounds to nothing."""
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        return text[1:] if float(text) == 0.0 else f"−{text[1:]}"
    return text


def _bare(value: float, decimals: int) -> str:
    """Return a number without a zero before the point too."""
    text = _full(value, decimals)
    if decimals:
        text = text.replace("0.", ".", 1) if text.lstrip("−").startswith("0.") else text
    return text
