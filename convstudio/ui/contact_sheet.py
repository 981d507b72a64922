"""All feature maps on one picture for a handout: titled, labelled, with the scale they are drawn on."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter

from convstudio.core import Control
from convstudio.engine.colormaps import lookup_table
from convstudio.engine.display import view_kind
from convstudio.engine.feature_maps import grid_shape
from convstudio.session.map_reader import FeatureMaps
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.map_cells import picture_size
from convstudio.ui.map_model import MapWords, image_of

SHEET_BOX = (240, 320)
"""Rows and columns of a map on a sheet at most; fewer where there are many."""
MOST_PIXELS = 24_000_000
"""Of a sheet, 6000 × 4000 for instance."""
_MARGIN, _GAP, _LINE, _TITLE = 28, 14, 18, 30
_ASPECT = math.sqrt(2.0)  # of a sheet of paper that lies on its side
_NARROWEST = 72
_SMALLEST_SIDE = 24
_WHITE, _INK, _DIM, _RULE = "#ffffff", "#1c2026", "#5b6370", "#c9ced8"


def sheet_box(shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return the most rows and columns of a map such that all of them stay within ``MOST_PIXELS``.

    Args:
        shape: ``(C, H, W)`` of the output.
    """
    rows, columns = SHEET_BOX
    while True:
        cell = (max(columns, _NARROWEST) + _GAP) * (rows + 2 * _LINE + _GAP)
        if 1.3 * cell * shape[0] <= MOST_PIXELS or rows <= _SMALLEST_SIDE:
            return rows, columns
        rows, columns = round(rows * 0.9), round(columns * 0.9)


def sheet_painter(title: str) -> Callable[[FeatureMaps, tuple[int, ...], Control], NDArray[np.uint8]]:
    """Return what draws a sheet under a title, on any thread."""

    def draw(maps: FeatureMaps, order: tuple[int, ...], control: Control) -> NDArray[np.uint8]:
        return draw_sheet(title, maps, order, control)

    return draw


def draw_sheet(
    title: str, maps: FeatureMaps, order: tuple[int, ...], control: Control | None = None
) -> NDArray[np.uint8]:
    """Return a sheet, uint8 ``(H, W, 3)``: red, green, blue.

    Args:
        title: what stands above all, such as the picture's name.
        maps: their thumbnails are drawn as they are.
        order: of the channels.

    Raises:
        Cancelled: ``control`` was cancelled.
    """
    sheet = _Sheet(title, maps, order)
    return sheet.draw(control)


class _Sheet:
    """Where everything goes on one sheet."""

    def __init__(self, title: str, maps: FeatureMaps, order: tuple[int, ...]) -> None:
        self._title, self._maps, self._order = title, maps, order
        high, wide = maps.pixels.shape[1:3]
        # A map of few cells is enlarged, every cell a crisp square.
        least = max(1, min(_NARROWEST // max(wide, 1), 160 // max(high, 1)))
        self._picture = picture_size((high, wide), QSize(wide * least, high * least))
        self._cell = QSize(
            max(self._picture.width(), _NARROWEST + 40) + _GAP, self._picture.height() + 2 * _LINE + _GAP
        )
        self._rows, self._columns = grid_shape(len(order), _ASPECT, self._cell.width() / self._cell.height())
        head = _MARGIN + _TITLE + 2 * _LINE + _GAP
        self.size = QSize(
            max(self._columns * self._cell.width() - _GAP, 420) + 2 * _MARGIN,
            head + self._rows * self._cell.height() + _MARGIN - _GAP,
        )
        self._top = head
        self._font = QFont("DejaVu Sans")
        self._font.setPixelSize(12)

    def draw(self, control: Control | None) -> NDArray[np.uint8]:
        image = QImage(self.size, QImage.Format.Format_RGB888)
        if image.isNull():
            raise MemoryError
        image.fill(QColor(_WHITE))
        painter = QPainter(image)
        try:
            self._draw_head(painter)
            for place, channel in enumerate(self._order):
                if control is not None:
                    control.check()
                self._draw_map(painter, place, channel)
        finally:
            painter.end()
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        pixels: NDArray[np.uint8] = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
        return pixels.copy()  # the image goes

    def _draw_head(self, painter: QPainter) -> None:
        maps, room = self._maps, self.size.width() - 2 * _MARGIN
        bold = QFont(self._font)
        bold.setPixelSize(20)
        bold.setBold(True)
        painter.setPen(QColor(_INK))
        self._say(painter, bold, QRect(_MARGIN, _MARGIN, room, _TITLE), self._title)
        channels, height, width = maps.head.shape
        shape = f"{channels} channel{'s' if channels != 1 else ''} of {height}×{width}"
        line = QRect(_MARGIN, _MARGIN + _TITLE, room, _LINE)
        self._say(painter, self._font, line, f"{maps.head.title} · {shape}")
        painter.setPen(QColor(_DIM))
        line.translate(0, _LINE)
        view = view_kind(maps.view).title
        if maps.view == "clamped" or maps.shared:
            self._draw_legend(painter, line, f"{view}, one scale for all: ")
        else:
            self._say(painter, self._font, line, f"{view}, each map on a scale of its own, given under it")

    def _draw_legend(self, painter: QPainter, line: QRect, words: str) -> None:
        scale = self._maps.shared_scale
        metrics = QFontMetrics(self._font)
        low, high = legend_number(scale.low), legend_number(scale.high, sign=scale.low < 0.0)
        self._say(painter, self._font, line, f"{words}{low}")
        left = line.left() + metrics.horizontalAdvance(f"{words}{low}") + 6
        bar = QRect(left, line.top() + 4, 110, 10)
        table = np.rint(lookup_table("signed" if scale.coloured else "grey") * 255.0).astype(np.uint8)
        colours = np.ascontiguousarray(table)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        strip = QImage(colours.data, len(colours), 1, 3 * len(colours), QImage.Format.Format_RGB888)
        painter.drawImage(bar, strip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        self._say(painter, self._font, line.adjusted(bar.right() + 7 - line.left(), 0, 0, 0), high)

    def _draw_map(self, painter: QPainter, place: int, channel: int) -> None:
        row, column = divmod(place, self._columns)
        corner = QPoint(_MARGIN + column * self._cell.width(), self._top + row * self._cell.height())
        box = QRect(corner, self._picture)
        painter.drawImage(box, image_of(self._maps.pixels[channel]))
        painter.setPen(QColor(_RULE))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(-1, -1, 0, 0))
        line = QRect(corner.x(), box.bottom() + 2, self._cell.width() - _GAP, _LINE)
        painter.setPen(QColor(_INK))
        self._say(painter, self._font, line, self._maps.head.label(channel))
        painter.setPen(QColor(_DIM))
        scale = self._maps.scales[channel]
        if self._maps.shared or self._maps.view == "clamped":
            words = MapWords(self._maps, channel).range_text()
        else:
            words = f"{legend_number(scale.low)} to {legend_number(scale.high, sign=scale.low < 0.0)}"
        self._say(painter, self._font, line.translated(0, _LINE - 3), words)

    def _say(self, painter: QPainter, font: QFont, room: QRect, text: str) -> None:
        """Write a line, cut where it is too long."""
        painter.setFont(font)
        cut = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, cut)
