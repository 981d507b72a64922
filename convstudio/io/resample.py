"""Smaller copies of rendered pictures, for views and thumbnails."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convstudio.io.cv import area_average


def shrink(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink rendered pixels; every new pixel is the mean of the area it covers, so nothing shimmers.

    Args:
        pixels: uint8 ``(H, W, 4)``.
        width: of the result, at least 1.
        height: of the result, at least 1.

    Returns:
        uint8 ``(height, width, 4)``, C-contiguous and sharing no memory with `pixels`.

    Raises:
        ValueError: a shape or a size is not as said.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ValueError(f"pixels must be uint8 (H, W, 4), got {pixels.dtype} {pixels.shape}")
    if width < 1 or height < 1:
        raise ValueError(f"the new size must be at least 1 × 1, got {width} × {height}")
    if (height, width) == pixels.shape[:2]:
        return pixels.copy()
    return area_average(pixels, width, height)
