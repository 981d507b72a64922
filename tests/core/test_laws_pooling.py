"""Laws and worked examples of pooling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import avg_pool, conv, max_pool, min_pool

ORDINARY = settings(deadline=None, max_examples=50)
SEEDS = st.integers(0, 2**32 - 1)


def f(values: object) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@ORDINARY
@given(k=st.integers(1, 6), s=st.integers(1, 6), shift=st.integers(0, 5), seed=SEEDS)
def test_max_pooling_tolerates_small_shifts(k: int, s: int, shift: int, seed: int) -> None:
    """When exactly an output stays: its window's and the moved window's maximum is one and the same cell.

    Window i covers the cells from i·s to i·s + k − 1. With the picture moved by `shift` it covers those from
    i·s − shift on. If the maximum over both together lies in their common k − shift cells, the output is that
    maximum before and after; else, where all values differ, it changes.
    """
    rng = np.random.default_rng(seed)
    x = rng.permutation(60).astype(np.float32)
    before = max_pool(x[None, None, shift:], k, s)[0, 0]
    after = max_pool(x[None, None], k, s)[0, 0]  # the same scene, `shift` cells further to the right
    for i in range(min(len(before), len(after))):
        union, common = x[i * s : i * s + shift + k], x[i * s + shift : i * s + k]
        tolerated = len(common) > 0 and union.max() == common.max()
        assert (before[i] == after[i]) == tolerated


@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_bright_cell_may_move_within_its_window(k: int) -> None:
    """With stride k: a peak at offset o of its window stands k − 1 − o shifts; one more moves the output."""
    for offset in range(k):
        x = np.zeros((1, 1, 6 * k, 6 * k), np.float32)
        x[..., 2 * k + offset, 3 * k + offset] = 1
        still = max_pool(x, k)
        for shift in range(1, k - offset):
            np.testing.assert_array_equal(max_pool(np.roll(x, (shift, shift), (2, 3)), k), still)
        moved = max_pool(np.roll(x, (k - offset, k - offset), (2, 3)), k)
        np.testing.assert_array_equal(moved, np.roll(still, (1, 1), (2, 3)))


@ORDINARY
@given(
    shape=st.lists(st.integers(4, 9), min_size=1, max_size=3),
    k=st.integers(1, 4),
    s=st.integers(1, 3),
    seed=SEEDS,
)
def test_mean_pooling_is_a_depthwise_box(shape: list[int], k: int, s: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = len(shape)
    x = rng.standard_normal((2, 3, *shape))
    box = np.full((3, 1, *(k,) * rank), 1.0 / k**rank)
    padding = k // 2
    right = conv(x, box, stride=s, padding=padding, groups=3, algorithm="taps")
    np.testing.assert_allclose(avg_pool(x, k, s, padding), right, rtol=0, atol=1e-13)


@ORDINARY
@given(shape=st.lists(st.integers(3, 9), min_size=1, max_size=3), k=st.integers(1, 3), seed=SEEDS)
def test_order(shape: list[int], k: int, seed: int) -> None:
    """min ≤ mean ≤ max, and −max(−x) = min(x); a rising function may go before or after the maximum."""
    x = np.random.default_rng(seed).standard_normal((1, 2, *shape))
    low, middle, high = min_pool(x, k), avg_pool(x, k), max_pool(x, k)
    assert (low <= middle + 1e-12).all()
    assert (middle <= high + 1e-12).all()
    np.testing.assert_array_equal(-max_pool(-x, k), low)
    np.testing.assert_array_equal(max_pool(np.exp(x), k), np.exp(high))


@ORDINARY
@given(a=st.integers(1, 4), b=st.integers(1, 4), seed=SEEDS)
def test_maxima_of_maxima(a: int, b: int, seed: int) -> None:
    """At stride 1 windows of a, then of b, are windows of a + b − 1; with strides k, windows of a·b."""
    x = np.random.default_rng(seed).standard_normal((1, 1, 24, 24))
    np.testing.assert_array_equal(max_pool(max_pool(x, a, 1), b, 1), max_pool(x, a + b - 1, 1))
    np.testing.assert_array_equal(max_pool(max_pool(x, a), b), max_pool(x, a * b))
    np.testing.assert_allclose(avg_pool(avg_pool(x, a), b), avg_pool(x, a * b), rtol=0, atol=1e-12)


def test_two_by_two_of_zero_to_eight() -> None:
    """Dive into Deep Learning, "Pooling": maximum 4 5 7 8, mean 2 3 5 6, at stride 1."""
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(max_pool(x, 2, 1), f([[[[4, 5], [7, 8]]]]))
    np.testing.assert_array_equal(avg_pool(x, 2, 1), f([[[[2, 3], [5, 6]]]]))


def test_padding_and_stride() -> None:
    """The same chapter: 4×4, windows of 3, with padding and stride."""
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(max_pool(x, 3), f([[[[10]]]]))
    np.testing.assert_array_equal(max_pool(x, 3, 2, 1), f([[[[5, 7], [13, 15]]]]))
    np.testing.assert_array_equal(max_pool(x, (2, 3), (2, 3), (0, 1)), f([[[[5, 7], [13, 15]]]]))


def test_channels_are_pooled_by_themselves() -> None:
    """The same chapter: X beside X + 1 gives 5 7 13 15 beside 6 8 14 16."""
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    result = max_pool(np.concatenate([x, x + 1], axis=1), 3, 2, 1)
    np.testing.assert_array_equal(result, f([[[[5, 7], [13, 15]], [[6, 8], [14, 16]]]]))
