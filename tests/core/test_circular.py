"""Circular kernels against the points of the circles, sampled by SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from convstudio.core import GeometryError, circular_matrix, circular_weight, circular_weight_backward, conv

SIDES = pytest.mark.parametrize("side", [1, 3, 5, 7, 9, 13])


def circle_points(side: int) -> np.ndarray:
    """Row and column of each tap from the centre, (side, side, 2), walking round rings by equal angles."""
    centre = side // 2
    points = np.zeros((side, side, 2))
    for r in range(1, centre + 1):
        ring = (
            [(y, r) for y in range(r)]
            + [(r, x) for x in range(r, -r, -1)]
            + [(y, -r) for y in range(r, -r, -1)]
            + [(-r, x) for x in range(-r, r)]
            + [(y, r) for y in range(-r, 0)]
        )
        assert len(ring) == 8 * r
        for step, (y, x) in enumerate(ring):
            angle = 2 * math.pi * step / (8 * r)
            points[y + centre, x + centre] = r * math.sin(angle), r * math.cos(angle)
    return points


@SIDES
def test_reads_the_picture_on_circles(side: int) -> None:
    """Correlation with the new kernel is the sum of weights times samples at the circles' points."""
    rng = np.random.default_rng(side)
    picture, weight = rng.standard_normal((side + 4, side + 5)), rng.standard_normal((side, side))
    result = conv(picture[None, None], circular_weight(weight)[None, None])[0, 0]
    offsets = circle_points(side).reshape(-1, 2)
    for row, column in np.ndindex(result.shape):
        at = offsets + np.array([row + side // 2, column + side // 2])
        samples = ndimage.map_coordinates(picture, at.T, order=1)
        assert result[row, column] == pytest.approx(weight.ravel() @ samples, abs=1e-12)


@SIDES
def test_matrix_and_gradient(side: int) -> None:
    rng = np.random.default_rng(side)
    matrix = circular_matrix(side)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-14)
    assert (matrix >= 0).all()
    weight, grad = rng.standard_normal((4, 2, side, side)), rng.standard_normal((4, 2, side, side))
    flat = weight.reshape(8, -1)
    np.testing.assert_allclose(circular_weight(weight).reshape(8, -1), flat @ matrix, atol=1e-14)
    np.testing.assert_allclose(circular_weight(weight).sum(axis=(2, 3)), weight.sum(axis=(2, 3)), atol=1e-12)
    result = circular_weight_backward(grad, weight)
    np.testing.assert_allclose(result.reshape(8, -1), grad.reshape(8, -1) @ matrix.T, atol=1e-14)
    step = rng.standard_normal(weight.shape)
    rise = ((circular_weight(weight + step) - circular_weight(weight)) * grad).sum()
    assert (result * step).sum() == pytest.approx(rise, rel=1e-10)


def test_three_by_three() -> None:
    """A corner goes to (√½, √½): it reads ½ of the corner, √½ − ½ of two sides, (1 − √½)² of the centre."""
    row = circular_matrix(3)[8].reshape(3, 3)
    near = math.sqrt(0.5)
    expected = [[0, 0, 0], [0, (1 - near) ** 2, near - 0.5], [0, near - 0.5, 0.5]]
    np.testing.assert_allclose(row, expected, atol=1e-15)
    np.testing.assert_array_equal(circular_matrix(3)[[1, 3, 4, 5, 7]], np.eye(9)[[1, 3, 4, 5, 7]])


@SIDES
def test_turns_with_the_kernel(side: int) -> None:
    weight = np.random.default_rng(side).standard_normal((side, side))
    np.testing.assert_allclose(
        circular_weight(np.rot90(weight)), np.rot90(circular_weight(weight)), atol=1e-14
    )
    np.testing.assert_allclose(circular_weight(weight.T), circular_weight(weight).T, atol=1e-14)
    np.testing.assert_allclose(circular_weight(weight[::-1]), circular_weight(weight)[::-1], atol=1e-14)


def test_nan_goes_where_it_has_a_share() -> None:
    weight = np.ones((3, 3))
    weight[0, 1], weight[2, 2] = np.inf, np.nan  # on an axis, where it stays, and in a corner
    bad = [[False, True, False], [False, True, True], [False, True, True]]
    np.testing.assert_array_equal(~np.isfinite(circular_weight(weight)), bad)
    grad = np.ones((3, 3))
    grad[2, 2] = np.nan  # a corner is read by its own tap alone
    slopes = circular_weight_backward(grad, weight)
    np.testing.assert_array_equal(np.isnan(slopes), np.isnan(grad))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.dtype(">f4")])
def test_types_and_shapes(dtype: Any) -> None:
    weight = np.arange(50).reshape(2, 5, 5).astype(dtype)
    result = circular_weight(np.asfortranarray(weight))
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, circular_weight(weight.astype(np.float64)), rtol=1e-6)
    assert circular_weight(np.zeros((0, 3, 3))).shape == (0, 3, 3)
    assert circular_weight_backward(np.zeros((0, 3, 3)), np.zeros((0, 3, 3))).shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.zeros((4, 4)), ["weight", "odd", "centre", "(4, 4)"]),
        (np.zeros((2, 3, 5)), ["weight", "square", "(2, 3, 5)"]),
        (np.zeros(9), ["weight", "square", "(9,)"]),
        (np.zeros((3, 3), complex), ["weight", "complex128"]),
    ],
)
def test_wrong_kernels_are_refused(weight: np.ndarray, words: list[str]) -> None:
    for call in (circular_weight, lambda w: circular_weight_backward(np.zeros(w.shape), w)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
            call(weight)
        for word in words:
            assert word in str(caught.value)


def test_wrong_size_and_gradient() -> None:
    with pytest.raises(GeometryError, match=r"size must be odd, .* got 4"):
        circular_matrix(4)
    with pytest.raises(ValueError, match="size must be a whole number, 1 or more, got 0"):
        circular_matrix(0)
    with pytest.raises(GeometryError, match="grad must have the shape of weight"):
        circular_weight_backward(np.zeros((5, 5)), np.zeros((3, 3)))
