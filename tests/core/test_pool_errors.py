"""Wrong arguments of pooling are refused in the user's words, before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstudio.core import (
    GeometryError,
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    avg_pool,
    avg_pool_backward,
    lp_pool,
    lp_pool_backward,
    max_pool,
    max_pool_backward,
    max_unpool,
    max_unpool_backward,
    min_pool,
    min_pool_backward,
)
from tests.core.test_conv_errors import NUMPY_WORDS

X = np.zeros((1, 4, 9, 16), np.float32)
GOOD: dict[str, Any] = {"x": X, "kernel_size": 3}
SLIDING: dict[Any, Any] = {
    max_pool: max_pool_backward,
    min_pool: min_pool_backward,
    avg_pool: avg_pool_backward,
    lp_pool: lp_pool_backward,
}

# What is wrong, the arguments, and words that the message must contain.
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x without batch": ({"x": np.zeros((9, 16))}, ["x", "(9, 16)"]),
    "x with four spatial axes": ({"x": np.zeros((1, 1, 2, 2, 2, 2))}, ["x", "(1, 1, 2, 2, 2, 2)"]),
    "x without channels": ({"x": np.zeros((1, 0, 9, 16))}, ["x", "(1, 0, 9, 16)"]),
    "x without pixels": ({"x": np.zeros((1, 1, 0, 16))}, ["x", "(1, 1, 0, 16)"]),
    "x complex": ({"x": np.zeros((1, 4, 9, 16), complex)}, ["x", "complex128"]),
    "x of strings": ({"x": np.full((1, 4, 9, 16), "a")}, ["x", "U1"]),
    "x nothing": ({"x": None}, ["x"]),
    "kernel_size zero": ({"kernel_size": 0}, ["kernel_size", "0"]),
    "kernel_size a fraction": ({"kernel_size": 1.5}, ["kernel_size", "1.5"]),
    "kernel_size for three axes": ({"kernel_size": (3, 3, 3)}, ["kernel_size", "(3, 3, 3)"]),
    "kernel_size nothing": ({"kernel_size": None}, ["kernel_size", "None"]),
    "kernel_size true": ({"kernel_size": True}, ["kernel_size", "True"]),
    "stride zero": ({"stride": 0}, ["stride", "0"]),
    "stride negative": ({"stride": (1, -1)}, ["stride", "-1"]),
    "stride a word": ({"stride": "2"}, ["stride", "'2'"]),
    "dilation zero": ({"dilation": 0}, ["dilation", "0"]),
    "dilation for one axis": ({"dilation": (2,)}, ["dilation", "(2,)"]),
    "padding negative": ({"padding": -1}, ["padding", "-1"]),
    "padding an unknown word": ({"padding": "sam"}, ["padding", "'sam'", "'same'"]),
    "padding for three axes": ({"padding": (1, 1, 1)}, ["padding", "(1, 1, 1)"]),
    "padding nothing": ({"padding": None}, ["padding", "None"]),
    "padding full": ({"padding": "full"}, ["padding", "'full'", "'same'"]),
    "padding over half": ({"padding": 2}, ["padding", "half", "3 px", "height", "1 px", "2"]),
    "padding over half of the width": (
        {"padding": (1, 3), "kernel_size": (3, 4)},
        ["padding", "half", "4 px", "width", "2 px", "(1, 3)"],
    ),
    "pairs that cover nothing": (
        {"padding": ((0, 0), (3, 0))},
        ["window 0", "width", "no px", "3 before", "3 taps"],
    ),
    "dilated between the pixels": (
        {"x": np.zeros((1, 1, 1, 9)), "kernel_size": (2, 1), "padding": (1, 0), "dilation": 2},
        ["window 0", "height", "no px", "dilation 2"],
    ),
    "kernel wider than the input": ({"kernel_size": (3, 17)}, ["kernel spans 17 px", "16 px wide"]),
    "kernel wider, with ceil_mode": (
        {"kernel_size": (3, 40), "stride": 2, "ceil_mode": True},
        ["kernel spans 40 px", "16 px wide"],
    ),
    "dilated kernel": (
        {"kernel_size": (1, 10), "dilation": 2},
        ["kernel spans 19 px (10 taps, dilation 2)", "16 px wide"],
    ),
    "ceil_mode a number": ({"ceil_mode": 1}, ["ceil_mode", "1"]),
    "out of another shape": ({"out": np.zeros((1, 4, 9, 16), np.float32)}, ["out", "(1, 4, 3, 5)"]),
    "out of another dtype": ({"out": np.zeros((1, 4, 3, 5))}, ["out", "float64", "float32"]),
    "out not an array": ({"out": [0.0]}, ["out"]),
}
GEOMETRY = ("padding over", "pairs", "dilated", "kernel wider", "x with")


def refused(call: Callable[..., object], arguments: dict[str, Any], words: list[str]) -> Exception:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        call(**arguments)
    message = str(caught.value)
    for word in words:
        assert word in message, f"{message!r} does not say {word!r}"
    for word in NUMPY_WORDS:
        if word != "index":  # indices are what these functions are about
            assert word not in message, f"{message!r} says {word!r}"
    assert "\n" not in message
    return caught.value


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("pool", SLIDING)
def test_wrong_argument_is_named(pool: Any, name: str) -> None:
    arguments, words = WRONG[name]
    error = refused(pool, {**GOOD, **arguments}, words)
    assert isinstance(error, GeometryError) or not name.startswith(GEOMETRY)
    if not name.startswith("out"):
        refused(SLIDING[pool], {"grad": np.zeros((1, 4, 3, 5)), **GOOD, **arguments}, words)


OTHERS: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "return_indices a number": (max_pool, {**GOOD, "return_indices": 1}, ["return_indices", "1"]),
    "one out for two": (
        max_pool,
        {**GOOD, "return_indices": True, "out": np.zeros((1, 4, 3, 5), np.float32)},
        ["out", "pair"],
    ),
    "out for indices": (
        min_pool,
        {**GOOD, "return_indices": True, "out": (None, np.zeros((1, 4, 3, 5)))},
        ["out", "float64", "int64"],
    ),
    "count_include_pad": (avg_pool, {**GOOD, "count_include_pad": None}, ["count_include_pad", "None"]),
    "divisor zero": (avg_pool, {**GOOD, "divisor_override": 0}, ["divisor_override", "0"]),
    "divisor a word": (avg_pool, {**GOOD, "divisor_override": "9"}, ["divisor_override", "'9'"]),
    "p zero": (lp_pool, {**GOOD, "p": 0}, ["p", "0"]),
    "p infinite": (lp_pool, {**GOOD, "p": np.inf}, ["p", "inf"]),
    "p a word": (lp_pool, {**GOOD, "p": "2"}, ["p", "'2'"]),
    "grad of another shape": (
        max_pool_backward,
        {**GOOD, "grad": np.zeros((1, 4, 9, 16))},
        ["grad", "(1, 4, 3, 5)", "(1, 4, 9, 16)"],
    ),
    "grad complex": (
        avg_pool_backward,
        {**GOOD, "grad": np.zeros((1, 4, 3, 5), complex)},
        ["grad", "complex"],
    ),
    "indices of another shape": (
        max_pool_backward,
        {**GOOD, "grad": np.zeros((1, 4, 3, 5)), "indices": np.zeros((1, 4, 3, 4), int)},
        ["indices", "(1, 4, 3, 5)", "(1, 4, 3, 4)"],
    ),
    "indices beyond": (
        min_pool_backward,
        {**GOOD, "grad": np.zeros((1, 4, 3, 5)), "indices": np.full((1, 4, 3, 5), 144)},
        ["indices", "0 to 143", "9×16", "144"],
    ),
    "indices fractions": (
        adaptive_max_pool_backward,
        {"x": X, "output_size": 2, "grad": np.zeros((1, 4, 2, 2)), "indices": np.zeros((1, 4, 2, 2))},
        ["indices", "whole", "float64"],
    ),
    "output_size nothing at all": (adaptive_avg_pool, {"x": X, "output_size": ()}, ["output_size", "()"]),
    "output_size negative": (adaptive_avg_pool, {"x": X, "output_size": (3, -1)}, ["output_size", "-1"]),
    "output_size a fraction": (adaptive_max_pool, {"x": X, "output_size": 2.5}, ["output_size", "2.5"]),
    "output_size for one axis": (adaptive_max_pool, {"x": X, "output_size": (2,)}, ["output_size", "(2,)"]),
    "adaptive x": (adaptive_max_pool, {"x": np.zeros(5), "output_size": 2}, ["x", "(5,)"]),
    "adaptive grad": (
        adaptive_avg_pool_backward,
        {"x": X, "output_size": 2, "grad": np.zeros((1, 4, 3, 3))},
        ["grad", "(1, 4, 2, 2)", "(1, 4, 3, 3)"],
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_wrong_arguments(name: str) -> None:
    function, arguments, words = OTHERS[name]
    refused(function, arguments, words)


UNPOOL: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x": ({"x": np.zeros((2, 2))}, ["x", "(2, 2)"]),
    "kernel_size": ({"kernel_size": 0}, ["kernel_size", "0"]),
    "stride": ({"stride": (2, 2, 2)}, ["stride", "(2, 2, 2)"]),
    "padding full": ({"padding": "full"}, ["padding", "'full'"]),
    "padding all of it": ({"padding": 2}, ["padding", "no output", "0 px"]),
    "indices below": ({"indices": np.full((1, 1, 2, 2), -1)}, ["indices", "0 to 15", "-1"]),
    "indices beyond": ({"indices": np.full((1, 1, 2, 2), 16)}, ["indices", "0 to 15", "4×4", "16"]),
    "indices of floats": ({"indices": np.zeros((1, 1, 2, 2))}, ["indices", "whole", "float64"]),
    "indices of bools": ({"indices": np.zeros((1, 1, 2, 2), bool)}, ["indices", "whole", "bool"]),
    "indices of another shape": ({"indices": np.zeros((1, 1, 4), int)}, ["indices", "(1, 1, 4)"]),
    "output_size too large": ({"output_size": (6, 4)}, ["output_size", "3 to 5", "height", "6"]),
    "output_size too small": ({"output_size": (4, 2)}, ["output_size", "3 to 5", "width", "2"]),
    "output_size a number": ({"output_size": 5}, ["output_size", "5"]),
    "output_size for three axes": ({"output_size": (5, 5, 5)}, ["output_size", "(5, 5, 5)"]),
    "output_size of another batch": (
        {"output_size": (2, 1, 4, 4)},
        ["output_size", "(1, 1)", "(2, 1, 4, 4)"],
    ),
    "output_size of fractions": ({"output_size": (4, 4.5)}, ["output_size", "4.5"]),
}


@pytest.mark.parametrize("name", UNPOOL)
def test_unpool(name: str) -> None:
    arguments, words = UNPOOL[name]
    good = {"x": np.zeros((1, 1, 2, 2)), "indices": np.zeros((1, 1, 2, 2), int), "kernel_size": 2}
    refused(max_unpool, {**good, **arguments}, words)
    refused(max_unpool_backward, {"grad": np.zeros((1, 1, 4, 4)), **good, **arguments}, words)


def test_unpool_grad_of_another_shape() -> None:
    good = {"x": np.zeros((1, 1, 2, 2)), "indices": np.zeros((1, 1, 2, 2), int), "kernel_size": 2}
    refused(max_unpool_backward, {"grad": np.zeros((1, 1, 2, 2)), **good}, ["grad", "(1, 1, 4, 4)"])


def test_nothing_is_computed_for_a_wrong_call() -> None:
    out = np.full((1, 4, 3, 5), 3.0, np.float32)
    with pytest.raises(ValueError, match="divisor"):
        avg_pool(X, 3, divisor_override=0, out=out)
    np.testing.assert_array_equal(out, 3.0)
    with pytest.raises(ValueError, match="share memory"):
        max_pool(X, 1, out=X)


def test_pairs_may_be_longer_than_half_as_in_onnx() -> None:
    """ONNX's own examples pad a 3×3 window by 2 on all sides; every window still sees a pixel."""
    x = np.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    got = max_pool(x, 3, 1, ((2, 2), (2, 2)))
    assert got.shape == (1, 1, 7, 7)
    assert got[0, 0, 0, 0] == 1.0
    assert got[0, 0, 6, 6] == 25.0
