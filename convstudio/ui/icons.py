"""The program's icons: line drawings from ``resources/icons``, in any colour, drawn for each usual size."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from convstudio.io.resources import resource_path

_PLACEHOLDER = "currentColor"  # what the drawings name as their colour
_DISABLED_OPACITY = 0.35
# Every size is rendered from the drawing, so that 16, 20 and 24 pixels stay crisp on screens of 1 and 2
# times the scale. (An icon engine written in Python would draw any size, but Qt destroys it under the
# feet of Python when an icon is copied and changed.)
_SIZES = (16, 20, 24, 32, 40, 48)
_APP_SIZES = (16, 20, 24, 32, 48, 64, 128, 256)


def icon(name: str, colour: str) -> QIcon:
    """Return an icon, ``colour`` as ``#rrggbb``; when disabled it is drawn faint.

    Raises:
        FileNotFoundError: there is no drawing of that name.
    """
    renderer = QSvgRenderer(QByteArray(_drawing(name).replace(_PLACEHOLDER, colour).encode()))
    made = QIcon()
    for size in _SIZES:
        image = _blank(size)
        _paint(renderer, image)
        faint = _blank(size)
        painter = QPainter(faint)
        painter.setOpacity(_DISABLED_OPACITY)
        painter.drawImage(0, 0, image)
        painter.end()
        made.addPixmap(QPixmap.fromImage(image), QIcon.Mode.Normal)
        made.addPixmap(QPixmap.fromImage(faint), QIcon.Mode.Disabled)
    return made


def app_icon() -> QIcon:
    """Return the program's own icon; its colours are its own in every theme."""
    renderer = QSvgRenderer(QByteArray(_drawing("convstudio").encode()))
    made = QIcon()
    for size in _APP_SIZES:
        image = _blank(size)
        _paint(renderer, image)
        made.addPixmap(QPixmap.fromImage(image))
    return made


@lru_cache(maxsize=128)
def _drawing(name: str) -> str:
    return resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")


def _blank(size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    return image


def _paint(renderer: QSvgRenderer, image: QImage) -> None:
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
