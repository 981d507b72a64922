"""Kernels to look at: one with its numbers, or many side by side, on one scale of colours."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QToolTip, QWidget

from convstudio.kernels.text import format_number
from convstudio.ui.kernel_cells import Cell, CellGrid
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.training_planes import Numbers, fixed_texts
from convstudio.ui.weight_colours import draw_thumbnail, weight_image, weight_limit, weight_paints

_GAP = 2.0
_LETTERS, _READABLE, _LEAST_LETTERS = 14, 11, 9  # px
_LARGEST_CELL = 76.0  # px: a 1×1 kernel is no wall
_LEAST_CELL = 24.0  # px that a number needs
_APART = 4  # px around each of several kernels
_NUMBERED = 4  # kernels that have numbers when they are side by side
_THUMB = QSize(60, 62)
TILES = 64
"""Kernels that are shown side by side at most."""


@dataclass(frozen=True, eq=False)
class Detail:
    """Other weights that a kernel's are compared with, cell by cell.

    Attributes:
        name: what they are called.
        values: of the kernel's shape.
        errors: their standard errors; None, or not a number, where they are not known.
        own: whether they are those that are shown, of which only the errors are to be told.
    """

    name: str
    values: Numbers
    errors: Numbers | None = None
    own: bool = False

    def words(self, cell: Cell, value: float) -> str:
        """Return what is told of a cell that has ``value``; "" for nothing."""
        other = float(self.values[cell])
        error = math.nan if self.errors is None else float(self.errors[cell])
        known = "" if math.isnan(error) else "not determined" if math.isinf(error) else f"±{error:.3g}"
        if self.own:
            return f"Standard error: {known}" if known else ""
        said = f"{self.name}: {format_number(other)}{f' ({known})' if known else ''}"
        return f"{said}, difference {format_number(value - other)}"


def thumbnail_box(box: QRectF, values: Numbers) -> QRectF:
    """Return what ``draw_thumbnail`` fills of a box for a kernel."""
    rows, columns = values.shape
    side = min(box.width() / columns, box.height() / rows)
    filled = QRectF(0, 0, columns * side, rows * side)
    filled.moveCenter(box.center())
    return filled


class WeightsView(QWidget):
    """Shows kernels; ``picked(index)`` says which of several was clicked."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-weights")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(72, 72)
        self._kernels: tuple[Numbers, ...] = ()
        self._titles: tuple[str, ...] = ()
        self._limit = 1.0
        self._details: tuple[Detail, ...] = ()

    # --- what is shown ---

    @property
    def kernels(self) -> tuple[Numbers, ...]:
        """What is shown, each ``(rows, columns)``."""
        return self._kernels

    def show_kernels(
        self,
        kernels: tuple[Numbers, ...],
        limit: float,
        titles: tuple[str, ...] = (),
        details: tuple[Detail, ...] = (),
    ) -> None:
        """Show kernels on a scale from ``-limit`` to ``limit``; ``details`` are others to compare with."""
        self._kernels, self._limit, self._titles, self._details = kernels, limit, titles, details
        self.setCursor(Qt.CursorShape.PointingHandCursor if len(kernels) > 1 else Qt.CursorShape.ArrowCursor)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(140, 140)

    # --- where things are ---

    def cells(self, index: int = 0) -> CellGrid:
        """Return where the cells of a kernel lie."""
        rows, columns = self._kernels[index].shape
        room = self.tile(index)
        gap = _GAP if max(rows, columns) <= 15 else 0.0
        side = min((room.width() - (columns - 1) * gap) / columns, (room.height() - (rows - 1) * gap) / rows)
        side = max(1.0, math.floor(min(side, _LARGEST_CELL)))
        left = room.center().x() - (columns * (side + gap) - gap) / 2
        top = room.center().y() - (rows * (side + gap) - gap) / 2
        return CellGrid(rows, columns, math.floor(left), math.floor(top), side, side, gap)

    def tile(self, index: int) -> QRectF:
        """Return the room of a kernel: all of it for one, for several so that they are as large as can be."""
        count = len(self._kernels)
        if count == 1:
            return QRectF(self.rect())
        rows, columns = self._kernels[0].shape

        def side(across: int) -> float:
            down = math.ceil(count / across)
            return float(min(self.width() / across / columns, self.height() / down / rows))

        across = max(range(1, count + 1), key=side)
        width, height = self.width() / across, self.height() / math.ceil(count / across)
        row, column = divmod(index, across)
        return QRectF(column * width, row * height, width, height).adjusted(_APART, _APART, -_APART, -_APART)

    def index_at(self, point: QPointF) -> int | None:
        """Return which of several kernels is under a point."""
        found = (i for i in range(len(self._kernels)) if self.tile(i).contains(point))
        return next(found, None)

    # --- painting ---

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._kernels:
            return
        painter = QPainter(self)
        if len(self._kernels) <= _NUMBERED:
            for index in range(len(self._kernels)):
                self._paint_one(painter, index)
        else:
            for index, values in enumerate(self._kernels):
                draw_thumbnail(painter, self.tile(index), self._image(values), 2.0)
        painter.end()

    def _paint_one(self, painter: QPainter, index: int) -> None:
        theme, values, grid = theme_of(self), self._kernels[index], self.cells(index)
        texts, font = self._texts(values, grid.width)
        if texts is None:
            draw_thumbnail(painter, grid.bounds(), self._image(values))
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font)
        paints = weight_paints(np.nan_to_num(values), self._limit, theme)
        for row, line in enumerate(paints):
            for column, (back, letters) in enumerate(line):
                cell = grid.rect((row, column))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(back)
                painter.drawRoundedRect(cell, 4, 4)
                painter.setPen(letters)
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, texts[row][column])

    def _image(self, values: Numbers) -> QImage:
        return weight_image(np.nan_to_num(values), theme_of(self), self._limit)

    def _texts(self, values: Numbers, side: float) -> tuple[list[list[str]] | None, QFont]:
        font = QFont(self.font())
        if side < _LEAST_CELL:
            return None, font
        # Of weights that are small beside their scale more digits are shown, but no more than one.
        limit = max(weight_limit(np.nan_to_num(values)), self._limit / 10.0) if values.any() else self._limit
        # Three digits in letters that are easily read, if need be without the zero before the point; else two
        # in the smallest, else the colours alone.
        for bare, pixels in itertools.product((False, True), range(_LETTERS, _READABLE - 1, -1)):
            font.setPixelSize(pixels)
            texts = fixed_texts(values, limit, QFontMetricsF(font), side - 4, least=3, bare=bare)
            if texts is not None:
                return texts, font
        font.setPixelSize(_LEAST_LETTERS if side < 30 else _READABLE)
        return fixed_texts(values, limit, QFontMetricsF(font), side - 2, least=2), font

    # --- what is under the pointer ---

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._kernels:
            QToolTip.showText(event.globalPos(), self.words_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def words_at(self, point: QPointF) -> str:
        """Return what is told of the place under the pointer, as a tooltip."""
        if len(self._kernels) > 1:
            index = self.index_at(point)
            named = index is not None and index < len(self._titles)
            return (
                tip(self._titles[index], "Click to see its numbers.") if index is not None and named else ""
            )
        cell = self.cells().at(point)
        if cell is None:
            return ""
        value = float(self._kernels[0][cell])
        lines = [f"Row {cell[0]}, column {cell[1]}: {format_number(value)}"]
        return tip(*lines, *(detail.words(cell, value) for detail in self._details))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position()) if len(self._kernels) > 1 else None
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self.picked.emit(index)
        else:
            super().mousePressEvent(event)


class KernelThumb(QAbstractButton):
    """A small kernel with a word under it; pressed, it is the one that is shown large."""

    def __init__(self, name: str, caption: str, help_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(caption)
        self.setText(caption)
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setToolTip(tip(help_text))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(_THUMB)
        self._values: Numbers | None = None
        self._limit = 1.0

    @property
    def values(self) -> Numbers | None:
        """The kernel that is shown."""
        return self._values

    def show_kernel(self, values: Numbers | None, limit: float) -> None:
        """Show a kernel ``(rows, columns)`` on a scale from ``-limit`` to ``limit``; None hides it."""
        self._values, self._limit = values, limit
        if self.isHidden() == (values is not None):
            self.setVisible(values is not None)
        self.update()

    def sizeHint(self) -> QSize:
        return _THUMB

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        lit = self.isChecked() or self.hasFocus()
        if lit or self.underMouse():
            painter.setPen(QPen(QColor(theme.accent if lit else theme.border), 1))
            painter.setBrush(QColor(theme.card))
            painter.drawRoundedRect(frame, 5, 5)
        if self._values is not None:
            box = QRectF(self.width() / 2 - 21, 4, 42, 42)
            draw_thumbnail(painter, box, weight_image(np.nan_to_num(self._values), theme, self._limit), 2.0)
            painter.setPen(QPen(QColor(theme.border), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(thumbnail_box(box, self._values).adjusted(-0.5, -0.5, 0.5, 0.5))
        font = QFont(self.font())
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(theme.text if self.isChecked() else theme.text_dim))
        words = QRectF(0, 46, self.width(), 15)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()
