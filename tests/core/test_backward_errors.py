"""Wrong arguments of the gradients: those of the forward in its own words, and what is the gradients' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convstudio.core import (
    GeometryError,
    conv,
    conv_backward,
    conv_transpose,
    conv_transpose_backward,
)
from tests.core import test_conv_errors, test_conv_transpose

GRAD = np.zeros((1, 6, 7, 14), np.float32)
GOOD = {"grad": GRAD, **test_conv_errors.GOOD}
TRANSPOSED = {"grad": np.zeros((1, 3, 7, 8), np.float32), **test_conv_transpose.GOOD}

WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "grad in the shape of x": ({"grad": np.zeros((1, 4, 9, 16))}, ["grad", "{shape}", "(1, 4, 9, 16)"]),
    "grad without batch": ({"grad": np.zeros((6, 7, 14))}, ["grad", "{shape}", "(6, 7, 14)"]),
    "grad a number": ({"grad": 1.0}, ["grad", "{shape}", "()"]),
    "grad complex": ({"grad": GRAD.astype(complex)}, ["grad", "complex128"]),
    "grad of strings": ({"grad": GRAD.astype(str)}, ["grad", "dtype"]),
    "grad nothing": ({"grad": None}, ["grad", "object"]),
    "needs unknown": ({"needs": ("x", "w")}, ["needs", "'weight'", "'w'"]),
    "needs a word": ({"needs": "all"}, ["needs", "'bias'", "'all'"]),
    "needs nothing": ({"needs": None}, ["needs", "None"]),
    "needs a number": ({"needs": [1]}, ["needs", "[1]"]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("transposed", [False, True])
def test_wrong_argument_is_named(name: str, transposed: bool) -> None:
    arguments, words = WRONG[name]
    function, good = (conv_transpose_backward, TRANSPOSED) if transposed else (conv_backward, GOOD)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        function(**{**good, **arguments})
    for word in words:
        assert word.format(shape=good["grad"].shape) in str(caught.value)
    for word in test_conv_errors.NUMPY_WORDS:
        assert word not in str(caught.value)
    if "{shape}" in words:
        assert isinstance(caught.value, GeometryError)


@pytest.mark.parametrize("name", [name for name in test_conv_errors.WRONG if not name.startswith("out")])
def test_conv_backward_says_what_conv_says(name: str) -> None:
    arguments = test_conv_errors.WRONG[name][0]
    with pytest.raises(ValueError) as forward:  # noqa: PT011
        conv(**{**test_conv_errors.GOOD, **arguments})
    with pytest.raises(ValueError) as backward:  # noqa: PT011
        conv_backward(**{**GOOD, **arguments})
    assert str(backward.value) == str(forward.value)
    assert type(backward.value) is type(forward.value)


@pytest.mark.parametrize("name", [name for name in test_conv_transpose.WRONG if not name.startswith("out ")])
def test_conv_transpose_backward_says_what_conv_transpose_says(name: str) -> None:
    arguments = test_conv_transpose.WRONG[name][0]
    with pytest.raises(ValueError) as forward:  # noqa: PT011
        conv_transpose(**{**test_conv_transpose.GOOD, **arguments})
    with pytest.raises(ValueError) as backward:  # noqa: PT011
        conv_transpose_backward(**{**TRANSPOSED, **arguments})
    assert str(backward.value) == str(forward.value)
