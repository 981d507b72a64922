"""Weights as text: the numbers that people type, and how numbers are shown and copied."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np

from convstudio.kernels.grid_text import parse_grid
from convstudio.kernels.kernel import Values
from convstudio.kernels.number_text import parse_number

__all__ = ["MINUS", "format_grid", "format_number", "parse_grid", "parse_number"]

MINUS = "−"
_LARGEST_DENOMINATOR = 4096  # holds 63², the mean's


def format_number(value: float, *, exact: bool = False) -> str:
    """Return a number as text with a true minus sign, which ``parse_number`` reads again.

    Short by default: a fraction such as 1/9 where it is the number to within 1e-12 of its size and shorter
    than decimals, else six significant digits. With ``exact`` as many digits as give the very same float64.

    Example:
        >>> format_number(-1 / 9), format_number(0.25), format_number(1 / 3, exact=True)
        ('−1/9', '0.25', '0.3333333333333333')
    """
    value = float(value)
    if value.is_integer() and abs(value) < (1e15 if exact else 1e6):
        text = str(int(value))
    elif exact:
        text = _tidy(repr(value))
    else:
        text = _short(value)
    return text.replace("-", MINUS)


def _short(value: float) -> str:
    decimal = _tidy(f"{value:.6g}")
    if not math.isfinite(value) or value == round(value, 3):
        return decimal
    fraction = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    same = abs(float(fraction) - value) <= 1e-12 * abs(value)
    return str(fraction) if same and len(str(fraction)) <= len(decimal) else decimal


def _tidy(decimal: str) -> str:
    """Without the padding that Python gives exponents: 1e-05 is 1e-5, 1e+20 is 1e20."""
    return re.sub(r"e\+?(-?)0*(\d)", r"e\1\2", decimal)


def format_grid(values: Values) -> str:
    """Return rows on lines and cells between tabs, which spreadsheets take, in full precision.

    Decimals with a plain hyphen, since a spreadsheet would read 1/9 as a date and − as a letter.
    """
    rows = np.asarray(values, dtype=np.float64).tolist()
    lines = ("\t".join(format_number(v, exact=True) for v in row) for row in rows)
    return "\n".join(lines).replace(MINUS, "-")
