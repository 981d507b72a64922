"""Messages inside the window: what happened and what to do, without a dialog and without taking the focus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

INFO_MILLISECONDS = 6000
"""How long a message stays that needs nothing from the user."""

MOST_WAITING = 4
"""How many messages wait behind the one that is shown; older ones are dropped."""

LEVELS = ("info", "warning", "error")
_MARKS = {"info": "i", "warning": "!", "error": "✗"}
_SPOKEN = {"info": "Message", "warning": "Warning", "error": "Error"}

Action = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class _Message:
    text: str
    level: str
    action: Action | None
    topic: str

    def replaces(self, other: _Message) -> bool:
        """Whether there is no sense in keeping the other one too."""
        return self.text == other.text or bool(self.topic and self.topic == other.topic)


class MessageBar(QFrame):
    """One message at a time.

    An info goes by itself after six seconds; a warning or an error stays until it is closed. The newest
    message is always the one shown, for it answers what the user did last; an error that it covers waits
    beneath and comes back when the newer one goes.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message-bar")
        self._current: _Message | None = None
        self._waiting: list[_Message] = []
        self._mark = QLabel(self)
        self._mark.setObjectName("message-mark")
        self._mark.setFixedWidth(14)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = QLabel(self)
        self._text.setObjectName("message-text")
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton(self)
        self._button.setObjectName("message-action")
        self._button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._button.clicked.connect(self._run_action)
        self._close = QToolButton(self)
        self._close.setObjectName("message-close")
        self._close.setText("×")
        self._close.setProperty("role", "flat")
        self._close.setToolTip(tip("Close this message."))
        self._close.setAccessibleName("Close this message")
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.clicked.connect(self.close_message)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(10)
        row.addWidget(self._mark)
        row.addWidget(self._text, 1)
        row.addWidget(self._button)
        row.addWidget(self._close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INFO_MILLISECONDS)
        self._timer.timeout.connect(self._time_is_up)
        self.hide()

    def show_message(
        self, text: str, level: str = "info", action: Action | None = None, *, topic: str = ""
    ) -> None:
        """Show a message.

        ``level`` is one of ``LEVELS``, ``action`` a button's words and what it does. A message replaces
        those of the same non-empty ``topic``, as when a drag fails again and again in other words.

        Raises:
            ValueError: an unknown level.
        """
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        new = _Message(text, level, action, topic)
        old = self._current
        self._waiting = [each for each in self._waiting if not new.replaces(each)]
        if old is not None and old.level == "error" and not new.replaces(old):
            self._waiting = [old, *self._waiting][:MOST_WAITING]
        self._present(new)

    def text(self) -> str:
        """Return the message that is shown, or an empty string."""
        return "" if self._current is None else self._current.text

    def level(self) -> str:
        """Return the level of the message that is shown, or an empty string."""
        return "" if self._current is None else self._current.level

    def clear(self, topic: str | None = None) -> None:
        """Take away every message, or those of a topic, as when their reason is gone."""
        self._waiting = [each for each in self._waiting if topic is not None and each.topic != topic]
        if self._current is not None and topic in (None, self._current.topic):
            self.close_message()

    @Slot()
    def close_message(self) -> None:
        """Close the message that is shown; the one that waits is next."""
        self._timer.stop()
        self._current = None
        if self._waiting:
            self._present(self._waiting.pop(0))
        else:
            self.hide()

    def _present(self, message: _Message) -> None:
        self._current = message
        self._mark.setText(_MARKS[message.level])
        self._text.setText(message.text)
        self._button.setVisible(message.action is not None)
        if message.action is not None:
            self._button.setText(message.action[0])
            self._button.setAccessibleName(message.action[0])
            self._button.setToolTip(tip(f"{message.action[0]}: {message.text}"))
        self.setAccessibleName(f"{_SPOKEN[message.level]}: {message.text}")
        self._dress()
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))
        if message.level == "info":
            self._timer.start()
        else:
            self._timer.stop()

    def _dress(self) -> None:
        if self._current is None:
            return
        theme = theme_of(self)
        level = self._current.level
        back = theme.error_back if level == "error" else theme.card
        edge = {"info": theme.accent, "warning": theme.warning, "error": theme.error}[level]
        mark = {"info": theme.text_dim, "warning": theme.warning, "error": theme.error}[level]
        style = (
            f"#message-bar {{ background: {back}; border: none; border-left: 3px solid {edge};"
            f" border-bottom: 1px solid {theme.border}; }}"
            f"#message-mark {{ color: {mark}; font-weight: 700; }}"
            "#message-close { font-size: 15px; padding: 0px 6px; }"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._current is not None:
            self._dress()

    @Slot()
    def _time_is_up(self) -> None:
        if self.underMouse():
            # Whoever points at it is reading it.
            self._timer.start()
            return
        self.close_message()

    @Slot()
    def _run_action(self) -> None:
        action = None if self._current is None else self._current.action
        self.close_message()
        if action is not None:
            action[1]()
