"""Shows progress and Cancel for whatever takes longer than a moment, and nothing for what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Slot

from convstudio.session.session import Session
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
        self._session: Session
        self._running: dict[str, _Work] = {}
        self._shown = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SLOW_MILLISECONDS)
        self._timer.timeout.connect(self._show)
        strip.cancelled.connect(self._cancel)

    def follow(self, session: Session) -> None:
        """Watch what a session computes, loads and saves."""
        self._session = session
        session.computing_changed.connect(self._computing_changed)
        session.computing_progressed.connect(self._computing_progressed)
        session.loading_changed.connect(self._loading_changed)
        session.saving_changed.connect(self._saving_changed)

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

    # --- what a session tells ---

    def _changed(self, name: str, busy: bool, text: str, cancel: Callable[[], None]) -> None:
        if busy:
            self.started(name, text, cancel)
        else:
            self.finished(name)

    @Slot(bool)
    def _computing_changed(self, busy: bool) -> None:
        self._changed("compute", busy, "Convolving…", self._session.cancel_computing)

    @Slot(float)
    def _computing_progressed(self, part: float) -> None:
        self.progressed("compute", part)

    @Slot(bool, str)
    def _loading_changed(self, busy: bool, what: str) -> None:
        self._changed("load", busy, f"Opening {what}…", self._session.cancel_loading)

    @Slot(bool, str)
    def _saving_changed(self, busy: bool, what: str) -> None:
        self._changed("save", busy, f"Saving {what}…", self._session.cancel_saving)
