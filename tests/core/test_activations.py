"""Activations against SciPy and the standard library, their derivatives against differences."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import convstudio.core as core
from convstudio.core import Cancelled, Control, GeometryError
from convstudio.core.elementwise import CHUNK, WORTH_THREADS

ORDINARY = settings(deadline=None, max_examples=40)


@dataclass(frozen=True)
class Case:
    """A function of the core, its arguments, the same of one float64 number, and where its slope jumps."""

    name: str
    oracle: Callable[[np.ndarray], np.ndarray]
    arguments: dict[str, Any] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.arguments or ''}"

    def forward(self, x: Any, **keywords: Any) -> np.ndarray:
        return getattr(core, self.name)(x, **self.arguments, **keywords)

    def backward(self, grad: Any, x: Any, **keywords: Any) -> np.ndarray:
        return getattr(core, f"{self.name}_backward")(grad, x, **self.arguments, **keywords)


def elu(alpha: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu_estimate(x: np.ndarray) -> np.ndarray:
    return x * special.expit(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def softplus(beta: float, threshold: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


CASES = [
    Case("relu", lambda x: np.maximum(x, 0), kinks=(0,)),
    Case("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), kinks=(0,)),
    Case("leaky_relu", lambda x: np.where(x > 0, x, -1.5 * x), {"negative_slope": -1.5}, (0,)),
    Case("leaky_relu", lambda x: np.where(x > 0, x, 0 * x), {"negative_slope": 0}, (0,)),
    Case("elu", elu(1)),
    Case("elu", elu(2.5), {"alpha": 2.5}, (0,)),
    Case("elu", elu(-0.5), {"alpha": -0.5}, (0,)),
    Case("gelu", lambda x: x * special.ndtr(x)),
    Case("gelu", gelu_estimate, {"approximate": "tanh"}),
    Case("sigmoid", special.expit),
    Case("tanh", np.tanh),
    Case("softplus", softplus(1, 20)),
    Case("softplus", softplus(3, 2), {"beta": 3.0, "threshold": 2}, (2 / 3,)),
    Case("softplus", softplus(-2, 20), {"beta": -2}),
    Case("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, kinks=(-3, 3)),
    Case("abs", np.abs, kinks=(0,)),
    Case("square", np.square),
]
EACH = pytest.mark.parametrize("case", CASES, ids=str)


def expected(case: Case, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return case.oracle(x.astype(np.float64))


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_right_to_a_few_units_in_the_last_place(case: Case, dtype: type) -> None:
    x = np.concatenate([np.linspace(-12, 12, 4801), np.logspace(-30, 0, 61), -np.logspace(-30, 0, 61)])
    x = x.astype(dtype)
    result, right = case.forward(x), expected(case, x)
    assert result.dtype == dtype
    # What the exponent's own rounding costs grows with its size: x² / 2, and with the estimate 0.0357·x³.
    exponent = {"gelu": x**2 if not case.arguments else 1 + np.abs(x) ** 3 / 10}.get(case.name, np.abs(x))
    allowed = np.finfo(dtype).eps * (6 + 2 * exponent.astype(np.float64)) * np.abs(right)
    error = np.abs(result - right)
    worst = int(np.argmax(error - allowed))
    assert error[worst] <= allowed[worst] + 4 * np.finfo(dtype).tiny, (x[worst], result[worst], right[worst])


@EACH
@ORDINARY
@given(data=st.data())
def test_derivative_is_the_slope(case: Case, data: st.DataObject) -> None:
    """Central differences in float64, away from the kinks."""
    shape = data.draw(st.lists(st.integers(0, 4), max_size=4).map(tuple))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal(shape) * data.draw(st.sampled_from([0.5, 3.0]))
    step = 1e-5
    for kink in case.kinks:
        x = np.where(np.abs(x - kink) < 2 * step, kink + 0.1, x)
    grad = rng.standard_normal(shape)
    slope = (case.forward(x + step) - case.forward(x - step)) / (2 * step)
    result = case.backward(grad, x)
    assert result.shape == shape
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, grad * slope, rtol=1e-6, atol=1e-8)


@EACH
def test_float32_derivative_agrees_with_float64(case: Case) -> None:
    x = np.linspace(-15, 15, 3001).astype(np.float32)
    grad = np.linspace(1, 2, 3001).astype(np.float32)
    single, double = case.backward(grad, x), case.backward(grad.astype(np.float64), x.astype(np.float64))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "points", "slopes"),
    [
        ("relu", [0.0, -0.0], [0, 0]),
        ("leaky_relu", [0.0, -0.0], [0.01, 0.01]),
        ("elu", [0.0], [1]),
        ("abs", [0.0, -0.0], [0, 0]),
        ("hardswish", [-3.0, 3.0], [0, 1]),
    ],
)
def test_slope_at_a_kink_is_pytorchs(name: str, points: list[float], slopes: list[float]) -> None:
    result = getattr(core, f"{name}_backward")(np.ones(len(points)), np.array(points))
    np.testing.assert_array_equal(result, slopes)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_neither_warn_nor_become_nan(case: Case, dtype: type) -> None:
    """Values as far out as the dtype goes; where a square overflows it is infinite."""
    most = np.finfo(dtype).max
    x = np.array([most, -most, 1e30, -1e30, 1e4, -1e4, 100, -100], dtype)
    result, slope = case.forward(x), case.backward(np.ones_like(x), x)
    with np.errstate(over="ignore"):
        right = expected(case, x).astype(dtype)
    finite = np.isfinite(right)
    np.testing.assert_allclose(result[finite], right[finite], rtol=1e-5, atol=1e-30)
    assert not np.isnan(result).any()
    assert not np.isnan(slope).any()


@EACH
def test_nan_passes_through_and_stays_where_it_is(case: Case) -> None:
    x = np.array([1.0, np.nan, 2.0, np.nan, -1.0], np.float32)
    np.testing.assert_array_equal(np.isnan(case.forward(x)), np.isnan(x))
    beside = np.isfinite(x)
    slope = case.backward(np.ones_like(x), x)
    assert np.isfinite(slope[beside]).all()
    clean = case.backward(np.ones(3, np.float32), x[beside])
    np.testing.assert_array_equal(slope[beside], clean)


@EACH
def test_infinities_are_scipys(case: Case) -> None:
    x = np.array([np.inf, -np.inf])
    np.testing.assert_array_equal(case.forward(x), expected(case, x))


def test_what_relu_cuts_off_leaves_no_trace() -> None:
    """0 · ∞ would be NaN."""
    result = core.relu_backward(np.array([np.inf, np.nan, np.inf]), np.array([-1.0, -1.0, 1.0]))
    np.testing.assert_array_equal(result, [0, 0, np.inf])


def layouts(x: np.ndarray) -> list[np.ndarray]:
    """The same values, laid out otherwise in memory."""
    spread = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
    spread[..., ::2] = x
    fixed = x.copy()
    fixed.setflags(write=False)
    return [
        np.asfortranarray(x),
        np.ascontiguousarray(x[..., ::-1])[..., ::-1],
        spread[..., ::2],
        x.astype(x.dtype.newbyteorder()),
        np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
        fixed,
    ]


@EACH
def test_any_layout_and_several_chunks(case: Case) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 211, 251)).astype(np.float32)
    grad = rng.standard_normal(x.shape).astype(np.float32)
    assert x.size > CHUNK
    value, slope = case.forward(x), case.backward(grad, x)
    np.testing.assert_allclose(value, expected(case, x), rtol=1e-5, atol=1e-6)
    for cells, upstream in zip(layouts(x), layouts(grad), strict=True):
        kept = cells.copy()
        for result, right in ((case.forward(cells), value), (case.backward(upstream, cells), slope)):
            np.testing.assert_array_equal(result, right)
            assert result.flags.c_contiguous
        np.testing.assert_array_equal(cells, kept)


@EACH
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.bool_])
def test_other_real_types_become_float32(case: Case, dtype: type) -> None:
    x = np.array([[0, 1, 1, 0]], dtype)
    result = case.forward(x)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, case.forward(x.astype(np.float32)))


@EACH
def test_numbers_and_empty_arrays(case: Case) -> None:
    assert case.forward(0.7).shape == case.backward(1.0, 0.7).shape == ()
    for shape in ((0,), (2, 0, 3)):
        assert case.forward(np.zeros(shape)).shape == case.backward(np.zeros(shape), np.zeros(shape)).shape
        heard: list[float] = []
        case.forward(np.zeros(shape), control=Control(heard.append))
        assert heard == [1.0]


@EACH
def test_two_threads_give_what_one_gives(case: Case) -> None:
    x = np.random.default_rng(5).standard_normal(WORTH_THREADS + 7).astype(np.float32)
    out = np.empty_like(x)
    heard: list[float] = []
    assert case.forward(x, out=out, control=Control(heard.append)) is out
    np.testing.assert_array_equal(out[-100:], case.forward(x[-100:]))
    np.testing.assert_array_equal(out[CHUNK - 5 : CHUNK + 5], case.forward(x[CHUNK - 5 : CHUNK + 5]))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


@pytest.mark.parametrize("name", ["gelu", "softplus"])
def test_working_memory_is_bounded(name: str) -> None:
    """Whatever the layout; NumPy tells tracemalloc of its buffers."""
    x = np.zeros((1500, 2000, 3), np.float32).transpose(2, 1, 0)
    out = np.empty(x.shape, np.float32)
    getattr(core, name)(x[:, :10, :10])
    tracemalloc.start()
    getattr(core, name)(x, out=out)
    getattr(core, f"{name}_backward")(x, x, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20 < x.nbytes


def test_cancelled_between_chunks() -> None:
    control = Control(lambda _: control.cancel())
    with pytest.raises(Cancelled):
        core.gelu(np.zeros(20 * CHUNK), control=control)


WRONG: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "x complex": ("relu", {"x": np.zeros(3, complex)}, ["x", "complex128"]),
    "x a word": ("tanh", {"x": "cat"}, ["x"]),
    "x nothing": ("abs", {"x": None}, ["x", "object"]),
    "slope a word": ("leaky_relu", {"negative_slope": "0.1"}, ["negative_slope", "'0.1'"]),
    "slope infinite": ("leaky_relu", {"negative_slope": math.inf}, ["negative_slope", "inf", "finite"]),
    "alpha true": ("elu", {"alpha": True}, ["alpha", "True"]),
    "alpha nan": ("elu", {"alpha": math.nan}, ["alpha", "nan", "finite"]),
    "beta zero": ("softplus", {"beta": 0}, ["beta", "0"]),
    "threshold complex": ("softplus", {"threshold": 1j}, ["threshold", "1j"]),
    "approximate unknown": ("gelu", {"approximate": "erf"}, ["approximate", "'erf'", "'none'", "'tanh'"]),
    "out of another shape": ("square", {"out": np.zeros((3, 2))}, ["out", "(3, 2)", "(2, 3)"]),
    "out of another dtype": ("square", {"out": np.zeros((2, 3), np.float32)}, ["out", "float32", "float64"]),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str, backward: bool) -> None:
    function, arguments, words = WRONG[name]
    call = getattr(core, f"{function}_backward" if backward else function)
    arguments = {"x": np.zeros((2, 3)), **arguments}
    if backward:
        arguments["grad"] = np.zeros(np.shape(arguments["x"]))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        call(**arguments)
    for word in words:
        assert word in str(caught.value)


@EACH
def test_gradient_of_another_shape_is_refused(case: Case) -> None:
    with pytest.raises(GeometryError, match=r"grad must have the shape of x, \(2, 3\), got \(3,\)"):
        case.backward(np.zeros(3), np.zeros((2, 3)))


def test_out_that_overlaps_an_input_is_refused() -> None:
    x = np.zeros(8)
    with pytest.raises(ValueError, match="out must not share memory with x"):
        core.relu(x, out=x)
    with pytest.raises(ValueError, match="out must not share memory with grad or x"):
        core.relu_backward(x, np.zeros(8), out=x)
