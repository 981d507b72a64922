"""How far a command is: a bar or a percentage on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Self

from convstudio.terminal import Progress, complain

_QUIET = 10.0
"""Seconds from one line to the next, at least: a log is to be read."""


def on_terminal() -> bool:
    """Whether standard error is one."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress(what: str) -> Progress | Lines:
    """Return what is told of work that takes a while: to be entered, then called with the finished share."""
    return Progress() if on_terminal() else Lines(what)


class Lines:
    """A line for another tenth that is done, at most every 10 seconds; none for what is quicker."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last = time.monotonic()
        self._tenths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, part: float, more: Callable[[], str] | None = None) -> None:
        """Tell how far it is; ``more`` is asked for what is told besides."""
        percent = int(100 * part + 1e-6)
        tenths = percent // 10
        if not self._tenths < tenths < 10 or time.monotonic() - self._last < _QUIET:
            return
        complain(f"{self._what}: {percent} % done{more() if more else ''}")
        self._last, self._tenths = time.monotonic(), tenths


class Bar:
    """The steps that are done, and the loss."""

    WIDTH = 24

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._lines = None if on_terminal() else Lines(f"{steps:,} steps")
        self._last = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away, so that a line can be told."""
        if self._drawn:
            self._put("\r\033[K")
            self._drawn = False

    def __call__(self, step: int, losses: Callable[[], Any]) -> None:
        """Tell how far it is; ``losses`` is asked only when that is told."""
        if self._lines is not None:
            self._lines(step / self._steps, lambda: f", loss {losses()[1][-1]:.3g}")
            return
        if time.monotonic() - self._last < 0.05:
            return
        filled = self.WIDTH * step // self._steps
        bar = "#" * filled + "." * (self.WIDTH - filled)
        self._put(f"\r\033[K[{bar}] {step:,}/{self._steps:,} steps, loss {losses()[1][-1]:.3g}")
        self._last, self._drawn = time.monotonic(), True

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()
