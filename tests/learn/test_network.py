"""Networks: forward against the stack as it is run, every gradient against finite differences."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from convstudio.engine.run_stack import run_stack
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import (
    Activation,
    AvgPool,
    BankLayer,
    CircularConv,
    Conv,
    ConvTranspose,
    Involution,
    Layer,
    MaxPool,
    MaxUnpool,
    Pad,
    Upsample,
)
from convstudio.learn.network import Network, network_of
from convstudio.model import LayerItem, Picture, Project

SHAPE = (2, 9, 8)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def kernel(rows: int, columns: int, seed: int = 0) -> Kernel:
    return Kernel.custom(numbers(rows, columns, seed=seed))


def own(*sizes: tuple[int, int], bias: float = 0.3) -> Filter:
    """A filter with a kernel of each of these sizes."""
    return Filter(tuple(kernel(*size, seed=c) for c, size in enumerate(sizes)), bias, "mine")


SHARED = Bank((Filter((kernel(3, 3, 1),), 0.2), Filter((kernel(3, 3, 2),), -0.4)))
OWN = Bank((own((3, 3), (3, 3)), own((3, 3), (3, 3), bias=-1.0)))
MIXED = Bank((own((3, 2), (1, 4)), Filter((kernel(2, 2, 5),), 0.1)))
SQUARES = Bank((own((3, 3), (1, 1)), Filter((kernel(5, 5, 6),), 0.5)))

STACKS: dict[str, tuple[Layer, ...]] = {
    **{
        f"{channels}-{name}": (Conv(bank=bank, channels=channels),)
        for channels, (name, bank) in itertools.product(
            ("each", "all"), (("shared", SHARED), ("own", OWN), ("mixed", MIXED))
        )
    },
    "grouped": (Conv(bank=Bank((*SHARED.filters, own((2, 2)))).resized(4), channels="grouped"),),
    "flipped": (Conv(bank=MIXED, channels="all", operation="convolution", padding_mode="circular"),),
    "strided": (Conv(bank=OWN, channels="all", stride=(2, 3), dilation=(1, 2), padding="full"),),
    **{
        mode: (
            Conv(bank=OWN, channels="all", padding_mode=mode, padding_value=0.7, padding=((1, 2), (0, 3))),
        )
        for mode in ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
    },
    **{
        f"transposed-{channels}": (
            ConvTranspose(bank=bank, channels=channels, stride=(2, 1), dilation=(1, 2)),
        )
        for channels, bank in (("each", MIXED), ("all", MIXED), ("grouped", SHARED))
    },
    "circular": (CircularConv(bank=SQUARES, channels="all"),),
    "circular-flipped": (CircularConv(bank=SQUARES, channels="each", operation="convolution"),),
    "involution": (Involution(seed=3),),
    "deep": (
        Conv(bank=OWN, channels="all", padding="valid"),
        Activation(function="leaky_relu"),
        MaxPool(),
        Conv(bank=MIXED, channels="all"),
        MaxUnpool(),
        Pad(),
        ConvTranspose(bank=SHARED, channels="each"),
        AvgPool(),
        Upsample(),
        Activation(function="tanh"),
    ),
}


def project_of(layers: Sequence[Layer], off: tuple[int, ...] = ()) -> Project:
    items = [LayerItem(f"l{n}", each, enabled=n not in off) for n, each in enumerate(layers)]
    return Project(Picture(np.zeros((3, 20, 20), np.float32), "black"), tuple(items))


def all_marks(layers: Sequence[Layer]) -> set[tuple[str, str]]:
    """Every name that a layer's array may have, for every layer; those that are not there are ignored."""
    names = ("weight", "bias", *Involution().weights(2))
    return {(f"l{n}", name) for n in range(len(layers)) for name in names}


def network(layers: Sequence[Layer], shape: tuple[int, int, int] = SHAPE) -> Network:
    """All arrays of all layers are learned."""
    return network_of(project_of(layers), all_marks(layers), shape)


every_stack = pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)


def moved_kernels(bank: Bank, step: float) -> Iterator[Bank]:
    """The bank with one number of one kernel moved, for each of them."""
    for k, each in enumerate(bank.filters):
        for c, one in enumerate(each.kernels):
            for cell in np.ndindex(one.shape):
                values = one.values.copy()
                values[cell] += step
                kernels = (*each.kernels[:c], one.edited(values), *each.kernels[c + 1 :])
                yield bank.with_filter(k, Filter(kernels, each.bias, each.name))


def moved_biases(bank: Bank, step: float) -> Iterator[Bank]:
    for k, each in enumerate(bank.filters):
        yield bank.with_filter(k, Filter(each.kernels, each.bias + step, each.name))


def moved_layers(layer: Layer, name: str, channels: int, step: float) -> Iterator[Layer]:
    """The layer with one free number of an array moved, for each of them."""
    if isinstance(layer, BankLayer):
        move = moved_kernels if name == "weight" else moved_biases
        for bank in move(layer.bank, step):
            yield layer.replace(bank=bank)
        return
    weights = layer.weights(channels)
    for cell in np.ndindex(weights[name].shape):
        values = np.array(weights[name])
        values[cell] += step
        yield layer.with_weights({**weights, name: values}, channels)


@every_stack
def test_forward_is_the_stack_as_it_is_run(layers: tuple[Layer, ...]) -> None:
    x = numbers(*SHAPE)
    expected = run_stack(project_of(layers), x)
    net = network(layers)
    tape = net.forward(x, net.values())
    np.testing.assert_allclose(tape.output, expected, rtol=1e-12, atol=1e-12)
    assert tape.output.shape == net.out_shape
    single = net.forward(x.astype(np.float32), net.values()).output
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-3, atol=1e-3)


@every_stack
def test_every_gradient_is_a_finite_difference_of_its_free_number(layers: tuple[Layer, ...]) -> None:
    """Numbers are moved in the kernels themselves, and the stack is run as a project runs it."""
    net, x, step = network(layers), numbers(*SHAPE), 1e-6
    grad = numbers(*net.out_shape, seed=7)
    values = net.values()
    tape = net.forward(x, values)
    found = net.backward(grad, tape, values)

    def loss(place: int, layer: Layer) -> float:
        changed = (*layers[:place], layer, *layers[place + 1 :])
        return float((run_stack(project_of(changed), x) * grad).sum())

    assert len(found) == len(net.parameters) > 0
    for parameter, gradient, own_values in zip(net.parameters, found, values, strict=True):
        assert gradient.dtype == np.float64
        assert gradient.shape == own_values.shape == parameter.shape
        place, name, layer = parameter.layer, parameter.name, layers[parameter.layer]
        given_x = tape.inputs[place]
        assert given_x is not None
        channels = len(given_x)
        touched, count = np.zeros(gradient.shape, bool), 0
        there = layer.weights(channels)[name]
        ahead = moved_layers(layer, name, channels, step)
        behind = moved_layers(layer, name, channels, -step)
        for plus, minus in zip(ahead, behind, strict=True):
            entries = np.flatnonzero(plus.weights(channels)[name] != there)
            assert not touched.flat[entries].any()
            touched.flat[entries] = True
            numeric = (loss(place, plus) - loss(place, minus)) / (2 * step)
            same = gradient.flat[entries]
            assert (same == same[0]).all(), "numbers that are one have one gradient"
            assert same[0] == pytest.approx(numeric, rel=2e-5, abs=2e-6)
            count += 1
        assert not gradient[~touched].any(), "zeros around smaller kernels stay"
        assert parameter.count == count


@every_stack
def test_the_gradient_of_the_picture_is_a_finite_difference(layers: tuple[Layer, ...]) -> None:
    net, x = network(layers), numbers(*SHAPE)
    grad, direction = numbers(*net.out_shape, seed=7), numbers(*SHAPE, seed=8)
    values = net.values()
    found = net.input_gradient(grad, net.forward(x, values), values)
    ahead, behind = (net.forward(x + t * direction, values).output for t in (1e-6, -1e-6))
    numeric = float(((ahead - behind) * grad).sum()) / 2e-6
    assert float((found * direction).sum()) == pytest.approx(numeric, rel=2e-5, abs=2e-6)


@every_stack
def test_values_go_back_into_ordinary_layers(layers: tuple[Layer, ...]) -> None:
    """After a step along the gradient the layers compute the same, and are made as before."""
    net, x = network(layers), numbers(*SHAPE)
    start = net.values()
    grads = net.backward(numbers(*net.out_shape, seed=7), net.forward(x, start), start)
    values = tuple(w - 0.01 * g for w, g in zip(start, grads, strict=True))
    learned = net.with_values(values)
    np.testing.assert_allclose(
        run_stack(project_of(learned), x), net.forward(x, values).output, rtol=1e-12, atol=1e-12
    )
    for before, after in zip(layers, learned, strict=True):
        if isinstance(before, BankLayer):
            assert isinstance(after, BankLayer)
            for old, new in zip(before.bank.filters, after.bank.filters, strict=True):
                assert new.name == old.name
                assert [k.shape for k in new.kernels] == [k.shape for k in old.kernels]
            assert before.replace(bank=after.bank) == after
    again = network(learned).values()
    for one, other in zip(again, values, strict=True):
        np.testing.assert_array_equal(one, other)
    assert net.with_values(start)[0] == layers[0] or not isinstance(layers[0], BankLayer)
