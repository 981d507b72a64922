"""Small things that several layer kinds need: shapes, names of pairs, choices of borders, repairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from convstudio.core import GeometryError
from convstudio.layers.base import FloatArray, Layer, Mate, Repair, Shape
from convstudio.spec.params import Choice, Pair

BORDERS = (
    Choice("zeros", "zeros", "Black: every padded pixel is 0."),
    Choice("constant", "constant", "Every padded pixel has the value given below."),
    Choice("replicate", "replicate", "The edge pixel is repeated outwards: aaa|abcd|ddd."),
    Choice("reflect", "reflect", "Mirrored about the edge pixel: dcb|abcd|cba."),
    Choice("symmetric", "symmetric", "Mirrored with the edge repeated: cba|abcd|dcb."),
    Choice("circular", "circular", "The opposite side continues: bcd|abcd|abc."),
)
"""What padded pixels may contain, by the core's names."""


_MIRROR = {"reflect": "Reflection", "symmetric": "A symmetric border", "circular": "A circular border"}


def border_reach(mode: str, n: int, maximum: int) -> int:
    """Return how many pixels a border mode can fill on one side of an axis of ``n`` pixels.

    Reflection has n − 1 pixels to give, mirroring with the edge and wrapping n; the others any number.
    """
    return {"reflect": n - 1, "symmetric": n, "circular": n}.get(mode, maximum)


def border_misfit(mode: str, n: int, padded: int) -> str:
    """Return why a border mode cannot fill so many pixels beside ``n``, or an empty string."""
    reach = border_reach(mode, n, padded)
    if padded <= reach:
        return ""
    return f"{_MIRROR[mode]} can fill {reach} px beside {n} px, but {padded} px are padded."


def shape_of(x: FloatArray) -> Shape:
    """Return an array's ``(C, H, W)``."""
    channels, height, width = x.shape
    return channels, height, width


def one_example(out: FloatArray | None) -> FloatArray | None:
    """Return ``out`` with a batch axis in front, as the core wants it."""
    return None if out is None else out[np.newaxis]


def times(pair: Pair) -> str:
    """Return "2×3"."""
    return f"{pair[0]}×{pair[1]}"


def per_axis_text(pair: Pair) -> str:
    """Return "2" where both axes have the same number, else "2×3"."""
    return str(pair[0]) if pair[0] == pair[1] else times(pair)


def counted(count: int, what: str) -> str:
    """Return "1 channel", "2 channels"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def nearest_divisor(wanted: int, *numbers: int) -> int:
    """Return the divisor of all numbers that is nearest to the wanted one, of two the smaller."""
    common = int(np.gcd.reduce(numbers))
    fitting = [d for d in range(1, common + 1) if common % d == 0]
    return min(fitting, key=lambda d: (abs(d - wanted), d))


def fits(layer: Layer, in_shape: Shape, mate: Mate | None = None) -> bool:
    """Whether a layer takes such an input."""
    try:
        layer.out_shape(in_shape, mate)
    except GeometryError:
        return False
    return True


def first_that_fits(
    layer: Layer, repairs: Iterable[Repair], in_shape: Shape, mate: Mate | None = None
) -> Repair | None:
    """Return the first change of parameters that makes the layer fit; None where it fits as it is."""
    if fits(layer, in_shape, mate):
        return None
    for repair in repairs:
        changes: dict[str, Any] = dict(repair.changes)
        if fits(layer.replace(**changes), in_shape, mate):
            return repair
    return None
