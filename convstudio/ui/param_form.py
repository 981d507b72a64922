"""The form of a layer or a preset, generated from its declared parameters."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QWidget

from convstudio.spec.params import Declared
from convstudio.ui.fields import Field, make_field
from convstudio.ui.fields.quiet import FIELD_STYLE, ROW_HEIGHT
from convstudio.ui.tips import tip

LABEL_WIDTH = 78  # px; the narrowest inspector leaves the rest to the controls


class ParamForm(QWidget):
    """Labels on the left, controls on the right, in the order of the declaration.

    ``edited(name, value)`` says what the user entered, allowed values only, while typing and dragging.
    ``merge_key_ended(name)`` says that the user is done with that parameter: the focus left it, Enter was
    pressed, a slider let go. The ``show_*`` and ``set_*`` methods emit nothing.
    """

    edited = Signal(str, object)
    merge_key_ended = Signal(str)

    def __init__(self, params: tuple[Declared, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("param-form")
        self.setStyleSheet(FIELD_STYLE)
        self._fields: dict[str, Field] = {}
        self._labels: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(5)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        for declared in params:
            field = make_field(declared, self)
            if field is None:
                continue
            label = QLabel(declared.param.label, self)
            label.setObjectName(f"{field.objectName()}-label")
            label.setToolTip(tip(declared.param.help))
            label.setBuddy(field.controls()[0])
            label.setFixedHeight(ROW_HEIGHT)
            row = grid.rowCount()
            grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(field, row, 1)
            field.edited.connect(self._on_field_edited)
            field.finished.connect(self._on_field_finished)
            self._fields[declared.name] = field
            self._labels[declared.name] = label
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def field(self, name: str) -> Field:
        """Return the field of a parameter. Raises KeyError for a name that has none."""
        return self._fields[name]

    def names(self) -> tuple[str, ...]:
        """Return the parameters that have a field, in order."""
        return tuple(self._fields)

    def show_values(self, values: Mapping[str, object]) -> None:
        """Show values by name; names without a field are skipped, so a whole layer's values may come."""
        for name, value in values.items():
            if name in self._fields:
                self._fields[name].set_value(value)

    def show_problem(self, name: str, text: str | None) -> None:
        """Say at a parameter why it cannot work, or take the sentence away with ``None``."""
        self._fields[name].set_problem(text)

    def mark_problem(self, name: str, text: str | None) -> None:
        """Mark a parameter whose value cannot work, the reason in its tooltip: nothing moves in the form."""
        label = self._labels[name]
        self._fields[name].mark_problem(text)
        if bool(label.property("wrong")) != bool(text):
            label.setProperty("wrong", bool(text))
            label.style().unpolish(label)
            label.style().polish(label)
        label.setToolTip(tip(self._fields[name].param.help, text or ""))

    def set_range(self, name: str, minimum: float, maximum: float) -> None:
        """Narrow what can be entered for a parameter, within its declaration."""
        self._fields[name].set_range(minimum, maximum)

    def set_enabled_reason(self, name: str, text: str | None) -> None:
        """Switch a parameter off and say why, or on again with ``None``."""
        self._fields[name].set_enabled_reason(text)
        self._labels[name].setEnabled(text is None)

    def set_visible(self, name: str, visible: bool) -> None:
        """Show or hide a parameter's whole row."""
        self._fields[name].setVisible(visible)
        self._labels[name].setVisible(visible)

    def _on_field_edited(self, value: object) -> None:
        field = self.sender()
        assert isinstance(field, Field)
        self.edited.emit(field.name, value)

    def _on_field_finished(self) -> None:
        field = self.sender()
        assert isinstance(field, Field)
        self.merge_key_ended.emit(field.name)

    def _on_focus_changed(self, old: QWidget | None, now: QWidget | None) -> None:
        for name, field in self._fields.items():
            if old is not None and field.isAncestorOf(old) and not (now and field.isAncestorOf(now)):
                self.merge_key_ended.emit(name)
