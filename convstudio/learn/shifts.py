"""Whether one picture lies shifted on another, found by phase correlation.

The spectrum of one picture times the conjugate of the other's, each frequency brought to length 1, is that of
a single bright pixel at the shift (Kuglin and Hines, The phase correlation image alignment method, 1975).
A blur leaves it where it is, and derivatives split it into neighbours; where a filter draws edges twice, as
motion blur does, or the picture repeats itself, there are several, and nothing is said.
"""

from __future__ import annotations

import numpy as np

from convstudio.core import Control
from convstudio.layers.base import FloatArray
from convstudio.learn.windows import Doubles
from convstudio.spec.params import Pair as Spatial

FARTHEST = 64
"""Pixels that are searched along an axis, either way."""

_SIDE = 1024
"""Of the middle part that is looked at."""
_SMALLEST = 32
_CLEAR = 8.0
"""How many times higher than the rest, RMS, a peak must be; noise comes to about 5."""
_ALONE = 0.35
"""How high any other peak may be beside it."""
_NEAR = 4
"""Pixels around a peak that belong to it."""
_FLOOR = 1e-6  # of the mean size of a frequency: what is smaller is rounding


def found_shift(before: FloatArray, after: FloatArray, control: Control | None = None) -> Spatial | None:
    """Return the place in ``before`` of the pixel of ``after`` at the top left, rows first.

    Args:
        before, after: ``(C, H, W)`` with the same rows and columns; their channels' means are compared.
        control: may cancel.

    Returns:
        At most 64 px and a quarter of the sides; None for pictures below 32 px, and wherever no place is
        clearly the one.

    Raises:
        Cancelled: by the control.
    """
    rows, columns = before.shape[1:]
    reach = (min(FARTHEST, rows // 4), min(FARTHEST, columns // 4))
    if min(rows, columns) < _SMALLEST:
        return None
    spectra = []
    for picture in (before, after):
        plane = _middle(picture)
        if not np.isfinite(plane).all() or np.ptp(plane) == 0:
            return None
        spectra.append(np.fft.rfft2(plane))
        if control is not None:
            control.check()
    shape = (min(rows, _SIDE), min(columns, _SIDE))
    product = spectra[0] * spectra[1].conj()
    size = np.abs(product)
    product /= size + _FLOOR * size.mean() + np.finfo(np.float64).tiny
    whole = np.fft.irfft2(product, shape)
    near = np.abs(np.roll(whole, reach, (0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1])
    row, column = (int(n) for n in np.unravel_index(int(near.argmax()), near.shape))
    peak = float(near[row, column])
    noise = float(np.sqrt((near**2).mean()))
    near[max(0, row - _NEAR) : row + _NEAR + 1, max(0, column - _NEAR) : column + _NEAR + 1] = 0.0
    if not peak > _CLEAR * noise or float(near.max()) > _ALONE * peak:
        return None
    return row - reach[0], column - reach[1]


def _middle(picture: FloatArray) -> Doubles:
    """The mean of the channels in the middle, around 0 and fading out, so that no side shows."""
    _, rows, columns = picture.shape
    height, width = min(rows, _SIDE), min(columns, _SIDE)
    top, left = (rows - height) // 2, (columns - width) // 2
    plane = picture[:, top : top + height, left : left + width].mean(axis=0, dtype=np.float64)
    plane -= plane.mean()
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    faded: Doubles = plane * window
    return faded


def beyond(shift: Spatial | None, reach: Spatial) -> bool:
    """Return whether a shift is farther than a window reaches from its middle: a filter cannot undo it."""
    return shift is not None and any(abs(s) > r for s, r in zip(shift, reach, strict=True))


def shift_text(shift: Spatial) -> str:
    """Return "10 px down and 6 px to the right"; negative numbers go up and to the left."""
    rows, columns = shift
    said = []
    if rows:
        said.append(f"{abs(rows)} px {'down' if rows > 0 else 'up'}")
    if columns:
        said.append(f"{abs(columns)} px to the {'right' if columns > 0 else 'left'}")
    return " and ".join(said) or "where it should"
