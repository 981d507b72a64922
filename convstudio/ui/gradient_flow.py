"""The flow of one step: what comes in and the error on the left, the three gradients made of them beside."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from convstudio.layers import ConvTranspose
from convstudio.session.step_apart import Cell, StepApart
from convstudio.ui import gradient_words as words
from convstudio.ui.gradient_bands import BiasBand, InputBand, WeightBand
from convstudio.ui.plane_picture import PlanePicture

_GAP = 10
_LEFT_SHARE = 0.3  # of the width
_LEAST_LEFT, _MOST_LEFT = 190, 460  # px
_UPPER, _LOWER = 11, 9  # of the height


class GradientFlow(QWidget):
    """Lays one step out, and links its parts: pointing at one frames what it is made of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gradient-flow")
        self.before = PlanePicture("gradient-x", "Input x", self)
        self.error = PlanePicture("gradient-error", "Error ∂L/∂y", self)
        self.weight = WeightBand(self)
        self.input = InputBand(self)
        self.bias = BiasBand(self)
        self._apart: StepApart | None = None
        self._left = QWidget(self)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        left.addWidget(self.before, 1)
        left.addWidget(self.error, 1)
        lower = QHBoxLayout()
        lower.setSpacing(_GAP)
        lower.addWidget(self.input, 2)
        lower.addWidget(self.bias, 1)
        right = QVBoxLayout()
        right.setSpacing(_GAP)
        right.addWidget(self.weight, _UPPER)
        right.addLayout(lower, _LOWER)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_GAP)
        row.addWidget(self._left)
        row.addLayout(right, 1)
        self.weight.pointed.connect(self._point_weight)
        self.input.pointed.connect(self._point_pixel)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._left.setFixedWidth(min(max(round(_LEFT_SHARE * self.width()), _LEAST_LEFT), _MOST_LEFT))

    def show_apart(self, apart: StepApart) -> None:
        """Show a step."""
        self._apart = apart
        _, rows, columns = apart.in_shape
        channel = f"channel {apart.channels[0]} of {apart.in_shape[0]}, " if apart.in_shape[0] > 1 else ""
        self.before.show_plane(
            apart.x,
            f"{channel}{columns}×{rows}",
            "What comes into the layer. Point at an entry of ∂L/∂w to see the part that it multiplied.",
        )
        power = "" if apart.by_output.cells is None else words.scaled(apart.by_output.cells)[1]
        note = f"{words.error_formula(apart)}  {power}".rstrip()
        self.error.show_plane(apart.by_output, note, words.error_help(apart))
        self.weight.show_apart(apart)
        self.input.show_apart(apart)
        self.bias.show_apart(apart)

    @Slot(object)
    def _point_weight(self, cell: Cell | None) -> None:
        if self._apart is None:
            return
        window = None if cell is None else self._apart.window(cell)
        stamped = isinstance(self._apart.layer, ConvTranspose)
        (self.error if stamped else self.before).show_window(window)

    @Slot(object)
    def _point_pixel(self, cell: Cell | None) -> None:
        if self._apart is None:
            return
        few = cell is not None and self._apart.by_input.cells is not None
        self.before.show_window((*cell, 1, 1) if few and cell is not None else None)
        self.error.show_window(self._apart.errors_of(cell) if few and cell is not None else None)
