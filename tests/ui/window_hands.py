"""Hands for tests of the whole window."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.model import Picture
from convstudio.session.settings import Settings
from convstudio.ui.image_view import ImageView
from convstudio.ui.main_window import MainWindow

LAYER = "conv-1"
W = TypeVar("W", bound=QObject)


def random_picture(channels: int = 3, height: int = 24, width: int = 32, name: str = "random") -> Picture:
    rng = np.random.default_rng(channels * height * width)
    return Picture(rng.random((channels, height, width), dtype=np.float32), name)


def open_window(qtbot: QtBot, store: Path, size: tuple[int, int] | None = (1440, 900)) -> MainWindow:
    """Show the window with settings in a file of their own, and wait for its first proven result."""
    window = MainWindow(Settings(QSettings(str(store), QSettings.Format.IniFormat)), size=size)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    settle(qtbot, window)
    return window


def settle(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until nothing is computed, proven, loaded or saved any more."""
    qtbot.waitUntil(lambda: not window.session.busy)
    QApplication.processEvents()


def part(window: QObject, kind: type[W], name: str) -> W:
    """Return the descendant of this kind and object name."""
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def text_of(window: QWidget, name: str) -> str:
    """Return what a label says, nothing if it is hidden."""
    label = part(window, QLabel, name)
    return label.text() if label.isVisible() else ""


def proofs(window: MainWindow) -> list[str]:
    """Return what the three places say that show the proof: status bar, inspector, layer card."""
    return [text_of(window, name) for name in ("readout-proof", "proof", f"card-{LAYER}-proof")]


def conv_of(window: MainWindow, layer_id: str = LAYER) -> Conv:
    """Return a layer that is known to be a convolution."""
    layer = window.session.project.layer(layer_id)
    assert isinstance(layer, Conv)
    return layer


def kernel_of(window: MainWindow, index: int = 0, channel: int | None = None) -> Kernel:
    """Return the kernel of a filter of the first convolution."""
    return conv_of(window).bank.filters[index].kernel(channel)


def shown_values(window: MainWindow) -> np.ndarray[Any, Any]:
    """Return the numbers behind the output view."""
    picture = part(window, ImageView, "output-view").picture
    assert picture is not None
    return picture.values


def shown_pixels(window: MainWindow) -> np.ndarray[Any, Any]:
    picture = part(window, ImageView, "output-view").picture
    assert picture is not None
    return picture.pixels


def files(*paths: Path) -> QMimeData:
    """Return what a file manager puts on the clipboard or into a drag."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drop(widget: QWidget, data: QMimeData) -> bool:
    """Drag data onto the middle of a widget and let it go, as the window system does; whether it is taken.

    Qt hands a drag to the widget under the cursor and, where that takes no drops, to its parents.
    """
    target: QWidget | None = widget
    while target is not None and not target.acceptDrops():
        target = target.parentWidget()
    if target is None:
        return False
    where: QPoint = target.rect().center()
    actions, button, keys = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with warnings.catch_warnings():
        # PySide 6.12 calls the only public constructor deprecated that takes whole pixels, as Qt 6.8 has it.
        warnings.simplefilter("ignore", DeprecationWarning)
        enter = QDragEnterEvent(where, actions, data, button, keys)
    enter.setAccepted(False)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(where), actions, data, button, keys)
    QApplication.sendEvent(target, event)
    return event.isAccepted()
