"""Presets by number: against tables in the literature, SciPy, OpenCV and slow but plain computations."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from convstudio.kernels import PRESETS


def weights(name: str, **params: Any) -> np.ndarray:
    return PRESETS[name].make(**params).values


TABLES: list[tuple[str, dict[str, Any], list[list[float]]]] = [
    ("identity", {}, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    ("shift", {"direction": "E"}, [[1, 0, 0]]),
    ("shift", {"direction": "S", "distance": 1}, [[1], [0], [0]]),
    ("shift", {"direction": "NW"}, [[0, 0, 0], [0, 0, 0], [0, 0, 1]]),
    ("mean", {"size": 2}, [[1 / 4, 1 / 4], [1 / 4, 1 / 4]]),
    ("binomial", {"size": 3}, [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]]),
    ("motion-blur", {"length": 3, "angle": 0}, [[1 / 3, 1 / 3, 1 / 3]]),
    ("motion-blur", {"length": 4, "angle": -90}, [[1 / 8], [1 / 4], [1 / 4], [1 / 4], [1 / 8]]),
    ("sobel-x", {}, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    ("sobel-y", {}, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    ("prewitt-x", {}, [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    ("prewitt-y", {}, [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    ("scharr-x", {}, [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]),
    ("scharr-y", {}, [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]),
    ("roberts", {"direction": "SE"}, [[-1, 0], [0, 1]]),
    ("roberts", {"direction": "NE"}, [[0, 1], [-1, 0]]),
    ("central-difference-x", {}, [[-0.5, 0, 0.5]]),
    ("central-difference-y", {}, [[-0.5], [0], [0.5]]),
    ("forward-difference-x", {}, [[-1, 1]]),
    ("forward-difference-y", {}, [[-1], [1]]),
    ("second-difference-x", {}, [[1, -2, 1]]),
    ("second-difference-y", {}, [[1], [-2], [1]]),
    ("laplacian-4", {}, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    ("laplacian-8", {}, [[1, 1, 1], [1, -8, 1], [1, 1, 1]]),
    ("kirsch", {"direction": "N"}, [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]]),
    ("kirsch", {"direction": "NE"}, [[-3, 5, 5], [-3, 0, 5], [-3, -3, -3]]),
    ("kirsch", {"direction": "NW"}, [[5, 5, -3], [5, 0, -3], [-3, -3, -3]]),
    ("robinson", {"direction": "E"}, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    ("robinson", {"direction": "SW"}, [[0, -1, -2], [1, 0, -1], [2, 1, 0]]),
    ("sharpen", {}, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    ("high-boost", {"amount": 9}, [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]),
    ("emboss", {"direction": "NW"}, [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    ("emboss", {"direction": "S"}, [[1, 2, 1], [0, 1, 0], [-1, -2, -1]]),
    ("line", {"direction": "horizontal"}, [[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]),
    ("line", {"direction": "rising"}, [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]]),
]


@pytest.mark.parametrize(("name", "params", "table"), TABLES)
def test_a_classic_kernel_is_the_one_in_the_books(
    name: str, params: dict[str, Any], table: list[list[float]]
) -> None:
    np.testing.assert_allclose(weights(name, **params), table, rtol=0, atol=1e-15)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_larger_sobel_kernels_are_those_of_opencv(size: int) -> None:
    along, across = cv2.getDerivKernels(1, 0, size, ktype=cv2.CV_64F)
    np.testing.assert_array_equal(weights("sobel-x", size=size), across @ along.T)
    along, across = cv2.getDerivKernels(0, 1, size, ktype=cv2.CV_64F)
    np.testing.assert_array_equal(weights("sobel-y", size=size), across @ along.T)


@pytest.mark.parametrize(("size", "sigma"), [(1, 2.0), (5, 0.4), (9, 2.0), (63, 9.0), (11, 31.0)])
def test_gaussian_is_what_scipy_makes_of_a_point(size: int, sigma: float) -> None:
    point = np.zeros((size, size))
    point[size // 2, size // 2] = 1.0
    expected = ndimage.gaussian_filter(point, sigma, mode="constant", radius=size // 2)
    np.testing.assert_allclose(weights("gaussian", size=size, sigma=sigma), expected, rtol=1e-12, atol=1e-17)


def test_an_even_gaussian_is_centred_between_the_cells() -> None:
    values = weights("gaussian", size=2, sigma=0.5)
    np.testing.assert_allclose(values, np.full((2, 2), 0.25))
    row = weights("gaussian", size=4, sigma=1.0).sum(axis=0)
    assert row[1] / row[0] == pytest.approx(math.exp(-(0.5**2 - 1.5**2) / 2))


def test_binomial_has_the_spread_that_its_summary_states() -> None:
    row = weights("binomial", size=9).sum(axis=0)
    assert (row * (np.arange(9) - 4.0) ** 2).sum() == pytest.approx((0.5 * math.sqrt(8)) ** 2)


@pytest.mark.parametrize("sigma", [1.2, 2.0, 3.5])
def test_laplacian_of_gaussian_is_what_scipy_makes_of_a_point(sigma: float) -> None:
    size = 2 * math.ceil(5 * sigma) + 1
    point = np.zeros((size, size))
    point[size // 2, size // 2] = 1.0
    expected = ndimage.gaussian_laplace(point, sigma, mode="constant", truncate=8.0)
    values = weights("laplacian-of-gaussian", size=size, sigma=sigma)
    np.testing.assert_allclose(values, expected, atol=2e-3 * np.abs(expected).max())


def test_laplacian_of_gaussian_answers_most_to_spots_of_the_stated_radius() -> None:
    kernel = weights("laplacian-of-gaussian", size=33, sigma=4.0)
    answers = {r: (kernel * (np.hypot(*(np.indices((33, 33)) - 16)) <= r)).sum() for r in range(2, 12)}
    assert min(answers, key=lambda r: answers[r]) == round(math.sqrt(2) * 4.0)


def test_difference_of_gaussians_comes_close_to_the_laplacian_with_its_sign_turned() -> None:
    difference = weights("difference-of-gaussians", size=31, sigma=2.0)
    between = 2.0 * 1.6 * math.sqrt(2 * math.log(1.6) / (1.6**2 - 1))
    laplacian = -weights("laplacian-of-gaussian", size=31, sigma=between)
    cosine = (difference * laplacian).sum() / np.linalg.norm(difference) / np.linalg.norm(laplacian)
    assert cosine > 0.98


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.25, 3.0, 7.6, 31.5])
def test_disk_covers_each_cell_as_a_fine_raster_says(radius: float) -> None:
    values = weights("disk", radius=radius)
    side, fine = len(values), 40
    at = (np.arange(side * fine) + 0.5) / fine - side / 2
    inside = np.hypot(at[:, None], at[None, :]) <= radius
    covered = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(values * math.pi * radius**2, covered, atol=0.02)
    assert values.min() >= 0.0
    assert values[side // 2].min() > 0.0, "the grid is larger than the disk"


@pytest.mark.parametrize(
    ("length", "angle"), [(1.0, 33.0), (7.5, 20.0), (21.0, -71.0), (63.0, 45.0), (40, 180)]
)
def test_motion_blur_is_the_path_of_a_point(length: float, angle: float) -> None:
    values = weights("motion-blur", length=length, angle=angle)
    rows, columns = values.shape
    t = (np.arange(200_000) + 0.5) / 200_000 * length - length / 2
    at_row = np.rint(-t * math.sin(math.radians(angle))).astype(int) + rows // 2
    at_column = np.rint(t * math.cos(math.radians(angle))).astype(int) + columns // 2
    path = np.zeros(values.shape)
    np.add.at(path, (at_row, at_column), 1 / t.size)
    np.testing.assert_allclose(values, path, atol=2e-4)
    assert values[0].any()
    assert values[:, 0].any()


def test_any_disk_is_finite_and_the_same_from_all_four_sides() -> None:
    for radius in np.random.default_rng(0).uniform(0.5, 31.5, 300):
        values = weights("disk", radius=float(radius))
        assert values.min() >= 0.0
        for turned in (values[::-1], values[:, ::-1], values.T):
            np.testing.assert_array_equal(turned, values)


def test_motion_blur_rises_to_the_right_at_45_degrees() -> None:
    values = weights("motion-blur", length=9.0, angle=45.0)
    assert values[0, -1] > 0
    assert values[0, 0] == 0


def test_shift_moves_a_point_where_it_says() -> None:
    point = np.zeros((9, 9))
    point[4, 4] = 1.0
    moved = ndimage.correlate(point, weights("shift", direction="NE", distance=2), mode="constant")
    assert np.argwhere(moved).tolist() == [[2, 6]]


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, -120.0])
def test_oriented_edge_measures_the_slope_along_its_angle(angle: float) -> None:
    values = weights("oriented-edge", angle=angle, sigma=1.5)
    rows, columns = np.indices(values.shape)
    slope_x, slope_y = 0.3, -0.7  # y upwards
    picture = slope_x * columns - slope_y * rows
    expected = slope_x * math.cos(math.radians(angle)) + slope_y * math.sin(math.radians(angle))
    assert (values * picture).sum() == pytest.approx(expected)


def test_oriented_edge_is_steered_as_a_mixture_of_its_x_and_y_versions() -> None:
    x, y, aslant = (weights("oriented-edge", angle=a, sigma=2.0) for a in (0.0, 90.0, 30.0))
    mixed = math.cos(math.radians(30)) * x + math.sin(math.radians(30)) * y
    np.testing.assert_allclose(aslant, mixed, atol=1e-12)


@pytest.mark.parametrize("amount", [0.0, 0.5, 3.0])
def test_unsharp_mask_adds_what_a_blur_takes_away(amount: float) -> None:
    picture = np.random.default_rng(1).random((40, 40))
    detail = picture - ndimage.gaussian_filter(picture, 1.3, mode="mirror", radius=4)
    filtered = ndimage.correlate(picture, weights("unsharp-mask", sigma=1.3, amount=amount), mode="mirror")
    np.testing.assert_allclose(filtered, picture + amount * detail, atol=1e-12)
    high = ndimage.correlate(picture, weights("high-pass", sigma=1.3), mode="mirror")
    np.testing.assert_allclose(high, detail, atol=1e-12)


class TestGabor:
    def test_it_is_a_wave_under_a_bell(self) -> None:
        values = weights("gabor", wavelength=6, angle=30, phase=-90, sigma=3, aspect=0.5)
        rows, columns = np.indices(values.shape) - (len(values) // 2)
        along = columns * math.cos(math.radians(30)) - rows * math.sin(math.radians(30))
        across = columns * math.sin(math.radians(30)) + rows * math.cos(math.radians(30))
        bell = np.exp(-(along**2 + 0.5**2 * across**2) / 18)
        expected = bell * np.sin(2 * np.pi * along / 6)  # odd, so that its mean is 0 by itself
        np.testing.assert_allclose(values, expected / expected.clip(0).sum(), atol=1e-12)

    @pytest.mark.parametrize("angle", [0.0, 45.0, 120.0])
    def test_it_answers_most_to_its_own_stripes(self, angle: float) -> None:
        kernel = weights("gabor", wavelength=8, angle=angle, sigma=4)
        rows, columns = np.indices(kernel.shape) - (len(kernel) // 2)

        def answer(wavelength: float, way: float) -> float:
            at = columns * math.cos(math.radians(way)) - rows * math.sin(math.radians(way))
            return float((kernel * np.cos(2 * np.pi * at / wavelength)).sum())

        own = answer(8, angle)
        assert own > 2 * max(
            answer(5, angle), answer(14, angle), answer(8, angle + 40), answer(8, angle - 40)
        )

    def test_the_positive_weights_sum_to_one_and_the_rest_balances_them(self) -> None:
        values = weights("gabor", wavelength=12, phase=20)
        assert values.clip(0).sum() == pytest.approx(1)
        assert values.sum() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(
    ("direction", "angle"), [("horizontal", 0), ("rising", 45), ("vertical", 90), ("falling", 135)]
)
def test_a_line_detector_answers_to_its_own_line_alone(direction: str, angle: float) -> None:
    kernel = weights("line", direction=direction)
    lines = {0: np.eye(3)[[1, 1, 1]].T, 45: np.fliplr(np.eye(3)), 90: np.eye(3)[[1, 1, 1]], 135: np.eye(3)}
    answers = {a: float((kernel * line).sum()) for a, line in lines.items()}
    assert answers.pop(angle) == 6.0
    assert max(answers.values()) == 0.0
