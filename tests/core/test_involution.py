"""Involution against the definition in plain loops, its gradients against differences."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import (
    Cancelled,
    Control,
    GeometryError,
    conv,
    involution,
    involution_backward,
    output_shape,
)
from tests.oracles import numpy_pad, per_axis
from tests.strategies import Job, jobs

ORDINARY = settings(deadline=None, max_examples=50)


@dataclass(frozen=True, eq=False)
class Case:
    """A picture, a kernel for each position and group, and the geometry of a convolution."""

    x: np.ndarray
    kernels: np.ndarray
    arguments: dict[str, Any]
    job: Job

    def __repr__(self) -> str:
        return f"Case(x={self.x.shape} {self.x.dtype}, kernels={self.kernels.shape}, {self.arguments})"


@st.composite
def cases(draw: st.DrawFn, dtypes: tuple[type, ...] = (np.float32, np.float64)) -> Case:
    job = draw(jobs(dtypes=dtypes, max_groups=2, batches=(1, 2)))
    arguments = {k: v for k, v in job.arguments.items() if k not in ("groups", "flip")}
    geometry = {k: arguments[k] for k in ("stride", "padding", "dilation")}
    output = output_shape(job.spatial, job.kernel, **geometry)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kernels = rng.standard_normal((len(job.x), job.arguments["groups"], *job.kernel, *output))
    x = rng.standard_normal(job.x.shape).astype(job.x.dtype)
    if draw(st.booleans()):
        x, kernels = np.asfortranarray(x), np.asfortranarray(kernels)
    return Case(x, kernels.astype(x.dtype), arguments, job)


def by_loops(case: Case) -> np.ndarray:
    """The authors' definition: unfold, multiply by the position's kernel, sum over the taps."""
    x, kernels, a = case.x, case.kernels.astype(np.float64), case.arguments
    rank = x.ndim - 2
    padded = numpy_pad(x.astype(np.float64), case.job.amounts, a["padding_mode"], a["padding_value"])
    stride, dilation = per_axis(a["stride"], rank), per_axis(a["dilation"], rank)
    groups, kernel, output = kernels.shape[1], kernels.shape[2 : 2 + rank], kernels.shape[2 + rank :]
    result = np.zeros((*x.shape[:2], *output))
    for n, c in itertools.product(*map(range, x.shape[:2])):
        for cell in itertools.product(*map(range, output)):
            window = tuple(
                slice(p * s, p * s + d * (k - 1) + 1, d)
                for p, s, d, k in zip(cell, stride, dilation, kernel, strict=True)
            )
            weights = kernels[(n, c * groups // x.shape[1], *[slice(None)] * rank, *cell)]
            result[(n, c, *cell)] = (padded[(n, c, *window)] * weights).sum()
    return result


@ORDINARY
@given(case=cases())
def test_values(case: Case) -> None:
    kept = case.x.copy()
    result = involution(case.x, case.kernels, **case.arguments)
    right = by_loops(case)
    assert result.dtype == case.x.dtype
    assert result.flags.c_contiguous
    assert result.shape == right.shape
    taps = np.prod(case.job.kernel)
    np.testing.assert_allclose(result, right, rtol=0, atol=30 * taps * np.finfo(result.dtype).eps)
    np.testing.assert_array_equal(case.x, kept)


@ORDINARY
@given(case=cases(dtypes=(np.float64,)), seed=st.integers(0, 2**32 - 1))
def test_gradients(case: Case, seed: int) -> None:
    """Involution is linear in each array but for what pads, so that a difference of any size is exact."""
    rng = np.random.default_rng(seed)
    base = involution(case.x, case.kernels, **case.arguments)
    grad = rng.standard_normal(base.shape)
    gradients = involution_backward(grad, case.x, case.kernels, **case.arguments)
    dx, dk = rng.standard_normal(case.x.shape), rng.standard_normal(case.kernels.shape)
    rise = ((involution(case.x + dx, case.kernels, **case.arguments) - base) * grad).sum()
    np.testing.assert_allclose((gradients.grad_x * dx).sum(), rise, rtol=1e-8, atol=1e-8)
    rise = ((involution(case.x, case.kernels + dk, **case.arguments) - base) * grad).sum()
    np.testing.assert_allclose((gradients.grad_kernels * dk).sum(), rise, rtol=1e-8, atol=1e-8)
    assert gradients.grad_x.shape == case.x.shape
    assert gradients.grad_kernels.shape == case.kernels.shape


@ORDINARY
@given(job=jobs(max_groups=1, max_channels=1))
def test_the_same_kernel_everywhere_is_convolution(job: Job) -> None:
    arguments = {k: v for k, v in job.arguments.items() if k not in ("groups", "flip")}
    weight = job.weight[:1]
    convolved = conv(job.x, weight, algorithm="taps", **arguments)
    ones = (1,) * job.rank
    kernels = np.broadcast_to(
        weight[0, 0].reshape(1, 1, *job.kernel, *ones), (len(job.x), 1, *job.kernel, *convolved.shape[2:])
    )
    result = involution(job.x, kernels, **arguments)
    largest = np.abs(weight).sum() * max(np.abs(job.x).max(), abs(arguments["padding_value"]))
    np.testing.assert_allclose(result, convolved, rtol=0, atol=60 * np.finfo(job.x.dtype).eps * largest)


def large() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    x = rng.integers(-3, 4, (2, 6, 210, 190)).astype(np.float32)
    return x, rng.integers(-3, 4, (2, 3, 3, 3, 210, 190)).astype(np.float32)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
def test_many_tiles(mode: str) -> None:
    """Small whole numbers, so that all sums are exact; tiles on both threads, with progress."""
    x, kernels = large()
    padded = numpy_pad(x, ((1, 1), (1, 1)), mode, 0.0)
    right, grad_kernels = np.zeros_like(x), np.zeros_like(kernels)
    grad = np.random.default_rng(5).integers(-3, 4, x.shape).astype(np.float32)
    spread = np.zeros_like(padded)
    for i, j in itertools.product(range(3), range(3)):
        window = padded[:, :, i : i + 210, j : j + 190]
        each = np.repeat(kernels[:, :, i, j], 2, axis=1)
        right += window * each
        grad_kernels[:, :, i, j] = (window * grad).reshape(2, 3, 2, 210, 190).sum(axis=2)
        spread[:, :, i : i + 210, j : j + 190] += grad * each
    heard: list[float] = []
    out = np.empty_like(x)
    keywords: dict[str, Any] = {"padding": 1, "padding_mode": mode}
    assert involution(x, kernels, control=Control(heard.append), out=out, **keywords) is out
    np.testing.assert_array_equal(out, right)
    assert len(heard) > 3
    gradients = involution_backward(grad, x, kernels, control=Control(heard.append), **keywords)
    np.testing.assert_array_equal(gradients.grad_kernels, grad_kernels)
    if mode == "zeros":
        np.testing.assert_array_equal(gradients.grad_x, spread[:, :, 1:-1, 1:-1])
    else:  # the gradient of NumPy's own padding, cell by cell
        shown = numpy_pad(np.arange(210 * 190, dtype=float).reshape(210, 190), ((1, 1), (1, 1)), mode, 0.0)
        expected = np.zeros((2, 6, 210 * 190))
        for n, c in itertools.product(range(2), range(6)):
            np.add.at(expected[n, c], shown.astype(int).ravel(), spread[n, c].ravel())
        np.testing.assert_array_equal(gradients.grad_x, expected.reshape(x.shape))
    assert heard[-1] == 1.0


def test_cancelled() -> None:
    control = Control(lambda _: control.cancel())
    x, kernels = large()
    with pytest.raises(Cancelled):
        involution(x, kernels, padding=1, control=control)
    control = Control(lambda _: control.cancel())
    with pytest.raises(Cancelled):
        involution_backward(x, x, kernels, padding=1, control=control)


def test_bad_pixels_reach_just_their_windows() -> None:
    x = np.ones((1, 2, 9, 9), np.float32)
    x[0, 1, 4, 4], x[0, 0, 0, 0] = np.nan, np.inf
    kernels = np.ones((1, 1, 3, 3, 9, 9), np.float32)
    result = involution(x, kernels, padding=1)
    seen = np.zeros((2, 9, 9), bool)
    seen[1, 3:6, 3:6] = seen[0, :2, :2] = True
    np.testing.assert_array_equal(~np.isfinite(result[0]), seen)


def test_an_empty_batch() -> None:
    heard: list[float] = []
    result = involution(np.zeros((0, 4, 5)), np.zeros((0, 2, 3, 3)), control=Control(heard.append))
    assert result.shape == (0, 4, 3)
    assert heard == [1.0]
    gradients = involution_backward(result, np.zeros((0, 4, 5)), np.zeros((0, 2, 3, 3)))
    assert gradients.grad_x.shape == (0, 4, 5)


def test_working_memory_is_bounded() -> None:
    """What is allocated beyond arguments and results; NumPy tells tracemalloc of its buffers."""
    x = np.ones((1, 4, 1000, 1000), np.float32)
    kernels = np.ones((1, 1, 3, 3, 1000, 1000), np.float32)
    out = np.empty_like(x)
    tracemalloc.start()
    involution(x, kernels, padding=1, padding_mode="reflect", out=out)
    peak = tracemalloc.get_traced_memory()[1]
    assert peak < 8 << 20
    tracemalloc.reset_peak()
    involution_backward(out, x, kernels, padding=1, padding_mode="reflect")
    peak = tracemalloc.get_traced_memory()[1] - x.nbytes - kernels.nbytes
    tracemalloc.stop()
    assert peak < 16 << 20


GOOD: dict[str, Any] = {"x": np.zeros((2, 4, 6, 7)), "kernels": np.zeros((2, 2, 3, 3, 4, 5))}
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x without axes": ({"x": np.zeros((6, 7))}, ["x", "(6, 7)"]),
    "x complex": ({"x": np.zeros((2, 4, 6, 7), complex)}, ["x", "complex128"]),
    "x without cells": ({"x": np.zeros((2, 4, 0, 7))}, ["x", "(2, 4, 0, 7)"]),
    "kernels of another rank": ({"kernels": np.zeros((2, 2, 9, 4, 5))}, ["6 axes", "(2, 2, 9, 4, 5)"]),
    "kernels empty": ({"kernels": np.zeros((2, 0, 3, 3, 4, 5))}, ["kernels", "empty"]),
    "kernels for other examples": ({"kernels": np.zeros((1, 2, 3, 3, 4, 5))}, ["kernels", "2 examples", "1"]),
    "groups not dividing": ({"kernels": np.zeros((2, 3, 3, 3, 4, 5))}, ["groups", "4 channels", "3"]),
    "kernels for other positions": ({"padding": 1}, ["kernels", "(6, 7)", "(4, 5)"]),
    "kernel too wide": ({"kernels": np.zeros((2, 2, 3, 9, 4, 5))}, ["kernel spans 9 px", "7 px wide"]),
    "stride zero": ({"stride": 0}, ["stride", "0"]),
    "dilation a fraction": ({"dilation": 1.5}, ["dilation", "1.5"]),
    "padding unknown": ({"padding": "some"}, ["padding", "'some'"]),
    "mode unknown": ({"padding_mode": "wrap"}, ["padding_mode", "'wrap'"]),
    "mode too short": ({"padding": 6, "padding_mode": "reflect", "kernels": np.zeros((2, 2, 3, 3, 16, 17))},
                       ["padding", "at most 5", "6"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str) -> None:
    arguments, words = WRONG[name]
    for call in (involution, lambda **a: involution_backward(np.zeros((2, 4, 4, 5)), **a)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(**{**GOOD, **arguments})
        for word in words:
            assert word in str(caught.value)


def test_wrong_gradient_and_out_are_named() -> None:
    with pytest.raises(GeometryError, match=r"grad must have the shape of the output"):
        involution_backward(np.zeros((2, 4, 4, 4)), **GOOD)
    with pytest.raises(ValueError, match=r"out must have shape \(2, 4, 4, 5\)"):
        involution(**GOOD, out=np.zeros((2, 4, 5, 4)))
