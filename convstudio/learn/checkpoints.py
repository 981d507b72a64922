"""The past of a run in bounded memory: moments to go back to, and the losses along the way."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.learn.network import Values
from convstudio.learn.optimizers import State

BUDGET = 64 << 20
"""Bytes that the kept moments may take."""

_OVERHEAD = 160
"""Bytes of an array beside its numbers, and somewhat more for what holds it."""


@dataclass(frozen=True, eq=False)
class Moment:
    """Everything that the rest of a run follows from.

    Attributes:
        step: steps behind it.
        values: the weights.
        state: the optimizer's.
    """

    step: int
    values: Values
    state: State

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        arrays = len(self.values) * (1 + len(self.state.memory))
        return sum(value.nbytes for value in self.values) + self.state.nbytes + (arrays + 4) * _OVERHEAD


class Checkpoints:
    """Moments of a run at even distances; where they would take too much, every second one is dropped.

    Args:
        start: the moment of step 0, which is always kept.
        budget: bytes for all of them; the start is kept even where it alone takes more.
    """

    def __init__(self, start: Moment, budget: int = BUDGET) -> None:
        self._moments = [start]
        self._most = max(1, budget // start.nbytes)
        self.every = 1

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def nbytes(self) -> int:
        """Bytes that the kept moments take."""
        return sum(moment.nbytes for moment in self._moments)

    def add(self, moment: Moment) -> None:
        """Keep a moment, later than those there are, if its step is one that is kept."""
        if moment.step % self.every:
            return
        while len(self._moments) >= self._most:
            if self._most == 1:
                return
            self.every *= 2
            self._moments = [kept for kept in self._moments if kept.step % self.every == 0]
            if moment.step % self.every:
                return
        self._moments.append(moment)

    def before(self, step: int) -> Moment:
        """Return the last kept moment that is not after a step."""
        return self._moments[bisect_right(self._moments, step, key=lambda moment: moment.step) - 1]

    def drop_after(self, step: int) -> None:
        """Forget the moments after a step."""
        del self._moments[bisect_right(self._moments, step, key=lambda moment: moment.step) :]


class Curve:
    """A number for each step, in an array that grows; NaN where none was entered."""

    def __init__(self) -> None:
        self._numbers = np.full(256, np.nan)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, step: int) -> float:
        return float(self._numbers[step]) if 0 <= step < self._size else float("nan")

    def put(self, step: int, number: float) -> None:
        """Enter the number of a step; steps between are left without."""
        if step >= len(self._numbers):
            longer = np.full(max(2 * len(self._numbers), step + 1), np.nan)
            longer[: self._size] = self._numbers[: self._size]
            self._numbers = longer
        self._numbers[step] = number
        self._size = max(self._size, step + 1)

    def cut(self, size: int) -> None:
        """Forget the numbers from a step on."""
        if size < self._size:
            self._numbers[size:] = np.nan
            self._size = size

    def array(self, size: int | None = None) -> NDArray[np.float64]:
        """Return a copy, of so many steps."""
        result = np.full(self._size if size is None else size, np.nan)
        known = min(len(result), self._size)
        result[:known] = self._numbers[:known]
        return result

    def first(self, count: int) -> NDArray[np.float64]:
        """Return the first numbers, so many, as a view."""
        return self._numbers[:count]

    def recent(self, stop: int, count: int) -> NDArray[np.float64]:
        """Return the last numbers before a step, at most so many, as a view."""
        return self._numbers[max(0, stop - count) : stop]
