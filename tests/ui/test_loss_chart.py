"""The loss chart: its axes, how few points look like many, and looking back with mouse and keys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.ui.loss_axes import LogAxis, axis_end, spans, step_text, step_ticks, value_text
from convstudio.ui.loss_chart import LossChart, line_colours
from convstudio.ui.theme import theme_of

# --- axes ---


@pytest.mark.parametrize(
    ("last", "planned", "end"),
    [(0, 1000, 20), (21, 1000, 50), (137, 1000, 200), (137, 150, 150), (2300, 1000, 5000), (0, 10, 10)],
)
def test_the_steps_end_at_a_round_number_or_at_the_planned_one(last: int, planned: int, end: int) -> None:
    assert axis_end(last, planned) == end


@given(st.integers(1, 2_000_000), st.floats(1.0, 30.0))
def test_steps_are_written_where_there_is_room(end: int, room: float) -> None:
    ticks = step_ticks(end, room)
    assert ticks[0] == 0
    assert ticks[-1] <= end
    assert len(ticks) <= room + 2


def test_steps_and_losses_are_written_short() -> None:
    assert [step_text(n) for n in (500, 2000, 20_000, 1_500_000)] == ["500", "2,000", "20k", "1.5M"]
    assert [value_text(v) for v in (0.5, 0.001, 10.0, 200.0)] == ["0.5", "0.001", "10", "200"]
    assert [value_text(v) for v in (1e-4, 2e-6, 1e7)] == ["10⁻⁴", "2·10⁻⁶", "10⁷"]


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=30))
def test_all_losses_lie_on_the_axis_but_those_far_from_the_first(losses: list[float]) -> None:
    values = np.array(losses)
    axis = LogAxis.around(values)
    assert 0.0 < float(axis.place(values[:1])[0]) < 1.0
    if values.max() / values.min() < 1e13:
        places = axis.place(values)
        assert places.min() > 0.0
        assert places.max() < 1.0


def test_a_loss_that_explodes_keeps_its_beginning_in_sight() -> None:
    axis = LogAxis.around(10.0 ** np.linspace(-3, 30, 40))
    assert axis.low <= -3 <= axis.high < 20


def test_nothing_and_zero_have_an_axis_too() -> None:
    for values in (np.empty(0), np.zeros(3), np.array([np.nan, np.inf, -1.0])):
        axis = LogAxis.around(values)
        assert axis.low < axis.high
    assert float(LogAxis(-3.0, 0.0).place(np.array(0.0))) == 0.0


@given(st.floats(-12, 3), st.floats(0.2, 14), st.integers(3, 20))
def test_ticks_are_round_on_the_axis_and_few(low: float, span: float, most: int) -> None:
    axis = LogAxis(low, low + span)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 2
    for value, text in ticks:
        assert low - 1e-6 <= math.log10(value) <= low + span + 1e-6
        assert text


@given(st.integers(2, 4000), st.integers(0, 1000))
def test_bars_are_where_the_line_is(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xs, ys = np.sort(rng.uniform(0, 200, count)), rng.normal(0, 30, size=count)
    lefts, tops, heights = spans(xs, ys, 1.5)
    assert len(lefts) <= 201
    np.testing.assert_array_equal(np.diff(lefts), 1.0)
    ends = np.clip(np.append(lefts, lefts[-1] + 1.0), xs[0], xs[-1])
    points = np.sort(np.concatenate([np.linspace(xs[0], xs[-1], 2000), xs, ends]))
    line = np.interp(points, xs, ys)
    for left, top, height in zip(lefts, tops, heights, strict=True):
        here = line[(points >= left) & (points <= left + 1.0)]
        assert top - 1e-9 <= here.min()
        assert here.max() <= top + height + 1e-9
        assert height == pytest.approx(math.hypot(np.ptp(here), 1.5))


# --- the widget ---


@pytest.fixture
def chart(qtbot: QtBot) -> LossChart:
    made = LossChart()
    qtbot.addWidget(made)
    made.resize(500, 260)
    made.show_planned(100)
    made.show()
    qtbot.waitExposed(made)
    return made


def fill(chart: LossChart, last: int = 100, step: int | None = None) -> None:
    steps = np.arange(last + 1)
    chart.show_losses(
        steps,
        0.5 * 0.9**steps,
        np.where(steps % 10, np.nan, 0.7 * 0.9**steps),
        last if step is None else step,
    )


def heard(chart: LossChart) -> list[int]:
    said: list[int] = []
    chart.scrubbed.connect(said.append)
    return said


def at(chart: LossChart, step: int) -> QPoint:
    return QPoint(round(chart.x_of(step)), chart.height() // 2)


def test_an_even_slope_is_a_straight_line(chart: LossChart) -> None:
    fill(chart)
    ys = [chart.y_of(0.5 * 0.9**step) for step in (0, 50, 100)]
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1])
    assert ys[0] < ys[2]


def test_dragging_looks_back(chart: LossChart, qtbot: QtBot) -> None:
    fill(chart)
    said = heard(chart)
    qtbot.mousePress(chart, Qt.MouseButton.LeftButton, pos=at(chart, 60))
    assert chart.dragging
    qtbot.mouseMove(chart, at(chart, 30))
    qtbot.mouseMove(chart, QPoint(-50, 10))
    qtbot.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=QPoint(-50, 10))
    assert said == [60, 30, 0]
    assert chart.step == 0
    assert not chart.dragging


def test_the_cursor_stays_among_the_steps_that_were_made(chart: LossChart, qtbot: QtBot) -> None:
    fill(chart, last=40)
    said = heard(chart)
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at(chart, 10))
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(chart.width() - 2, 50))
    assert said == [10, 40]


def test_nothing_can_be_dragged_before_the_first_loss(chart: LossChart, qtbot: QtBot) -> None:
    said = heard(chart)
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at(chart, 10))
    assert said == []


def test_by_keyboard(qtbot: QtBot) -> None:
    keys: list[int] = []

    class Outer(QWidget):
        def keyPressEvent(self, event: object) -> None:  # noqa: N802  Qt's name
            keys.append(event.key())  # type: ignore[attr-defined]

    outer = Outer()
    qtbot.addWidget(outer)
    chart = LossChart(outer)
    QVBoxLayout(outer).addWidget(chart)
    outer.show()
    fill(chart, last=100, step=99)
    said = heard(chart)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_PageDown, Qt.Key.Key_End):
        qtbot.keyClick(chart, key)
    assert said == [100, 99, 89, 100]
    assert keys == [Qt.Key.Key_Right]  # at the end one step more is asked of the panel


def test_showing_says_nothing(chart: LossChart) -> None:
    said = heard(chart)
    fill(chart)
    chart.show_step(3)
    chart.show_floor(1e-3)
    chart.show_planned(500)
    assert said == []


def test_losses_between_measured_steps_lie_on_the_line(chart: LossChart) -> None:
    fill(chart)
    training, validation = chart.at(25)
    assert training == pytest.approx(0.5 * 0.9**25)
    assert validation == pytest.approx((0.7 * 0.9**20 + 0.7 * 0.9**30) / 2)
    assert chart.at(101) == (None, None)
    assert "training loss" in chart.accessibleDescription()


def colours_of(chart: LossChart) -> tuple[int, int]:
    """How many pixels are about as the two lines are."""
    image = chart.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.array(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    counts = []
    for colour in line_colours(theme_of(chart)):
        bgr = np.array([colour.blue(), colour.green(), colour.red()])
        counts.append(int((np.abs(pixels[:, :, :3].astype(int) - bgr).max(axis=2) < 40).sum()))
    return counts[0], counts[1]


def test_both_lines_are_drawn_and_named(chart: LossChart) -> None:
    assert colours_of(chart) == (0, 0)
    fill(chart, step=0)
    both = colours_of(chart)
    assert min(both) > 150
    steps = np.arange(101)
    chart.show_losses(steps, 0.5 * 0.9**steps, np.full(101, np.nan), 0)
    assert colours_of(chart)[0] > 150
    assert colours_of(chart)[1] == 0


def test_the_floor_is_on_the_axis(chart: LossChart) -> None:
    fill(chart)
    chart.show_floor(1e-7)
    assert 0.0 < float(chart.axis.place(np.array(1e-7))) < 1.0
    assert chart.floor == 1e-7
    chart.grab()


def test_losses_that_are_no_numbers_are_left_out(chart: LossChart) -> None:
    steps = np.arange(60)
    losses = np.where(steps > 40, np.inf, 10.0 ** (steps - 3.0))
    chart.show_losses(steps, losses, np.full(60, np.nan), 59)
    chart.grab()
    assert chart.at(50)[0] is None
