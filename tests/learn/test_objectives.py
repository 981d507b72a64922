"""The losses against plain float64 formulas, and their gradients against finite differences."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.layers.base import FloatArray
from convstudio.learn.objectives import LOSSES, REDUCTIONS, Keep, Objective, count
from convstudio.model.training_method import MethodSetup

DELTA = 0.3


def by_cell(kind: str, error: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(error)
    if kind == "huber":
        return np.where(size <= DELTA, 0.5 * error**2, DELTA * (size - 0.5 * DELTA))
    return error**2 if kind == "squared" else size


def mask_of(keep: Keep, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    if isinstance(keep, np.ndarray):
        mask[:] = keep
    else:
        mask[:, slice(*(keep or (None, None)))] = True
    return mask


def expected(kind: str, reduction: str, prediction: FloatArray, target: FloatArray, keep: Keep) -> float:
    cells = by_cell(kind, prediction.astype(np.float64) - target.astype(np.float64))[
        mask_of(keep, target.shape)
    ]
    return float(cells.mean() if reduction == "mean" else cells.sum())


def keeps(rng: np.random.Generator, shape: tuple[int, int, int]) -> list[Keep]:
    return [
        None,
        (0, 3),
        (2, 4),
        (1, 1 + shape[1] // 2),
        rng.random(shape) < 0.5,
        rng.random(shape[1:]) < 0.3,
    ]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", LOSSES)
def test_value_and_gradient_are_those_of_the_formulas(kind: str, reduction: str) -> None:
    rng = np.random.default_rng(1)
    objective = Objective(kind, DELTA, reduction)
    for shape in ((1, 5, 7), (3, 6, 4), (2, 9, 513)):
        prediction, target = rng.normal(size=shape), rng.normal(size=shape)
        for keep in keeps(rng, shape):
            loss, grad = objective.evaluate(prediction, target, keep)
            assert loss == pytest.approx(expected(kind, reduction, prediction, target, keep), rel=1e-12)
            assert objective.loss(prediction, target, keep) == loss
            mask = mask_of(keep, shape)
            assert not grad[~mask].any()
            for cell in zip(*(axis[:12] for axis in np.nonzero(mask)), strict=True):
                step = 1e-6
                moved = prediction.copy()
                moved[cell] += step
                up = expected(kind, reduction, moved, target, keep)
                moved[cell] -= 2 * step
                down = expected(kind, reduction, moved, target, keep)
                assert grad[cell] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("kind", LOSSES)
def test_large_pictures_are_summed_in_double_precision(kind: str) -> None:
    rng = np.random.default_rng(2)
    prediction = rng.random((3, 500, 700), np.float32)
    target = rng.random((3, 500, 700), np.float32)
    for keep in (None, (0, 401), rng.random((3, 500, 700)) < 0.9):
        loss, grad = Objective(kind, DELTA).evaluate(prediction, target, keep)
        assert loss == pytest.approx(expected(kind, "mean", prediction, target, keep), rel=2e-7)
        assert grad.dtype == np.float32
        again, same = Objective(kind, DELTA).evaluate(prediction, target, keep)
        assert again == loss
        assert np.array_equal(same, grad)


def test_cells_that_do_not_count_may_be_anything() -> None:
    target = np.ones((1, 4, 5), np.float32)
    prediction = np.zeros((1, 4, 5), np.float32)
    keep = np.ones((4, 5), bool)
    keep[1, 2] = False
    target[0, 1, 2] = np.nan
    for kind in LOSSES:
        loss, grad = Objective(kind, 2.0).evaluate(prediction, target, keep)
        assert loss == (0.5 if kind == "huber" else 1.0)
        assert np.isfinite(grad).all()
        assert grad[0, 1, 2] == 0
        assert np.isnan(Objective(kind).loss(prediction, target))


def test_absolute_errors_have_no_slope_at_zero() -> None:
    cells = np.zeros((1, 2, 2), np.float32)
    assert not Objective("absolute").evaluate(cells, cells)[1].any()


def test_nothing_that_counts_has_no_mean() -> None:
    cells = np.ones((1, 2, 2), np.float32)
    nothing = np.zeros((2, 2), bool)
    assert np.isnan(Objective().loss(cells, cells, nothing))
    assert Objective(reduction="sum").loss(cells, cells, nothing) == 0
    assert np.isnan(Objective().loss(cells, cells, (1, 1)))
    assert count(nothing, (1, 2, 2)) == count((1, 1), (1, 2, 2)) == 0
    assert count(None, (3, 4, 5)) == 60
    assert count((1, 3), (3, 4, 5)) == 30
    assert count(np.ones((4, 5), bool), (3, 4, 5)) == 60


def test_the_gradient_goes_where_it_is_wanted() -> None:
    rng = np.random.default_rng(3)
    prediction, target = rng.random((2, 8, 9)), rng.random((2, 8, 9))
    wide = np.full((2, 12, 13), 7.0)
    _, grad = Objective().evaluate(prediction, target, (0, 6), wide[:, 2:10, 3:12])
    assert grad.base is wide
    assert np.array_equal(grad, Objective().evaluate(prediction, target, (0, 6))[1])
    assert (wide[:, :2] == 7).all()
    assert (wide[:, 2:10, :3] == 7).all()


def test_what_does_not_fit_is_refused() -> None:
    cells = np.zeros((1, 4, 4), np.float32)
    for other in (np.zeros((1, 4, 5), np.float32), cells.astype(np.float64)):
        with pytest.raises(GeometryError, match="alike"):
            Objective().loss(cells, other)
    wrong_keeps: list[Any] = [np.ones((4, 5), bool), np.ones((4, 4), np.uint8), (0, 5), (3, 2), (-1, 2)]
    for keep in wrong_keeps:
        with pytest.raises(GeometryError, match="keep must be"):
            Objective().loss(cells, cells, keep)
    with pytest.raises(GeometryError, match="grad_out"):
        Objective().evaluate(cells, cells, grad_out=np.zeros((4, 4), np.float32))
    for wrong in ({"kind": "cubic"}, {"reduction": "none"}, {"delta": 0.0}, {"delta": float("nan")}):
        with pytest.raises(ValueError, match="must be"):
            Objective(**wrong)


def test_a_method_says_which_objective() -> None:
    method = MethodSetup(loss="huber", delta=0.25, reduction="sum")
    assert Objective.of(method) == Objective("huber", 0.25, "sum")


def test_it_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    cells = np.zeros((1, 8, 8), np.float32)
    with pytest.raises(Cancelled):
        Objective().evaluate(cells, cells, control=control)


def test_the_loss_does_not_depend_on_who_else_computes() -> None:
    rng = np.random.default_rng(4)
    prediction, target = rng.random((2, 1, 600, 700), np.float32)
    alone = Objective().evaluate(prediction, target)
    found: list[tuple[float, bool]] = []

    def compute() -> None:
        loss, grad = Objective().evaluate(prediction, target)
        found.append((loss, np.array_equal(grad, alone[1])))

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(alone[0], True)] * 4
