"""The generator of involution's kernels against plain sums, its gradients against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import (
    Control,
    GeometryError,
    involution,
    involution_kernels,
    involution_kernels_backward,
)


@st.composite
def generators(draw: st.DrawFn) -> tuple[list[np.ndarray | None], dict[str, Any]]:
    rank = draw(st.integers(1, 3))
    groups, each, hidden = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    spatial, kernel = (
        draw(st.tuples(*[st.integers(1, 7)] * rank)),
        draw(st.tuples(*[st.integers(1, 3)] * rank)),
    )
    stride = draw(st.tuples(*[st.integers(1, 3)] * rank))
    stride = tuple(min(s, n) for s, n in zip(stride, spatial, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, spanned, ones = groups * each, groups * int(np.prod(kernel)), (1,) * rank
    arrays: list[np.ndarray | None] = [
        rng.standard_normal((2, channels, *spatial)),
        rng.standard_normal((hidden, channels, *ones)),
        rng.standard_normal((spanned, hidden, *ones)),
        rng.standard_normal(hidden) if draw(st.booleans()) else None,
        rng.standard_normal(spanned) if draw(st.booleans()) else None,
    ]
    return arrays, {"kernel_size": kernel, "groups": groups, "stride": stride}


def by_sums(arrays: list[np.ndarray | None], keywords: dict[str, Any]) -> np.ndarray:
    """Position by position: the mean of its cells, then two matrices."""
    x, reduce, span, reduce_bias, span_bias = arrays
    assert x is not None
    assert reduce is not None
    assert span is not None
    stride = keywords["stride"]
    output = tuple(-(-n // s) for n, s in zip(x.shape[2:], stride, strict=True))
    result = np.zeros((len(x), len(span), *output))
    for cell in np.ndindex(*output):
        area = tuple(slice(p * s, (p + 1) * s) for p, s in zip(cell, stride, strict=True))
        means = x[(slice(None), slice(None), *area)].reshape(*x.shape[:2], -1).mean(axis=2)
        hidden = np.maximum(
            means @ reduce.reshape(reduce.shape[:2]).T + (0 if reduce_bias is None else reduce_bias), 0
        )
        offset = 0 if span_bias is None else span_bias
        result[(slice(None), slice(None), *cell)] = hidden @ span.reshape(span.shape[:2]).T + offset
    return result.reshape(len(x), keywords["groups"], *keywords["kernel_size"], *output)


@settings(deadline=None, max_examples=40)
@given(case=generators(), seed=st.integers(0, 2**32 - 1))
def test_values_and_gradients(case: tuple[list[np.ndarray | None], dict[str, Any]], seed: int) -> None:
    arrays, keywords = case
    kernels = involution_kernels(*arrays, **keywords)
    np.testing.assert_allclose(kernels, by_sums(arrays, keywords), rtol=0, atol=1e-11)
    rng = np.random.default_rng(seed)
    grad = rng.standard_normal(kernels.shape)
    gradients = involution_kernels_backward(grad, *arrays, **keywords)
    step = 1e-6
    for at, (argument, gradient) in enumerate(zip(arrays, gradients, strict=True)):
        if argument is None:
            continue
        assert gradient.shape == argument.shape
        direction = rng.standard_normal(argument.shape)
        ends = [
            (
                involution_kernels(*arrays[:at], argument + side * direction, *arrays[at + 1 :], **keywords)
                * grad
            ).sum()
            for side in (step, -step)
        ]
        rise = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose((gradient * direction).sum(), rise, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("n", "stride"), [(8, 1), (8, 2), (9, 2), (10, 3)])
def test_they_fit_an_involution_of_that_stride(n: int, stride: int) -> None:
    x = np.ones((2, 4, n, n), np.float32)
    heard: list[float] = []
    kernels = involution_kernels(
        x, np.ones((1, 4, 1, 1)), np.ones((18, 1, 1, 1)), kernel_size=3, groups=2, stride=stride,
        control=Control(heard.append),
    )  # fmt: skip
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert kernels.dtype == np.float32
    result = involution(x, kernels, stride=stride, padding="same")
    assert result.shape == (2, 4, -(-n // stride), -(-n // stride))


GOOD: dict[str, Any] = {
    "x": np.zeros((2, 4, 6, 7)), "reduce": np.zeros((2, 4, 1, 1)), "span": np.zeros((18, 2, 1, 1)),
    "kernel_size": 3, "groups": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": np.zeros((4, 7))}, ["x", "(4, 7)"]),
        ({"groups": 3}, ["groups", "4 channels", "3"]),
        ({"groups": 0}, ["groups", "0"]),
        ({"kernel_size": 5}, ["span", "50", "25 taps", "(18, 2, 1, 1)"]),
        ({"kernel_size": 2.5}, ["kernel_size", "2.5"]),
        ({"span": np.zeros((18, 2, 3, 1))}, ["span", "(18, 2, 3, 1)"]),
        ({"span": np.zeros((18, 3, 1, 1))}, ["3 input channels", "2"]),
        ({"stride": 0}, ["stride", "0"]),
        ({"reduce_bias": np.zeros(3)}, ["bias", "(3,)"]),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], words: list[str]) -> None:
    grad = np.zeros((2, 2, 3, 3, 6, 7))
    for call in (involution_kernels, lambda **a: involution_kernels_backward(grad, **a)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(**{**GOOD, **arguments})
        for word in words:
            assert word in str(caught.value)


def test_wrong_gradient_is_named() -> None:
    with pytest.raises(GeometryError, match="grad must have the shape of the output"):
        involution_kernels_backward(np.zeros((2, 18, 6, 7)), **GOOD)
