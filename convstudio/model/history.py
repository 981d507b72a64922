"""Undo and redo as snapshots of a frozen state; edits with the same merge key become one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class _Step(Generic[S]):
    state: S
    text: str  # what led to this state, for the menu: "Undo stride"


class History(Generic[S]):
    """A line of states with a present one.

    Args:
        state: the first state.
        limit: how many steps can be undone at most.
        size: tells what a list of states occupies; the oldest are forgotten above ``max_size``.
    """

    def __init__(
        self,
        state: S,
        *,
        limit: int = 500,
        size: Callable[[list[S]], int] | None = None,
        max_size: int = 0,
    ) -> None:
        self._past: list[_Step[S]] = []
        self._now = _Step(state, "")
        self._future: list[_Step[S]] = []
        self._merge_key: object = None
        self._limit = limit
        self._size = size
        self._max_size = max_size

    @property
    def state(self) -> S:
        """The present state."""
        return self._now.state

    @property
    def undo_text(self) -> str | None:
        """What undo would take back, or None."""
        return self._now.text if self._past else None

    @property
    def redo_text(self) -> str | None:
        """What redo would do again, or None."""
        return self._future[-1].text if self._future else None

    def push(self, state: S, text: str, merge_key: object = None) -> None:
        """Make ``state`` the present one.

        An edit with the same ``merge_key`` (not None) as the one before it replaces that one's result,
        so that a drag is undone in one step.
        """
        merges = merge_key is not None and merge_key == self._merge_key and bool(self._past)
        if not merges:
            self._past.append(self._now)
        self._future.clear()
        if merges and self._past[-1].state == state:
            # A drag that came back to where it began: a step that undoes nothing would be a riddle.
            self._now, self._merge_key = self._past.pop(), None
            return
        self._now = _Step(state, text)
        self._merge_key = merge_key
        self._forget()

    def amend(self, state: S) -> None:
        """Put ``state`` in the place of the present one: no step, and what was undone can still be redone."""
        self._now = _Step(state, self._now.text)

    def end_merge(self) -> None:
        """Let the next edit be a step of its own, whatever its key."""
        self._merge_key = None

    def undo(self) -> bool:
        """Go one step back; return whether there was one."""
        if not self._past:
            return False
        self._future.append(self._now)
        self._now = self._past.pop()
        self._merge_key = None
        return True

    def redo(self) -> bool:
        """Go one step forward again; return whether there was one."""
        if not self._future:
            return False
        self._past.append(self._now)
        self._now = self._future.pop()
        self._merge_key = None
        return True

    def _forget(self) -> None:
        del self._past[: max(0, len(self._past) - self._limit)]
        if self._size is None:
            return
        # Only pictures weigh anything, and the steps between share them: drop from the far end.
        while self._past and self._size([step.state for step in self._past]) > self._max_size:
            del self._past[0]
