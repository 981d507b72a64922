"""`winograd`, `depthwise` and `gemm` at their own work: matrices, rounding, tiles, what they hand over."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import conv, plan_conv
from convstudio.core.algorithms import depthwise, gemm, winograd
from convstudio.core.checks import checked_job
from convstudio.core.job import tiles_of, whole
from tests.oracles import allowed_error, assert_agrees, scipy_conv
from tests.strategies import Job

FLOAT64 = np.dtype(np.float64)


def make_job(shape: tuple[int, ...], weight_shape: tuple[int, ...], **arguments: Any) -> Job:
    rng = np.random.default_rng(sum(shape) + sum(weight_shape))
    plain: dict[str, Any] = {
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "padding_mode": "zeros",
        "padding_value": 0.0,
        "flip": False,
    }
    x = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal(weight_shape).astype(np.float32)
    return Job(x, weight, None, plain | arguments)


def check(job: Job, algorithm: str) -> None:
    result = conv(job.x, job.weight, algorithm=algorithm, **job.arguments)
    assert_agrees(result, scipy_conv(job), allowed_error(job, algorithm), f"{algorithm}, {job}")


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "_TILE_BYTES", 24 << 10)
    monkeypatch.setattr(gemm, "_WORTH_CUTTING", 1)
    monkeypatch.setattr(winograd, "_TILE_BYTES", 48 << 10)
    monkeypatch.setattr(depthwise, "_TILE_BYTES", 8 << 10)


# Winograd's matrices


@pytest.mark.parametrize("taps", [2, 3, 4, 5])
def test_six_products_are_the_correlation(taps: int) -> None:
    """Of whole numbers, up to the rounding of the thirds and fifteenths in the kernel's matrix."""
    to_rows, to_kernel, to_patch = winograd.matrices(taps, FLOAT64)
    outputs = winograd.PATCH - taps + 1
    assert to_rows.shape == (outputs, 6)
    assert to_kernel.shape == (6, taps)
    assert to_patch.shape == (6, 6)
    rng = np.random.default_rng(taps)
    kernel = rng.integers(-9, 10, taps)
    patch = rng.integers(-9, 10, 6)
    products = (to_kernel @ kernel) * (to_patch @ patch)
    expected = [int(kernel @ patch[first : first + taps]) for first in range(outputs)]
    np.testing.assert_allclose(to_rows @ products, expected, rtol=0, atol=1e-12)


def test_the_input_and_output_matrices_are_exact_in_float32() -> None:
    """Halves and powers of two: transforms add rounding of their sums only."""
    for taps in (2, 3, 4, 5):
        exact, single = winograd.matrices(taps, FLOAT64), winograd.matrices(taps, np.dtype(np.float32))
        for index in (0, 2):
            np.testing.assert_array_equal(exact[index], single[index])
            assert all(Fraction(float(value)).denominator <= 16 for value in exact[index].flat)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "covered"),
    [
        ((1, 3, 3), (1, 1, 1), (1, 1, 1), True),
        ((1, 2, 9), (1, 1, 1), (1, 3, 2), True),
        ((3, 5, 1), (2, 1, 1), (1, 1, 1), True),
        ((1, 1, 3), (1, 1, 1), (1, 1, 1), False),
        ((1, 6, 3), (1, 1, 1), (1, 1, 1), False),
        ((1, 3, 3), (1, 2, 1), (1, 1, 1), False),
        ((1, 3, 3), (1, 1, 2), (1, 1, 1), False),
        ((3, 3, 3), (1, 1, 1), (2, 1, 1), False),
    ],
)
def test_what_winograd_covers(kernel: Any, stride: Any, dilation: Any, covered: bool) -> None:
    assert winograd.covers(kernel, stride, dilation) == covered


def test_the_plan_lists_an_algorithm_only_for_jobs_that_it_does_itself() -> None:
    def names(weight_shape: tuple[int, ...], **arguments: Any) -> set[str]:
        plan = plan_conv((1, 8, 20, 20), np.float32, np.ones(weight_shape, np.float32), **arguments)
        return {candidate.name for candidate in plan.candidates}

    assert "winograd" in names((4, 8, 3, 3))
    assert "winograd" not in names((4, 8, 3, 3), stride=2)
    assert "winograd" not in names((4, 8, 7, 7))
    assert "depthwise" in names((8, 1, 3, 3), groups=8)
    assert "depthwise" not in names((8, 1, 3, 3), groups=8, stride=2)
    assert "depthwise" not in names((4, 8, 3, 3))


# Rounding


@pytest.mark.parametrize("offset", [0.0, 0.5], ids=["normal", "positive"])
@pytest.mark.parametrize("taps", [2, 3, 4, 5])
def test_winograd_rounds_nearly_as_direct_sums_do(taps: int, offset: float) -> None:
    """Largest error relative to each cell's own sum of |w||x|, in units of eps: what its docstring says."""
    rng = np.random.default_rng(taps)
    x = (rng.standard_normal((1, 16, 60, 60)) + 8 * offset).astype(np.float32)
    weight = (rng.standard_normal((8, 16, taps, 3)) + offset).astype(np.float32)
    exact = conv(x.astype(np.float64), weight.astype(np.float64), algorithm="gemm")
    size = conv(np.abs(x).astype(np.float64), np.abs(weight).astype(np.float64), algorithm="gemm")
    eps = float(np.finfo(np.float32).eps)

    def worst(algorithm: str) -> float:
        error = np.abs(conv(x, weight, algorithm=algorithm).astype(np.float64) - exact)
        return float((error / size).max()) / eps

    assert worst("winograd") <= 4 * worst("gemm")
    assert conv(x, weight, algorithm="winograd").dtype == np.float32


def test_float64_is_computed_in_float64() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 4, 30, 30)), rng.standard_normal((3, 4, 3, 3))
    for algorithm in ("winograd", "depthwise", "gemm"):
        result = conv(x, weight, algorithm=algorithm)
        np.testing.assert_allclose(result, conv(x, weight, algorithm="taps"), rtol=0, atol=1e-12)


# Every kind of cut


CUTS = {
    "rows that are no multiple of the patch": make_job((1, 5, 23, 31), (4, 5, 3, 3), padding=1),
    "one output row": make_job((2, 3, 3, 40), (4, 3, 3, 3)),
    "groups": make_job((2, 12, 19, 26), (8, 3, 3, 3), groups=4, padding=1),
    "dilation": make_job((1, 4, 37, 41), (3, 4, 3, 3), dilation=(3, 2), padding=2),
    "fewer rows than the dilation": make_job((1, 4, 9, 41), (3, 4, 3, 3), dilation=(4, 1)),
    "circular": make_job((1, 4, 33, 35), (6, 4, 5, 4), padding="same", padding_mode="circular"),
    "volume": make_job((1, 3, 9, 17, 19), (4, 3, 3, 3, 3), padding=1),
    "volume, stride along depth": make_job((2, 3, 9, 17, 19), (4, 3, 2, 3, 2), stride=(2, 1, 1)),
    "one kernel column": make_job((1, 6, 40, 21), (5, 6, 4, 1)),
    "batch": make_job((9, 4, 12, 14), (4, 4, 3, 3), padding=1),
    "depthwise": make_job((2, 9, 31, 33), (9, 1, 3, 3), groups=9, padding=1),
    "depthwise, two outputs a channel": make_job((2, 5, 31, 33), (10, 1, 5, 3), groups=5, padding=2),
    "depthwise volume": make_job((1, 4, 9, 14, 15), (4, 1, 3, 2, 3), groups=4, dilation=(2, 1, 2)),
    "depthwise, no padding": make_job((1, 7, 64, 64), (7, 1, 7, 7), groups=7),
    "depthwise, one column": make_job((1, 7, 64, 3), (7, 1, 3, 3), groups=7),
    "depthwise, one tap high": make_job((1, 7, 64, 30), (7, 1, 1, 1), groups=7),
    "depthwise, strides": make_job((2, 6, 31, 33), (12, 1, 3, 3), groups=6, stride=2, padding=1),
    "strides": make_job((1, 3, 61, 63), (8, 3, 7, 7), stride=2, padding=3),
    "pointwise": make_job((3, 16, 14, 15), (8, 16, 1, 1)),
    "one output": make_job((1, 6, 50, 52), (1, 6, 3, 3), padding=1),
    "signal": make_job((2, 8, 400), (6, 8, 9), padding=4),
    "kernel much wider than the output": make_job((1, 4, 30, 41), (3, 4, 3, 39)),
}


@pytest.mark.parametrize("algorithm", ["winograd", "depthwise", "gemm"])
@pytest.mark.parametrize("name", CUTS)
@pytest.mark.usefixtures("tiny_tiles")
def test_cut_into_tiny_tiles(name: str, algorithm: str) -> None:
    check(CUTS[name], algorithm)


def test_tiny_tiles_are_many(tiny_tiles: None) -> None:
    for name, module in (("batch", winograd), ("depthwise", depthwise), ("strides", gemm)):
        job, _ = _checked(CUTS[name])
        assert len(module.prepare(job)[0]) > 4, name


@settings(deadline=None, max_examples=30)
@given(
    channels=st.sampled_from([(8, 8), (16, 24), (33, 7)]),
    size=st.tuples(st.integers(5, 40), st.integers(5, 40)),
    kernel=st.tuples(st.integers(2, 5), st.integers(1, 5)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.integers(0, 2),
)
def test_winograd_with_many_channels(
    channels: tuple[int, int],
    size: tuple[int, int],
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    padding: int,
) -> None:
    spans = [(k - 1) * gap + 1 for k, gap in zip(kernel, dilation, strict=True)]
    size = (max(size[0], spans[0]), max(size[1], spans[1]))
    shape = (1, channels[0], *size)
    check(
        make_job(shape, (channels[1], channels[0], *kernel), dilation=dilation, padding=padding), "winograd"
    )


# Values that are not numbers


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("algorithm", ["winograd", "depthwise", "gemm"])
def test_bad_values_stay_in_their_windows(algorithm: str, bad: float) -> None:
    groups = 4 if algorithm == "depthwise" else 1
    job = make_job((1, 4, 30, 31), (4, 4 // groups, 3, 3), groups=groups, padding=1)
    x = job.x.copy()
    x[0, 2, 11, 13] = bad
    result = conv(x, job.weight, algorithm=algorithm, **job.arguments)
    touched = np.zeros(result.shape, bool)
    touched[0, 2 if groups > 1 else slice(None), 10:13, 12:15] = True
    np.testing.assert_array_equal(np.isfinite(result), ~touched)


def test_depthwise_multiplies_by_zero_taps_too() -> None:
    x = np.ones((1, 2, 9, 9), np.float32)
    x[0, 1, 4, 4] = np.inf
    result = conv(x, np.zeros((2, 1, 3, 3), np.float32), groups=2, padding=1, algorithm="depthwise")
    assert np.isnan(result[0, 1, 3:6, 3:6]).all()
    assert np.isnan(result).sum() == 9


# How jobs are cut


@settings(deadline=None, max_examples=60)
@given(
    full=st.tuples(*[st.integers(1, 9)] * 3, st.integers(1, 60), st.integers(1, 60)),
    most=st.sampled_from([4_000, 40_000, 4_000_000]),
    cores=st.sampled_from([1, 2, 3, 8]),
)
def test_few_tiles_fit_and_are_even(full: tuple[int, ...], most: int, cores: int) -> None:
    job, _ = _checked(make_job((1, 8, 200, 200), (8, 8, 3, 3)))

    def needed(extents: Any) -> int:
        return 4 * math.prod(extents)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemm, "thread_count", lambda: cores)
        extents = gemm.few_tiles(job, full, needed, most)
    assert needed(extents) <= most
    assert all(1 <= extent <= length for extent, length in zip(extents, full, strict=True))
    tiles = tiles_of(full, extents)
    assert sum(math.prod(_lengths(tile)) for tile in tiles) == math.prod(full)
    assert len(tiles) >= min(cores, math.prod(full), 2)


def test_a_job_of_any_size_stays_within_its_tiles_memory() -> None:
    job, _ = _checked(make_job((1, 16, 700, 900), (16, 16, 3, 3), padding=1))
    for module in (gemm, winograd):
        tiles, _ = module.prepare(job)
        assert len(tiles) > 2
        cells = max(math.prod(tile.extent) for tile in tiles)
        assert cells * 16 * 9 * 4 <= 16 << 20
    assert whole(job)[3:] == (700, 900)


def _lengths(tile: Any) -> list[int]:
    return [
        tile.examples[1] - tile.examples[0],
        tile.groups[1] - tile.groups[0],
        *tile.extent,
    ]


def _checked(job: Job) -> Any:
    a = job.arguments
    return checked_job(
        job.x,
        job.weight,
        job.bias,
        a["stride"],
        a["padding"],
        a["dilation"],
        a["groups"],
        a["padding_mode"],
        a["padding_value"],
        a["flip"],
    )
