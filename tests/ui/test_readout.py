"""The status bar's words for a proof."""

from __future__ import annotations

import math

import pytest

from convstudio.ui.readout import error_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.4e-7, "2.4e−7"),
        (1.96e-12, "2.0e−12"),
        (0.37, "3.7e−1"),
        (0.0, "0"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_an_error_has_two_digits_and_no_idle_zeros(value: float, text: str) -> None:
    assert error_number(value) == text
