"""The field of one word out of a few: segments for up to four short words, else a list that opens."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QWidget

from convstudio.spec.params import Choice, ChoiceParam, Declared
from convstudio.ui.fields.base import Field
from convstudio.ui.fields.quiet import QuietComboBox
from convstudio.ui.fields.segments import Segments
from convstudio.ui.tips import tip

_SEGMENTS = 4
_LETTERS = 24  # all labels together, as many as fit the narrowest inspector


def fits_segments(choices: tuple[Choice, ...]) -> bool:
    """Return whether the choices can stand side by side in a narrow panel."""
    return len(choices) <= _SEGMENTS and sum(len(choice.label) for choice in choices) <= _LETTERS


class ChoiceField(Field):
    """One of several words; under segments a dim line says what the present choice means."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        param = declared.param
        assert isinstance(param, ChoiceParam)
        self._choices = {choice.value: choice for choice in param.choices}
        self.segments: Segments | None = None
        self.combo: QuietComboBox | None = None
        if fits_segments(param.choices):
            self.segments = Segments(param.choices, self.objectName())
            self.segments.chosen.connect(self._on_chosen)
            self.add_control(self.segments, "", 1)
            self.keep_hint_line()
        else:
            self.combo = QuietComboBox()
            for row, choice in enumerate(param.choices):
                self.combo.addItem(choice.label, choice.value)
                self.combo.setItemData(row, tip(choice.help), Qt.ItemDataRole.ToolTipRole)
            self.combo.currentIndexChanged.connect(self._on_row)
            self.add_control(self.combo, "", 1)
        self._show(declared.default)

    def _show(self, value: str) -> None:
        if self.segments is not None:
            self.segments.show_choice(value)
            self.set_hint(self._choices[value].help)
        if self.combo is not None:
            with QSignalBlocker(self.combo):
                self.combo.setCurrentIndex(self.combo.findData(value))
            self._explain_combo(value)

    def set_choice_reasons(self, reasons: Mapping[str, str]) -> None:
        # The present word stays as it is: that it cannot work is said as a problem.
        reasons = {value: why for value, why in reasons.items() if value != self._value}
        for row, (value, choice) in enumerate(self._choices.items()):
            if self.segments is not None:
                self.segments.set_reason(value, reasons.get(value))
            if self.combo is not None:
                model = self.combo.model()
                assert isinstance(model, QStandardItemModel)
                model.item(row).setEnabled(value not in reasons)
                explained = tip(choice.help, reasons.get(value, ""))
                self.combo.setItemData(row, explained, Qt.ItemDataRole.ToolTipRole)

    def _explain_combo(self, value: str) -> None:
        assert self.combo is not None
        self.combo.setToolTip(tip(self.param.help, self._choices[value].help, *self.explanations()))

    def _describe(self) -> None:
        super()._describe()
        if getattr(self, "combo", None) is not None:
            self._explain_combo(self._value)

    def _on_chosen(self, value: str) -> None:
        self.set_hint(self._choices[value].help)
        self._enter(value)
        self.finished.emit()

    def _on_row(self, row: int) -> None:
        assert self.combo is not None
        value = str(self.combo.itemData(row))
        self._enter(value)
        self._explain_combo(value)
        self.finished.emit()
