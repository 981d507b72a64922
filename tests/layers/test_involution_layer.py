"""Involution: by its definition in plain loops, in bands, with weights that are random or trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convstudio.layers.involution as involution_module
from convstudio.core import GeometryError, Stage
from convstudio.layers import Involution
from convstudio.layers.base import FloatArray
from convstudio.layers.stored import StoredArrays
from convstudio.spec.params import ParamError

NUMPY_MODES = {
    "zeros": "constant",
    "replicate": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "circular": "wrap",
}


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def trained(layer: Involution, channels: int, seed: int = 5) -> Involution:
    """The layer with weights and biases that let every position have a kernel."""
    shapes = layer.weight_shapes(channels)
    numbers = np.random.default_rng(seed)
    return layer.with_weights({name: numbers.standard_normal(s) for name, s in shapes.items()}, channels)


def by_definition(layer: Involution, x: np.ndarray) -> np.ndarray:
    """One output cell after another: its kernel from the mean of its step, laid over its window."""
    (kh, kw), (sh, sw), (dh, dw) = layer.kernel, layer.stride, layer.dilation
    channels, height, width = x.shape
    out = -(-height // sh), -(-width // sw)
    pads = [(0, 0)]
    for n, cells, taps, step, gap in zip((height, width), out, (kh, kw), (sh, sw), (dh, dw), strict=True):
        total = max((cells - 1) * step + gap * (taps - 1) + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, pads, mode=NUMPY_MODES[layer.padding_mode])  # type: ignore[call-overload]
    weights = {
        name: np.squeeze(values, (2, 3)) if values.ndim == 4 else values
        for name, values in layer.weights(channels).items()
    }
    result = np.zeros((channels, *out))
    for i in range(out[0]):
        for j in range(out[1]):
            mean = x[:, i * sh : (i + 1) * sh, j * sw : (j + 1) * sw].mean(axis=(1, 2))
            hidden = np.maximum(weights["reduce"] @ mean + weights["reduce_bias"], 0)
            kernels = (weights["span"] @ hidden + weights["span_bias"]).reshape(layer.groups, kh, kw)
            for c in range(channels):
                kernel = kernels[c * layer.groups // channels]
                for u in range(kh):
                    for v in range(kw):
                        result[c, i, j] += kernel[u, v] * padded[c, i * sh + u * dh, j * sw + v * dw]
    return result


small = st.tuples(st.integers(1, 4), st.integers(1, 4))
steps = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(
    kernel=small,
    stride=steps,
    dilation=steps,
    groups=st.sampled_from((1, 2, 4)),
    reduction=st.integers(1, 5),
    mode=st.sampled_from(list(NUMPY_MODES)),
)
@settings(max_examples=40)
def test_values_are_the_definition(**parameters: Any) -> None:
    parameters["padding_mode"] = parameters.pop("mode")
    x = picture(4, 10, 11)
    for layer in (Involution(**parameters), trained(Involution(**parameters), 4)):
        np.testing.assert_allclose(layer.forward(x), by_definition(layer, x), atol=1e-10)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_bands_join_without_a_seam(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = picture(2, 13, 9)
    layer = trained(Involution(kernel=(4, 3), stride=(2, 1), dilation=(1, 2), padding_mode=mode), 2)
    grad = picture(*layer.out_shape(x.shape), seed=3)
    whole, slopes = layer.forward(x), layer.backward(grad, x)
    monkeypatch.setattr(involution_module, "_BAND_BYTES", 12 * 9 * 8 * 2)  # two output rows
    assert len(list(involution_module._Bands(layer, x))) == 4
    np.testing.assert_allclose(layer.forward(x), whole, atol=1e-12)
    banded = layer.backward(grad, x)
    np.testing.assert_allclose(banded.x, slopes.x, atol=1e-12)
    for name, values in slopes.weights.items():
        np.testing.assert_allclose(banded.weights[name], values, atol=1e-12, err_msg=name)


def test_constant_weights_make_a_convolution() -> None:
    """With W₁ = 0 the kernels are b₁ everywhere."""
    from scipy import ndimage

    kernel = picture(3, 3, seed=1)
    layer = Involution()
    weights: dict[str, FloatArray] = {n: np.zeros(s) for n, s in layer.weight_shapes(3).items()}
    weights["span_bias"] = kernel.reshape(-1)
    x = picture(3, 8, 9)
    expected = [ndimage.correlate(plane, kernel, mode="mirror") for plane in x]
    np.testing.assert_allclose(layer.with_weights(weights, 3).forward(x), expected, atol=1e-12)


def test_a_seed_gives_its_weights_and_no_others() -> None:
    one, again, other = (Involution(seed=seed).weights(3) for seed in (7, 7, 8))
    for name in ("reduce", "span"):
        np.testing.assert_array_equal(one[name], again[name])
        assert not np.array_equal(one[name], other[name])
    assert Involution(seed=7) != Involution(seed=8)


def test_random_weights_have_the_spread_of_their_sources() -> None:
    weights = Involution(groups=8, kernel=(7, 7)).weights(512)
    assert float(weights["reduce"].std()) == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert float(weights["span"].std()) == pytest.approx((2 / (512 + 8 * 49)) ** 0.5, rel=0.02)
    assert not weights["reduce_bias"].any()
    assert not weights["span_bias"].any()


def test_the_default_shows_something_on_a_photo() -> None:
    x = np.random.default_rng(0).random((3, 12, 12))
    assert float(np.ptp(Involution().forward(x))) > 0.1


def test_trained_weights_are_kept_and_compared_by_their_numbers() -> None:
    layer, same = trained(Involution(), 3), trained(Involution(), 3)
    assert layer == same
    assert hash(layer) == hash(same)
    assert layer != trained(Involution(), 3, seed=6)
    assert layer != Involution()
    assert layer.replace(trained=None) == Involution()
    with pytest.raises(ValueError, match="read-only"):
        layer.weights(3)["span"][0] = 1.0
    with pytest.raises(ParamError, match="trained weights"):
        Involution().replace(trained={"reduce": np.zeros(3)})


def test_stored_arrays_copy_what_they_are_given() -> None:
    values = np.arange(3.0)
    stored = StoredArrays({"a": values})
    values[0] = 9.0
    assert stored["a"].tolist() == [0.0, 1.0, 2.0]
    assert stored == StoredArrays({"a": np.array([0, 1, 2], np.float32)})
    assert stored != StoredArrays({"b": np.arange(3.0)})
    assert stored != StoredArrays({"a": np.arange(3.0)[None]})
    assert len(stored) == 1


@pytest.mark.parametrize(
    ("layer", "channels", "words", "changes"),
    [
        (Involution(groups=2), 3, "3 channels do not fall into 2 equal groups", {"groups": 1}),
        (Involution(groups=5), 8, "8 channels do not fall into 5 equal groups", {"groups": 4}),
        (Involution(groups=64), 6, "6 channels", {"groups": 6}),
        (Involution(kernel=(9, 9), dilation=(4, 4)), 3, "at most", {"padding_mode": "zeros"}),
        (trained(Involution(), 4), 3, "trained weights are for another", {"trained": None}),
        (trained(Involution(), 3).replace(kernel=(5, 5)), 3, "trained weights", {"trained": None}),
    ],
)
def test_what_does_not_fit_is_said_and_repaired(
    layer: Involution, channels: int, words: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(GeometryError, match=words):
        layer.out_shape((channels, 8, 8))
    repair = layer.repair((channels, 8, 8))
    assert repair is not None
    assert repair.changes == changes


def test_wrong_weights_are_refused() -> None:
    weights = dict(Involution().weights(3))
    del weights["span_bias"]
    with pytest.raises(ValueError, match="span_bias"):
        Involution().with_weights(weights, 3)


def test_costs_are_those_of_the_paper() -> None:
    """K²·C products to lay the kernels over the picture; C²/r + K²·G·C/r to make them (section 3.2)."""
    layer = Involution(kernel=(7, 7), groups=4, reduction=4)
    cost = layer.cost((64, 10, 12))
    assert cost.multiply_adds == 120 * (49 * 64 + 64 * 16 + 49 * 4 * 16)
    assert cost.parameters == 64 * 16 + 16 + 49 * 4 * 16 + 49 * 4


def test_the_receptive_field_takes_in_what_the_kernel_is_made_from() -> None:
    assert Involution(dilation=(2, 2)).stage((3, 8, 8)) == Stage(
        (3, 3), stride=(1, 1), dilation=(2, 2), padding="same"
    )
    wide = Involution(kernel=(1, 1), stride=(3, 2)).stage((3, 9, 8))
    assert (wide.kernel, wide.stride, wide.padding) == ((3, 2), (3, 2), ((0, 2), (0, 1)))
