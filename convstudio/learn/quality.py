"""How alike two pictures are: PSNR and SSIM."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, conv
from convstudio.layers.base import FloatArray
from convstudio.learn.bands import BAND_CELLS, bands

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(
    a: FloatArray,
    b: FloatArray,
    peak: float = 1.0,
    control: Control | None = None,
    keep: NDArray[np.bool_] | None = None,
) -> float:
    """Return the peak signal-to-noise ratio of two pictures of one shape, in dB.

    10 · log₁₀(peak² / mean square of the differences); infinite where the pictures are equal.
    ``keep`` tells which cells count, bool of their shape; NaN where none does.

    Raises:
        ValueError: the shapes differ, or there are no pixels.
        Cancelled: by the control.
    """
    _check(a, b, 1)
    total, cells = 0.0, 0
    for band in bands(a.shape, control):
        difference = np.subtract(a[band], b[band], dtype=np.float64)
        difference = difference.reshape(-1) if keep is None else difference[keep[band]]
        total += float(difference @ difference)
        cells += difference.size
    if not cells:
        return math.nan
    return math.inf if total == 0.0 else 10.0 * math.log10(peak * peak * cells / total)


def ssim(
    a: FloatArray,
    b: FloatArray,
    peak: float = 1.0,
    control: Control | None = None,
    keep: NDArray[np.bool_] | None = None,
) -> float:
    """Return the mean structural similarity of two pictures ``(C, H, W)``, 1 where they are equal.

    Means, variances and the covariance are those under a Gaussian window of 11×11 pixels with σ 1.5, at
    every place where it lies inside the picture; K₁ is 0.01, K₂ is 0.03. Channels count alike.
    With ``keep``, bool of their shape, only windows count that lie wholly on cells that do; NaN for none.

    (Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13, 2004.)

    Raises:
        ValueError: the shapes differ, or the pictures are smaller than the window.
        Cancelled: by the control.
    """
    _check(a, b, SSIM_WINDOW)
    channels, height, width = a.shape
    rows = max(1, BAND_CELLS // width)
    total, cells = 0.0, 0
    for channel in range(channels):
        for top in range(0, height - SSIM_WINDOW + 1, rows):
            if control is not None:
                control.check()
            part = slice(top, min(top + rows + SSIM_WINDOW - 1, height))
            similar = _similar(a[channel, part], b[channel, part], peak, control)
            if keep is not None:
                similar = similar[_whole(keep[channel, part])]
            total, cells = total + float(similar.sum()), cells + similar.size
    return total / cells if cells else math.nan


def _whole(keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At which places all cells of the window count."""
    missing = np.zeros((keep.shape[0] + 1, keep.shape[1] + 1), np.int64)
    missing[1:, 1:] = (~keep).cumsum(axis=0).cumsum(axis=1)
    size = SSIM_WINDOW
    within = missing[size:, size:] - missing[:-size, size:] - missing[size:, :-size] + missing[:-size, :-size]
    whole: NDArray[np.bool_] = within == 0
    return whole


def _similar(a: FloatArray, b: FloatArray, peak: float, control: Control | None) -> NDArray[np.float64]:
    """The similarity at all places of the window."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    planes = np.stack((x, y, x * x, y * y, x * y))[:, np.newaxis]
    mean_x, mean_y, xx, yy, xy = conv(planes, _window()[np.newaxis, np.newaxis], control=control)[:, 0]
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    both = mean_x * mean_y
    means = mean_x * mean_x + mean_y * mean_y
    similar = (2 * both + c1) * (2 * (xy - both) + c2)
    result: NDArray[np.float64] = similar / ((means + c1) * (xx + yy - means + c2))
    return result


def _window() -> FloatArray:
    x = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    row = np.exp(-(x**2) / (2 * SSIM_SIGMA**2))
    window: FloatArray = np.outer(row, row) / row.sum() ** 2
    return window


def _check(a: FloatArray, b: FloatArray, side: int) -> None:
    if a.shape != b.shape:
        raise ValueError(f"pictures that are compared must have the same shape, got {a.shape} and {b.shape}")
    if a.ndim != 3 or min(a.shape[1:]) < side or not a.size:
        raise ValueError(f"the pictures must have at least {side}×{side} pixels, got {a.shape}")
