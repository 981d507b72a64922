"""Pooling values and indices against the definition in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convstudio.core import (
    Cancelled,
    Control,
    avg_pool,
    lp_pool,
    max_pool,
    max_pool_backward,
    min_pool,
)
from convstudio.core.pools import sliding, winners
from tests.core.test_conv_arrays import LAYOUTS
from tests.pool_oracles import PoolJob, extremes, pool_jobs, pooled


def close(got: np.ndarray, expected: np.ndarray, job: PoolJob, factor: float = 1.0) -> None:
    size = float(np.abs(np.where(np.isfinite(job.x), job.x, 0)).max(initial=1.0))
    eps = float(np.finfo(got.dtype).eps)
    assert got.dtype == job.x.dtype
    np.testing.assert_allclose(got, expected, rtol=16 * eps * factor, atol=16 * eps * size * factor)


@settings(max_examples=60)
@given(job=pool_jobs())
def test_max_and_min_with_indices(job: PoolJob) -> None:
    for pool, sign in ((max_pool, 1), (min_pool, -1)):
        values, indices = extremes(job, sign)
        got = pool(job.x, **job.arguments, return_indices=True)
        np.testing.assert_array_equal(got.values, values)
        np.testing.assert_array_equal(got.indices, indices)
        assert got.indices.dtype == np.int64
        np.testing.assert_array_equal(pool(job.x, **job.arguments), values)
        assert got.values.dtype == job.x.dtype


@settings(max_examples=40)
@given(job=pool_jobs(), include=st.booleans(), override=st.sampled_from([None, None, 3, -2]))
def test_average(job: PoolJob, include: bool, override: int | None) -> None:
    def mean(values: np.ndarray, padded: int) -> float:
        with np.errstate(invalid="ignore"):
            return float(values.sum() / (override or (padded if include else len(values))))

    got = avg_pool(job.x, **job.arguments, count_include_pad=include, divisor_override=override)
    close(got, pooled(job, mean), job, 10)


@settings(max_examples=40)
@given(job=pool_jobs(kinds=("normal", "few", "nonfinite")), p=st.sampled_from([1, 2, 3, 0.5, 2.5, 4.0]))
def test_norm(job: PoolJob, p: float) -> None:
    job = PoolJob(np.abs(job.x), *job.arguments.values())
    whole = int(np.prod(job.kernel))

    def norm(values: np.ndarray, padded: int) -> float:
        return float((np.power(values, p).sum() * whole / padded) ** (1 / p))

    close(lp_pool(job.x, **job.arguments, p=p), pooled(job, norm), job, 100)


def test_norm_of_negative_values_as_in_pytorch() -> None:
    """(Σ x^p)^(1/p) to the letter: the cubes of −1 and −2 add up to −9, whose power of 1/3 is NaN."""
    x = np.array([[[-1.0, -2.0, 3.0, 1.0]]])
    np.testing.assert_allclose(lp_pool(x, 2, p=3), [[[np.nan, 28 ** (1 / 3)]]])
    np.testing.assert_allclose(lp_pool(x, 2), [[[5**0.5, 10**0.5]]])
    np.testing.assert_allclose(lp_pool(x, 2, p=1), [[[-3.0, 4.0]]])


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=10)
@given(job=pool_jobs(kinds=("normal", "few")))
def test_any_layout_gives_the_same(layout: str, job: PoolJob) -> None:
    x = LAYOUTS[layout](job.x)
    before = x.tobytes()
    got = max_pool(x, **job.arguments, return_indices=True)
    values, indices = extremes(job, 1)
    np.testing.assert_array_equal(got.values, values)
    np.testing.assert_array_equal(got.indices, indices)
    mean = avg_pool(x, **job.arguments)
    np.testing.assert_array_equal(mean, avg_pool(job.x, **job.arguments))
    norm = lp_pool(x, **job.arguments)
    np.testing.assert_array_equal(norm, lp_pool(job.x, **job.arguments))
    for result in (*got, mean, norm):
        assert result.flags.c_contiguous
        assert result.dtype.isnative
    assert x.tobytes() == before


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small jobs in many tiles, on several threads."""
    from convstudio.core import job as job_module

    monkeypatch.setattr(job_module, "TILE_BYTES", 1 << 12)
    for module in (sliding, winners):
        monkeypatch.setattr(module, "_CACHED_BYTES", 1 << 13)
    monkeypatch.setattr(sliding, "WORTH_THREADS", 1)
    monkeypatch.setattr(sliding, "_BAND_BYTES", 1 << 9)


JOBS: list[dict[str, Any]] = [
    {"x": (1, 3, 64, 83), "kernel_size": 3, "stride": 2, "padding": 1},
    {"x": (1, 1, 41, 450), "kernel_size": 5, "stride": 1, "padding": 2},
    {"x": (1, 2, 45, 410), "kernel_size": 2},
    {"x": (1, 1, 30, 411), "kernel_size": (7, 6), "stride": 1, "padding": ((3, 3), (0, 5))},
    {"x": (1, 1, 50, 70), "kernel_size": 3, "stride": (1, 2), "dilation": (2, 3), "padding": "same"},
    {"x": (1, 2, 33, 47), "kernel_size": (33, 47)},
    {"x": (1, 2, 33, 64), "kernel_size": (9, 32), "stride": (4, 32), "ceil_mode": True},
    {"x": (1, 1, 90, 90), "kernel_size": 70, "stride": 5},
    {"x": (1, 2, 3000), "kernel_size": 6, "stride": 3, "padding": 2},
    {"x": (1, 2, 3000), "kernel_size": 2600, "stride": 100},
    {"x": (2, 2, 12, 22, 26), "kernel_size": (3, 2, 3), "stride": (1, 2, 1), "padding": 1},
    {"x": (1, 40, 7, 7), "kernel_size": 3, "stride": 1, "padding": 1},
]


def dense(x: np.ndarray, rest: dict[str, Any], which: str) -> np.ndarray:
    """SciPy's running filter over a padded array, thinned out: for sizes where loops take too long."""
    rank = x.ndim - 2
    job = PoolJob(
        x,
        rest["kernel_size"],
        rest.get("stride"),
        rest.get("padding", 0),
        rest.get("dilation", 1),
        rest.get("ceil_mode", False),
    )
    fill = {"max": -np.inf, "min": np.inf, "sum": 0.0}[which]
    pads = [(p, q + 80) for p, q in job.pads]
    padded = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill)
    shape = [d * (k - 1) + 1 for k, d in zip(job.kernel, job.gaps, strict=True)]
    footprint = np.zeros(shape, bool)
    footprint[tuple(slice(None, None, d) for d in job.gaps)] = True
    origin = tuple(-((n - 1) // 2) if n % 2 else -(n // 2) for n in shape)
    planes = []
    for plane in padded.reshape(-1, *padded.shape[2:]):
        if which == "max":
            made = ndimage.maximum_filter(
                plane, footprint=footprint, mode="constant", origin=origin, cval=fill
            )
        elif which == "min":
            made = ndimage.minimum_filter(
                plane, footprint=footprint, mode="constant", origin=origin, cval=fill
            )
        else:
            made = ndimage.correlate(plane, footprint.astype(float), mode="constant", origin=origin)
        index = tuple(
            slice(0, (length - 1) * s + 1, s) for length, s in zip(job.lengths, job.steps, strict=True)
        )
        planes.append(made[index])
    return np.stack(planes).reshape(*x.shape[:2], *job.lengths[:rank])


@pytest.mark.parametrize("shapes", JOBS, ids=lambda shapes: f"{shapes['x']} {shapes['kernel_size']}")
def test_tiles_do_not_show(tiny_tiles: None, shapes: dict[str, Any]) -> None:
    rest = dict(shapes)
    x = np.random.default_rng(3).standard_normal(rest.pop("x")).astype(np.float32)
    for layout in ("C", "F"):
        laid = np.asarray(x, order=layout)
        for pool, which in ((max_pool, "max"), (min_pool, "min")):
            expected = dense(x, rest, which)
            np.testing.assert_array_equal(pool(laid, **rest), expected)
            got = pool(laid, **rest, return_indices=True)
            np.testing.assert_array_equal(got.values, expected)
            flat = x.reshape(*x.shape[:2], -1)
            found = np.take_along_axis(flat, got.indices.reshape(*x.shape[:2], -1), 2)
            np.testing.assert_array_equal(found.reshape(expected.shape), expected)
        sums = avg_pool(laid, **rest, divisor_override=1)
        np.testing.assert_allclose(sums, dense(x.astype(float), rest, "sum"), rtol=1e-4, atol=2e-3)


def test_nan_in_one_of_many_tiles(tiny_tiles: None) -> None:
    x = np.round(np.random.default_rng(4).standard_normal((2, 3, 60, 90)))
    x[:, :, 17:40:9, 20:80:13] = np.nan
    job = PoolJob(x[:1, :1], 3, 2, 1, 1, False)
    values, indices = extremes(job, 1)
    got = max_pool(x, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(got.values[:1, :1], values)
    np.testing.assert_array_equal(got.indices[:1, :1], indices)


def test_sums_do_not_leak() -> None:
    """A cell that is huge, infinite or NaN shows in the windows that cover it and nowhere else."""
    x = np.ones((1, 1, 40, 400), np.float32)
    for bad in (np.nan, np.inf, 1e30):
        x[0, 0, 20, 200] = bad
        mean = avg_pool(x, 5, 1, 2, count_include_pad=False)
        touched = np.zeros(mean.shape, bool)
        touched[0, 0, 18:23, 198:203] = True
        np.testing.assert_array_equal(mean != 1, touched)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_, np.float16])
def test_other_numbers_become_float32(dtype: type) -> None:
    x = np.random.default_rng(1).integers(0, 2, (1, 2, 8, 9)).astype(dtype)
    for pool in (max_pool, min_pool, avg_pool, lp_pool):
        got = pool(x, 2)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, pool(x.astype(np.float32), 2))


def test_zero_batch() -> None:
    x = np.zeros((0, 2, 6, 8))
    for pool in (max_pool, min_pool, avg_pool, lp_pool):
        heard: list[float] = []
        assert pool(x, 2, control=Control(heard.append)).shape == (0, 2, 3, 4)
        assert heard == [1.0]
    assert max_pool(x, 2, return_indices=True).indices.shape == (0, 2, 3, 4)


@pytest.mark.parametrize("pool", [max_pool, min_pool, avg_pool, lp_pool])
def test_out_and_control(pool: Any) -> None:
    x = np.random.default_rng(5).standard_normal((1, 3, 400, 500)).astype(np.float32)
    expected = pool(x, 3, 2, 1)
    out = np.full(expected.shape, np.nan, np.float32)
    heard: list[float] = []
    assert pool(x, 3, 2, 1, out=out, control=Control(heard.append)) is out
    np.testing.assert_array_equal(out, expected)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) >= 3
    control = Control(lambda _: control.cancel())
    with pytest.raises(Cancelled):
        pool(x, 3, 2, 1, control=control)
    np.testing.assert_array_equal(pool(x, 3, 2, 1), expected)


def test_out_pair() -> None:
    x = np.random.default_rng(5).standard_normal((2, 3, 40, 50)).astype(np.float32)
    expected = max_pool(x, 3, return_indices=True)
    out = np.empty_like(expected.values), np.empty_like(expected.indices)
    got = max_pool(x, 3, return_indices=True, out=out)
    assert got.values is out[0]
    assert got.indices is out[1]
    np.testing.assert_array_equal(got.values, expected.values)
    np.testing.assert_array_equal(got.indices, expected.indices)


def test_classic_examples() -> None:
    x = np.array([[[[3, 1, 4, 2], [5, 2, 7, 1], [9, 13, 1, 8], [6, 2, 15, 3]]]])
    np.testing.assert_array_equal(max_pool(x, 2), [[[[5, 7], [13, 15]]]])
    np.testing.assert_array_equal(max_pool(x, 3, 1), [[[[13, 13], [15, 15]]]])
    np.testing.assert_array_equal(avg_pool(x, 2), [[[[2.75, 3.5], [7.5, 6.75]]]])


def test_means_of_small_integers_are_exact() -> None:
    x = np.full((1, 1, 30, 30), 7.0, np.float32)
    for k in range(1, 12):
        np.testing.assert_array_equal(avg_pool(x, k, 1), 7.0)


def test_a_shift_within_the_slack_keeps_the_maximum() -> None:
    x = np.zeros((1, 1, 12, 12))
    x[0, 0, 4, 4] = 1.0
    pooled_here = max_pool(x, 3)
    np.testing.assert_array_equal(pooled_here, max_pool(np.roll(x, (1, 1), (2, 3)), 3))


def test_two_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    x = np.random.default_rng(7).standard_normal((1, 3, 300, 400)).astype(np.float32)
    jobs = [(k, s) for k in (2, 3, 5) for s in (1, 2)] * 2
    alone = [max_pool(x, k, s) for k, s in jobs]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda job: max_pool(x, *job), jobs))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_in_any_clothes() -> None:
    x = np.arange(24.0).reshape(1, 1, 4, 6)
    expected = max_pool(x, 2)
    for kernel_size in (np.int64(2), [2, 2], (np.int32(2), 2)):
        np.testing.assert_array_equal(max_pool(x, kernel_size), expected)
    np.testing.assert_array_equal(max_pool(x.tolist(), 2), expected)
    assert max_pool_backward(np.ones((1, 1, 2, 3)), x, 2).sum() == 6
