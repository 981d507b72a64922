"""Which algorithm computes a convolution: the cheapest that is exact for the job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from convstudio.core import estimates
from convstudio.core.algorithms import depthwise, fft, gemm, rows, separable, taps, winograd
from convstudio.core.arrays import checked_flag, real_array
from convstudio.core.checks import checked_job
from convstudio.core.estimates import Problem, problem_of
from convstudio.core.geometry import Padding, PerAxis, lengths_of
from convstudio.core.job import ConvJob, Tile, Work
from convstudio.core.speeds import plans_steadily, speeds
from convstudio.core.threads import thread_count

# What it takes to put other threads to work and to wait for them, in calls of a NumPy function (`speeds`).
_START = 500.0
# Choices for the same small weights and shapes are remembered: looking closer takes as long as a small job.
_SMALL_WEIGHTS = 4096  # bytes
_MOST_CHOICES = 512
_choices: dict[tuple[Any, ...], tuple[str, bool]] = {}


@dataclass(frozen=True, slots=True)
class Method:
    """An algorithm.

    leaks: NaN or infinity would spread beyond their windows, so tiles are checked. biased: it adds the bias
    itself, while results are in the cache; it must not leak then.
    """

    prepare: Callable[[ConvJob], tuple[list[Tile], Work]]
    leaks: bool
    biased: bool = False


METHODS = {
    "taps": Method(taps.prepare, leaks=False),
    "separable": Method(separable.prepare, leaks=True),
    "rows": Method(rows.prepare, leaks=False, biased=True),
    "gemm": Method(gemm.prepare, leaks=False),
    "depthwise": Method(depthwise.prepare, leaks=False),
    "winograd": Method(winograd.prepare, leaks=True),
    "fft": Method(fft.prepare, leaks=True),
}
ALGORITHMS = tuple(METHODS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An algorithm for a job: its expected time on this machine's cores, and what that comes from.

    exact: False where it would spread NaN or infinity beyond the windows that cover them.
    """

    name: str
    milliseconds: float
    exact: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The algorithm that "auto" takes, and all candidates: exact ones first, then by time."""

    algorithm: str
    candidates: tuple[Candidate, ...]


def checked_algorithm(name: str) -> None:
    """ValueError for a name that is neither "auto" nor in `ALGORITHMS`."""
    if not isinstance(name, str) or (name != "auto" and name not in ALGORITHMS):
        names = ", ".join(repr(known) for known in ("auto", *ALGORITHMS))
        raise ValueError(f"algorithm must be one of {names}, got {name!r}")


def plan_conv(
    x_shape: Sequence[int],
    dtype: npt.DTypeLike,
    weight: Any,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    finite: bool = True,
) -> Plan:
    """What `conv` would do with an input of this shape and dtype, without doing it.

    With `finite=False` only algorithms that keep NaN and infinity in their windows are taken; `conv` itself
    does not need to know, as it computes those tiles again where such values turn up. Errors as of `conv`.
    """
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"dtype must be a NumPy dtype, got {dtype!r}") from None
    x = np.broadcast_to(real_array("x", np.zeros((), kind)), lengths_of("x_shape", x_shape))
    all_finite = checked_flag("finite", finite)
    job, _ = checked_job(
        x, weight, None, stride, padding, dilation, groups, padding_mode, 0.0, False, plan_only=True
    )
    return _ranked(problem_of(job), all_finite, plans_steadily())[0]


def choose(job: ConvJob, algorithm: str = "auto") -> tuple[str, bool]:
    """The algorithm to run, for "auto" the cheapest, and whether to run it on several threads."""
    if job.exact.nbytes > _SMALL_WEIGHTS:
        return _choose(job, algorithm)
    weights = (job.exact.shape, job.exact.dtype, job.exact.tobytes())
    key = (algorithm, job.out.shape, job.dtype, job.stride, job.dilation, weights, plans_steadily())
    choice = _choices.get(key)
    if choice is None:
        if len(_choices) >= _MOST_CHOICES:
            _choices.clear()
        choice = _choices[key] = _choose(job, algorithm)
    return choice


def _choose(job: ConvJob, algorithm: str) -> tuple[str, bool]:
    plan, costs = _ranked(problem_of(job), True, plans_steadily())
    name = plan.algorithm if algorithm == "auto" else algorithm
    cost = costs.get(name)
    return name, cost is None or _wall(cost) < cost


@lru_cache(maxsize=256)
def _ranked(problem: Problem, finite: bool, _steady: bool) -> tuple[Plan, dict[str, float]]:
    """The plan, and each algorithm's nanoseconds on one core."""
    costs = estimates.all_estimates(problem)
    candidates = sorted(
        (
            Candidate(name, _wall(cost) / 1e6, finite or not METHODS[name].leaks, reason)
            for name, (cost, reason) in costs.items()
        ),
        key=lambda candidate: (not candidate.exact, candidate.milliseconds),
    )
    plan = Plan(candidates[0].name, tuple(candidates))
    return plan, {name: cost for name, (cost, _) in costs.items()}


def _wall(cost: float) -> float:
    """Nanoseconds on all cores, or on one if that is sooner."""
    return min(cost, cost / thread_count() + _START * speeds().call)
