"""Softmax against SciPy, its derivative against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from convstudio.core import Control, GeometryError, softmax, softmax_backward
from convstudio.core.elementwise import CHUNK, WORTH_THREADS

ORDINARY = settings(deadline=None, max_examples=60)
SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@ORDINARY
@given(shape=SHAPES, data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_values(shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    size = data.draw(st.sampled_from([1.0, 100.0, 1e30]))
    x = (np.random.default_rng(seed).standard_normal(shape) * size).astype(dtype)
    x = x.transpose(data.draw(st.permutations(range(len(shape)))))
    result = softmax(x, axis)
    assert result.shape == x.shape
    assert result.dtype == dtype
    if x.size:
        right = special.softmax(x.astype(np.float64), axis=axis)
        # Rounding the largest exponent, some tens before the result vanishes, costs as many units.
        np.testing.assert_allclose(result, right, rtol=200 * np.finfo(dtype).eps, atol=1e-38)


@ORDINARY
@given(shape=SHAPES, data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_derivative(shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    """Along a random direction, by a central difference."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(seed)
    x, grad, direction = (
        rng.standard_normal(shape).transpose(data.draw(st.permutations(range(len(shape))))) for _ in range(3)
    )
    if not x.shape == grad.shape == direction.shape:
        grad, direction = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
    step = 1e-5
    rise = (softmax(x + step * direction, axis) - softmax(x - step * direction, axis)) / (2 * step)
    result = softmax_backward(grad, x, axis)
    assert result.shape == x.shape
    np.testing.assert_allclose((result * direction).sum(), (grad * rise).sum(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(2, 5, 220, 241), (1, 300000, 1, 1), (CHUNK + 9, 2, 1, 3)])
def test_large_arrays_in_parts(shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(axis).standard_normal(shape).astype(np.float32)
    assert x.size > WORTH_THREADS
    out = np.empty_like(x)
    heard: list[float] = []
    assert softmax(x, axis, out=out, control=Control(heard.append)) is out
    assert heard[-1] == 1.0
    np.testing.assert_allclose(out, special.softmax(x.astype(np.float64), axis=axis), rtol=1e-5)
    grad = np.random.default_rng(9).standard_normal(shape).astype(np.float32)
    y = special.softmax(x.astype(np.float64), axis=axis)
    right = y * (grad - (grad * y).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(softmax_backward(grad, x, axis), right, rtol=1e-4, atol=1e-6)


def test_a_number_is_certain() -> None:
    assert softmax(7.0) == 1.0
    assert softmax_backward(2.0, 7.0, 0) == 0.0
    assert softmax(7.0).shape == ()


def test_nan_stays_in_its_line() -> None:
    x = np.array([[0.0, np.nan], [0.0, 0.0], [-np.inf, 0.0], [np.inf, 0.0]])
    result = softmax(x)
    np.testing.assert_array_equal(result[1:3], [[0.5, 0.5], [0.0, 1.0]])
    assert np.isnan(result[[0, 3]]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"axis": 2}, ["axis", "2", "-2 to 1"]),
        ({"axis": -3}, ["axis", "-3"]),
        ({"axis": 0.5}, ["axis", "0.5"]),
        ({"axis": None}, ["axis", "None"]),
        ({"axis": True}, ["axis", "True"]),
        ({"x": np.zeros(2, complex)}, ["x", "complex128"]),
        ({"out": np.zeros(6)}, ["out", "(6,)", "(2, 3)"]),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], words: list[str]) -> None:
    arguments = {"x": np.zeros((2, 3)), **arguments}
    for call in (softmax, lambda **a: softmax_backward(np.zeros(np.shape(a["x"])), **a)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(**arguments)
        for word in words:
            assert word in str(caught.value)


def test_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(GeometryError, match="grad must have the shape of x"):
        softmax_backward(np.zeros((3, 2)), np.zeros((2, 3)))
