"""NaN and infinity reach exactly the cells whose windows cover them, whatever the algorithm.

A zero tap counts as covering, as IEEE 754 has it: 0·NaN and 0·∞ are NaN (PyTorch agrees; SciPy's ndimage
leaves zero taps out). So what a cell must be is known from which kinds of bad pixel lie under which weights,
and every other cell must be as if the bad pixels were not there at all.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convstudio.core import ALGORITHMS, conv
from tests.oracles import allowed_error, assert_agrees, numpy_pad, scipy_conv
from tests.strategies import Job, jobs

EVERY = ("auto", *ALGORITHMS)


def with_bad_pixels(job: Job, seed: int, values: list[float]) -> Job:
    rng = np.random.default_rng(seed)
    x = job.x.copy()
    for value in values:
        x[tuple(rng.integers(0, n) for n in x.shape)] = value
    return Job(x, job.weight, job.bias, job.arguments)


def covered(job: Job, pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Which cells have one of ``pixels`` under one of ``weights`` (both are masks)."""
    arguments = {**job.arguments, "padding_value": 0.0}
    counts = scipy_conv(Job(pixels.astype(np.float64), weights.astype(np.float64), None, arguments))
    return counts > 0.5


def ieee(job: Job) -> np.ndarray:
    """What each cell must be where it covers a bad pixel, and 0 where it covers none."""
    x, w = job.x, job.weight
    up = covered(job, x == np.inf, w > 0) | covered(job, x == -np.inf, w < 0)
    down = covered(job, x == np.inf, w < 0) | covered(job, x == -np.inf, w > 0)
    nan = covered(job, np.isnan(x), np.ones_like(w)) | covered(job, np.isinf(x), w == 0) | (up & down)
    return np.where(nan, np.nan, np.where(up, np.inf, np.where(down, -np.inf, 0.0)))


def check(job: Job, algorithm: str) -> None:
    result = conv(job.x, job.weight, job.bias, algorithm=algorithm, **job.arguments)
    clean = Job(np.where(np.isfinite(job.x), job.x, 0), job.weight, job.bias, job.arguments)
    bad = ieee(job)
    touched = bad != 0
    np.testing.assert_array_equal(
        np.where(touched, result, 0), bad, err_msg=f"{algorithm}: cells that cover a bad pixel, {job}"
    )
    assert np.isfinite(result[~touched]).all(), f"{algorithm} leaked into cells that do not cover it, {job}"
    expected, allowed = scipy_conv(clean), allowed_error(clean, algorithm)
    zero = np.zeros_like(expected)
    assert_agrees(
        np.where(touched, zero, result), np.where(touched, zero, expected), allowed, f"{algorithm}, {job}"
    )


@pytest.mark.parametrize("algorithm", EVERY)
@settings(deadline=None, max_examples=40)
@given(
    job=jobs(),
    seed=st.integers(0, 2**16),
    values=st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=3),
)
def test_bad_pixels_stay_in_their_windows(algorithm: str, job: Job, seed: int, values: list[float]) -> None:
    check(with_bad_pixels(job, seed, values), algorithm)


LARGE = {
    "5x5": ((1, 1, 301, 407), (1, 1, 5, 5), 1),
    "31x31": ((1, 1, 71, 93), (1, 1, 31, 31), 1),
    "rgb": ((1, 3, 160, 211), (3, 1, 7, 7), 3),
    "bank": ((1, 3, 160, 211), (8, 3, 3, 3), 1),
    "box": ((1, 1, 160, 211), (1, 1, 15, 15), 1),
    "signal": ((1, 1, 20000), (1, 1, 101), 1),
}


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", LARGE)
def test_bad_pixels_stay_in_large_pictures(name: str, value: float, algorithm: str) -> None:
    """Shapes for which FFT, separable passes, running sums or banded matrices would spread them."""
    shape, weight_shape, groups = LARGE[name]
    rng = np.random.default_rng(9)
    x = rng.standard_normal(shape)
    weight = np.ones(weight_shape) if name == "box" else rng.standard_normal(weight_shape)
    x[(0, 0, *(n // 2 for n in shape[2:]))] = value
    x[(-1, -1, *(0 for _ in shape[2:]))] = value
    arguments = {
        "stride": 1,
        "padding": "same",
        "dilation": 1,
        "groups": groups,
        "padding_mode": "reflect",
        "padding_value": 0.0,
        "flip": False,
    }
    result = conv(x, weight, algorithm=algorithm, **arguments)
    bad = ~np.isfinite(x)
    touched = ndimage.binary_dilation(bad, np.ones((1, 1, *weight_shape[2:]), bool), mask=None)
    if groups == 1:
        touched = np.broadcast_to(touched.any(axis=1, keepdims=True), result.shape)
    np.testing.assert_array_equal(~np.isfinite(result), touched)
    clean = conv(np.where(bad, 0, x), weight, algorithm="taps", **arguments)
    np.testing.assert_allclose(result[~touched], clean[~touched], rtol=0, atol=1e-9)


@pytest.mark.parametrize("algorithm", EVERY)
def test_opposite_infinities_make_nan_only_where_they_meet(algorithm: str) -> None:
    x = np.zeros((1, 1, 1, 9), np.float32)
    x[0, 0, 0, 3], x[0, 0, 0, 5] = np.inf, -np.inf
    weight = np.ones((1, 1, 1, 3), np.float32)
    result = conv(x, weight, algorithm=algorithm)[0, 0, 0]
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(result, [0, inf, inf, nan, -inf, -inf, 0])


def test_nan_as_padding_value_reaches_only_the_border() -> None:
    x = np.ones((1, 1, 40, 50), np.float32)
    weight = np.ones((1, 1, 3, 3), np.float32)
    result = conv(x, weight, padding=1, padding_mode="constant", padding_value=np.nan)[0, 0]
    assert np.isnan(result[0]).all()
    assert np.isnan(result[:, -1]).all()
    np.testing.assert_array_equal(result[1:-1, 1:-1], np.full((38, 48), 9.0, np.float32))


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_weight_that_is_not_a_number_spoils_its_own_channel_only(algorithm: str) -> None:
    x = np.ones((1, 1, 20, 20), np.float32)
    weight = np.ones((2, 1, 3, 3), np.float32)
    weight[1, 0, 1, 1] = np.nan
    result = conv(x, weight, algorithm=algorithm)
    np.testing.assert_array_equal(result[0, 0], np.full((18, 18), 9.0, np.float32))
    assert np.isnan(result[0, 1]).all()


@pytest.mark.parametrize("algorithm", EVERY)
def test_values_near_the_largest_float_do_not_overflow_in_passing(algorithm: str) -> None:
    """A finite answer stays finite: 3e38 − 3e38, whose sum over the picture is far beyond float32."""
    x = np.zeros((1, 1, 50, 60), np.float32)
    x[0, 0, 10, 10:12] = 3e38
    result = conv(x, np.array([[[[1, -1]]]], np.float32), algorithm=algorithm)
    assert abs(result[0, 0, 10, 10]) <= 3e38 * 1e-5
    assert result[0, 0, 10, 9] == pytest.approx(-3e38, rel=1e-5)
    assert np.isfinite(result).all()


def test_all_nan_and_the_input_is_untouched() -> None:
    x = np.full((1, 1, 9, 9), np.nan, np.float32)
    result = conv(x, np.ones((1, 1, 3, 3), np.float32), padding=1)
    assert np.isnan(result).all()
    assert np.isnan(x).all()


def test_no_warning_reaches_the_user() -> None:
    """pytest turns warnings into errors here; overflow and inf − inf in the data are results."""
    x = np.full((1, 1, 64, 64), 3e38, np.float32)
    x[0, 0, 0, 0] = np.inf
    for algorithm in ("auto", *ALGORITHMS):
        result = conv(x, np.full((1, 1, 3, 3), 10.0, np.float32), padding="same", algorithm=algorithm)
        assert np.isposinf(result).all(), algorithm


def test_finite_padding_around_bad_pixels_in_every_mode() -> None:
    x = np.zeros((1, 1, 6, 7))
    x[0, 0, 0, 0] = np.nan
    for mode in ("zeros", "constant", "replicate", "reflect", "symmetric", "circular"):
        result = conv(x, np.ones((1, 1, 3, 3)), padding=1, padding_mode=mode)
        padded = numpy_pad(x, ((1, 1), (1, 1)), mode, 0.0)[0, 0]
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        np.testing.assert_array_equal(np.isnan(result[0, 0]), np.isnan(windows).any(axis=(2, 3)))
