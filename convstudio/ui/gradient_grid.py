"""Grids of weights whose cells can be pointed at, with marks on those that were checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from convstudio.session.step_apart import Cell, Numbers
from convstudio.ui.gradient_checks import BAD, GOOD, KINK
from convstudio.ui.gradient_words import at, number, scaled
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import weight_limit
from convstudio.ui.weights_view import WeightsView

MARK = 5.0
"""Pixels of the dot on an entry that was checked."""
_HEAD = 20  # px over the cells
_LETTERS = 11
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


def mark_colour(state: str, theme: Theme) -> QColor:
    """Return the colour of a check that holds, is at a kink, or does not hold."""
    return QColor({GOOD: theme.good, KINK: theme.warning, BAD: theme.error}[state])


def draw_dot(painter: QPainter, centre: QPointF, state: str, theme: Theme) -> None:
    """Draw the mark of an entry that was checked."""
    painter.setPen(QPen(QColor(theme.canvas), 1))
    painter.setBrush(mark_colour(state, theme))
    painter.drawEllipse(centre, MARK / 2, MARK / 2)


def draw_outline(painter: QPainter, box: QRectF, theme: Theme) -> None:
    """Draw a frame that is seen on any colour: the highlight between two dark lines."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.canvas), 4))
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(QPen(QColor(theme.highlight), 2))
    painter.drawRoundedRect(box, 3, 3)


class GradientGrid(WeightsView):
    """One grid of numbers; ``pointed(cell)`` tells of a cell under the pointer or the arrow keys, or None.

    A dot in the corner of a cell says that it was checked. Its title stands right over its cells.
    """

    pointed = Signal(object)

    def __init__(self, name: str, title: str, help_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setToolTip(tip(help_text))
        self._title = title
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(40, 40 + _HEAD)
        self._true = np.zeros((1, 1))
        self._marks: Mapping[Cell, str] = {}
        self._cell: Cell | None = None
        self._more: Mapping[Cell, tuple[str, ...]] = {}

    @property
    def title(self) -> str:
        """What is written over the cells."""
        return self._title

    @property
    def values(self) -> Numbers:
        """The numbers that are shown, ``(rows, columns)``, not scaled."""
        return self._true

    @property
    def marks(self) -> Mapping[Cell, str]:
        """The cells that were checked, and how that went."""
        return self._marks

    @property
    def cell(self) -> Cell | None:
        """The cell that is pointed at."""
        return self._cell

    def show_grid(
        self,
        title: str,
        values: Numbers,
        limit: float | None = None,
        marks: Mapping[Cell, str] | None = None,
        more: Mapping[Cell, tuple[str, ...]] | None = None,
    ) -> None:
        """Show numbers on a scale of colours up to ``limit``, the largest of them if it is None.

        The title ends in the power of ten that the numbers are told in; ``more`` are lines that the tooltips
        of cells add.
        """
        limit = weight_limit(np.nan_to_num(values)) if limit is None else limit
        self._true, self._marks, self._more = values, marks or {}, more or {}
        shown, power = scaled(values)
        if power:
            largest = float(np.abs(values).max())
            limit *= float(np.abs(shown).max()) / largest
        if self._cell is not None and not all(a < b for a, b in zip(self._cell, values.shape, strict=True)):
            self._cell = None
        self._title = f"{title}  {power}" if power else title
        self.setAccessibleName(title)
        rows, columns = values.shape
        some = "; ".join(", ".join(number(float(v)) for v in row) for row in values[:9, :9])
        self.setAccessibleDescription(f"{rows} by {columns}: {some}")
        self.show_kernels((shown,), limit)

    def tile(self, index: int) -> QRectF:
        """Return the room of the cells: what the title leaves."""
        return super().tile(index).adjusted(1, _HEAD, -1, -1)

    def show_cell(self, cell: Cell | None) -> None:
        """Frame a cell."""
        if cell != self._cell:
            self._cell = cell
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.kernels:
            return
        theme, grid = theme_of(self), self.cells()
        painter = QPainter(self)
        self._paint_title(painter, grid.top, theme)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if grid.width >= 2 * MARK:
            for cell, state in self._marks.items():
                corner = grid.rect(cell).topRight()
                draw_dot(painter, corner + QPointF(-MARK, MARK), state, theme)
        if self._cell is not None:
            draw_outline(painter, grid.rect(self._cell).adjusted(1, 1, -1, -1), theme)
        painter.end()

    def _paint_title(self, painter: QPainter, bottom: float, theme: Theme) -> None:
        font = QFont(self.font())
        font.setPixelSize(_LETTERS)
        painter.setFont(font)
        painter.setPen(QColor(theme.text if self.hasFocus() else theme.text_dim))
        text = QFontMetricsF(font).elidedText(self._title, Qt.TextElideMode.ElideRight, self.width())
        line = QRectF(0, bottom - _HEAD, self.width(), _HEAD - 3)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)

    def words_at(self, point: QPointF) -> str:
        cell = self.cells().at(point)
        if cell is None:
            return self.toolTip()
        return tip(f"{at(cell)}: {number(float(self._true[cell]))}", *self._more.get(cell, ()))

    # --- pointing ---

    def _point(self, cell: Cell | None) -> None:
        if cell != self._cell:
            self.show_cell(cell)
            self.pointed.emit(cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.cells().at(event.position()) if self.kernels else None)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = _ARROWS.get(Qt.Key(event.key()))
        if by is None or event.modifiers() != Qt.KeyboardModifier.NoModifier or not self.kernels:
            super().keyPressEvent(event)
            return
        rows, columns = self._true.shape
        row, column = (0, 0) if self._cell is None else (self._cell[0] + by[0], self._cell[1] + by[1])
        self._point((min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)))
