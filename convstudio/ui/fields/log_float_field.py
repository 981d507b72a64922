"""The field of a positive number of any size: a slider over its order of magnitude, and a spin box."""

from __future__ import annotations

import math
import re

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QWidget

from convstudio.spec.params import Declared, LogFloatParam
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.quiet import QuietDoubleSpinBox
from convstudio.ui.fields.slider import SlimSlider

ROUND_NUMBERS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""What the slider and the arrows stop at in each power of ten: near enough to equal ratios, and short."""

_PER_DECADE = len(ROUND_NUMBERS)
_DECADES = 8  # that the slider can hold before one pixel of dragging skips too many numbers
_REACH = 3  # decades to each side of the default, for a slider over a part of a wider range
_FIXED = (1e-4, 1e5)  # numbers between are written without a power of ten
_NUMBER = re.compile(r"[+]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_PART = re.compile(r"[+]?\d*\.?\d*(?:e[+-]?\d*)?", re.IGNORECASE)


def round_number(place: int) -> float:
    """Return the round number at a place: 0 is 1, and every ten places are a power of ten."""
    power, which = divmod(place, _PER_DECADE)
    return float(f"{ROUND_NUMBERS[which]}e{power}")  # by its digits: 1.2 · 1e−5 is not the nearest to 1.2e−5


def place_of(value: float) -> int:
    """Return the place of the round number nearest to a positive one, by their ratio."""
    guess = math.floor(math.log10(value) * _PER_DECADE)
    return min(range(guess - 2, guess + 4), key=lambda place: abs(math.log(value / round_number(place))))


def number_text(value: float, digits: int) -> str:
    """Return a positive number with so many significant digits, more where it would not be the same."""
    if not value:
        return "0"
    if float(f"{value:.{digits}g}") != value:
        digits = max(digits, 5)
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    if _FIXED[0] <= value < _FIXED[1]:
        places = max(0, digits - 1 - int(power))
        text = f"{value:.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{mantissa}e{int(power)}".replace("-", "−")


def read_number(text: str, unit: str = "") -> float | None:
    """Return the number that was typed, such as 0.0003, 3e-4, ,5 or 1E−3; None where it is none (yet)."""
    plain = _plain(text, unit)
    return float(plain) if _NUMBER.fullmatch(plain) else None


def _plain(text: str, unit: str = "") -> str:
    text = text.strip().removesuffix(unit.strip()) if unit.strip() else text
    return text.replace(",", ".").replace("−", "-").replace(" ", "")


class LogSpinBox(QuietDoubleSpinBox):
    """A spin box for positive numbers that may be written with a power of ten; steps go to round numbers.

    Its value is kept exactly: what is shown of it may have fewer digits, and reading that again changes
    nothing.
    """

    _digits = 3  # the constructor of Qt asks already

    def __init__(self, digits: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._digits = digits

    def set_limits(self, minimum: float, maximum: float) -> None:
        """Set the range; Qt rounds to decimals, so there are as many as tell two such numbers apart."""
        self.setDecimals(min(300, 17 + max(0, -math.floor(math.log10(minimum)))))
        self.setRange(minimum, maximum)

    def textFromValue(self, value: float) -> str:
        return number_text(value, self._digits)

    def valueFromText(self, text: str) -> float:
        number = read_number(text, self.suffix())
        if number is None or _plain(text, self.suffix()) == _plain(self.textFromValue(self.value())):
            return self.value()
        return number

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        plain, state = _plain(text, self.suffix()), QValidator.State
        number = read_number(text, self.suffix())
        if number is not None:
            inside = self.minimum() <= number <= self.maximum()
            return state.Acceptable if inside else state.Intermediate, text, position
        return state.Intermediate if _PART.fullmatch(plain) else state.Invalid, text, position

    def fixup(self, text: str) -> str:
        number = read_number(text, self.suffix())
        if number is None:
            return text
        return self.textFromValue(min(max(number, self.minimum()), self.maximum())) + self.suffix()

    def stepBy(self, steps: int) -> None:
        value = self.value()
        place = place_of(value)
        nearest = round_number(place)
        if (nearest > value) == (steps > 0) and not math.isclose(nearest, value):
            steps -= 1 if steps > 0 else -1  # the way to the next round number is a step
        self.setValue(min(max(round_number(place + steps), self.minimum()), self.maximum()))
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flags = QAbstractSpinBox.StepEnabledFlag
        found = flags.StepNone
        if self.value() < self.maximum():
            found |= flags.StepUpEnabled
        if self.value() > self.minimum():
            found |= flags.StepDownEnabled
        return found


class LogFloatField(Field):
    """A positive number. Every step of the slider is a round number, ten of them in a power of ten.

    Over more than eight powers of ten the slider covers the three to each side of the default; the spin box
    reaches the rest, and takes 1e-4 as well as 0.0001.
    """

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, LogFloatParam)
        self._declared = param
        self._limits = (param.minimum, param.maximum)
        self._reach = (place_of(param.minimum), place_of(param.maximum))
        if self._reach[1] - self._reach[0] > _DECADES * _PER_DECADE:
            middle, around = place_of(declared.default), _REACH * _PER_DECADE
            self._reach = (max(self._reach[0], middle - around), min(self._reach[1], middle + around))
        self.slider = SlimSlider()
        self.slider.setPageStep(_PER_DECADE)
        self.slider.valueChanged.connect(self._on_slid)
        self.slider.sliderReleased.connect(self.finished)
        self.add_control(self.slider, "slider", 1)
        self.spin = LogSpinBox(param.decimals)
        if param.unit:
            self.spin.setSuffix(f" {param.unit}")
        self.spin.set_limits(param.minimum, param.maximum)
        self.spin.valueChanged.connect(self._on_typed)
        self.spin.editingFinished.connect(self.finished)
        self.spin.setFixedWidth(82)
        self.add_control(self.spin)
        self._show(declared.default)

    def set_range(self, minimum: float, maximum: float) -> None:
        self._limits = (max(self._declared.minimum, minimum), min(self._declared.maximum, maximum))
        self._narrow()

    def _narrow(self) -> None:
        low, high = self._limits
        value = self.spin.value()
        with QSignalBlocker(self.spin):
            self.spin.setRange(min(low, value), max(high, value))
        first = max(self._reach[0], place_of(low))
        last = max(first, min(self._reach[1], place_of(high)))
        with QSignalBlocker(self.slider):
            self.slider.setRange(first, last)
            self.slider.set_origin(first)
            self.slider.setValue(min(max(place_of(value), first), last))

    def _show(self, value: float) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setRange(min(self._declared.minimum, value), max(self._declared.maximum, value))
            self.spin.setValue(value)
        self._narrow()

    def _on_slid(self, place: int) -> None:
        low, high = self._limits
        value = min(max(round_number(place), low), high)
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        self._enter(value)

    def _on_typed(self, value: float) -> None:
        if self._enter(value):
            self._narrow()
