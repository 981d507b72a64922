"""Mean, Gaussian and Sobel, against the functions that OpenCV has for just these."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.peers import filters
from benchmarks.peers.spec import Array, ConvSpec
from benchmarks.row import Entry, Row

_FORCED = ("taps", "separable", "rows", "fft")


def entries() -> Iterator[Entry]:
    """Yield the group's rows."""
    for k in (3, 5, 7, 15, 31):
        side = np.full(k, 1 / k)
        yield _entry(f"1080p mean {k}×{k}", 1, side, side, box=True, quick=k in (3, 15))
    for k in (3, 5, 7, 15, 31):
        side = cv2.getGaussianKernel(k, 0.0, cv2.CV_64F).ravel()
        yield _entry(f"1080p Gaussian {k}×{k}", 1, side, side, quick=k in (5, 31))
    for k in (3, 5, 7, 15, 31):
        row, column = cv2.getDerivKernels(1, 0, k, ktype=cv2.CV_64F)
        yield _entry(f"1080p Sobel {k}×{k}", 1, column.ravel(), row.ravel(), quick=k == 3)
    side = cv2.getGaussianKernel(9, 0.0, cv2.CV_64F).ravel()
    yield _entry("1080p RGB Gaussian 9×9", 3, side, side)
    yield _entry("1080p RGB mean 9×9", 3, np.full(9, 1 / 9), np.full(9, 1 / 9), box=True)


def _entry(
    title: str, channels: int, column: Array, row: Array, *, box: bool = False, quick: bool = False
) -> Entry:
    def build() -> Row:
        x = np.random.default_rng(0).random((1, channels, 1080, 1920), dtype=np.float32)
        kernel = np.outer(column, row).astype(np.float32)
        spec = ConvSpec(
            x,
            np.tile(kernel, (channels, 1, 1, 1)),
            padding=(len(column) // 2, len(row) // 2),
            groups=channels,
            padding_mode="reflect",
            factors=(column, row),
            box=box,
        )
        peers = {**filters.opencv(spec), **filters.ndimage(spec), **filters.pytorch(spec)}
        return spec.row(title, peers, _FORCED)

    return Entry(title, build, quick)
