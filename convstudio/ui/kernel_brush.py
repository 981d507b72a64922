"""Under a big kernel's picture: the brush's value, and the number of the outlined cell."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from convstudio.ui.fields.slider import SlimSlider
from convstudio.ui.kernel_cells import Cell
from convstudio.ui.number_edit import NumberEdit
from convstudio.ui.param_form import LABEL_WIDTH
from convstudio.ui.tips import tip

_HALF = 100  # slider positions on each side of zero


class KernelBrush(QWidget):
    """``brush_changed(value)`` and ``cell_entered(value)`` come from the user, ``show_*`` emits nothing."""

    brush_changed = Signal(float)
    cell_entered = Signal(float)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-brush")
        self._limit = 1.0
        self._slider = SlimSlider(self)
        self._slider.setRange(-_HALF, _HALF)
        self._slider.set_origin(0)
        self._slider.setObjectName("kernel-brush-slider")
        self._slider.setAccessibleName("Brush, slider")
        self._slider.setToolTip(
            tip("The weight that the left button paints; the right button always erases.")
        )
        self._slider.valueChanged.connect(self._on_slid)
        self._brush = self._edit("kernel-brush-value", "Brush", "The weight that the left button paints.")
        self._brush.entered.connect(self._on_brush_entered)
        self._cell = self._edit(
            "kernel-cell-value", "Weight of the outlined cell", "The outlined cell's weight."
        )
        self._cell.entered.connect(self.cell_entered)
        self._where = QLabel(self)
        self._where.setProperty("role", "caption")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        self.show_brush(1.0)
        grid.addWidget(QLabel("Brush", self), 0, 0)
        grid.addWidget(self._slider, 0, 1)
        grid.addWidget(self._brush, 0, 2)
        grid.addWidget(QLabel("Cell", self), 1, 0)
        grid.addWidget(self._where, 1, 1)
        grid.addWidget(self._cell, 1, 2)

    def _edit(self, name: str, label: str, help_text: str) -> NumberEdit:
        edit = NumberEdit(self)
        edit.setObjectName(name)
        edit.setAccessibleName(label)
        edit.setToolTip(tip(help_text, "Fractions such as 1/9 too; Enter takes it."))
        edit.setFixedWidth(100)
        edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        edit.refused.connect(self.refused)
        return edit

    def show_limit(self, limit: float) -> None:
        """Let the slider reach from ``-limit`` to ``limit``."""
        if limit != self._limit:
            self._limit = limit
            self.show_brush(self._brush.value())

    def show_brush(self, value: float) -> None:
        """Show the value that the brush paints."""
        self._brush.show_value(value)
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(min(max(value / self._limit, -1.0), 1.0) * _HALF))

    def show_cell(self, cell: Cell, value: float) -> None:
        """Show where the outlined cell is and its weight."""
        self._where.setText(f"row {cell[0]}, column {cell[1]}")
        self._cell.show_value(value)

    def start_typing(self, text: str) -> None:
        """Put the keyboard focus into the cell's field, with a first character or all selected."""
        self._cell.setFocus(Qt.FocusReason.OtherFocusReason)
        if text:
            self._cell.setText(text)
        else:
            self._cell.selectAll()

    def _on_slid(self, position: int) -> None:
        value = float(f"{position / _HALF * self._limit:.3g}")
        self._brush.show_value(value)
        self.brush_changed.emit(value)

    def _on_brush_entered(self, value: float) -> None:
        self.show_brush(value)
        self.brush_changed.emit(value)
