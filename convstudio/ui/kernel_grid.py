"""A small kernel as a painted grid of numbers to type into, scrub and paint over."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from convstudio.kernels.text import format_number
from convstudio.ui.kernel_cell_edit import CellEdit
from convstudio.ui.kernel_cell_text import cell_texts
from convstudio.ui.kernel_cells import Cell, CellGrid, cells_between, merge_key, step_size
from convstudio.ui.kernel_surface import KernelSurface, Values
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import Paint, weight_paints

MARGIN = 2.0  # px around the cells, for the outline of the current one
_GAP = 3.0
_WIDEST = 64.0
_START = 4  # px of movement that make a press a drag
_PIXELS_A_STEP = 4  # of vertical drag
# largest side -> height of a cell, size of its text, both px
_DENSITY = ((3, 38, 14), (5, 34, 13), (7, 29, 11), (9, 26, 10))


@dataclass
class _Drag:
    """A press with the left button and what became of it."""

    origin: QPointF
    cell: Cell
    kind: str = "press"  # then "scrub" or "paint"
    key: str = ""
    step: float = 0.1
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    rest: float = 0.0  # px of scrubbing not yet turned into a step
    last: QPointF | None = None
    at: Cell = (0, 0)


class KernelGrid(KernelSurface):
    """Up to 9×9 numbers, each on its weight's colour.

    Dragging up or down from a cell scrubs its value; dragging sideways into other cells paints them with
    it. The direction in which the drag begins decides, for the whole drag.
    ``typing_problem(sentence)`` says why what was typed is no number, and comes empty when that is over.
    """

    typing_problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._texts: list[list[str]] = [["0"]]
        self._paints: list[list[Paint]] = [[(QColor(), QColor())]]
        self._drag: _Drag | None = None
        self._edit: CellEdit | None = None
        super().__init__(parent)
        self.setObjectName("kernel-grid")
        self.setAccessibleName("Kernel weights")
        self.setToolTip(
            tip(
                "Click a cell and type its weight, fractions such as 1/9 too; arrows and Tab move on.",
                "Drag up or down to change a weight, sideways to paint it over its neighbours. "
                "The wheel changes it in steps; Shift is finer, Ctrl coarser.",
            )
        )

    # Geometry and texts

    def _lay_out(self) -> CellGrid:
        rows, columns = self._values.shape
        height, _ = _density(max(rows, columns))
        room = max(40.0, self.width() - 2 * MARGIN)
        width = float(int(min(_WIDEST, height * 1.7, (room - _GAP * (columns - 1)) / columns)))
        left = round((self.width() - columns * width - (columns - 1) * _GAP) / 2)
        return CellGrid(rows, columns, max(MARGIN, left), MARGIN, width, height, _GAP)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(_density(max(self._values.shape))[1])
        small = font.pixelSize() < 12
        font.setWeight(QFont.Weight.Medium if small else QFont.Weight.DemiBold)
        return font

    def _refresh(self) -> None:
        self._paints = weight_paints(self._values, self._limit, theme_of(self))
        metrics = QFontMetricsF(self._font())
        self._texts = cell_texts(self._values, self._limit, metrics, self._grid.width - 3)

    def cell_text(self, cell: Cell) -> str:
        """Return the number as it is written in a cell, shortened where the cell is narrow."""
        return self._texts[cell[0]][cell[1]]

    def show_values(self, values: Values) -> None:
        if values.shape != self._values.shape:
            self._close_edit()
            self._drag = None
            self.unsetCursor()
        super().show_values(values)

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font())
        rows, columns = self._values.shape
        radius = 4.0 if self._grid.width > 40 else 3.0
        # On a light panel a weight near zero is as bright as the panel: a hair line holds the cell.
        rim = QPen(QColor(theme.border), 0.6) if theme.name == "light" else QPen(Qt.PenStyle.NoPen)
        for row in range(rows):
            for column in range(columns):
                box = self._grid.rect((row, column))
                back, ink = self._paints[row][column]
                painter.setPen(rim)
                painter.setBrush(back)
                painter.drawRoundedRect(box, radius, radius)
                painter.setPen(ink)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._texts[row][column])
        self._draw_anchor(painter)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._hover is not None and self._hover != self._current:
            faint = QColor(theme.highlight)
            faint.setAlpha(120)
            painter.setPen(QPen(faint, 1.0))
            painter.drawRoundedRect(
                self._grid.rect(self._hover).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius
            )
        if self._edit is None:  # which brings a border of its own
            painter.setPen(QPen(QColor(theme.highlight), 2.5 if self.hasFocus() else 1.5))
            outline = self._grid.rect(self._current).adjusted(-0.5, -0.5, 0.5, 0.5)
            painter.drawRoundedRect(outline, radius, radius)
        painter.end()

    def _draw_anchor(self, painter: QPainter) -> None:
        """Mark the cell that lies on the output pixel by a dot under its number."""
        if self._values.size == 1:
            return
        box = self._grid.rect(self.anchor())
        row, column = self.anchor()
        ink = QColor(self._paints[row][column][1])
        ink.setAlpha(150)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(QPointF(box.center().x(), box.bottom() - 4.5), 1.6, 1.6)

    # Pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._grid.at(event.position())
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if cell is None:
            return
        self.set_current(cell)
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = _Drag(event.position(), cell, last=event.position(), at=cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        drag = self._drag
        if drag is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        moved = event.position() - drag.origin
        if drag.kind == "press":
            if max(abs(moved.x()), abs(moved.y())) < _START:
                return
            self._begin(drag, "scrub" if abs(moved.y()) >= abs(moved.x()) else "paint", event.modifiers())
        if drag.kind == "scrub":
            self._scrub(drag, event)
        else:
            self._paint_over(drag, event.position())

    def _begin(self, drag: _Drag, kind: str, modifiers: Qt.KeyboardModifier) -> None:
        drag.kind = kind
        drag.key = merge_key(kind)
        drag.step = step_size(self._limit, modifiers)
        drag.modifiers = modifiers
        scrubs = kind == "scrub"
        self.setCursor(Qt.CursorShape.SizeVerCursor if scrubs else Qt.CursorShape.CrossCursor)

    def _scrub(self, drag: _Drag, event: QMouseEvent) -> None:
        assert drag.last is not None
        if event.modifiers() != drag.modifiers:
            drag.modifiers = event.modifiers()
            drag.step = step_size(self._limit, event.modifiers())
        drag.rest += drag.last.y() - event.position().y()
        drag.last = event.position()
        ticks = int(drag.rest / _PIXELS_A_STEP)
        drag.rest -= ticks * _PIXELS_A_STEP
        self.step_cell(drag.cell, ticks, drag.step, drag.key)

    def _paint_over(self, drag: _Drag, point: QPointF) -> None:
        cell = self._grid.nearest(point)
        if cell == drag.at:
            return
        path = cells_between(drag.at, cell)
        drag.at = cell
        self.set_current(cell)
        self._write(path, float(self._values[drag.cell]), drag.key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = None
            self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._grid.at(event.position()) == self._current:
            self._drag = None
            self.open_edit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        cell = self._grid.at(QPointF(event.pos()))
        if event.reason() == QContextMenuEvent.Reason.Mouse and cell is None:
            return
        if cell is not None and event.reason() == QContextMenuEvent.Reason.Mouse:
            self.set_current(cell)
        where = self._grid.rect(self._current).center().toPoint()
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        self.open_menu(event.globalPos() if mouse else self.mapToGlobal(where))

    # Typing

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._starts_typing(event):
            self.open_edit(event.text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.open_edit()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        # Tab walks the cells in reading order and leaves the grid after the last one.
        if self._edit is None and self._walk(1 if forward else -1):
            return True
        return super().focusNextPrevChild(forward)

    def _walk(self, cells: int) -> bool:
        """Move in reading order; return False at the end."""
        rows, columns = self._values.shape
        index = self._current[0] * columns + self._current[1] + cells
        if not 0 <= index < rows * columns:
            return False
        self.set_current((index // columns, index % columns))
        return True

    def open_edit(self, text: str | None = None) -> None:
        """Open the text field over the current cell, with what was typed or with its number selected."""
        self._close_edit()
        edit = CellEdit(self)
        edit.setFont(self._font())
        box = self._grid.rect(self._current)
        # Wider than a narrow cell, so that a fraction can be read while it is typed.
        width = max(box.width(), 58.0)
        left = min(max(box.center().x() - width / 2, 0.0), max(0.0, self.width() - width))
        edit.setGeometry(QRectF(left, box.top(), width, box.height()).toAlignedRect())
        edit.setStyleSheet(
            "QLineEdit { padding: 0; min-height: 0; border-width: 2px; }"
            f'QLineEdit[invalid="true"] {{ border-color: {theme_of(self).error}; }}'
        )
        if text is None:
            edit.setText(format_number(float(self._values[self._current])))
            edit.selectAll()
        else:
            edit.setText(text)
        edit.committed.connect(self._on_committed)
        edit.refused.connect(self.typing_problem)
        edit.closed.connect(self._on_closed)
        self._edit = edit
        edit.show()
        edit.setFocus(Qt.FocusReason.OtherFocusReason)
        if text is not None:
            edit.end(False)

    def _on_committed(self, value: float, rows: int, columns: int) -> None:
        cell = self._current
        self._close_edit()
        self.set_cell(cell, value)
        if rows:
            self.move_current(rows, 0)
        elif columns and not self._walk(columns):
            super().focusNextPrevChild(columns > 0)

    def _on_closed(self, problem: str) -> None:
        self._close_edit()
        if problem:
            kept = format_number(float(self._values[self._current]))
            self.problem.emit(f"The weight stays {kept}: {problem}")

    def _close_edit(self) -> None:
        edit, self._edit = self._edit, None
        if edit is None:
            return
        focused = edit.hasFocus()
        edit.blockSignals(True)
        if focused:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        edit.hide()
        edit.deleteLater()
        self.typing_problem.emit("")


def _density(side: int) -> tuple[float, int]:
    """Return a cell's height and its text's size in px for a kernel whose longer side is ``side``."""
    for largest, height, text in _DENSITY:
        if side <= largest:
            return float(height), text
    return float(_DENSITY[-1][1]), _DENSITY[-1][2]
