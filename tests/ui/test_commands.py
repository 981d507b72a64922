"""Menus, shortcuts, clipboard and the action finder: every action is declared well and does what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QAction, QGuiApplication, QImage, QKeySequence
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QFileDialog,
    QMenu,
    QMessageBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from convstudio.io.images import load_picture
from convstudio.kernels import PRESETS, Kernel
from convstudio.ui.fact_table import FactTable
from convstudio.ui.image_view import ImageView
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import (
    LAYER,
    conv_of,
    files,
    kernel_of,
    open_window,
    part,
    random_picture,
    settle,
    shown_pixels,
    shown_values,
)

CTRL = Qt.KeyboardModifier.ControlModifier


def press(qtbot: QtBot, widget: QWidget, key: Qt.Key, keys: Qt.KeyboardModifier = CTRL) -> None:
    """Press a key where the focus is, as a hand does: shortcuts have their turn first."""
    widget.setFocus()
    QApplication.processEvents()
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key, keys)


def test_every_action_has_a_name_a_text_and_teaches(window: MainWindow) -> None:
    actions = window.actions_table.all()
    assert len(actions) > 50
    twice = [name for name, count in Counter(each.objectName() for each in actions).items() if count > 1]
    assert twice == []
    for action in actions:
        assert action.objectName()
        assert action.text(), action.objectName()
        assert action.toolTip(), action.objectName()
        assert action.toolTip() != action.text(), action.objectName()
        assert action.statusTip().endswith((".", "?", "!")), action.objectName()
        assert action.property("menuPath"), action.objectName()
        shortcut = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        assert shortcut in action.toolTip(), action.objectName()


def test_no_two_actions_share_a_shortcut(window: MainWindow) -> None:
    keys = Counter(
        sequence.toString() for action in window.findChildren(QAction) for sequence in action.shortcuts()
    )
    assert [name for name, count in keys.items() if count > 1] == []


def test_menus_offer_every_action_once(window: MainWindow) -> None:
    def leaves(menu: QMenu) -> list[QAction]:
        found = []
        for action in menu.actions():
            inner = action.menu()
            found += leaves(inner) if isinstance(inner, QMenu) else [action]
        return found

    menus = [action.menu() for action in window.menuBar().actions()]
    offered = Counter(each.objectName() for menu in menus if isinstance(menu, QMenu) for each in leaves(menu))
    for action in window.actions_table.all():
        assert offered[action.objectName()] == 1, action.objectName()


def test_every_menu_opens_with_alt_and_a_letter_of_its_own(window: MainWindow) -> None:
    mnemonics = [QKeySequence.mnemonic(each.text()).toString() for each in window.menuBar().actions()]
    assert mnemonics == ["Alt+F", "Alt+E", "Alt+L", "Alt+K", "Alt+V", "Alt+T", "Alt+H"]


def test_a_preset_is_chosen_by_its_action(window: MainWindow, qtbot: QtBot) -> None:
    for name in ("gaussian", "emboss", "gabor"):
        window.actions_table[f"preset-{name}"].trigger()
        assert kernel_of(window) == PRESETS[name].make()
        assert window.editor.kernel() == PRESETS[name].make()
        settle(qtbot, window)
        window.session.undo()
        assert window.editor.kernel().preset == "sobel-x"
        settle(qtbot, window)


def test_transforms_fork_and_leave_what_they_do_not_change(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["kernel-transpose"].trigger()
    kernel = kernel_of(window)
    np.testing.assert_array_equal(kernel.values, PRESETS["sobel-y"].make().values)
    assert kernel.preset is None
    assert "Sobel" in kernel.title
    window.actions_table["preset-gaussian"].trigger()
    window.actions_table["kernel-transpose"].trigger()
    assert kernel_of(window).preset == "gaussian"
    settle(qtbot, window)


def test_the_view_menu_follows_the_view(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["view-minmax"].trigger()
    settle(qtbot, window)
    assert window.session.project.look.view == "minmax"
    window.session.undo()
    assert window.actions_table["view-signed"].isChecked()
    assert not window.actions_table["view-minmax"].isChecked()
    settle(qtbot, window)


# --- undo and redo ---


def test_undo_says_what_it_takes_back_and_why_it_is_off(window: MainWindow, qtbot: QtBot) -> None:
    undo, redo = window.actions_table["undo"], window.actions_table["redo"]
    assert not undo.isEnabled()
    assert not redo.isEnabled()
    assert "changed" in undo.property("whyDisabled")
    assert redo.property("whyDisabled")
    window.session.set_param(LAYER, "stride", (2, 2))
    assert undo.isEnabled()
    assert undo.text() == "Undo stride"
    assert not undo.property("whyDisabled")
    undo.trigger()
    assert redo.text() == "Redo stride"
    assert not undo.isEnabled()
    settle(qtbot, window)


def test_an_ampersand_in_a_name_stays(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.session.set_picture(random_picture(name="salt & pepper.png"))
    assert window.actions_table["undo"].text() == "Undo opening salt && pepper.png"
    window.settings.add_recent(tmp_path / "salt & pepper.png")
    assert window.actions_table.menu("File/Open Recent").actions()[0].text() == "salt && pepper.png"
    settle(qtbot, window)


@pytest.mark.parametrize(
    "focus", ["kernel-grid", "output-view", "param-stride-vertical", "param-bias-control"]
)
def test_undo_works_wherever_the_focus_is(window: MainWindow, qtbot: QtBot, focus: str) -> None:
    window.session.set_kernel(LAYER, Kernel.custom(np.ones((3, 3))))
    settle(qtbot, window)
    widget = part(window, QWidget, focus)
    press(qtbot, widget, Qt.Key.Key_Z)
    assert kernel_of(window).preset == "sobel-x"
    press(qtbot, widget, Qt.Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert kernel_of(window).preset is None
    settle(qtbot, window)


def test_a_stepped_field_is_undone_from_itself(window: MainWindow, qtbot: QtBot) -> None:
    field = part(window, QAbstractSpinBox, "param-stride-vertical")
    press(qtbot, field, Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier)
    assert conv_of(window).stride != (1, 1)
    press(qtbot, field, Qt.Key.Key_Z)
    assert conv_of(window).stride == (1, 1)
    settle(qtbot, window)


# --- clipboard ---


def test_copy_in_the_grid_takes_the_kernel_and_elsewhere_the_result(window: MainWindow, qtbot: QtBot) -> None:
    clipboard = QGuiApplication.clipboard()
    press(qtbot, part(window, QWidget, "kernel-grid"), Qt.Key.Key_C)
    assert clipboard.text().split() == ["-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]
    assert not clipboard.mimeData().hasImage()
    press(qtbot, part(window, QWidget, "output-view"), Qt.Key.Key_C)
    image = clipboard.image().convertToFormat(QImage.Format.Format_RGB32)
    pixels = shown_pixels(window)
    assert (image.height(), image.width()) == pixels.shape[:2]
    for y, x in ((0, 0), (7, 91), (200, 300)):
        blue, green, red = (int(v) for v in pixels[y, x, :3])
        assert image.pixelColor(x, y).getRgb()[:3] == (red, green, blue)


def test_copy_in_a_table_takes_the_table(window: MainWindow, qtbot: QtBot) -> None:
    table = part(window, FactTable, "receptive-table")
    assert table.isVisible()
    press(qtbot, table, Qt.Key.Key_C)
    clipboard = QGuiApplication.clipboard()
    assert not clipboard.mimeData().hasImage()
    assert clipboard.text() == table.text() != ""


def test_paste_in_the_grid_takes_a_kernel_and_elsewhere_a_picture(window: MainWindow, qtbot: QtBot) -> None:
    data = QMimeData()
    data.setText("1\t2\n3\t4")
    image = QImage(6, 5, QImage.Format.Format_RGB32)
    image.fill(0xFF804020)
    data.setImageData(image)
    QGuiApplication.clipboard().setMimeData(data)
    press(qtbot, part(window, QWidget, "kernel-grid"), Qt.Key.Key_V)
    np.testing.assert_array_equal(kernel_of(window).values, [[1, 2], [3, 4]])
    assert window.session.project.picture.name != "pasted picture"
    press(qtbot, part(window, QWidget, "input-view"), Qt.Key.Key_V)
    settle(qtbot, window)
    values = window.session.project.picture.values
    assert values.shape == (3, 5, 6)
    np.testing.assert_allclose(values[:, 2, 3] * 255.0, [0x80, 0x40, 0x20], atol=1e-3)
    assert kernel_of(window).shape == (2, 2)


def write_png(path: Path) -> Path:
    path.write_bytes(cv2.imencode(".png", np.full((4, 7), 99, np.uint8))[1].tobytes())
    return path


def test_a_copied_file_is_pasted(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    QGuiApplication.clipboard().setMimeData(files(write_png(tmp_path / "copied.png")))
    window.actions_table["paste"].trigger()
    settle(qtbot, window)
    assert window.session.project.picture.name == "copied.png"
    assert shown_values(window).shape == (1, 4, 7)


@pytest.mark.parametrize("text", ["", "only words"])
def test_nothing_to_paste_is_said(window: MainWindow, text: str) -> None:
    QGuiApplication.clipboard().clear()
    if text:
        QGuiApplication.clipboard().setText(text)
    before = window.session.project
    window.actions_table["paste"].trigger()
    assert window.session.project is before
    assert window.message_bar.level() == "warning"
    assert "no picture" in window.message_bar.text()


def test_what_needs_a_result_is_off_without_one(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_picture(random_picture(1, 2, 2))
    window.session.set_param(LAYER, "padding", "valid")
    settle(qtbot, window)
    for name in ("copy", "prove"):
        assert not window.actions_table[name].isEnabled()
        assert window.actions_table[name].property("whyDisabled")
    window.session.undo()
    settle(qtbot, window)
    for name in ("copy", "prove"):
        assert window.actions_table[name].isEnabled()
        assert not window.actions_table[name].property("whyDisabled")


# --- files ---


def test_opened_files_are_recent_and_bundled_ones_are_not(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    menu = window.actions_table.menu("File/Open Recent")
    assert not menu.isEnabled()
    window.session.open_sample("noise")
    settle(qtbot, window)
    assert window.settings.recent == []
    path = write_png(tmp_path / "mine.png")
    window.session.open_path(path)
    settle(qtbot, window)
    assert window.settings.recent == [path]
    assert menu.isEnabled()
    window.session.undo()
    settle(qtbot, window)
    action = menu.actions()[0]
    assert (action.text(), action.toolTip()) == ("mine.png", str(path))
    assert action.objectName()
    action.trigger()
    settle(qtbot, window)
    assert window.session.project.picture.name == "mine.png"
    part(window, QAction, "forget-recent").trigger()
    assert window.settings.recent == []
    assert not menu.isEnabled()


def test_a_recent_file_that_is_gone_leaves_the_list(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    here, gone = write_png(tmp_path / "here.png"), tmp_path / "gone.png"
    window.settings.add_recent(here)
    window.settings.add_recent(gone)
    window.actions_table.menu("File/Open Recent").actions()[0].trigger()
    settle(qtbot, window)
    assert window.message_bar.level() == "error"
    assert "gone.png" in window.message_bar.text()
    assert window.settings.recent == [here]


def test_files_of_the_same_name_are_told_apart(window: MainWindow, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        window.settings.add_recent(tmp_path / folder / "same.png")
    first, second = (each.text() for each in window.actions_table.menu("File/Open Recent").actions()[:2])
    assert first != second


def test_the_chosen_form_is_the_one_that_is_saved(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    window.session.set_picture(random_picture(name="r.jpg"))
    window.session.set_view("absolute")
    window.settings.last_folder = str(folder)
    settle(qtbot, window)
    for chosen, name in enumerate(("r-sobel-x.png", "r-sobel-x.png", "r-sobel-x.tif", "r-sobel-x.npy")):
        window.actions_table["save"].trigger()
        (dialog,) = (each for each in window.findChildren(QFileDialog) if each.isVisible())
        kind = dialog.nameFilters()[chosen]
        dialog.selectNameFilter(kind)
        dialog.filterSelected.emit(kind)  # as a click in the list of forms does
        dialog.accept()
        settle(qtbot, window)
        assert [each.name for each in folder.iterdir()] == [name]
        saved = load_picture(folder / name)
        if chosen < 2:
            assert saved.source_depth == ("8-bit", "16-bit")[chosen]
        else:
            np.testing.assert_array_equal(saved.values, shown_values(window))
        assert name in window.message_bar.text()
        (folder / name).unlink()


def test_opening_asks_in_the_folder_of_last_time(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = write_png(tmp_path / "mine.png")
    window.actions_table["open"].trigger()
    dialog = part(window, QFileDialog, "open-dialog")
    dialog.fileSelected.emit(str(path))
    dialog.close()
    settle(qtbot, window)
    assert window.session.project.picture.name == "mine.png"
    window.actions_table["open"].trigger()
    QApplication.processEvents()
    dialogs = [each for each in window.findChildren(QFileDialog) if each.isVisible()]
    assert Path(dialogs[0].directory().path()) == tmp_path
    dialogs[0].close()


# --- the finder and the rest ---


def test_the_finder_runs_an_action_and_remembers_it(undressed: None, qtbot: QtBot, tmp_path: Path) -> None:
    window = open_window(qtbot, tmp_path / "finder.ini")
    press(qtbot, part(window, QWidget, "output-view"), Qt.Key.Key_K)
    assert window.finder.isVisible()
    qtbot.keyClicks(part(window.finder, QWidget, "finder-query"), "gaussian")
    assert window.finder.found()
    first = window.finder.found()[0]
    qtbot.keyClick(part(window.finder, QWidget, "finder-query"), Qt.Key.Key_Return)
    assert not window.finder.isVisible()
    assert kernel_of(window).title.startswith(first.split()[0])
    settle(qtbot, window)
    used = window.finder.recent()
    window.close()
    again = open_window(qtbot, tmp_path / "finder.ini")
    assert again.finder.recent() == used
    again.actions_table["find-action"].trigger()
    assert again.finder.found()[0] == first
    again.finder.close()
    again.close()


def test_zooming_by_keys(window: MainWindow, qtbot: QtBot) -> None:
    view = part(window, ImageView, "output-view")
    press(qtbot, view, Qt.Key.Key_1)
    zoom = next(each for each in window.findChildren(QToolButton, "zoom-button") if each.isVisible())
    assert zoom.text().startswith("100%")
    press(qtbot, view, Qt.Key.Key_Plus)
    assert zoom.text().startswith("150%")
    press(qtbot, view, Qt.Key.Key_Minus)
    assert zoom.text().startswith("100%")
    press(qtbot, view, Qt.Key.Key_0)
    assert zoom.text().startswith("fit")


def test_full_screen_and_back(window: MainWindow, qtbot: QtBot) -> None:
    action = window.actions_table["full-screen"]
    action.trigger()
    assert window.isFullScreen()
    assert action.isChecked()
    window.showNormal()  # as the window manager may
    QApplication.processEvents()
    assert not action.isChecked()
    action.trigger()
    assert window.isFullScreen()
    action.trigger()
    assert not window.isFullScreen()


def test_the_about_box_goes_when_it_is_closed(window: MainWindow, qtbot: QtBot) -> None:
    for _ in range(2):
        window.actions_table["about"].trigger()
        part(window, QMessageBox, "about").close()
        qtbot.waitUntil(lambda: not window.findChildren(QMessageBox))


def test_a_reset_leaves_the_kernel(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_param(LAYER, "stride", (2, 2))
    window.session.set_kernel(LAYER, Kernel.custom(np.ones((3, 3))))
    window.actions_table["reset-parameters"].trigger()
    assert conv_of(window).stride == (1, 1)
    assert kernel_of(window) == Kernel.custom(np.ones((3, 3)))
    settle(qtbot, window)
