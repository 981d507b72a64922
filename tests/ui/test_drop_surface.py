"""Dropping files and pictures on a view."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QImage
from pytestqt.qtbot import QtBot

from convstudio.ui.drop_surface import DropSurface
from convstudio.ui.image_view import ImageView
from convstudio.ui.viewport import Viewport


@pytest.fixture
def view(qtbot: QtBot) -> DropSurface:
    made = ImageView(Viewport())
    made.viewport.setParent(made)
    qtbot.addWidget(made)
    return made


def drop(view: DropSurface, data: QMimeData) -> QDropEvent:
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.setAccepted(False)
    view.dropEvent(event)
    return event


def test_dropped_files_are_told_as_paths(qtbot: QtBot, view: DropSurface) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/a b/ü.png"), QUrl("https://example.org/x.png")])
    with qtbot.waitSignal(view.files_dropped) as told:
        assert drop(view, data).isAccepted()
    assert told.args == [[Path("/a b/ü.png")]]


def test_a_dropped_picture_is_told_and_text_is_not_taken(qtbot: QtBot, view: DropSurface) -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    data = QMimeData()
    data.setImageData(image)
    with qtbot.waitSignal(view.image_dropped) as told:
        drop(view, data)
    assert told.args is not None
    assert told.args[0].size() == image.size()
    text = QMimeData()
    text.setText("no picture")
    assert not drop(view, text).isAccepted()
