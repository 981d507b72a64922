"""Pooling layers: their values by plain loops, their numbers, their names and their repairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.layers import AvgPool, GlobalPool, LpPool, MaxPool, MinPool
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import ParamError
from tests.pool_oracles import PoolJob, pool_jobs, pooled


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[PoolJob, dict[str, Any]]:
    """Draw windows over a picture, and the same as a layer's parameters."""
    job = draw(
        pool_jobs(dtypes=(np.float64,), kinds=("normal", "few", "equal")).filter(lambda j: j.rank == 2)
    )
    padding = job.padding if isinstance(job.padding, str) else job.pads
    parameters = {
        "window": job.kernel,
        "stride": job.steps,
        "padding": padding,
        "dilation": job.gaps,
        "ceil_mode": job.ceil_mode,
    }
    return job, parameters


@given(drawn=jobs())
@settings(max_examples=40)
def test_values_are_those_of_plain_loops(drawn: tuple[PoolJob, dict[str, Any]]) -> None:
    job, parameters = drawn
    x, taps = job.x[0], int(np.prod(job.kernel))
    np.testing.assert_array_equal(
        MaxPool(**parameters).forward(x), pooled(job, lambda values, _: values.max())[0]
    )
    np.testing.assert_array_equal(
        MinPool(**parameters).forward(x), pooled(job, lambda values, _: values.min())[0]
    )
    for counts in (True, False):
        layer = AvgPool(**parameters, count_include_pad=counts)
        means = pooled(job, lambda values, n, counts=counts: values.sum() / (n if counts else len(values)))
        np.testing.assert_allclose(layer.forward(x), means[0], atol=1e-12)
    for p in (1.0, 2.0, 2.5, 3.0):
        # What hangs over the end counts as if the window's mean filled it.
        norms = pooled(job, lambda values, n, p=p: ((np.abs(values) ** p).sum() * taps / n) ** (1 / p))
        np.testing.assert_allclose(LpPool(**parameters, p=p).forward(x), norms[0], atol=1e-10)


@given(drawn=jobs())
@settings(max_examples=60)
def test_geometry_gives_the_numbers_of_the_formula(drawn: tuple[PoolJob, dict[str, Any]]) -> None:
    job, parameters = drawn
    layer = MaxPool(**parameters)
    shape = job.x.shape[1:]
    geometry = layer.geometry(shape)
    assert layer.out_shape(shape) == (shape[0], *geometry.out)
    assert geometry.out == job.lengths
    assert geometry.amounts == job.pads
    for axis in (0, 1):
        padded = geometry.spatial[axis] + sum(geometry.amounts[axis])
        reach = geometry.dilation[axis] * (geometry.kernel[axis] - 1) + 1
        used = (geometry.out[axis] - 1) * geometry.stride[axis] + reach
        assert used + geometry.unread[axis] - geometry.overhang[axis] == padded
        assert 0 in (geometry.unread[axis], geometry.overhang[axis])
        assert geometry.ceil_mode or geometry.overhang[axis] == 0


def test_the_textbook_example() -> None:
    x = np.array([[[1.0, 3, 2, 1], [4, 2, 0, 1], [5, 1, 7, 2], [0, 2, 3, 8]]])
    assert MaxPool().forward(x).tolist() == [[[4, 2], [5, 8]]]
    assert MinPool().forward(x).tolist() == [[[1, 0], [0, 2]]]
    assert AvgPool().forward(x).tolist() == [[[2.5, 1], [2, 5]]]
    assert LpPool(p=1.0).forward(-x).tolist() == [[[10, 4], [8, 20]]]


def test_norms_of_signed_maps_are_numbers() -> None:
    x = -np.abs(picture(2, 6, 6))
    for p in (1.0, 1.5, 3.0):
        layer = LpPool(p=p)
        assert np.isfinite(layer.forward(x)).all()
        assert np.isfinite(layer.backward(np.ones((2, 3, 3)), x).x).all()


def test_norms_lie_between_the_greatest_magnitude_and_the_sum() -> None:
    x = picture(1, 6, 6)
    greatest, total = MaxPool().forward(np.abs(x)), LpPool(p=1.0).forward(x)
    previous = total
    for p in (1.5, 2.0, 4.0, 8.0):
        norm = LpPool(p=p).forward(x)
        assert (norm <= previous + 1e-12).all()
        assert (norm >= greatest - 1e-12).all()
        previous = norm


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (MaxPool(), "Max pool 2×2 /2"),
        (MaxPool(window=(3, 3), stride=(1, 1)), "Max pool 3×3"),
        (MinPool(window=(2, 3), stride=(2, 3)), "Min pool 2×3 /2×3"),
        (AvgPool(stride=(4, 4)), "Average pool 2×2 /4"),
        (LpPool(p=1.5), "L1.5 pool 2×2 /2"),
        (GlobalPool(), "Global average"),
        (GlobalPool(reduction="maximum"), "Global maximum"),
    ],
)
def test_names(layer: Pooling | GlobalPool, name: str) -> None:
    assert layer.name() == name


@pytest.mark.parametrize(
    ("layer", "shape", "words", "changes"),
    [
        (MaxPool(window=(5, 2)), (3, 4, 9), ["the window spans 5 px", "4 px high"], {"window": (4, 2)}),
        (MaxPool(window=(3, 3), dilation=(4, 1)), (1, 8, 8), ["9 px", "8 px"], {"window": (2, 3)}),
        (MaxPool(), (3, 1, 1), ["2 px"], {"window": (1, 1)}),
        (AvgPool(padding="full"), (3, 8, 8), ["full"], {"padding": "same"}),
        (
            MinPool(padding=((5, 0), (0, 0))),
            (1, 8, 8),
            ["window 0 along the height covers no px"],
            {"padding": ((1, 0), (0, 0))},
        ),
        (
            MaxPool(window=(9, 9), padding=((9, 0), (0, 0))),
            (1, 2, 2),
            ["9 px"],
            {"window": (2, 2), "padding": "valid"},
        ),
    ],
)
def test_what_does_not_fit_is_said_and_repaired(
    layer: Pooling, shape: tuple[int, int, int], words: list[str], changes: dict[str, Any]
) -> None:
    with pytest.raises(GeometryError) as caught:
        layer.out_shape(shape)
    for word in words:
        assert word in str(caught.value)
    repair = layer.repair(shape)
    assert repair is not None
    assert repair.changes == changes
    layer.replace(**changes).out_shape(shape)


def test_products_are_counted_where_there_are_any() -> None:
    shape = (3, 8, 8)
    assert MaxPool().cost(shape).multiply_adds == 0
    assert LpPool().cost(shape).multiply_adds == 3 * 16 * 4
    assert LpPool(p=1.0).cost(shape).multiply_adds == 0
    assert LpPool().cost(shape).fully_connected == 192 * 48


@pytest.mark.parametrize(("name", "value"), [("window", (0, 2)), ("stride", 0), ("ceil_mode", 1), ("p", 0.5)])
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParamError):
        LpPool().replace(**{name: value})


def test_global_pooling_is_the_mean_or_the_greatest_value() -> None:
    x = picture(4, 7, 5)
    np.testing.assert_allclose(GlobalPool().forward(x)[:, 0, 0], x.mean(axis=(1, 2)))
    np.testing.assert_array_equal(GlobalPool(reduction="maximum").forward(x)[:, 0, 0], x.max(axis=(1, 2)))
    grad = np.arange(1.0, 5.0).reshape(4, 1, 1)
    np.testing.assert_allclose(
        GlobalPool().backward(grad, x).x, np.broadcast_to(grad / 35, x.shape), atol=1e-15
    )
    winners = GlobalPool(reduction="maximum").backward(grad, x).x
    np.testing.assert_array_equal(winners, np.where(x == x.max(axis=(1, 2), keepdims=True), grad, 0))
    assert GlobalPool().stage(x.shape).kernel == (7, 5)
