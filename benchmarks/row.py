"""One row of the table: a job, our way of doing it, and other libraries' ways of doing the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[], Array]


@dataclass(frozen=True)
class Row:
    """A job and those who can do it.

    Every run does the whole job once and returns its result, as an array of the same shape and layout from
    all of them (a view or a transposed view will do); the results are compared before anything is timed.

    multiply_adds: the products that the cheapest direct form of the job sums, for the FLOP/s limit.
    traffic: bytes of input, weights and output, each moved once, for the memory limit.
    forced: our algorithms by name, where there are several; `chosen` is the one that "auto" takes.
    tolerance: the largest difference from ours to accept, absolute.
    """

    title: str
    ours: Run
    peers: Mapping[str, Run]
    multiply_adds: float
    traffic: float
    forced: Mapping[str, Run] = field(default_factory=dict)
    chosen: str = ""
    tolerance: float = 1e-4

    def check(self) -> None:
        """Exit unless everybody computes the same: a race between different jobs has no winner."""
        expected = self.ours().copy()
        for name, run in {**self.peers, **self.forced}.items():
            result = run()
            same = result.shape == expected.shape
            error = float(np.abs(result - expected).max()) if same else float("inf")
            if not error <= self.tolerance:
                sys.exit(
                    f"{self.title}: {name} gives another result, {result.shape} against {expected.shape}, "
                    f"largest difference {error:g} (allowed {self.tolerance:g})."
                )


@dataclass(frozen=True)
class Entry:
    """A row that is built when its turn comes, so that only one row's arrays exist at a time.

    quick: it also stands in the short table.
    """

    title: str
    build: Callable[[], Row]
    quick: bool = False
