"""Timing several ways of doing the same thing so that their ratios can be believed.

On a shared machine the speed drifts from one second to the next, so numbers taken one after another do not
compare. Here every round runs each contestant once, in an order that turns by one each round, and the ratio
is the median over rounds of the two times taken within the same round.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it has no stubs

# Thread pools spin for some milliseconds after their last task: time for the previous one's to fall asleep.
_SETTLE = 0.005
# A contestant calls this long in each round; short ones once beforehand, to wake its own threads.
_FILL = 0.004
_SHORT = 0.02


@dataclass(frozen=True)
class Timing:
    """One contestant's seconds, a number a round: the mean of calls that fill some milliseconds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median round."""
        return statistics.median(self.rounds)

    @property
    def best(self) -> float:
        """The fastest round."""
        return min(self.rounds)

    def faster_than(self, other: Timing) -> float:
        """Return how many times faster this is: the median of other/this over the common rounds.

        One that gave up after its rehearsal has no rounds in common: the medians are compared.
        """
        if len(self.rounds) != len(other.rounds):
            return other.median / self.median
        return statistics.median(b / a for a, b in zip(self.rounds, other.rounds, strict=True))


def race(
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    seconds: float = 2.0,
    give_up: float = float("inf"),
) -> dict[str, Timing]:
    """Run every contestant once a round, in turn, and return their times.

    Args:
        contestants: what to run, by name. Each runs once or twice beforehand, to fill caches and to
            learn how long it takes.
        rounds: how many rounds at most.
        seconds: stop after this long, though never before 2 rounds.
        give_up: leave a contestant out whose rehearsal took this many times longer than the fastest's; its
            rehearsal is then its only round.
    """
    rehearsals = {name: _rehearse(run) for name, run in contestants.items()}
    fastest = min(rehearsals.values())
    names = [name for name in contestants if rehearsals[name] <= give_up * fastest]
    repeats = {name: max(1, min(1000, int(_FILL / max(rehearsals[name], 1e-7)))) for name in names}
    taken: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    for number in range(rounds):
        if number >= 2 and time.perf_counter() - begin > seconds:
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            run, times = contestants[name], repeats[name]
            time.sleep(_SETTLE)
            if rehearsals[name] < _SHORT:
                run()
            start = time.perf_counter()
            for _ in range(times):
                run()
            taken[name].append((time.perf_counter() - start) / times)
    return {name: Timing(tuple(taken.get(name, [rehearsals[name]]))) for name in contestants}


def _rehearse(run: Callable[[], object]) -> float:
    """Return the seconds of a second call, or of the first if that took long enough to show it all."""
    for _ in range(2):
        start = time.perf_counter()
        run()
        taken = time.perf_counter() - start
        if taken > 0.2:
            break
    return taken


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under titles, the first column to the left and numbers to the right."""
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds with three meaningful digits."""
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine() -> list[str]:
    """Return what the numbers depend on: processor, cores, libraries and their threads."""
    lines = [f"{_processor()}, {cores()} cores for this process, Python {platform.python_version()}"]
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            folder = Path(pool["filepath"]).parent.name.removesuffix(".libs")
            kind = f"{pool['internal_api']} {pool['version']} for {pool.get('architecture', '?')}"
            lines.append(f"BLAS in {folder}: {kind}, {pool['num_threads']} threads")
    lines.append(
        f"NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"OpenCV {cv2.__version__} with {cv2.getNumThreads()} threads"
    )
    if hasattr(os, "getloadavg"):
        lines.append(f"load average before the run: {os.getloadavg()[0]:.1f}")
    return lines


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
