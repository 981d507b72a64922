"""Smoothing the grain of a path-traced picture where the scene itself is smooth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drawing.shapes import Array

SPLINE = np.array([1, 4, 6, 4, 1], dtype=np.float32) / 16


def denoise(layers: Array) -> Array:
    """Return light (3, h, w) from the layers of ``tracer.render_rows``.

    The light on matt surfaces is freed of their colour, smoothed, and coloured again, so that textures stay
    as sharp as they were drawn; the reflections are smoothed more carefully.
    """
    colour, normal, place = layers[6:]
    both = layers[4] + layers[5]
    one, two = (
        matt / np.maximum(share, 0.1 * both + 1e-3)
        for matt, share in zip(layers[:2], layers[4:6], strict=True)
    )
    # The mean of the two ratios would trust both alike; the ratio of the sums knows which had more rays.
    value = (layers[0] + layers[1]) / np.maximum(both, 1e-3)
    half = (one - two) / 2
    guides = (normal, place)
    matt = _smooth(value + half, value - half, guides, levels=4, trust=2.2)
    rest = _smooth(layers[2], layers[3], guides, levels=3, trust=1.4)
    return matt * colour + rest


def _smooth(one: Array, two: Array, guides: tuple[Array, Array], levels: int, trust: float) -> Array:
    """Filter by wavelets that stop at edges (Dammertz and others 2010), the two halves of the samples
    telling noise from detail: their difference estimates the variance (Schied and others 2017).
    """
    value = (one + two) / 2
    variance = _mean(((one - two) ** 2).mean(axis=0) / 4, 3)
    normal, place = guides
    for level in range(levels):
        gap = 1 << level
        calm = _mean(value.mean(axis=0), 1) if level == 0 else value.mean(axis=0)
        spread = trust * np.sqrt(np.maximum(_mean(variance, 1), 0)) + 1e-4
        total = np.zeros_like(value)
        total_variance = np.zeros_like(variance)
        weights = np.zeros_like(variance)
        for i in range(5):
            for j in range(5):
                by = ((i - 2) * gap, (j - 2) * gap)
                turn = ((normal - _shift(normal, by)) ** 2).sum(axis=0)
                away = ((place - _shift(place, by)) ** 2).sum(axis=0)
                reach = (0.05 * gap) ** 2 * (1 + (i - 2) ** 2 + (j - 2) ** 2)
                step = np.abs(calm - _shift(calm, by))
                weight = SPLINE[i] * SPLINE[j] * np.exp(-turn * 18 - away / reach - step / spread)
                total += weight * _shift(value, by)
                total_variance += weight**2 * _shift(variance, by)
                weights += weight
        value = total / weights
        variance = total_variance / weights**2
    return value


def _shift(a: Array, by: tuple[int, int]) -> Array:
    """Move a picture (..., h, w), repeating its border."""
    height, width = a.shape[-2:]
    rows = np.clip(np.arange(height) + by[0], 0, height - 1)
    columns = np.clip(np.arange(width) + by[1], 0, width - 1)
    return a[..., rows[:, None], columns]


def _mean(a: Array, radius: int) -> npt.NDArray[np.float32]:
    spots = range(-radius, radius + 1)
    total = sum(_shift(a, (i, 0)) for i in spots)
    total = sum(_shift(np.asarray(total), (0, j)) for j in spots)
    return np.asarray(total, dtype=np.float32) / (2 * radius + 1) ** 2
