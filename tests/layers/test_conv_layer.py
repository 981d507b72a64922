"""The convolution layer: its shape rule, its numbers and its computation agree, and agree with SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.layers.conv import LUMINANCE_WEIGHTS, luminance
from convstudio.spec.params import ParamError

MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
SCIPY_MODES = dict(
    zip(MODES, ("constant", "constant", "nearest", "mirror", "reflect", "grid-wrap"), strict=True)
)


def random_values(channels: int, height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).random((channels, height, width), dtype=np.float32)


def kernel(rows: int, columns: int, seed: int = 1) -> Kernel:
    return Kernel.custom(np.random.default_rng(seed).standard_normal((rows, columns)))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
amounts = st.tuples(st.integers(0, 4), st.integers(0, 4))
layers = st.builds(
    Conv,
    kernel=st.builds(kernel, st.integers(1, 5), st.integers(1, 5)),
    channels=st.sampled_from(("each", "luminance")),
    operation=st.sampled_from(("correlation", "convolution")),
    padding=st.one_of(st.sampled_from(("valid", "same", "same_lower", "full")), st.tuples(amounts, amounts)),
    padding_mode=st.sampled_from(MODES),
    padding_value=st.sampled_from((0.0, 0.5, -2.0)),
    stride=pairs,
    dilation=pairs,
    bias=st.sampled_from((0.0, 0.25)),
)
shapes = st.tuples(st.sampled_from((1, 3)), st.integers(1, 12), st.integers(1, 12))


@given(layer=layers, shape=shapes)
@settings(max_examples=150)
def test_the_shape_rule_and_the_computation_agree(layer: Conv, shape: tuple[int, int, int]) -> None:
    """Whatever does not fit says so as a GeometryError; whatever fits has the shape that was promised."""
    x = random_values(*shape)
    try:
        out = layer.forward(x)
    except GeometryError:
        with pytest.raises(GeometryError):
            _ = layer.geometry(shape), layer.plan(layer.source(x)), layer.apply(layer.source(x))
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
    taps = geometry.kernel[0] * geometry.kernel[1]
    assert geometry.cost.multiply_adds == out.size * taps
    assert geometry.cost.parameters == out.shape[0] * (taps + 1)
    assert layer.plan(layer.source(x)).algorithm


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", ["correlation", "convolution"])
def test_every_border_mode_is_scipys(mode: str, operation: str) -> None:
    x, weights = random_values(3, 14, 11), kernel(5, 3)
    layer = Conv(kernel=weights, operation=operation, padding_mode=mode, padding_value=0.75, bias=0.5)
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


def test_luminance_is_one_channel_of_rec_709() -> None:
    x = random_values(3, 6, 7)
    layer = Conv(kernel=Kernel.custom([[1.0]]), channels="luminance")
    expected = np.tensordot(np.array(LUMINANCE_WEIGHTS), x.astype(np.float64), 1)[None]
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-6)
    assert layer.out_shape(x.shape) == (1, 6, 7)
    assert sum(LUMINANCE_WEIGHTS) == pytest.approx(1.0)


def test_grey_is_its_own_luminance() -> None:
    x = random_values(1, 4, 5)
    assert luminance(x) is x


def test_the_input_is_left_alone_and_read_only_is_enough() -> None:
    x = random_values(3, 9, 9)
    before = x.copy()
    x.setflags(write=False)
    for channels in ("each", "luminance"):
        out = Conv(channels=channels, bias=0.5).forward(x)
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
    layer = Conv(kernel=kernel(7, 3), padding="valid")
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
        ("bias", float("nan")),
        ("padding_value", float("inf")),
    ],
)
def test_a_layer_that_exists_has_allowed_values(name: str, value: object) -> None:
    label = next(each.param.label for each in Conv.parameters() if each.name == name)
    with pytest.raises(ParamError, match=label):
        Conv().replace(**{name: value})


def test_equal_layers_are_equal_and_hash_alike() -> None:
    assert Conv(stride=(2, 1)) == Conv(stride=[2, 1])  # type: ignore[arg-type]
    assert hash(Conv(stride=(2, 1))) == hash(Conv().replace(stride=(2, 1)))
    assert Conv(kernel=kernel(3, 3)) != Conv(kernel=kernel(3, 3, seed=2))


def test_every_parameter_teaches() -> None:
    for each in Conv.parameters():
        assert each.param.label
        assert each.param.help.endswith(".")
        assert each.param.check(each.default) == each.default
