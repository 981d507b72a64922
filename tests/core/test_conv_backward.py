"""conv_backward against plain loops and finite differences, over every padding and every way it takes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, conv, conv_backward
from convstudio.core import job as job_module
from convstudio.core.gradients import inputs, products, scatter, weights
from tests.core.test_conv_arrays import LAYOUTS
from tests.oracles import numpy_pad, per_axis
from tests.strategies import Job, jobs


def upstream(job: Job, dtype: Any = np.float64) -> np.ndarray:
    shape = conv(job.x, job.weight, job.bias, **job.arguments).shape
    return np.random.default_rng(11).standard_normal(shape).astype(dtype)


def by_loops(job: Job, grad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The definition, tap by tap, with NumPy's own pad telling which cell each padded one shows."""
    a, rank = job.arguments, job.rank
    stride, dilation = per_axis(a["stride"], rank), per_axis(a["dilation"], rank)
    numbers = np.arange(math.prod(job.spatial)).reshape(1, 1, *job.spatial)
    mode = "constant" if a["padding_mode"] == "zeros" else a["padding_mode"]
    shown = numpy_pad(numbers, job.amounts, mode, -1)[0, 0]
    padded = numpy_pad(job.x.astype(np.float64), job.amounts, a["padding_mode"], a["padding_value"])
    weight = job.weight.astype(np.float64)
    if a["flip"]:
        weight = np.flip(weight, tuple(range(2, weight.ndim)))
    by_padded, by_weight = np.zeros(padded.shape), np.zeros(weight.shape)
    inputs = weight.shape[1]
    outputs = len(weight) // a["groups"]
    for o in range(len(weight)):
        first = o // outputs * inputs
        for tap in np.ndindex(*job.kernel):
            cells = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, s, n in zip(tap, dilation, stride, grad.shape[2:], strict=True)
            )
            for i in range(inputs):
                by_weight[(o, i, *tap)] = (padded[:, first + i][(slice(None), *cells)] * grad[:, o]).sum()
                by_padded[:, first + i][(slice(None), *cells)] += weight[(o, i, *tap)] * grad[:, o]
    by_x = np.zeros((*job.x.shape[:2], numbers.size))
    kept = shown >= 0
    for index in np.ndindex(*job.x.shape[:2]):
        np.add.at(by_x[index], shown[kept], by_padded[index][kept])
    if a["flip"]:
        by_weight = np.flip(by_weight, tuple(range(2, weight.ndim)))
    return by_x.reshape(job.x.shape), by_weight, grad.sum(axis=(0, *range(2, grad.ndim)))


def magnitudes(job: Job, grad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the gradients would be if no two terms of theirs could cancel: rounding is relative to this."""
    value = abs(job.arguments["padding_value"])
    arguments = {**job.arguments, "padding_value": value}
    return by_loops(
        replace(job, x=np.abs(job.x), weight=np.abs(job.weight), arguments=arguments), np.abs(grad)
    )


def assert_close(
    result: np.ndarray | None,
    expected: np.ndarray,
    dtype: Any,
    products: int,
    magnitude: np.ndarray | None = None,
) -> None:
    assert result is not None
    assert result.shape == expected.shape
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    scale = float(np.abs(expected if magnitude is None else magnitude).max(initial=0.0)) + 1e-300
    allowed = 16 * float(np.finfo(dtype).eps) * math.sqrt(products) * scale
    np.testing.assert_allclose(result, expected, rtol=0, atol=allowed)


# What is set to force each way, and to cut small jobs as large ones are.
WAYS: dict[str, list[tuple[Any, str, Any]]] = {
    "as planned": [],
    "tiny tiles": [
        (job_module, "TILE_BYTES", 1 << 10),
        (weights, "_SUMS_BYTES", 500),
        (weights, "_WORTH_THREADS", 0),
        (scatter, "_PHASE_BYTES", 300),
    ],
    "rows": [
        (products, "_HIGH", 1),
        (products, "_WIDE", 1),
        (products, "_FEW_OUTPUTS", 1 << 30),
        (weights, "_WORTH_THREADS", 0),
        (job_module, "TILE_BYTES", 1 << 13),
    ],
    "columns": [
        (products, "_HIGH", 1),
        (products, "_WIDE", 1),
        (products, "_FEW_OUTPUTS", 0),
        (scatter, "_MANY_INPUTS", 0),
    ],
    "sides": [(inputs, "_WHOLE_BYTES", 0)],
    "sides in pieces": [(inputs, "_WHOLE_BYTES", 0), (inputs, "_SIDE_BYTES", 60)],
}


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=40)
@given(job=jobs())
def test_agrees_with_loops(way: str, job: Job) -> None:
    dtype = job.x.dtype
    grad = upstream(job, dtype)
    kept = job.x.copy(), job.weight.copy(), grad.copy()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for module, name, value in WAYS[way]:
            monkeypatch.setattr(module, name, value)
        result = conv_backward(grad, job.x, job.weight, job.bias, **job.arguments)
    for before, now in zip(kept, (job.x, job.weight, grad), strict=True):
        np.testing.assert_array_equal(before, now)
    by_x, by_weight, by_bias = by_loops(job, grad.astype(np.float64))
    of_x, of_weight, of_bias = magnitudes(job, grad.astype(np.float64))
    assert_close(result.grad_x, by_x, dtype, 4 * job.weight.size, of_x)
    assert_close(result.grad_weight, by_weight, dtype, 4 * grad[:, 0].size, of_weight)
    assert_close(result.grad_bias, by_bias, dtype, 4 * grad[:, 0].size, of_bias)


@settings(deadline=None, max_examples=30)
@given(job=jobs(dtypes=(np.float64,)))
def test_finite_differences(job: Job) -> None:
    """conv is linear in each of its arrays, so central differences are exact but for rounding."""
    grad = upstream(job)
    result = conv_backward(grad, job.x, job.weight, job.bias, **job.arguments)
    bias = np.zeros(len(job.weight)) if job.bias is None else job.bias
    given = {"x": job.x, "weight": job.weight, "bias": bias}
    rng = np.random.default_rng(2)
    for name, values in given.items():
        gradient = getattr(result, f"grad_{name}")
        for _ in range(3):
            cell = tuple(int(rng.integers(n)) for n in values.shape)
            sides = []
            for step in (0.5, -0.5):
                moved = values.copy()
                moved[cell] += step
                sides.append(conv(**{**given, name: moved}, **job.arguments, algorithm="taps"))
            difference = float(((sides[0] - sides[1]) * grad).sum())
            scale = float(np.abs(sides[0] * grad).sum()) + 1.0
            assert abs(difference - gradient[cell]) <= 1e-12 * scale, (name, cell)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=10)
@given(job=jobs(), algorithm=st.sampled_from(["auto", "taps", "gemm"]))
def test_any_layout_gives_the_same(layout: str, job: Job, algorithm: str) -> None:
    grad = upstream(job, job.x.dtype)
    lay = LAYOUTS[layout]
    result = conv_backward(lay(grad), lay(job.x), lay(job.weight), algorithm=algorithm, **job.arguments)
    for got, expected in zip(result, by_loops(job, grad.astype(np.float64)), strict=True):
        assert_close(got, expected, job.x.dtype, 4 * grad.size)
        assert got is not None
        assert got.dtype.isnative


@pytest.mark.parametrize("needs", [(), ("x",), ("weight",), ("bias",), ["x", "bias"], {"weight", "bias"}])
def test_needs_leaves_out_the_rest(needs: Any) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((4, 3, 3, 3))
    grad = rng.standard_normal((2, 4, 9, 8))
    all_three = conv_backward(grad, x, weight, padding=1)
    some = conv_backward(grad, x, weight, padding=1, needs=needs)
    for name in ("x", "weight", "bias"):
        got, expected = getattr(some, f"grad_{name}"), getattr(all_three, f"grad_{name}")
        if name in needs:
            np.testing.assert_array_equal(got, expected)
        else:
            assert got is None


def test_a_constant_border_counts_for_the_weights_alone() -> None:
    x, weight = np.zeros((1, 1, 1)), np.ones((1, 1, 3))
    result = conv_backward(
        np.ones((1, 1, 1)), x, weight, padding=1, padding_mode="constant", padding_value=7.0
    )
    np.testing.assert_array_equal(result.grad_weight, [[[7, 0, 7]]])
    np.testing.assert_array_equal(result.grad_x, [[[1]]])


def test_millions_of_cells_keep_their_precision() -> None:
    """A sum in float32 alone would stop growing at 2²⁴."""
    x = np.ones((1, 1, 1, 1 << 25), np.float32)
    result = conv_backward(x, x, np.ones((1, 1, 1, 1), np.float32), needs=("weight", "bias"))
    assert result.grad_weight is not None
    assert result.grad_bias is not None
    assert result.grad_weight.item() == result.grad_bias.item() == 1 << 25


def test_the_same_bits_every_time() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 400, 300)).astype(np.float32)
    weight = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    grad = rng.standard_normal((1, 8, 400, 300)).astype(np.float32)
    first = conv_backward(grad, x, weight, padding=1, padding_mode="reflect")
    for _ in range(3):
        for one, other in zip(
            first, conv_backward(grad, x, weight, padding=1, padding_mode="reflect"), strict=True
        ):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", ["x", "grad"])
def test_nan_and_infinity_reach_only_what_they_are_in(
    monkeypatch: pytest.MonkeyPatch, way: str, bad: str
) -> None:
    for module, name, value in WAYS[way]:
        monkeypatch.setattr(module, name, value)
    rng = np.random.default_rng(1)
    arguments: dict[str, Any] = {
        "stride": (2, 1),
        "padding": (1, 2),
        "dilation": (1, 2),
        "groups": 2,
        "padding_mode": "reflect",
        "padding_value": 0.0,
        "flip": False,
    }
    job = Job(rng.standard_normal((2, 4, 12, 70)), rng.standard_normal((6, 2, 3, 3)), None, arguments)
    grad = upstream(job)
    spoilt = job.x if bad == "x" else grad
    spoilt[0, 1, 0, 2], spoilt[1, 0, 3, -1] = np.nan, np.inf
    result = conv_backward(grad, job.x, job.weight, **arguments)
    with np.errstate(invalid="ignore"):
        expected = by_loops(job, grad)
    for got, wanted in zip(result, expected, strict=True):
        assert got is not None
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-11)
    assert np.isfinite(result.grad_x).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.bool_])
def test_other_numbers_become_float32(dtype: type) -> None:
    x = np.array([[[1, 0, 1, 1]]]).astype(dtype)
    result = conv_backward(np.array([[[1, 2, 3]]]), x, [[[1, 2]]])
    for got, expected in zip(result, ([[[1, 4, 7, 6]]], [[[4, 5]]], [6]), strict=True):
        assert got is not None
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)


def test_empty_batch() -> None:
    result = conv_backward(np.zeros((0, 4, 5, 6)), np.zeros((0, 2, 5, 6)), np.ones((4, 2, 3, 3)), padding=1)
    assert result.grad_x is not None
    assert result.grad_x.shape == (0, 2, 5, 6)
    np.testing.assert_array_equal(result.grad_weight, np.zeros((4, 2, 3, 3)))
    np.testing.assert_array_equal(result.grad_bias, np.zeros(4))


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
@pytest.mark.parametrize("needs", [("x", "weight", "bias"), ("x",), ("weight",)])
def test_progress_and_cancelling(mode: str, needs: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 300, 400)), rng.standard_normal((4, 3, 3, 3))
    grad = rng.standard_normal((2, 4, 150, 200))
    arguments: dict[str, Any] = {"stride": 2, "padding": 1, "padding_mode": mode, "needs": needs}
    heard: list[float] = []
    conv_backward(grad, x, weight, **arguments, control=Control(heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) >= 4, "too coarse to show progress or to cancel"
    late: list[float] = []

    def listen(fraction: float) -> None:
        late.append(fraction)
        control.cancel()

    control = Control(listen)
    with pytest.raises(Cancelled):
        conv_backward(grad, x, weight, **arguments, control=control)
    assert late[-1] < 0.9
    with pytest.raises(Cancelled):
        conv_backward(grad, x, weight, **arguments, control=control)


@pytest.mark.parametrize("bad", ["x", "grad"])
def test_infinity_in_a_corner_reaches_the_taps_that_touch_it(bad: str) -> None:
    """Depthwise, where rows of the gradient are lined up with those of the input by zeros: 0 · ∞ is NaN."""
    rng = np.random.default_rng(1)
    arguments: dict[str, Any] = {
        "stride": 1,
        "padding": 0,
        "dilation": (1, 2),
        "groups": 3,
        "padding_mode": "zeros",
        "padding_value": 0.0,
        "flip": True,
    }
    job = Job(rng.standard_normal((2, 3, 12, 20)), rng.standard_normal((3, 1, 3, 3)), None, arguments)
    grad = upstream(job)
    spoilt = job.x if bad == "x" else grad
    spoilt[0, 1, 3, -1] = np.inf
    result = conv_backward(grad, job.x, job.weight, **arguments)
    with np.errstate(invalid="ignore"):
        expected = by_loops(job, grad)
    for got, wanted in zip(result, expected, strict=True):
        assert got is not None
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-11)
    assert result.grad_weight is not None
    assert np.isfinite(result.grad_weight[1]).sum() == (6 if bad == "x" else 0)
