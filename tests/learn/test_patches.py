"""Steps on patches: their gradient is the whole picture's, for the cells that they teach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convstudio.kernels import Kernel
from convstudio.layers import AvgPool, Conv, ConvTranspose, GlobalPool, Layer, MaxPool
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.learn.objectives import Objective
from convstudio.learn.pairs import Pair
from convstudio.learn.patches import Patches
from convstudio.learn.penalty import Penalty
from convstudio.learn.whole import WholePicture
from convstudio.model.training_method import MethodSetup
from tests.learn.training_pairs import deep, of_kernel, pair_of, picture, trainer_of


def conv(size: int = 3, **values: Any) -> Conv:
    rng = np.random.default_rng(size)
    return Conv.of(Kernel.custom(rng.normal(0, 0.3, (size, size))), **values)


STACKS: dict[str, tuple[Layer, ...]] = {
    "valid": (conv(padding="valid"),),
    "same": (conv(5, padding="same"),),
    "even": (conv(4, padding="same", padding_mode="circular", dilation=(2, 1)),),
    "full": (conv(padding="full", padding_mode="zeros"),),
    "strided": (conv(stride=(2, 3)),),
    "pooled": (conv(), MaxPool(), conv(5), AvgPool()),
    "there and back": (
        conv(stride=(2, 2)),
        ConvTranspose.of(Kernel.custom(np.ones((3, 3)) / 4), stride=(2, 2)),
    ),
    "enlarged": (ConvTranspose.of(Kernel.custom(np.ones((3, 3)) / 4), stride=(2, 2)), conv()),
}


def of_stack(layers: tuple[Layer, ...], *, masked: bool = False) -> tuple[Network, Pair]:
    x = picture(2, 41, 37, seed=1)
    teacher = tuple(
        each.replace(bank=conv(each.bank.shape[0]).bank) if isinstance(each, Conv) else each
        for each in layers
    )
    pair = pair_of(teacher, x)
    target = pair.target + np.random.default_rng(2).normal(0, 0.1, pair.target.shape).astype(np.float32)
    keep = np.random.default_rng(3).random(target.shape) < 0.6 if masked else None
    trained = [
        (place, name)
        for place, each in enumerate(layers)
        if hasattr(each, "bank")
        for name in ("weight", "bias")
    ]
    return Network(layers, x.shape, trained), replace(pair, target=target, keep=keep)


def patches_of(network: Network, pair: Pair, **values: Any) -> tuple[WholePicture, Patches, MethodSetup]:
    method = MethodSetup(**values)
    whole = WholePicture(network, pair, Objective.of(method), Penalty(network, method.l2))
    return whole, Patches(whole, method, pair.split, 3), method


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", STACKS)
def test_the_gradient_is_that_of_the_cells_in_the_patches(name: str, masked: bool) -> None:
    network, pair = of_stack(STACKS[name], masked=masked)
    for reduction in ("mean", "sum"):
        whole, patches, method = patches_of(
            network, pair, data="batch", patch=26, batch=3, l2=0.2, loss="huber", reduction=reduction
        )
        values = network.values()
        patches.check(values)
        for step in (0, 5):
            loss, grads = patches.gradient(step, values)
            tape = network.forward(pair.before, values)
            slope = np.zeros(tape.output.shape, np.float32)
            expected, cells = 0.0, 0
            objective = replace(Objective.of(method), reduction="sum")
            for place in patches.places(step):  # two of them may share cells, which then count twice
                there = np.zeros(tape.output.shape, bool)
                there[patches.cells(place)] = True
                assert there.any()
                assert not there[:, pair.split :].any()
                there &= True if pair.keep is None else pair.keep
                part, more = objective.evaluate(tape.output, pair.target, there)
                expected, cells = expected + part, cells + int(there.sum())
                slope += more
            share = 1 / cells if reduction == "mean" else 1.0
            wanted = whole.penalty.added(network.backward(slope * np.float32(share), tape, values), values)
            assert loss == pytest.approx(expected * share + whole.penalty.value(values), rel=1e-5)
            for grad, other in zip(grads, wanted, strict=True):
                np.testing.assert_allclose(grad, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def test_a_network_that_sees_everything_needs_the_whole_picture() -> None:
    x = picture(1, 20, 20)
    layers = (conv(), GlobalPool())
    network = Network(layers, x.shape, [(0, "weight")])
    with pytest.raises(LearnError, match="whole picture"):
        trainer_of(network, pair_of(layers, x, split=1.0), data="patch", patch=8).advance()


def test_patches_that_are_too_small_are_refused_with_what_would_do() -> None:
    network, pair = of_kernel(picture(1, 40, 40), np.ones((9, 9)))
    with pytest.raises(LearnError, match="patches of at least 9"):
        trainer_of(network, pair, data="patch", patch=8)
    trainer_of(network, pair, data="patch", patch=9).advance()


def test_patches_larger_than_the_picture_are_the_picture() -> None:
    network, pair = of_kernel(picture(1, 20, 16), split=1.0)
    one = trainer_of(network, pair, data="patch", patch=64)
    whole = trainer_of(network, pair)
    for trainer in (one, whole):
        for _ in range(5):
            trainer.advance()
    np.testing.assert_allclose(one.values[0], whole.values[0], atol=1e-6)


def test_a_batch_without_a_cell_that_counts_is_drawn_again() -> None:
    x = picture(1, 60, 60)
    keep = np.zeros((1, 58, 58), bool)
    keep[0, 20:30, 20:30] = True
    network, pair = of_kernel(x, keep=keep)
    _, patches, _ = patches_of(network, pair, data="patch", patch=8)
    for step in range(20):
        (place,) = patches.places(step)
        assert keep[patches.cells(place)].any()
    keep[:] = False
    keep[0, 0, 57] = True
    _, patches, _ = patches_of(network, replace(pair, keep=keep), data="patch", patch=8)
    with pytest.raises(LearnError, match="Hardly any patch"):
        patches.places(0)


def test_the_whole_picture_is_looked_at_now_and_then() -> None:
    network, pair = of_kernel(picture(1, 60, 60))
    trainer = trainer_of(network, pair, data="batch", patch=10, batch=2)
    for _ in range(20):
        trainer.advance()
    steps, losses, validations = trainer.losses()
    assert np.isfinite(losses).all()
    measured = steps[np.isfinite(validations)]
    assert measured.tolist() == [0, 6, 12, 18]  # 3600 pixels, 200 of them three times a step
    trainer.go_to(6)
    assert trainer.look().validation_loss == validations[6]


def test_patches_learn_what_the_whole_picture_does() -> None:
    network, pair = of_kernel(picture(1, 80, 80))
    trainer = trainer_of(network, pair, data="batch", patch=16, batch=2, rate=0.05, steps=250)
    first = trainer.look().loss
    while trainer.stopped is None:
        trainer.advance()
    assert trainer.stopped.kind == "finished"
    assert trainer.look().loss < first / 50
    network, pair = deep()
    trainer = trainer_of(network, pair, data="patch", patch=16, rate=0.01)
    first = trainer.look().loss
    for _ in range(60):
        trainer.advance()
    assert trainer.look().loss < first / 2
