"""The largest stable rate against the eigenvalues of plain matrices, and runs below and above it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from convstudio.learn.divergence import GROWN, growing, usable
from convstudio.learn.network import Network
from convstudio.learn.pairs import Pair
from convstudio.learn.stable import rounded_down
from convstudio.learn.trainer import Trainer
from tests.learn.training_pairs import deep, of_kernel, picture, trainer_of

CASES: dict[str, tuple[tuple[int, int, int], dict[str, Any], dict[str, Any]]] = {
    "grey": ((1, 30, 26), {}, {}),
    "shared by three": ((3, 30, 26), {}, {}),
    "with bias": ((1, 30, 26), {"bias": True}, {}),
    "with L2": ((1, 30, 26), {}, {"l2": 0.7}),
    "sum": ((2, 30, 26), {"bias": True}, {"reduction": "sum", "l2": 30.0 / 10}),
    "masked": ((1, 30, 26), {"keep": np.random.default_rng(1).random((1, 28, 24)) < 0.5}, {}),
    "strided": ((1, 30, 26), {"stride": (2, 2), "padding": "same"}, {}),
}


def curvature(network: Network, pair: Pair, **method: Any) -> float:
    """The largest eigenvalue of the Hessian, made by running the network on unit vectors, in float64."""
    columns = []
    zeros = tuple(np.zeros(value.shape) for value in network.values())
    x = pair.before.astype(np.float64)
    mask = np.ones(pair.target.shape, bool) if pair.keep is None else pair.keep.copy()
    mask[:, pair.split :] = False
    for index, value in enumerate(zeros):
        taps = value.shape[-2:] if value.ndim == 4 else ()
        for cell in np.ndindex(*taps):  # one number for all channels
            unit = tuple(each.copy() for each in zeros)
            unit[index][(..., *cell)] = 1.0
            columns.append(network.forward(x, unit).output[mask])
    matrix = np.array(columns)
    share = 1.0 if method.get("reduction") == "sum" else 1 / mask.sum()
    decay = [method.get("l2", 0.0)] * (len(columns) - (len(zeros) - 1)) + [0.0] * (len(zeros) - 1)
    return float(np.linalg.eigvalsh(2 * share * matrix @ matrix.T + np.diag(decay)).max())


def run(network: Network, pair: Pair, steps: int = 400, **method: Any) -> Trainer:
    trainer = trainer_of(network, pair, steps=steps, **method)
    while trainer.stopped is None:
        trainer.advance()
    return trainer


@pytest.mark.parametrize("sums", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_the_limit_is_where_descent_turns_into_divergence(name: str, sums: bool) -> None:
    shape, student, method = CASES[name]
    network, pair = of_kernel(picture(*shape), **student)
    found = trainer_of(network, pair, optimizer="gd", sums=sums, **method).stable_rate()
    assert found.curvature is not None
    assert found.limit is not None
    assert found.curvature == pytest.approx(curvature(network, pair, **method), rel=1e-3)
    assert found.limit == pytest.approx(2 / found.curvature)
    assert 0.4 * found.limit <= found.suggested <= 0.5 * found.limit
    assert f"{found.limit:.3g}" in found.sentence
    below = run(network, pair, optimizer="gd", rate=0.95 * found.limit, sums=sums, **method)
    assert below.stopped is not None
    assert below.stopped.kind == "finished"
    assert below.losses()[1][-1] <= below.losses()[1][:10].min()
    above = run(network, pair, optimizer="gd", rate=1.1 * found.limit, sums=sums, **method)
    assert above.stopped is not None
    assert above.stopped.kind == "diverged"


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_momentum_has_a_limit_of_its_own(optimizer: str, momentum: float) -> None:
    network, pair = of_kernel(picture(1, 30, 26))
    method: dict[str, Any] = {"optimizer": optimizer, "momentum": momentum}
    limit = trainer_of(network, pair, **method).stable_rate().limit
    assert limit is not None
    for times, kind in ((0.95, "finished"), (1.1, "diverged")):
        stopped = run(network, pair, rate=times * limit, **method).stopped
        assert stopped is not None
        assert stopped.kind == kind


def test_huber_curves_half_as_much_as_squares() -> None:
    network, pair = of_kernel(picture(1, 30, 26))
    squared, huber = (
        trainer_of(network, pair, optimizer="gd", loss=loss, delta=1e-3, l2=l2).stable_rate().curvature
        for loss, l2 in (("squared", 0.0), ("huber", 0.25))
    )
    assert squared is not None
    assert huber == pytest.approx(squared / 2 + 0.25, rel=0.02)


def test_methods_without_a_limit_say_what_the_rate_is() -> None:
    network, pair = of_kernel(picture(1, 30, 26))
    for optimizer, loss in (("adam", "squared"), ("rmsprop", "squared"), ("gd", "absolute")):
        method: dict[str, Any] = {"optimizer": optimizer, "loss": loss}
        found = trainer_of(network, pair, **method).stable_rate()
        assert found.limit is None
        assert found.suggested > 0
        assert "rate" in found.sentence
    blank = Pair(np.zeros_like(pair.before), pair.target, None, pair.split, pair.after)
    assert trainer_of(network, blank, optimizer="gd").stable_rate().limit is None


@pytest.mark.parametrize("sums", [True, False])
def test_divergence_keeps_the_best_and_suggests_what_converges(sums: bool) -> None:
    network, pair = of_kernel(picture(1, 40, 33))
    trainer = run(network, pair, optimizer="gd", rate=5.0, sums=sums)
    stopped, (_, losses, _) = trainer.stopped, trainer.losses()
    assert stopped is not None
    assert stopped.kind == "diverged"
    assert stopped.suggested_rate is not None
    assert stopped.kept_step == trainer.step == int(np.argmin(losses))
    assert trainer.last >= len(losses) - 1 > trainer.step
    assert losses[-1] > 10 * losses[0]
    assert trainer.look().loss == losses[trainer.step]
    assert f"try a rate of {stopped.suggested_rate:g}" in stopped.reason
    assert "the rate 5 is too large" in stopped.reason
    trainer.go_to(trainer.last)  # what happened can be looked at
    trainer.go_to(stopped.kept_step)
    better = run(network, pair, optimizer="gd", rate=stopped.suggested_rate, sums=sums)
    assert better.stopped is not None
    assert better.stopped.kind == "finished"
    assert better.losses()[1][-1] < better.losses()[1][0] / 10


def test_absurd_rates_stop_at_once_whatever_the_method() -> None:
    for network, pair in (of_kernel(picture(1, 30, 26)), deep()):
        for optimizer in ("gd", "momentum", "nesterov", "adam", "rmsprop"):
            for data in ("whole", "patch"):
                trainer = run(
                    network, pair, optimizer=optimizer, rate=1000.0, data=data, patch=16, steps=3000
                )
                assert trainer.stopped is not None
                if trainer.stopped.kind == "finished":  # a ReLU that is dead never grows
                    assert len(network.layers) > 1
                    continue
                assert trainer.last < 200
                assert trainer.stopped.suggested_rate is not None
                assert trainer.stopped.suggested_rate <= 250
                assert all(np.isfinite(value).all() for value in trainer.values)


def test_patches_that_diverge_are_caught_though_their_losses_jump() -> None:
    network, pair = of_kernel(picture(1, 60, 60))
    limit = trainer_of(network, pair, optimizer="gd").stable_rate().limit
    assert limit is not None
    method: dict[str, Any] = {"optimizer": "gd", "data": "patch", "patch": 12}
    stopped = run(network, pair, rate=1.5 * limit, **method).stopped
    assert stopped is not None
    assert stopped.kind == "diverged"
    assert stopped.suggested_rate is not None
    better = run(network, pair, rate=stopped.suggested_rate, **method)
    assert better.stopped is not None
    assert better.stopped.kind == "finished"


def test_a_start_at_the_minimum_may_be_left() -> None:
    """Its loss is 0, and ten times that says nothing."""
    network, pair = of_kernel(picture(1, 40, 33))
    start = (np.array([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]),)
    for method in (
        {"rate": 0.02},
        {"rate": 0.05, "optimizer": "rmsprop"},
        {"rate": 0.1, "data": "patch", "patch": 9},
    ):
        plain = trainer_of(network, pair, steps=300, **method)
        trainer = Trainer(network, pair, plain.method, start=start, seed=1)
        while trainer.stopped is None:
            trainer.advance()
        assert trainer.stopped.kind == "finished"


@pytest.mark.parametrize("data", ["whole", "patch"])
def test_a_start_far_away_is_no_divergence(data: str) -> None:
    network, pair = of_kernel(picture(1, 40, 33))
    method = trainer_of(network, pair, optimizer="gd", rate=0.1, data=data, patch=16, steps=50).method
    trainer = Trainer(network, pair, method, start=(np.full((1, 1, 3, 3), 1e3),), seed=1)
    while trainer.stopped is None:
        trainer.advance()
    assert trainer.stopped.kind == "finished"
    assert trainer.look().loss < trainer.losses()[1][0] / 100


def test_growing() -> None:
    first = np.array([1.0])
    rising = np.array([6.0, 7, 8, 9, 10, 11])
    assert len(rising) == GROWN + 1
    assert growing(first, rising, 1)
    assert not growing(first, rising[1:], 1)  # too few to tell
    assert not growing(first, rising - 1, 1)
    assert not growing(first, np.array([6.0, 7, 8, 10, 9, 11]), 1)
    assert growing(first, np.array([1.0, math.nan]), 1)
    assert growing(first, np.array([math.inf]), 1)
    assert growing(first, np.array([1.0, 2e4]), 1)
    jumping = np.array([40.0, 1, 41, 2, 42, 3, 43])
    assert growing(np.array([1.0, 1.0]), jumping, 2)
    assert not growing(np.array([1.0, 3.0]), jumping[:6], 2)


def test_usable() -> None:
    assert usable((np.array([1e30, -1e30]), np.zeros(0)))
    for wrong in (math.nan, math.inf, -2e30):
        assert not usable((np.zeros(2), np.array([0.0, wrong])))


def test_rates_are_rounded_down_to_two_digits() -> None:
    assert [rounded_down(number) for number in (0.4267, 0.5, 1.0, 0.00999, 1234.0, 3e-10)] == [
        0.42,
        0.5,
        1.0,
        0.0099,
        1200.0,
        3e-10,
    ]
