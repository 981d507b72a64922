"""Worked examples with numbers that textbooks print, so that the conventions are theirs."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.core import ALGORITHMS, conv
from convstudio.core.geometry import output_shape

EVERY = ("auto", *ALGORITHMS)


def f(values: object) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("algorithm", EVERY)
def test_three_by_three_with_two_by_two(algorithm: str) -> None:
    """Zhang et al., Dive into Deep Learning, "Convolutions for Images"."""
    x = f([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]])
    weight = f([[[[0, 1], [2, 3]]]])
    result = conv(x, weight, algorithm=algorithm)
    np.testing.assert_allclose(result, f([[[[19, 25], [37, 43]]]]), rtol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_two_input_channels_are_summed(algorithm: str) -> None:
    """Dive into Deep Learning, "Multiple Input and Multiple Output Channels"."""
    x = f([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    weight = f([[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]])
    result = conv(x, weight, algorithm=algorithm)
    np.testing.assert_allclose(result, f([[[[56, 72], [104, 120]]]]), rtol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_three_output_channels(algorithm: str) -> None:
    """The same section: the kernel, the kernel + 1 and the kernel + 2 stacked."""
    x = f([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    one = f([[[0, 1], [2, 3]], [[1, 2], [3, 4]]])
    result = conv(x, np.stack([one, one + 1, one + 2]), algorithm=algorithm)
    expected = f([[[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]])
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_edge_kernel_on_a_black_bar(algorithm: str) -> None:
    """The same book: 1 −1 along a row gives 1 from white to black, −1 from black to white."""
    x = np.ones((1, 1, 6, 8), np.float32)
    x[..., 2:6] = 0
    weight = f([[[[1, -1]]]])
    expected = np.zeros((1, 1, 6, 7), np.float32)
    expected[..., 1], expected[..., 5] = 1, -1
    np.testing.assert_allclose(conv(x, weight, algorithm=algorithm), expected, atol=1e-6)
    sideways = np.ascontiguousarray(x.transpose(0, 1, 3, 2))
    np.testing.assert_allclose(conv(sideways, weight, algorithm=algorithm), np.zeros((1, 1, 8, 5)), atol=1e-6)


@pytest.mark.parametrize("algorithm", EVERY)
def test_uneven_kernel_padding_and_stride(algorithm: str) -> None:
    """Dive into Deep Learning, "Padding and Stride": 8×8, kernel (3, 5), padding (0, 1), stride (3, 4)."""
    x = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
    weight = np.ones((1, 1, 3, 5), np.float32)
    result = conv(x, weight, padding=(0, 1), stride=(3, 4), algorithm=algorithm)
    assert result.shape == (1, 1, 2, 2)
    assert output_shape((8, 8), (3, 5), padding=(0, 1), stride=(3, 4)) == (2, 2)
    # Rows 0–2 and 3–5; columns −1–3 (the first is padding) and 3–7.
    image = x[0, 0]
    expected = f([[image[r : r + 3, :4].sum(), image[r : r + 3, 3:8].sum()] for r in (0, 3)])
    np.testing.assert_allclose(result[0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"kernel": (3, 3), "padding": 1}, (8, 8)),
        ({"kernel": (5, 3), "padding": (2, 1)}, (8, 8)),
        ({"kernel": (3, 3), "padding": 1, "stride": 2}, (4, 4)),
        ({"kernel": (2, 2), "padding": "valid"}, (7, 7)),
        ({"kernel": (3, 3), "padding": "full"}, (10, 10)),
    ],
)
def test_padding_and_stride_shapes(arguments: dict[str, object], expected: tuple[int, int]) -> None:
    """The same section's other shapes for 8×8, with valid and full beside them."""
    kernel = arguments.pop("kernel")
    assert output_shape((8, 8), kernel, **arguments) == expected


@pytest.mark.parametrize("algorithm", EVERY)
def test_five_by_five_with_three_by_three(algorithm: str) -> None:
    """Dumoulin and Visin, A guide to convolution arithmetic (2016), figure 1.1."""
    x = f([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])
    weight = f([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
    result = conv(x[None, None], weight[None, None], algorithm=algorithm)
    expected = f([[12, 12, 17], [10, 17, 19], [9, 6, 14]])
    np.testing.assert_allclose(result[0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_polynomial_product_is_full_convolution(algorithm: str) -> None:
    """(1 + 2z + 3z²)(4 + 5z) = 4 + 13z + 22z² + 15z³."""
    result = conv(f([[[1, 2, 3]]]), f([[[4, 5]]]), padding="full", flip=True, algorithm=algorithm)
    np.testing.assert_allclose(result, f([[[4, 13, 22, 15]]]), rtol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_impulse_shows_the_kernel(algorithm: str) -> None:
    """Convolution prints the kernel at an impulse; correlation prints it rotated by 180°."""
    x = np.zeros((1, 1, 5, 5), np.float32)
    x[0, 0, 2, 2] = 1
    weight = f([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    convolved = conv(x, weight, flip=True, algorithm=algorithm)
    correlated = conv(x, weight, algorithm=algorithm)
    np.testing.assert_allclose(convolved, weight, atol=1e-5)
    np.testing.assert_allclose(correlated, weight[..., ::-1, ::-1], atol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
def test_sobel_answers_positively_to_a_rise(algorithm: str) -> None:
    """Sobel's x kernel on a ramp of slope 1 gives 8, its gain, everywhere inside."""
    x = np.tile(np.arange(7, dtype=np.float32), (6, 1))[None, None]
    weight = f([[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
    np.testing.assert_allclose(conv(x, weight, algorithm=algorithm), np.full((1, 1, 4, 5), 8.0), rtol=1e-5)
