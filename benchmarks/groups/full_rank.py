"""Random kernels, which no shortcut by rank or sparsity helps, against OpenCV's filter2D."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.peers import filters
from benchmarks.peers.spec import ConvSpec
from benchmarks.row import Entry, Row

_FORCED = ("taps", "rows", "gemm", "fft")


def entries() -> Iterator[Entry]:
    """Yield the group's rows."""
    for k in (3, 5, 7, 9, 11, 15, 21, 31):
        yield _entry(f"1080p {k}×{k}", (1, 1080, 1920), k, quick=k in (3, 7, 31))
    for k in (3, 5, 7, 15):
        yield _entry(f"1080p RGB depthwise {k}×{k}", (3, 1080, 1920), k, quick=k == 5)
    yield _entry("12 MP RGB depthwise 3×3", (3, 3000, 4000), 3)
    yield _entry("512² 5×5", (1, 512, 512), 5, quick=True)
    yield _entry("1080p 5×5 stride 2", (1, 1080, 1920), 5, stride=2)
    yield _entry("1080p 5×5 dilation 2", (1, 1080, 1920), 5, dilation=2)


def _entry(
    title: str,
    shape: tuple[int, int, int],
    k: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    quick: bool = False,
) -> Entry:
    def build() -> Row:
        rng = np.random.default_rng(k)
        kernel = rng.standard_normal((k, k)).astype(np.float32)
        half = dilation * (k - 1) // 2
        spec = ConvSpec(
            rng.random((1, *shape), dtype=np.float32),
            np.tile(kernel, (shape[0], 1, 1, 1)),
            stride=stride,
            padding=(half, half),
            dilation=dilation,
            groups=shape[0],
            padding_mode="reflect",
        )
        peers = {**filters.opencv(spec), **filters.ndimage(spec), **filters.fftconvolve(spec)}
        return spec.row(title, {**peers, **filters.pytorch(spec)}, _FORCED)

    return Entry(title, build, quick)
