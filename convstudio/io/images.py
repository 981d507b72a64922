"""The one way pictures come in: from a file, from bytes, from a QImage."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convstudio.core import Control
from convstudio.io import cv
from convstudio.io.errors import PictureError, cannot_open, shown
from convstudio.io.headers import measure
from convstudio.io.jpeg import frame_of, mended
from convstudio.io.limits import MAX_BYTES, check_size
from convstudio.io.npy import read_npy
from convstudio.io.png import Png
from convstudio.io.png import parse as parse_png
from convstudio.io.raster import DAMAGED, Alpha, Raster, scale_of, to_values
from convstudio.io.sniff import sniff
from convstudio.io.tiff import CMYK_NOTE, read_tiff
from convstudio.io.tiff_tags import exif_orientation
from convstudio.model import Picture

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

__all__ = ["Picture", "PictureError", "decode_picture", "load_picture", "picture_from_qimage"]

FIRST_FRAME = "Only the first frame of the animation was opened."


def load_picture(path: str | os.PathLike[str], *, control: Control | None = None) -> Picture:
    """Open an image file or a saved array. What it is, its content decides and not its name.

    May run on any thread; `control` is checked between the steps and told the progress.

    Raises:
        PictureError: it cannot be opened; the text says why and what to do.
        Cancelled: by the control.
    """
    name = shown(path)
    with _telling_of_memory(name):
        return _decode(_read_bytes(path, name), name, Path(path), control)


def decode_picture(data: bytes, name: str, *, control: Control | None = None) -> Picture:
    """Open the content of an image file; otherwise as `load_picture`. The name is what messages call it."""
    with _telling_of_memory(name):
        return _decode(data, name, None, control)


def picture_from_qimage(
    image: QImage, name: str = "Pasted picture", *, control: Control | None = None
) -> Picture:
    """Take a QImage of any format, as from the clipboard; transparent parts are laid over white.

    Raises:
        PictureError: it is empty or too large; the text says what to do.
        Cancelled: by the control.
    """
    from convstudio.io.qimages import raster_of

    with _telling_of_memory(name):
        return _picture(raster_of(image), name, None, control)


@contextmanager
def _telling_of_memory(name: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise PictureError(
            f"There is not enough memory to open {name}. Close something or make it smaller."
        ) from None


def _read_bytes(path: str | os.PathLike[str], name: str) -> bytes:
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise PictureError(f"{name} is a folder. Choose a picture inside it.")
        if not stat.S_ISREG(info.st_mode):
            raise PictureError(f"{name} is not an ordinary file but a device or a pipe. Choose a picture.")
        if info.st_size > MAX_BYTES:
            raise PictureError(
                f"{name} is too large: {info.st_size / 1e9:.1f} GB, and {MAX_BYTES / 1e9:.1f} GB are the "
                "most. Make it smaller first."
            )
        with open(path, "rb") as file:
            return file.read(info.st_size)
    except OSError as error:
        raise cannot_open(name, error) from error
    except ValueError as error:  # a zero byte in the path
        raise PictureError(f"{name} cannot be opened: this is not a possible name of a file.") from error


def _decode(data: bytes, name: str, path: Path | None, control: Control | None) -> Picture:
    if not data:
        raise PictureError(f"{name} is empty (0 bytes). Get another copy of it.")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name} is too large. Make it smaller first.")
    if control is not None:
        control.check()
    kind = sniff(data, name)
    if kind == "PNG":
        raster = _read_png(data, name)
    elif kind == "JPEG":
        raster = _read_jpeg(data, name)
    elif kind == "TIFF":
        raster = read_tiff(data, name, control)
    elif kind == "NPY":
        raster = read_npy(data, name)
    else:
        raster = _read_other(data, kind, name)
    return _picture(raster, name, path, control)


def _picture(raster: Raster, name: str, path: Path | None, control: Control | None) -> Picture:
    if control is not None:
        control.check()
    # Not only what the header promised: what came out of the decoder.
    check_size(name, raster.samples.shape[1], raster.samples.shape[0])
    values, notes = to_values(raster, control)
    return Picture(values, name, path, notes, raster.depth)


def _damaged(name: str, kind: str) -> PictureError:
    format_name = {"WEBP": "WebP", "JP2": "JPEG 2000"}.get(kind, kind)
    return PictureError(
        f"{name} cannot be opened: it is damaged, or a variety of {format_name} that is not read. "
        "Get another copy of it, or convert it to PNG."
    )


def _read_png(data: bytes, name: str) -> Raster:
    png = parse_png(data, name)
    check_size(name, png.width, png.height)
    samples = None if png.damaged else cv.decode(png.file())[0]
    notes: tuple[str, ...] = (FIRST_FRAME,) if png.animated else ()
    if samples is None:
        rest = png.mended_file()
        samples = None if rest is None else cv.decode(rest)[0]
        notes += (DAMAGED,)
    if samples is None:
        raise _damaged(name, "PNG")
    samples, alpha = _png_alpha(png, samples)
    white, _, _ = scale_of(samples.dtype)
    depth = "8-bit" if png.colour == 3 else f"{png.depth}-bit"
    return Raster(samples, white, True, alpha, exif_orientation(png.exif), depth, notes)


def _png_alpha(png: Png, samples: cv.Samples) -> tuple[cv.Samples, Alpha]:
    """Bring grey with alpha to two samples; OpenCV makes four of it and ignores a transparent grey."""
    if png.colour == 4 and samples.ndim == 3:
        return np.ascontiguousarray(samples[:, :, ::3]), "straight"
    if png.colour == 0 and png.transparency and samples.ndim == 2:
        (key,) = struct.unpack(">H", png.transparency)
        full = 255 if png.depth <= 8 else 65535
        alpha = np.where(samples == key * full // (2**png.depth - 1), 0, full).astype(samples.dtype)
        return np.stack((samples, alpha), axis=2), "straight"
    return samples, "straight" if samples.ndim == 3 and samples.shape[2] == 4 else "none"


def _read_jpeg(data: bytes, name: str) -> Raster:
    frame = frame_of(data, name)
    check_size(name, frame.width, frame.height)
    notes: tuple[str, ...] = (CMYK_NOTE,) if frame.components == 4 else ()
    samples, exif = cv.decode(data)
    if samples is None:
        samples, exif = cv.decode(mended(data))
        notes += (DAMAGED,)
    if samples is None:
        raise _damaged(name, "JPEG")
    return Raster(samples, 255.0, True, orientation=exif_orientation(exif), notes=notes)


def _read_other(data: bytes, kind: str, name: str) -> Raster:
    from_qt = _read_by_qt(data, kind, name) if kind in ("SVG", "ICO") else None
    if from_qt is not None:
        return from_qt
    header = measure(kind, data, name)
    check_size(name, header.width, header.height)
    notes: tuple[str, ...] = (FIRST_FRAME,) if header.animated else ()
    if header.cut:
        notes += (DAMAGED,)
    samples, exif = cv.decode(data)
    if samples is None:
        rest = _read_by_qt(data, kind, name) if kind in ("GIF", "BMP") else None
        if rest is None:
            raise _damaged(name, kind)
        return rest.noting(*notes, DAMAGED)
    white, depth, more = scale_of(samples.dtype)
    if header.white is not None and white is not None:
        white, depth = float(max(header.white, 1)), f"{header.white.bit_length()}-bit"
    alpha: Alpha = "straight" if samples.ndim == 3 and samples.shape[2] in (2, 4) else "none"
    # AVIF has its own properties for turning, which the decoder obeys; its EXIF is for information only.
    orientation = exif_orientation(exif) if kind == "WEBP" else 1
    return Raster(samples, white, True, alpha, orientation, depth, notes + more)


def _read_by_qt(data: bytes, kind: str, name: str) -> Raster | None:
    from convstudio.io.qimages import read_by_qt

    raster = read_by_qt(data, kind, name)
    if raster is None and kind in ("SVG", "ICO"):
        raise _damaged(name, kind)
    return raster
