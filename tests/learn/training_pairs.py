"""Small pairs, students and trainers for the tests of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Cancelled, Control
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import Activation, Conv, Layer, MaxPool
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Mask
from convstudio.learn.pairs import Pair
from convstudio.learn.trainer import Trainer
from convstudio.model.training_method import MethodSetup

SOBEL = preset("sobel-x").make().values


def picture(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Smooth noise around mid grey, as photos have it, 0 to 1."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    for axis in (1, 2):
        values = values + np.roll(values, 1, axis)
    return np.clip(0.5 + 0.1 * values, 0, 1).astype(np.float32)


def pair_of(
    layers: Sequence[Layer], x: NDArray[np.float32], *, split: float = 0.8, keep: Mask | None = None
) -> Pair:
    """What the layers, as teachers, make of a picture."""
    y = x
    for layer in layers:
        y = layer.forward(y)
    return Pair(x, y, keep, round(y.shape[1] * split), y)


def of_kernel(
    x: NDArray[np.float32],
    kernel: NDArray[np.float64] = SOBEL,
    *,
    bias: bool = False,
    keep: Mask | None = None,
    split: float = 0.8,
    **values: Any,
) -> tuple[Network, Pair]:
    """A student with one kernel for all channels that starts from zeros, and its pair."""
    values = {"padding": "valid", "channels": "each", **values}
    teacher = Conv.of(Kernel.custom(kernel), bias=0.25 if bias else 0.0, **values)
    student = Conv.of(Kernel.custom(np.zeros_like(kernel)), **values)
    trained = [(0, "weight"), (0, "bias")] if bias else [(0, "weight")]
    return Network([student], x.shape, trained), pair_of([teacher], x, keep=keep, split=split)


def deep() -> tuple[Network, Pair]:
    """Two convolutions with a ReLU and a pooling between, both learned, from a random start."""
    rng = np.random.default_rng(5)

    def stack() -> list[Layer]:
        first = Bank.from_weights(rng.normal(0, 0.3, (2, 1, 3, 3)), [0.8, 0.8])  # alive
        second = Bank((Filter((Kernel.custom(rng.normal(0, 0.5, (3, 3))),), 0.0),))
        relu = Activation(function="relu")
        return [Conv(bank=first, channels="all"), relu, MaxPool(), Conv(bank=second, channels="all")]

    x = picture(1, 30, 26, seed=3)
    teacher, student = stack(), stack()
    names = [(0, "weight"), (0, "bias"), (3, "weight")]
    return Network(student, x.shape, names), pair_of(teacher, x)


def trainer_of(network: Network, pair: Pair, *, seed: int = 7, **values: Any) -> Trainer:
    """A trainer; values beside those of the method go to it."""
    own = {name: values.pop(name) for name in ("budget", "sums") if name in values}
    return Trainer(network, pair, MethodSetup(**values), start=network.values(), seed=seed, **own)


def same(left: Values, right: Values) -> bool:
    """Whether values are the same, bit for bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


class CancelAt(Control):
    """Cancels at the n-th time that somebody asks."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.left = n

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled
