"""The field of one real number: a slider to drag with live preview, and a spin box for any exact value."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QWidget

from convstudio.spec.params import Declared, FloatParam
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.quiet import QuietDoubleSpinBox
from convstudio.ui.fields.slider import SlimSlider

_DRAGGABLE = 2000  # steps; a slider over more of them could not be set to a wanted value
_REACH = 20  # steps to each side of the default, for a slider over a part of a wide range
_FINER = 5  # positions a step there


class FloatField(Field):
    """A real number. The slider moves in the declared steps, the spin box is as fine as its decimals.

    Over a range of more than 2000 steps (a bias) a pixel of the slider would be too coarse: there it covers
    the 20 steps around the default, in fifths, and the spin box reaches the rest.
    """

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, FloatParam)
        self._declared = param
        self._limits = (param.minimum, param.maximum)
        self._reach, self._step = (param.minimum, param.maximum), param.step
        if (param.maximum - param.minimum) / param.step > _DRAGGABLE:
            around = _REACH * param.step
            self._reach = (declared.default - around, declared.default + around)
            self._step = param.step / _FINER
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
        self.spin.setFixedWidth(72)
        self.add_control(self.spin)
        self._show(declared.default)

    def set_range(self, minimum: float, maximum: float) -> None:
        self._limits = (max(self._declared.minimum, minimum), min(self._declared.maximum, maximum))
        self._narrow()

    def _span(self) -> tuple[float, float]:
        """Return what the slider covers: its reach within the present limits."""
        low, high = max(self._reach[0], self._limits[0]), min(self._reach[1], self._limits[1])
        return low, max(low, high)

    def _positions(self) -> int:
        low, high = self._span()
        return max(1, round((high - low) / self._step))

    def _narrow(self) -> None:
        low, high = self._limits
        with QSignalBlocker(self.spin):
            self.spin.setRange(min(low, self.spin.value()), max(high, self.spin.value()))
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, self._positions())
            self.slider.setPageStep(max(1, self._positions() // 10))
            self.slider.set_origin(self._position_of(0.0))
            self.slider.setValue(self._position_of(self.spin.value()))

    def _position_of(self, value: float) -> int:
        low, high = self._span()
        return (
            round((min(max(value, low), high) - low) / (high - low) * self._positions()) if high > low else 0
        )

    def _show(self, value: float) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setRange(min(self._declared.minimum, value), max(self._declared.maximum, value))
            self.spin.setValue(value)
        self._narrow()

    def _on_slid(self, position: int) -> None:
        low, high = self._span()
        value = round(low + (high - low) * position / self._positions(), self._declared.decimals)
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        self._enter(value)

    def _on_typed(self, value: float) -> None:
        if self._enter(value):
            self._narrow()
