"""One feature map in a strip or a grid: its picture, its frame, its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from convstudio.ui.map_model import IMAGE_ROLE, PINNED_ROLE, RANGE_ROLE, ZEROS_ROLE
from convstudio.ui.theme import theme_of

if TYPE_CHECKING:
    from convstudio.ui.map_view import MapView

_Index = QModelIndex | QPersistentModelIndex

RIM = 4
"""Px around a picture, where the frame is drawn."""
LINE = 16
"""Px of a line of text."""
_BADGE = 16
_KEPT_PIXELS = 8 << 20  # of painted cells: 32 MB


def picture_size(spatial: tuple[int, int], box: QSize) -> QSize:
    """Return the largest size of a picture's proportions within a box; no side is thinner than 2 px.

    Args:
        spatial: rows and columns of the picture.
    """
    rows, columns = spatial
    scale = min(box.width() / columns, box.height() / rows)
    wide, high = max(2, round(columns * scale)), max(2, round(rows * scale))
    return QSize(min(wide, box.width()), min(high, box.height()))


class MapDelegate(QStyledItemDelegate):
    """Paints a map with its label, in the grid also with its range and its share of zeros.

    Cells are kept as they were painted: scrolling past many then costs little more than copying them.
    """

    def __init__(self, view: MapView) -> None:
        super().__init__(view)
        self._view = view
        self._cells: dict[int | None, QPixmap] = {}
        self._font = QFont(view.font())
        self._font.setPixelSize(11)
        self._metrics = QFontMetrics(self._font)

    def forget(self) -> None:
        """Paint every cell anew: what they show, their size or the theme is another."""
        self._cells.clear()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return self._view.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        corner, state = option.rect.topLeft(), option.state
        if state & QStyle.StateFlag.State_Selected:
            focused = bool(state & QStyle.StateFlag.State_HasFocus)
            self._paint_cell(painter, corner, index, chosen=True, focused=focused)
            return
        channel = self._view.channel_at(index.row())
        cell = self._cells.get(channel)
        if cell is None:
            cell = self._painted(index)
            if len(self._cells) * self._view.cell.width() * self._view.cell.height() > _KEPT_PIXELS:
                self._cells.pop(next(iter(self._cells)))
            self._cells[channel] = cell
        painter.drawPixmap(corner, cell)
        if state & QStyle.StateFlag.State_MouseOver:
            _draw_frame(painter, self._place(corner), theme_of(self._view).text_dim, chosen=False)

    def _painted(self, index: _Index) -> QPixmap:
        ratio = self._view.devicePixelRatioF()
        cell = QPixmap(self._view.cell * ratio)
        cell.setDevicePixelRatio(ratio)
        cell.fill(self._view.palette().color(QPalette.ColorRole.Window))
        painter = QPainter(cell)
        self._paint_cell(painter, QPoint(0, 0), index)
        painter.end()
        return cell

    def _place(self, corner: QPoint) -> QRect:
        """Return where the picture goes in a cell."""
        box = QRect(corner + QPoint(RIM, RIM), self._view.box)
        place = QRect(QPoint(0, 0), picture_size(self._view.spatial, box.size()))
        place.moveCenter(box.center())
        return place

    def _paint_cell(
        self, painter: QPainter, corner: QPoint, index: _Index, *, chosen: bool = False, focused: bool = False
    ) -> None:
        theme, cell, place = theme_of(self._view), QRect(corner, self._view.cell), self._place(corner)
        _draw_picture(painter, place, index.data(IMAGE_ROLE), self._view.spatial)
        _draw_frame(painter, place, theme.accent if chosen else theme.border, chosen=chosen)
        if index.data(PINNED_ROLE):
            _draw_badge(painter, place, QColor(theme.accent), QColor(theme.accent_text))
        painter.setFont(self._font)
        painter.setPen(QColor(theme.text if chosen else theme.text_dim))
        top = corner.y() + 2 * RIM + self._view.box.height() - 1
        below = QRect(cell.left() + 2, top, cell.width() - 4, LINE)
        text = self._metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        if self._view.grid:
            painter.setPen(QColor(theme.text_dim))
            small = self._small(index, below)
            painter.drawText(below.translated(0, LINE), Qt.AlignmentFlag.AlignCenter, small)
        if focused:
            painter.setPen(QPen(QColor(theme.accent), 1, Qt.PenStyle.DotLine))
            width = min(below.width(), self._metrics.horizontalAdvance(text) + 6)
            line = QRect(0, 0, width, LINE - 1)
            line.moveCenter(below.center())
            painter.drawRect(line)

    def _small(self, index: _Index, room: QRect) -> str:
        """Return the range, and the share of zeros where there is room for it."""
        reach, zeros = index.data(RANGE_ROLE), index.data(ZEROS_ROLE)
        both = f"{reach} · {zeros}"
        return both if self._metrics.horizontalAdvance(both) <= room.width() else reach


def _draw_picture(painter: QPainter, place: QRect, image: QImage, spatial: tuple[int, int]) -> None:
    """Draw a map; cells of one that is smaller than its place are crisp squares."""
    whole = (image.height(), image.width()) == spatial
    if not whole and image.size() != place.size() * painter.device().devicePixelRatioF():
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)  # until the new size has been read
    painter.drawImage(place, image)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)


def _draw_frame(painter: QPainter, place: QRect, colour: str, chosen: bool) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if chosen:
        painter.setPen(QPen(QColor(colour), 2, j=Qt.PenJoinStyle.MiterJoin))
        painter.drawRect(place.adjusted(-2, -2, 2, 2))
    else:
        painter.setPen(QPen(QColor(colour), 1))
        painter.drawRect(place.adjusted(-1, -1, 0, 0))


def _draw_badge(painter: QPainter, place: QRect, back: QColor, front: QColor) -> None:
    """Draw an A into a corner: the side that others are compared with."""
    corner = QRect(place.topLeft(), QSize(_BADGE, _BADGE))
    painter.fillRect(corner, back)
    font = QFont(painter.font())
    font.setPixelSize(11)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(front)
    painter.drawText(corner, Qt.AlignmentFlag.AlignCenter, "A")
