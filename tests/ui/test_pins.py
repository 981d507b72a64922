"""Pinned cells and compared maps in the whole window: what a deep cell sees, and where maps lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from pytestqt.qtbot import QtBot

from convstudio.engine.stack_facts import stack_facts
from convstudio.kernels.banks import BANKS
from convstudio.layers import Activation, Conv, MaxPool, Upsample
from convstudio.ui.card_parts import CardLine
from convstudio.ui.compare_view import CompareView
from convstudio.ui.image_view import ImageView
from convstudio.ui.main_window import MainWindow
from convstudio.ui.pin_control import axes_on_input
from tests.ui.window_hands import open_window, part, random_picture, settle


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = open_window(qtbot, tmp_path / "settings.ini")
    window.session.set_picture(random_picture(3, 40, 48))
    bank = BANKS["random"].make(3, count=4)
    window.control.edits.set_bank("conv-1", bank, channels="all")
    window.control.edits.add([Activation(), MaxPool(), Conv(bank=BANKS["random"].make(4), channels="all")])
    settle(qtbot, window)
    yield window
    window.close()


def view(window: MainWindow, name: str) -> ImageView:
    return part(window, ImageView, name)


def test_a_click_on_a_deep_cell_shows_its_window_on_the_photo(window: MainWindow, qtbot: QtBot) -> None:
    output = view(window, "output-view")
    place = output.cell_rect(9, 11).center().toPoint()
    qtbot.mouseClick(output, Qt.MouseButton.LeftButton, pos=place)
    assert window.views.link.pin == (9, 11)
    # Two 3×3 around a 2×2 pooling: r = 8, j = 2; the first cell's window begins at -3.
    boxes = window.tools.receptive.boxes()
    assert boxes["photo"] == QRect(11 * 2 - 3, 9 * 2 - 3, 8, 8)
    shown = view(window, "input-view").picture
    assert shown is not None
    assert shown.values is window.session.project.picture.values
    qtbot.mouseClick(output, Qt.MouseButton.LeftButton, pos=place)
    assert window.views.link.pin is None
    back = view(window, "input-view").picture
    assert back is not None
    assert back.values.shape == (4, 20, 24)


def test_enter_pins_arrows_move_and_escape_drops(window: MainWindow, qtbot: QtBot) -> None:
    output = view(window, "output-view")
    output.setFocus()
    qtbot.keyClick(output, Qt.Key.Key_Return)
    assert window.views.link.pin == (10, 12)
    qtbot.keyClick(output, Qt.Key.Key_Up)
    qtbot.keyClick(output, Qt.Key.Key_Right)
    assert window.views.link.pin == (9, 13)
    for _ in range(30):
        qtbot.keyClick(output, Qt.Key.Key_Left)
    assert window.views.link.pin == (9, 0)
    qtbot.keyClick(output, Qt.Key.Key_Escape)
    assert window.views.link.pin is None


def test_a_pin_stays_while_the_same_layer_changes_and_goes_with_another(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.views.link.cell_pinned.emit(19, 23)
    window.session.set_param("conv-2", "dilation", (2, 2))
    settle(qtbot, window)
    assert window.views.link.pin == (19, 23)
    assert window.tools.receptive.boxes()["photo"].width() == 12  # r = 4 + (3 − 1)·2·2
    window.session.set_param("conv-2", "stride", (2, 2))  # no such cell any more
    settle(qtbot, window)
    assert window.views.link.pin is None
    window.views.link.cell_pinned.emit(1, 1)
    window.session.select("activation-1")
    settle(qtbot, window)
    assert window.views.link.pin is None


def test_the_cell_that_won_is_marked_on_the_input(window: MainWindow, qtbot: QtBot) -> None:
    window.session.select("max_pool-1")
    window.session.set_channel(2)
    settle(qtbot, window)
    said: list[str] = []
    window.views.cursor_moved.connect(said.append)
    window.views.link.hover_output(3, 5)
    evaluation = window.session.evaluation
    assert evaluation is not None
    block = evaluation.source[2, 6:8, 10:12]
    row, column = np.unravel_index(block.argmax(), (2, 2))
    assert said[-1].endswith(f"won by x {10 + column}  y {6 + row}")
    window.views.link.hover_nothing()


def test_any_two_maps_are_compared_where_they_lie_on_the_photo(window: MainWindow, qtbot: QtBot) -> None:
    window.session.select("conv-2")
    window.centre.maps.compare_requested.emit("conv-1", 1)
    settle(qtbot, window)
    both = part(window, CompareView, "compare-view")
    assert both.isVisible()
    sides = both._pictures
    assert sides is not None
    evaluation = window.session.evaluation
    assert evaluation is not None
    first = evaluation.result("conv-1")
    assert first is not None
    assert sides[0].values is first.output
    assert sides[0].channel == 1
    # conv-2's input is half as large: two cells of conv-1 on each of its cells, the first two on cell 0.
    assert (sides[0].rows.pitch, sides[0].rows.origin) == (0.5, -0.25)
    assert sides[0].extent == sides[1].extent
    assert not window.session.undo_text or "compar" not in window.session.undo_text
    window.centre.maps.compare_cleared.emit()
    assert window.session.project.compared is None


def test_axes_between_levels_agree_in_both_directions(window: MainWindow, qtbot: QtBot) -> None:
    window.control.edits.add([Upsample()])
    settle(qtbot, window)
    project = window.session.project
    facts = stack_facts(project)
    rows, _ = axes_on_input(project, facts, "conv-1", "upsample-1")
    assert (rows.pitch, rows.origin) == (0.5, -0.25)
    rows, _ = axes_on_input(project, facts, "upsample-1", "conv-1")
    assert (rows.pitch, rows.origin) == (1.0, 0.0)  # enlarged again: cells as large as the photo's


def test_deleting_the_compared_layer_ends_the_comparison(window: MainWindow, qtbot: QtBot) -> None:
    window.centre.maps.compare_requested.emit("conv-1", 0)
    window.control.edits.delete("conv-1")
    settle(qtbot, window)
    assert window.session.project.compared is None


def test_the_photo_s_channels_are_looked_at_too(window: MainWindow, qtbot: QtBot) -> None:
    window.session.select("photo")
    settle(qtbot, window)
    window.centre.maps.channel_chosen.emit(1)
    settle(qtbot, window)
    shown = view(window, "output-view").picture
    assert shown is not None
    assert shown.channel == 1
    np.testing.assert_array_equal(shown.pixels[..., 0], shown.pixels[..., 2])  # grey
    window.session.select("conv-2")
    settle(qtbot, window)
    assert window.session.project.look.channel is None


def test_a_pin_lies_on_the_result_that_is_shown_while_a_drag_goes_on(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.views.link.cell_pinned.emit(19, 23)
    shown = window.session.evaluation
    assert shown is not None
    window.session.set_param("conv-2", "stride", (4, 4))  # asked for, not there yet: no cell (19, 23) then
    window.tools.show_result(shown)
    assert window.views.link.pin == (19, 23)
    settle(qtbot, window)
    assert window.views.link.pin is None


def test_every_card_tells_size_jump_and_start(window: MainWindow) -> None:
    for layer_id, words in (
        ("conv-1", "RF 3 j1 s−1"),
        ("activation-1", "RF 3 j1 s−1"),
        ("max_pool-1", "RF 4 j2 s−1"),
        ("conv-2", "RF 8 j2 s−3"),
    ):
        line = part(window, CardLine, f"card-{layer_id}-facts")
        assert line.fitting().startswith(words)
