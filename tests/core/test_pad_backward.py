"""pad_backward against its definition: every padded cell's gradient goes to the cell that it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convstudio.core import GeometryError, pad, pad_backward
from tests.core.test_conv_arrays import LAYOUTS
from tests.core.test_pad import cases
from tests.oracles import numpy_pad


def handed_on(grad: np.ndarray, shape: tuple[int, ...], amounts: Any, mode: str) -> np.ndarray:
    """NumPy's own pad of the cells' numbers tells which cell each padded one shows, −1 for a constant."""
    numbers = np.arange(np.prod(shape[2:])).reshape(1, 1, *shape[2:])
    shown = numpy_pad(numbers, amounts, "constant" if mode in ("zeros", "constant") else mode, -1)[0, 0]
    result = np.zeros((*shape[:2], numbers.size))
    for n in range(shape[0]):
        for c in range(shape[1]):
            kept = shown >= 0
            np.add.at(result[n, c], shown[kept], grad[n, c][kept])
    return result.reshape(shape)


@settings(deadline=None, max_examples=60)
@given(case=cases())
def test_agrees_with_the_definition(case: tuple[np.ndarray, Any, str]) -> None:
    x, amounts, mode = case
    padded = pad(x, amounts, padding_mode=mode)
    grad = np.random.default_rng(0).standard_normal(padded.shape).astype(x.dtype)
    kept = grad.copy()
    result = pad_backward(grad, x, amounts, padding_mode=mode, padding_value=2.0)
    np.testing.assert_array_equal(grad, kept)
    assert result.dtype == x.dtype
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, grad)
    expected = handed_on(grad, x.shape, amounts, mode)
    tolerance = 1e-12 if x.dtype == np.float64 else 2e-4
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("zeros", [4, 5, 6, 7]),
        ("constant", [4, 5, 6, 7]),
        ("replicate", [1 + 2 + 3 + 4, 5, 6, 7 + 8 + 9]),
        ("reflect", [4, 5 + 3 + 9, 6 + 2 + 8, 7 + 1]),
        ("symmetric", [4 + 3, 5 + 2, 6 + 1 + 9, 7 + 8]),
        ("circular", [4 + 8, 5 + 1 + 9, 6 + 2, 7 + 3]),
    ],
)
def test_each_mode_in_numbers(mode: str, row: list[float]) -> None:
    grad = np.arange(1.0, 10.0)[None, None]
    result = pad_backward(grad, np.zeros((1, 1, 4)), ((3, 2),), padding_mode=mode, padding_value=7.0)
    np.testing.assert_array_equal(result[0, 0], row)


@pytest.mark.parametrize("mode", ["zeros", "replicate", "reflect", "symmetric", "circular"])
def test_a_large_one_in_tiles(mode: str) -> None:
    x = np.random.default_rng(1).standard_normal((2, 2, 300, 320))
    padded = pad(x, ((2, 3), (4, 0)), padding_mode=mode)
    grad = np.random.default_rng(2).standard_normal(padded.shape)
    result = pad_backward(grad, x, ((2, 3), (4, 0)), padding_mode=mode)
    np.testing.assert_allclose((result * x).sum(), (grad * padded).sum())
    for n in range(2):
        for c in range(2):
            one = (slice(n, n + 1), slice(c, c + 1))
            alone = pad_backward(grad[one], x[one], ((2, 3), (4, 0)), padding_mode=mode)
            np.testing.assert_array_equal(result[one], alone)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same(layout: str) -> None:
    grad = np.random.default_rng(0).standard_normal((2, 3, 8, 9)).astype(np.float32)
    x = np.zeros((2, 3, 4, 5), np.float32)
    result = pad_backward(LAYOUTS[layout](grad), x, 2, padding_mode="reflect")
    np.testing.assert_array_equal(result, pad_backward(grad, x, 2, padding_mode="reflect"))
    assert result.dtype.isnative


def test_nan_goes_where_it_is_shown() -> None:
    grad = np.zeros((1, 1, 6))
    grad[0, 0, 0] = np.nan
    result = pad_backward(grad, np.zeros((1, 1, 4)), 1, padding_mode="circular")
    np.testing.assert_array_equal(np.isnan(result[0, 0]), [False, False, False, True])


def test_empty_batch_and_other_numbers() -> None:
    assert pad_backward(np.zeros((0, 2, 6)), np.zeros((0, 2, 4)), 1).shape == (0, 2, 4)
    result = pad_backward(
        np.ones((1, 1, 4), np.int32), np.zeros((1, 1, 2), np.uint8), 1, padding_mode="symmetric"
    )
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[[2, 2]]])


GRAD, X = np.zeros((1, 1, 6, 7)), np.zeros((1, 1, 4, 5))


@pytest.mark.parametrize(
    ("grad", "x", "padding", "keywords", "words"),
    [
        (GRAD, np.zeros((4, 5)), 1, {}, ["x must have", "(4, 5)"]),
        (X, X, 1, {}, ["grad", "(1, 1, 6, 7)", "(1, 1, 4, 5)"]),
        (GRAD[0, 0], X, 1, {}, ["grad", "(1, 1, 6, 7)", "(6, 7)"]),
        (GRAD.astype(complex), X, 1, {}, ["grad", "complex128"]),
        (None, X, 1, {}, ["grad"]),
        (GRAD, X, -1, {}, ["padding", "-1"]),
        (GRAD, X, "same", {}, ["padding", "'same'"]),
        (GRAD, X, 1, {"padding_mode": "wrap"}, ["padding_mode", "'wrap'"]),
        (GRAD, X, 1, {"padding_mode": "constant", "padding_value": "a"}, ["padding_value", "'a'"]),
        (GRAD, X, 4, {"padding_mode": "reflect"}, ["reflect", "at most 3 px", "4"]),
    ],
)
def test_wrong_arguments_are_named(
    grad: Any, x: Any, padding: Any, keywords: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        pad_backward(grad, x, padding, **keywords)
    for word in words:
        assert word in str(caught.value)
    if "(1, 1, 6, 7)" in words:
        assert isinstance(caught.value, GeometryError)
