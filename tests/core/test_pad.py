"""pad against NumPy's own for every mode, and the rule for how far each mode may reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError, pad
from tests.oracles import numpy_pad
from tests.strategies import MODES, largest_amount


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, tuple[tuple[int, int], ...], str]:
    rank = draw(st.integers(1, 3))
    spatial = draw(st.tuples(*[st.integers(1, 9)] * rank))
    mode = draw(st.sampled_from(MODES))
    amounts = []
    for n in spatial:
        limit = largest_amount(mode, n)
        most = 12 if limit is None else limit  # up to the largest amount allowed
        amounts.append((draw(st.integers(0, most)), draw(st.integers(0, most))))
    lead = draw(st.tuples(st.integers(0, 2), st.integers(1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return rng.standard_normal((*lead, *spatial)).astype(dtype), tuple(amounts), mode


@settings(deadline=None, max_examples=200)
@given(case=cases(), value=st.sampled_from([0.0, 1.5, -3.0]))
def test_agrees_with_numpy(case: tuple[np.ndarray, tuple[tuple[int, int], ...], str], value: float) -> None:
    x, amounts, mode = case
    kept = x.copy()
    result = pad(x, amounts, padding_mode=mode, padding_value=value)
    np.testing.assert_array_equal(result, numpy_pad(x, amounts, mode, value))
    np.testing.assert_array_equal(x, kept)
    assert result.dtype == x.dtype
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, x)


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("zeros", [0, 0, 0, 1, 2, 3, 4, 0, 0]),
        ("constant", [7, 7, 7, 1, 2, 3, 4, 7, 7]),
        ("replicate", [1, 1, 1, 1, 2, 3, 4, 4, 4]),
        ("reflect", [4, 3, 2, 1, 2, 3, 4, 3, 2]),
        ("symmetric", [3, 2, 1, 1, 2, 3, 4, 4, 3]),
        ("circular", [2, 3, 4, 1, 2, 3, 4, 1, 2]),
    ],
)
def test_each_mode_in_numbers(mode: str, row: list[float]) -> None:
    """OpenCV's documentation of BorderTypes draws the same rows as letters."""
    x = np.array([[[1, 2, 3, 4]]], np.float32)
    result = pad(x, ((3, 2),), padding_mode=mode, padding_value=7.0)
    np.testing.assert_array_equal(result[0, 0], row)


@pytest.mark.parametrize(
    ("padding", "shape"),
    [
        (0, (3, 4)),
        (2, (7, 8)),
        ((1, 2), (5, 8)),
        (((0, 1), (2, 3)), (4, 9)),
        ([[0, 1], [2, 3]], (4, 9)),
        ("valid", (3, 4)),
    ],
)
def test_every_spelling_of_amounts(padding: Any, shape: tuple[int, int]) -> None:
    x = np.arange(24, dtype=np.float64).reshape(1, 2, 3, 4)
    assert pad(x, padding).shape == (1, 2, *shape)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("mode", ["reflect", "symmetric", "circular"])
def test_too_far_names_the_largest_amount(mode: str, axis: int, side: int) -> None:
    x = np.arange(30, dtype=np.float32).reshape(1, 1, 5, 6)
    limit = largest_amount(mode, (5, 6)[axis])
    assert limit is not None

    def amounts(amount: int) -> list[list[int]]:
        pairs = [[0, 0], [0, 0]]
        pairs[axis][side] = amount
        return pairs

    pad(x, amounts(limit), padding_mode=mode)
    with pytest.raises(GeometryError) as caught:
        pad(x, amounts(limit + 1), padding_mode=mode)
    message = str(caught.value)
    assert mode in message
    assert f"{limit} px" in message, "the largest amount allowed"
    assert str(limit + 1) in message, "the amount asked for"


def test_one_pixel_cannot_be_reflected_but_can_be_repeated() -> None:
    x = np.full((1, 1, 1, 1), 4.0, np.float32)
    with pytest.raises(GeometryError, match="at most 0"):
        pad(x, 1, padding_mode="reflect")
    for mode in ("replicate", "symmetric", "circular"):
        np.testing.assert_array_equal(pad(x, 1, padding_mode=mode), np.full((1, 1, 3, 3), 4.0))


def test_integers_become_float32() -> None:
    result = pad(np.array([[[250, 255]]], np.uint8), 1, padding_mode="constant", padding_value=-1.5)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[0, 0], [-1.5, 250, 255, -1.5])


def test_no_padding_is_still_a_copy() -> None:
    x = np.ones((1, 1, 2, 2))
    result = pad(x, 0)
    result[:] = 5
    np.testing.assert_array_equal(x, np.ones((1, 1, 2, 2)))


def test_nan_is_padded_like_any_value() -> None:
    x = np.array([[[np.nan, 1.0, np.inf]]])
    result = pad(x, 1, padding_mode="replicate")
    np.testing.assert_array_equal(result[0, 0], [np.nan, np.nan, 1, np.inf, np.inf])


@pytest.mark.parametrize(
    ("x", "padding", "keywords", "words"),
    [
        (np.zeros((2, 3)), 1, {}, ["x", "(2, 3)"]),
        (np.zeros((1,) * 6), 1, {}, ["x", "(1, 1, 1, 1, 1, 1)"]),
        (np.zeros((1, 1, 4), complex), 1, {}, ["x", "complex128"]),
        (np.array([[["a"]]]), 1, {}, ["x", "U1"]),
        (np.zeros((1, 1, 4, 4)), -1, {}, ["padding", "-1"]),
        (np.zeros((1, 1, 4, 4)), 1.5, {}, ["padding", "1.5"]),
        (np.zeros((1, 1, 4, 4)), True, {}, ["padding", "True"]),
        (np.zeros((1, 1, 4, 4)), None, {}, ["padding", "None"]),
        (np.zeros((1, 1, 4, 4)), (1, 2, 3), {}, ["padding", "(1, 2, 3)"]),
        (np.zeros((1, 1, 4, 4)), ((1, 2, 3), (0, 0)), {}, ["padding", "(1, 2, 3)"]),
        (np.zeros((1, 1, 4, 4)), ((1, -2), (0, 0)), {}, ["padding", "-2"]),
        (np.zeros((1, 1, 4, 4)), "same", {}, ["padding", "'same'"]),
        (np.zeros((1, 1, 4, 4)), "round", {}, ["padding", "'round'"]),
        (np.zeros((1, 1, 4, 4)), 1, {"padding_mode": "mirror"}, ["padding_mode", "'mirror'", "'reflect'"]),
        (np.zeros((1, 1, 4, 4)), 1, {"padding_mode": 3}, ["padding_mode", "3"]),
        (
            np.zeros((1, 1, 4, 4)),
            1,
            {"padding_mode": "constant", "padding_value": "x"},
            ["padding_value", "'x'"],
        ),
    ],
)
def test_wrong_arguments_are_named(
    x: np.ndarray, padding: Any, keywords: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        pad(x, padding, **keywords)
    for word in words:
        assert word in str(caught.value)
