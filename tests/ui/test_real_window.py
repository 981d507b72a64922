"""The window on a real display, by keys and mouse alone, in the order a user would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.ui.image_view import ImageView
from convstudio.ui.kernel_grid import KernelGrid
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import (
    drop,
    files,
    kernel_of,
    open_window,
    part,
    settle,
    shown_values,
    text_of,
)

pytestmark = pytest.mark.window

CTRL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)


def press(window: MainWindow, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
    """Press a key on the window, which hands it to whatever has the focus."""
    handle = (QApplication.activePopupWidget() or window).windowHandle()
    assert handle is not None
    QTest.keyClick(handle, key, keys)
    QApplication.processEvents()


def type_text(window: MainWindow, text: str) -> None:
    handle = (QApplication.activePopupWidget() or window).windowHandle()
    assert handle is not None
    for letter in text:
        QTest.keyClick(handle, letter)
    QApplication.processEvents()


def click(window: MainWindow, widget: QWidget, x: float, y: float) -> None:
    """Click at a position of a widget through the window's own surface."""
    handle = window.windowHandle()
    assert handle is not None
    where = widget.mapTo(window, widget.rect().topLeft()) + QPoint(round(x), round(y))
    QTest.mouseClick(handle, Qt.MouseButton.LeftButton, NONE, where)
    QApplication.processEvents()


@pytest.fixture
def real(undressed: None, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    if QGuiApplication.platformName() == "offscreen":
        pytest.skip("needs a display: make test gives it one")
    window = open_window(qtbot, tmp_path / "settings.ini", (1366, 708))
    qtbot.waitActive(window)
    yield window
    window.close()


def test_from_a_dropped_file_to_an_edited_kernel_and_back(
    real: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "mine.png"
    pixels = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    assert drop(part(real, QWidget, "input-view"), files(path))
    settle(qtbot, real)
    assert "mine.png" in real.windowTitle()

    grid = part(real, KernelGrid, "kernel-grid")
    middle = grid.cells().rect((1, 1)).center()
    click(real, grid, middle.x(), middle.y())
    assert QApplication.focusWidget() is grid
    type_text(real, "1/4")
    press(real, Qt.Key.Key_Return)
    settle(qtbot, real)
    weights = np.array([[-1, 0, 1], [-2, 0.25, 2], [-1, 0, 1]])
    np.testing.assert_allclose(kernel_of(real).values, weights)
    planes = pixels[:, :, ::-1].transpose(2, 0, 1) / 255.0
    expected = [ndimage.correlate(plane, weights, mode="mirror") for plane in planes]
    np.testing.assert_allclose(shown_values(real), expected, atol=1e-5)
    assert "matches SciPy" in text_of(real, "readout-proof")

    press(real, Qt.Key.Key_Z, CTRL)
    settle(qtbot, real)
    assert kernel_of(real).preset == "sobel-x"
    press(real, Qt.Key.Key_Z, CTRL | SHIFT)
    assert kernel_of(real).values[1, 1] == 0.25
    press(real, Qt.Key.Key_Z, CTRL)
    press(real, Qt.Key.Key_Z, CTRL)
    settle(qtbot, real)
    assert "mine.png" not in real.windowTitle()
    assert shown_values(real).shape == real.session.project.picture.shape
    assert not real.message_bar.isVisible()


def test_any_action_is_found_by_its_name(real: MainWindow, qtbot: QtBot) -> None:
    press(real, Qt.Key.Key_K, CTRL)
    qtbot.waitUntil(real.finder.isVisible)
    type_text(real, "laplac")
    assert real.finder.found()
    press(real, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not real.finder.isVisible())
    settle(qtbot, real)
    assert (kernel_of(real).preset or "").startswith("laplacian")
    press(real, Qt.Key.Key_K, CTRL)
    qtbot.waitUntil(real.finder.isVisible)
    press(real, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not real.finder.isVisible())
    assert (kernel_of(real).preset or "").startswith("laplacian")


def test_tab_reaches_every_panel_and_comes_round(real: MainWindow, qtbot: QtBot) -> None:
    reached: list[str] = []
    panels: set[str] = set()
    for _ in range(200):
        press(real, Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        assert widget is not None
        assert widget.isVisible()
        parent: QWidget | None = widget
        while parent is not None:
            panels.add(parent.objectName())
            parent = parent.parentWidget()
        if reached and widget.objectName() == reached[0] and len(set(reached)) > 10:
            break
        reached.append(widget.objectName())
    else:
        pytest.fail(f"Tab never comes round: {reached[-12:]}")
    assert {"sidebar", "input-view", "output-view", "kernel-editor", "inspector"} <= panels
    assert all(reached), "what has the focus has a name"


def test_the_wheel_zooms_both_views_and_hover_reads_both(real: MainWindow, qtbot: QtBot) -> None:
    before, after = part(real, ImageView, "input-view"), part(real, ImageView, "output-view")
    handle = real.windowHandle()
    assert handle is not None
    place = after.mapTo(real, after.rect().center())
    QTest.mouseMove(handle, place)
    qtbot.waitUntil(lambda: "→" in text_of(real, "readout-cursor"))
    fitted = before.cell_rect(0, 0).x()
    QTest.wheelEvent(handle, place.toPointF(), QPoint(0, 1200))
    assert before.cell_rect(0, 0).x() != fitted
    assert before.cell_rect(10, 10).width() == pytest.approx(after.cell_rect(10, 10).width(), abs=1.1)
    real.grab()


def test_closing_leaves_nothing(real: MainWindow, qtbot: QtBot) -> None:
    real.session.open_sample("zone-plate")
    press(real, Qt.Key.Key_Q, CTRL)
    assert not real.isVisible()
    names = [each.name for each in threading.enumerate()]
    assert [n for n in names if n.startswith("convstudio-") and not n.startswith("convstudio-core")] == []
    assert not [each for each in QApplication.topLevelWidgets() if isinstance(each, QMessageBox)]
