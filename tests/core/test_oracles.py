"""The oracles against each other: what the core is held to must itself be right and able to say no."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.oracles import CELLWISE, VALID, allowed_error, assert_agrees, loops_conv, scipy_conv
from tests.strategies import Job, jobs

TINY = jobs(dtypes=(np.float64,), max_channels=1, max_groups=2, batches=(1,)).filter(
    lambda job: job.x.size * job.weight.size <= 4000
)


@settings(deadline=None, max_examples=25)
@given(TINY)
def test_scipy_agrees_with_plain_loops(job: Job) -> None:
    expected = loops_conv(job)
    for oracle in VALID:
        assert_agrees(scipy_conv(job, oracle), expected, allowed_error(job, "taps") + 1e-12, oracle)


@pytest.mark.parametrize("algorithm", ["taps", "fft"])
def test_a_wrong_cell_is_not_allowed(algorithm: str) -> None:
    rng = np.random.default_rng(3)
    job = Job(
        rng.standard_normal((1, 1, 9, 9)).astype(np.float32),
        rng.standard_normal((1, 1, 3, 3)).astype(np.float32),
        None,
        {
            "stride": 1,
            "padding": 1,
            "dilation": 1,
            "groups": 1,
            "padding_mode": "reflect",
            "padding_value": 0.0,
            "flip": False,
        },
    )
    assert (algorithm in CELLWISE) == (algorithm == "taps")
    expected = scipy_conv(job)
    wrong = expected.copy()
    wrong[0, 0, 4, 4] += 1e-3
    assert_agrees(expected, expected, allowed_error(job, algorithm))
    with pytest.raises(AssertionError, match=r"\(0, 0, 4, 4\)"):
        assert_agrees(wrong, expected, allowed_error(job, algorithm))
    wrong[0, 0, 4, 4] = np.nan
    with pytest.raises(AssertionError, match="nan"):
        assert_agrees(wrong, expected, allowed_error(job, algorithm))
