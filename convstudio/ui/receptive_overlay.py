"""What a cell of a deep layer sees: its window on every level, and the box on the photo with the rest dimmed.

Boxes are in cells of their level: left column, top row, columns, rows; they may reach into the padding.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from convstudio.engine.stack_facts import Box, StackFacts, receptive_boxes
from convstudio.ui.theme import Theme

ToWidget = Callable[[QRect], QRect | QRectF]
"""Where a block of a picture's cells lies in the painter's coordinates."""

LIGHT_LINE, DARK_LINE = "#ffe27a", "#101216"
"""Side by side they show on every colour: one of them is always far from it."""

LEAST_BOX = 9.0  # device-independent px: a smaller box gets a frame of this size around it
_DIM = {"dark": 150, "light": 165}  # of 255, black over what is not seen


# --- where the windows lie ---


def overlay_of(facts: StackFacts, layer_id: str, row: int, column: int) -> dict[str, QRect]:
    """Return what a cell reads of every level, by the level's id, from the photo to the cell itself.

    The photo's id is ``PHOTO``; layers that are switched off hand on what comes in and have no level.

    Raises:
        KeyError: the layer is not among those of the facts.
        GeometryError: the cell is not in its output.
    """
    return {box.layer_id: box_rect(box) for box in receptive_boxes(facts, layer_id, row, column)}


def box_rect(box: Box) -> QRect:
    """Return a box as left column, top row, columns, rows."""
    (top, bottom), (left, right) = box.rows, box.columns
    return QRect(left, top, right - left, bottom - top)


# --- painting ---


def dim_around(painter: QPainter, box: QRectF, picture: QRectF, opacity: int) -> None:
    """Darken a picture but for a box, by black of an opacity of 255."""
    around = QPainterPath()
    around.setFillRule(Qt.FillRule.OddEvenFill)
    around.addRect(picture)
    seen = box & picture
    if not seen.isEmpty():
        around.addRect(seen)
    painter.fillPath(around, QColor(0, 0, 0, opacity))


def double_line(painter: QPainter, box: QRectF, ratio: float = 1.0, *, dashed: bool = False) -> QRectF:
    """Draw a light line with a dark one on both sides around a box; return where it is.

    The line lies outside of the box, so that no cell of it is covered.
    """
    least = LEAST_BOX * ratio
    size = box.size().expandedTo(QSizeF(least, least))
    frame = QRectF(box.topLeft(), size)
    frame.moveCenter(box.center())
    line = max(1.0, round(1.5 * ratio))
    frame = frame.adjusted(-1.5 * line, -1.5 * line, 1.5 * line, 1.5 * line)
    dark = QPen(QColor(DARK_LINE), 3 * line)
    light = QPen(QColor(LIGHT_LINE), line)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (dark, light):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dashed:
        light.setDashPattern([4.0, 3.0])
    for pen in (dark, light):
        painter.setPen(pen)
        painter.drawRect(frame)
    painter.restore()
    return frame


def paint_receptive(
    painter: QPainter, to_widget: ToWidget, box: QRect, picture: QRect, theme: Theme, ratio: float = 1.0
) -> QRectF:
    """Dim all of a picture but what a cell sees, and draw a line around that; return where the line is.

    Args:
        to_widget: where a block of cells lies in the painter's coordinates.
        box: the cells that are seen, padded ones included.
        picture: all cells of the picture, with the padded ones if they are drawn.
        ratio: real pixels for each of the painter's units, where these are real pixels.
    """
    seen, whole = QRectF(to_widget(box)), QRectF(to_widget(picture))
    painter.save()
    dim_around(painter, seen, whole, _DIM[theme.name])
    frame = double_line(painter, seen, ratio)
    painter.restore()
    return frame


def paint_window(painter: QPainter, to_widget: ToWidget, box: QRect, ratio: float = 1.0) -> QRectF:
    """Draw the line alone: for levels between the photo and the cell."""
    return double_line(painter, QRectF(to_widget(box)), ratio)
