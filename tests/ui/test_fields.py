"""Every kind of field, through the keyboard, the mouse and the wheel as a user has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.spec.params import (
    BoolParam,
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    PaddingParam,
    PerAxisParam,
)
from convstudio.ui.fields import Field, make_field
from convstudio.ui.fields.bool_field import BoolField
from convstudio.ui.fields.choice_field import ChoiceField
from convstudio.ui.fields.float_field import FloatField
from convstudio.ui.fields.hint_line import HintLine
from convstudio.ui.fields.int_field import IntField
from convstudio.ui.fields.padding_field import PaddingField
from convstudio.ui.fields.per_axis_field import PerAxisField
from convstudio.ui.fields.quiet import FIELD_STYLE
from convstudio.ui.theme import apply_theme

WORDS = tuple(Choice(word, word, f"What {word} means.") for word in ("one", "two", "three", "four", "five"))
STRIDE = PerAxisParam(
    label="Stride", help="Steps.", each=IntParam(label="Stride", help="px", minimum=1, maximum=64)
)
PADDING = PaddingParam(label="Padding", help="Around.", maximum=512)


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[QWidget]:
    widget = QWidget()
    qtbot.addWidget(widget)
    QVBoxLayout(widget)
    widget.resize(240, 160)
    widget.show()
    qtbot.waitExposed(widget)
    widget.activateWindow()
    yield widget
    widget.close()


def put(host: QWidget, param: Any, default: Any) -> tuple[Field, list[Any]]:
    field = make_field(Declared("x", param, default), host)
    assert field is not None
    layout = host.layout()
    assert layout is not None
    layout.addWidget(field)
    field.show()
    heard: list[Any] = []
    field.edited.connect(heard.append)
    return field, heard


def retype(qtbot: QtBot, control: QWidget, text: str) -> None:
    control.setFocus()
    qtbot.keyClick(control, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(control, text)


def wheel(widget: QWidget) -> None:
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def number(minimum: float = 0.0, maximum: float = 10.0, step: float = 0.1) -> FloatParam:
    return FloatParam(label="Sigma", help="Width.", minimum=minimum, maximum=maximum, step=step)


def line(field: Field, which: str) -> QLabel:
    found = field.findChild(QLabel, f"param-x-{which}")
    assert found is not None
    return found


def test_typing_digits_tells_each_allowed_number(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, IntParam(label="Size", help="Cells.", minimum=3, maximum=63), 5)
    assert isinstance(field, IntField)
    retype(qtbot, field.spin, "27")  # 2 alone is below the minimum
    assert heard == [27]


def test_a_number_between_the_steps_is_refused_and_then_rounded(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, IntParam(label="Size", help="Cells.", minimum=1, maximum=63, step=2), 3)
    assert isinstance(field, IntField)
    retype(qtbot, field.spin, "8")
    assert heard == []
    assert "must be odd, got 8" in line(field, "problem").text()
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert len(heard) == 1
    assert heard[0] in (7, 9)
    assert not line(field, "problem").isVisible()


def test_being_shown_what_one_types_does_not_disturb_the_typing(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(), 1.0)
    assert isinstance(field, FloatField)
    field.edited.connect(field.set_value)  # as the session does: every edit comes back
    retype(qtbot, field.spin, "2.50")
    assert field.spin.text() == "2.50"
    assert heard[-1] == 2.5
    edit = field.spin.findChild(QLineEdit)
    assert edit is not None
    assert edit.cursorPosition() == 4


def test_a_comma_is_a_decimal_point(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(-5.0), 1.0)
    assert isinstance(field, FloatField)
    retype(qtbot, field.spin, "-0,5")
    assert heard[-1] == -0.5


@pytest.mark.parametrize(("text", "value"), [("99", 63), ("1000", 63), ("0", 1), ("-7", 1)])
def test_a_whole_number_beyond_the_range_becomes_the_nearest_allowed(
    host: QWidget, qtbot: QtBot, text: str, value: int
) -> None:
    param = IntParam(label="Size", help="Side.", minimum=1, maximum=63, unit="px")
    field, heard = put(host, param, 20)
    assert isinstance(field, IntField)
    retype(qtbot, field.spin, text)
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert field.spin.text() == f"{value} px"
    assert heard[-1] == value


@pytest.mark.parametrize(("text", "value"), [("1000", 64.0), ("64,5", 64.0), ("1", 2.0), ("-3.5", 2.0)])
def test_a_real_number_beyond_the_range_becomes_the_nearest_allowed(
    host: QWidget, qtbot: QtBot, text: str, value: float
) -> None:
    param = FloatParam(label="Wavelength", help="px", minimum=2.0, maximum=64.0, unit="px")
    field, heard = put(host, param, 6.0)
    assert isinstance(field, FloatField)
    retype(qtbot, field.spin, text)
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert field.spin.text() == f"{value:g} px"
    assert heard[-1] == value


def test_letters_change_nothing(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(), 1.5)
    assert isinstance(field, FloatField)
    retype(qtbot, field.spin, "abc")
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert heard == []
    assert field.value() == 1.5
    assert field.spin.value() == 1.5


def test_dragging_the_slider_tells_values_all_the_way(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(), 0.0)
    assert isinstance(field, FloatField)
    middle = field.slider.height() // 2
    finished: list[None] = []
    field.finished.connect(lambda: finished.append(None))
    qtbot.mousePress(field.slider, Qt.MouseButton.LeftButton, pos=QPoint(7, middle))
    for x in range(10, field.slider.width() - 6, 8):
        qtbot.mouseMove(field.slider, QPoint(x, middle))
    assert len(heard) > 3
    assert heard == sorted(heard)
    assert finished == []
    qtbot.mouseRelease(field.slider, Qt.MouseButton.LeftButton, pos=QPoint(x, middle))
    assert finished == [None]
    assert field.spin.value() == heard[-1]
    assert all(round(value, 1) == value for value in heard), "the slider moves in declared steps"


def test_the_slider_of_a_wide_range_covers_what_lies_around_the_default(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(-1000.0, 1000.0, 0.05), 0.0)
    assert isinstance(field, FloatField)
    slider, middle = field.slider, field.slider.height() // 2
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 1, middle))
    assert heard == [1.0]
    retype(qtbot, field.spin, "250")
    assert heard[-1] == 250.0
    assert slider.value() == slider.maximum()
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(0, middle))
    assert heard[-1] == -1.0


def test_the_wheel_passes_fields_without_the_focus(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, number(), 1.0)
    other, heard_other = put(host, ChoiceParam(label="Word", help="Which.", choices=WORDS), "two")
    whole, heard_whole = put(host, IntParam(label="Size", help="Cells.", minimum=1, maximum=63), 5)
    assert isinstance(field, FloatField)
    assert isinstance(other, ChoiceField)
    assert isinstance(whole, IntField)
    assert other.combo is not None
    host.setFocus()
    for control in (field.spin, field.slider, other.combo, whole.spin):
        wheel(control)
    assert heard == []
    assert heard_other == []
    assert heard_whole == []
    field.spin.setFocus()
    wheel(field.spin)
    assert heard == [1.1]


def test_few_short_words_stand_side_by_side_and_explain_themselves(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, ChoiceParam(label="Word", help="Which.", choices=WORDS[:3]), "one")
    assert isinstance(field, ChoiceField)
    assert field.segments is not None
    assert line(field, "hint").text() == "What one means."
    qtbot.mouseClick(field.segments.button("three"), Qt.MouseButton.LeftButton)
    assert heard == ["three"]
    assert line(field, "hint").text() == "What three means."
    qtbot.mouseClick(field.segments.button("three"), Qt.MouseButton.LeftButton)
    assert heard == ["three"], "choosing what is chosen is no edit"


def test_segments_answer_the_arrow_keys(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, ChoiceParam(label="Word", help="Which.", choices=WORDS[:3]), "one")
    assert isinstance(field, ChoiceField)
    assert field.segments is not None
    first = field.segments.button("one")
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Right)
    assert heard == ["two"]


def test_many_words_are_a_list(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, ChoiceParam(label="Word", help="Which.", choices=WORDS), "one")
    assert isinstance(field, ChoiceField)
    assert field.combo is not None
    field.combo.setFocus()
    qtbot.keyClick(field.combo, Qt.Key.Key_Down)
    assert heard == ["two"]
    assert "What two means." in field.combo.toolTip()


def test_the_open_list_shows_every_word_whole(host: QWidget, qapp: QApplication) -> None:
    apply_theme(qapp, "dark")
    host.setStyleSheet(FIELD_STYLE)
    field, _ = put(host, ChoiceParam(label="Border", help="What lies around.", choices=WORDS), "three")
    assert isinstance(field, ChoiceField)
    combo = field.findChild(QComboBox)
    assert combo is not None
    combo.showPopup()
    view = combo.view()
    last = view.visualRect(combo.model().index(combo.count() - 1, 0))
    assert view.visualRect(combo.model().index(0, 0)).top() >= 0
    assert last.bottom() < view.viewport().height()
    combo.hidePopup()


def test_a_word_that_cannot_work_is_off_and_says_why(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, ChoiceParam(label="Word", help="Which.", choices=WORDS), "one")
    assert isinstance(field, ChoiceField)
    assert field.combo is not None
    field.set_choice_reasons({"two": "Too small.", "one": "Too small."})
    field.combo.setFocus()
    qtbot.keyClick(field.combo, Qt.Key.Key_Down)
    assert heard == ["three"]
    assert "Too small." in field.combo.itemData(1, Qt.ItemDataRole.ToolTipRole)


def test_a_switch_answers_click_and_space(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, BoolParam(label="Wrap", help="Around."), False)
    assert isinstance(field, BoolField)
    qtbot.mouseClick(field.switch, Qt.MouseButton.LeftButton)
    qtbot.keyClick(field.switch, Qt.Key.Key_Space)
    assert heard == [True, False]


def test_linked_axes_change_together(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, STRIDE, (1, 1))
    assert isinstance(field, PerAxisField)
    assert field.link.isChecked()
    retype(qtbot, field.spins[1], "3")
    assert heard == [(3, 3)]


def test_opening_the_chain_frees_the_axes_and_closing_it_joins_them(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, STRIDE, (2, 2))
    assert isinstance(field, PerAxisField)
    qtbot.mouseClick(field.link, Qt.MouseButton.LeftButton)
    retype(qtbot, field.spins[1], "5")
    assert heard == [(2, 5)]
    qtbot.mouseClick(field.link, Qt.MouseButton.LeftButton)
    assert heard == [(2, 5), (2, 2)]


def test_the_link_follows_the_values_until_the_user_opens_it(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, STRIDE, (1, 1))
    assert isinstance(field, PerAxisField)
    field.set_value((1, 2))
    assert not field.link.isChecked()
    field.set_value((2, 2))
    assert field.link.isChecked()
    qtbot.mouseClick(field.link, Qt.MouseButton.LeftButton)
    field.set_value((3, 3))
    assert not field.link.isChecked()
    assert heard == []


def test_a_narrowed_axis_takes_no_larger_number(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, STRIDE, (1, 1))
    assert isinstance(field, PerAxisField)
    field.set_axis_range(0, 1, 4)
    retype(qtbot, field.spins[0], "9")
    qtbot.keyClick(field.spins[0], Qt.Key.Key_Return)
    assert all(pair[0] <= 4 for pair in heard)
    assert field.spins[1].maximum() == 4, "linked, the narrower axis holds for both"
    qtbot.mouseClick(field.link, Qt.MouseButton.LeftButton)
    assert field.spins[1].maximum() == 64


def test_a_value_outside_a_narrowed_range_stays_shown(host: QWidget) -> None:
    field, heard = put(host, IntParam(label="Size", help="Cells.", minimum=1, maximum=63), 9)
    assert isinstance(field, IntField)
    field.set_range(1, 5)
    assert field.spin.value() == 9
    assert heard == []
    field.set_value(3)
    assert field.spin.maximum() == 5


def padding_words(field: PaddingField) -> dict[str, Any]:
    return {action.data(): action for action in field.more.menu().actions()}


@pytest.mark.parametrize("word", ["valid", "same_lower", "full"])
def test_every_padding_word_can_be_chosen(host: QWidget, word: str) -> None:
    field, heard = put(host, PADDING, "same")
    assert isinstance(field, PaddingField)
    padding_words(field)[word].trigger()
    assert heard == [word]
    assert padding_words(field)[word].isChecked()


def test_the_segments_choose_padding_words(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, PADDING, "same")
    assert isinstance(field, PaddingField)
    qtbot.mouseClick(field.segments.button("full"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(field.segments.button("valid"), Qt.MouseButton.LeftButton)
    assert heard == ["full", "valid"]
    assert not field.sides.isVisible()


def test_custom_starts_from_what_the_word_came_to(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, PADDING, "same")
    assert isinstance(field, PaddingField)
    field.show_resolved(((1, 2), (3, 4)))
    assert "↑1 ↓2 ←3 →4 px" in line(field, "hint").text()
    qtbot.mouseClick(field.segments.button("custom"), Qt.MouseButton.LeftButton)
    assert heard == [((1, 2), (3, 4))]
    assert field.sides.isVisible()
    retype(qtbot, field.spins["left"], "7")
    assert heard[-1] == ((1, 2), (7, 4))


def test_linked_sides_change_together(host: QWidget, qtbot: QtBot) -> None:
    field, heard = put(host, PADDING, ((1, 1), (1, 1)))
    assert isinstance(field, PaddingField)
    retype(qtbot, field.spins["bottom"], "6")
    assert heard == [((6, 6), (6, 6))]


def test_custom_sides_keep_within_what_the_window_needs_and_the_border_gives(
    host: QWidget, qtbot: QtBot
) -> None:
    field, _ = put(host, PADDING, ((3, 2), (0, 1)))
    assert isinstance(field, PaddingField)
    field.set_amount_limits((4, 0), (4, 9))
    assert (field.spins["top"].minimum(), field.spins["top"].maximum()) == (2, 4)
    assert (field.spins["left"].minimum(), field.spins["left"].maximum()) == (0, 9)


def test_showing_a_padding_is_silent_and_unlinks_uneven_sides(host: QWidget) -> None:
    field, heard = put(host, PADDING, "same")
    assert isinstance(field, PaddingField)
    field.set_value(((1, 2), (3, 4)))
    assert field.amounts() == ((1, 2), (3, 4))
    assert not field.link.isChecked()
    field.set_value("full")
    field.set_value("same_lower")
    assert heard == []
    assert field.segments.button("same").isChecked()


def test_a_hint_too_long_for_its_line_is_cut_and_stands_whole_in_the_tooltip(host: QWidget) -> None:
    long = Choice("one", "one", "What one means, at a length that no panel of this width has room for.")
    field, _ = put(host, ChoiceParam(label="Word", help="Which.", choices=(long, *WORDS[1:3])), "one")
    hint = line(field, "hint")
    assert isinstance(hint, HintLine)
    height = field.height()
    hint.resize(120, hint.height())
    assert hint.shown_text().endswith("…")
    assert long.help in hint.toolTip()
    field.set_value("two")
    assert hint.shown_text() == hint.text()
    assert hint.toolTip() == ""
    assert field.height() == height
