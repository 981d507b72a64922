"""One operation made of several: their progress and cancelling through the one `Control` of the caller."""

from __future__ import annotations

from convstudio.core.control import Control

_WHOLE = 1 << 20


class Share(Control):
    """A part of a longer computation: told of its own progress, it tells `whole` of what that comes to."""

    __slots__ = ("_begin", "_end", "_whole")

    def __init__(self, whole: Control, begin: float, end: float) -> None:
        super().__init__()
        self._whole, self._begin, self._end = whole, begin, end

    def cancel(self) -> None:
        """Cancel the whole computation."""
        self._whole.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the whole computation has been cancelled."""
        return self._whole.cancelled

    def check(self) -> None:
        """Raise `Cancelled` if the whole computation has been cancelled."""
        self._whole.check()

    def report(self, done: int, total: int) -> None:
        """Tell `whole` that this part is `done` of `total` along."""
        fraction = self._begin + (self._end - self._begin) * (done / total if total else 1.0)
        self._whole.report(round(fraction * _WHOLE), _WHOLE)


def share(whole: Control | None, begin: float, end: float) -> Control | None:
    """The part of `whole` between two fractions of it; None where nobody listens."""
    return None if whole is None else Share(whole, begin, end)
