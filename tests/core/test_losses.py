"""Losses against sums in extended precision and SciPy, gradients against differences."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special

from convstudio.core import (
    GeometryError,
    cross_entropy,
    cross_entropy_backward,
    l2_penalty,
    l2_penalty_backward,
    mse,
    mse_backward,
)

ORDINARY = settings(deadline=None, max_examples=60)
SEEDS = st.integers(0, 2**32 - 1)
REDUCTION = st.sampled_from(["mean", "sum", "none"])
DTYPES = st.sampled_from([np.float32, np.float64])


def slope_along(loss: Any, argument: np.ndarray, direction: np.ndarray, grad: np.ndarray) -> float:
    """The change of Σ grad·loss along a direction, by a central difference."""
    step = 1e-5
    return float(
        ((loss(argument + step * direction) - loss(argument - step * direction)) * grad).sum() / (2 * step)
    )


@ORDINARY
@given(
    shape=st.lists(st.integers(1, 5), max_size=4).map(tuple), reduction=REDUCTION, dtype=DTYPES, seed=SEEDS
)
def test_squared_error(shape: tuple[int, ...], reduction: str, dtype: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, target = (np.array(rng.standard_normal(shape), dtype, order="F") for _ in range(2))
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(x.ravel(), target.ravel(), strict=True)]
    right = {
        "mean": math.fsum(squares) / x.size,
        "sum": math.fsum(squares),
        "none": np.reshape(squares, shape),
    }
    result = mse(x, target, reduction)
    assert result.dtype == dtype
    assert result.shape == np.shape(right[reduction])
    np.testing.assert_allclose(result, right[reduction], rtol=20 * np.finfo(dtype).eps, atol=1e-14)
    grad = rng.standard_normal(result.shape)
    gradients = mse_backward(grad, x.astype(np.float64), target, reduction)
    for which, gradient in enumerate(gradients):
        pair = [x.astype(np.float64), target.astype(np.float64)]
        direction = rng.standard_normal(shape)

        def loss(values: np.ndarray, which: int = which, pair: list[np.ndarray] = pair) -> np.ndarray:
            return mse(*[values if i == which else a for i, a in enumerate(pair)], reduction)

        rise = slope_along(loss, pair[which], direction, grad)
        assert gradient.shape == shape
        np.testing.assert_allclose((gradient * direction).sum(), rise, rtol=1e-6, atol=1e-8)


def test_twelve_million_cells_lose_no_digits() -> None:
    """The sum of 12 million equal squares in float32; a plain running sum would stop growing at 2²⁴."""
    x = np.full((3, 2000, 2000), 1.1, np.float32)
    square = (float(np.float32(1.1)) - 1) ** 2
    assert float(mse(x, np.ones_like(x))) == pytest.approx(square, rel=3e-6)
    assert float(mse(x, np.zeros_like(x), "sum")) == pytest.approx(
        float(np.float32(1.1)) ** 2 * x.size, rel=1e-7
    )
    assert float(l2_penalty(x)) == pytest.approx(0.5 * float(np.float32(1.1)) ** 2 * x.size, rel=1e-7)


def test_nothing_has_no_mean() -> None:
    empty = np.zeros((0, 3))
    assert np.isnan(mse(empty, empty))
    assert mse(empty, empty, "sum") == 0
    assert mse(empty, empty, "none").shape == (0, 3)
    assert mse_backward(1.0, empty, empty).grad_x.shape == (0, 3)
    assert np.isnan(cross_entropy(empty, np.zeros(0, int)))
    assert cross_entropy(empty, np.zeros(0, int), reduction="sum") == 0
    assert cross_entropy_backward(1.0, empty, np.zeros(0, int)).grad_x.shape == (0, 3)


@ORDINARY
@given(
    shape=st.lists(st.integers(0, 5), max_size=4).map(tuple),
    dtype=DTYPES,
    strength=st.floats(0, 10),
    seed=SEEDS,
)
def test_penalty(shape: tuple[int, ...], dtype: type, strength: float, seed: int) -> None:
    weight = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    result = l2_penalty(weight, strength)
    assert result.dtype == dtype
    assert result.shape == ()
    right = 0.5 * strength * math.fsum(float(w) ** 2 for w in weight.ravel())
    np.testing.assert_allclose(result, right, rtol=4 * np.finfo(dtype).eps, atol=1e-37)
    gradient = l2_penalty_backward(-2.0, weight, strength)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, -2 * strength * weight.astype(np.float64), rtol=1e-6, atol=1e-37)


def loops_cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignored: int,
    reduction: str,
    smoothing: float,
) -> Any:
    """The definition that PyTorch's documentation gives, cell by cell."""
    classes = x.shape[1]
    factors = [1.0] * classes if weight is None else weight.tolist()
    log_p = special.log_softmax(x.astype(np.float64), axis=1)
    losses = np.zeros((len(x), *x.shape[2:]))
    total = 0.0
    for n, *cell in itertools.product(*map(range, losses.shape)):
        if target.shape == x.shape:
            given_ = [float(target[(n, c, *cell)]) for c in range(classes)]
            total += 1
        else:
            index = int(target[(n, *cell)])
            if index == ignored:
                continue
            given_ = [float(c == index) for c in range(classes)]
            total += factors[index]
        wanted = [(1 - smoothing) * t + smoothing / classes for t in given_]
        losses[(n, *cell)] = -math.fsum(
            factors[c] * wanted[c] * log_p[(n, c, *cell)] for c in range(classes) if wanted[c]
        )
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / total if total else math.nan


@ORDINARY
@given(data=st.data(), reduction=REDUCTION, dtype=DTYPES, seed=SEEDS)
def test_cross_entropy(data: st.DataObject, reduction: str, dtype: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, classes = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    spatial = data.draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    x = np.asfortranarray(rng.standard_normal((n, classes, *spatial)) * data.draw(st.sampled_from([1, 50])))
    x = x.astype(dtype)
    weight = rng.random(classes).astype(dtype) if data.draw(st.booleans()) else None
    ignored = data.draw(st.sampled_from([-100, 0, 7]))
    keywords = {"reduction": reduction, "label_smoothing": data.draw(st.sampled_from([0.0, 0.1, 1.0]))}
    probabilities = data.draw(st.booleans())
    if probabilities:
        target = special.softmax(rng.standard_normal(x.shape), axis=1).astype(dtype)
    else:
        target = rng.integers(0, classes, (n, *spatial))
        target[rng.random(target.shape) < 0.2] = ignored
        keywords["ignore_index"] = ignored
    result = cross_entropy(x, target, weight, **keywords)
    right = loops_cross_entropy(x, target, weight, ignored, reduction, keywords["label_smoothing"])
    assert result.dtype == dtype
    assert result.shape == np.shape(right)
    # Scores of 50 in float32 are differences of numbers with 7 digits.
    tolerance = 400 * np.finfo(dtype).eps
    np.testing.assert_allclose(result, right, rtol=tolerance, atol=tolerance * 10)

    assume(np.isfinite(result).all())  # a mean of ignored cells alone is NaN and has no slope
    grad = rng.standard_normal(result.shape)
    exact = x.astype(np.float64)
    gradients = cross_entropy_backward(grad, exact, target, weight, **keywords)
    direction = rng.standard_normal(x.shape)
    rise = slope_along(lambda v: cross_entropy(v, target, weight, **keywords), exact, direction, grad)
    np.testing.assert_allclose((gradients.grad_x * direction).sum(), rise, rtol=1e-5, atol=1e-7)
    if probabilities:
        double = target.astype(np.float64)
        rise = slope_along(lambda v: cross_entropy(exact, v, weight, **keywords), double, direction, grad)
        np.testing.assert_allclose((gradients.grad_target * direction).sum(), rise, rtol=1e-5, atol=1e-7)
    else:
        assert gradients.grad_target is None


def test_one_example_without_a_batch() -> None:
    x = np.array([1.0, 2.0, 0.5])
    right = -special.log_softmax(x)
    assert cross_entropy(x, 1) == pytest.approx(right[1])
    assert cross_entropy(x, [0.2, 0.3, 0.5]) == pytest.approx(right @ [0.2, 0.3, 0.5])
    assert cross_entropy(x, 1, reduction="none").shape == ()
    np.testing.assert_allclose(cross_entropy_backward(1.0, x, 1).grad_x, special.softmax(x) - [0, 1, 0])


def test_a_picture_in_parts() -> None:
    """Blocks of rows on both threads agree with the whole."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 5, 301, 203)).astype(np.float32)
    target = rng.integers(0, 5, (2, 301, 203))
    target[:, 40] = -100
    log_p = special.log_softmax(x.astype(np.float64), axis=1)
    right = np.where(target < 0, 0, -np.take_along_axis(log_p, np.maximum(target, 0)[:, None], 1)[:, 0])
    counting = (target >= 0).sum()
    np.testing.assert_allclose(cross_entropy(x, target, reduction="none"), right, rtol=1e-5, atol=1e-6)
    assert cross_entropy(x, target) == pytest.approx(right.sum() / counting, rel=1e-6)
    slopes = np.exp(log_p)
    slopes[np.arange(2)[:, None, None], np.maximum(target, 0), np.arange(301)[:, None], np.arange(203)] -= 1
    slopes = np.where(target[:, None] < 0, 0, slopes) / counting
    np.testing.assert_allclose(cross_entropy_backward(1.0, x, target).grad_x, slopes, rtol=1e-4, atol=1e-11)


def test_working_memory_is_bounded() -> None:
    """NumPy tells tracemalloc of its buffers."""
    x = np.zeros((1, 4, 1500, 1500), np.float32)
    target = np.zeros((1, 1500, 1500), np.int64)
    tracemalloc.start()
    mse(x, x)
    cross_entropy(x, target, label_smoothing=0.1)
    cross_entropy(x, x, reduction="sum")
    peak = tracemalloc.get_traced_memory()[1]
    assert peak < 24 << 20 < x.nbytes
    tracemalloc.reset_peak()
    cross_entropy_backward(1.0, x, target)
    peak = tracemalloc.get_traced_memory()[1] - x.nbytes
    tracemalloc.stop()
    assert peak < 24 << 20


def test_extreme_scores_stay_finite() -> None:
    x = np.array([[1e30, -1e30, 0.0], [-1e4, 1e4, 0.0]], np.float32)
    np.testing.assert_allclose(cross_entropy(x, [0, 0], reduction="none"), [0, 2e4])
    impossible = np.array([[0.0, -np.inf, 1.0]])
    assert cross_entropy(impossible, [0]) == pytest.approx(math.log(1 + math.e))
    assert cross_entropy(impossible, [1]) == np.inf


def test_all_ignored_is_the_mean_of_nothing() -> None:
    assert np.isnan(cross_entropy(np.zeros((2, 3)), [-100, -100]))
    assert cross_entropy(np.zeros((2, 3)), [5, 5], ignore_index=5, reduction="sum") == 0
    np.testing.assert_array_equal(cross_entropy_backward(1.0, np.ones((2, 3)), [-100, -100]).grad_x, 0)


X = np.zeros((2, 3, 4))
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "index too large": ({"target": np.full((2, 4), 3)}, ["target", "0 to 2", "3"]),
    "index negative": ({"target": np.full((2, 4), -1)}, ["target", "0 to 2", "-1"]),
    "index a fraction": ({"target": np.zeros((2, 4))}, ["target", "float64"]),
    "probabilities as whole numbers": ({"target": np.zeros((2, 3, 4), int)}, ["target", "int64"]),
    "target of another shape": (
        {"target": np.zeros((2, 3), int)},
        ["target", "(2, 4)", "(2, 3, 4)", "(2, 3)"],
    ),
    "weight too short": ({"weight": np.ones(2)}, ["weight", "3 classes", "(2,)"]),
    "smoothing too much": ({"label_smoothing": 1.5}, ["label_smoothing", "1.5"]),
    "smoothing nan": ({"label_smoothing": math.nan}, ["label_smoothing", "nan"]),
    "ignore a fraction": ({"ignore_index": 0.5}, ["ignore_index", "0.5"]),
    "reduction unknown": ({"reduction": "batchmean"}, ["reduction", "'batchmean'", "'mean'"]),
    "x a number": ({"x": 1.0}, ["x", "number"]),
    "no classes": ({"x": np.zeros((2, 0, 4))}, ["x", "(2, 0, 4)"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_of_cross_entropy_is_named(name: str) -> None:
    arguments, words = WRONG[name]
    arguments = {"x": X, "target": np.zeros((2, 4), int), **arguments}
    for call in (cross_entropy, lambda **a: cross_entropy_backward(1.0, **a)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(**arguments)
        for word in words:
            assert word in str(caught.value)


def test_other_wrong_arguments_are_named() -> None:
    with pytest.raises(GeometryError, match=r"target must have the shape of x, \(3,\), got \(1, 3\)"):
        mse(np.zeros(3), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none', got 'avg'"):
        mse(np.zeros(3), np.zeros(3), "avg")
    with pytest.raises(GeometryError, match=r"grad must have no axes, .* got shape \(3,\)"):
        mse_backward(np.zeros(3), np.zeros(3), np.zeros(3))
    with pytest.raises(GeometryError, match=r"grad must have the shape of the loss, \(3,\), got shape \(\)"):
        mse_backward(1.0, np.zeros(3), np.zeros(3), "none")
    with pytest.raises(ValueError, match="strength must be 0 or more, got -1"):
        l2_penalty(np.zeros(3), -1)
    with pytest.raises(ValueError, match="weight must hold real numbers"):
        l2_penalty(np.zeros(3, complex))
