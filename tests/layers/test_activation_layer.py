"""Activation layers: every function by its formula, and which parameters it has."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from convstudio.layers import Activation
from convstudio.layers.activation import FUNCTIONS

X = np.linspace(-6.0, 6.0, 2 * 5 * 6).reshape(2, 5, 6)

FORMULAS: dict[str, Callable[[float], float]] = {
    "relu": lambda x: x if x > 0 else 0.0,
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "elu": lambda x: x if x > 0 else 1.5 * (math.exp(x) - 1),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    "softplus": lambda x: x if 3 * x > 9 else math.log(1 + math.exp(3 * x)) / 3,
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "abs": lambda x: -x if x < 0 else x,
    "square": lambda x: x * x,
}
PARAMETERS = {"slope": 0.2, "alpha": 1.5, "beta": 3.0, "threshold": 9.0}


@pytest.mark.parametrize("function", FORMULAS)
def test_values_are_the_formula(function: str) -> None:
    layer = Activation(function=function, **PARAMETERS)
    expected = np.vectorize(FORMULAS[function])(X)
    np.testing.assert_allclose(layer.forward(X), expected, atol=1e-12)
    assert layer.out_shape(X.shape) == X.shape


def test_softmax_shares_each_pixel_among_the_channels() -> None:
    result = Activation(function="softmax").forward(X)
    np.testing.assert_allclose(result, special.softmax(X, axis=0), atol=1e-12)
    np.testing.assert_allclose(result.sum(axis=0), 1.0)


def test_every_function_has_a_formula_here() -> None:
    assert {*FORMULAS, "softmax"} == set(FUNCTIONS)


def test_parameters_apply_where_the_function_takes_them() -> None:
    names = [each.name for each in Activation.parameters()]
    applying = {f: {n for n in names if Activation(function=f).applies(n)} - {"function"} for f in FUNCTIONS}
    assert {f: names for f, names in applying.items() if names} == {
        "leaky_relu": {"slope"},
        "elu": {"alpha"},
        "softplus": {"beta", "threshold"},
    }
    assert Activation().applies("function")


def test_defaults_are_those_of_the_core() -> None:
    layer = Activation()
    for each in FUNCTIONS.values():
        arguments = inspect.signature(each.forward).parameters
        for ours, theirs in each.takes.items():
            assert getattr(layer, ours) == arguments[theirs].default


def test_helps_name_formula_and_source() -> None:
    for each in FUNCTIONS.values():
        assert any(year in each.help for year in ("19", "20")), each.label
        assert "x" in each.help or "ˣ" in each.help
        assert each.help.endswith(".")


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (Activation(), "ReLU"),
        (Activation(function="leaky_relu", slope=0.1), "Leaky ReLU 0.1"),
        (Activation(function="elu"), "ELU 1"),
        (Activation(function="gelu_tanh"), "GELU (tanh)"),
        (Activation(function="hardswish"), "Hard swish"),
    ],
)
def test_names(layer: Activation, name: str) -> None:
    assert layer.name() == name


def test_a_slope_of_minus_one_is_the_absolute_value() -> None:
    layer = Activation(function="leaky_relu", slope=-1.0)
    np.testing.assert_array_equal(layer.forward(X), np.abs(X))
