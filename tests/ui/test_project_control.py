"""Projects in the whole window: saved and opened again, unsaved changes, work brought back after a crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from convstudio.io.cv import encode_png
from convstudio.kernels.banks import BANKS
from convstudio.layers import Activation, Conv, MaxPool
from convstudio.session.settings import Settings
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import part, settle, text_of


def make_window(qtbot: QtBot, folder: Path) -> MainWindow:
    """Show a window that keeps its work safe, as the program does."""
    store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    window = MainWindow(Settings(store), size=(1300, 800), recovery=folder / "recovery")
    window.show()
    qtbot.waitExposed(window)
    settle(qtbot, window)
    return window


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = make_window(qtbot, tmp_path)
    yield window
    window.projects.asks = False
    window.close()
    window.deleteLater()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    path = tmp_path / "holiday.png"
    path.write_bytes(encode_png(pixels))
    return path


def wait(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.busy, timeout=15000)


def build(qtbot: QtBot, window: MainWindow, photo: Path) -> None:
    """Do what a teacher does: eight kernels, ReLU, pooling, another convolution."""
    window.exchange.open_path(photo)
    wait(qtbot, window)
    edits = window.control.edits
    edits.set_bank("conv-1", BANKS["classic"].make(), channels="all")
    edits.add([Activation(), MaxPool(), Conv(bank=BANKS["random"].make(8, count=4), channels="all")])
    edits.rename("conv-2", "Mixing")
    window.session.set_bias("conv-1", 0.25, 2)
    window.session.select("max_pool-1")
    window.session.set_channel(3)
    wait(qtbot, window)


@pytest.mark.parametrize("embed", [True, False], ids=["picture inside", "picture beside"])
def test_the_stack_is_there_again_next_week(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, photo: Path, embed: bool
) -> None:
    build(qtbot, window, photo)
    window.projects.embed(embed)
    window.centre.maps.set_grid(True)
    evaluation = window.session.evaluation
    assert evaluation is not None
    before, output = window.session.project, evaluation.output.copy()
    path = tmp_path / "lesson.convstudio"
    window.projects.files.save(path)
    wait(qtbot, window)
    assert "lesson.convstudio" in window.windowTitle()
    assert not window.isWindowModified()
    if not embed:
        assert json.loads(path.read_text("utf-8"))["format"] == "convstudio"
    window.projects.new()
    wait(qtbot, window)
    window.centre.maps.set_grid(False)
    assert len(window.session.project.layers) == 1
    window.exchange.open_path(path)
    wait(qtbot, window)
    project = window.session.project
    assert project.layers == before.layers
    assert project.selected == "max_pool-1"
    np.testing.assert_array_equal(project.picture.values, before.picture.values)
    evaluation = window.session.evaluation
    assert evaluation is not None
    np.testing.assert_array_equal(evaluation.output, output)
    assert window.centre.maps.is_grid
    assert window.session.undo_text is None
    assert not window.projects.files.dirty


def test_unsaved_changes_are_marked_and_asked_about_once(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, photo: Path
) -> None:
    window.projects.files.save(tmp_path / "a.convstudio")
    wait(qtbot, window)
    assert not window.isWindowModified()
    window.session.set_param("conv-1", "stride", (2, 2))
    assert window.isWindowModified()
    window.session.select("photo")  # looking around is no change
    assert not window.close()
    box = part(window, QMessageBox, "unsaved-changes")
    assert "a.convstudio" in box.text()
    assert not window.close()
    assert len(window.findChildren(QMessageBox, "unsaved-changes")) == 1
    box.button(QMessageBox.StandardButton.Cancel).click()
    assert window.isVisible()
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "unsaved-changes") is None)
    window.close()
    part(window, QMessageBox, "unsaved-changes").button(QMessageBox.StandardButton.Save).click()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=15000)
    assert '"stride": [2, 2]' in _document(tmp_path / "a.convstudio")


def _document(path: Path) -> str:
    import zipfile

    if zipfile.is_zipfile(path):
        return zipfile.ZipFile(path).read("project.json").decode()
    return path.read_text("utf-8")


def test_giving_up_the_changes_closes_at_once(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_param("conv-1", "stride", (2, 2))
    window.close()
    part(window, QMessageBox, "unsaved-changes").button(QMessageBox.StandardButton.Discard).click()
    qtbot.waitUntil(lambda: not window.isVisible())


def test_a_file_that_is_no_project_changes_nothing(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    before = window.session.project
    (tmp_path / "broken.convstudio").write_text('{"format": "convstudio", "version": 999}')
    window.exchange.open_path(tmp_path / "broken.convstudio")
    wait(qtbot, window)
    assert "broken.convstudio" in text_of(window, "message-text")
    assert window.session.project is before


def test_a_picture_that_is_gone_is_told_and_its_place_is_kept(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, photo: Path
) -> None:
    build(qtbot, window, photo)
    window.projects.embed(False)
    path = tmp_path / "lesson.convstudio"
    window.projects.files.save(path)
    wait(qtbot, window)
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(photo, away / "holiday.png")
    window.projects.new()
    wait(qtbot, window)
    window.projects.open(path)
    wait(qtbot, window)
    assert "holiday.png" in text_of(window, "message-text")
    assert len(window.session.project.layers) == 4
    window.session.set_param("max_pool-1", "window", (3, 3))
    window.projects.save()
    wait(qtbot, window)
    shutil.move(away / "holiday.png", photo)
    window.projects.open(path)
    wait(qtbot, window)
    assert window.session.project.picture.shape == (3, 24, 32)
    assert window.session.project.picture.path is not None


def test_a_picture_deleted_while_the_project_is_open_is_not_lost(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, photo: Path
) -> None:
    build(qtbot, window, photo)
    window.projects.embed(False)
    values = window.session.project.picture.values.copy()
    photo.unlink()
    window.projects.files.save(tmp_path / "kept.convstudio")
    wait(qtbot, window)
    window.projects.new()
    window.projects.open(tmp_path / "kept.convstudio")
    wait(qtbot, window)
    np.testing.assert_array_equal(window.session.project.picture.values, values)


_CRASH = """
import os, sys
from pathlib import Path
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from convstudio import cpu
cpu.tune()
from convstudio.app import make_application
app = make_application()
from PySide6.QtCore import QSettings
from convstudio.session.settings import Settings
from convstudio.ui.main_window import MainWindow
folder = Path(sys.argv[1])
store = QSettings(str(folder / "other.ini"), QSettings.Format.IniFormat)
window = MainWindow(Settings(store), size=(1300, 800), recovery=folder / "recovery")
window.session.set_param("conv-1", "stride", (3, 3))
window.projects.files.autosave()
while not list((folder / "recovery").glob("*.convstudio")):
    app.processEvents()
os._exit(1)  # as a crash: nothing is closed
"""


def test_work_is_offered_back_after_a_crash(qtbot: QtBot, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, "-c", _CRASH, str(tmp_path)], env=environment, timeout=60, check=False)
    window = make_window(qtbot, tmp_path)
    qtbot.waitUntil(lambda: "kept safe" in text_of(window, "message-text"))
    qtbot.mouseClick(part(window, QPushButton, "message-action"), Qt.MouseButton.LeftButton)
    wait(qtbot, window)
    layer = window.session.project.layer("conv-1")
    assert isinstance(layer, Conv)
    assert layer.stride == (3, 3)
    assert window.projects.files.dirty
    window.projects.asks = False
    window.close()
    assert not list((tmp_path / "recovery").glob("*.convstudio"))
    window.deleteLater()


def test_a_signal_to_end_asks_nothing_and_keeps_the_work_safe(qtbot: QtBot, tmp_path: Path) -> None:
    window = make_window(qtbot, tmp_path)
    window.session.set_param("conv-1", "stride", (2, 2))
    window.projects.set_interrupted(True)
    assert window.close()
    window.deleteLater()
    again = make_window(qtbot, tmp_path)
    qtbot.waitUntil(lambda: "kept safe" in text_of(again, "message-text"))
    again.close()
    again.deleteLater()


@pytest.mark.parametrize(
    ("action", "dialog"), [("save-project-as", "save-project-dialog"), ("open", "open-dialog")]
)
def test_the_menu_opens_dialogs(window: MainWindow, action: str, dialog: str) -> None:
    window.actions_table[action].trigger()
    part(window, QFileDialog, dialog).reject()


def test_the_menu_of_unsaved_work_says_that_there_is_none(window: MainWindow) -> None:
    menu = window.actions_table.menu("File/Unsaved Work")
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()] == ["There is none"]
