"""Numbers and histograms of feature maps, against NumPy in float64 on whole channels."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control
from convstudio.engine import channel_statistics as module
from convstudio.engine.channel_statistics import (
    channel_statistics,
    clipped_counts,
    histograms,
    order,
    value_ranges,
)
from convstudio.engine.display import usual_limit

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of few rows, so that small arrays are cut up and joined as large ones are."""
    monkeypatch.setattr(module, "CHUNK", 128)


def maps(
    shape: tuple[int, int, int], seed: int, dtype: type = np.float32, spoilt: bool = False
) -> np.ndarray:
    """Return maps of different sizes and offsets, many cells exactly 0, some of them not finite."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-3, 3, (shape[0], 1, 1))
    values = rng.standard_normal(shape) * scale + rng.choice([0.0, 30.0]) * scale
    values[rng.random(shape) < 0.3] = 0.0
    if spoilt:
        values[rng.random(shape) < 0.1] = np.nan
        values[rng.random(shape) < 0.1] = -np.inf
    return values.astype(dtype)


@settings(max_examples=60)
@given(
    shape=SHAPES,
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.float32, np.float64]),
    spoilt=st.booleans(),
)
def test_statistics_are_those_of_the_finite_values(
    shape: tuple[int, int, int], seed: int, dtype: type, spoilt: bool
) -> None:
    values = maps(shape, seed, dtype, spoilt)
    stats = channel_statistics(values)
    for c, plane in enumerate(values):
        finite = plane[np.isfinite(plane)].astype(np.float64)
        assert stats.nonfinite[c] == plane.size - finite.size
        assert stats.zeros[c] == np.mean(plane == 0)
        numbers = [stats.low[c], stats.high[c], stats.mean[c], stats.deviation[c], stats.energy[c]]
        if not finite.size:
            assert np.isnan(numbers).all()
            continue
        assert numbers[:2] == [finite.min(), finite.max()]
        size = float(np.abs(finite).max())
        assert stats.mean[c] == pytest.approx(finite.mean(), rel=1e-6, abs=1e-6 * size)
        assert stats.deviation[c] == pytest.approx(finite.std(), rel=1e-5, abs=1e-6 * size)
        assert stats.energy[c] == pytest.approx(np.mean(finite**2), rel=1e-5)
        assert stats.usual[c] == usual_limit(plane[None])
    assert stats.usual_of_all == usual_limit(values)
    assert stats.cells == shape[1] * shape[2]


def test_a_small_deviation_about_a_large_mean_keeps_its_digits() -> None:
    rng = np.random.default_rng(0)
    values = (1000.0 + 0.01 * rng.standard_normal((1, 200, 100))).astype(np.float32)
    stats = channel_statistics(values)
    assert stats.deviation[0] == pytest.approx(values.astype(np.float64).std(), rel=1e-4)


@pytest.mark.parametrize("size", [1e-30, 1e25, 3e38])
def test_squares_that_float32_cannot_hold(size: float) -> None:
    values = np.full((1, 9, 9), size, np.float32)
    values[0, 0] = -size
    stats = channel_statistics(values)
    expected = values[0].astype(np.float64)
    assert stats.energy[0] == pytest.approx(np.mean(expected**2), rel=1e-6)
    assert stats.deviation[0] == pytest.approx(expected.std(), rel=1e-6)


def test_a_view_that_is_not_contiguous_has_the_same_numbers() -> None:
    values = maps((4, 30, 50), 3)
    turned = np.ascontiguousarray(values.swapaxes(1, 2)).swapaxes(1, 2)
    for name in ("low", "high", "zeros"):
        assert np.array_equal(
            getattr(channel_statistics(turned), name), getattr(channel_statistics(values), name)
        )
    ranges = value_ranges(channel_statistics(values), shared=True)
    assert np.array_equal(histograms(turned, ranges).counts, histograms(values, ranges).counts)


# --- sorting ---


def test_channels_are_sorted_by_what_is_asked_for() -> None:
    values = np.zeros((4, 2, 2), np.float32)
    values[0] = 1.0
    values[1] = [[-3.0, 0.0], [-3.0, -3.0]]
    values[2] = np.nan
    values[3] = [[0.0, 0.0], [2.0, 2.0]]
    stats = channel_statistics(values)
    assert order(stats, "index") == (0, 1, 2, 3)
    assert order(stats, "energy") == (1, 3, 0, 2)
    assert order(stats, "mean") == (0, 3, 1, 2)  # equal ones as they come
    assert order(stats, "zeros") == (3, 1, 0, 2)
    with pytest.raises(ValueError, match=r"one of index, energy, mean, zeros, got 'size'"):
        order(stats, "size")


# --- clipping ---


@given(shape=SHAPES, seed=st.integers(0, 99), spoilt=st.booleans(), known=st.booleans())
def test_clipped_values_are_counted_at_either_end(
    shape: tuple[int, int, int], seed: int, spoilt: bool, known: bool
) -> None:
    values = maps(shape, seed, spoilt=spoilt)
    ranges = np.tile([-0.5, 0.25], (shape[0], 1))
    counts = clipped_counts(values, ranges, stats=channel_statistics(values) if known else None)
    finite = np.isfinite(values)
    assert np.array_equal(counts[:, 0], ((values < -0.5) & finite).sum(axis=(1, 2)))
    assert np.array_equal(counts[:, 1], ((values > 0.25) & finite).sum(axis=(1, 2)))


# --- histograms ---


@given(
    shape=SHAPES,
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.float32, np.float64]),
    spoilt=st.booleans(),
    bins=st.sampled_from([1, 2, 7, 64, 256]),
)
def test_histograms_agree_with_numpy(
    shape: tuple[int, int, int], seed: int, dtype: type, spoilt: bool, bins: int
) -> None:
    """On values in the middle of bins and on the two ends, where rounding cannot move them over."""
    rng = np.random.default_rng(seed)
    values = (rng.integers(-3, bins + 3, shape) + 0.5).astype(dtype)
    values[rng.random(shape) < 0.1] = 0.0
    values[rng.random(shape) < 0.1] = bins
    if spoilt:
        values[rng.random(shape) < 0.1] = np.nan
        values[rng.random(shape) < 0.1] = np.inf
    found = histograms(values, np.array([0.0, bins]), bins=bins)
    finite = np.isfinite(values)
    for c, plane in enumerate(values):
        expected, _ = np.histogram(plane[finite[c]], bins, (0, bins))
        assert np.array_equal(found.counts[c], expected)
    assert np.array_equal(found.below, ((values < 0) & finite).sum(axis=(1, 2)))
    assert np.array_equal(found.above, ((values > bins) & finite).sum(axis=(1, 2)))
    assert np.array_equal(found.nonfinite, (~finite).sum(axis=(1, 2)))


def test_individual_ranges_hold_every_value() -> None:
    values = maps((5, 33, 47), 8)
    stats = channel_statistics(values)
    own = histograms(values, value_ranges(stats, shared=False))
    assert not own.below.any()
    assert not own.above.any()
    assert (own.counts.sum(axis=1) == 33 * 47).all()
    assert (own.counts[:, 0] > 0).all()
    assert (own.counts[:, -1] > 0).all()
    shared = value_ranges(stats, shared=True)
    assert np.array_equal(shared, np.tile([values.min(), values.max()], (5, 1)))


def test_a_flat_channel_fills_the_middle_bin() -> None:
    values = np.full((1, 5, 5), 7.0, np.float32)
    found = histograms(values, value_ranges(channel_statistics(values), shared=False))
    assert found.counts[0, 32] == 25


def test_the_whole_range_of_float64_has_bins() -> None:
    most = np.finfo(np.float64).max
    values = np.array([[[-most, most, 0.0]]])
    found = histograms(values, value_ranges(channel_statistics(values), shared=False), bins=4)
    assert found.counts.tolist() == [[1, 0, 1, 1]]


def test_a_channel_without_a_number_has_an_empty_histogram() -> None:
    values = np.full((2, 4, 4), np.nan, np.float32)
    values[1] = 2.0
    stats = channel_statistics(values)
    found = histograms(values, value_ranges(stats, shared=False))
    assert found.counts.sum(axis=1).tolist() == [0, 16]
    assert found.nonfinite.tolist() == [16, 0]


@pytest.mark.parametrize(
    ("ranges", "bins", "message"),
    [
        (np.array([1.0, 0.0]), 64, "low end"),
        (np.array([0.0, math.inf]), 64, "low end"),
        (np.array([0.0, 1.0]), 0, "bins must be from 1 to 256, got 0"),
    ],
)
def test_ranges_that_make_no_sense(ranges: np.ndarray, bins: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        histograms(np.zeros((1, 2, 2), np.float32), ranges, bins=bins)


# --- manners ---


@pytest.mark.parametrize("values", [np.zeros((2, 3)), np.zeros((1, 2, 2), np.int32), np.zeros((0, 2, 2))])
def test_other_arrays_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"values must be float32 or float64 \(C, H, W\)"):
        channel_statistics(values)


def test_a_cancelled_control_stops_the_work() -> None:
    control = Control()
    control.cancel()
    values = np.zeros((2, 50, 50), np.float32)
    for ask in (
        lambda: channel_statistics(values, control),
        lambda: histograms(values, np.array([0.0, 1.0]), control),
        lambda: clipped_counts(values, np.tile([0.0, 1.0], (2, 1)), control),
    ):
        with pytest.raises(Cancelled):
            ask()


def test_memory_is_bounded_by_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 1 << 14)
    values = np.ones((16, 512, 512), np.float32)
    channel_statistics(values[:1])  # makes the threads
    tracemalloc.start()
    try:
        stats = channel_statistics(values)
        histograms(values, value_ranges(stats, shared=True))
        assert tracemalloc.get_traced_memory()[1] < values.nbytes / 4
    finally:
        tracemalloc.stop()
