"""Feature maps out of the window: pictures, a sheet, numbers, and what is there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render_rgb
from convstudio.kernels.banks import BANKS
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import open_window, part, random_picture, settle, text_of


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = open_window(qtbot, tmp_path / "settings.ini")
    window.session.set_picture(random_picture(3, 20, 24, name="my photo.png"))
    window.control.edits.set_bank("conv-1", BANKS["random"].make(3, count=4), channels="all")
    settle(qtbot, window)
    qtbot.waitUntil(lambda: not window.tools.busy)
    yield window
    window.close()


def wait(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.map_exchange.busy)


def output(window: MainWindow) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
    evaluation = window.session.evaluation
    assert evaluation is not None
    return evaluation.output


def test_every_map_is_written_as_it_is_shown(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.map_exchange.export("pictures", tmp_path / "maps")
    wait(qtbot, window)
    if not (tmp_path / "maps").exists():  # folders are chosen, not made
        (tmp_path / "maps").mkdir()
        window.map_exchange.export("pictures", tmp_path / "maps")
        wait(qtbot, window)
    files = sorted((tmp_path / "maps").iterdir())
    assert [f.name for f in files] == [f"my-photo_0{k}_random-{k}.png" for k in range(4)]
    expected = render_rgb(output(window), "signed", channel=2)
    image = QImage(str(files[2])).convertToFormat(QImage.Format.Format_RGB888)
    got = np.frombuffer(image.constBits(), np.uint8).reshape(20, image.bytesPerLine())[:, : 24 * 3]
    np.testing.assert_array_equal(got.reshape(20, 24, 3), expected)


def test_the_numbers_are_the_result(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.map_exchange.export("values", tmp_path / "maps.npy")
    wait(qtbot, window)
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy", allow_pickle=False), output(window))


def test_a_sheet_is_one_picture_of_all_maps(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.map_exchange.export("sheet", tmp_path / "sheet.png")
    wait(qtbot, window)
    assert QImage(str(tmp_path / "sheet.png")).width() > 2 * 24


def test_what_is_there_already_is_replaced_only_when_asked(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    taken = tmp_path / "my-photo_01_random-1.png"
    taken.write_bytes(b"mine")
    window.map_exchange.export("pictures", tmp_path)
    wait(qtbot, window)
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "overwrite-maps") is not None)
    box = part(window, QMessageBox, "overwrite-maps")
    assert taken.name in box.text()
    assert taken.read_bytes() == b"mine"
    assert len(list(tmp_path.glob("*.png"))) == 1
    box.button(QMessageBox.StandardButton.Yes).click()
    wait(qtbot, window)
    assert len(list(tmp_path.glob("*.png"))) == 4
    assert taken.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_not_there_is_told(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.map_exchange.export("values", tmp_path / "none" / "maps.npy")
    wait(qtbot, window)
    qtbot.waitUntil(lambda: text_of(window, "message-text") != "")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["pictures", "sheet", "values"])
def test_the_menu_asks_where(window: MainWindow, kind: str) -> None:
    window.centre.maps.export_requested.emit(kind)
    part(window, QFileDialog, "export-maps-dialog").reject()
