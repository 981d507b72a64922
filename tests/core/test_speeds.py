"""What the planner knows of the machine: the same for everybody, whatever ran before."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convstudio.core import conv, plan_conv, planner, small
from convstudio.core import speeds as speeds_module
from convstudio.core.algorithms import flat_passes
from convstudio.core.speeds import USUAL, Speeds, plans_steadily, speeds, steady_plans


def test_all_that_ask_at_once_hear_the_same() -> None:
    speeds_module._found.clear()
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda _: speeds(), range(8)))
    assert all(one is heard[0] for one in heard)


def test_everything_takes_some_time() -> None:
    for name, value in dataclasses.asdict(speeds()).items():
        assert value >= 0, name
        assert value > 0 or name == "row_call", name


def test_blas_is_warm_before_it_is_measured() -> None:
    """Cold it takes up to a half longer; a job that is worth planning runs warm."""
    code = (
        "from convstudio.core import threads, speeds;"
        "speeds.speeds();"
        "assert threads.warm_blas.cache_info().currsize == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("few", [0.09, 0.06])
def test_more_rows_share_the_reading(few: float) -> None:
    made = Speeds(1, 0.2, 0.25, 0.2, 600, 0.09, few, 0.05, 0.8, 1.2)
    costs = [made.product(rows) for rows in (2, 4, 8, 16, 32, 64, 256)]
    assert costs == sorted(costs, reverse=True)
    assert made.product(1) == 0.09
    assert made.product(8) == pytest.approx(few)
    assert made.product(64) == pytest.approx(0.05)


def test_steady_plans_do_not_depend_on_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (planner._choices, small._plans)
    rng = np.random.default_rng(0)
    x = rng.random((1, 1, 90, 100), np.float32)
    weights = [rng.random((1, 1, k, k), np.float32) for k in (3, 5, 9, 15)]
    weights += [np.ones((1, 1, k, k), np.float32) for k in (3, 7, 15)]
    made = []
    for slow in ("tap", "row_product", "few_products", "transform"):
        odd = dataclasses.replace(USUAL, **{name: 50.0 for name in ("tap", "row_product") if name != slow})
        monkeypatch.setattr(speeds_module, "_found", [odd])
        plans = [plan_conv(x.shape, x.dtype, weight).algorithm for weight in weights]  # fills what is kept
        with steady_plans(), steady_plans():
            steady = [plan_conv(x.shape, x.dtype, weight).algorithm for weight in weights]
            made.append([conv(x, weight) for weight in weights])
        assert steady != plans
        assert not plans_steadily()
    for one in kept:  # what odd speeds led to is of no use to other tests
        one.clear()
    for cached in (planner._ranked, flat_passes._program):
        cached.cache_clear()
    for other in made[1:]:
        for one, two in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
