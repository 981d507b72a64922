"""Reading one number as people type it."""

from __future__ import annotations

import math
import re
import unicodedata

from convstudio.kernels.kernel import LARGEST_WEIGHT
from convstudio.spec.params import ParamError

_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(rf"([+-]?{_DECIMAL})(?:/([+-]?{_DECIMAL}))?")
_MIXED = re.compile(r"([+-]?)([0-9]*) ?([¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan|∞)", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
"""A number with a decimal comma, or two numbers with a comma between: the text does not tell."""
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


def parse_number(text: str) -> float:
    """Return the number that a text means: ``0.25``, ``1e-3``, ``−3/8``, ``.5``, ``1½``, ``0,5``.

    Raises:
        ParamError: nothing, no number, not finite, a division by zero, too large, or ``1,234``, which may
            be one or a thousand; in words that can be shown beside the field.
    """
    plain = plain_signs(text).strip()
    if not plain:
        raise ParamError("nothing was entered; type a number such as 0.25 or 1/9")
    mixed = _MIXED.fullmatch(plain)
    if mixed:
        amount = float(mixed[2] or 0) + unicodedata.numeric(mixed[3])
        return _checked(-amount if mixed[1] == "-" else amount, text)
    plain = re.sub(r"\s*/\s*", "/", plain)
    if DECIMAL_COMMA.fullmatch(plain):
        plain = with_point(plain)
    match = _NUMBER.fullmatch(plain)
    if match is None:
        if _NOT_FINITE.fullmatch(plain):
            raise ParamError(f"“{quoted(text)}” cannot be a weight; type a finite number")
        raise ParamError(f"“{quoted(text)}” is not a number; type something like 0.25 or 1/9")
    divisor = 1.0 if match[2] is None else float(match[2])
    if divisor == 0.0:
        raise ParamError(f"“{quoted(text)}” divides by zero; type something like 0.25 or 1/9")
    return _checked(float(match[1]) / divisor, text)


def _checked(value: float, text: str) -> float:
    if not math.isfinite(value) or abs(value) > LARGEST_WEIGHT:
        raise ParamError(
            f"“{quoted(text)}” is too large; weights go up to 1e{math.log10(LARGEST_WEIGHT):.0f}"
        )
    return value + 0.0  # −0 is 0


def plain_signs(text: str) -> str:
    """Return the text with ASCII signs: typeset minus, en dash, fraction slash, no-break spaces."""
    return text.translate({0x2212: "-", 0x2013: "-", 0x2044: "/", 0xA0: " ", 0x202F: " ", 0xFEFF: ""})


def with_point(number: str) -> str:
    """Return a number with its decimal comma made a point.

    Raises:
        ParamError: the comma may separate thousands, as in ``1,234``.
    """
    if _THOUSANDS.fullmatch(number):
        raise ParamError(
            f"“{number}” may mean {number.replace(',', '.')} or {number.replace(',', '')}; "
            "write decimals with a point"
        )
    return number.replace(",", ".")


def quoted(text: str) -> str:
    """Return a text short enough to stand in a message."""
    line = " ".join(text.split())
    return line if len(line) <= 24 else f"{line[:23]}…"
