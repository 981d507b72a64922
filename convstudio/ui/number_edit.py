"""A text field for one number, fractions such as 1/9 too, that says in words what it cannot read."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from convstudio.kernels.text import format_number, parse_number
from convstudio.spec.params import ParamError


class NumberEdit(QLineEdit):
    """``entered(value)`` comes with Enter and when the focus leaves; Esc takes back what was typed.

    ``refused(sentence)`` says why the text is no number; it comes empty when that is over.
    """

    entered = Signal(float)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.problem = ""
        self._value = 0.0
        self.installEventFilter(self)
        self.textEdited.connect(self._on_text_edited)

    def value(self) -> float:
        """Return the number that was last shown or entered."""
        return self._value

    def show_value(self, value: float) -> None:
        """Show a number; a text that is being typed and already means it stays as it stands."""
        self._value = value
        if self.parsed()[0] != value or not self.hasFocus():
            self.setText(format_number(value))
        self.say("")

    def parsed(self) -> tuple[float | None, str]:
        """Return the number that the text means and an empty sentence, or ``None`` and what is wrong."""
        try:
            return parse_number(self.text()), ""
        except ParamError as error:
            return None, str(error)

    def say(self, problem: str) -> None:
        """Show the red border and pass the sentence on, or take both away with an empty one."""
        if problem == self.problem:
            return
        self.problem = problem
        self.setProperty("invalid", bool(problem))
        self.style().unpolish(self)
        self.style().polish(self)
        self.setAccessibleDescription(problem)
        self.refused.emit(problem)

    def _on_text_edited(self) -> None:
        # Half a fraction is not yet a mistake: only a text that was refused is watched while it changes.
        if self.problem:
            self.say(self.parsed()[1])

    def _enter(self) -> bool:
        if not self.isModified():  # the text is short for the value: reading it back would round it
            return True
        value, problem = self.parsed()
        self.say(problem)
        if value is None:
            return False
        if value != self._value:
            self._value = value
            self.entered.emit(value)
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        key = event.key() if isinstance(event, QKeyEvent) else None
        ours = key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.type() == QEvent.Type.ShortcutOverride and ours:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setText(format_number(self._value))
            self.say("")
            self.selectAll()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._enter():
                self.setText(format_number(self._value))
                self.selectAll()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._enter()
            self.setText(format_number(self._value))
            self.say("")
