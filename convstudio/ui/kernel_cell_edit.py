"""The text field that stands over a cell while its number is typed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QWidget

from convstudio.ui.kernel_cells import Cell
from convstudio.ui.number_edit import NumberEdit

_MOVES: dict[int, Cell] = {
    Qt.Key.Key_Return: (1, 0),
    Qt.Key.Key_Enter: (1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Up: (-1, 0),
}


class CellEdit(NumberEdit):
    """Types one number and says where to go from here.

    ``committed(value, rows, columns)``: Enter goes down, Tab right, Shift+Tab left; losing the focus stays.
    ``closed(sentence)``: editing ended without a number, after Esc with an empty sentence, else with what
    was wrong with the text.
    """

    committed = Signal(float, int, int)
    closed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-cell-edit")
        self.setAccessibleName("Weight of this cell")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._over = False

    def _commit(self, rows: int, columns: int) -> None:
        value, problem = self.parsed()
        if value is None:
            self.say(problem)
        elif not self._over:
            self._over = True
            self.committed.emit(value, rows, columns)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Tab never reaches keyPressEvent: QWidget.event would hand the focus on.
        key = event.key() if isinstance(event, QKeyEvent) else None
        if event.type() == QEvent.Type.KeyPress and key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            self._commit(0, -1 if key == Qt.Key.Key_Backtab else 1)
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._over = True
            self.closed.emit("")
        elif event.key() in _MOVES:
            self._commit(*_MOVES[event.key()])
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        # Its own context menu takes the focus only for a while.
        if self._over or event.reason() == Qt.FocusReason.PopupFocusReason:
            return
        value, problem = self.parsed()
        self._over = True
        if value is None:
            self.closed.emit(problem)
        else:
            self.committed.emit(value, 0, 0)
