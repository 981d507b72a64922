"""Work off the GUI thread, where only the newest request counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from convstudio.core import Cancelled, Control

Work = Callable[[Control], Any]


class LatestWins(QObject):
    """One worker thread that always works on the newest request.

    A new request replaces one that waits and cancels the running one. Results come back through a
    mailbox of one place on the thread this object lives in: a stale one is dropped, and results never
    pile up in the event queue however slow the receiver is.

    Args:
        name: the worker thread's name.
        patience: seconds for which a running request may go on after a newer one was made. Its result
            is then delivered as well, so that a slider that never rests still shows live results.
    """

    done = Signal(object)  # what the work returned
    failed = Signal(object)  # the exception it raised
    progressed = Signal(float)  # 0–1, of the running request
    busy_changed = Signal(bool)
    _arrived = Signal()

    def __init__(self, name: str, parent: QObject | None = None, *, patience: float = 0.0) -> None:
        super().__init__(parent)
        self._patience = patience
        self._lock = threading.Condition()
        self._waiting: tuple[int, Work, Control] | None = None
        self._control: Control | None = None
        self._started = 0.0
        self._generation = 0
        self._oldest_wanted = 0
        self._progress = 0.0
        self._outcome: tuple[int, bool, Any] | None = None
        self._note_pending = False
        self._closing = False
        self._busy = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a request is waiting, running, or not delivered yet."""
        return self._busy

    def submit(self, work: Work) -> None:
        """Ask for ``work(control)``; it supersedes whatever was asked before."""
        with self._lock:
            if self._closing:
                return
            self._generation += 1
            self._waiting = (self._generation, work, Control(self._report))
            if not self._patience:
                self._oldest_wanted = self._generation
            self._cancel_if_superseded()
            self._lock.notify()
        self._set_busy(True)

    def cancel(self) -> None:
        """Drop the running and the waiting request; nothing of them is delivered."""
        with self._lock:
            self._drop_all()
        self._set_busy(False)

    def stop(self) -> None:
        """Ask what runs or waits to end early; unlike with ``cancel``, what it returns is delivered."""
        with self._lock:
            if self._control is not None:
                self._control.cancel()
            if self._waiting is not None:
                self._waiting[2].cancel()

    def finish(self) -> None:
        """Wait for what was asked and deliver it now, on the thread this object lives in."""
        with self._lock:
            self._lock.wait_for(lambda: self._waiting is None and self._control is None)
        self._deliver()

    def close(self, *, finish: bool = False) -> None:
        """End the worker and wait for it; what was asked is dropped, or finished first if so wished."""
        with self._lock:
            self._closing = True
            if not finish:
                self._drop_all()
            self._lock.notify()
        self._thread.join()

    def _drop_all(self) -> None:
        self._generation += 1
        self._oldest_wanted = self._generation
        self._waiting = None
        if self._control is not None:
            self._control.cancel()

    def _cancel_if_superseded(self) -> None:
        control = self._control
        if control is None or self._waiting is None:
            return
        if time.monotonic() - self._started >= self._patience:
            control.cancel()

    def _set_busy(self, busy: bool) -> None:
        if busy != self._busy:
            self._busy = busy
            self.busy_changed.emit(busy)

    # --- worker thread ---

    def _run(self) -> None:
        while True:
            with self._lock:
                while self._waiting is None and not self._closing:
                    self._lock.wait()
                if self._waiting is None:
                    return
                generation, work, control = self._waiting
                self._waiting = None
                self._started = time.monotonic()
                self._progress = 0.0
                self._control = control
            outcome = self._attempt(generation, work, control)
            with self._lock:
                self._control = None
                if outcome is not None and self._wanted(outcome):
                    self._outcome = outcome
                    self._notify()
                self._lock.notify_all()
            del work, control, outcome  # hold no arrays while waiting

    @staticmethod
    def _attempt(generation: int, work: Work, control: Control) -> tuple[int, bool, Any] | None:
        try:
            return generation, True, work(control)
        except Cancelled:
            return None
        except Exception as error:  # the worker must outlive any failure; the receiver reports it
            return generation, False, error

    def _wanted(self, outcome: tuple[int, bool, Any]) -> bool:
        generation, succeeded, _ = outcome
        return generation == self._generation or (succeeded and generation >= self._oldest_wanted)

    def _report(self, part: float) -> None:
        with self._lock:
            self._progress = part
            self._cancel_if_superseded()
            self._notify()

    def _notify(self) -> None:
        if not self._note_pending and not self._closing:
            self._note_pending = True
            self._arrived.emit()

    # --- the thread this object lives in ---

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            self._note_pending = False
            outcome, self._outcome = self._outcome, None
            wanted = outcome is not None and self._wanted(outcome)
            newest = outcome is not None and outcome[0] == self._generation
            part = self._progress
        if outcome is None:
            if self._busy:
                self.progressed.emit(part)
            return
        if not wanted:
            return
        _, succeeded, value = outcome
        if newest:
            self._set_busy(False)
        if succeeded:
            self.done.emit(value)
        else:
            self.failed.emit(value)
