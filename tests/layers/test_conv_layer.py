"""The convolution layer: its shape rule, its numbers and its computation agree, and agree with SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import Conv
from convstudio.spec.params import ParamError

MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
SCIPY_MODES = dict(
    zip(MODES, ("constant", "constant", "nearest", "mirror", "reflect", "grid-wrap"), strict=True)
)


def random_values(channels: int, height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((channels, height, width), dtype=np.float32)


def kernel(rows: int, columns: int, seed: int = 1) -> Kernel:
    return Kernel.custom(np.random.default_rng(seed).standard_normal((rows, columns)))


def bank(count: int, inputs: int, rows: int, columns: int, bias: float) -> Bank:
    """So many filters with as many kernels each, all different, the first one with a bias."""
    filters = [
        Filter(tuple(kernel(rows, columns, seed=99 * k + c) for c in range(inputs))) for k in range(count)
    ]
    filters[0] = Filter(filters[0].kernels, bias)
    return Bank(tuple(filters))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
amounts = st.tuples(st.integers(0, 4), st.integers(0, 4))
banks = st.builds(
    bank,
    st.integers(1, 4),
    st.sampled_from((1, 1, 2, 3)),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from((0.0, 0.25)),
)
layers = st.builds(
    Conv,
    bank=banks,
    channels=st.sampled_from(("each", "all", "grouped")),
    groups=st.sampled_from((1, 2, 3)),
    operation=st.sampled_from(("correlation", "convolution")),
    padding=st.one_of(st.sampled_from(("valid", "same", "same_lower", "full")), st.tuples(amounts, amounts)),
    padding_mode=st.sampled_from(MODES),
    padding_value=st.sampled_from((0.0, 0.5, -2.0)),
    stride=pairs,
    dilation=pairs,
)
shapes = st.tuples(st.sampled_from((1, 2, 3)), st.integers(1, 12), st.integers(1, 12))


@given(layer=layers, shape=shapes)
@settings(max_examples=150)
def test_the_shape_rule_and_the_computation_agree(layer: Conv, shape: tuple[int, int, int]) -> None:
    """Whatever does not fit says so as a GeometryError; whatever fits has the shape that was promised."""
    x = random_values(*shape)
    try:
        out = layer.forward(x)
    except GeometryError:
        for ask in (layer.out_shape, layer.geometry, layer.cost, layer.stage):
            with pytest.raises(GeometryError):
                ask(shape)
        return
    geometry = layer.geometry(shape)
    assert layer.out_shape(shape) == out.shape == (out.shape[0], *geometry.out)
    assert out.dtype == np.float32
    (top, bottom), (left, right) = geometry.amounts
    padded = shape[1] + top + bottom, shape[2] + left + right
    for axis in (0, 1):
        reach = geometry.dilation[axis] * (geometry.kernel[axis] - 1) + 1
        used = (geometry.out[axis] - 1) * geometry.stride[axis] + reach
        assert used + geometry.unread[axis] == padded[axis]
    read = {"each": 1, "all": shape[0]}.get(layer.channels, shape[0] // layer.groups)
    taps = geometry.kernel[0] * geometry.kernel[1] * read
    cost = layer.cost(shape)
    assert cost.multiply_adds == out.size * taps
    assert cost.parameters == out.shape[0] * (taps + 1)
    assert layer.plan(x).algorithm == layer.algorithm(x) != ""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", ["correlation", "convolution"])
def test_every_border_mode_is_scipys(mode: str, operation: str) -> None:
    x, weights = random_values(3, 14, 11), kernel(5, 3)
    layer = Conv.of(weights, operation=operation, padding_mode=mode, padding_value=0.75, bias=0.5)
    apply = ndimage.correlate if operation == "correlation" else ndimage.convolve
    value = 0.75 if mode == "constant" else 0.0
    expected = [
        apply(plane.astype(np.float64), weights.values, mode=SCIPY_MODES[mode], cval=value) + 0.5
        for plane in x
    ]
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-5)


def test_correlation_is_the_default_and_answers_positively_to_the_right() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (1, 8, 1))
    assert (Conv().forward(ramp)[0, 1:-1, 1:-1] == 8.0).all()
    assert (Conv(operation="convolution").forward(ramp)[0, 1:-1, 1:-1] == -8.0).all()


def filtered(x: np.ndarray[Any, Any], weights: Kernel) -> np.ndarray[Any, Any]:
    return ndimage.correlate(x.astype(np.float64), weights.values, mode="mirror")


def test_over_all_channels_the_results_are_added_up() -> None:
    x, filters = random_values(3, 9, 8), bank(4, 3, 3, 5, 0.5).filters
    layer = Conv(Bank(filters), channels="all")
    expected = [
        sum(filtered(plane, each) for plane, each in zip(x, one.kernels, strict=True)) + one.bias
        for one in filters
    ]
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-5)
    shared = Conv.of(filters[0].kernels[0], channels="all")
    np.testing.assert_allclose(
        shared.forward(x)[0], filtered(x.sum(axis=0), filters[0].kernels[0]), atol=1e-5
    )


@pytest.mark.parametrize("inputs", [1, 3])
def test_each_alone_lays_every_filter_over_every_channel(inputs: int) -> None:
    """The outputs of a channel follow each other, in the order of the filters."""
    x, filters = random_values(3, 9, 8), bank(2, inputs, 3, 3, -1.0).filters
    expected = [filtered(x[c], one.kernel(c)) + one.bias for c in range(3) for one in filters]
    layer = Conv(Bank(filters))
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-5)
    assert [layer.filter_at(k, 3) for k in range(6)] == [(k % 2, (k // 2,)) for k in range(6)]
    assert layer.channel_names(3) == tuple(one.title for one in filters) * 3


def test_groups_do_not_mix() -> None:
    x, filters = random_values(4, 9, 8), bank(6, 2, 3, 3, 2.0).filters
    layer = Conv(Bank(filters), channels="grouped", groups=2)
    expected = [
        sum(filtered(x[2 * (k // 3) + c], one.kernels[c]) for c in range(2)) + one.bias
        for k, one in enumerate(filters)
    ]
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-5)
    assert [layer.filter_at(k, 4) for k in range(6)] == [(k, (0, 1) if k < 3 else (2, 3)) for k in range(6)]


@pytest.mark.parametrize(
    ("layer", "channels", "words"),
    [
        (Conv(bank(2, 3, 3, 3, 0.0), channels="all"), 4, "kernels for 3 channels, but 4 come in"),
        (Conv(bank(2, 3, 3, 3, 0.0)), 1, "kernels for 3 channels, but 1 comes in"),
        (Conv(bank(2, 1, 3, 3, 0.0), channels="grouped", groups=2), 3, "3 input channels do not fall into 2"),
        (Conv(bank(3, 1, 3, 3, 0.0), channels="grouped", groups=2), 4, "3 filters do not fall into 2"),
        (
            Conv(bank(2, 3, 3, 3, 0.0), channels="grouped", groups=2),
            4,
            "for 3 channels, but 2 are in a group",
        ),
        (
            Conv(Bank((*bank(1, 2, 3, 3, 0.0).filters, *bank(1, 3, 3, 3, 0.0).filters)), channels="all"),
            3,
            r"these read \[2, 3\]",
        ),
    ],
)
def test_filters_for_other_channels_are_refused_and_can_be_repaired(
    layer: Conv, channels: int, words: str
) -> None:
    shape = (channels, 9, 9)
    with pytest.raises(GeometryError, match=words):
        layer.out_shape(shape)
    with pytest.raises(GeometryError, match=words):
        layer.forward(random_values(*shape))
    for _ in range(2):  # groups first, then the kernels
        repair = layer.repair(shape)
        assert repair is not None
        layer = layer.replace(**repair.changes)
        if layer.repair(shape) is None:
            break
    assert layer.forward(random_values(*shape)).shape == layer.out_shape(shape)


@pytest.mark.parametrize(
    ("values", "shape", "change"),
    [
        ({"padding": "valid"}, (1, 5, 9), {"padding": "same"}),
        ({"padding_mode": "reflect"}, (1, 3, 9), {"padding_mode": "zeros"}),
        (
            {"padding": "valid", "padding_mode": "reflect"},
            (1, 1, 1),
            {"padding_mode": "zeros", "padding": "same"},
        ),
        ({"dilation": (60, 60), "padding": ((512, 0), (0, 0))}, (1, 9, 9), {"padding": "same"}),
    ],
)
def test_a_repair_makes_it_fit_and_changes_no_more_than_needed(
    values: dict[str, Any], shape: tuple[int, int, int], change: dict[str, Any]
) -> None:
    layer = Conv.of(kernel(7, 7), **values)
    repair = layer.repair(shape)
    assert repair is not None
    assert repair.text
    assert change.items() <= dict(repair.changes).items()
    repaired = layer.replace(**repair.changes)
    assert repaired.out_shape(shape)
    assert repaired.repair(shape) is None


def test_a_card_names_a_single_kernel_or_the_size_of_the_bank() -> None:
    assert Conv().name() == Conv().bank.filters[0].kernels[0].title
    assert Conv.of(*[kernel(3, 5)] * 8, stride=(2, 2)).name() == "Conv →8, 3×5 /2"
    assert Conv(bank(1, 3, 3, 3, 0.0)).name() == "Conv →1, 3×3"


def test_the_input_is_left_alone_and_read_only_is_enough() -> None:
    x = random_values(3, 9, 9)
    before = x.copy()
    x.setflags(write=False)
    for channels in ("each", "all"):
        out = Conv.of(kernel(3, 3), channels=channels, bias=0.5).forward(x)
        assert not np.shares_memory(out, x)
    np.testing.assert_array_equal(x, before)


def test_the_result_goes_into_a_buffer() -> None:
    x = random_values(3, 9, 8)
    buffer = np.full((3, 9, 8), np.nan, np.float32)
    out = Conv().forward(x, out=buffer)
    assert np.shares_memory(out, buffer)
    np.testing.assert_array_equal(buffer, Conv().forward(x))


def test_it_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        Conv().forward(random_values(3, 30, 30), control=control)


def test_what_does_not_fit_is_said_with_its_numbers() -> None:
    layer = Conv.of(kernel(7, 3), padding="valid")
    with pytest.raises(GeometryError, match=r"7.*5|5.*7"):
        layer.forward(random_values(1, 5, 9))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stride", (0, 1)),
        ("dilation", (1, 65)),
        ("padding", "some"),
        ("padding", ((-1, 0), (0, 0))),
        ("padding_mode", "mirror"),
        ("operation", "multiplication"),
        ("channels", "red"),
        ("channels", "luminance"),
        ("groups", 0),
        ("bank", kernel(3, 3)),
        ("padding_value", float("inf")),
    ],
)
def test_a_layer_that_exists_has_allowed_values(name: str, value: object) -> None:
    label = next(each.param.label for each in Conv.parameters() if each.name == name)
    with pytest.raises(ParamError, match=label):
        Conv().replace(**{name: value})


@pytest.mark.parametrize("bias", [float("nan"), float("inf"), "much", True])
def test_a_bias_is_a_finite_number(bias: Any) -> None:
    with pytest.raises(ParamError, match="bias"):
        Conv.of(kernel(3, 3), bias=bias)


def test_equal_layers_are_equal_and_hash_alike() -> None:
    assert Conv(stride=(2, 1)) == Conv(stride=[2, 1])  # type: ignore[arg-type]
    assert hash(Conv(stride=(2, 1))) == hash(Conv().replace(stride=(2, 1)))
    assert Conv.of(kernel(3, 3)) == Conv.of(kernel(3, 3))
    assert hash(Conv.of(kernel(3, 3))) == hash(Conv.of(kernel(3, 3)))
    assert Conv.of(kernel(3, 3)) != Conv.of(kernel(3, 3, seed=2))
    assert Conv.of(kernel(3, 3)) != Conv.of(kernel(3, 3), bias=0.5)


def test_every_parameter_teaches() -> None:
    for each in Conv.parameters():
        assert each.param.label
        assert each.param.help.endswith(".")
        assert each.param.check(each.default) == each.default
