"""Layers of many channels, at the sizes that they have inside networks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.peers.convolution import Convolution, Transposed, named
from benchmarks.row import Entry

_QUICK = {
    "64→64 3×3, 56×56",
    "64→64 1×1, 56×56",
    "32→32 3×3 depthwise, 112×112",
    "3→64 7×7 stride 2, 224×224",
}


def jobs() -> Iterator[Convolution]:
    """All jobs of the group."""
    for inputs, outputs in ((16, 16), (16, 32), (32, 64), (64, 64)):
        for n in (112, 56, 28):
            yield Convolution(inputs, outputs, (3, 3), (n, n), padding=1)
    for inputs, outputs, n in ((16, 32, 56), (64, 64, 28)):
        yield Convolution(inputs, outputs, (3, 3), (n, n), padding=1, batch=8)
    yield Convolution(64, 64, (3, 3), (56, 56), stride=2, padding=1)
    yield Convolution(64, 64, (1, 1), (56, 56))
    yield Convolution(256, 64, (1, 1), (28, 28))
    for channels in (32, 64):
        for n in (112, 56):
            for stride in (1, 2):
                yield Convolution(
                    channels, channels, (3, 3), (n, n), stride=stride, padding=1, groups=channels
                )
    yield Convolution(3, 64, (7, 7), (224, 224), stride=2, padding=3)
    yield Convolution(64, 64, (3, 3), (56, 56), dilation=2, padding=2)
    yield Convolution(64, 64, (3, 3), (56, 56), padding=1, groups=4)
    yield Convolution(64, 64, (9,), (4096,), padding=4)
    yield Convolution(16, 16, (3, 3, 3), (16, 28, 28), padding=1)


def entries() -> Iterator[Entry]:
    """The rows, built one at a time."""
    for job in jobs():
        title = named(job)
        yield Entry(title, partial(job.row, title), title in _QUICK)
    for layer in (Transposed(64, 32, 2, 28, 2), Transposed(64, 32, 4, 28, 2, 1)):
        yield Entry(layer.title, layer.row)
