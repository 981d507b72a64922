"""The inspector shows a layer and its numbers, says why things cannot work, and only asks for changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator, LayerResult
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import Activation, Conv, ConvTranspose, Layer, Luminance, MaxPool, MaxUnpool
from convstudio.layers.base import Mate
from convstudio.model import LayerItem, Project
from convstudio.spec.params import ChoiceParam
from convstudio.ui.fields.choice_field import ChoiceField
from convstudio.ui.fields.float_field import FloatField
from convstudio.ui.fields.per_axis_field import PerAxisField
from convstudio.ui.formula import duration
from convstudio.ui.inspector import Inspector
from convstudio.ui.layer_facts import facts_of, result_facts
from convstudio.ui.side_panel import MINIMUM_WIDTH
from convstudio.ui.theme import DARK, style_sheet
from tests.ui.window_hands import random_picture

COLOUR = (3, 300, 450)


def layer_of(size: int = 3, **values: Any) -> Conv:
    return Conv.of(Kernel.custom(np.ones((size, size))), **values)


@pytest.fixture
def inspector(qtbot: QtBot) -> Iterator[Inspector]:
    top = QFrame()
    top.setObjectName("top")
    made = Inspector(top)
    qtbot.addWidget(made)
    made.setStyleSheet(style_sheet(DARK))  # its paddings decide what fits
    made.resize(320, 800)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.close()


def text_of(inspector: Inspector, name: str) -> str:
    label = inspector.findChild(QLabel, name)
    assert label is not None, name
    return label.text() if label.isVisible() else ""


def heard_by(inspector: Inspector) -> list[tuple[str, Any]]:
    heard: list[tuple[str, Any]] = []
    inspector.edited.connect(lambda name, value: heard.append((name, value)))
    return heard


def test_the_form_comes_from_the_layers_declarations(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    declared = tuple(p.name for p in Conv.parameters() if p.name != "bank")
    assert inspector.form.names() == (*declared, "bias"), "a filter's bias is entered with the rest"
    assert text_of(inspector, "inspector-title") == "CONVOLUTION LAYER"
    top = inspector.findChild(QFrame, "top")
    assert top is not None
    qtbot.waitUntil(lambda: 0 < top.y() < inspector.form.y())


def test_showing_asks_for_nothing(inspector: Inspector) -> None:
    heard = heard_by(inspector)
    for layer in (
        layer_of(),
        layer_of(5, padding="full", padding_mode="constant", padding_value=0.5, stride=(2, 3)),
        layer_of(padding=((1, 2), (3, 4)), channels="all", operation="convolution"),
        layer_of(channels="grouped", groups=1),
        MaxPool(),
        Activation(),
        ConvTranspose(),
    ):
        inspector.show_layer(layer, COLOUR, bias=0.25)
        inspector.show_numbers(facts_of(layer, COLOUR))
        inspector.show_proof("matches SciPy", "good")
    inspector.show_layer(layer_of(), (1, 2, 2), (None, "It does not fit."))
    inspector.show_photo(random_picture())
    inspector.show_layer(layer_of(), None)
    inspector.show_layer(layer_of(), COLOUR, enabled=False)
    assert heard == []


def test_an_edit_is_a_request(inspector: Inspector, qtbot: QtBot) -> None:
    layer = layer_of()
    inspector.show_layer(layer, COLOUR)
    heard = heard_by(inspector)
    stride = inspector.form.field("stride")
    assert isinstance(stride, PerAxisField)
    stride.spins[0].setFocus()
    qtbot.keyClick(stride.spins[0], Qt.Key.Key_Up)
    assert heard == [("stride", (2, 2))]


def test_leaving_a_field_is_told(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    ended: list[str] = []
    inspector.edit_ended.connect(ended.append)
    stride = inspector.form.field("stride")
    assert isinstance(stride, PerAxisField)
    stride.spins[0].setFocus()
    qtbot.keyClick(stride.spins[0], Qt.Key.Key_Return)
    assert ended == ["stride"]


def test_sizes_and_cost_follow_at_once(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(stride=(2, 1)), COLOUR)
    rows = inspector.findChild(QLabel, "formula-height")
    columns = inspector.findChild(QLabel, "formula-width")
    assert rows is not None
    assert columns is not None
    assert rows.accessibleName() == "Output height: ⌊(300 + 0+1 − 1·(3−1) − 1)/2⌋ + 1 = 150"
    assert columns.accessibleName() == "Output width: ⌊(450 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 450"
    assert "stride" in rows.toolTip()
    assert "parameters" in text_of(inspector, "cost")
    assert "fully connected" in text_of(inspector, "cost-dense")


def test_the_padding_says_what_it_comes_to(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(5), COLOUR)
    assert text_of(inspector, "param-padding-hint") == "Keeps size ÷ stride: 2 px each side."
    inspector.show_layer(layer_of(5, padding="valid"), COLOUR)
    assert text_of(inspector, "param-padding-hint") == "The window stays inside the picture."
    sizes = inspector.findChild(QLabel, "formula-sizes")
    assert sizes is not None
    assert not sizes.isVisible()


@pytest.mark.parametrize("width", [MINIMUM_WIDTH, 320, 420])
def test_nothing_is_wider_than_the_panel(inspector: Inspector, width: int, qtbot: QtBot) -> None:
    inspector.resize(width, 300)  # low, so that the scroll bar takes its share
    inspector.show_layer(layer_of(padding=((10, 20), (30, 40)), padding_mode="constant"), (3, 4000, 6000))
    panel = inspector.widget()
    qtbot.waitUntil(lambda: panel.width() == inspector.viewport().width())
    assert panel.minimumSizeHint().width() <= inspector.viewport().width()
    for child in panel.findChildren(QWidget):
        if child.isVisible():
            right = child.mapTo(panel, child.rect().topRight()).x()
            assert right <= panel.width(), child.objectName()


def test_the_border_follows_the_padding(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(padding="valid"), COLOUR)
    field = inspector.form.field("padding_mode")
    assert not any(control.isEnabled() for control in field.controls())
    assert all("Nothing is padded" in control.toolTip() for control in field.controls())
    inspector.show_layer(layer_of(padding="same"), COLOUR)
    assert all(control.isEnabled() for control in field.controls())
    assert not inspector.form.field("padding_value").isVisible()
    inspector.show_layer(layer_of(padding_mode="constant"), COLOUR)
    assert inspector.form.field("padding_value").isVisible()


def test_channels_are_off_for_a_grey_picture(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), (1, 300, 450))
    field = inspector.form.field("channels")
    assert not any(control.isEnabled() for control in field.controls())
    assert "single channel" in field.toolTip()


def test_ranges_follow_from_the_picture(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(padding="valid"), (3, 9, 21))
    dilation = inspector.form.field("dilation")
    assert isinstance(dilation, PerAxisField)
    assert dilation.spins[0].maximum() == 4  # 4·(3−1)+1 = 9
    assert dilation.spins[1].maximum() == 4, "linked, the narrower axis holds for both"
    inspector.show_layer(layer_of(padding="valid", dilation=(4, 4)), (3, 9, 21))
    assert all("would not fit" in spin.toolTip() for spin in dilation.spins)


def test_border_modes_that_cannot_fill_the_padding_are_off(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(7, padding="full", padding_mode="zeros"), (3, 4, 50))
    combo = inspector.form.field("padding_mode").findChild(QComboBox)
    assert combo is not None
    row = combo.findData("reflect")
    assert not combo.model().flags(combo.model().index(row, 0)) & Qt.ItemFlag.ItemIsEnabled
    assert "Reflection can fill 3 px" in combo.itemData(row, Qt.ItemDataRole.ToolTipRole)


def test_what_does_not_fit_is_said_where_it_is_set(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    layer = layer_of(padding="valid", dilation=(4, 4))
    inspector.show_layer(layer, (3, 5, 50), (None, "kernel spans 9 px but the input is 5 px high"))
    padding, label = inspector.form.field("padding"), inspector.findChild(QLabel, "param-padding-label")
    assert label is not None
    assert "spans 9 px" in padding.problem()
    assert "spans 9 px" in padding.toolTip()
    assert label.property("wrong"), "its label is red"
    assert text_of(inspector, "inspector-problem").count("spans 9 px") == 1, "once is enough"
    assert "At most 2 works here." in inspector.form.field("dilation").toolTip()
    card = inspector.findChild(QFrame, "formula-card")
    assert card is not None
    assert not card.isVisible(), "a formula of another size would be a lie"
    inspector.show_layer(layer_of(), COLOUR)
    assert padding.problem() == ""
    assert "spans" not in padding.toolTip()
    assert not label.property("wrong")
    assert text_of(inspector, "inspector-problem") == ""
    assert card.isVisible()


def test_other_failures_are_said_and_mark_their_parameter(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), COLOUR, (None, "There is not enough memory."))
    assert text_of(inspector, "inspector-problem") == "There is not enough memory."
    inspector.show_layer(layer_of(), COLOUR, ("bias", "Too much."))
    assert text_of(inspector, "inspector-problem") == "Too much."
    assert inspector.form.field("bias").problem() == "Too much."


@pytest.mark.parametrize("width", [MINIMUM_WIDTH, 320])
def test_no_control_moves_while_reasons_come_and_go(inspector: Inspector, width: int, qtbot: QtBot) -> None:
    inspector.resize(width, 900)
    places = []
    for layer, shape in (
        (layer_of(), COLOUR),
        (layer_of(padding="valid"), COLOUR),  # nothing is padded: the border is off
        (layer_of(4, padding="full"), COLOUR),
        (layer_of(4), COLOUR),  # four different sides
        (layer_of(), (1, 300, 450)),  # a single channel
        (layer_of(padding="valid", dilation=(4, 4)), (3, 9, 21)),  # at the end of its range
        (layer_of(padding="valid", dilation=(4, 4)), (3, 5, 50)),  # does not fit
        (layer_of(operation="convolution", channels="all"), COLOUR),
    ):
        inspector.show_layer(layer, shape)
        qtbot.wait(1)
        panel, form = inspector.widget(), inspector.form
        fields = [form.field(name) for name in form.names()]
        places.append([each.mapTo(panel, each.rect().topLeft()).y() for each in fields if each.isVisible()])
    assert all(place == places[0] for place in places), places


def test_the_operation_is_explained_where_it_stands(inspector: Inspector) -> None:
    param = next(each.param for each in Conv.parameters() if each.name == "operation")
    assert isinstance(param, ChoiceParam)
    helps = {choice.value: choice.help for choice in param.choices}
    for operation in ("correlation", "convolution"):
        inspector.show_layer(layer_of(operation=operation), COLOUR)
        assert text_of(inspector, "param-operation-hint") == helps[operation]
    assert isinstance(inspector.form.field("operation"), ChoiceField)


def test_plan_time_and_proof_are_shown(inspector: Inspector) -> None:
    layer = layer_of()
    inspector.show_layer(layer, COLOUR)
    card = inspector.findChild(QFrame, "result-card")
    assert card is not None
    assert not card.isVisible()
    candidate = SimpleNamespace(name="rows", milliseconds=1.9, exact=True, reason="few taps")
    plan: Any = SimpleNamespace(algorithm="rows", candidates=(candidate,))
    inspector.show_numbers(replace(facts_of(layer, COLOUR), plan=plan, algorithm="rows", seconds=0.0019))
    assert text_of(inspector, "algorithm") == "rows · 1.9 ms"
    label = inspector.findChild(QLabel, "algorithm")
    assert label is not None
    assert "few taps" in label.toolTip()
    inspector.show_layer(layer_of(padding="valid", dilation=(4, 4)), (3, 5, 50))
    assert not card.isVisible(), "it would speak of a result that is not the one asked for"
    inspector.show_layer(layer, COLOUR)
    inspector.show_numbers(replace(facts_of(layer, COLOUR), plan=plan, algorithm="rows", seconds=0.0019))
    assert card.isVisible()


@pytest.mark.parametrize(
    ("state", "shown", "role"),
    [
        ("checking", "… checking", "caption"),
        ("good", "✓ checking", "good"),
        ("bad", "✗ checking", "problem"),
    ],
)
def test_the_proof_wears_its_verdict(inspector: Inspector, state: str, shown: str, role: str) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    inspector.show_proof("checking", state)
    assert text_of(inspector, "proof") == shown
    label = inspector.findChild(QLabel, "proof")
    assert label is not None
    assert label.property("role") == role
    inspector.show_proof("", "none")
    assert text_of(inspector, "proof") == ""


def test_the_scroll_bar_takes_no_width_when_it_comes(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    widths, scrolls = set(), set()
    need = inspector.widget().sizeHint().height()
    for height in (need - 40, need - 1, need, need + 1, need + 40):
        inspector.resize(320, height)
        qtbot.wait(1)
        widths.add(inspector.viewport().width())
        scrolls.add(inspector.verticalScrollBar().maximum() > 0)
    assert scrolls == {True, False}
    assert len(widths) == 1, "its content would be laid out anew, and might be lower, without end"


# --- other kinds, the photo, what is switched off ---


def visible(inspector: Inspector, name: str) -> bool:
    widget = inspector.findChild(QWidget, name)
    assert widget is not None, name
    return widget.isVisible()


def result_of(layer: Layer, enabled: bool = True) -> LayerResult:
    project = Project(random_picture(), (LayerItem("a", layer),), "a")
    return Evaluator().evaluate(project.with_item("a", enabled=enabled)).last


def test_the_form_changes_with_the_kind_and_back(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    assert visible(inspector, "top")
    inspector.show_layer(MaxPool(window=(3, 4)), COLOUR)
    assert inspector.form.names() == tuple(p.name for p in MaxPool.parameters())
    assert text_of(inspector, "inspector-title") == "MAX POOLING LAYER"
    assert inspector.form.field("window").value() == (3, 4)
    assert not visible(inspector, "top"), "a pooling has no kernel"
    heard = heard_by(inspector)
    inspector.form.field("window").edited.emit((2, 2))
    assert heard == [("window", (2, 2))]
    inspector.show_layer(layer_of(), COLOUR, bias=0.25)
    assert inspector.form.field("bias").value() == 0.25
    assert visible(inspector, "top")
    assert len([each for each in inspector.findChildren(QWidget, "param-form") if each.isVisible()]) == 1


def test_the_bias_is_that_of_the_filter_that_is_shown(inspector: Inspector) -> None:
    layer = Conv(Bank((*layer_of().bank.filters, *layer_of(5, bias=0.5).bank.filters)))
    inspector.show_layer(layer, COLOUR)
    assert inspector.form.field("bias").value() == 0.0
    inspector.show_layer(layer, COLOUR, bias=layer.bank.filters[1].bias)
    assert inspector.form.field("bias").value() == 0.5


@pytest.mark.parametrize(
    ("layer", "formula", "cost"),
    [
        (MaxPool(), "Output height: ⌊(300 + 2·0 − 1·(2−1) − 1)/2⌋ + 1 = 150", "no parameters"),
        (MaxPool(ceil_mode=True), "Output height: ⌈(300 + 2·0 − 1·(2−1) − 1)/2⌉ + 1 = 150", "no parameters"),
        (Activation(), None, "no parameters, nothing to multiply"),
        (Luminance(), None, "405 k mult-adds · 0 parameters"),
        (layer_of(channels="all"), "Output height: ⌊(300 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 300", "28 parameters"),
    ],
)
def test_every_kind_has_its_numbers(
    inspector: Inspector, layer: Layer, formula: str | None, cost: str
) -> None:
    inspector.show_layer(layer, COLOUR)
    assert visible(inspector, "formula-card") == (formula is not None)
    if formula is not None:
        line = inspector.findChild(QLabel, "formula-height")
        assert line is not None
        assert line.accessibleName() == formula
    assert cost in text_of(inspector, "cost")


def test_a_result_of_a_kind_with_one_way_has_a_time(inspector: Inspector) -> None:
    result = result_of(Activation())
    inspector.show_layer(Activation(), COLOUR)
    inspector.show_result(result)
    assert text_of(inspector, "algorithm") == duration(result.seconds)
    conv = result_of(layer_of())
    inspector.show_layer(layer_of(), COLOUR)
    inspector.show_result(conv)
    assert text_of(inspector, "algorithm") == f"{conv.algorithm} · {duration(conv.seconds)}"
    assert result_facts(conv).plan is conv.plan


def test_the_photo_has_facts_and_no_form(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), (1, 2, 2))
    inspector.show_photo(random_picture(name="mine.png"))
    assert text_of(inspector, "inspector-title") == "PHOTO"
    said = "\n".join(label.text() for label in inspector.findChildren(QLabel) if label.isVisible())
    assert "24" in said
    assert "32" in said
    for name in ("top", "formula-card", "cost-card", "result-card", "inspector-problem", "inspector-repair"):
        assert not visible(inspector, name), name
    assert not [each for each in inspector.findChildren(QWidget, "param-form") if each.isVisible()]
    inspector.show_layer(layer_of(), COLOUR)
    assert inspector.form.isVisible()
    assert visible(inspector, "formula-card")


def test_what_does_not_fit_can_be_repaired_with_a_click(inspector: Inspector) -> None:
    asked: list[object] = []
    inspector.repair_requested.connect(asked.append)
    layer = layer_of(7, padding="valid")
    inspector.show_layer(layer, (3, 5, 50))
    repair = layer.repair((3, 5, 50))
    assert repair is not None
    button = inspector.findChild(QPushButton, "inspector-repair")
    assert button is not None
    assert button.isVisible()
    assert button.text() == repair.text
    button.click()
    assert asked == [repair]
    inspector.show_layer(layer.replace(**repair.changes), (3, 5, 50))
    assert not button.isVisible()
    assert text_of(inspector, "inspector-problem") == ""


def test_an_unpooling_without_its_pooling_asks_for_one(inspector: Inspector) -> None:
    inspector.show_layer(MaxUnpool(), COLOUR)
    assert "needs the max pooling" in text_of(inspector, "inspector-problem")
    assert visible(inspector, "inspector-repair")
    inspector.show_layer(MaxUnpool(), (3, 150, 225), mate=Mate(MaxPool(), COLOUR))
    assert text_of(inspector, "inspector-problem") == ""
    assert not visible(inspector, "inspector-repair")


def test_filters_for_other_channels_are_said_and_not_the_paddings_fault(inspector: Inspector) -> None:
    kernels = (Kernel.custom([[1.0]]),) * 3
    inspector.show_layer(Conv(Bank((Filter(kernels),)), channels="all"), (4, 30, 30))
    assert "kernels for 3 channels, but 4 come in" in text_of(inspector, "inspector-problem")
    assert inspector.form.field("padding").problem() == ""
    assert not visible(inspector, "cost-card")


def test_where_nothing_comes_in_the_form_stays_open(inspector: Inspector) -> None:
    inspector.show_layer(layer_of(), COLOUR)
    inspector.show_layer(layer_of(), None)
    assert "a layer above does not fit" in text_of(inspector, "inspector-problem")
    assert not visible(inspector, "formula-card")
    assert not visible(inspector, "inspector-repair")
    assert inspector.form.field("stride").isEnabled()
    inspector.show_failure("Another sentence.")
    assert "a layer above" in text_of(inspector, "inspector-problem"), "what is said stays"


def test_a_layer_that_is_switched_off_cannot_be_wrong(inspector: Inspector) -> None:
    for layer, shape in (
        (layer_of(7, padding="valid"), (3, 5, 50)),
        (MaxUnpool(), COLOUR),
        (layer_of(), None),
    ):
        inspector.show_layer(layer, shape, enabled=False)
        for name in ("inspector-problem", "inspector-repair", "formula-card", "cost-card", "result-card"):
            assert not visible(inspector, name), (layer.kind, name)
        assert all(inspector.form.field(name).problem() == "" for name in inspector.form.names())
    inspector.show_layer(layer_of(), COLOUR)
    inspector.show_result(result_of(layer_of()))
    assert visible(inspector, "result-card")
    inspector.show_layer(layer_of(), COLOUR, enabled=False)
    inspector.show_result(result_of(layer_of(), enabled=False))
    for name in ("formula-card", "cost-card", "result-card"):
        assert not visible(inspector, name), name


def test_a_bias_beyond_the_fields_range_is_shown_as_it_is(inspector: Inspector) -> None:
    """A bank from a file may have any: what is shown must not be another number."""
    for bias in (5000.0, -1e6, 0.5):
        inspector.show_layer(layer_of(), COLOUR, bias=bias)
        field = inspector.form.field("bias")
        assert isinstance(field, FloatField)
        assert field.value() == field.spin.value() == bias
        assert field.spin.maximum() == max(1000.0, bias), "but no more can be entered"
