"""A big kernel as a picture to paint on: left paints with the brush, right erases."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from convstudio.ui.kernel_cells import Cell, CellGrid, cells_between, merge_key
from convstudio.ui.kernel_surface import KernelSurface
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import readable_on, weight_colour, weight_image

MARGIN = 2.0
_SIDE = 264.0  # px, the longer side of the picture
_LARGEST_CELL = 24.0
_LINES_FROM = 9.0  # px a cell, below which lines between cells would hide the weights
_START = 4


class KernelCanvas(KernelSurface):
    """Weights as a picture.

    ``brush_picked(value)``: Ctrl+click took a cell's value as the brush. ``typing_started(text)``: a key
    that begins a number was pressed, which a field elsewhere has to take.
    """

    brush_picked = Signal(float)
    typing_started = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._image = QImage()
        self._brush = 1.0
        self._stroke: tuple[str, float, Cell] | None = None  # merge key, value, last cell painted
        self._right: QPointF | None = None
        super().__init__(parent)
        self._refresh()
        self.setObjectName("kernel-canvas")
        self.setAccessibleName("Kernel weights as a picture")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setToolTip(
            tip(
                "Drag to paint weights with the brush, drag with the right button to erase; "
                "Ctrl+click takes a cell's weight as the brush.",
                "Arrows move the outlined cell, typing changes it; the wheel changes the weight under the "
                "pointer in steps.",
            )
        )

    def brush(self) -> float:
        """Return the value that the left button paints."""
        return self._brush

    def set_brush(self, value: float) -> None:
        """Paint with this value from now on."""
        self._brush = value

    def _lay_out(self) -> CellGrid:
        rows, columns = self._values.shape
        side = min(_LARGEST_CELL, float(int(_SIDE / max(rows, columns))))
        gap = 1.0 if side >= _LINES_FROM else 0.0
        left = round((self.width() - columns * side) / 2)
        return CellGrid(rows, columns, max(MARGIN, left), MARGIN, side - gap, side - gap, gap)

    def _refresh(self) -> None:
        self._image = weight_image(self._values, theme_of(self))

    # Painting on the screen

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        bounds, gap = self._grid.bounds(), self._grid.gap
        # The image is stretched over whole pitches; the lines then take each cell's gap away.
        painter.drawImage(bounds.adjusted(0, 0, gap, gap), self._image)
        painter.setPen(Qt.PenStyle.NoPen)
        panel = QColor(theme.panel)
        if gap:
            for column in range(1, self._grid.columns + 1):
                x = bounds.left() + column * (self._grid.width + gap) - gap
                painter.fillRect(QRectF(x, bounds.top(), gap, bounds.height() + gap), panel)
            for row in range(1, self._grid.rows + 1):
                y = bounds.top() + row * (self._grid.height + gap) - gap
                painter.fillRect(QRectF(bounds.left(), y, bounds.width() + gap, gap), panel)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_anchor(painter)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.border), 1.0))
        painter.drawRect(bounds.adjusted(-0.5, -0.5, 0.5, 0.5))
        if self._hover is not None and self._hover != self._current:
            painter.setPen(QPen(QColor(theme.text), 1.0))
            painter.drawRect(self._grid.rect(self._hover).adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.setPen(QPen(QColor(theme.highlight), 2.0 if self.hasFocus() else 1.5))
        painter.drawRect(self._grid.rect(self._current).adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()

    def _draw_anchor(self, painter: QPainter) -> None:
        """Mark the cell that lies on the output pixel by a dot."""
        box = self._grid.rect(self.anchor())
        ink = readable_on(weight_colour(float(self._values[self.anchor()]), self._limit, theme_of(self)))
        ink.setAlpha(150)
        painter.setBrush(ink)
        radius = min(2.5, box.width() / 4)
        painter.drawEllipse(box.center(), radius, radius)

    # Pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        cell = self._grid.at(event.position())
        if cell is None:
            return
        if event.button() == Qt.MouseButton.RightButton:
            self._right = event.position()
            self.set_current(cell)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.set_current(cell)
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.set_brush(float(self._values[cell]))
                self.brush_picked.emit(self._brush)
            else:
                self._begin("paint", self._brush, cell)

    def _begin(self, kind: str, value: float, cell: Cell) -> None:
        self._stroke = (merge_key(kind), value, cell)
        self._write([cell], value, self._stroke[0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._right is not None and self._stroke is None:
            if (event.position() - self._right).manhattanLength() < _START:
                return
            self._begin("erase", 0.0, self._grid.nearest(self._right))
        if self._stroke is None or event.buttons() == Qt.MouseButton.NoButton:
            return
        key, value, last = self._stroke
        cell = self._grid.nearest(event.position())
        if cell != last:
            self._stroke = (key, value, cell)
            self.set_current(cell)
            self._write(cells_between(last, cell), value, key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        clicked = self._right is not None and self._stroke is None
        self._stroke = None
        self._right = None
        # The menu waits for the release: until then a press may still become a stroke of the eraser.
        if clicked and event.button() == Qt.MouseButton.RightButton:
            self.open_menu(event.globalPosition().toPoint())

    # Keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._starts_typing(event):
            self.typing_started.emit(event.text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.typing_started.emit("")
        elif event.key() == Qt.Key.Key_Space:
            self._write([self._current], self._brush, "")
        else:
            super().keyPressEvent(event)
