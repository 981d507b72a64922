"""When a run ends by itself, and what is said then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.kernels.kernel import LARGEST_WEIGHT
from convstudio.learn.network import Values

TIMES = 10.0
"""How many times the first loss is too much."""
GROWN = 5
"""How many times running the loss must have grown."""
FAR = 1e4
"""How many times the first loss is too much at once: Adam's steps do not grow with the loss."""
PATCH_WINDOW = 10
"""Steps over which the losses of patches are averaged: they differ from place to place."""


@dataclass(frozen=True)
class Stop:
    """Why a run ended by itself.

    Attributes:
        kind: "finished" or "diverged".
        reason: whole sentences.
        suggested_rate: where it diverged, the rate to take instead.
        kept_step: where the trainer stands now: the step of the lowest loss, where it diverged.
    """

    kind: str
    reason: str
    suggested_rate: float | None
    kept_step: int


def finished(steps: int) -> Stop:
    """Return the stop of a run that went to its end."""
    return Stop(
        "finished", f"All {steps:,} steps are done." if steps > 1 else "The step is done.", None, steps
    )


def diverged(step: int, first: float, loss: float, rate: float, best: int, suggested: float) -> Stop:
    """Return the stop of a run whose loss, or whose weights, went beyond bounds."""
    taken = "1 step" if step == 1 else f"{step:,} steps"
    if np.isfinite(loss):
        what = f"The loss grew from {plain(first)} to {plain(loss)} in {taken}"
    elif step:
        what = f"After {taken} the loss is no longer a number"
    else:
        what = "The loss is not a number"
    kept = "back at the start" if best == 0 else f"back at step {best:,}, which had the lowest loss"
    reason = (
        f"{what}: the rate {plain(rate)} is too large. The run is {kept}; try a rate of {plain(suggested)}."
    )
    return Stop("diverged", reason, suggested, best)


def plain(value: float) -> str:
    """Return a number with three digits, large ones as people write them: "0.0213", "1,500", "2.5e7"."""
    if 1000 <= abs(value) < 1e6:
        return f"{float(f'{value:.3g}'):,.0f}"
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def growing(first: NDArray[np.float64], recent: NDArray[np.float64], window: int) -> bool:
    """Whether losses are beyond bounds.

    Args:
        first: the losses at the beginning, as many as are averaged at least.
        recent: the last losses, ``window + GROWN`` of them; with fewer it is too early to say.
        window: how many neighbouring losses are averaged.
    """
    if len(recent) and not recent[-1] <= FAR * first[:window].mean():  # NaN is not
        return True
    if len(recent) < window + GROWN:
        return False
    means = np.convolve(recent, np.full(window, 1 / window), "valid")
    return bool(means[-1] > TIMES * first[:window].mean() and (np.diff(means) > 0).all())


def usable(values: Values) -> bool:
    """Whether kernels can have these weights."""
    return all(bool(np.abs(value).max(initial=0.0) <= LARGEST_WEIGHT) for value in values)  # NaN is not
