"""One channel of a step's arrays: a picture, or cells with their numbers where it is small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from convstudio.engine.display import Rendered
from convstudio.session.step_apart import Cell, Numbers, Plane, Window
from convstudio.ui.gradient_grid import MARK, draw_dot, draw_outline
from convstudio.ui.gradient_words import at, number, scaled
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.tips import tip
from convstudio.ui.training_pictures import HEAD, TrainingPicture
from convstudio.ui.training_planes import fixed_texts
from convstudio.ui.weight_colours import readable_on, weight_limit

_LETTERS, _SMALL, _LEAST = 12, 11, 9  # px
HELD = ("validation: no error from here on", "validation: no error", "validation")
"""What is said of rows that nothing is learned from, in as many words as there is room for."""
_BLANK = QColor(255, 255, 255)  # of 0, in signed colours


class PlanePicture(TrainingPicture):
    """One channel, as a picture; few cells are drawn with their numbers.

    ``pointed(cell)`` tells of the pixel under the pointer where there are numbers, else of one that was
    checked.
    """

    pointed = Signal(object)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, "")
        self.setParent(parent)
        self.setMouseTracking(True)
        self._plane: Plane | None = None
        self._note = ""
        self._marks: Mapping[Cell, str] = {}
        self._window: Window | None = None
        self._cell: Cell | None = None

    @property
    def plane(self) -> Plane | None:
        """What is shown."""
        return self._plane

    @property
    def note(self) -> str:
        """What is written to the right of the title."""
        return self._note

    @property
    def window_shown(self) -> Window | None:
        """The part that is framed."""
        return self._window

    def show_plane(
        self, plane: Plane, note: str, help_text: str, marks: Mapping[Cell, str] | None = None
    ) -> None:
        """Show a channel with a note beside its title; ``marks`` are pixels that were checked."""
        self._plane, self._note, self._help = plane, note, help_text
        self._marks, self._window, self._cell = marks or {}, None, None
        if plane.held is not None:
            self._help += f" Under the line is what only validates: no error comes from row {plane.held} on."
        self.show_picture(plane.picture)
        self._describe()
        self.update()

    def show_window(self, window: Window | None) -> None:
        """Frame a part, as far as it lies inside."""
        if window != self._window:
            self._window = window
            self.update()

    # --- where things are ---

    def _target(self) -> QRectF:
        """Return where the picture is drawn: as ``TrainingPicture`` does."""
        room = self._room()
        if self._plane is None:
            return room
        rows, columns = self._plane.shape
        factor = min(room.width() / columns, room.height() / rows)
        target = QRectF(0, 0, columns * factor, rows * factor)
        target.moveCenter(room.center())
        return target

    def cell_box(self, first: Cell, rows: int = 1, columns: int = 1) -> QRectF:
        """Return where cells are drawn."""
        assert self._plane is not None
        target, (height, width) = self._target(), self._plane.shape
        across, down = target.width() / width, target.height() / height
        return QRectF(
            target.left() + first[1] * across, target.top() + first[0] * down, columns * across, rows * down
        )

    def cell_at(self, point: QPointF) -> Cell | None:
        """Return the pixel under a point: one that was checked within a few screen pixels comes first."""
        if self._plane is None:
            return None
        for cell in self._marks:
            apart = self.cell_box(cell).center() - point
            if self._plane.cells is None and apart.manhattanLength() <= 8.0:
                return cell
        target = self._target()
        if not target.contains(point):
            return None
        rows, columns = self._plane.shape
        row = int((point.y() - target.top()) / target.height() * rows)
        column = int((point.x() - target.left()) / target.width() * columns)
        return min(row, rows - 1), min(column, columns - 1)

    # --- painting ---

    def _paint_head(self, painter: QPainter, theme: Theme) -> None:
        super()._paint_head(painter, theme)
        font = QFont(self.font())
        font.setPixelSize(_LETTERS)
        font.setWeight(QFont.Weight.DemiBold)
        taken = QFontMetricsF(font).horizontalAdvance(self.title) + 8
        font.setPixelSize(_SMALL)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(theme.text_dim))
        line = QRectF(taken, 0, max(0.0, self.width() - taken), HEAD - 4)
        note = QFontMetricsF(font).elidedText(self._note, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, note)

    def _paint_picture(self, painter: QPainter, shown: Rendered, room: QRectF) -> None:
        theme, plane = theme_of(self), self._plane
        if plane is None:
            return
        if plane.cells is None:
            super()._paint_picture(painter, shown, room)
        else:
            self._paint_cells(painter, plane.cells, shown)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for cell, state in self._marks.items():
            box = self.cell_box(cell)
            few = plane.cells is not None
            draw_dot(
                painter,
                box.topRight() + QPointF(-0.8 * MARK, 0.8 * MARK) if few else box.center(),
                state,
                theme,
            )
        if plane.held is not None:
            self._paint_held(painter, plane.held, theme)
        if self._window is not None:
            row, column, rows, columns = self._window
            box = self.cell_box((row, column), rows, columns).intersected(self._target())
            draw_outline(painter, box.adjusted(1, 1, -1, -1), theme)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_held(self, painter: QPainter, row: int, theme: Theme) -> None:
        """Draw a line over the rows that nothing is learned from, and say so where there is room."""
        assert self._plane is not None
        rows, columns = self._plane.shape
        box = self.cell_box((row, 0), rows - row, columns)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setPen(QPen(QColor(theme.accent), 1))
        painter.drawLine(box.topLeft(), box.topRight())
        font = QFont(self.font())
        font.setPixelSize(_SMALL)
        metrics = QFontMetricsF(font)
        fitting = (text for text in HELD if metrics.horizontalAdvance(text) <= box.width() - 8)
        text = next(fitting, "")
        if text and box.height() >= metrics.height() and self._plane.cells is None:
            painter.setFont(font)
            painter.setPen(readable_on(_BLANK))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_cells(self, painter: QPainter, cells: Numbers, shown: Rendered) -> None:
        values, _ = scaled(cells)
        side = self.cell_box((0, 0)).width()
        texts, font = self._texts(values, side)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, line in enumerate(shown.pixels[..., :3].tolist()):
            for column, (blue, green, red) in enumerate(line):
                box, back = self.cell_box((row, column)), QColor(red, green, blue)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(back)
                painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
                if texts is not None:
                    painter.setFont(font)
                    painter.setPen(readable_on(back))
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, texts[row][column])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _texts(self, values: Numbers, side: float) -> tuple[list[list[str]] | None, QFont]:
        font = QFont(self.font())
        if np.array_equal(values, np.rint(values)) and np.abs(values).max(initial=0.0) < 1000:
            whole = [[f"{v:.0f}".replace("-0", "0").replace("-", "−") for v in row] for row in values]
            longest = max((text for row in whole for text in row), key=len)
            for pixels in range(_LETTERS, _LEAST - 1, -1):
                font.setPixelSize(pixels)
                if QFontMetricsF(font).horizontalAdvance(longest) <= side - 2:
                    return whole, font
            return None, font
        limit = weight_limit(np.nan_to_num(values))
        for least in (2, 1):
            for pixels in range(_LETTERS, _LEAST - 1, -1):
                font.setPixelSize(pixels)
                texts = fixed_texts(values, limit, QFontMetricsF(font), side - 2, least=least)
                if texts is not None:
                    return texts, font
        return None, font

    # --- pointing ---

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.words_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def words_at(self, point: QPointF) -> str:
        """Return the tooltip of a place."""
        cell = self.cell_at(point)
        if cell is None or self._plane is None or self._plane.cells is None:
            return self.toolTip()
        return tip(f"{at(cell)}: {number(float(self._plane.cells[cell]))}")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is not None and self._plane is not None and self._plane.cells is None:
            cell = cell if cell in self._marks else None
        self._point(cell)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(None)

    def _point(self, cell: Cell | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.show_window(None if cell is None else (*cell, 1, 1))
            self.pointed.emit(cell)
