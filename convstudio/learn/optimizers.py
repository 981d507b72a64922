"""How a step follows from the gradient. Small pure functions: the state that they need is an argument.

Each formula stands with its class, with w the values, g the gradient of the loss at w, and η the rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from convstudio.learn.network import Values
from convstudio.model.training_method import MethodSetup


@dataclass(frozen=True, eq=False)
class State:
    """What an optimizer remembers between steps; never changed in place, so that it can be kept as it is.

    Attributes:
        step: steps taken so far.
        memory: what is carried on, each part in the shapes of the values: none, one or two of them.
    """

    step: int = 0
    memory: tuple[Values, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for part in self.memory for array in part)


@dataclass(frozen=True)
class Optimizer(ABC):
    """A rule that makes new values of the present ones and the gradient there."""

    def start(self, values: Values) -> State:
        """Return the state before the first step."""
        return State(0, tuple(tuple(np.zeros_like(value) for value in values) for _ in range(self._parts)))

    @property
    def _parts(self) -> int:
        """How many arrays are remembered for each array of values."""
        return 1

    @abstractmethod
    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        """Return the values and the state after a step, as new arrays.

        Args:
            values, grads: float64 arrays of the same shapes.
            state: what ``start`` or the step before gave.
            rate: η, which may differ from step to step.
        """


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """w ← w − η·g (Cauchy, 1847)."""

    @property
    def _parts(self) -> int:
        return 0

    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        moved = tuple(w - rate * g for w, g in zip(values, grads, strict=True))
        return moved, State(state.step + 1)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μ·v − η·g, w ← w + v.

    (Polyak, Some methods of speeding up the convergence of iteration methods, 1964.)

    Attributes:
        momentum: μ, the part of the last move that is kept.
    """

    momentum: float = 0.9

    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        speeds = self._speeds(grads, state, rate)
        moved = tuple(w + v for w, v in zip(values, speeds, strict=True))
        return moved, State(state.step + 1, (speeds,))

    def _speeds(self, grads: Values, state: State, rate: float) -> Values:
        return tuple(self.momentum * v - rate * g for v, g in zip(state.memory[0], grads, strict=True))


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← μ·v − η·g(u + μ·v), u ← u + v (Nesterov, 1983, as Sutskever et al., 2013, write it).

    The gradient is that at the place where the last move would lead. The values w of a run are these places,
    w = u + μ·v, so that the loss and the picture that are shown belong to the gradient that is used; in them
    the step is v ← μ·v − η·g(w), w ← w + μ·v − η·g(w) (Bengio, Boulanger-Lewandowski and Pascanu, 2013).
    """

    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        speeds = self._speeds(grads, state, rate)
        moved = tuple(
            w + (self.momentum * v - rate * g) for w, v, g in zip(values, speeds, grads, strict=True)
        )
        return moved, State(state.step + 1, (speeds,))


@dataclass(frozen=True)
class RmsProp(Optimizer):
    """s ← ρ·s + (1 − ρ)·g², w ← w − η·g / (√s + ε).

    (Hinton, Neural networks for machine learning, lecture 6, 2012.)

    Attributes:
        decay: ρ, 0.9 in the lecture.
        epsilon: ε, against a division by 0.
    """

    decay: float = 0.9
    epsilon: float = 1e-8

    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        keep, (before,) = self.decay, state.memory
        sizes = tuple(keep * s + (1 - keep) * (g * g) for s, g in zip(before, grads, strict=True))
        moved = tuple(
            w - rate * g / (np.sqrt(s) + self.epsilon) for w, g, s in zip(values, grads, sizes, strict=True)
        )
        return moved, State(state.step + 1, (sizes,))


@dataclass(frozen=True)
class Adam(Optimizer):
    """m ← β₁·m + (1 − β₁)·g, s ← β₂·s + (1 − β₂)·g², w ← w − η·m̂ / (√ŝ + ε).

    m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) make up for the start from 0, with t the steps so far (Kingma and
    Ba, Adam: a method for stochastic optimization, 2015, algorithm 1, with its constants).
    """

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    @property
    def _parts(self) -> int:
        return 2

    def step(self, values: Values, grads: Values, state: State, rate: float) -> tuple[Values, State]:
        t = state.step + 1
        a, b, (means, sizes) = self.first, self.second, state.memory
        means = tuple(a * m + (1 - a) * g for m, g in zip(means, grads, strict=True))
        sizes = tuple(b * s + (1 - b) * (g * g) for s, g in zip(sizes, grads, strict=True))
        length, of_size = rate / (1 - a**t), 1 - b**t
        moved = tuple(
            w - length * m / (np.sqrt(s / of_size) + self.epsilon)
            for w, m, s in zip(values, means, sizes, strict=True)
        )
        return moved, State(t, (means, sizes))


def make_optimizer(method: MethodSetup) -> Optimizer:
    """Return the optimizer of a method."""
    moving = {"momentum": Momentum, "nesterov": Nesterov}
    if method.optimizer in moving:
        return moving[method.optimizer](method.momentum)
    plain: dict[str, type[Optimizer]] = {"gd": GradientDescent, "rmsprop": RmsProp, "adam": Adam}
    return plain[method.optimizer]()
