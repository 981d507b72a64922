"""The field of one real number: a spin box, and a slider where the range is one to drag through."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QWidget

from convstudio.spec.params import Declared, FloatParam
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.quiet import QuietDoubleSpinBox
from convstudio.ui.fields.slider import SlimSlider

_DRAGGABLE = 2000  # steps; a slider over more of them could not be set to a wanted value


class FloatField(Field):
    """A real number. The slider moves in the declared steps, the spin box is as fine as its decimals.

    A range of more than 2000 steps (a bias) gets no slider, since a pixel of it would be too coarse.
    """

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, FloatParam)
        self._declared = param
        self._limits = (param.minimum, param.maximum)
        self.slider: SlimSlider | None = None
        if (param.maximum - param.minimum) / param.step <= _DRAGGABLE:
            self.slider = SlimSlider()
            self.slider.valueChanged.connect(self._on_slid)
            self.slider.sliderReleased.connect(self.finished)
            self.add_control(self.slider, "slider", 1)
        self.spin = QuietDoubleSpinBox()
        self.spin.setDecimals(param.decimals)
        self.spin.setSingleStep(param.step)
        self.spin.setRange(param.minimum, param.maximum)
        if param.unit:
            self.spin.setSuffix(param.unit if param.unit == "°" else f" {param.unit}")
        self.spin.valueChanged.connect(self._on_typed)
        self.spin.editingFinished.connect(self.finished)
        if self.slider is not None:
            self.spin.setFixedWidth(72)
        self.add_control(self.spin, "", 0 if self.slider else 1)
        self._show(declared.default)

    def set_range(self, minimum: float, maximum: float) -> None:
        self._limits = (max(self._declared.minimum, minimum), min(self._declared.maximum, maximum))
        self._narrow()

    def _positions(self) -> int:
        low, high = self.spin.minimum(), self.spin.maximum()
        return max(1, round((high - low) / self._declared.step))

    def _narrow(self) -> None:
        low, high = self._limits
        with QSignalBlocker(self.spin):
            self.spin.setRange(min(low, self.spin.value()), max(high, self.spin.value()))
        if self.slider is None:
            return
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, self._positions())
            self.slider.setPageStep(max(1, self._positions() // 10))
            self.slider.set_origin(max(0, self._position_of(0.0)))
            self.slider.setValue(self._position_of(self.spin.value()))

    def _position_of(self, value: float) -> int:
        low, high = self.spin.minimum(), self.spin.maximum()
        return round((value - low) / (high - low) * self._positions()) if high > low else 0

    def _show(self, value: float) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setRange(self._declared.minimum, self._declared.maximum)
            self.spin.setValue(value)
        self._narrow()

    def _on_slid(self, position: int) -> None:
        low, high = self.spin.minimum(), self.spin.maximum()
        value = round(low + (high - low) * position / self._positions(), self._declared.decimals)
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        self._enter(value)

    def _on_typed(self, value: float) -> None:
        if self._enter(value):
            self._narrow()
