"""Cancelling a long computation and hearing how far it is.

A `Control` is shared between the thread that waits and the threads that compute: the one calls `cancel`,
the others call `check` or `report` between bands of work and stop by the exception `Cancelled`.
"""

from __future__ import annotations

from collections.abc import Callable


class Cancelled(Exception):  # noqa: N818  a request carried out, not an error
    """The computation was stopped by `Control.cancel`; what it had written so far is to be dropped."""


class Control:
    """A cancellation token that also carries progress. Every method may be called from any thread.

    Parameters
    ----------
    on_progress: called with the finished fraction, 0 to 1, never falling within one operation; it runs on
        whichever thread finished a band, so it must be quick and must not touch widgets.
    """

    __slots__ = ("_cancelled", "_on_progress")

    def __init__(self, on_progress: Callable[[float], None] | None = None) -> None:
        self._on_progress = on_progress
        self._cancelled = False

    def cancel(self) -> None:
        """Ask the computation to stop; it does at its next band."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called."""
        return self._cancelled

    def check(self) -> None:
        """Raise `Cancelled` if `cancel` has been called."""
        if self._cancelled:
            raise Cancelled("the computation was cancelled")

    def report(self, done: int, total: int) -> None:
        """Tell the listener that `done` of `total` pieces are finished, then `check`."""
        if self._on_progress is not None:
            self._on_progress(done / total if total else 1.0)
        self.check()
