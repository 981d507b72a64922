"""A lesson as a teacher gives it: a small stack built by mouse or by keyboard, and its numbers by SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from scipy import ndimage

from convstudio.io.cv import encode_png
from convstudio.layers import BankLayer
from convstudio.ui.image_view import ImageView
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import open_window, part, settle

LEFT = Qt.MouseButton.LeftButton
KINDS = ["conv-1", "activation-1", "max_pool-1", "conv-2"]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    pixels = np.random.default_rng(3).integers(0, 256, (36, 44, 3), np.uint8)
    (tmp_path / "photo.png").write_bytes(encode_png(pixels))
    window = open_window(qtbot, tmp_path / "settings.ini")
    window.exchange.open_path(tmp_path / "photo.png")
    settle(qtbot, window)
    yield window
    window.close()


def wait(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.busy, timeout=15000)
    QApplication.processEvents()


def by_mouse(qtbot: QtBot, window: MainWindow) -> None:
    """Eight kernels from the banks, then ReLU, pooling and another convolution from the gallery."""
    qtbot.mouseClick(part(window, QPushButton, "filter-bank"), LEFT)
    banks = part(window, QListWidget, "bank-list")
    banks.setCurrentRow(
        [banks.item(row).text() for row in range(banks.count())].index("Eight classic filters")
    )
    qtbot.mouseClick(part(window, QPushButton, "bank-use"), LEFT)
    wait(qtbot, window)
    for words in ("relu", "max pooling", "convolution"):
        qtbot.mouseClick(part(window, QPushButton, "add-layer"), LEFT)
        search = part(window, QLineEdit, "gallery-search")
        qtbot.keyClicks(search, words)
        view = part(window, QWidget, "gallery-list")
        row = view.visualRect(view.currentIndex()).center()  # type: ignore[attr-defined]
        qtbot.mouseClick(view.viewport(), LEFT, pos=row)  # type: ignore[attr-defined]
        wait(qtbot, window)


def by_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    """The same with keys alone."""
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_L, control | shift)
    banks = part(window, QListWidget, "bank-list")
    qtbot.keyClick(banks, Qt.Key.Key_Down)
    qtbot.keyClick(banks, Qt.Key.Key_Return)
    wait(qtbot, window)
    for words in ("relu", "max pooling", "convolution"):
        window.activateWindow()  # which a desktop does by itself once a popup is closed
        qtbot.waitUntil(window.isActiveWindow)
        QTest.keyClick(window, Qt.Key.Key_A, control | shift)
        search = part(window, QLineEdit, "gallery-search")
        qtbot.keyClicks(search, words)
        qtbot.keyClick(search, Qt.Key.Key_Return)
        wait(qtbot, window)


def scipys(x: np.ndarray, layer: BankLayer) -> np.ndarray:
    """What SciPy makes of a convolution with mirrored borders that adds its channels up or keeps them."""
    made = []
    for each in layer.bank.filters:
        parts = [ndimage.correlate(plane, each.kernel(c).values, mode="mirror") for c, plane in enumerate(x)]
        made.append(np.sum(parts, axis=0) + each.bias if layer.channels == "all" else np.array(parts))
    return np.array(made) if layer.channels == "all" else np.concatenate(made)


@pytest.mark.parametrize("build", [by_mouse, by_keyboard])
def test_the_lesson(window: MainWindow, qtbot: QtBot, build: object) -> None:
    assert callable(build)
    build(qtbot, window)
    project = window.session.project
    assert [item.id for item in project.layers] == KINDS
    evaluation = window.session.evaluation
    assert evaluation is not None
    x = project.picture.values.astype(np.float64)
    first, last = project.bank_layer("conv-1"), project.bank_layer("conv-2")
    assert first.channels == "all"
    maps = scipys(x, first)
    rectified = np.maximum(maps, 0.0)
    pooled = rectified.reshape(8, 18, 2, 22, 2).max(axis=(2, 4))
    for result, expected in zip(
        evaluation.layers, (maps, rectified, pooled, scipys(pooled, last)), strict=True
    ):
        np.testing.assert_allclose(result.output, expected, atol=2e-5 * np.abs(expected).max())
    # Every map is in the strip, and a click opens it in the main view with the number of its cells.
    window.session.select("max_pool-1")
    wait(qtbot, window)
    window.centre.maps.channel_chosen.emit(4)
    wait(qtbot, window)
    output = part(window, ImageView, "output-view")
    read = float(output.value_text(7, 9).replace("−", "-"))
    assert read == pytest.approx(pooled[4, 7, 9], rel=1e-3)
    maps_shown = window.centre.maps.maps
    assert maps_shown is not None
    np.testing.assert_allclose(maps_shown.stats.mean, pooled.mean(axis=(1, 2)), rtol=1e-4)
    shown = evaluation.layers[2].output  # where single precision ends in a zero, it does
    np.testing.assert_allclose(maps_shown.stats.zeros, (shown == 0).mean(axis=(1, 2)))
    # Undone to the beginning and done again, nothing is lost.
    while window.session.undo_text is not None and "opening" not in window.session.undo_text:
        window.session.undo()
    assert len(window.session.project.layers) == 1
    while window.session.redo_text is not None:
        window.session.redo()
    assert [item.id for item in window.session.project.layers] == KINDS
