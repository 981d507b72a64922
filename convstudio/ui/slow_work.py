"""Shows progress and Cancel for whatever takes longer than a moment, and nothing for what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Slot

from convstudio.ui.progress_strip import ProgressStrip

SLOW_MILLISECONDS = 200


@dataclass(frozen=True)
class _Work:
    text: str
    cancel: Callable[[], None] | None


class SlowWork(QObject):
    """Watches pieces of work by name; the oldest one that still runs has the strip."""

    def __init__(self, strip: ProgressStrip, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._strip = strip
        self._running: dict[str, _Work] = {}
        self._shown = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SLOW_MILLISECONDS)
        self._timer.timeout.connect(self._show)
        strip.cancelled.connect(self._cancel)

    def started(self, name: str, text: str, cancel: Callable[[], None] | None) -> None:
        """Note that a piece of work began; None is for work that cannot be given up."""
        self._running[name] = _Work(text, cancel)
        if name == self._shown:
            self._strip.start(text, cancellable=cancel is not None)
        elif not self._shown and not self._timer.isActive():
            self._timer.start()

    def finished(self, name: str) -> None:
        """Note that it ended, in whatever way."""
        self._running.pop(name, None)
        if name == self._shown:
            self._shown = ""
            self._strip.finish()
            if self._running:
                self._timer.start()
        if not self._running:
            self._timer.stop()

    def advanced(self, name: str) -> None:
        """Note that it delivered something and goes on, as when a drag asks for more all the time."""
        if name in self._running and not self._shown:
            self._timer.start()

    def progressed(self, name: str, part: float) -> None:
        """Show how far it is, 0–1, if it is the one on the strip."""
        if name == self._shown:
            self._strip.set_fraction(part)

    @Slot()
    def _show(self) -> None:
        for name, work in self._running.items():
            self._shown = name
            self._strip.start(work.text, cancellable=work.cancel is not None)
            return

    @Slot()
    def _cancel(self) -> None:
        work = self._running.get(self._shown)
        if work is not None and work.cancel is not None:
            work.cancel()
