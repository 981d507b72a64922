"""How the weights of a small kernel are written into its cells."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QFontMetricsF

from convstudio.kernels.text import format_number, parse_number

_MOST_DECIMALS = 15


def cell_texts(
    values: NDArray[np.float64], limit: float, metrics: QFontMetricsF, room: float
) -> list[list[str]]:
    """Return the weights as texts of at most ``room`` px each, row by row.

    Where one number does not fit, all that are not short and exact are rounded to at most three digits of
    ``limit``, the largest magnitude: a cell with more digits than its neighbours looks like an error.
    """
    texts = [[_written(value) for value in row] for row in values.tolist()]
    if all(metrics.horizontalAdvance(text) <= room for row in texts for text in row):
        return texts
    decimals = min(_MOST_DECIMALS, max(0, 2 - math.floor(math.log10(limit))))
    return [[_fitting(value, decimals, metrics, room) for value in row] for row in values.tolist()]


@lru_cache(maxsize=1024)
def _written(value: float) -> str:
    return format_number(value)


@lru_cache(maxsize=1024)
def _exact(value: float) -> bool:
    """Whether the short way to write a number leaves nothing out."""
    return parse_number(format_number(value)) == value


def _fitting(value: float, decimals: int, metrics: QFontMetricsF, room: float) -> str:
    """Return a number that is short and exact as it is, another one to as many decimals as fit."""
    text = _bare(_written(value))
    if metrics.horizontalAdvance(text) <= room and _exact(value):
        return text
    text = _decimal(value, decimals)
    while metrics.horizontalAdvance(text) > room and decimals > 0:
        decimals -= 1
        text = _decimal(value, decimals)
    if metrics.horizontalAdvance(text) > room or (decimals == _MOST_DECIMALS and value):
        mantissa, _, power = f"{value:.0e}".partition("e")
        text = f"{mantissa}e{int(power)}".replace("-", "−")
    return text


def _decimal(value: float, decimals: int) -> str:
    return _bare(f"{value:.{decimals}f}".replace("-", "−"))


def _bare(text: str) -> str:
    """Return a number's text without a zero before the decimal point."""
    return text.replace("0.", ".", 1) if text.startswith(("0.", "−0.")) else text
