"""The field of one whole number: a spin box, and a slider where the range is small enough to drag through."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QWidget

from convstudio.spec.params import Declared, IntParam
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.quiet import QuietSpinBox
from convstudio.ui.fields.slider import SlimSlider

_DRAGGABLE = 400  # values a slider may hold before one pixel of dragging skips too many of them


def make_spin(param: IntParam) -> QuietSpinBox:
    """Return a spin box with the parameter's range, step and unit, not yet connected."""
    spin = QuietSpinBox()
    spin.setRange(param.minimum, param.maximum)
    spin.setSingleStep(param.step)
    if param.unit:
        spin.setSuffix(param.unit if param.unit == "°" else f" {param.unit}")
    return spin


def narrow_spin(spin: QuietSpinBox, minimum: int, maximum: int) -> None:
    """Set the range without a signal and without moving the value that is shown."""
    with QSignalBlocker(spin):
        spin.setRange(min(minimum, spin.value()), max(maximum, spin.value()))


class IntField(Field):
    """A whole number."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, IntParam)
        self._declared = param
        self._limits = (param.minimum, param.maximum)
        self.slider: SlimSlider | None = None
        if param.maximum - param.minimum <= _DRAGGABLE:
            self.slider = SlimSlider()
            self.slider.valueChanged.connect(self._on_slid)
            self.slider.sliderReleased.connect(self.finished)
            self.add_control(self.slider, "slider", 1)
        self.spin = make_spin(param)
        self.spin.valueChanged.connect(self._on_typed)
        self.spin.editingFinished.connect(self._on_editing_finished)
        if self.slider is not None:
            self.spin.setFixedWidth(72)
        self.add_control(self.spin, "", 0 if self.slider else 1)
        self._narrow()
        self._show(declared.default)

    def set_range(self, minimum: float, maximum: float) -> None:
        self._limits = (max(self._declared.minimum, int(minimum)), min(self._declared.maximum, int(maximum)))
        self._narrow()

    def _narrow(self) -> None:
        low, high = self._limits
        narrow_spin(self.spin, low, high)
        if self.slider is not None:
            low, high = self.spin.minimum(), self.spin.maximum()
            with QSignalBlocker(self.slider):
                self.slider.setRange(0, (high - low) // self._declared.step)
                self.slider.set_origin(max(0, (0 - low) // self._declared.step))
                self.slider.setValue((self.spin.value() - low) // self._declared.step)

    def _show(self, value: int) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setRange(self._declared.minimum, self._declared.maximum)
            self.spin.setValue(value)
        self._narrow()

    def _on_slid(self, position: int) -> None:
        value = self.spin.minimum() + position * self._declared.step
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        self._enter(value)

    def _on_typed(self, value: int) -> None:
        if self._enter(value):
            self._narrow()

    def _on_editing_finished(self) -> None:
        # A number between the steps was typed: leaving the field takes the nearest one that exists.
        step, low = self._declared.step, self._declared.minimum
        if (self.spin.value() - low) % step:
            self.spin.setValue(low + round((self.spin.value() - low) / step) * step)
        self.finished.emit()
