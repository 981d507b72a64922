"""Whole pictures, gone through band by band: a cancel is heard within milliseconds, and little is copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control

Number = TypeVar("Number", bound=np.generic)

BAND_CELLS = 1 << 18
"""Of a band, about: done within a few milliseconds by anything elementwise."""


def bands(shape: tuple[int, ...], control: Control | None = None) -> Iterator[tuple[int, slice]]:
    """Yield the parts of an array ``(C, H, W)``, as channels and rows of them, checking before each.

    Raises:
        Cancelled: by the control.
    """
    channels, rows, columns = shape
    step = max(1, BAND_CELLS // max(columns, 1))
    for channel in range(channels):
        for top in range(0, rows, step):
            if control is not None:
                control.check()
            yield channel, slice(top, min(top + step, rows))


def contiguous(picture: NDArray[Number], control: Control | None = None) -> NDArray[Number]:
    """Return a picture ``(C, H, W)`` in C order: itself if it is so already.

    Raises:
        Cancelled: by the control.
    """
    return picture if picture.flags.c_contiguous else copied(picture, control)


def copied(picture: NDArray[Number], control: Control | None = None) -> NDArray[Number]:
    """Return a copy of a picture ``(C, H, W)``, in C order.

    Raises:
        Cancelled: by the control.
    """
    made = np.empty(picture.shape, picture.dtype)
    for part in bands(picture.shape, control):
        made[part] = picture[part]
    return made


def peak_of(picture: NDArray[Any], control: Control | None = None) -> tuple[float, int]:
    """Return the size of the largest entry of ``(C, H, W)``, NaN if it is one, and its place in C order.

    Raises:
        Cancelled: by the control.
    """
    most, place = -1.0, 0
    _, rows, columns = picture.shape
    for channel, band in bands(picture.shape, control):
        sizes = np.abs(picture[channel, band])
        at = int(sizes.argmax())
        if not float(sizes.flat[at]) <= most:
            most, place = float(sizes.flat[at]), (channel * rows + band.start) * columns + at
    return most, place
