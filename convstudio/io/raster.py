"""What a decoder hands over, and how it becomes a picture's float values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.io import cv

Alpha = Literal["none", "straight", "premultiplied"]

# Rows are turned into floats a few at a time, so that what is read is still in the cache when it is written.
_BAND_PIXELS = 1 << 16

DAMAGED = "Opened partially: the file is damaged."


@dataclass(frozen=True, eq=False)
class Raster:
    """Decoded samples and what they mean.

    Attributes:
        samples: ``(H, W)`` or ``(H, W, K)`` of any number type; K counts 1 or 3 colours and an alpha.
        white: the stored value that is 1.0, or None for values that are kept as they are.
        reverse: the three colours are stored as blue, green, red.
        alpha: whether the last of K samples is coverage, and whether the colours are multiplied by it.
        orientation: as EXIF numbers it, 1 to 8; 1 is upright.
        depth: how the file stored its values, such as "8-bit" or "float32".
        notes: whole sentences about what happened on the way.
    """

    samples: NDArray[Any]
    white: float | None
    reverse: bool = False
    alpha: Alpha = "none"
    orientation: int = 1
    depth: str = "8-bit"
    notes: tuple[str, ...] = ()

    def noting(self, *notes: str) -> Raster:
        """Return the same with further notes."""
        return replace(self, notes=self.notes + notes)


def scale_of(dtype: np.dtype[Any]) -> tuple[float | None, str, tuple[str, ...]]:
    """Return the stored value that is white, the depth's name and notes, for samples of a number type.

    8 and 16 bits without a sign are scaled to 0–1; everything else stays as it is.
    """
    if dtype.kind == "b":
        return None, "1-bit", ()
    if dtype.kind == "u" and dtype.itemsize <= 2:
        bits = dtype.itemsize * 8
        return float(2**bits - 1), f"{bits}-bit", ()
    if dtype.kind in "ui":
        note = "The values are whole numbers that were kept as they are, not scaled to 0–1."
        return None, dtype.newbyteorder("=").name, (note,)
    return None, dtype.newbyteorder("=").name, ()


def to_values(raster: Raster, control: Control | None = None) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Turn samples into a picture's values: upright, red first, alpha laid over white, white at 1.0.

    Returns:
        float32 ``(C, H, W)``, C-contiguous, with C 1 or 3, and the notes, those of the raster first.

    Raises:
        Cancelled: by the control.
    """
    samples = cv.orient(raster.samples, raster.orientation)
    samples = samples.reshape(samples.shape[0], samples.shape[1], -1)
    height, width, count = samples.shape
    notes = list(raster.notes)
    alpha = raster.alpha
    if alpha != "none" and _opaque(samples[:, :, -1], raster.white):
        alpha = "none"
    elif alpha != "none":
        notes.append("Transparency was laid over white.")
    colours = 3 if count >= 3 else 1
    order = range(colours)[::-1] if raster.reverse and colours == 3 else range(colours)
    values = np.empty((colours, height, width), np.float32)
    overflow = 0
    rows = max(_BAND_PIXELS // width, 1)
    with np.errstate(all="ignore"):
        for top in range(0, height, rows):
            if control is not None:
                control.report(top, height)
            band = samples[top : top + rows]
            out = values[:, top : top + rows]
            for channel, stored in enumerate(order):
                _scale(band[:, :, stored], raster.white, out[channel])
            if band.dtype.kind == "f" and band.dtype.itemsize > 4:
                overflow += _count_overflow(band, out)
            if alpha != "none":
                _over_white(out, band[:, :, -1], raster.white, alpha)
        if samples.dtype.kind == "f":
            notes += _nonfinite_notes(values, overflow)
    return values, tuple(notes)


def _scale(band: NDArray[Any], white: float | None, out: NDArray[np.float32]) -> None:
    if white is None:
        np.copyto(out, band, casting="unsafe")
    elif band.dtype.itemsize <= 2:  # exact as float32, so the quotient is the nearest float32 there is
        np.divide(band, np.float32(white), out=out, dtype=np.float32)
    else:
        np.copyto(out, band / white, casting="unsafe")


def _opaque(alpha: NDArray[Any], white: float | None) -> bool:
    return bool((alpha == (1.0 if white is None else white)).all())


def _over_white(out: NDArray[np.float32], band: NDArray[Any], white: float | None, kind: Alpha) -> None:
    alpha = np.empty(band.shape, np.float32)
    _scale(band, white, alpha)
    if kind == "straight":
        out *= alpha
    out += 1 - alpha


def _count_overflow(band: NDArray[Any], out: NDArray[np.float32]) -> int:
    finite = np.isfinite(band[:, :, : out.shape[0]]).all(axis=2)
    return int((finite & ~np.isfinite(out).all(axis=0)).sum())


def _nonfinite_notes(values: NDArray[np.float32], overflow: int) -> list[str]:
    nans = infinite = 0
    rows = max(_BAND_PIXELS // values.shape[2], 1)
    for top in range(0, values.shape[1], rows):
        band = values[:, top : top + rows]
        if np.isfinite(band).all():
            continue
        is_nan = np.isnan(band).any(axis=0)
        nans += int(is_nan.sum())
        infinite += int((np.isinf(band).any(axis=0) & ~is_nan).sum())
    notes = []
    if nans:
        notes.append(
            "1 pixel is not a number (NaN)." if nans == 1 else f"{nans} pixels are not numbers (NaN)."
        )
    if infinite > overflow:
        count = infinite - overflow
        notes.append("1 pixel is infinite." if count == 1 else f"{count} pixels are infinite.")
    if overflow:
        what = "1 pixel was" if overflow == 1 else f"{overflow} pixels were"
        notes.append(f"{what} too large for 32-bit floats and became infinite.")
    return notes
