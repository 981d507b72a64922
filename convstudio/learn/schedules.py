"""How the learning rate changes on the way."""

from __future__ import annotations

import math

from convstudio.model.training_method import MethodSetup


def rate_at(method: MethodSetup, step: int) -> float:
    """Return the rate of the step that is taken after ``step`` others.

    With r the rate, f the factor, p the period and n the number of steps:

    "constant": r. "step": r·f^⌊step / p⌋. "exponential": r·f^(step / p). "cosine": from r at the first step
    to r·f at the last along half a cosine (Loshchilov and Hutter, SGDR, 2017). "warmup": in equal parts up to
    r, which the step after p others has, then as cosine (Goyal et al., Accurate, large minibatch SGD, 2017).
    Steps beyond the last have the rate of the last.
    """
    rate, factor, period = method.rate, method.factor, method.period
    last = method.steps - 1
    if method.schedule == "step":
        return rate * math.pow(factor, step // period)
    if method.schedule == "exponential":
        return rate * math.pow(factor, step / period)
    if method.schedule == "cosine":
        return rate * _cosine(step, 0, last, factor)
    if method.schedule == "warmup":
        if step < period:
            return rate * (step + 1) / (period + 1)
        return rate * _cosine(step, period, last, factor)
    return rate


def _cosine(step: int, first: int, last: int, factor: float) -> float:
    """From 1 at the first step to the factor at the last."""
    if step >= last > first:
        return factor
    share = (step - first) / (last - first) if last > first else 0.0
    return factor + (1 - factor) * (1 + math.cos(math.pi * share)) / 2
