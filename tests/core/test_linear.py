"""The fully connected layer against plain sums, its gradients against differences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError, conv, linear, linear_backward

ORDINARY = settings(deadline=None, max_examples=50)


def by_sums(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """The definition, product by product in Python floats."""
    result = np.zeros((*x.shape[:-1], len(weight)))
    for index in itertools.product(*map(range, result.shape)):
        terms = zip(x[index[:-1]].tolist(), weight[index[-1]].tolist(), strict=True)
        result[index] = sum(a * b for a, b in terms) + (0 if bias is None else float(bias[index[-1]]))
    return result


@st.composite
def layers(draw: st.DrawFn, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    lead = draw(st.lists(st.integers(0, 4), max_size=3))
    inputs, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    dtype = dtype or draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, weight = rng.standard_normal((*lead, inputs)).astype(dtype), rng.standard_normal((outputs, inputs))
    for axis in range(x.ndim):
        if draw(st.booleans()):
            x = np.flip(np.ascontiguousarray(np.flip(x, axis)), axis)
    if draw(st.booleans()):
        x, weight = np.asfortranarray(x), np.asfortranarray(weight)
    if draw(st.booleans()):
        x = x.astype(x.dtype.newbyteorder())
    return (
        x,
        weight.astype(dtype),
        rng.standard_normal(outputs).astype(dtype) if draw(st.booleans()) else None,
    )


@ORDINARY
@given(layer=layers())
def test_values(layer: tuple[np.ndarray, np.ndarray, np.ndarray | None]) -> None:
    x, weight, bias = layer
    result = linear(x, weight, bias)
    assert result.dtype == weight.dtype
    assert result.flags.c_contiguous
    right = by_sums(x.astype(np.float64), weight, bias)
    np.testing.assert_allclose(result, right, rtol=0, atol=40 * np.finfo(weight.dtype).eps)


@ORDINARY
@given(layer=layers(dtype=np.float64), seed=st.integers(0, 2**32 - 1))
def test_gradients(layer: tuple[np.ndarray, np.ndarray, np.ndarray | None], seed: int) -> None:
    """The layer is linear in each argument, so that a difference of any size is the derivative."""
    x, weight, bias = layer
    rng = np.random.default_rng(seed)
    grad = rng.standard_normal((*x.shape[:-1], len(weight)))
    gradients = linear_backward(grad, x, weight, bias)
    base = (linear(x, weight, bias) * grad).sum()
    for name, result, argument in zip(gradients._fields, gradients, (x, weight, bias), strict=True):
        if argument is None:
            np.testing.assert_allclose(result, grad.reshape(-1, len(weight)).sum(axis=0), atol=1e-12)
            continue
        assert result.shape == argument.shape, name
        step = rng.standard_normal(argument.shape)
        moved = [a + step if a is argument else a for a in (x, weight, bias)]
        rise = (linear(*moved) * grad).sum() - base
        np.testing.assert_allclose((result * step).sum(), rise, rtol=1e-9, atol=1e-9, err_msg=name)


def test_blocks_of_a_long_batch() -> None:
    """Several blocks, on both threads, with progress; small whole numbers, so that every sum is exact."""
    rng = np.random.default_rng(1)
    x = rng.integers(-3, 4, (3, 20000, 24)).astype(np.float32)
    weight, bias = rng.integers(-3, 4, (16, 24)), rng.integers(-3, 4, 16)
    grad = rng.integers(-2, 3, (3, 20000, 16)).astype(np.float32)
    heard: list[float] = []
    out = np.empty((3, 20000, 16), np.float32)
    assert linear(x, weight, bias, control=Control(heard.append), out=out) is out
    assert len(heard) > 2
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    np.testing.assert_array_equal(out, x @ weight.T.astype(np.float32) + bias.astype(np.float32))
    gradients = linear_backward(grad, x, weight, bias)
    np.testing.assert_array_equal(gradients.grad_x, grad @ weight.astype(np.float32))
    exact = grad.reshape(-1, 16).T.astype(np.float64) @ x.reshape(-1, 24)
    np.testing.assert_array_equal(gradients.grad_weight, exact)
    np.testing.assert_array_equal(gradients.grad_bias, grad.sum(axis=(0, 1), dtype=np.float64))
    assert {g.dtype for g in gradients} == {np.dtype(np.float32)}


def test_cancelled() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        linear(np.zeros((3, 4)), np.zeros((2, 4)), control=control)


def test_nan_stays_in_its_vector() -> None:
    x = np.ones((40, 7), np.float32)
    x[11, 3] = np.nan
    x[12, 0] = np.inf
    result = linear(x, np.ones((9, 7), np.float32))
    assert np.isnan(result[11]).all()
    assert np.isposinf(result[12]).all()
    np.testing.assert_array_equal(np.delete(result, [11, 12], 0), np.full((38, 9), 7))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_kernel_of_one_cell_is_a_linear_layer_over_cells(rank: int) -> None:
    rng = np.random.default_rng(rank)
    x, weight, bias = (
        rng.standard_normal((2, 5, *(6, 5, 4)[:rank])),
        rng.standard_normal((3, 5)),
        np.arange(3.0),
    )
    over_cells = linear(np.moveaxis(x, 1, -1), weight, bias)
    by_conv = conv(x, weight.reshape(3, 5, *(1,) * rank), bias)
    np.testing.assert_allclose(np.moveaxis(over_cells, -1, 1), by_conv, rtol=0, atol=1e-13)


GOOD: dict[str, Any] = {"x": np.zeros((2, 3)), "weight": np.zeros((4, 3)), "bias": np.zeros(4)}
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x a number": ({"x": 1.0}, ["x", "number"]),
    "x complex": ({"x": np.zeros((2, 3), complex)}, ["x", "complex128"]),
    "inputs differ": ({"x": np.zeros((2, 5))}, ["weight", "3 inputs", "x", "5"]),
    "weight of one axis": ({"weight": np.zeros(3)}, ["weight", "(3,)"]),
    "weight of words": ({"weight": np.full((4, 3), "a")}, ["weight", "U1"]),
    "bias too long": ({"bias": np.zeros(5)}, ["bias", "4 outputs", "(5,)"]),
    "bias a number": ({"bias": 0.0}, ["bias", "()"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str) -> None:
    arguments, words = WRONG[name]
    for call in (linear, lambda **a: linear_backward(np.zeros((2, 4)), **a)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(**{**GOOD, **arguments})
        for word in words:
            assert word in str(caught.value)


def test_wrong_gradient_and_out_are_named() -> None:
    with pytest.raises(
        GeometryError, match=r"grad must have the shape of the output, \(2, 4\), got \(2, 3\)"
    ):
        linear_backward(np.zeros((2, 3)), **GOOD)
    with pytest.raises(ValueError, match=r"out must have shape \(2, 4\)"):
        linear(**GOOD, out=np.zeros((4, 2)))
    square = np.zeros((3, 3))
    with pytest.raises(ValueError, match="out must not share memory with x or weight"):
        linear(square, np.zeros((3, 3)), out=square)
