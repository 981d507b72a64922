"""What is drawn over an image view at every repaint: outlines, focus, messages, the drop highlight."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from convstudio.ui.theme import Theme

LEAST_CELL = 7.0  # device-independent pixels: smaller cells get an outline of this size around them
LEAST_WINDOW = 11.0


def outline(painter: QPainter, cells: QRect, theme: Theme, ratio: float, *, dashed: bool = False) -> QRect:
    """Draw an outline around cells, in real pixels, that shows on any colour; return where it is."""
    least = round((LEAST_WINDOW if dashed else LEAST_CELL) * ratio)
    line = max(1, round(1.5 * ratio)) if dashed else max(2, round(2 * ratio))
    size = cells.size().expandedTo(QSize(least, least))
    around = QRect(cells.topLeft(), size)
    around.moveCenter(cells.center())
    if cells.size() == size:
        around = cells
    frame = QRectF(around).adjusted(-line / 2, -line / 2, line / 2, line / 2)
    halo = QPen(
        QColor(0, 0, 0, 170) if theme.name == "dark" else QColor(255, 255, 255, 200), line + 2 * ratio
    )
    pen = QPen(QColor(theme.highlight), line)
    for each in (halo, pen):
        each.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        each.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dashed:
        pen.setDashPattern([3.0, 2.0])
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for each in (halo, pen):
        painter.setPen(each)
        painter.drawRect(frame)
    return around


def taps(painter: QPainter, cells: list[QRect], theme: Theme, ratio: float) -> None:
    """Mark the cells that a dilated kernel reads."""
    colour = QColor(theme.highlight)
    colour.setAlpha(70)
    for cell in cells:
        painter.fillRect(cell, colour)
    painter.setPen(QPen(QColor(theme.highlight), max(1, round(ratio))))
    painter.drawRects([cell.adjusted(0, 0, -1, -1) for cell in cells])


def focus_frame(painter: QPainter, view: QRect, theme: Theme) -> None:
    """Show that the keyboard speaks to this view; ``view`` in device-independent pixels."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.accent), 2))
    painter.drawRect(view.adjusted(1, 1, -1, -1))


def message(painter: QPainter, view: QRect, text: str, theme: Theme, font: QFont) -> None:
    """Say something in the middle of an empty view."""
    painter.setFont(font)
    painter.setPen(QColor(theme.text_dim))
    room = view.adjusted(24, 24, -24, -24)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)


def side_name(painter: QPainter, side: QRect, text: str, theme: Theme, end: int) -> None:
    """Say what one side of a comparison is, at its outer end: -1 for the left, 1 for the right."""
    room = side.adjusted(8, 8, -8, -8)
    words = painter.fontMetrics().elidedText(text.strip(), Qt.TextElideMode.ElideRight, room.width() - 14)
    label = painter.fontMetrics().boundingRect(words).adjusted(-7, -3, 7, 3)
    if label.width() > room.width() or len(text.strip()) < 2:
        return
    label.moveTop(room.top())
    if end < 0:
        label.moveLeft(room.left())
    else:
        label.moveRight(room.right())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170) if theme.name == "dark" else QColor(255, 255, 255, 215))
    painter.drawRoundedRect(label, 4, 4)
    painter.setPen(QColor(theme.text))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, words)


def drop_highlight(painter: QPainter, view: QRect, text: str, theme: Theme, font: QFont) -> None:
    """Show that what is dragged can be dropped here."""
    wash = QColor(theme.accent)
    wash.setAlpha(46)
    painter.fillRect(view, wash)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.accent), 2, Qt.PenStyle.DashLine))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(view).adjusted(9, 9, -9, -9), 8, 8)
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    metrics = painter.fontMetrics()
    label = metrics.boundingRect(text).adjusted(-14, -7, 14, 7)
    label.moveCenter(view.center())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.accent))
    painter.drawRoundedRect(label, 6, 6)
    painter.setPen(QColor(theme.accent_text))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)
