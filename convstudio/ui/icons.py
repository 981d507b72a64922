"""The program's icons: line drawings from ``resources/icons``, in any colour, sharp at any size and scale."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from convstudio.io.resources import resource_path

_PLACEHOLDER = "currentColor"  # what the drawings name as their colour
_DISABLED_OPACITY = 0.35


def icon(name: str, colour: str) -> QIcon:
    """Return an icon, ``colour`` as ``#rrggbb``; when disabled it is drawn faint.

    Raises:
        FileNotFoundError: there is no drawing of that name.
    """
    return QIcon(_LineIcon(_drawing(name, colour)))


def app_icon() -> QIcon:
    """Return the program's own icon; its colours are its own in every theme."""
    return QIcon(_LineIcon(_drawing("convstudio", "#000000")))


@lru_cache(maxsize=256)
def _drawing(name: str, colour: str) -> bytes:
    text = resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")
    return text.replace(_PLACEHOLDER, colour).encode("utf-8")


class _LineIcon(QIconEngine):
    """Draws the vector image anew for each size that is asked for, so nothing is ever scaled up."""

    def __init__(self, svg: bytes) -> None:
        super().__init__()
        self._svg = svg
        self._renderer = QSvgRenderer(QByteArray(svg))

    def clone(self) -> QIconEngine:
        return _LineIcon(self._svg)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if mode == QIcon.Mode.Disabled:
            painter.setOpacity(painter.opacity() * _DISABLED_OPACITY)
        self._renderer.render(painter, square)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:  # noqa: ARG002
        # Qt gives the size in device pixels and sets the scale on the result itself.
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return QPixmap.fromImage(image)
