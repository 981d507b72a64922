"""What the last run of a training found: a part of the project, so that it is saved along. All frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convstudio.layers import Layer
from convstudio.layers.unknown import UnknownLayer
from convstudio.spec.params import ParamError

MOST_STEPS = 1 << 53


@dataclass(frozen=True)
class Found:
    """Layers with the weights that one of the two methods found.

    Attributes:
        layers: those of the student, or the stack's that were trained.
        loss: over the pixels that were learned from.
        distance: the largest difference from a weight of the teacher, None where that is not known.
        step: how many steps the descent had made; 0 for the closed form, which makes none.
    """

    layers: tuple[Layer, ...]
    loss: float
    distance: float | None = None
    step: int = 0

    def __post_init__(self) -> None:
        if not self.layers or any(isinstance(layer, UnknownLayer) for layer in self.layers):
            raise ParamError("there must be layers that this program knows")
        _check_number("the loss", self.loss)
        if self.distance is not None:
            _check_number("the distance", self.distance)
        if type(self.step) is not int or not 0 <= self.step <= MOST_STEPS:
            raise ParamError(f"the step must be a whole number from 0, got {self.step!r}")


@dataclass(frozen=True)
class Learned:
    """What was learned by descent and in closed form; one of them may be missing.

    Attributes:
        key: of the setup that it was learned with, as ``learned_key`` returns it.
        ids: the stack's layers that were trained, in order; () for a student of its own.
    """

    key: str
    ids: tuple[str, ...] = ()
    descent: Found | None = None
    closed: Found | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str):
            raise ParamError(f"the key must be text, got {self.key!r}")
        if not (isinstance(self.ids, tuple) and all(isinstance(each, str) for each in self.ids)):
            raise ParamError(f"the ids must be texts, got {self.ids!r}")
        found = [each for each in (self.descent, self.closed) if each is not None]
        if not found:
            raise ParamError("neither descent nor closed form found anything")
        if self.ids and any(len(each.layers) != len(self.ids) for each in found):
            raise ParamError(f"there must be as many layers as ids, which are {len(self.ids)}")


def _check_number(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ParamError(f"{what} must be a number, got {value!r}")
