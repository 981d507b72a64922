"""Derivative kernels on polynomials and further worked examples (more stand in `test_conv_examples.py`)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convstudio.core import ALGORITHMS, conv, conv_transpose

EVERY = ("auto", *ALGORITHMS)


def f(values: object) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize(
    ("kernel", "curve", "slope"),
    [
        # Forward difference: exact on lines; on x² it is 2x + 1, the slope half a cell on.
        ([-1, 1], lambda x: 3 * x + 2, lambda x: 3 + 0 * x),
        ([-1, 1], lambda x: x**2, lambda x: 2 * x + 1),
        # Central difference: exact on parabolas; on x³ it errs by 1, the third derivative over 6.
        ([-0.5, 0, 0.5], lambda x: x**2 - x, lambda x: 2 * (x + 1) - 1),
        ([-0.5, 0, 0.5], lambda x: x**3, lambda x: 3 * (x + 1) ** 2 + 1),
        # Five points: exact on quartics.
        (
            [1 / 12, -8 / 12, 0, 8 / 12, -1 / 12],
            lambda x: (x / 4) ** 4,
            lambda x: ((x + 2) / 4) ** 3,
        ),
        # Second difference: exact on cubics; on x⁴ it is 12x² + 2.
        ([1, -2, 1], lambda x: x**2, lambda x: 2 + 0 * x),
        ([1, -2, 1], lambda x: x**3, lambda x: 6 * (x + 1)),
        ([1, -2, 1], lambda x: x**4, lambda x: 12 * (x + 1) ** 2 + 2),
    ],
)
def test_differences_of_polynomials(
    algorithm: str, kernel: list[float], curve: object, slope: object
) -> None:
    """Abramowitz and Stegun, section 25.3. Results stand where the window's first cell is."""
    x = np.arange(12.0)
    result = conv(curve(x)[None, None], np.array(kernel)[None, None], algorithm=algorithm)  # type: ignore[operator]
    expected = slope(x[: 13 - len(kernel)])  # type: ignore[operator]
    np.testing.assert_allclose(result[0, 0], expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("algorithm", EVERY)
def test_forward_minus_backward_is_the_second_difference(algorithm: str) -> None:
    """Differences compose as their kernels convolve: (1, −1) twice is (1, −2, 1)."""
    x = f([[[0, 1, 4, 9, 16, 25, 36]]])
    once = conv(x, f([[[1, -1]]]), flip=True, algorithm=algorithm)
    np.testing.assert_allclose(once, f([[[1, 3, 5, 7, 9, 11]]]), atol=1e-4)
    twice = conv(once, f([[[1, -1]]]), flip=True, algorithm=algorithm)
    np.testing.assert_allclose(twice, f([[[2, 2, 2, 2, 2]]]), atol=1e-4)


@pytest.mark.parametrize("algorithm", EVERY)
def test_pascals_triangle(algorithm: str) -> None:
    """(1, 1) convolved with itself gives the binomial coefficients, the kernel nearest to a Gaussian."""
    row = f([[[1]]])
    for n in range(1, 9):
        row = conv(row, f([[[1, 1]]]), padding="full", flip=True, algorithm=algorithm)
        np.testing.assert_allclose(row[0, 0], [math.comb(n, k) for k in range(n + 1)], rtol=1e-4)


@pytest.mark.parametrize("algorithm", EVERY)
def test_laplacian_of_a_paraboloid(algorithm: str) -> None:
    """x² + 3y² has the Laplacian 8 everywhere, under the 5-point kernel as under the sum of the two axes'."""
    y, x = np.mgrid[0:7, 0:8].astype(np.float32)
    surface = (x**2 + 3 * y**2)[None, None]
    star = conv(surface, f([[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]]), algorithm=algorithm)
    np.testing.assert_allclose(star, np.full((1, 1, 5, 6), 8), atol=1e-3)


@pytest.mark.parametrize("algorithm", EVERY)
def test_moving_average_of_a_step(algorithm: str) -> None:
    """A mean of 4 turns a step into a ramp of quarters."""
    x = f([[[0, 0, 0, 0, 1, 1, 1, 1]]])
    result = conv(x, f([[[0.25] * 4]]), algorithm=algorithm)
    np.testing.assert_allclose(result, f([[[0, 0.25, 0.5, 0.75, 1]]]), atol=1e-6)


def test_transposed_two_by_two() -> None:
    """Dive into Deep Learning, "Transposed Convolution": also with padding 1 and with stride 2."""
    x = f([[[[0, 1], [2, 3]]]])
    np.testing.assert_array_equal(conv_transpose(x, x), f([[[[0, 0, 1], [0, 4, 6], [4, 12, 9]]]]))
    np.testing.assert_array_equal(conv_transpose(x, x, padding=1), f([[[[4]]]]))
    expected = f([[[[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]]])
    np.testing.assert_array_equal(conv_transpose(x, x, stride=2), expected)
