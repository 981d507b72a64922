"""Adaptive pooling and max unpooling against their definitions."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import (
    Control,
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    max_pool,
    max_unpool,
    max_unpool_backward,
)
from convstudio.core.pools import segments
from tests.core.test_conv_arrays import LAYOUTS
from tests.pool_oracles import laid_indices, numeric_gradient, routed, values_of, winner

Case = tuple[np.ndarray, tuple[int | None, ...]]


@st.composite
def cases(draw: st.DrawFn, kinds: tuple[str, ...] = ("normal", "few", "nonfinite", "bottom")) -> Case:
    rank = draw(st.sampled_from((1, 2, 3)))
    spatial = draw(st.tuples(*[st.integers(1, (30, 11, 6)[rank - 1])] * rank))
    sizes = draw(st.tuples(*[st.none() | st.integers(1, (35, 9, 6)[rank - 1])] * rank))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return values_of(rng, (2, draw(st.integers(1, 3)), *spatial), draw(st.sampled_from(kinds))), sizes


def loops(x: np.ndarray, sizes: tuple[int | None, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, maxima and the maxima's indices."""
    spatial = x.shape[2:]
    lengths = [n if size is None else size for n, size in zip(spatial, sizes, strict=True)]
    means, values = np.zeros((*x.shape[:2], *lengths)), np.zeros((*x.shape[:2], *lengths))
    indices = np.zeros(values.shape, np.int64)
    for cell in itertools.product(*map(range, lengths)):
        window = [
            range(math.floor(i * n / o), math.ceil((i + 1) * n / o))
            for i, n, o in zip(cell, spatial, lengths, strict=True)
        ]
        cells = list(itertools.product(*window))
        for n, c in np.ndindex(*x.shape[:2]):
            seen = np.array([x[(n, c, *at)] for at in cells])
            best = winner(seen, 1)
            with np.errstate(invalid="ignore"):
                means[(n, c, *cell)] = seen.mean()
            values[(n, c, *cell)] = seen[best]
            indices[(n, c, *cell)] = np.ravel_multi_index(cells[best], spatial)
    return means, values, indices


@pytest.fixture(params=["as it is", "one by one", "all at once", "searched"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of joining and searching windows, whatever their sizes."""
    if request.param == "one by one":
        monkeypatch.setattr(segments, "_LONG", 0)
        monkeypatch.setattr(segments, "_SEARCHED", 1 << 60)
    if request.param == "all at once":
        monkeypatch.setattr(segments, "_FEW", 0)
        monkeypatch.setattr(segments, "_LONG", 1 << 60)
    if request.param == "searched":
        monkeypatch.setattr(segments, "_SEARCHED", 1)
    return str(request.param)


def test_values_indices_and_routes(way: str) -> None:
    @settings(max_examples=30)
    @given(case=cases())
    def check(case: Case) -> None:
        x, sizes = case
        means, values, indices = loops(x, sizes)
        np.testing.assert_allclose(adaptive_avg_pool(x, sizes), means, rtol=1e-12, atol=1e-12)
        single = adaptive_avg_pool(x.astype(np.float32), sizes)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, means, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(adaptive_max_pool(x, sizes), values)
        got = adaptive_max_pool(x, sizes, return_indices=True)
        np.testing.assert_array_equal(got.values, values)
        np.testing.assert_array_equal(got.indices, indices)
        grad = np.random.default_rng(0).standard_normal(values.shape)
        expected = routed(grad, indices, x.shape)
        for given_indices in (None, indices):
            back = adaptive_max_pool_backward(grad, x, sizes, indices=given_indices)
            np.testing.assert_allclose(back, expected, rtol=1e-12, atol=1e-12)

    check()


@pytest.mark.parametrize("few", [0, 64])
@settings(max_examples=25)
@given(case=cases(kinds=("normal",)))
def test_average_gradient_by_finite_differences(few: int, case: Case) -> None:
    x, sizes = case
    x = x[:1, :1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_FEW", few)
        grad = np.random.default_rng(0).standard_normal(adaptive_avg_pool(x, sizes).shape)
        got = adaptive_avg_pool_backward(grad, x, sizes)
        numeric = numeric_gradient(lambda x: adaptive_avg_pool(x, sizes), x, grad)
    np.testing.assert_allclose(got, numeric, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(3, 4), (7, 6), 1])
def test_any_layout_gives_the_same(layout: str, size: Any) -> None:
    x, lay = np.random.default_rng(1).standard_normal((2, 3, 12, 16)), LAYOUTS[layout]
    pooled = adaptive_max_pool(x, size, True)
    got = adaptive_max_pool(lay(x), size, True)
    np.testing.assert_array_equal(got.values, pooled.values)
    np.testing.assert_array_equal(got.indices, pooled.indices)
    np.testing.assert_array_equal(adaptive_max_pool(lay(x), size), pooled.values)
    np.testing.assert_allclose(adaptive_avg_pool(lay(x), size), adaptive_avg_pool(x, size), rtol=1e-12)
    grad = np.random.default_rng(2).standard_normal(pooled.values.shape)
    for backward in (adaptive_avg_pool_backward, adaptive_max_pool_backward):
        np.testing.assert_allclose(backward(lay(grad), lay(x), size), backward(grad, x, size), rtol=1e-12)


@pytest.mark.parametrize("most", [0, 1 << 12])
def test_many_tiles(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    from convstudio.core import job as job_module

    monkeypatch.setattr(job_module, "TILE_BYTES", 1 << 12)
    monkeypatch.setattr(segments, "_CACHED_BYTES", 1 << 11)
    monkeypatch.setattr(segments, "_BAND_BYTES", 1 << 9)
    monkeypatch.setattr(segments, "_MOST_BYTES", most)
    monkeypatch.setattr(segments, "WORTH_THREADS", 1)
    x = np.round(np.random.default_rng(1).standard_normal((1, 1, 41, 67)), 1)
    x[0, 0, 30, 40] = np.nan
    for sizes in ((7, 7), (40, 66), (50, 3)):
        means, values, indices = loops(x, sizes)
        for laid in (x, np.asfortranarray(x)):
            np.testing.assert_allclose(adaptive_avg_pool(laid, sizes), means, rtol=1e-12, atol=1e-12)
            got = adaptive_max_pool(laid, sizes, True)
            np.testing.assert_array_equal(got.values, values)
            np.testing.assert_array_equal(got.indices, indices)


def test_global_and_unchanged() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 224, 220))
    np.testing.assert_allclose(adaptive_avg_pool(x, 1)[..., 0, 0], x.mean((2, 3)), rtol=1e-10, atol=1e-12)
    pooled = adaptive_max_pool(x, 1, return_indices=True)
    np.testing.assert_array_equal(pooled.indices[..., 0, 0], x.reshape(2, 3, -1).argmax(-1))
    np.testing.assert_array_equal(adaptive_avg_pool(x, None), x)
    np.testing.assert_array_equal(adaptive_max_pool(x, (None, 220)), x)


def test_zero_batch_and_zero_size() -> None:
    heard: list[float] = []
    assert adaptive_avg_pool(np.zeros((0, 2, 7, 8)), 3, control=Control(heard.append)).shape == (0, 2, 3, 3)
    assert heard == [1.0]
    assert adaptive_max_pool(np.zeros((0, 2, 7, 8)), 3, True).indices.shape == (0, 2, 3, 3)
    assert adaptive_avg_pool(np.zeros((1, 2, 7, 8)), (0, 3)).shape == (1, 2, 0, 3)
    assert adaptive_max_pool_backward(np.zeros((0, 2, 3, 3)), np.zeros((0, 2, 7, 8)), 3).shape == (0, 2, 7, 8)
    np.testing.assert_array_equal(
        adaptive_avg_pool_backward(np.zeros((1, 2, 0, 3)), np.ones((1, 2, 7, 8)), (0, 3)),
        np.zeros((1, 2, 7, 8)),
    )
    back = adaptive_max_pool_backward(np.zeros((1, 2, 0, 3)), np.ones((1, 2, 7, 8)), (0, 3))
    np.testing.assert_array_equal(back, np.zeros((1, 2, 7, 8)))


@settings(max_examples=40)
@given(data=st.data())
def test_unpool_puts_maxima_back(data: st.DataObject) -> None:
    rank = data.draw(st.sampled_from((1, 2, 3)))
    kernel = data.draw(st.tuples(*[st.integers(1, 4)] * rank))
    spatial = tuple(k + data.draw(st.integers(0, 8)) for k in kernel)
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    lay = LAYOUTS[layout]
    x = np.random.default_rng(data.draw(st.integers(0, 999))).standard_normal((2, 2, *spatial))
    values, indices = max_pool(x, kernel, None, padding, return_indices=True)
    usual = [(n - 1) * k - 2 * p + k for n, k, p in zip(values.shape[2:], kernel, padding, strict=True)]
    if all(abs(n - u) < k for n, u, k in zip(spatial, usual, kernel, strict=True)):
        places = laid_indices(layout, lay, indices)
        got = max_unpool(lay(values), places, kernel, None, padding, spatial)
        expected = np.where(routed(np.ones(values.shape), indices, x.shape) > 0, x, 0)
        np.testing.assert_array_equal(got, expected)
        grad = np.random.default_rng(1).standard_normal(x.shape)
        back = max_unpool_backward(lay(grad), lay(values), places, kernel, None, padding, spatial)
        numeric = numeric_gradient(
            lambda v: max_unpool(v, indices, kernel, None, padding, spatial), values, grad
        )
        np.testing.assert_allclose(back, numeric, atol=1e-7)


def test_unpool_sizes() -> None:
    x = np.ones((1, 1, 2, 2))
    indices = np.array([[[[0, 3], [8, 15]]]])
    np.testing.assert_array_equal(np.flatnonzero(max_unpool(x, indices, 2)), [0, 3, 8, 15])
    assert max_unpool(x, indices, 2, output_size=(5, 5)).shape == (1, 1, 5, 5)
    assert max_unpool(x, indices.astype(np.int32), 2, output_size=(1, 1, 5, 5)).shape == (1, 1, 5, 5)
    assert max_unpool(x, indices * 0, 3, 1, "same").shape == (1, 1, 2, 2)
    assert max_unpool(x.astype(np.uint8), indices, 2).dtype == np.float32
    assert max_unpool(np.ones((0, 1, 2, 2)), np.ones((0, 1, 2, 2), int), 2).shape == (0, 1, 4, 4)
    back = max_unpool_backward(np.arange(16.0).reshape(1, 1, 4, 4), x, indices, 2)
    np.testing.assert_array_equal(back, indices)


def test_unpool_the_last_of_several_stays() -> None:
    x = np.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(max_unpool(x, np.array([[[4, 1, 4]]]), 2), [[[0, 2, 0, 0, 3, 0]]])
    grad = np.arange(6.0).reshape(1, 1, 6)
    np.testing.assert_array_equal(max_unpool_backward(grad, x, np.array([[[4, 1, 4]]]), 2), [[[4, 1, 4]]])


def test_unpool_of_many_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    from convstudio.core.pools import route

    x = np.random.default_rng(0).standard_normal((2, 30, 8, 8))
    values, indices = max_pool(x, 2, return_indices=True)
    expected = np.where(routed(np.ones(values.shape), indices, x.shape) > 0, x, 0)
    for piece in (1, 5, 100, 1 << 17):
        monkeypatch.setattr(route, "_PIECE", piece)
        np.testing.assert_array_equal(max_unpool(values, indices, 2), expected)
        np.testing.assert_array_equal(max_unpool_backward(expected, values, indices, 2), values)
