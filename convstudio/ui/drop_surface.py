"""A navigable widget that files and pictures can be dropped on."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
)
from PySide6.QtWidgets import QWidget

from convstudio.ui import view_overlay
from convstudio.ui.navigation import NavigableWidget
from convstudio.ui.theme import theme_of
from convstudio.ui.viewport import Viewport


class DropSurface(NavigableWidget):
    """Takes local files, or else picture data, and asks for its context menu."""

    files_dropped = Signal(list)  # of pathlib.Path
    image_dropped = Signal(QImage)
    menu_requested = Signal(QPoint)  # in global coordinates

    def __init__(self, viewport: Viewport, parent: QWidget | None = None) -> None:
        super().__init__(viewport, parent)
        self.setAcceptDrops(True)
        self._dropping = False

    def paint_state(self, painter: QPainter) -> None:
        """Draw that something can be dropped here, and that the keyboard speaks to this widget."""
        if self._dropping:
            view_overlay.drop_highlight(painter, self.rect(), "Drop to open", theme_of(self), self.font())
        if self.shows_focus:
            view_overlay.focus_frame(painter, self.rect(), theme_of(self))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_requested.emit(event.globalPos())
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _files(event.mimeData()) or event.mimeData().hasImage():
            event.acceptProposedAction()
            self._show_dropping(True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self._show_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_dropping(False)
        files = _files(event.mimeData())
        image = event.mimeData().imageData() if event.mimeData().hasImage() else None
        if files:
            self.files_dropped.emit(files)
        elif isinstance(image, QImage) and not image.isNull():
            self.image_dropped.emit(image)
        else:
            return
        event.acceptProposedAction()

    def _show_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.update()


def _files(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
