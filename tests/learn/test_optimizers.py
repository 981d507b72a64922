"""Each optimizer against a loop over single numbers that is written down from its source."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from convstudio.learn.network import Values
from convstudio.learn.optimizers import Nesterov, make_optimizer
from convstudio.learn.schedules import rate_at
from convstudio.model.training_method import MethodSetup

Slope = Callable[[float], float]
STEPS = 60


def slope(w: float) -> float:
    """Of a loss that is no quadric: log cosh(w − 1) · 2 + w⁴ / 10."""
    return 2 * math.tanh(w - 1) + 0.4 * w**3


def rates(step: int) -> float:
    return 0.05 / (1 + step / 20)


def descent(w: float) -> float:
    for step in range(STEPS):
        w -= rates(step) * slope(w)
    return w


def polyak(w: float, momentum: float = 0.8) -> float:
    """w(t+1) = w(t) − η·g + μ·(w(t) − w(t−1)), the heavy ball; the rate stands with its gradient."""
    before = w
    for step in range(STEPS):
        w, before = w - rates(step) * slope(w) + momentum * (w - before), w
    return w


def sutskever(u: float, momentum: float = 0.8) -> float:
    """Sutskever et al., 2013, equations 3 and 4; the place that is looked ahead to is returned."""
    v = 0.0
    for step in range(STEPS):
        v = momentum * v - rates(step) * slope(u + momentum * v)
        u += v
    return u + momentum * v


def hinton(w: float) -> float:
    """MeanSquare(w, t) = 0.9 MeanSquare(w, t−1) + 0.1 (∂E/∂w)², lecture 6e, slide 29."""
    mean_square = 0.0
    for step in range(STEPS):
        g = slope(w)
        mean_square = 0.9 * mean_square + 0.1 * g**2
        w -= rates(step) * g / (math.sqrt(mean_square) + 1e-8)
    return w


def kingma(w: float) -> float:
    """Kingma and Ba, 2015, algorithm 1."""
    m = v = 0.0
    for t in range(1, STEPS + 1):
        g = slope(w)
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        w -= rates(t - 1) * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


SOURCES: dict[str, Callable[[float], float]] = {
    "gd": descent,
    "momentum": polyak,
    "nesterov": sutskever,
    "rmsprop": hinton,
    "adam": kingma,
}


def slopes(values: Values) -> Values:
    return tuple(np.vectorize(slope)(value) for value in values)


@pytest.mark.parametrize("name", SOURCES)
def test_every_number_moves_as_its_source_says(name: str) -> None:
    optimizer = make_optimizer(MethodSetup(optimizer=name, momentum=0.8))
    start: Values = (np.array([[-1.5, 0.0, 0.7]]), np.array([2.5]))
    values, state = start, optimizer.start(start)
    for step in range(STEPS):
        values, state = optimizer.step(values, slopes(values), state, rates(step))
    assert state.step == STEPS
    for value, first in zip(values, start, strict=True):
        assert value.shape == first.shape
        wanted = [SOURCES[name](float(number)) for number in first.reshape(-1)]
        np.testing.assert_allclose(value.reshape(-1), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", SOURCES)
def test_a_step_leaves_alone_what_it_was_given(name: str) -> None:
    optimizer = make_optimizer(MethodSetup(optimizer=name))
    values: Values = (np.array([1.0, 2.0]),)
    grads: Values = (np.array([0.5, 0.0]),)
    state = optimizer.start(values)
    first = optimizer.step(values, grads, state, 0.1)
    later = optimizer.step(first[0], grads, first[1], 0.1)
    assert values[0].tolist() == [1.0, 2.0]
    assert grads[0].tolist() == [0.5, 0.0]
    assert state.step == 0
    assert not any(array.any() for part in state.memory for array in part)
    again = optimizer.step(first[0], grads, first[1], 0.1)
    assert np.array_equal(again[0][0], later[0][0])
    assert first[0][0][1] == 2.0  # no gradient, no move
    assert state.nbytes == {"gd": 0, "adam": 32}.get(name, 16)


def test_the_first_step_of_adam_is_as_long_as_the_rate() -> None:
    optimizer = make_optimizer(MethodSetup(optimizer="adam"))
    values: Values = (np.zeros(3),)
    moved, _ = optimizer.step(values, (np.array([1e-4, -3.0, 50.0]),), optimizer.start(values), 0.02)
    np.testing.assert_allclose(moved[0], [-0.02, 0.02, -0.02], rtol=1e-3)


def test_the_momentum_is_the_method_s() -> None:
    assert make_optimizer(MethodSetup(optimizer="nesterov", momentum=0.5)) == Nesterov(0.5)


def method(schedule: str, factor: float = 0.25, period: int = 10, steps: int = 101) -> MethodSetup:
    return MethodSetup(rate=2.0, schedule=schedule, factor=factor, period=period, steps=steps)


def test_schedules() -> None:
    assert [rate_at(method("constant"), step) for step in (0, 7, 1000)] == [2.0] * 3
    assert [rate_at(method("step"), step) for step in (0, 9, 10, 19, 20)] == [2, 2, 0.5, 0.5, 0.125]
    assert [rate_at(method("exponential"), step) for step in (0, 5, 10, 20)] == [2, 1, 0.5, 0.125]
    assert [rate_at(method("cosine"), step) for step in (0, 50, 100, 150)] == [2, 1.25, 0.5, 0.5]
    falling = [rate_at(method("cosine"), step) for step in range(101)]
    assert falling == sorted(falling, reverse=True)
    rising = [rate_at(method("warmup", period=3, steps=104), step) for step in range(104)]
    assert rising[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rising[3:] == sorted(rising[3:], reverse=True)
    assert rising[-1] == 0.5
    assert rising[53] == pytest.approx(1.25)


def test_schedules_at_their_limits() -> None:
    assert rate_at(method("step", factor=0.0), 0) == 2.0
    assert rate_at(method("step", factor=0.0), 10) == 0.0
    assert rate_at(method("exponential", factor=0.0), 0) == 2.0
    assert rate_at(method("cosine", steps=1), 0) == 2.0
    assert rate_at(method("warmup", period=10, steps=5), 4) == pytest.approx(2.0 * 5 / 11)
    assert rate_at(method("warmup", period=10, steps=5), 20) == 2.0
