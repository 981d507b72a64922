"""What a training's worker has to tell, waiting for the thread that hears it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NO_MEMORY = "There is not enough memory for this: take a smaller picture, or let a step see patches."
CANCELLED = "The training is not open: opening it was cancelled."
"""Refusals after which trying once more may help."""


@dataclass(frozen=True, eq=False)
class Event:
    """Something to be told.

    Attributes:
        kind: "opened", "refused", "frame", "stopped", "answered", "unanswered", or "error".
        payload: a report, a sentence, a frame, a stop, the answer, a sentence, or an exception.
        topic: what an answer is to.
    """

    kind: str
    payload: Any
    topic: str = ""


class Outbox:
    """Events in their order, at most one of them a frame. Whoever uses it holds the lock of its owner.

    Args:
        notify: called once there is something to take; not again before it was taken.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._events: deque[Event] = deque()
        self._notified = False
        self.closed = False

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> None:
        """Put an event last; a frame takes the place of one of the same step, and drops one of another."""
        if self.closed:
            return
        older = next((place for place, each in enumerate(self._events) if each.kind == "frame"), None)
        if event.kind != "frame" or older is None:
            self._events.append(event)
        elif self._events[older].payload.step == event.payload.step:
            self._events[older] = event  # before a stop that was told after it
        else:
            del self._events[older]
            self._events.append(event)
        self.tell()

    def tell(self) -> None:
        """Call the hearer, unless that was done already."""
        if not self._notified and not self.closed:
            self._notified = True
            self._notify()

    def holds(self, kind: str) -> bool:
        """Whether an event of this kind waits."""
        return any(event.kind == kind for event in self._events)

    def drop_frames(self) -> None:
        """Forget the frame that waits."""
        self._events = deque(event for event in self._events if event.kind != "frame")

    def drop(self) -> None:
        """Forget everything but errors."""
        self._events = deque(event for event in self._events if event.kind == "error")

    def take(self) -> list[Event]:
        """Return what waits, in order."""
        events, self._events = list(self._events), deque()
        self._notified = False
        return events
