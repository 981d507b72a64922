"""Shrinking is the mean over areas."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convstudio.io.resample import shrink


def test_each_pixel_is_the_mean_of_its_block() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 4), np.uint8)
    small = shrink(pixels, 5, 6)
    means = pixels.reshape(6, 2, 5, 4, 4).mean(axis=(1, 3))
    assert small.shape == (6, 5, 4)
    assert small.dtype == np.uint8
    assert small.flags.c_contiguous
    assert np.abs(small - means).max() <= 0.5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 1), (1, 5), (3, 2), (7, 5)])
def test_any_size_keeps_an_even_picture_even(width: int, height: int) -> None:
    pixels = np.full((5, 7, 4), (1, 20, 255, 128), np.uint8)
    small = shrink(pixels, width, height)
    assert small.shape == (height, width, 4)
    assert_array_equal(small, np.broadcast_to(pixels[0, 0], small.shape))
    small[...] = 0
    assert pixels[0, 0, 1] == 20


def test_it_takes_views_that_are_not_contiguous_and_read_only() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    view = pixels[::-1, ::2]
    view.setflags(write=False)
    assert_array_equal(shrink(view, 2, 4), shrink(np.ascontiguousarray(view), 2, 4))


@pytest.mark.parametrize(
    ("pixels", "width", "height"),
    [
        (np.zeros((4, 4, 3), np.uint8), 2, 2),
        (np.zeros((4, 4, 4), np.float32), 2, 2),
        (np.zeros((0, 4, 4), np.uint8), 2, 2),
        (np.zeros((4, 4, 4), np.uint8), 0, 2),
    ],
)
def test_wrong_arguments(pixels: np.ndarray, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        shrink(pixels, width, height)
