"""Small convolutions remember what follows from the shapes: the second call is as right as the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, conv, plan_conv, small
from tests.oracles import allowed_error, assert_agrees, scipy_conv
from tests.strategies import Job, jobs


@settings(deadline=None, max_examples=150)
@given(job=jobs(), seed=st.integers(0, 999))
def test_the_second_call_agrees_with_scipy(job: Job, seed: int) -> None:
    rng = np.random.default_rng(seed)
    other = Job(
        rng.standard_normal(job.x.shape).astype(job.x.dtype),
        rng.standard_normal(job.weight.shape).astype(job.weight.dtype),
        None if job.bias is None else rng.standard_normal(job.bias.shape).astype(job.bias.dtype),
        job.arguments,
    )
    conv(job.x, job.weight, job.bias, **job.arguments)
    result = conv(other.x, other.weight, other.bias, **other.arguments)
    assert_agrees(result, scipy_conv(other), allowed_error(other, "gemm"), repr(other))


@settings(deadline=None, max_examples=60)
@given(job=jobs())
def test_equal_calls_give_equal_bits(job: Job) -> None:
    first = conv(job.x, job.weight, job.bias, **job.arguments)
    out = np.full_like(first, 7)
    assert conv(job.x, job.weight, job.bias, out=out, **job.arguments) is out
    np.testing.assert_array_equal(out, first)


@settings(deadline=None, max_examples=60)
@given(job=jobs())
def test_a_listener_changes_no_bit(job: Job) -> None:
    alone = conv(job.x, job.weight, job.bias, **job.arguments)
    heard: list[float] = []
    np.testing.assert_array_equal(
        conv(job.x, job.weight, job.bias, control=Control(heard.append), **job.arguments), alone
    )
    assert heard
    assert heard[-1] == 1
    gone = Control()
    gone.cancel()
    with pytest.raises(Cancelled):
        conv(job.x, job.weight, job.bias, control=gone, **job.arguments)


def test_a_small_job_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "_plans", {})
    x, weight = np.ones((1, 1, 28, 28), np.float32), np.ones((1, 1, 3, 3), np.float32)
    assert plan_conv(x.shape, x.dtype, weight, padding=1).algorithm == "gemm"
    conv(x, weight, padding=1)
    assert len(small._plans) == 1
    conv(2 * x, weight, padding=1)
    assert len(small._plans) == 1


def test_a_large_job_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "_plans", {})
    conv(np.ones((1, 1, 600, 600), np.float32), np.ones((1, 1, 3, 3), np.float32))
    assert not small._plans


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stride": True}, ["stride", "True"]),
        ({"padding": True}, ["padding", "True"]),
        ({"groups": True}, ["groups", "True"]),
        ({"dilation": 1.0}, ["dilation", "1.0"]),
        ({"bias": np.ones(2, np.float32)}, ["bias", "(2,)"]),
        ({"bias": np.ones((1, 1), np.float32)}, ["bias", "(1, 1)"]),
        ({"padding_mode": "Zeros"}, ["padding_mode", "'Zeros'"]),
        ({"padding_value": "0"}, ["padding_value", "'0'"]),
        ({"out": np.ones((1, 1, 5, 6), np.float32)}, ["out", "(1, 1, 5, 6)"]),
        ({"out": np.ones((1, 1, 5, 5))}, ["out", "float64"]),
    ],
)
def test_a_wrong_call_after_a_right_one_is_still_refused(change: dict[str, Any], words: list[str]) -> None:
    right: dict[str, Any] = {
        "x": np.ones((1, 1, 5, 5), np.float32),
        "weight": np.ones((1, 1, 3, 3), np.float32),
        "bias": np.ones(1, np.float32),
        "padding": 1,
    }
    conv(**right)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        conv(**{**right, **change})
    for word in words:
        assert word in str(caught.value)


def test_an_overlapping_out_is_refused_by_the_second_call_too() -> None:
    x, weight = np.ones((1, 1, 6, 6), np.float32), np.ones((1, 1, 3, 3), np.float32)
    conv(x, weight, padding=1)
    with pytest.raises(ValueError, match="out"):
        conv(x, weight, padding=1, out=x)


def test_numbers_that_are_not_finite_stay_in_their_windows() -> None:
    x, weight = np.zeros((1, 1, 9, 9), np.float32), np.ones((1, 1, 3, 3), np.float32)
    conv(x, weight)
    x[0, 0, 4, 4] = np.nan
    result = conv(x, weight)
    expected = np.zeros((7, 7), bool)
    expected[2:5, 2:5] = True
    np.testing.assert_array_equal(np.isnan(result[0, 0]), expected)
