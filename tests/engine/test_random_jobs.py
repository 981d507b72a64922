"""The run of random jobs behind ``convstudio prove``."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.core import ALGORITHMS, Cancelled, Control
from convstudio.engine import random_jobs as module
from convstudio.engine.random_jobs import RandomJob, prove, random_jobs


def test_the_core_agrees_with_scipy() -> None:
    run = prove(60, seed=11)
    assert run.ok, [failure.job for failure in run.failures]
    assert len(run.results) == 60
    assert run.worst.proof.max_error == max(result.proof.max_error for result in run.results)
    assert 0 < run.worst.proof.max_error < 1e-3
    assert run.cells == sum(result.proof.cells for result in run.results)
    assert {row.algorithm for row in run.table} == {"auto", *ALGORITHMS}
    assert sum(row.jobs for row in run.table) == 60
    assert all(row.max_share <= 1 and row.failures == 0 for row in run.table)


def test_the_seed_decides_the_jobs() -> None:
    one, other = list(random_jobs(12, 5)), list(random_jobs(12, 5))
    assert [str(job) for job in one] == [str(job) for job in other]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.geometry.x, b.geometry.x)
    assert [str(job) for job in random_jobs(12, 6)] != [str(job) for job in one]
    assert str(next(random_jobs(1, 5))) == str(one[0]), "a job does not depend on how many follow"


def test_the_jobs_are_varied() -> None:
    jobs = list(random_jobs(150, 2))
    assert {job.geometry.x.ndim - 1 for job in jobs} == {1, 2, 3}
    assert {str(job.geometry.x.dtype) for job in jobs} == {"float32", "float64"}
    assert len({job.geometry.padding_mode for job in jobs}) == 6
    assert {job.padding for job in jobs if isinstance(job.padding, str)} == {
        "valid",
        "same",
        "same_lower",
        "full",
    }
    assert any(max(job.geometry.stride) > 1 for job in jobs)
    assert any(max(job.geometry.dilation) > 1 for job in jobs)
    assert {job.geometry.flip for job in jobs} == {True, False}
    assert {job.geometry.bias is None for job in jobs} == {True, False}


def test_a_wrong_core_is_caught_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RandomJob.compute

    def wrong(self: RandomJob) -> np.ndarray:
        result = right(self)
        if self.number == 3:
            result[0] += 0.01
        return result

    monkeypatch.setattr(module.RandomJob, "compute", wrong)
    run = prove(4, seed=1)
    assert not run.ok
    assert [failure.job for failure in run.failures] == [run.worst.job]
    assert run.worst.job.startswith("job 3:")
    assert run.worst.share > 1
    assert sum(row.failures for row in run.table) == 1


def test_progress_and_cancelling() -> None:
    heard: list[tuple[int, int]] = []
    prove(3, on_job=lambda done, count: heard.append((done, count)))
    assert heard == [(1, 3), (2, 3), (3, 3)]
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        prove(3, control=control)
    with pytest.raises(ValueError, match="0"):
        prove(0)
