"""A segmented choice: a few words side by side, exactly one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from convstudio.spec.params import Choice
from convstudio.ui.fields.quiet import ROW_HEIGHT
from convstudio.ui.tips import tip


class Segments(QWidget):
    """Buttons in a row, one per choice. ``chosen(value)`` comes only from the user."""

    chosen = Signal(str)

    def __init__(self, choices: Sequence[Choice], name: str, parent: QWidget | None = None) -> None:
        """``name`` is the prefix of the buttons' object names (``param-operation``)."""
        super().__init__(parent)
        self._buttons: dict[str, QPushButton] = {}
        self._helps = {choice.value: choice.help for choice in choices}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for choice in choices:
            button = QPushButton(choice.label, self)
            button.setCheckable(True)
            button.setProperty("role", "segment")
            button.setProperty("joined", bool(self._buttons))
            button.setObjectName(f"{name}-{choice.value}")
            button.setToolTip(tip(choice.help))
            button.setAccessibleName(choice.label)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setFixedHeight(ROW_HEIGHT)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(choice.label) + 7)
            self._group.addButton(button)
            self._buttons[choice.value] = button
            row.addWidget(button)
        self._group.buttonClicked.connect(self._on_clicked)
        self.setFocusProxy(next(iter(self._buttons.values())))

    def button(self, value: str) -> QPushButton:
        """Return the button of a choice."""
        return self._buttons[value]

    def set_reason(self, value: str, text: str | None) -> None:
        """Switch a choice off and say why in its tooltip, or on again with ``None``."""
        self._buttons[value].setEnabled(text is None)
        self._buttons[value].setToolTip(tip(self._helps[value], text or ""))

    def show_choice(self, value: str | None) -> None:
        """Mark a choice, or none, without a signal."""
        self._group.setExclusive(value is not None)
        for each, button in self._buttons.items():
            button.setChecked(each == value)
        if value is not None:
            self.setFocusProxy(self._buttons[value])

    def _on_clicked(self, clicked: QPushButton) -> None:
        self._group.setExclusive(True)
        for value, button in self._buttons.items():
            if button is clicked:
                self.setFocusProxy(button)
                self.chosen.emit(value)
