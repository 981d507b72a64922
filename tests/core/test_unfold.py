"""unfold against plain loops, fold as its adjoint, and both as steps of a convolution."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convstudio.core import GeometryError, conv, fold, fold_backward, unfold, unfold_backward
from tests.core.test_conv_arrays import LAYOUTS
from tests.oracles import numpy_pad, per_axis
from tests.strategies import Job, jobs

JOBS = jobs(modes=("zeros",))


def arguments_of(job: Job) -> dict[str, Any]:
    return {name: job.arguments[name] for name in ("dilation", "padding", "stride")}


def columns_by_loops(job: Job) -> np.ndarray:
    a, rank = job.arguments, job.rank
    stride, dilation = per_axis(a["stride"], rank), per_axis(a["dilation"], rank)
    padded = numpy_pad(job.x, job.amounts, "zeros", 0.0)
    lengths = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(padded.shape[2:], job.kernel, stride, dilation, strict=True)
    ]
    columns = []
    for cell in itertools.product(*map(range, lengths)):
        window = tuple(
            slice(c * s, c * s + d * (k - 1) + 1, d)
            for c, s, d, k in zip(cell, stride, dilation, job.kernel, strict=True)
        )
        columns.append(padded[(..., *window)].reshape(len(job.x), -1))
    return np.stack(columns, axis=-1)


@settings(deadline=None, max_examples=60)
@given(job=JOBS)
def test_unfold_agrees_with_loops(job: Job) -> None:
    result = unfold(job.x, job.kernel, **arguments_of(job))
    np.testing.assert_array_equal(result, columns_by_loops(job))
    assert result.dtype == job.x.dtype
    assert result.flags.c_contiguous


@settings(deadline=None, max_examples=60)
@given(job=jobs(modes=("zeros",), dtypes=(np.float64,)))
def test_fold_is_the_adjoint(job: Job) -> None:
    columns = unfold(job.x, job.kernel, **arguments_of(job))
    other = np.random.default_rng(3).standard_normal(columns.shape)
    result = fold(other, job.spatial, job.kernel, **arguments_of(job))
    assert result.shape == job.x.shape
    np.testing.assert_allclose(
        (result * job.x).sum(), (other * columns).sum(), atol=1e-11 * np.abs(columns * other).sum()
    )


@settings(deadline=None, max_examples=30)
@given(job=JOBS)
def test_gradients_are_each_other(job: Job) -> None:
    columns = unfold(job.x, job.kernel, **arguments_of(job))
    folded = fold(columns, job.spatial, job.kernel, **arguments_of(job))
    back = unfold_backward(columns, job.x, job.kernel, **arguments_of(job))
    np.testing.assert_array_equal(back, folded)
    again = fold_backward(folded, columns, job.spatial, job.kernel, **arguments_of(job))
    np.testing.assert_array_equal(again, unfold(folded, job.kernel, **arguments_of(job)))


@settings(deadline=None, max_examples=30)
@given(job=jobs(modes=("zeros",), dtypes=(np.float64,), max_groups=1))
def test_weights_times_unfold_is_convolution(job: Job) -> None:
    columns = unfold(job.x, job.kernel, **arguments_of(job))
    made = job.weight.reshape(len(job.weight), -1) @ columns
    expected = conv(job.x, job.weight, algorithm="taps", **arguments_of(job))
    np.testing.assert_allclose(made.reshape(expected.shape), expected, atol=1e-9 * (1 + np.abs(made).max()))


def test_fold_counts_how_many_windows_cover_a_cell() -> None:
    ones = np.ones((1, 4, 6))
    np.testing.assert_array_equal(fold(ones, (3, 4), 2)[0, 0], [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]])


def test_large_ones_cut_into_tiles() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-99, 99, (2, 3, 150, 170)).astype(np.float32)  # sums of whole numbers are exact
    columns = unfold(x, 3, padding=1)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    expected = windows.transpose(0, 1, 4, 5, 2, 3).reshape(2, 27, -1)
    np.testing.assert_array_equal(columns, expected)
    counts = fold(np.ones_like(columns), (150, 170), 3, padding=1)
    np.testing.assert_array_equal(fold(columns, (150, 170), 3, padding=1), x * counts)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same(layout: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 6, 7)).astype(np.float32)
    given = LAYOUTS[layout](x)
    kept = given.tobytes()
    columns = unfold(given, (2, 3), padding=1, stride=2)
    np.testing.assert_array_equal(columns, unfold(x, (2, 3), padding=1, stride=2))
    folded = fold(LAYOUTS[layout](columns), (6, 7), (2, 3), padding=1, stride=2)
    np.testing.assert_array_equal(folded, fold(columns, (6, 7), (2, 3), padding=1, stride=2))
    assert given.tobytes() == kept
    assert columns.dtype == folded.dtype == np.float32
    assert folded.dtype.isnative


def test_nan_stays_where_it_is() -> None:
    columns = np.zeros((1, 3, 5))
    columns[0, 1, 2] = np.nan
    np.testing.assert_array_equal(np.isnan(fold(columns, (7,), (3,))[0, 0]), np.arange(7) == 3)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_how_many_axes_is_told_by_any_argument(rank: int) -> None:
    columns = np.ones((1, 2**rank, 4**rank), np.uint8)
    for output_size, kernel in [((5,) * rank, 2), (5, (2,) * rank), ([5] * rank, [2] * rank)]:
        result = fold(columns, output_size, kernel)
        assert result.shape == (1, 1, *(5,) * rank)
        assert result.dtype == np.float32
    assert fold(np.ones((1, 4, 16)), 5, 2).shape == (1, 1, 5, 5)


def test_empty_batch() -> None:
    assert unfold(np.zeros((0, 2, 5, 6)), 3).shape == (0, 18, 12)
    assert fold(np.zeros((0, 18, 12)), (5, 6), 3).shape == (0, 2, 5, 6)
    assert unfold_backward(np.zeros((0, 18, 12)), np.zeros((0, 2, 5, 6)), 3).shape == (0, 2, 5, 6)


X = np.zeros((1, 2, 5, 6))
COLUMNS = np.zeros((1, 18, 12))

WRONG: dict[str, tuple[Any, list[Any], dict[str, Any], list[str]]] = {
    "x of two axes": (unfold, [np.zeros((5, 6)), 3], {}, ["x must have", "(5, 6)"]),
    "x of strings": (unfold, [np.full((1, 1, 4), "a"), 3], {}, ["x", "U1"]),
    "x empty": (unfold, [np.zeros((1, 0, 4)), 3], {}, ["x", "(1, 0, 4)"]),
    "kernel too wide": (unfold, [X, (3, 7)], {}, ["kernel spans 7 px", "6 px wide"]),
    "kernel zero": (unfold, [X, 0], {}, ["kernel_size", "0"]),
    "kernel of three": (unfold, [X, (3, 3, 3)], {}, ["kernel_size", "(3, 3, 3)"]),
    "stride zero": (unfold, [X, 3], {"stride": 0}, ["stride", "0"]),
    "dilation a word": (unfold, [X, 3], {"dilation": "2"}, ["dilation", "'2'"]),
    "padding negative": (unfold, [X, 3], {"padding": -1}, ["padding", "-1"]),
    "fold of pictures": (fold, [X, (5, 6), 3], {}, ["x must be (N", "(1, 2, 5, 6)"]),
    "fold of odd channels": (fold, [np.zeros((1, 17, 12)), (5, 6), 3], {}, ["9 values", "(1, 17, 12)"]),
    "fold without channels": (fold, [np.zeros((1, 0, 12)), (5, 6), 3], {}, ["9 values", "(1, 0, 12)"]),
    "fold of odd windows": (fold, [COLUMNS, (5, 7), 3], {}, ["15 windows (3 × 5)", "(5, 7)", "(1, 18, 12)"]),
    "fold to nothing": (fold, [COLUMNS, (0, 6), 3], {}, ["output_size", "0"]),
    "fold to four axes": (fold, [COLUMNS, (1, 1, 5, 6), 3], {}, ["output_size", "(1, 1, 5, 6)"]),
    "fold to a word": (fold, [COLUMNS, "5", 3], {}, ["output_size", "'5'"]),
    "fold kernel too high": (fold, [COLUMNS, (2, 6), 3], {}, ["kernel spans 3 px", "2 px high"]),
    "grad of unfold": (unfold_backward, [X, X, 3], {}, ["grad", "(1, 18, 12)", "(1, 2, 5, 6)"]),
    "grad of fold": (
        fold_backward,
        [COLUMNS, COLUMNS, (5, 6), 3],
        {},
        ["grad", "(1, 2, 5, 6)", "(1, 18, 12)"],
    ),
    "grad of strings": (fold_backward, [X.astype(str), COLUMNS, (5, 6), 3], {}, ["grad", "U"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str) -> None:
    function, arguments, keywords, words = WRONG[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        function(*arguments, **keywords)
    for word in words:
        assert word in str(caught.value), f"{caught.value} does not say {word!r}"


def test_shapes_that_do_not_fit_are_geometry_errors() -> None:
    for name in ("kernel too wide", "fold of odd windows", "grad of fold"):
        function, arguments, keywords, _ = WRONG[name]
        with pytest.raises(GeometryError):
            function(*arguments, **keywords)
