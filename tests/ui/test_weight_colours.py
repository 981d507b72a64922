"""Weights as colours."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor

from convstudio.ui.theme import DARK, LIGHT, Theme
from convstudio.ui.weight_colours import contrast, readable_on, weight_colour, weight_image, weight_limit

both = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])


@both
def test_text_is_readable_on_every_weight(theme: Theme) -> None:
    for value in np.linspace(-1.0, 1.0, 101):
        back = weight_colour(float(value), 1.0, theme)
        assert contrast(readable_on(back), back) >= 4.3


@both
def test_the_scale_is_symmetric_and_diverging(theme: Theme) -> None:
    low, zero, high = (weight_colour(v, 2.0, theme) for v in (-2.0, 0.0, 2.0))
    assert low.blue() > low.red()
    assert high.red() > high.blue()
    assert max(zero.getRgb()[:3]) - min(zero.getRgb()[:3]) < 20
    assert weight_colour(5.0, 2.0, theme) == high


@both
def test_a_picture_has_the_cells_colours(theme: Theme) -> None:
    values = np.array([[-1.0, 0.0, 0.5], [1.0, 0.25, -0.3]])
    image = weight_image(values, theme)
    assert (image.width(), image.height()) == (3, 2)
    for row in range(2):
        for column in range(3):
            expected = weight_colour(float(values[row, column]), 1.0, theme)
            assert image.pixelColor(column, row) == expected


def test_the_limit_of_nothing_is_one() -> None:
    assert weight_limit(np.zeros((3, 3))) == 1.0
    assert weight_limit(np.array([[-3.0, 2.0]])) == 3.0


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21.0)
