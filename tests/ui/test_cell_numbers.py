"""How numbers are written where there is little room."""

from __future__ import annotations

import math

import pytest

from convstudio.ui.cell_numbers import _TINTS, _tone, exact_number, luminance, pen, short_number


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (0.0, 5, "0"),
        (-0.0, 5, "0"),
        (1.0, 5, "1"),
        (-4.0, 5, "−4"),
        (0.4901, 5, "0.490"),
        (-0.4901, 5, "−.490"),
        (-0.4901, 6, "−0.490"),
        (12.345, 5, "12.35"),
        (-123.45, 5, "−123"),
        (1e-7, 5, "1e−7"),
        (2.5e6 + 0.5, 5, "3e6"),
        (math.nan, 5, "NaN"),
        (-math.inf, 5, "−∞"),
    ],
)
def test_short_numbers_fit_and_keep_their_sign(value: float, room: int, text: str) -> None:
    assert short_number(value, room) == text


@pytest.mark.parametrize("value", [0.1234, -0.9996, 9.9996, -99.96, 1234.5, -54321.9, 0.00051, 0.99951])
def test_short_numbers_are_close_and_short(value: float) -> None:
    text = short_number(value, 6)
    assert len(text) <= 6
    assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-2, abs=6e-4)


def test_exact_numbers() -> None:
    assert exact_number(0.5654) == "0.565"
    assert exact_number(-0.2971) == "−0.297"
    assert exact_number(-1.5e-5) == "−1.50e−5"
    assert exact_number(0.0) == "0.000"
    assert exact_number(math.inf) == "∞"


def contrast(one: float, other: float) -> float:
    """The contrast ratio of WCAG 2."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_text_is_readable_on_every_grey_and_on_the_worst_colours() -> None:
    cells = [(v, v, v) for v in range(256)]
    cells += [(r, g, b) for r in range(0, 256, 17) for g in range(0, 256, 17) for b in range(0, 256, 17)]
    for cell in cells:
        behind, tone = luminance(*cell), _tone(cell[0] << 16 | cell[1] << 8 | cell[2])
        for tint in _TINTS:
            ink = pen(tint, tone)
            assert contrast(luminance(ink.red(), ink.green(), ink.blue()), behind) >= 4.5, (cell, tint)


@pytest.mark.parametrize("tone", [0, 3])
def test_text_on_dark_and_light_cells_has_the_colour_it_speaks_of(tone: int) -> None:
    for tint in ("red", "green", "blue"):
        ink = pen(tint, tone)
        assert getattr(ink, tint)() == max(ink.red(), ink.green(), ink.blue())
        assert min(ink.red(), ink.green(), ink.blue()) < getattr(ink, tint)()
