"""Kernels and weights as text: what people type, paste from spreadsheets and copy into programs."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from convstudio.kernels.kernel import LARGEST_SIDE as LARGEST
from convstudio.spec.params import ParamError

MINUS = "−"

_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅑": "1/9", "⅙": "1/6"}
_DECIMAL = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"([+-]?{_DECIMAL})(?:\s*/\s*([+-]?{_DECIMAL}))?")
_SHOWN_DENOMINATORS = (3, 6, 7, 9, 12, 16, 18, 25, 32, 36, 48, 49, 64, 81, 121, 256, 273)


def parse_number(text: str) -> float:
    """Return the number that a person typed: ``0.25``, ``-3``, ``1e-3``, ``1/9``, ``½``, ``−2``, ``0,5``.

    Raises:
        ParamError: the text is no finite number; the message says so in plain words.
    """
    plain = text.strip().replace(MINUS, "-").replace("–", "-")
    for sign, fraction in _VULGAR.items():
        plain = plain.replace(sign, fraction)
    if not plain:
        raise ParamError("a weight cannot be empty; type a number such as 0.25 or 1/9")
    if re.fullmatch(r"[+-]?\d+,\d+", plain):
        plain = plain.replace(",", ".")
    match = _NUMBER.fullmatch(plain)
    if match is None:
        if re.fullmatch(r"[+-]?(inf(inity)?|nan|∞)", plain, re.IGNORECASE):
            raise ParamError(f"a weight must be a finite number, not “{text.strip()}”")
        raise ParamError(f"“{_short(text)}” is not a number; type something like 0.25 or 1/9")
    value = float(match[1])
    if match[2] is not None:
        divisor = float(match[2])
        if divisor == 0.0:
            raise ParamError(f"“{_short(text)}” divides by zero")
        value /= divisor
    if not math.isfinite(value):
        raise ParamError(f"“{_short(text)}” is too large for a weight")
    return value + 0.0  # −0 is 0


def _short(text: str) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= 20 else f"{clean[:19]}…"


def parse_grid(text: str) -> NDArray[np.float64]:
    """Return the kernel ``(rows, columns)`` that a text holds.

    Rows stand on lines of their own, or between semicolons, or in brackets of their own; the numbers in
    them are separated by tabs, commas or spaces. So what spreadsheets, CSV files, Python, NumPy and MATLAB
    write is understood. A comma is a decimal comma only where tabs separate the cells.

    Raises:
        ParamError: no numbers, rows of different lengths, more than 63 a side, or a cell that is no number.
    """
    if len(text) > 200_000:
        raise ParamError(f"that is too much text for a kernel of up to {LARGEST}×{LARGEST} weights")
    lines = [line for line in _row_texts(text) if line.strip(" \t,")]
    rows = [_cells(line) for line in lines]
    if not rows:
        raise ParamError("there are no numbers in that text")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ParamError(
            f"the rows of a kernel must be equally long, but they have {_listed(sorted(lengths))} numbers"
        )
    if len(rows) > LARGEST or max(lengths) > LARGEST:
        raise ParamError(f"a kernel is at most {LARGEST}×{LARGEST}, got {len(rows)}×{max(lengths)}")
    return np.array([[parse_number(cell) for cell in row] for row in rows], dtype=np.float64)


def _row_texts(text: str) -> list[str]:
    body = re.sub(r"\b(?:np|numpy)\.|\barray\b|,?\s*dtype\s*=\s*[\w.]+", " ", text)
    if re.search(r"[\[({]\s*[\[({]", body):
        # Nested brackets say where a row is, whatever the line breaks (NumPy wraps long rows).
        return [" ".join(row.split()) for row in re.findall(r"[\[({]([^\[\](){}]*)[\])}]", body)]
    return re.split(r"[;\r\n]+", re.sub(r"[\[\](){}]", " ", body))


def _cells(line: str) -> list[str]:
    if "\t" in line.strip():
        return line.strip().split("\t")
    line = re.sub(r"\s*/\s*", "/", line.strip().strip(","))
    return [cell for cell in re.split(r"\s*,\s*|\s+", line) if cell]


def _listed(numbers: list[int]) -> str:
    words = [str(n) for n in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def format_number(value: float, *, exact: bool = False) -> str:
    """Return a weight as short text with a true minus sign; common fractions are written as such.

    With ``exact`` the text gives the very same float64 when parsed again.
    """
    value = float(value)
    if exact:
        return (repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)).replace(
            "-", MINUS
        )
    fraction = _as_fraction(value)
    if fraction is not None:
        return fraction.replace("-", MINUS)
    text = f"{value:.4g}"
    if "e" in text:
        mantissa, _, power = text.partition("e")
        text = f"{mantissa}e{int(power)}"
    return text.replace("-", MINUS)


def _as_fraction(value: float) -> str | None:
    """Return ``a/b`` for a common denominator, where decimals would not be short and exact."""
    if value == 0.0 or abs(value) >= 10.0 or f"{value:.3g}" == repr(value).removesuffix(".0"):
        return None
    for denominator in _SHOWN_DENOMINATORS:
        numerator = value * denominator
        if abs(numerator - round(numerator)) <= 1e-12 * denominator and round(numerator):
            fraction = Fraction(round(numerator), denominator)
            if fraction.denominator == 1 or abs(fraction.numerator) > 99:
                return None
            return f"{fraction.numerator}/{fraction.denominator}"
    return None


def format_grid(values: NDArray[np.float64]) -> str:
    """Return rows on lines and cells between tabs, with every digit; what spreadsheets take."""
    return "\n".join("\t".join(format_number(float(v), exact=True) for v in row) for row in values).replace(
        MINUS, "-"
    )
