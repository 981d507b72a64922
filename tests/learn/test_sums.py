"""Losses and slopes from sums over windows against the network itself, run in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from convstudio.core import Cancelled
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import CircularConv, Conv, Layer
from convstudio.learn import sums
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Objective
from convstudio.learn.pairs import Pair
from convstudio.learn.penalty import Penalty
from convstudio.learn.sums import WindowSums, worth_summing
from convstudio.learn.whole import WholePicture, kept_cells
from convstudio.model.training_method import MethodSetup
from tests.learn.training_pairs import CancelAt, deep, of_kernel, picture


def kernel(*shape: int, seed: int = 0) -> Kernel:
    return Kernel.custom(np.random.default_rng(seed).normal(0, 0.3, shape))


SHARED = Bank((Filter((kernel(3, 3, seed=1),), 0.2), Filter((kernel(2, 3, seed=2),), -0.1)))
OWN = Bank(tuple(Filter((kernel(3, 2, seed=k), kernel(1, 3, seed=k + 5)), 0.1 * k) for k in range(4)))

LAYERS: dict[str, tuple[Conv, tuple[str, ...]]] = {
    "each, shared": (Conv(bank=SHARED, padding="valid"), ("weight", "bias")),
    "each, own": (Conv(bank=OWN), ("weight",)),
    "all, shared": (Conv(bank=SHARED, channels="all", stride=(2, 1)), ("weight", "bias")),
    "all, own": (Conv(bank=OWN, channels="all", operation="convolution"), ("bias", "weight")),
    "grouped": (Conv(bank=OWN.resized(2), channels="all", dilation=(2, 1)), ("weight",)),
    "circular": (CircularConv(bank=SHARED), ("weight",)),
}


def case(name: str, *, masked: bool, split: float = 0.7) -> tuple[Network, Pair, Values]:
    layer, names = LAYERS[name]
    rng = np.random.default_rng(4)
    x = picture(2, 17, 15)
    network = Network([layer], x.shape, [(0, each) for each in names])
    target = rng.normal(0, 1, network.out_shape).astype(np.float32)
    keep = rng.random(target.shape) < 0.6 if masked else None
    return network, Pair(x, target, keep, round(target.shape[1] * split), target), network.values()


def by_network(
    network: Network, pair: Pair, method: MethodSetup, values: Values
) -> tuple[float, Any, Values]:
    """The same through the picture in float64; the penalty over free numbers, by their places in the bank."""
    objective, (keep, held) = Objective.of(method), kept_cells(pair)
    tape = network.forward(pair.before.astype(np.float64), values)
    loss, slope = objective.evaluate(tape.output, pair.target.astype(np.float64), keep)
    grads = list(network.backward(slope, tape, values))
    layer = network.layers[0]
    assert isinstance(layer, Conv)
    for at, each in enumerate(network.parameters):
        if each.name == "weight":
            places = layer.places(network.in_shape[0])["weight"]
            _, first = np.unique(np.where(places < 0, -1, places), return_index=True)
            free = [n for n in first if places.reshape(-1)[n] >= 0]
            loss += 0.5 * method.l2 * float((values[at].reshape(-1)[free] ** 2).sum())
            grads[at] = grads[at] + method.l2 * np.where(places >= 0, values[at], 0.0)
    beside = None if held is None else objective.loss(tape.output, pair.target.astype(np.float64), held)
    return loss, beside, tuple(grads)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_loss_and_slope_are_the_network_s(name: str, masked: bool) -> None:
    for reduction, split in (("mean", 0.7), ("sum", 1.0)):
        network, pair, values = case(name, masked=masked, split=split)
        method = MethodSetup(reduction=reduction, l2=0.6)
        whole = WholePicture(network, pair, Objective.of(method), Penalty(network, method.l2))
        assert worth_summing(network, pair, method)
        loss, beside, grads = WindowSums(whole, pair).slope(values)
        expected, held, slopes = by_network(network, pair, method, values)
        assert loss == pytest.approx(expected, rel=1e-11)
        assert (beside is None) == (split == 1.0)
        if beside is not None:
            assert beside == pytest.approx(held, rel=1e-10)
        for grad, slope in zip(grads, slopes, strict=True):
            np.testing.assert_allclose(grad, slope, rtol=1e-9, atol=1e-11 * np.abs(slope).max())


def test_a_perfect_fit_has_no_loss_below_zero() -> None:
    network, pair = of_kernel(picture(1, 40, 40))
    whole = WholePicture(network, pair, Objective(), Penalty(network, 0.0))
    found = (np.array([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]),)
    loss, beside, _ = WindowSums(whole, pair).slope(found)
    assert 0 <= loss < 1e-13
    assert beside is not None
    assert 0 <= beside < 1e-13


def test_they_can_be_cancelled() -> None:
    network, pair = of_kernel(picture(1, 40, 40))
    whole = WholePicture(network, pair, Objective(), Penalty(network, 0.0))
    for n in range(3):
        with pytest.raises(Cancelled):
            WindowSums(whole, pair).make(CancelAt(n))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_interrupting_keeps_what_is_done(name: str, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "_band_rows", lambda problem: 2)
    network, pair, values = case(name, masked=masked)
    whole = WholePicture(network, pair, Objective(), Penalty(network, 0.0))
    never, at_once = CancelAt(1 << 30), WindowSums(whole, pair)
    expected = at_once.slope(values, never)
    most, bands = (1 << 30) - never.left, len(at_once._bands)
    assert bands > 4
    loss, held, _ = by_network(network, pair, MethodSetup(), values)
    assert expected[0] == pytest.approx(loss, rel=1e-11)
    assert expected[1] == pytest.approx(held, rel=1e-10)
    # Cancelled again and again after a band or two, it comes to an end all the same.
    made, cancelled = WindowSums(whole, pair), 0
    while not made.made:
        try:
            made.make(CancelAt(2 * most // bands))
        except Cancelled:
            cancelled += 1
        assert cancelled < bands, "nothing is kept"
    assert cancelled > 1
    found = made.slope(values)
    assert found[:2] == expected[:2]
    assert all((a == b).all() for a, b in zip(found[2], expected[2], strict=True))


def test_what_is_worth_summing() -> None:
    network, pair = of_kernel(picture(1, 40, 40))
    assert worth_summing(network, pair, MethodSetup())
    for method in (MethodSetup(loss="huber"), MethodSetup(loss="absolute"), MethodSetup(data="patch")):
        assert not worth_summing(network, pair, method)
    assert not worth_summing(*deep(), MethodSetup())
    only_bias = Network(network.layers, network.in_shape, [(0, "bias")])
    assert not worth_summing(only_bias, pair, MethodSetup())
    large = np.broadcast_to(np.float32(0.5), (1, 3000, 4000))
    for size, worth in ((3, True), (15, False)):
        layers: list[Layer] = [Conv.of(Kernel.custom(np.ones((size, size))))]
        student = Network(layers, large.shape, [(0, "weight")])
        big = replace(pair, before=large, target=large, split=3000)
        assert worth_summing(student, big, MethodSetup()) is worth
