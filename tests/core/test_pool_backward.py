"""Gradients of pooling: maxima against loops that route them, means and norms against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import (
    Cancelled,
    Control,
    avg_pool,
    avg_pool_backward,
    lp_pool,
    lp_pool_backward,
    max_pool,
    max_pool_backward,
    min_pool,
    min_pool_backward,
)
from convstudio.core import pooling_backward as backward_module
from convstudio.core.pools import route, search, spread, winners
from tests.core.test_conv_arrays import LAYOUTS
from tests.pool_oracles import PoolJob, extremes, laid_indices, numeric_gradient, pool_jobs, routed

SMALL = (12, 5, 3)


def upstream(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@settings(max_examples=50)
@given(job=pool_jobs(dtypes=(np.float64,)))
def test_extremes_route_to_the_winner(job: PoolJob) -> None:
    for backward, sign in ((max_pool_backward, 1), (min_pool_backward, -1)):
        values, indices = extremes(job, sign)
        grad = upstream(values.shape)
        expected = routed(grad, indices, job.x.shape)
        got = backward(grad, job.x, **job.arguments)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
        given_indices = backward(grad, job.x, **job.arguments, return_indices=True, indices=indices)
        np.testing.assert_allclose(given_indices, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=30)
@given(job=pool_jobs(dtypes=(np.float64,), kinds=("normal",), longest=SMALL))
def test_extremes_by_finite_differences(job: PoolJob) -> None:
    for pool, backward in ((max_pool, max_pool_backward), (min_pool, min_pool_backward)):
        grad = upstream(pool(job.x, **job.arguments).shape)
        numeric = numeric_gradient(lambda x, pool=pool: pool(x, **job.arguments), job.x, grad)  # type: ignore[misc]
        np.testing.assert_allclose(backward(grad, job.x, **job.arguments), numeric, atol=1e-6)


@settings(max_examples=40)
@given(
    job=pool_jobs(dtypes=(np.float64,), kinds=("normal",), longest=SMALL),
    include=st.booleans(),
    override=st.sampled_from([None, None, 3, -2]),
)
def test_average_by_finite_differences(job: PoolJob, include: bool, override: int | None) -> None:
    rest = {**job.arguments, "count_include_pad": include, "divisor_override": override}
    grad = upstream(avg_pool(job.x, **rest).shape)
    numeric = numeric_gradient(lambda x: avg_pool(x, **rest), job.x, grad)
    np.testing.assert_allclose(avg_pool_backward(grad, job.x, **rest), numeric, atol=1e-6)


@settings(max_examples=30)
@given(
    job=pool_jobs(dtypes=(np.float64,), kinds=("normal",), longest=SMALL),
    p=st.sampled_from([1.0, 2, 3, 0.5, 4.0]),
    kept=st.booleans(),
)
def test_norm_by_finite_differences(job: PoolJob, p: float, kept: bool) -> None:
    x = np.abs(job.x) + 0.2
    grad = upstream(lp_pool(x, **job.arguments, p=p).shape)
    numeric = numeric_gradient(lambda x: lp_pool(x, **job.arguments, p=p), x, grad)
    with pytest.MonkeyPatch.context() as patch:
        if not kept:
            patch.setattr(backward_module, "_KEPT_SUMS", 0)
        got = lp_pool_backward(grad, x, **job.arguments, p=p)
    np.testing.assert_allclose(got, numeric, rtol=1e-5, atol=1e-5)


def test_norm_is_flat_where_it_is_zero() -> None:
    """As PyTorch: no direction is better than another, and no division by zero."""
    for p in (1, 2, 3):
        x = np.array([[[0.0, 0.0, 1.0, -1.0, 2.0, 0.0]]])
        got = lp_pool_backward(np.ones((1, 1, 3)), x, 2, p=p)
        np.testing.assert_array_equal(got[0, 0, :2], 0.0)
        if p != 2:  # the powers of 1 and −1 add up to 0
            np.testing.assert_array_equal(got[0, 0, 2:4], 0.0)
        assert got[0, 0, 4] == pytest.approx(1.0)


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstudio.core import job as job_module

    monkeypatch.setattr(job_module, "TILE_BYTES", 1 << 12)
    monkeypatch.setattr(winners, "_CACHED_BYTES", 1 << 11)
    monkeypatch.setattr(spread, "_CACHED_BYTES", 1 << 11)
    monkeypatch.setattr(search, "_BAND_CELLS", 1 << 6)
    monkeypatch.setattr(search, "_TILE_BYTES", 1 << 10)
    monkeypatch.setattr(route, "_PIECE", 1 << 6)
    for module in (route, spread):
        monkeypatch.setattr(module, "WORTH_THREADS", 1)


JOBS: list[dict[str, Any]] = [
    {"x": (1, 3, 40, 53), "kernel_size": 3, "stride": 2, "padding": 1},
    {"x": (2, 2, 31, 60), "kernel_size": 7, "stride": 1, "padding": 3},
    {"x": (1, 2, 45, 41), "kernel_size": 2},
    {"x": (1, 2, 25, 41), "kernel_size": (6, 2), "stride": (9, 3), "padding": ((3, 3), (0, 1))},
    {"x": (1, 1, 30, 40), "kernel_size": 3, "stride": (1, 4), "dilation": (2, 3), "padding": "same"},
    {"x": (1, 2, 66, 64), "kernel_size": (66, 64)},
    {"x": (1, 1, 700), "kernel_size": 600, "stride": 20},
    {"x": (2, 2, 7, 9, 11), "kernel_size": (3, 2, 3), "stride": (1, 2, 1), "padding": 1},
    {"x": (2, 20, 7, 7), "kernel_size": 3, "stride": 1, "padding": 1},
]


@pytest.mark.parametrize("large", [1, 4096])
@pytest.mark.parametrize("shapes", JOBS, ids=lambda shapes: f"{shapes['x']} {shapes['kernel_size']}")
def test_tiles_do_not_show(
    tiny_tiles: None, monkeypatch: pytest.MonkeyPatch, shapes: dict[str, Any], large: int
) -> None:
    """Pooling and its gradient are adjoint: for sums ⟨pool(x), g⟩ = ⟨x, backward(g)⟩ whatever the tiles."""
    monkeypatch.setattr(winners, "LARGE", large)
    rest = dict(shapes)
    x = np.round(np.random.default_rng(3).standard_normal(rest.pop("x")), 1)
    if large == 1 and x.size > 5000:
        x = x[:1, :1]
    x[0, 0, ..., 3] = np.nan
    got = max_pool(x, **rest, return_indices=True)
    grad = upstream(got.values.shape)
    expected = routed(grad, got.indices, x.shape)
    np.testing.assert_allclose(max_pool_backward(grad, x, **rest), expected, rtol=1e-12, atol=1e-12)
    again = max_pool_backward(grad, x, **rest, indices=got.indices)
    np.testing.assert_allclose(again, expected, rtol=1e-12, atol=1e-12)
    x = upstream(x.shape, 1)
    spread_out = avg_pool_backward(grad, x, **rest)
    assert (spread_out * x).sum() == pytest.approx((grad * avg_pool(x, **rest)).sum(), rel=1e-9)
    one = np.zeros(grad.shape)
    one[(0,) * grad.ndim] = 1.0
    sums = avg_pool_backward(one, x, **rest, divisor_override=1)
    assert set(np.unique(sums)) <= {0.0, 1.0}
    squared = lp_pool_backward(grad, x, **rest)
    assert (squared * x).sum() == pytest.approx((grad * lp_pool(x, **rest)).sum(), rel=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same(layout: str) -> None:
    x, lay = upstream((2, 3, 12, 16)).astype(np.float32), LAYOUTS[layout]
    pooled = max_pool(x, 3, 2, 1, return_indices=True)
    grad = upstream(pooled.values.shape).astype(np.float32)
    for backward in (max_pool_backward, min_pool_backward, avg_pool_backward, lp_pool_backward):
        expected = backward(grad, x, 3, 2, 1)
        got = backward(lay(grad), lay(x), 3, 2, 1)
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
        assert got.flags.c_contiguous
        assert got.dtype == np.float32
    got = max_pool_backward(lay(grad), lay(x), 3, 2, 1, indices=laid_indices(layout, lay, pooled.indices))
    np.testing.assert_allclose(got, max_pool_backward(grad, x, 3, 2, 1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "backward", [max_pool_backward, min_pool_backward, avg_pool_backward, lp_pool_backward]
)
def test_zero_batch_integers_out_and_control(backward: Any) -> None:
    assert backward(np.zeros((0, 2, 3, 4)), np.zeros((0, 2, 6, 8)), 2).shape == (0, 2, 6, 8)
    x = np.random.default_rng(2).integers(1, 255, (1, 3, 300, 300)).astype(np.uint8)
    grad = np.ones((1, 3, 150, 150))
    expected = backward(grad, x, 2)
    assert expected.dtype == np.float32
    out = np.full(x.shape, np.nan, np.float32)
    heard: list[float] = []
    assert backward(grad, x, 2, out=out, control=Control(heard.append)) is out
    np.testing.assert_array_equal(out, expected)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        backward(grad, x, 2, control=control)
