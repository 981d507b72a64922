"""Shared pan and zoom: what stays where, what fits, and that the picture cannot be lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF
from pytestqt.qtbot import QtBot

from convstudio.ui.viewport import LARGEST, MARGIN, Viewport


def viewport(width: float = 400, height: float = 300, columns: int = 600, rows: int = 200) -> Viewport:
    made = Viewport()
    made.set_view_size("view", width, height)
    made.set_content(QRectF(-0.5, -0.5, columns, rows))
    return made


def test_the_whole_picture_fits_with_a_margin_and_in_the_middle() -> None:
    made = viewport()
    assert made.fitting
    assert made.scale == pytest.approx((400 - 2 * MARGIN) / 600)
    assert made.centre == QPointF(299.5, 99.5)
    assert made.to_view(QPointF(-0.5, 99.5), 400, 300) == QPointF(MARGIN, 150)


def test_a_fitted_picture_follows_resizes_and_a_zoomed_one_does_not() -> None:
    made = viewport()
    made.set_view_size("view", 800, 300)
    assert made.scale == pytest.approx((800 - 2 * MARGIN) / 600)
    made.zoom_to(3.0)
    made.set_view_size("view", 500, 500)
    assert made.scale == 3.0
    assert not made.fitting


def test_the_smallest_of_the_visible_views_is_fitted() -> None:
    made = viewport()
    made.set_view_size("other", 250, 300)
    assert made.scale == pytest.approx((250 - 2 * MARGIN) / 600)
    made.forget_view("other")
    assert made.scale == pytest.approx((400 - 2 * MARGIN) / 600)


@given(
    scale=st.floats(0.02, 120.0),
    factor=st.floats(0.5, 2.0),
    x=st.floats(-200, 200),
    y=st.floats(-150, 150),
)
def test_zooming_about_the_cursor_keeps_what_is_under_it(
    scale: float, factor: float, x: float, y: float
) -> None:
    made = viewport(columns=100_000, rows=100_000)
    made.zoom_to(scale)
    position = QPointF(200 + x, 150 + y)
    before = made.to_input(position, 400, 300)
    made.zoom_by(factor, QPointF(x, y))
    after = made.to_input(position, 400, 300)
    assert after.x() == pytest.approx(before.x(), abs=1e-6)
    assert after.y() == pytest.approx(before.y(), abs=1e-6)


@given(st.lists(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(0.1, 10.0)), max_size=12))
def test_the_picture_never_leaves_the_view(moves: list[tuple[float, float, float]]) -> None:
    made = viewport()
    for dx, dy, factor in moves:
        made.pan_by(dx, dy)
        made.zoom_by(factor, QPointF(dx % 200, dy % 150))
        top_left = made.to_input(QPointF(0, 0), 400, 300)
        seen = QRectF(top_left, made.to_input(QPointF(400, 300), 400, 300))
        assert seen.intersects(made.content)
        assert made.content.adjusted(-1e-6, -1e-6, 1e-6, 1e-6).contains(made.centre)
        assert made.scale <= LARGEST


def test_there_and_back_between_screen_and_picture() -> None:
    made = viewport()
    made.zoom_to(7.3, QPointF(31, -12))
    there = made.to_view(QPointF(300.25, 99.0), 400, 300)
    back = made.to_input(there, 400, 300)
    assert (back.x(), back.y()) == (pytest.approx(300.25), pytest.approx(99.0))


def test_actual_size_is_one_real_pixel_on_dense_screens_too() -> None:
    made = viewport()
    made.set_view_size("view", 400, 300, ratio=2.0)
    made.actual_size()
    assert made.scale == 0.5
    assert made.describe() == "100%"


def test_steps_go_through_round_percentages_both_ways() -> None:
    made = viewport()
    made.actual_size()
    made.zoom_step(1)
    assert made.describe() == "150%"
    made.zoom_step(1)
    made.zoom_step(-1)
    made.zoom_step(-1)
    assert made.describe() == "100%"
    made.zoom_to(1.2)
    made.zoom_step(-1)
    assert made.describe() == "100%"
    for _ in range(40):
        made.zoom_step(1)
    assert made.scale == LARGEST


def test_toggling_goes_to_actual_size_and_back() -> None:
    made = viewport()
    fitted = made.scale
    made.toggle_fit()
    assert (made.scale, made.fitting) == (1.0, False)
    made.toggle_fit()
    assert (made.scale, made.fitting) == (fitted, True)
    assert made.describe() == "fit · 63%"


def test_panning_a_picture_that_is_all_in_view_leaves_it_fitted() -> None:
    made = viewport()
    made.pan_by(30, -20)
    assert made.fitting


def test_new_content_keeps_the_place_unless_it_is_fitted(qtbot: QtBot) -> None:
    made = viewport()
    made.zoom_to(4.0)
    made.centre_on(QPointF(200, 100))
    made.set_content(QRectF(-1.5, -1.5, 602, 202))
    assert (made.scale, made.centre) == (4.0, QPointF(200, 100))
    made.fit()
    with qtbot.waitSignal(made.changed):
        made.set_content(QRectF(-0.5, -0.5, 100, 100))
    assert made.scale == pytest.approx((300 - 2 * MARGIN) / 100)


def test_what_changes_nothing_says_nothing(qtbot: QtBot) -> None:
    made = viewport()
    made.zoom_to(2.0)
    with qtbot.assertNotEmitted(made.changed):
        made.zoom_to(2.0)
        made.set_content(made.content)
        made.set_view_size("view", 400, 300)


def test_one_pixel_fills_no_more_than_the_largest_scale() -> None:
    made = viewport(columns=1, rows=1)
    assert made.scale == LARGEST
