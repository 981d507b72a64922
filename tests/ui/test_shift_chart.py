"""The bars and the curve of the shift experiment."""

from __future__ import annotations

import math

import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from convstudio.ui.shift_chart import Bar, ChangeBars, ShiftCurve, percent, series_colour
from convstudio.ui.theme import theme_of


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "<0.1 %"),
        (0.004, "0.4 %"),
        (0.0994, "9.9 %"),
        (0.12, "12 %"),
        (1.0, "100 %"),
        (1.41, "141 %"),
        (math.inf, "∞"),
    ],
)
def test_a_share_in_words(share: float, text: str) -> None:
    assert percent(share) == text


def test_all_and_nothing_are_said_only_of_all_and_nothing() -> None:
    assert percent(0.9999) == "<100 %"
    assert percent(0.0001) == "<0.1 %"


def coloured(widget: ChangeBars, place: int, colour: QColor) -> int:
    image = widget.grab().toImage()
    y = place * 30 + 22
    return sum(image.pixelColor(x, y) == colour for x in range(image.width()))


def test_a_bar_is_as_long_as_its_share(qtbot: QtBot) -> None:
    bars = ChangeBars()
    qtbot.addWidget(bars)
    bars.resize(300, 90)
    bars.show_bars([Bar("one", 0.5), Bar("two", 0.25, "without"), Bar("three", None)])
    theme = theme_of(bars)
    assert coloured(bars, 0, series_colour(theme, "with")) == pytest.approx(100, abs=3)
    assert coloured(bars, 1, series_colour(theme, "without")) == pytest.approx(50, abs=3)
    assert coloured(bars, 2, series_colour(theme, "with")) == 0
    assert "one: 50 %" in bars.accessibleName()
    assert "three: not known" in bars.accessibleName()
    assert bars.height() == 90


def test_a_curve_has_its_points_where_they_belong(qtbot: QtBot) -> None:
    curve = ShiftCurve()
    qtbot.addWidget(curve)
    curve.resize(300, 140)
    curve.show_points({"with": {0: 0.0, 2: 0.5, 8: 1.0}, "without": {}}, here=2)
    image, theme = curve.grab().toImage(), theme_of(curve)
    for shift, share in ((0, 0.0), (2, 0.5), (8, 1.0)):
        place = curve.place(shift, share).toPoint()
        assert image.pixelColor(place) == series_colour(theme, "with")
    assert curve.place(0, 0.0).y() > curve.place(0, 1.5).y() + 80
    assert curve.place(8, 0.0).x() < 300
    assert dict(curve.points) == {"with": {0: 0.0, 2: 0.5, 8: 1.0}}
    assert "2 px 50 %" in curve.accessibleName()


def test_a_line_lies_between_its_points(qtbot: QtBot) -> None:
    curve = ShiftCurve()
    qtbot.addWidget(curve)
    curve.resize(300, 140)
    curve.show_points({"with": {0: 0.0, 8: 1.5}})
    middle = curve.place(4, 0.75).toPoint()
    seen, wanted = curve.grab().toImage().pixelColor(middle), series_colour(theme_of(curve), "with")
    assert seen.blue() - seen.red() == pytest.approx(wanted.blue() - wanted.red(), abs=60)


def test_an_empty_curve_says_so(qtbot: QtBot) -> None:
    curve = ShiftCurve()
    qtbot.addWidget(curve)
    assert "empty" in curve.accessibleName()
