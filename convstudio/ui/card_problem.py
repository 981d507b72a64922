"""Why a layer could not be computed, and the button that helps."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from convstudio.layers.base import Repair
from convstudio.ui.tips import tip

_SPACE = 6


class CardProblem(QWidget):
    """The reason in full and a button with the repair, if there is one; ``repair_wanted(Repair)``."""

    repair_wanted = Signal(object)

    def __init__(self, card: str, text: str, repair: Repair | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.repair = repair
        self._reason = QLabel(text, self)
        self._reason.setObjectName(f"{card}-problem")
        self._reason.setProperty("role", "problem")
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.setWordWrap(True)
        self._reason.setToolTip(tip(text))
        self._button = QPushButton(self) if repair is not None else None
        if self._button is not None and repair is not None:
            self._button.setObjectName(f"{card}-repair")
            self._button.setAccessibleName(repair.text)
            self._button.setToolTip(tip(f"{repair.text}: this makes the layer fit. It can be undone."))
            self._button.clicked.connect(self._ask)

    @property
    def text(self) -> str:
        """The reason."""
        return self._reason.text()

    def says(self, text: str, repair: Repair | None) -> bool:
        """Whether this is what is said here."""
        return (text, repair) == (self.text, self.repair)

    def height_for(self, width: int) -> int:
        """Return how high this is at some width, with the space below it."""
        height = self._reason.heightForWidth(width) + _SPACE
        if self._button is not None:
            height += self._button_height(width) + _SPACE
        return height

    def _button_height(self, width: int) -> int:
        """Break the button's words into lines; return how high it is then."""
        button, repair = self._button, self.repair
        assert button is not None
        assert repair is not None
        lines, metrics = [""], button.fontMetrics()
        for word in repair.text.replace("&", "&&").split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and metrics.horizontalAdvance(longer) > width - 24:
                lines.append(word)
            else:
                lines[-1] = longer
        button.setText("\n".join(lines))
        return button.sizeHint().height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = self.width()
        high = self._reason.heightForWidth(width)
        self._reason.setGeometry(0, 0, width, high)
        if self._button is not None:
            self._button.setGeometry(0, high + _SPACE, width, self._button_height(width))

    def _ask(self) -> None:
        if self.repair is not None:
            self.repair_wanted.emit(self.repair)
