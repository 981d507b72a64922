"""The panels in the window ask for the selected layer, its filters and their kernels, and show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels import PRESETS, Bank, Kernel, preset
from convstudio.layers import Activation, Conv, Layer, Luminance, MaxPool
from convstudio.model import PHOTO
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import (
    LAYER,
    conv_of,
    kernel_of,
    part,
    random_picture,
    settle,
    shown_values,
    text_of,
)


def numbered(count: int) -> Bank:
    """Filters of one cell: the first multiplies by 1, the second by 2…"""
    return Bank.of(*(Kernel.custom([[float(n + 1)]]) for n in range(count)))


def show(window: MainWindow, qtbot: QtBot, *layers: Layer, channels: int = 3) -> None:
    """Put layers under a small picture; the last of them is selected."""
    window.session.set_picture(random_picture(channels))
    for item in window.session.project.layers:
        window.control.edits.delete(item.id)
    window.control.edits.add(layers, PHOTO)
    settle(qtbot, window)


def choose(window: MainWindow, name: str, row: int) -> None:
    part(window, QComboBox, name).setCurrentIndex(row)


def shown(window: MainWindow) -> tuple[float, float]:
    """The first weight in the editor, and the bias in the form."""
    bias = window.inspector.form.field("bias").value()
    assert isinstance(bias, float)
    return float(window.editor.kernel().values[0, 0]), bias


def kernels(window: MainWindow, index: int = 0) -> list[float]:
    return [float(kernel.values[0, 0]) for kernel in conv_of(window).bank.filters[index].kernels]


# --- which filter ---


@pytest.mark.parametrize("channels", ["each", "all"])
def test_the_filter_of_the_shown_channel_is_edited(window: MainWindow, qtbot: QtBot, channels: str) -> None:
    show(window, qtbot, Conv(numbered(4), channels=channels))
    for channel in range(4 if channels == "all" else 12):
        window.session.set_channel(channel)
        settle(qtbot, window)
        index = channel % 4
        assert shown(window)[0] == index + 1
        assert window.control.target() == (index, None)
        assert part(window, QComboBox, "filter-choice").currentIndex() == index


def test_choosing_a_filter_shows_what_it_makes(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(4), channels="all"))
    before = window.session.undo_text
    choose(window, "filter-choice", 2)
    settle(qtbot, window)
    assert shown(window)[0] == 3.0
    assert window.session.evaluation is not None
    assert window.session.evaluation.channel == 2
    assert window.session.undo_text == before, "looking around is no step"


def test_choosing_a_filter_keeps_the_colour_that_is_shown(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2)))
    window.session.set_channel(5)  # the second filter over blue
    settle(qtbot, window)
    choose(window, "filter-choice", 0)
    settle(qtbot, window)
    assert window.session.evaluation is not None
    assert window.session.evaluation.channel == 4
    assert shown(window)[0] == 1.0


def test_a_channel_beyond_the_last_is_the_last(window: MainWindow, qtbot: QtBot) -> None:
    """What is edited is what is shown, after filters were taken away too."""
    show(window, qtbot, Conv(numbered(3)))
    window.session.set_channel(8)
    part(window, QSpinBox, "filter-count").setValue(2)
    settle(qtbot, window)
    assert window.session.evaluation is not None
    assert window.session.evaluation.channel == 5
    assert shown(window)[0] == 2.0
    choose(window, "filter-choice", 0)
    settle(qtbot, window)
    assert window.session.evaluation.channel == 4


def test_while_all_colours_are_shown_a_filter_can_be_chosen(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(3), channels="all"))
    assert window.session.project.look.channel is None
    assert shown(window)[0] == 1.0
    choose(window, "filter-choice", 2)
    window.session.set_channel(None)
    settle(qtbot, window)
    assert shown(window)[0] == 3.0, "the one that was looked at last"
    window.control.edits.add([Conv(numbered(3), channels="all")])
    settle(qtbot, window)
    assert shown(window)[0] == 1.0, "but that was of another layer"


def test_the_first_of_many_channels_is_the_first_filters(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(3), channels="all"))
    choose(window, "filter-choice", 2)
    window.session.set_channel(None)
    window.session.set_param(LAYER, "bank", numbered(8))
    settle(qtbot, window)
    assert window.session.evaluation is not None
    assert window.session.evaluation.channel == 0
    assert shown(window)[0] == 1.0


def test_a_kernel_edit_is_of_the_shown_filter(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(3), channels="all"))
    choose(window, "filter-choice", 1)
    window.editor.edited.emit(Kernel.custom([[9.0]]), "")
    assert [kernels(window, index) for index in range(3)] == [[1.0], [9.0], [3.0]]
    assert shown(window)[0] == 9.0
    window.session.undo()
    assert shown(window)[0] == 2.0
    assert part(window, QComboBox, "filter-choice").currentIndex() == 1
    window.actions_table["preset-gaussian"].trigger()
    assert kernel_of(window, 1) == preset("gaussian").make()
    window.actions_table["kernel-negate"].trigger()
    np.testing.assert_allclose(kernel_of(window, 1).values, -preset("gaussian").make().values)
    assert [kernels(window, index) for index in (0, 2)] == [[1.0], [3.0]]
    settle(qtbot, window)


def test_a_bias_is_of_the_shown_filter(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(3), channels="all"))
    choose(window, "filter-choice", 1)
    window.inspector.edited.emit("bias", 0.5)
    assert [each.bias for each in conv_of(window).bank.filters] == [0.0, 0.5, 0.0]
    assert shown(window) == (2.0, 0.5)
    choose(window, "filter-choice", 0)
    assert shown(window) == (1.0, 0.0)
    settle(qtbot, window)
    total = window.session.project.picture.values.sum(axis=0)
    np.testing.assert_allclose(shown_values(window)[1], 2 * total + 0.5, atol=1e-5)


# --- over which channel ---


def test_one_input_channel_gets_a_kernel_of_its_own(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2), channels="all"))
    choose(window, "filter-choice", 1)
    box = part(window, QComboBox, "filter-input")
    assert [box.itemText(row) for row in range(4)] == ["all channels", "red", "green", "blue"]
    assert box.currentIndex() == 0
    choose(window, "filter-input", 2)
    assert window.control.target() == (1, 1)
    window.editor.edited.emit(Kernel.custom([[9.0]]), "")
    assert kernels(window, 1) == [2.0, 9.0, 2.0]
    assert kernels(window, 0) == [1.0]
    settle(qtbot, window)
    values = window.session.project.picture.values
    np.testing.assert_allclose(
        shown_values(window)[1], 2 * values[0] + 9 * values[1] + 2 * values[2], atol=1e-5
    )
    for row, weight in ((1, 2.0), (2, 9.0), (3, 2.0)):
        choose(window, "filter-input", row)
        assert shown(window)[0] == weight
    choose(window, "filter-input", 0)
    window.editor.edited.emit(Kernel.custom([[4.0]]), "")
    assert kernels(window, 1) == [4.0], "under all channels it becomes the kernel of every one"
    for _ in range(2):
        window.session.undo()
    assert kernels(window, 1) == [2.0]
    settle(qtbot, window)


def test_a_filter_with_kernels_of_its_own_shows_one_of_them(window: MainWindow, qtbot: QtBot) -> None:
    """Not "all channels": an edit there would throw the others away unasked."""
    show(window, qtbot, Conv(numbered(1), channels="all"))
    window.session.set_kernel(LAYER, Kernel.custom([[9.0]]), channel=2)
    assert window.control.target() == (0, 0)
    assert part(window, QComboBox, "filter-input").currentText() == "red"
    window.editor.edited.emit(Kernel.custom([[5.0]]), "")
    assert kernels(window) == [5.0, 1.0, 9.0]
    settle(qtbot, window)


def test_each_alone_shows_the_kernel_of_the_shown_colour(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(1)))
    for channel in range(3):
        window.session.set_kernel(LAYER, Kernel.custom([[5.0 + channel]]), channel=channel)
    for channel in range(3):
        window.session.set_channel(channel)
        settle(qtbot, window)
        assert shown(window)[0] == 5.0 + channel
        assert window.control.target() == (0, channel)


def test_input_channels_follow_what_comes_in(window: MainWindow, qtbot: QtBot) -> None:
    def offered() -> list[str]:
        box = part(window, QComboBox, "filter-input")
        return [box.itemText(row) for row in range(box.count())] if box.isVisible() else []

    show(window, qtbot, Luminance(), Conv(numbered(2), channels="all"), Conv(numbered(4), channels="all"))
    assert offered() == ["all channels", "channel 0", "channel 1"]
    window.session.select(LAYER)
    assert offered() == [], "a single channel comes in"
    window.session.select("conv-2")
    window.session.set_param("conv-2", "channels", "grouped")
    assert offered() == [], "one of two channels in each group"
    window.session.set_param("conv-2", "groups", 1)
    assert offered() == ["all channels", "channel 0 of the group", "channel 1 of the group"]
    settle(qtbot, window)


# --- how many ---


def test_the_number_of_filters_is_set_and_undone(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2), channels="all"))
    count = part(window, QSpinBox, "filter-count")
    assert count.value() == 2
    count.setValue(5)
    assert [kernels(window, n) for n in range(5)] == [[1.0], [2.0], [2.0], [2.0], [2.0]]
    settle(qtbot, window)
    assert shown_values(window).shape[0] == 5
    assert window.session.undo_text == "number of filters"
    window.session.undo()
    assert count.value() == 2
    settle(qtbot, window)
    assert shown_values(window).shape[0] == 2


# --- layers ---


def test_the_panels_follow_the_selected_layer(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2), channels="all"), MaxPool(), Activation(), Conv())
    titles = {
        LAYER: "CONVOLUTION LAYER",
        "max_pool-1": "MAX POOLING LAYER",
        "activation-1": "ACTIVATION LAYER",
        PHOTO: "PHOTO",
        "conv-2": "CONVOLUTION LAYER",
    }
    for layer_id, title in titles.items():
        window.session.select(layer_id)
        settle(qtbot, window)
        assert text_of(window, "inspector-title") == title
        has_kernel = layer_id in (LAYER, "conv-2")
        assert part(window, QWidget, "filter-bar").isVisible() == has_kernel
        assert window.editor.isVisible() == has_kernel
        assert window.actions_table["preset-gaussian"].isEnabled() == has_kernel
        assert window.actions_table["layer-delete"].isEnabled() == (layer_id != PHOTO)
        header = part(window, QWidget, "output-header").accessibleDescription()
        item = window.session.project.shown
        assert header.startswith(window.session.project.picture.name if item is None else item.title)


def test_without_kernels_a_kernel_action_changes_nothing(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(), MaxPool())
    before = window.session.project
    for edit in (
        lambda: window.editor.edited.emit(PRESETS["mean"].make(), ""),
        lambda: window.filters.filter_chosen.emit(1),
        lambda: window.filters.input_chosen.emit(1),
        lambda: window.filters.count_chosen.emit(4),
    ):
        edit()
        assert window.session.project == before
    window.session.select(PHOTO)
    before = window.session.project
    window.inspector.edited.emit("bias", 0.5)
    assert window.session.project == before
    assert window.control.target() == (0, None)
    settle(qtbot, window)


def test_a_misfit_is_said_and_repaired_from_the_inspector(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2), channels="all"), Luminance(), Activation())
    assert "2 channels come in, which are no colours" in window.message_bar.text()
    assert window.message_bar.text().startswith(Luminance().name()), "it is not the selected layer's fault"
    assert "a layer above does not fit" in text_of(window, "inspector-problem")
    window.session.select("luminance-1")
    settle(qtbot, window)
    assert "no colours" in text_of(window, "inspector-problem")
    part(window, QPushButton, "inspector-repair").click()
    settle(qtbot, window)
    assert text_of(window, "inspector-problem") == ""
    assert not window.message_bar.isVisible()
    window.session.select("activation-1")
    settle(qtbot, window)
    assert shown_values(window).shape[0] == 1


def test_a_failing_layer_below_is_on_its_card_and_leaves_the_rest(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv(numbered(2), channels="all"), Luminance(), Activation())
    window.session.select(LAYER)
    settle(qtbot, window)
    assert not window.message_bar.isVisible()
    assert shown_values(window).shape[0] == 2
    assert text_of(window, "readout-proof")
    problem = window.findChild(QLabel, "card-luminance-1-problem")
    assert problem is not None
    assert "no colours" in problem.text()
    window.session.undo()
    settle(qtbot, window)


def actions(window: MainWindow, names: Sequence[str]) -> None:
    for name in names:
        window.actions_table[name].trigger()


def test_layers_are_added_moved_and_deleted_by_actions(window: MainWindow, qtbot: QtBot) -> None:
    def order() -> list[str]:
        return [item.id for item in window.session.project.layers]

    show(window, qtbot, Conv())
    actions(window, ["add-activation", "add-max_pool"])
    assert order() == [LAYER, "activation-1", "max_pool-1"]
    actions(window, ["layer-up", "layer-up", "layer-up"])
    assert order() == ["max_pool-1", LAYER, "activation-1"]
    actions(window, ["select-below", "layer-duplicate", "layer-switch"])
    assert order() == ["max_pool-1", LAYER, "conv-2", "activation-1"]
    assert not window.session.project.item("conv-2").enabled
    actions(window, ["layer-delete"])
    assert order() == ["max_pool-1", LAYER, "activation-1"]
    assert window.session.project.selected == "activation-1"
    actions(window, ["select-above"] * 9)
    assert window.session.project.selected == PHOTO
    settle(qtbot, window)
    assert not window.message_bar.isVisible()


def test_the_last_layer_can_be_deleted_and_another_added(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot, Conv())
    actions(window, ["layer-delete"])
    settle(qtbot, window)
    assert window.session.project.selected == PHOTO
    np.testing.assert_array_equal(shown_values(window), window.session.project.picture.values)
    actions(window, ["add-conv"])
    settle(qtbot, window)
    assert window.session.project.selected == LAYER
    assert text_of(window, f"card-{LAYER}-proof") == "✓"
