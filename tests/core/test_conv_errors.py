"""Each wrong argument is refused in the user's words: its name, the value it got, never NumPy's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convstudio.core import ALGORITHMS, GeometryError, conv

NUMPY_WORDS = (
    "broadcast",
    "operands",
    "matmul",
    "einsum",
    "reshape",
    "inhomogeneous",
    "sequence",
    "setting an array",
    "ufunc",
    "index",
    "unpack",
    "core dimension",
    "NoneType",
)

GOOD: dict[str, Any] = {
    "x": np.zeros((1, 4, 9, 16), np.float32),
    "weight": np.zeros((6, 4, 3, 3), np.float32),
    "bias": None,
}

# What is wrong, the arguments, and words that the message must contain (the argument first).
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x without batch and channel": ({"x": np.zeros((9, 16))}, ["x", "(9, 16)"]),
    "x with four spatial axes": (
        {"x": np.zeros((1, 1, 2, 2, 2, 2)), "weight": np.zeros((1, 1, 1, 1, 1, 1))},
        ["x", "(1, 1, 2, 2, 2, 2)"],
    ),
    "x complex": ({"x": np.zeros((1, 4, 9, 16), complex)}, ["x", "complex128"]),
    "x of strings": ({"x": np.full((1, 4, 9, 16), "a")}, ["x", "U1"]),
    "x of objects": ({"x": np.full((1, 4, 9, 16), None)}, ["x", "object"]),
    "x nothing": ({"x": None}, ["x"]),
    "weight of another rank": ({"weight": np.zeros((6, 4, 3))}, ["weight", "(6, 4, 3)"]),
    "weight a bare kernel": ({"weight": np.zeros((3, 3))}, ["weight", "(3, 3)"]),
    "weight complex": ({"weight": np.zeros((6, 4, 3, 3), complex)}, ["weight", "complex128"]),
    "weight of strings": ({"weight": np.full((6, 4, 3, 3), "1")}, ["weight", "U1"]),
    "weight without taps": ({"weight": np.zeros((6, 4, 0, 3))}, ["weight", "(6, 4, 0, 3)"]),
    "weight without outputs": ({"weight": np.zeros((0, 4, 3, 3))}, ["weight", "(0, 4, 3, 3)"]),
    "weight for other channels": ({"weight": np.zeros((6, 3, 3, 3))}, ["weight", "3", "4"]),
    "weight not divided by groups": ({"groups": 2}, ["weight", "4", "groups", "2"]),
    "groups zero": ({"groups": 0}, ["groups", "0"]),
    "groups negative": ({"groups": -2}, ["groups", "-2"]),
    "groups a fraction": ({"groups": 1.5}, ["groups", "1.5"]),
    "groups not dividing the input": (
        {"groups": 3, "weight": np.zeros((6, 1, 3, 3))},
        ["groups", "3", "4"],
    ),
    "groups not dividing the output": (
        {"groups": 4, "weight": np.zeros((6, 1, 3, 3))},
        ["groups", "4", "6"],
    ),
    "groups a word": ({"groups": "all"}, ["groups", "'all'"]),
    "bias too short": ({"bias": np.zeros(5)}, ["bias", "(5,)", "6"]),
    "bias of another rank": ({"bias": np.zeros((6, 1))}, ["bias", "(6, 1)"]),
    "bias a number": ({"bias": 1.0}, ["bias", "()"]),
    "bias complex": ({"bias": np.zeros(6, complex)}, ["bias", "complex128"]),
    "stride zero": ({"stride": 0}, ["stride", "0"]),
    "stride negative": ({"stride": (1, -1)}, ["stride", "-1"]),
    "stride a fraction": ({"stride": 1.5}, ["stride", "1.5"]),
    "stride a word": ({"stride": "2"}, ["stride", "'2'"]),
    "stride for three axes": ({"stride": (1, 1, 1)}, ["stride", "(1, 1, 1)"]),
    "stride empty": ({"stride": ()}, ["stride", "()"]),
    "stride nothing": ({"stride": None}, ["stride", "None"]),
    "stride true": ({"stride": True}, ["stride", "True"]),
    "dilation zero": ({"dilation": 0}, ["dilation", "0"]),
    "dilation a fraction": ({"dilation": (1, 2.5)}, ["dilation", "2.5"]),
    "dilation for one axis": ({"dilation": (2,)}, ["dilation", "(2,)"]),
    "padding negative": ({"padding": -1}, ["padding", "-1"]),
    "padding a fraction": ({"padding": 0.5}, ["padding", "0.5"]),
    "padding an unknown word": ({"padding": "sam"}, ["padding", "'sam'", "'same'"]),
    "padding for three axes": ({"padding": (1, 1, 1)}, ["padding", "(1, 1, 1)"]),
    "padding flat per side": ({"padding": (1, 1, 2, 2)}, ["padding", "(1, 1, 2, 2)"]),
    "padding with three sides": ({"padding": ((1, 1, 1), (1, 1, 1))}, ["padding", "(1, 1, 1)"]),
    "padding negative on a side": ({"padding": ((0, 0), (0, -3))}, ["padding", "-3"]),
    "padding nothing": ({"padding": None}, ["padding", "None"]),
    "padding_mode unknown": ({"padding_mode": "wrap"}, ["padding_mode", "'wrap'", "'circular'"]),
    "padding_mode nothing": ({"padding_mode": None}, ["padding_mode", "None"]),
    "padding_mode a list": ({"padding_mode": ["zeros"]}, ["padding_mode", "['zeros']"]),
    "padding_value a word": (
        {"padding_mode": "constant", "padding_value": "white"},
        ["padding_value", "'white'"],
    ),
    "padding_value complex": ({"padding_mode": "constant", "padding_value": 1j}, ["padding_value", "1j"]),
    "reflection too long": (
        {"padding": ((9, 0), (0, 0)), "padding_mode": "reflect"},
        ["padding", "reflect", "at most 8", "9"],
    ),
    "wrap too long": (
        {"padding": ((0, 0), (0, 17)), "padding_mode": "circular"},
        ["padding", "circular", "at most 16", "17"],
    ),
    "mirror too long": (
        {"padding": (10, 0), "padding_mode": "symmetric"},
        ["padding", "symmetric", "at most 9", "10"],
    ),
    "kernel wider than the input": (
        {"weight": np.zeros((6, 4, 3, 17))},
        ["kernel spans 17 px", "16 px wide"],
    ),
    "kernel higher than the padded input": (
        {"weight": np.zeros((6, 4, 12, 1)), "padding": (1, 0)},
        ["kernel spans 12 px", "padded input is 11 px high"],
    ),
    "dilated kernel wider than the padded input": (
        {"weight": np.zeros((6, 4, 1, 10)), "padding": (0, 1), "dilation": 2},
        ["kernel spans 19 px (10 taps, dilation 2)", "padded input is 18 px wide"],
    ),
    "algorithm unknown": ({"algorithm": "quick"}, ["algorithm", "'quick'", "'taps'"]),
    "algorithm nothing": ({"algorithm": None}, ["algorithm", "None"]),
    "out of another shape": (
        {"out": np.zeros((1, 6, 7, 13), np.float32)},
        ["out", "(1, 6, 7, 13)", "(1, 6, 7, 14)"],
    ),
    "out of another dtype": ({"out": np.zeros((1, 6, 7, 14), np.float64)}, ["out", "float64", "float32"]),
    "out not contiguous": ({"out": np.zeros((1, 6, 14, 7), np.float32).swapaxes(2, 3)}, ["out"]),
    "out not an array": ({"out": [0.0]}, ["out"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str) -> None:
    arguments, words = WRONG[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        conv(**{**GOOD, **arguments})
    message = str(caught.value)
    for word in words:
        assert word in message, f"{message!r} does not say {word!r}"
    for word in NUMPY_WORDS:
        assert word not in message, f"{message!r} says {word!r}"
    assert "\n" not in message


@pytest.mark.parametrize(
    "name", [name for name in WRONG if name.startswith(("kernel", "reflection", "wrap"))]
)
def test_shapes_that_do_not_fit_are_geometry_errors(name: str) -> None:
    with pytest.raises(GeometryError):
        conv(**{**GOOD, **WRONG[name][0]})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", [name for name in WRONG if not name.startswith("algorithm")])
def test_a_forced_algorithm_says_the_same(name: str, algorithm: str) -> None:
    arguments = {**GOOD, **WRONG[name][0]}
    with pytest.raises(ValueError) as auto:  # noqa: PT011
        conv(**arguments)
    with pytest.raises(ValueError) as forced:  # noqa: PT011
        conv(**arguments, algorithm=algorithm)
    assert str(forced.value) == str(auto.value)


def test_out_that_is_read_only_is_refused() -> None:
    out = np.zeros((1, 6, 7, 14), np.float32)
    out.setflags(write=False)
    with pytest.raises(ValueError, match="out"):
        conv(**GOOD, out=out)


def test_out_that_overlaps_the_input_is_refused() -> None:
    """Writing into the picture being read would give a wrong answer."""
    x = np.ones((1, 1, 8, 8), np.float32)
    with pytest.raises(ValueError, match="out"):
        conv(x, np.ones((1, 1, 3, 3), np.float32), padding=1, out=x)
    np.testing.assert_array_equal(x, np.ones((1, 1, 8, 8)))


def test_nothing_is_computed_for_a_wrong_call() -> None:
    """A refused call leaves the buffer alone."""
    out = np.full((1, 6, 7, 14), 3.0, np.float32)
    with pytest.raises(ValueError, match="bias"):
        conv(**{**GOOD, "bias": np.zeros(5)}, out=out)
    np.testing.assert_array_equal(out, np.full((1, 6, 7, 14), 3.0))


@pytest.mark.parametrize("stride", [np.int64(2), [2, 2], (np.int32(2), 2)])
def test_whole_numbers_in_any_clothes(stride: Any) -> None:
    assert conv(**GOOD, stride=stride).shape == (1, 6, 4, 7)


def test_lists_are_taken_as_arrays() -> None:
    result = conv([[[0, 1, 2, 3]]], [[[1, 1]]], [10])
    np.testing.assert_array_equal(result, [[[11, 13, 15]]])
