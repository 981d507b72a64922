"""Editing a name where it stands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from convstudio.ui.tips import tip

LONGEST_NAME = 80
_ENDS = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class NameEditor(QLineEdit):
    """Enter or leaving takes the name, Esc does not.

    ``finished(name, by_key)`` comes once; the name is None if it stays as it was.
    """

    finished = Signal(object, bool)

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(name, parent)
        self._done = False
        self.setAccessibleName("Name of the layer")
        self.setToolTip(tip("Enter takes the name, Esc leaves it. Without a name the layer goes by its own."))
        self.setMaxLength(LONGEST_NAME)
        self.setStyleSheet("padding: 0px 2px; min-height: 0px;")
        self.selectAll()

    def _finish(self, name: str | None, *, by_key: bool) -> None:
        if not self._done:
            self._done = True
            self.finished.emit(name, by_key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENDS:
            self._finish(None if event.key() == Qt.Key.Key_Escape else self.text(), by_key=True)
        else:
            super().keyPressEvent(event)
        event.accept()  # what a name has no use for is not for the list either

    def event(self, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _ENDS:
            event.accept()  # the name's own, whatever the window uses them for
            return True
        taken = super().event(event)
        if kind == QEvent.Type.FocusOut:
            self._finish(self.text(), by_key=False)
        return taken
