"""Filter banks: a picture of 1 or 3 channels through 8 or 16 kernels, at photo sizes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.peers.convolution import Convolution, named, same
from benchmarks.row import Entry

_SMALL, _MIDDLE, _LARGE = (300, 450), (512, 512), (1080, 1920)
_PHOTO = (3000, 4000)
_QUICK = {"3→8 3×3, 512×512", "3→16 7×7 stride 2, 512×512"}


def jobs() -> Iterator[Convolution]:
    """All jobs of the group."""
    for size in (_SMALL, _MIDDLE, _LARGE):
        for inputs, outputs, k in ((1, 8, 3), (3, 8, 3), (1, 16, 5), (3, 16, 3), (3, 16, 5), (3, 8, 7)):
            yield Convolution(inputs, outputs, (k, k), size, padding=same(k))
    for size in (_MIDDLE, _LARGE):
        for inputs, outputs, k in ((1, 8, 7), (3, 8, 5), (1, 16, 3), (1, 16, 7)):
            yield Convolution(inputs, outputs, (k, k), size, padding=same(k))
        for inputs, outputs, k in ((1, 8, 3), (3, 8, 3), (3, 16, 5), (3, 16, 7)):
            yield Convolution(inputs, outputs, (k, k), size, stride=2, padding=same(k))
        for inputs, outputs, k in ((1, 8, 3), (3, 16, 3), (3, 8, 5)):
            yield Convolution(inputs, outputs, (k, k), size, dilation=2, padding=same(k, 2))
    yield Convolution(3, 8, (3, 3), _PHOTO, padding=1)


def entries() -> Iterator[Entry]:
    """The rows, built one at a time."""
    for job in jobs():
        title = named(job)
        yield Entry(title, partial(job.row, title, with_opencv=True), title in _QUICK)
