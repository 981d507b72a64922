"""A form is generated from declarations, tells what the user entered, and shows values in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.spec.params import (
    BankParam,
    BoolParam,
    Choice,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    PaddingParam,
    PerAxisParam,
)
from convstudio.ui.param_form import ParamForm

PARAMS = (
    Declared("bank", BankParam(label="Filters", help="The weights."), None),
    Declared("size", IntParam(label="Size", help="Cells per side.", minimum=1, maximum=63), 3),
    Declared("sigma", FloatParam(label="Sigma", help="How wide it is.", minimum=0.1, maximum=20), 1.0),
    Declared(
        "operation",
        ChoiceParam(
            label="Operation",
            help="What is computed.",
            choices=(
                Choice("correlation", "correlation", "As written."),
                Choice("convolution", "convolution", "Flipped."),
            ),
        ),
        "correlation",
    ),
    Declared("wrap", BoolParam(label="Wrap", help="Around the edge."), False),
    Declared(
        "stride",
        PerAxisParam(
            label="Stride",
            help="How far the window moves.",
            each=IntParam(label="Stride", help="Pixels.", minimum=1, maximum=16),
        ),
        (1, 1),
    ),
    Declared("padding", PaddingParam(label="Padding", help="Cells around.", maximum=31), "same"),
)


class Heard:
    """Collects what a form emits."""

    def __init__(self, form: ParamForm) -> None:
        self.edits: list[tuple[str, Any]] = []
        self.ended: list[str] = []
        form.edited.connect(self.on_edit)
        form.merge_key_ended.connect(self.on_end)

    def on_edit(self, name: str, value: Any) -> None:
        self.edits.append((name, value))

    def on_end(self, name: str) -> None:
        self.ended.append(name)


@pytest.fixture
def form(qtbot: QtBot) -> Iterator[ParamForm]:
    host = QWidget()
    qtbot.addWidget(host)
    made = ParamForm(PARAMS, host)
    column = QVBoxLayout(host)
    column.addWidget(made)
    other = QLineEdit(host)
    other.setObjectName("elsewhere")
    column.addWidget(other)
    host.resize(300, 500)
    host.show()
    qtbot.waitExposed(host)
    host.activateWindow()
    yield made
    host.close()  # and the host lives as long as the test


def test_every_declared_parameter_but_the_bank_has_a_field(form: ParamForm) -> None:
    assert form.names() == ("size", "sigma", "operation", "wrap", "stride", "padding")


def test_every_control_teaches_and_is_named(form: ParamForm) -> None:
    for each in PARAMS[1:]:
        field = form.field(each.name)
        assert field.objectName() == f"param-{each.name}"
        assert field.accessibleName() == each.param.label
        assert each.param.help in field.toolTip()
        label = form.findChild(QLabel, f"param-{each.name}-label")
        assert label is not None
        assert label.text() == each.param.label
        assert each.param.help in label.toolTip()
        for control in field.controls():
            assert control.accessibleName().startswith(each.param.label)
            assert control.toolTip()
            assert control.objectName().startswith(f"param-{each.name}-")


def test_showing_values_emits_nothing_and_skips_names_without_a_field(form: ParamForm) -> None:
    heard = Heard(form)
    values = {
        "bank": object(),
        "size": 7,
        "sigma": 2.5,
        "operation": "convolution",
        "wrap": True,
        "stride": (2, 3),
        "padding": ((1, 2), (3, 4)),
    }
    form.show_values(values)
    shown = {name: form.field(name).value() for name in form.names()}
    assert shown == {name: value for name, value in values.items() if name != "bank"}
    form.show_values({"padding": "full", "stride": (1, 1)})
    form.set_range("size", 1, 5)
    form.set_enabled_reason("sigma", "Not now.")
    form.show_problem("stride", "Too far.")
    assert heard.edits == []


def test_typing_is_told_by_name_with_the_value(form: ParamForm, qtbot: QtBot) -> None:
    heard = Heard(form)
    spin = form.field("size").controls()[1]
    spin.setFocus()
    qtbot.keyClick(spin, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(spin, "15")
    assert heard.edits == [("size", 1), ("size", 15)]


@pytest.mark.parametrize("part", [0, 1])
def test_leaving_a_field_ends_its_undo_merge(form: ParamForm, qtbot: QtBot, part: int) -> None:
    slider_or_spin = form.field("size").controls()[part]
    slider_or_spin.setFocus()
    qtbot.waitUntil(slider_or_spin.hasFocus)
    heard = Heard(form)
    elsewhere = form.window().findChild(QLineEdit, "elsewhere")
    assert elsewhere is not None
    elsewhere.setFocus()
    assert "size" in heard.ended
    assert "sigma" not in heard.ended


def test_a_problem_stands_at_its_field_until_it_is_taken_away(form: ParamForm) -> None:
    line = form.findChild(QLabel, "param-stride-problem")
    assert line is not None
    assert not line.isVisible()
    form.show_problem("stride", "The window is larger than the picture.")
    assert line.isVisible()
    assert line.text() == "The window is larger than the picture."
    form.show_problem("stride", None)
    assert not line.isVisible()


def test_a_switched_off_field_says_why(form: ParamForm) -> None:
    form.set_enabled_reason("operation", "The kernel is symmetric.")
    field = form.field("operation")
    assert not any(control.isEnabled() for control in field.controls())
    assert "The kernel is symmetric." in field.toolTip()
    line = form.findChild(QLabel, "param-operation-hint")
    assert line is not None
    assert line.text() == "The kernel is symmetric."
    form.set_enabled_reason("operation", None)
    assert all(control.isEnabled() for control in field.controls())
    assert line.text() == "As written."


def test_a_hidden_row_hides_its_label_too(form: ParamForm) -> None:
    form.set_visible("sigma", False)
    label = form.findChild(QLabel, "param-sigma-label")
    assert label is not None
    assert not label.isVisible()
    assert not form.field("sigma").isVisible()


def test_an_unknown_kind_of_parameter_is_refused(qtbot: QtBot) -> None:
    from convstudio.spec.params import Param

    class Odd(Param):
        pass

    with pytest.raises(TypeError, match="Odd"):
        ParamForm((Declared("odd", Odd(label="Odd", help="?"), 0),))
