"""Declared parameters: what they accept, what they make of it, and what they say otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import pytest

from convstudio.spec.params import (
    BoolParam,
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    PaddingParam,
    Param,
    ParamError,
    PerAxisParam,
    checked,
    declared,
)

COUNT = IntParam(label="Count", help="How many.", minimum=1, maximum=9)
ODD = IntParam(label="Size", help="How large.", minimum=3, maximum=63, step=2)
FIFTHS = IntParam(label="Turn", help="How far.", minimum=0, maximum=90, step=5)
LEVEL = FloatParam(label="Level", help="How much.", minimum=-1.0, maximum=2.5)
WAY = ChoiceParam(label="Way", help="Where to.", choices=(Choice("N", "north", ""), Choice("NE", "ne", "")))
SWITCH = BoolParam(label="Switch", help="Whether.")
BOTH = PerAxisParam(label="Stride", help="Steps.", each=COUNT)
ROOM = PaddingParam(label="Padding", help="Around.", maximum=8)


@pytest.mark.parametrize(
    ("param", "value", "canonical"),
    [
        (COUNT, 1, 1),
        (COUNT, 9.0, 9),
        (COUNT, np.int64(4), 4),
        (COUNT, np.float32(4.0), 4),
        (ODD, 63, 63),
        (LEVEL, 2, 2.0),
        (LEVEL, np.float32(-1.0), -1.0),
        (WAY, "NE", "NE"),
        (WAY, "n", "N"),
        (SWITCH, False, False),
        (BOTH, 3, (3, 3)),
        (BOTH, [1, 2], (1, 2)),
        (ROOM, "same_lower", "same_lower"),
        (ROOM, 2, ((2, 2), (2, 2))),
        (ROOM, [[1, 2], [3, 4]], ((1, 2), (3, 4))),
    ],
)
def test_a_value_is_made_canonical(param: Param, value: Any, canonical: Any) -> None:
    result = param.check(value)
    assert result == canonical
    assert type(result) is type(canonical)
    assert param.check(result) == result


@pytest.mark.parametrize(
    ("param", "value", "message"),
    [
        (COUNT, 0, "Count must be a whole number from 1 to 9, got 0"),
        (COUNT, 2.5, "whole number"),
        (COUNT, "3", "whole number"),
        (COUNT, True, "whole number"),
        (COUNT, None, "whole number"),
        (COUNT, math.nan, "whole number"),
        (COUNT, math.inf, "whole number"),
        (COUNT, 10**400, "whole number"),
        (ODD, 4, "Size must be odd, got 4"),
        (FIFTHS, 7, "Turn goes in steps of 5 from 0, got 7"),
        (LEVEL, 2.6, r"Level must be a number from -1 to 2\.5, got 2\.6"),
        (LEVEL, math.nan, "must be a number"),
        (LEVEL, False, "must be a number"),
        (LEVEL, 1j, "must be a number"),
        (LEVEL, -(10**400), "must be a number"),
        (WAY, "W", "Way must be one of N, NE, got 'W'"),
        (WAY, 3, "must be one of"),
        (SWITCH, 1, "must be on or off"),
        (BOTH, (1, 2, 3), "Stride must be one whole number or two"),
        (BOTH, (1, 0), "from 1 to 9, got 0"),
        (ROOM, "around", "Padding must be one of valid, same, same_lower, full"),
        (ROOM, ((1, 2), (3, 9)), "from 0 to 8, got 9"),
        (ROOM, (1, 2), "must be a word or"),
    ],
)
def test_a_wrong_value_is_refused_in_words(param: Param, value: Any, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        param.check(value)


@dataclass(frozen=True)
class Thing:
    count: Annotated[int, COUNT] = 2
    plain: int = 7
    level: Annotated[float, LEVEL] = field(default_factory=lambda: 0.5)


def test_a_class_declares_what_is_annotated_in_order() -> None:
    assert declared(Thing) == (Declared("count", COUNT, 2), Declared("level", LEVEL, 0.5))


class TestChecked:
    def test_defaults_are_filled_in(self) -> None:
        assert checked(declared(Thing), {"level": 1}) == {"count": 2, "level": 1.0}

    def test_a_wrong_value_is_refused(self) -> None:
        with pytest.raises(ParamError, match="Count must be"):
            checked(declared(Thing), {"count": 10})

    def test_an_unknown_name_is_refused_with_those_that_are_known(self) -> None:
        with pytest.raises(ParamError, match=r"no parameter 'plain' here \(known: count, level\)"):
            checked(declared(Thing), {"plain": 1})
        with pytest.raises(ParamError, match="known: none"):
            checked((), {"size": 1})
