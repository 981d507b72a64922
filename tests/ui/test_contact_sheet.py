"""The contact sheet, and the dialogs that lead to files of maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.core import Cancelled, Control
from convstudio.session.map_export import MapExporter
from convstudio.session.settings import Settings
from convstudio.ui.contact_sheet import MOST_PIXELS, SHEET_BOX, draw_sheet, sheet_box
from convstudio.ui.feature_maps import FeatureMapsPanel
from convstudio.ui.map_exchange import MapExchange
from tests.ui.map_hands import evaluated, maps_of


def random_values(
    channels: int, height: int = 40, width: int = 60
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((channels, height, width)).astype(np.float32)


def find(
    sheet: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> tuple[int, int] | None:
    """Return where a map's pixels (blue, green, red, 255) stand on a sheet, exactly."""
    wanted = np.ascontiguousarray(pixels[:, :, 2::-1])
    apart = cv2.matchTemplate(sheet, wanted, cv2.TM_SQDIFF)
    least, _, (x, y), _ = cv2.minMaxLoc(apart)
    if least > 1e4 or not np.array_equal(sheet[y : y + wanted.shape[0], x : x + wanted.shape[1]], wanted):
        return None
    return y, x


@pytest.mark.parametrize("shared", [False, True])
def test_every_map_stands_on_the_sheet_in_order(qapp: object, shared: bool) -> None:
    maps = maps_of(random_values(5), shared=shared, box=(100, 160))
    order = (3, 0, 4, 1, 2)
    sheet = draw_sheet("Lesson", maps, order)
    places = [find(sheet, maps.pixels[channel]) for channel in order]
    assert None not in places
    assert places == sorted(places, key=lambda at: at or (0, 0))
    assert (sheet[:8] == 255).all()  # a margin


def test_title_and_labels_are_written(qapp: object) -> None:
    maps = maps_of(random_values(2), box=(100, 160))
    one = draw_sheet("Lesson", maps, (0, 1))
    other = draw_sheet("Another lesson", maps, (0, 1))
    y, _ = find(one, maps.pixels[0]) or (0, 0)
    assert (one[: y - 40] != other[: y - 40]).any()
    assert (one[y:] == other[y:]).all()
    assert (one[y + maps.pixels.shape[1] + 2 :] < 128).any()  # dark words under the maps


@pytest.mark.parametrize("shape", [(1, 1, 1), (512, 3, 3), (3, 1, 900), (3, 900, 1)])
def test_maps_of_any_shape_make_a_sheet(qapp: object, shape: tuple[int, int, int]) -> None:
    box = sheet_box(shape)
    maps = maps_of(random_values(*shape), box=box, channel=0 if shape[0] > 1 else None)
    sheet = draw_sheet("Lesson", maps, tuple(range(shape[0])))
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] * sheet.shape[1] <= MOST_PIXELS


def test_a_sheet_of_many_maps_is_bounded(qapp: object) -> None:
    assert sheet_box((8, 1080, 1920)) == SHEET_BOX
    box = sheet_box((512, 240, 320))
    assert box < SHEET_BOX
    maps = maps_of(np.zeros((512, 240, 320), np.float32), box=box)
    sheet = draw_sheet("Lesson", maps, tuple(range(512)))
    assert sheet.shape[0] * sheet.shape[1] <= MOST_PIXELS


def test_drawing_a_sheet_can_be_cancelled(qapp: object) -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        draw_sheet("Lesson", maps_of(random_values(2)), (0, 1), control)


# --- dialogs ---


class Desk:
    def __init__(self, parent: QWidget, folder: Path) -> None:
        self.parent = parent
        self.panel = FeatureMapsPanel(parent)
        self.exporter = MapExporter(parent)
        self.settings = Settings(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
        self.settings.last_folder = str(folder)
        self.exchange = MapExchange(self.panel, self.exporter, self.settings, lambda: "noise", parent)
        self.messages: list[str] = []
        self.exporter.message.connect(lambda text, _level: self.messages.append(text))


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    made = Desk(parent, tmp_path)
    made.panel.show_result(evaluated(3))
    yield made
    made.exporter.close()


@pytest.mark.parametrize(
    ("kind", "name"), [("pictures", "noise_00_sobel-x.png"), ("sheet", "a.png"), ("values", "a.npy")]
)
def test_a_dialog_leads_to_the_files(desk: Desk, qtbot: QtBot, tmp_path: Path, kind: str, name: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    desk.panel.export_requested.emit(kind)
    dialog = desk.parent.findChild(QFileDialog, f"export-{kind}-dialog")
    assert dialog is not None
    dialog.fileSelected.emit(str(folder if kind == "pictures" else folder / "a"))
    dialog.close()
    qtbot.waitUntil(lambda: not desk.exporter.busy)
    assert name in {each.name for each in folder.iterdir()}
    assert desk.messages[0].startswith("Saved")
    assert desk.settings.last_folder == str(folder)


@pytest.mark.parametrize("answer", ["overwrite-replace", ""])
def test_what_is_there_is_replaced_only_after_a_yes(
    desk: Desk, qtbot: QtBot, tmp_path: Path, answer: str
) -> None:
    path = tmp_path / "a.npy"
    path.write_text("precious")
    desk.exchange.export("values", path)
    qtbot.waitUntil(lambda: desk.parent.findChild(QMessageBox, "overwrite-question") is not None)
    box = desk.parent.findChild(QMessageBox, "overwrite-question")
    assert box is not None
    assert "a.npy" in box.text()
    if answer:
        button = box.findChild(QPushButton, answer)
        assert button is not None
        button.click()
    else:
        box.reject()
    qtbot.waitUntil(lambda: not desk.exporter.busy)
    assert (path.read_bytes() == b"precious") is not bool(answer)
    qtbot.waitUntil(lambda: desk.parent.findChild(QMessageBox, "overwrite-question") is None)


def test_without_maps_it_says_so(desk: Desk) -> None:
    desk.panel.show_nothing("No result.")
    desk.panel.export_requested.emit("sheet")
    assert desk.messages == ["There are no maps to export yet."]
