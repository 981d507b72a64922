"""Ctrl-C in the terminal and a polite kill close the window as its button does."""

from __future__ import annotations

import signal
import socket
from types import FrameType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(QObject):
    """Closes a window on SIGINT and SIGTERM: its layout is remembered, a file being saved is finished.

    ``caught`` is the signal's number, None before one came.
    """

    closing = Signal(bool)  # the window is about to be closed by a signal; False: it stayed all the same

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.caught: int | None = None
        self._window = window
        # Python's handlers wait until Python runs, which an idle Qt does not: a byte on a socket wakes it.
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._outside.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._inside.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)
        self._before: dict[int, Any] = {each: signal.signal(each, self._close) for each in _SIGNALS}

    def release(self) -> None:
        """Let the signals do what they did before."""
        for each, handler in self._before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._notifier.setEnabled(False)
        self._inside.close()
        self._outside.close()

    @Slot()
    def _wake(self) -> None:
        self._inside.recv(64)

    def _close(self, number: int, _frame: FrameType | None) -> None:
        self.caught = number
        # From the event loop: it may not have begun, and the window not be shown yet.
        QTimer.singleShot(0, self._close_window)

    @Slot()
    def _close_window(self) -> None:
        self.closing.emit(True)
        if not self._window.close():
            self.closing.emit(False)
            self.caught = None  # it stays to tell of a file that could not be saved
