"""The field of one whole number per axis: two spin boxes and the chain between them."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QLabel, QWidget

from convstudio.spec.params import Declared, Pair, PerAxisParam
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.int_field import make_spin, narrow_spin
from convstudio.ui.fields.link_button import LinkButton


class PerAxisField(Field):
    """Rows × columns: linked where both are equal, unless the user opened the chain."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, PerAxisParam)
        self._declared = param
        self._limits = [(param.each.minimum, param.each.maximum)] * 2
        self.spins = (make_spin(param.each), make_spin(param.each))
        self.link = LinkButton()
        self._wants_link = True
        self._why = ""
        for axis, spin in enumerate(self.spins):
            if axis:
                cross = QLabel("×")
                cross.setProperty("role", "caption")
                self.row.addWidget(cross)
            self.add_control(spin, param.axes[axis], 1, f"{param.help} {param.axes[axis].capitalize()} axis.")
            spin.editingFinished.connect(self.finished)
        self.spins[0].valueChanged.connect(self._on_first)
        self.spins[1].valueChanged.connect(self._on_second)
        self.add_control(self.link, "link", help_text="Linked, both axes change together.")
        self.link.toggled.connect(self._on_link)
        self._show(declared.default)

    def set_range(self, minimum: float, maximum: float) -> None:
        for axis in (0, 1):
            self.set_axis_range(axis, int(minimum), int(maximum))

    def set_axis_range(self, axis: int, minimum: int, maximum: int, why: str = "") -> None:
        """Narrow one axis (0 rows, 1 columns); linked, the narrower of both holds for both.

        ``why`` is said in the tooltip when the value stands at the narrowed end.
        """
        each = self._declared.each
        self._why = why
        self._limits[axis] = (max(each.minimum, minimum), min(each.maximum, maximum))
        self._narrow()

    def _narrow(self) -> None:
        hint = ""
        for axis, spin in enumerate(self.spins):
            low, high = self._limits[axis]
            if self.link.isChecked():
                low = max(low, self._limits[1 - axis][0])
                high = min(high, self._limits[1 - axis][1])
            narrow_spin(spin, low, high)
            if spin.value() > high:
                hint = f"At most {high} works here."
            elif spin.value() == high < self._declared.each.maximum and not hint:
                hint = self._why
        self.set_hint(hint)

    def _show(self, value: Pair) -> None:
        each = self._declared.each
        with QSignalBlocker(self.link):
            self.link.setChecked(self._wants_link and value[0] == value[1])
        for spin, number in zip(self.spins, value, strict=True):
            with QSignalBlocker(spin):
                spin.setRange(each.minimum, each.maximum)
                spin.setValue(number)
        self._narrow()
        self.link.update()

    def _on_first(self, number: int) -> None:
        self._on_typed(0, number)

    def _on_second(self, number: int) -> None:
        self._on_typed(1, number)

    def _on_typed(self, axis: int, number: int) -> None:
        other = self.spins[1 - axis]
        if self.link.isChecked():
            with QSignalBlocker(other):
                other.setRange(self._declared.each.minimum, self._declared.each.maximum)
                other.setValue(number)
        if self._enter((self.spins[0].value(), self.spins[1].value())):
            self._narrow()

    def _on_link(self, linked: bool) -> None:
        self._wants_link = linked
        if linked and self.spins[0].value() != self.spins[1].value():
            with QSignalBlocker(self.spins[1]):
                self.spins[1].setValue(self.spins[0].value())
            self._enter((self.spins[0].value(), self.spins[1].value()))
        self._narrow()
