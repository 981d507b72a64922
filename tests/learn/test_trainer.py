"""Trainers: what a step is, that a run can be repeated and gone back in, and what cannot be trained."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convstudio.core import Cancelled, Control, conv
from convstudio.core import speeds as speeds_module
from convstudio.core.speeds import USUAL
from convstudio.io.samples import load_sample
from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network, Values
from convstudio.learn.pairs import Pair
from convstudio.learn.trainer import Trainer
from convstudio.model.training_method import MethodSetup
from tests.learn.training_pairs import CancelAt, deep, of_kernel, pair_of, picture, same, trainer_of

RUNS: dict[str, dict[str, Any]] = {
    "sums": {"rate": 0.05},
    "pixels": {"rate": 0.05, "sums": False},
    "absolute": {"rate": 0.05, "loss": "absolute", "l2": 0.1, "schedule": "warmup", "period": 5},
    "momentum": {"optimizer": "momentum", "rate": 0.05, "reduction": "sum", "schedule": "cosine", "l2": 0.01},
    "patch": {"data": "patch", "patch": 12},
    "batch": {"data": "batch", "patch": 9, "batch": 3, "optimizer": "nesterov", "rate": 0.05},
}


def run_of(name: str, **more: Any) -> Trainer:
    values = {**RUNS[name], **more}
    if values.get("reduction") == "sum":
        values["rate"] = 1e-4
    return trainer_of(*of_kernel(picture(1, 40, 33), bias=True), **values)


def steps_of(trainer: Trainer, count: int) -> list[Values]:
    found = [trainer.values]
    for _ in range(count):
        trainer.advance()
        found.append(trainer.values)
    return found


# --- steps ---


@pytest.mark.parametrize("sums", [True, False])
def test_a_step_of_gradient_descent_is_what_the_formula_says(sums: bool) -> None:
    x = picture(1, 20, 17)
    keep = np.random.default_rng(1).random((1, 18, 15)) < 0.7
    network, pair = of_kernel(x, bias=True, keep=keep)
    trainer = trainer_of(network, pair, optimizer="gd", rate=0.1, l2=0.3, sums=sums)
    windows = np.lib.stride_tricks.sliding_window_view(x[0].astype(np.float64), (3, 3)).reshape(-1, 9)
    target = pair.target[0].astype(np.float64).reshape(-1)
    training = keep.copy()
    training[:, pair.split :] = False
    learned, held = training.reshape(-1), (keep & ~training).reshape(-1)
    w, b, expected, beside = np.zeros(9), 0.0, [], []
    for _ in range(12):
        error = windows @ w + b - target
        expected.append((error[learned] ** 2).mean())  # without L2: comparable with the other rows'
        beside.append((error[held] ** 2).mean())
        slope = 2 * (windows[learned].T @ error[learned]) / learned.sum()
        w, b = w - 0.1 * (slope + 0.3 * w), b - 0.1 * 2 * error[learned].mean()
    for _ in range(12):
        trainer.advance()
    np.testing.assert_allclose(trainer.values[0].reshape(-1), w, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(trainer.values[1], [b], rtol=1e-5)
    steps, losses, validations = trainer.losses()
    assert steps.tolist() == list(range(12))
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    np.testing.assert_allclose(validations, beside, rtol=1e-6)
    look = trainer.look()
    assert look.penalty == pytest.approx(0.15 * (w**2).sum(), rel=1e-5)
    assert trainer.losses()[1][-1] == pytest.approx(look.loss - look.penalty, rel=1e-12)


def test_the_look_shows_the_present() -> None:
    network, pair = of_kernel(picture(3, 24, 20), split=0.75)
    for sums in (True, False):
        trainer = trainer_of(network, pair, rate=0.1, schedule="step", period=2, factor=0.5, sums=sums)
        look = trainer.look()
        assert (look.step, look.rate, look.gradient_norm) == (0, 0.1, None)
        assert not look.prediction.any()
        assert look.loss == pytest.approx(float((pair.target[:, : pair.split] ** 2).mean()), rel=1e-6)
        for _ in range(3):
            trainer.advance()
        look = trainer.look()
        assert (look.step, look.rate) == (3, 0.05)
        assert look.gradient_norm is not None
        assert look.values is trainer.values
        np.testing.assert_array_equal(look.prediction, network.forward(pair.before, look.values).output)
        error = look.prediction.astype(np.float64) - pair.target
        assert look.loss == pytest.approx(float((error[:, : pair.split] ** 2).mean()), rel=1e-5)
        assert look.validation_loss == pytest.approx(float((error[:, pair.split :] ** 2).mean()), rel=1e-5)
        assert trainer.losses()[1][-1] == look.loss


def test_sums_and_pixels_go_the_same_way() -> None:
    for channels, bias in (("each", True), ("all", False)):
        network, pair = of_kernel(picture(3, 30, 26), bias=bias, channels=channels, stride=(1, 2))
        left, right = (steps_of(trainer_of(network, pair, sums=sums), 60) for sums in (True, False))
        for a, b in zip(left[-1], right[-1], strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)


# --- runs ---


@pytest.mark.parametrize("name", RUNS)
def test_a_run_can_be_repeated_bit_for_bit_while_others_compute(name: str) -> None:
    expected, busy = steps_of(run_of(name), 25), threading.Event()
    x = np.random.default_rng(0).random((1, 4, 90, 90), np.float32)
    weight = np.ones((4, 4, 3, 3), np.float32)

    def work() -> None:
        while not busy.is_set():
            conv(x, weight)
            x[0, 0] @ x[0, 1]

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        trainer = run_of(name)
        trainer.look()
        found = [trainer.values]
        for _ in range(25):
            trainer.advance()
            trainer.look()  # looking changes nothing
            found.append(trainer.values)
    finally:
        busy.set()
        for thread in threads:
            thread.join()
    assert all(map(same, found, expected))
    trainer.reset()
    assert (trainer.step, trainer.last, trainer.stopped) == (0, 0, None)
    assert len(trainer.losses()[0]) == 0
    assert all(map(same, steps_of(trainer, 25), expected))


def test_the_seed_places_the_patches() -> None:
    network, pair = of_kernel(picture(1, 40, 33))
    one, other, again = (
        steps_of(trainer_of(network, pair, seed=seed, data="patch", patch=8), 3)[-1] for seed in (1, 2, 1)
    )
    assert not same(one, other)
    assert same(one, again)


@pytest.mark.parametrize("name", RUNS)
def test_every_past_step_can_be_gone_to(name: str) -> None:
    many = run_of(name)
    moments = steps_of(many, 40)
    few = run_of(name, budget=8 * many._kept.before(1).nbytes)  # so small that they are thinned
    assert all(map(same, steps_of(few, 40), moments))
    assert few._kept.every >= 4
    assert len(few._kept) <= 8
    losses = few.losses()
    for trainer in (many, few):
        for step in (40, 3, 0, 39, 17, 18, 16, 40, 1, 25):
            trainer.go_to(step)
            assert (trainer.step, trainer.last) == (step, 40)
            assert same(trainer.values, moments[step])
            assert trainer.look().step == step
    assert [np.array_equal(a, b[:40], equal_nan=True) for a, b in zip(losses, few.losses(), strict=True)] == [
        True
    ] * 3
    for step in (-1, 41):
        with pytest.raises(ValueError, match="step must be within 0 to 40"):
            many.go_to(step)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_from_a_past_step(name: str) -> None:
    trainer = run_of(name)
    moments, (_, losses, _) = steps_of(trainer, 20), trainer.losses()
    trainer.go_to(8)
    trainer.advance()
    assert (trainer.step, trainer.last) == (9, 9)
    assert np.array_equal(trainer.losses()[1], losses[:9])
    assert same(trainer.values, moments[9])
    assert all(map(same, steps_of(trainer, 11), moments[9:]))
    trainer.go_to(4)
    assert same(trainer.values, moments[4])


@pytest.mark.parametrize("name", RUNS)
def test_cancelling_leaves_everything_as_it_was(name: str) -> None:
    expected = steps_of(run_of(name), 6)
    trainer = run_of(name, budget=0)
    for step in range(6):
        for n in range(10_000):
            before = trainer.step, trainer.last, trainer.stopped, trainer.losses()
            try:
                trainer.advance(CancelAt(n))
            except Cancelled:
                after = trainer.step, trainer.last, trainer.stopped, trainer.losses()
                assert after[:3] == before[:3]
                assert np.array_equal(before[3][1], after[3][1])
                assert same(trainer.values, expected[step])
            else:
                break
        assert n > 0 or step > 0
        assert same(trainer.values, expected[step + 1])
    for target in (2, 5):
        here = trainer.step
        for n in range(10_000):
            try:
                trainer.go_to(target, CancelAt(n))
            except Cancelled:
                assert trainer.step == here
                assert same(trainer.values, expected[here])
            else:
                break
        assert same(trainer.values, expected[target])


@pytest.mark.parametrize("name", RUNS)
def test_progress_never_falls(name: str) -> None:
    heard: list[float] = []
    trainer = run_of(name)
    for _ in range(3):
        heard.clear()
        trainer.advance(Control(heard.append))
        assert heard == sorted(heard)
        assert heard[-1] == 1
    diverging = run_of("pixels", optimizer="gd", rate=3.0)
    while diverging.stopped is None:
        heard.clear()
        diverging.advance(Control(heard.append))
        assert heard == sorted(heard)
    diverging.go_to(diverging.last)
    heard.clear()
    diverging.go_to(0)
    diverging.go_to(diverging.last - 1, Control(heard.append))
    assert heard == sorted(heard)


def test_the_kept_moments_stay_within_their_budget() -> None:
    network, pair = of_kernel(picture(1, 20, 20))
    trainer = trainer_of(network, pair, budget=20_000, steps=2000)
    for _ in range(1000):
        trainer.advance()
        assert trainer._kept.nbytes <= 20_000
    assert len(trainer._kept) > 5


def test_it_finishes_and_stays_there() -> None:
    trainer = run_of("sums", steps=3)
    steps_of(trainer, 3)
    assert trainer.stopped is not None
    assert (trainer.stopped.kind, trainer.stopped.kept_step) == ("finished", 3)
    assert trainer.stopped.reason == "All 3 steps are done."
    trainer.advance()
    assert trainer.step == trainer.last == 3
    trainer.go_to(1)
    trainer.advance()
    assert trainer.step == trainer.last == 2
    assert not trainer.stopped


# --- what is learned ---


def test_layers_below_and_above_are_trained_through() -> None:
    network, pair = deep()
    trainer = trainer_of(network, pair, rate=0.01, steps=5000)
    first = trainer.look().loss
    for _ in range(100):
        trainer.advance()
    assert trainer.look().loss < first / 5


def test_layers_below_the_learned_one_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = picture(1, 30, 30)
    below, student = Conv.of(Kernel.custom(np.ones((3, 3)) / 9)), Conv.of(Kernel.custom(np.zeros((3, 3))))
    network = Network([below, student], x.shape, [(1, "weight")])
    trainer = trainer_of(network, pair_of([below, Conv.of(Kernel.custom(np.eye(3)))], x))
    seen = []
    forward = Conv.compute

    def counted(layer: Conv, *given: Any, **named: Any) -> Any:
        seen.append(layer)
        return forward(layer, *given, **named)

    monkeypatch.setattr(Conv, "compute", counted)
    steps_of(trainer, 4)
    assert len([layer for layer in seen if layer is student]) == 4
    assert len(seen) <= 5


def test_the_textbook_edge_is_learned_in_ten_steps() -> None:
    """Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 7.2.4."""
    x = np.ones((1, 6, 8), np.float32)
    x[:, :, 2:6] = 0
    network, pair = of_kernel(x, np.array([[1.0, -1.0]]), split=1.0)
    for seed in range(5):
        start = (np.random.default_rng(seed).normal(0, 0.1, (1, 1, 1, 2)),)
        method = MethodSetup(optimizer="gd", rate=0.03, schedule="constant", reduction="sum", steps=10)
        trainer = Trainer(network, pair, method, start=start, seed=seed)
        steps_of(trainer, 10)
        assert trainer.stopped is not None
        assert np.abs(trainer.values[0].reshape(-1) - [1, -1]).max() < 0.1


def grey(sample: str) -> NDArray[np.float32]:
    return np.asarray(load_sample(sample).values.mean(axis=0, keepdims=True), np.float32)


def test_adam_finds_sobel_in_a_photo() -> None:
    network, pair = of_kernel(grey("texture"))
    trainer = trainer_of(network, pair, rate=0.05, schedule="cosine", factor=0.05, steps=1000)
    while trainer.stopped is None:
        trainer.advance()
    target = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert np.abs(trainer.values[0][0, 0] - target).max() < 1e-5


# --- what cannot be trained ---


def test_pictures_must_be_numbers() -> None:
    network, pair = of_kernel(picture(1, 12, 12))
    for name, words in (("before", "picture before has NaN"), ("target", "picture after has NaN")):
        broken = getattr(pair, name).copy()
        broken[0, 2, 3] = np.nan
        with pytest.raises(LearnError, match=words):
            trainer_of(network, replace(pair, **{name: broken}))
        left_out = np.isfinite(pair.target)
        left_out[0, 2, 3] = False
        if name == "target":  # nothing is learned from it there
            trainer = trainer_of(network, replace(pair, target=broken, keep=left_out), sums=False)
            trainer.advance()
            assert np.isfinite(trainer.look().loss)
            summed = trainer_of(network, replace(pair, target=broken, keep=left_out))
            summed.advance()
            np.testing.assert_allclose(summed.values[0], trainer.values[0], atol=1e-6)


def test_there_must_be_something_to_learn_from() -> None:
    network, pair = of_kernel(picture(1, 12, 12))
    none = Pair(pair.before, pair.target, np.zeros(pair.target.shape, bool), pair.split, pair.after)
    for wrong in (none, replace(pair, split=0)):
        with pytest.raises(LearnError, match="No pixel is left"):
            trainer_of(network, wrong)
    with pytest.raises(LearnError, match="makes 1×10×10 cells, but the target has 1×9×10"):
        trainer_of(network, replace(pair, target=pair.target[:, 1:]))


def test_a_run_does_not_depend_on_how_fast_the_machine_seemed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner's measurements differ from run to run; a training must not."""
    network, pair = of_kernel(picture(1, 90, 80))
    runs = []
    for tap in (0.01, 50.0):
        monkeypatch.setattr(speeds_module, "_found", [replace(USUAL, tap=tap, row_product=1 / tap)])
        trainer = trainer_of(network, pair, rate=0.05, loss="huber", data="whole")
        steps_of(trainer, 5)
        runs.append((trainer.look(), trainer.stable_rate()))
    (one, stable), (other, as_stable) = runs
    assert stable == as_stable
    assert (one.loss, one.validation_loss) == (other.loss, other.validation_loss)
    np.testing.assert_array_equal(one.prediction, other.prediction)
    for first, second in zip(one.values, other.values, strict=True):
        np.testing.assert_array_equal(first, second)
