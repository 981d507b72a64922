"""The field of a number of any size: its slider is logarithmic, and powers of ten can be typed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.spec.params import Declared, LogFloatParam
from convstudio.ui.fields import make_field
from convstudio.ui.fields.log_float_field import LogFloatField, number_text, place_of, round_number

RATE = LogFloatParam(label="Rate", help="How far a step goes.", minimum=1e-9, maximum=1000.0)


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[QWidget]:
    widget = QWidget()
    qtbot.addWidget(widget)
    QVBoxLayout(widget)
    widget.resize(240, 60)
    widget.show()
    qtbot.waitExposed(widget)
    widget.activateWindow()
    yield widget
    widget.close()


def put(
    host: QWidget, param: LogFloatParam = RATE, default: float = 0.02
) -> tuple[LogFloatField, list[float]]:
    field = make_field(Declared("rate", param, default), host)
    assert isinstance(field, LogFloatField)
    layout = host.layout()
    assert layout is not None
    layout.addWidget(field)
    field.show()
    heard: list[float] = []
    field.edited.connect(heard.append)
    return field, heard


def retype(qtbot: QtBot, control: QWidget, text: str) -> None:
    control.setFocus()
    qtbot.keyClick(control, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(control, text)


@pytest.mark.parametrize(
    ("typed", "value", "shown"),
    [
        ("1e-4", 1e-4, "0.0001"),
        ("0.0003", 3e-4, "0.0003"),
        ("3E-5", 3e-5, "3e−5"),
        ("2.5e+2", 250.0, "250"),
        (",5", 0.5, "0.5"),
        ("0.123456789", 0.123456789, "0.12346"),
        ("1e-8", 1e-8, "1e−8"),
    ],
)
def test_numbers_are_typed_with_or_without_a_power_of_ten(
    host: QWidget, qtbot: QtBot, typed: str, value: float, shown: str
) -> None:
    field, heard = put(host)
    field.edited.connect(field.set_value)  # as the session does
    retype(qtbot, field.spin, typed)
    assert field.spin.text() == typed
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert heard[-1] == value
    assert field.value() == value
    other, _ = put(host, default=value)
    assert other.spin.text() == shown


def test_what_is_shown_can_be_pasted_again(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host)
    field.spin.selectAll()
    field.spin.lineEdit().insert("2.5e−7")  # with a minus sign, as the field itself writes it
    assert heard == [2.5e-7]


def test_a_half_typed_power_changes_nothing_yet_and_is_dropped_in_the_end(
    host: QWidget, qtbot: QtBot
) -> None:
    field, heard = put(host)
    retype(qtbot, field.spin, "5e-")
    assert heard == [5.0]
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert heard == [5.0]
    assert field.spin.text() == "5"
    retype(qtbot, field.spin, "fast")
    assert field.spin.value() == 5.0


@pytest.mark.parametrize(
    ("typed", "nearest"), [("1e9", 1000.0), ("5000", 1000.0), ("1e-30", 1e-9), ("0", 1e-9)]
)
def test_a_number_beyond_the_range_becomes_the_nearest_allowed(
    host: QWidget, qtbot: QtBot, typed: str, nearest: float
) -> None:
    field, heard = put(host)
    retype(qtbot, field.spin, typed)
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert heard[-1] == nearest


def test_showing_a_number_of_many_digits_and_leaving_the_field_keeps_all_of_them(
    host: QWidget, qtbot: QtBot
) -> None:
    field, heard = put(host)
    exact = math.pi / 1e4
    field.set_value(exact)
    assert field.spin.text() == "0.00031416"
    field.spin.setFocus()
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    field.slider.setFocus()
    assert heard == []
    assert field.spin.value() == exact


def test_arrows_go_from_round_number_to_round_number(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, default=0.09)
    field.spin.setFocus()
    for _ in range(3):
        qtbot.keyClick(field.spin, Qt.Key.Key_Up)
    assert heard == [0.1, 0.12, 0.15]
    field.set_value(0.09)
    heard.clear()
    for _ in range(2):
        qtbot.keyClick(field.spin, Qt.Key.Key_Down)
    assert heard == [0.08, 0.06]
    field.set_value(1000.0)
    heard.clear()
    qtbot.keyClick(field.spin, Qt.Key.Key_Up)
    assert heard == []


def test_the_slider_moves_by_equal_ratios_through_round_numbers(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host)
    slider, middle = field.slider, field.slider.height() // 2
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(0, middle))
    assert heard == [2e-5]  # three powers of ten below the default
    slider.setFocus()
    heard.clear()
    for _ in range(60):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert heard[:4] == [2.5e-5, 3e-5, 4e-5, 5e-5]
    assert heard[-1] == 20.0
    ratios = [b / a for a, b in pairwise(heard)]
    assert min(ratios) >= 1.19
    assert max(ratios) <= 1.34
    qtbot.keyClick(slider, Qt.Key.Key_PageDown)
    assert heard[-1] == 2.0


def test_a_slider_over_few_powers_of_ten_covers_them_all(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, LogFloatParam(label="Delta", help="Where.", minimum=1e-6, maximum=100.0), 0.1)
    middle = field.slider.height() // 2
    qtbot.mouseClick(field.slider, Qt.MouseButton.LeftButton, pos=QPoint(0, middle))
    qtbot.mouseClick(field.slider, Qt.MouseButton.LeftButton, pos=QPoint(field.slider.width() - 1, middle))
    assert heard == [1e-6, 100.0]


def test_a_narrower_range_holds_for_slider_and_typing(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host)
    field.set_range(0.001, 0.7)
    middle = field.slider.height() // 2
    qtbot.mouseClick(field.slider, Qt.MouseButton.LeftButton, pos=QPoint(field.slider.width() - 1, middle))
    assert heard[-1] <= 0.7
    retype(qtbot, field.spin, "5")
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert heard[-1] == 0.7


def test_round_numbers_are_the_nearest_floats_and_find_their_places() -> None:
    for place in range(-90, 31):
        value = round_number(place)
        assert place_of(value) == place
        digits = f"{value:.1e}"
        assert float(digits) == value


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.02, 3, "0.02"),
        (0.0001, 3, "0.0001"),
        (0.00005, 3, "5e−5"),
        (1234.5, 3, "1234.5"),
        (99999.0, 3, "99999"),
        (1e5, 3, "1e5"),
        (0.4135, 2, "0.4135"),
        (1.0, 3, "1"),
        (1000.0, 3, "1000"),
    ],
)
def test_a_number_is_written_as_short_as_it_is_true(value: float, digits: int, text: str) -> None:
    assert number_text(value, digits) == text
