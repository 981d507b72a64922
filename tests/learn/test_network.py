"""Networks: forward against the stack as it is run, every gradient against finite differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.engine.run_stack import run_stack
from convstudio.kernels import Bank, Filter
from convstudio.layers import (
    BankLayer,
    Layer,
)
from convstudio.learn.network import Values
from tests.contracts.random_layers import layers as random_layers
from tests.contracts.random_layers import slope
from tests.learn.network_stacks import (
    SHAPE,
    every_stack,
    network,
    numbers,
    project_of,
)


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


# --- any layers in any order ---

SMOOTH = ("conv", "conv_transpose", "circular_conv", "avg_pool", "activation", "pad", "upsample", "max_pool")


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_gradients_of_any_stack_are_slopes(data: st.DataObject) -> None:
    """Along a direction in the free numbers, which what two sets of values have in common stays in."""
    shape: Any = (data.draw(st.sampled_from((1, 2, 4))), 7, 6)
    layers: list[Layer] = []
    current: Any = shape
    for kind in data.draw(st.lists(st.sampled_from(SMOOTH), min_size=1, max_size=4)):
        layer = data.draw(random_layers(kind, current[0]))
        try:
            out = layer.out_shape(current)
        except GeometryError:
            continue
        if np.prod(out) <= 4000:
            layers.append(layer)
            current = out
    assume(any(isinstance(each, BankLayer) for each in layers))
    net = network(layers, shape)
    x, grad = numbers(*shape), numbers(*net.out_shape, seed=4)
    start = net.values()
    random = tuple(w + numbers(*w.shape, seed=5) for w in start)
    direction = tuple(
        b - a for a, b in zip(start, network(net.with_values(random), shape).values(), strict=True)
    )

    def at(t: float) -> Values:
        return tuple(w + t * d for w, d in zip(start, direction, strict=True))

    tape = net.forward(x, start)
    found = net.backward(grad, tape, start)
    analytic = 0.0
    for parameter, gradient, along in zip(net.parameters, found, direction, strict=True):
        # A number's gradient stands at each of its entries; a random direction tells which are copies.
        steps, firsts = np.unique(along, return_index=True)
        assert len(steps[steps != 0]) <= parameter.count
        analytic += float((gradient.flat[firsts] * steps).sum())
    numeric = slope(lambda t: float((net.forward(x, at(t)).output * grad).sum()))
    assert analytic == pytest.approx(numeric, rel=1e-4, abs=1e-4)
