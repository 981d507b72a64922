"""How a parameter is declared: one declaration gives its form field, its validation, its help and its JSON.

A layer kind is a frozen dataclass whose fields are ``Annotated[type, parameter]``; ``declared`` reads them.
A kernel preset lists its parameters directly. Values are plain and immutable: numbers, words, tuples.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any

Pair = tuple[int, int]
Padding = str | tuple[Pair, Pair]
"""A padding word, or ``(before, after)`` amounts per axis, rows first."""

PADDING_WORDS = ("valid", "same", "same_lower", "full")


class ParamError(ValueError):
    """A value that its parameter's declaration does not allow, said in the user's words."""


@dataclass(frozen=True, kw_only=True)
class Param:
    """What every parameter has: its name on screen and one sentence that teaches it."""

    label: str
    help: str

    def check(self, value: Any) -> Any:
        """Return the value in its canonical form.

        Raises:
            ParamError: the value is not allowed; the message names the parameter, the rule and the value.
        """
        return value


def _is_number(value: Any) -> bool:
    """Whether a value is a real number, NumPy's included; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class IntParam(Param):
    """A whole number from ``minimum`` to ``maximum``, in steps of ``step`` from the minimum."""

    minimum: int
    maximum: int
    step: int = 1
    unit: str = ""

    def check(self, value: Any) -> int:
        # The range first: a huge integer has no float to ask.
        inside = _is_number(value) and self.minimum <= value <= self.maximum
        if not inside or not float(value).is_integer():
            raise ParamError(
                f"{self.label} must be a whole number from {self.minimum} to {self.maximum}, got {value!r}"
            )
        if (int(value) - self.minimum) % self.step:
            rule = f"goes in steps of {self.step} from {self.minimum}"
            if self.step == 2:
                rule = f"must be {'odd' if self.minimum % 2 else 'even'}"
            raise ParamError(f"{self.label} {rule}, got {value!r}")
        return int(value)


@dataclass(frozen=True, kw_only=True)
class FloatParam(Param):
    """A finite number from ``minimum`` to ``maximum``; ``step`` and ``decimals`` are for the form."""

    minimum: float
    maximum: float
    step: float = 0.1
    decimals: int = 3
    unit: str = ""

    def check(self, value: Any) -> float:
        if not _is_number(value) or not self.minimum <= value <= self.maximum:  # NaN is not within
            raise ParamError(
                f"{self.label} must be a number from {self.minimum:g} to {self.maximum:g}, got {value!r}"
            )
        return float(value)


@dataclass(frozen=True, kw_only=True)
class LogFloatParam(FloatParam):
    """A positive number that is chosen by its order of magnitude: a slider over it is logarithmic.

    ``decimals`` counts significant digits.
    """


@dataclass(frozen=True)
class Choice:
    """One of several: the value that is stored, its name on screen and what choosing it means."""

    value: str
    label: str
    help: str


@dataclass(frozen=True, kw_only=True)
class ChoiceParam(Param):
    """One word out of a few, in capitals or not."""

    choices: tuple[Choice, ...]

    def check(self, value: Any) -> str:
        words = [choice.value for choice in self.choices]
        for word in words:
            if isinstance(value, str) and value.casefold() == word.casefold():
                return word
        raise ParamError(f"{self.label} must be one of {', '.join(words)}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class BoolParam(Param):
    """Yes or no."""

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ParamError(f"{self.label} must be on or off, got {value!r}")
        return value


@dataclass(frozen=True, kw_only=True)
class PerAxisParam(Param):
    """One whole number per axis, rows first, that a form may link: the value is ``(rows, columns)``."""

    each: IntParam
    axes: tuple[str, str] = ("vertical", "horizontal")

    def check(self, value: Any) -> Pair:
        pair = (value, value) if isinstance(value, int) else value
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ParamError(f"{self.label} must be one whole number or two, got {value!r}")
        return self.each.check(pair[0]), self.each.check(pair[1])


@dataclass(frozen=True, kw_only=True)
class PaddingParam(Param):
    """A padding word (``PADDING_WORDS``), or pixels per side as ``((top, bottom), (left, right))``."""

    maximum: int

    def check(self, value: Any) -> Padding:
        if isinstance(value, str):
            if value not in PADDING_WORDS:
                raise ParamError(f"{self.label} must be one of {', '.join(PADDING_WORDS)}, got {value!r}")
            return value
        each = IntParam(label=self.label, help=self.help, minimum=0, maximum=self.maximum, unit="px")
        if isinstance(value, int):
            value = ((value, value), (value, value))
        try:
            (top, bottom), (left, right) = value
        except (TypeError, ValueError):
            raise ParamError(
                f"{self.label} must be a word or ((top, bottom), (left, right)), got {value!r}"
            ) from None
        return (each.check(top), each.check(bottom)), (each.check(left), each.check(right))


@dataclass(frozen=True, kw_only=True)
class BankParam(Param):
    """A bank of filters, edited in the kernel editor rather than in a form."""


@dataclass(frozen=True)
class Declared:
    """A named parameter with its default."""

    name: str
    param: Param
    default: Any


@cache  # resolving the hints takes milliseconds, and every new layer asks
def declared(cls: type) -> tuple[Declared, ...]:
    """Return the parameters that a dataclass declares through ``Annotated``, in field order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        for note in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(note, Param):
                default = field.default
                if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
                    default = field.default_factory()
                found.append(Declared(field.name, note, default))
    return tuple(found)


def checked(parameters: tuple[Declared, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters' values, canonical, defaults filled in.

    Raises:
        ParamError: an unknown name, or a value that its parameter does not allow.
    """
    known = {each.name: each for each in parameters}
    for name in values:
        if name not in known:
            names = ", ".join(known) or "none"
            raise ParamError(f"there is no parameter {name!r} here (known: {names})")
    return {name: each.param.check(values.get(name, each.default)) for name, each in known.items()}
