"""What can be done to a kernel: reversible where it should be, nothing lost where it promises so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, signal

from convstudio.kernels import transform

sides = st.integers(1, 7)
weights = st.tuples(sides, sides).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 3).map(float))
)
A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_each_turn_and_flip_by_number() -> None:
    assert transform.flip_horizontal(A).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert transform.flip_vertical(A).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert transform.rotate_180(A).tolist() == [[6, 5, 4], [3, 2, 1]]
    assert transform.transpose(A).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert transform.rotate_90(A).tolist() == [[3, 6], [2, 5], [1, 4]], "counter-clockwise: right becomes top"
    assert transform.negate(A).tolist() == [[-1, -2, -3], [-4, -5, -6]]


@pytest.mark.parametrize(
    "change",
    [
        transform.flip_horizontal,
        transform.flip_vertical,
        transform.rotate_90,
        transform.rotate_180,
        transform.transpose,
        transform.negate,
        transform.normalize,
        transform.centre,
        lambda values: transform.resize(values, 2, 3),
    ],
)
def test_the_input_stays_and_the_result_is_its_own(change: object) -> None:
    given_ = A.copy()
    result = change(given_)  # type: ignore[operator]
    assert not np.shares_memory(result, given_) or result.flags.writeable is False
    np.testing.assert_array_equal(given_, A)
    assert result.flags.c_contiguous


@given(weights)
def test_doing_it_often_enough_leads_back(values: np.ndarray) -> None:
    for change, times in (
        (transform.flip_horizontal, 2),
        (transform.flip_vertical, 2),
        (transform.rotate_90, 4),
        (transform.rotate_180, 2),
        (transform.transpose, 2),
        (transform.negate, 2),
    ):
        result = values
        for _ in range(times):
            result = change(result)
        np.testing.assert_array_equal(result, values)


def test_rotating_by_180_degrees_makes_a_correlation_a_convolution() -> None:
    picture = np.random.default_rng(0).random((9, 8))
    np.testing.assert_allclose(
        signal.correlate(picture, transform.rotate_180(A), mode="valid"),
        signal.convolve(picture, A, mode="valid"),
    )


def test_negating_a_zero_gives_no_negative_zero() -> None:
    assert not np.signbit(transform.negate(np.zeros((1, 2)))).any()


class TestNormalize:
    def test_a_sum_becomes_one(self) -> None:
        assert transform.normalize(A).sum() == pytest.approx(1)
        np.testing.assert_allclose(transform.normalize(-A), A / 21)

    def test_positive_weights_of_a_kernel_that_cancels_sum_to_one(self) -> None:
        sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        np.testing.assert_allclose(transform.normalize(sobel), sobel / 4)

    def test_rounding_dust_is_not_taken_for_a_sum(self) -> None:
        result = transform.normalize(np.array([[0.1, 0.2, -0.3 + 1e-16]]))
        assert result.clip(0).sum() == pytest.approx(1)

    def test_all_zero_stays(self) -> None:
        assert not transform.normalize(np.zeros((3, 2))).any()

    def test_the_smallest_numbers_do_not_overflow(self) -> None:
        assert transform.normalize(np.array([[5e-324, -5e-324]])).tolist() == [[1, -1]]

    @given(weights)
    def test_doing_it_twice_changes_nothing_more(self, values: np.ndarray) -> None:
        once = transform.normalize(values)
        np.testing.assert_allclose(transform.normalize(once), once, rtol=1e-12, atol=1e-15)


class TestCentre:
    def test_a_lone_weight_moves_to_the_middle(self) -> None:
        corner = np.zeros((5, 3))
        corner[0, 2] = -7.0
        assert np.argwhere(transform.centre(corner)).tolist() == [[2, 1]]

    def test_a_symmetric_kernel_stays_even_when_its_size_is_even(self) -> None:
        values = np.outer([1.0, 3, 3, 1], [1.0, 1])
        np.testing.assert_array_equal(transform.centre(values), values)

    def test_signs_do_not_matter(self) -> None:
        assert transform.centre(np.array([[-1.0, 1, 0, 0, 0]])).tolist() in (
            [[0, -1, 1, 0, 0]],
            [[0, 0, -1, 1, 0]],
        )

    def test_no_weight_is_pushed_out(self) -> None:
        values = np.array([[9.0, 0, 0, 0, 0, 1]])
        assert transform.centre(values).tolist() == values.tolist()

    @given(weights)
    def test_the_weights_are_kept_and_lie_no_farther_from_the_middle(self, values: np.ndarray) -> None:
        moved = transform.centre(values)
        np.testing.assert_array_equal(np.sort(moved, axis=None), np.sort(values, axis=None))
        np.testing.assert_array_equal(transform.centre(moved), moved)
        if values.any():
            middle = (np.array(values.shape) - 1) / 2
            before = np.abs(np.array(ndimage.center_of_mass(np.abs(values))) - middle)
            after = np.abs(np.array(ndimage.center_of_mass(np.abs(moved))) - middle)
            assert (after <= before + 1e-9).all()


class TestResize:
    def test_a_larger_grid_adds_zeros_around(self) -> None:
        grown = transform.resize(np.ones((3, 1)), 5, 3)
        assert grown.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]

    def test_a_smaller_grid_keeps_the_middle(self) -> None:
        assert transform.resize(np.arange(25.0).reshape(5, 5), 3, 1).tolist() == [[7], [12], [17]]

    @given(weights, sides, sides)
    def test_the_cell_that_lies_on_the_pixel_stays_there(
        self, values: np.ndarray, rows: int, columns: int
    ) -> None:
        result = transform.resize(values, rows, columns)
        assert result.shape == (rows, columns)
        old = [(n - 1) // 2 for n in values.shape]
        new = [(n - 1) // 2 for n in result.shape]
        for cell in np.ndindex(result.shape):
            source = tuple(cell[i] - new[i] + old[i] for i in (0, 1))
            inside = all(0 <= source[i] < values.shape[i] for i in (0, 1))
            assert result[cell] == (values[source] if inside else 0.0)

    @given(weights, st.integers(0, 3), st.integers(0, 3))
    def test_growing_and_shrinking_back_loses_nothing(
        self, values: np.ndarray, more_rows: int, more_columns: int
    ) -> None:
        rows, columns = values.shape
        grown = transform.resize(values, rows + more_rows, columns + more_columns)
        np.testing.assert_array_equal(transform.resize(grown, rows, columns), values)
