"""Normalizing and luminance: by NumPy's own statistics, on flat pictures, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.core import GeometryError
from convstudio.layers import Luminance, Normalize
from convstudio.layers.luminance import LUMINANCE_WEIGHTS, REC_601_WEIGHTS, luminance

OVER = {"channel": (1, 2), "all": (0, 1, 2)}


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# --- normalizing ---


@pytest.mark.parametrize("over", OVER)
def test_standardized_numbers_have_mean_0_and_deviation_1(over: str) -> None:
    x = 5 + 3 * picture(3, 40, 50)
    result = Normalize(over=over, epsilon=0.0).forward(x)
    np.testing.assert_allclose(result.mean(axis=OVER[over]), 0.0, atol=1e-12)
    np.testing.assert_allclose(result.std(axis=OVER[over]), 1.0, rtol=1e-12)
    softened = Normalize(over=over, epsilon=0.5).forward(x)
    mean, variance = (f(x, axis=OVER[over], keepdims=True) for f in (np.mean, np.var))
    np.testing.assert_allclose(softened, (x - mean) / np.sqrt(variance + 0.5), atol=1e-12)


@pytest.mark.parametrize("over", OVER)
def test_stretched_numbers_fill_0_to_1(over: str) -> None:
    x = picture(3, 9, 8)
    result = Normalize(method="range", over=over).forward(x)
    low, high = (f(x, axis=OVER[over], keepdims=True) for f in (np.min, np.max))
    np.testing.assert_allclose(result, (x - low) / (high - low), atol=1e-15)
    assert np.all(result.min(axis=OVER[over]) == 0.0)
    assert np.all(result.max(axis=OVER[over]) == 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
@pytest.mark.parametrize("method", ["standardize", "range"])
@pytest.mark.parametrize("over", OVER)
def test_a_flat_picture_becomes_0(dtype: type, epsilon: float, method: str, over: str) -> None:
    """Also where the mean of equal numbers is rounded: 0.1 has no exact sum."""
    layer = Normalize(method=method, over=over, epsilon=epsilon)
    for value in (0.0, 0.1, -7e5):
        x = np.full((2, 7, 9), value, dtype)
        assert (layer.forward(x) == 0).all()
        assert np.isfinite(layer.backward(picture(2, 7, 9).astype(dtype), x).x).all()


def test_one_flat_channel_does_not_spoil_the_others() -> None:
    x = picture(3, 6, 6)
    x[1] = 0.3
    for method in ("standardize", "range"):
        result = Normalize(method=method).forward(x)
        assert (result[1] == 0).all()
        assert np.isfinite(result).all()
        assert np.ptp(result[0]) > 0


def test_smallest_differences_are_stretched_and_not_lost() -> None:
    x = np.array([[[0.0, 5e-324, 1e-323]]])
    result = Normalize(method="range").forward(x)
    assert result.tolist() == [[[0.0, 0.5, 1.0]]]


def test_a_picture_of_several_chunks() -> None:
    x = 1000 + picture(1, 300, 500).astype(np.float32)
    exact = x.astype(np.float64)
    for layer in (Normalize(), Normalize(method="range")):
        np.testing.assert_allclose(layer.forward(x), layer.forward(exact), atol=1e-6)
    np.testing.assert_allclose(
        Normalize(epsilon=0.0).forward(x), (exact - exact.mean()) / exact.std(), atol=1e-5
    )


def test_a_standardized_result_ignores_brightness_and_contrast() -> None:
    """So the gradient is orthogonal to a shift and, without epsilon, to the numbers themselves."""
    x, grad = picture(2, 6, 7), picture(2, 6, 7, seed=1)
    found = Normalize(epsilon=0.0).backward(grad, x).x
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 0.0, atol=1e-10)
    np.testing.assert_allclose((found * x).sum(axis=(1, 2)), 0.0, atol=1e-10)


def test_names_and_parameters_of_normalizing() -> None:
    assert Normalize().name() == "Standardize, per channel"
    assert Normalize(method="range", over="all").name() == "Stretch to 0–1, all channels"
    assert Normalize().applies("epsilon")
    assert not Normalize(method="range").applies("epsilon")


# --- luminance ---


@pytest.mark.parametrize(
    ("standard", "weights"), [("rec709", LUMINANCE_WEIGHTS), ("rec601", REC_601_WEIGHTS)]
)
def test_brightness_is_the_weighted_sum(standard: str, weights: tuple[float, ...]) -> None:
    x = picture(3, 5, 6)
    layer = Luminance(standard=standard)
    expected = weights[0] * x[0] + weights[1] * x[1] + weights[2] * x[2]
    np.testing.assert_allclose(layer.forward(x), expected[None], atol=1e-12)
    assert sum(weights) == pytest.approx(1.0)
    assert layer.out_shape(x.shape) == (1, 5, 6)
    grad = picture(1, 5, 6, seed=1)
    np.testing.assert_allclose(layer.backward(grad, x).x, np.stack([w * grad[0] for w in weights]))


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_the_mean_takes_any_channels(channels: int) -> None:
    x = picture(channels, 4, 5)
    np.testing.assert_allclose(Luminance(standard="mean").forward(x), x.mean(axis=0, keepdims=True))


def test_grey_passes_as_it_is() -> None:
    x = picture(1, 4, 5)
    result = Luminance().forward(x)
    np.testing.assert_array_equal(result, x)
    assert not np.shares_memory(result, x)
    assert Luminance().cost(x.shape).multiply_adds == 0
    assert luminance(x) is x
    assert luminance(picture(3, 4, 5)).shape == (1, 4, 5)


@pytest.mark.parametrize("channels", [2, 4, 8])
def test_other_channels_are_no_colours(channels: int) -> None:
    with pytest.raises(GeometryError, match=f"{channels} channels come in, which are no colours"):
        Luminance().forward(picture(channels, 4, 5))
    repair = Luminance().repair((channels, 4, 5))
    assert repair is not None
    assert repair.changes == {"standard": "mean"}
    assert Luminance().repair((3, 4, 5)) is None


def test_names_of_luminance() -> None:
    assert Luminance().name() == "Luminance Rec. 709"
    assert Luminance(standard="mean").name() == "Mean of channels"
