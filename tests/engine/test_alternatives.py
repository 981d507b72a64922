"""The costs of other ways, against those that the layers themselves give."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.engine.alternatives import alternatives
from convstudio.kernels import Bank
from convstudio.layers import Conv
from convstudio.layers.base import Shape


def conv(filters: int, inputs: int, side: int, **values: object) -> Conv:
    bank = Bank.from_weights(np.ones((filters, inputs, side, side)))
    return Conv(bank=bank, **{"channels": "all", "padding_mode": "zeros", **values})


def through(layers: list[Conv], shape: Shape) -> tuple[Shape, int, int]:
    """Return the output's shape, and the multiply-adds and weights of layers one after another."""
    products = weights = 0
    for layer in layers:
        cost = layer.cost(shape)
        out = layer.out_shape(shape)
        products += cost.multiply_adds
        weights += cost.parameters - out[0]
        shape = out
    return shape, products, weights


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_separable_pair_costs_what_its_two_layers_do(padding: str, stride: int) -> None:
    shape = (6, 17, 20)
    layer = conv(8, 6, 3, padding=padding, stride=(stride, stride))
    depthwise = conv(1, 1, 3, padding=padding, stride=(stride, stride), channels="each")
    out, products, weights = through([depthwise, conv(8, 6, 1)], shape)
    assert out == layer.out_shape(shape)
    found = next(each for each in alternatives(layer, shape) if each.name == "Depthwise separable")
    assert found.multiply_adds == products
    assert found.parameters == weights + 8
    assert found.ratio == pytest.approx(1 / 8 + 1 / 9)
    assert "1/8 + 1/9 = 0.236" in found.text


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("side", "count"), [(5, 2), (7, 3)])
def test_small_kernels_cost_what_their_layers_do(padding: str, side: int, count: int) -> None:
    shape = (4, 17, 20)
    layer = conv(8, 4, side, padding=padding)
    layers = [conv(8, 4, 3, padding=padding), *(conv(8, 8, 3, padding=padding) for _ in range(count - 1))]
    out, products, weights = through(layers, shape)
    assert out == layer.out_shape(shape)
    found = next(each for each in alternatives(layer, shape) if each.name == f"{count} layers of 3×3")
    assert found.multiply_adds == products
    assert found.parameters == weights + 8


def test_with_as_many_channels_out_as_in_two_small_kernels_take_18_of_25_products() -> None:
    found = {each.name: each for each in alternatives(conv(16, 16, 5), (16, 30, 30))}
    assert found["2 layers of 3×3"].ratio == pytest.approx(18 / 25)
    assert "18 weights for a pair of channels instead of 25" in found["2 layers of 3×3"].text


def test_a_pointwise_layer_has_one_tap() -> None:
    found = {each.name: each for each in alternatives(conv(16, 8, 3), (8, 30, 30))}
    assert found["Pointwise"].ratio == pytest.approx(1 / 9)
    assert found["Pointwise"].parameters == 16 * 8 + 16


def test_groups_count() -> None:
    layer = conv(6, 2, 5, channels="grouped", groups=2)
    found = {each.name: each for each in alternatives(layer, (4, 12, 12))}
    assert found["Depthwise separable"].ratio == pytest.approx(1 / 3 + 1 / 25)
    assert found["2 layers of 3×3"].parameters == 9 * 6 * 2 + 9 * 6 * 3 + 6


def test_they_come_cheapest_first_and_name_a_source() -> None:
    found = alternatives(conv(16, 16, 5), (16, 30, 30))
    assert [each.name for each in found] == ["Pointwise", "Depthwise separable", "2 layers of 3×3"]
    assert [each.multiply_adds for each in found] == sorted(each.multiply_adds for each in found)
    for each, source in zip(found, ("Lin", "Howard", "Simonyan"), strict=True):
        assert source in each.text


@pytest.mark.parametrize(
    "layer", [conv(4, 4, 1), conv(4, 1, 3, channels="each"), conv(2, 1, 4, channels="each")]
)
def test_nothing_to_replace(layer: Conv) -> None:
    assert alternatives(layer, (4, 12, 12)) == ()
