"""The one way results go out: PNG as shown, TIFF and .npy as the float values they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.io.atomic import Bytes, atomic_write
from convstudio.io.errors import PictureError, cannot_save, shown
from convstudio.io.npy import npy_pieces
from convstudio.io.tiff_write import tiff_fits, tiff_pieces

__all__ = ["WRITABLE", "PictureError", "save_result"]

WRITABLE = (".png", ".tif", ".tiff", ".npy")
"""The extensions `save_result` knows."""


def save_result(
    path: str | os.PathLike[str],
    values: NDArray[Any],
    *,
    rendered: Callable[[], NDArray[Any]],
    bits: int = 8,
) -> None:
    """Write a result; the extension says how. What was there before stays whole if anything fails.

    Args:
        path: ends in .png for the picture as it is shown, or for the values in .tif or .tiff (float32, bit
            for bit) or .npy (float32, ``(C, H, W)``).
        values: ``(C, H, W)``, C 1 or 3 (for .npy any number).
        rendered: makes the shown picture, RGB ``(H, W, 3)``, uint8 for 8 bits and uint16 for 16; called for
            .png only. A grey picture of one channel becomes a grey file.
        bits: 8 or 16, for .png.

    Raises:
        PictureError: it cannot be written; the text says why and what to do.
        ValueError: an argument is not as said.
    """
    name = shown(path)
    suffix = Path(path).suffix.lower()
    if values.ndim != 3:
        raise ValueError(f"values must be (C, H, W), got shape {values.shape}")
    if bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, got {bits}")
    if suffix not in WRITABLE:
        what = f"“{suffix}” is not a format that is written" if suffix else "its name has no extension"
        raise PictureError(
            f"{name} was not saved: {what}. End the name in .png (as shown), .tif or .npy (the values)."
        )
    try:
        if suffix == ".png":
            data: Bytes | Iterable[Bytes] = _png(rendered(), values.shape[0], bits)
        elif suffix == ".npy":
            data = npy_pieces(np.asarray(values, np.float32))
        else:
            data = _tiff(values, name)
        atomic_write(path, data)
    except OSError as error:
        raise cannot_save(name, error) from error
    except MemoryError:
        raise PictureError(
            f"{name} was not saved: there is not enough memory. Close something first."
        ) from None
    except ValueError as error:
        if "\0" in os.fspath(path):
            raise PictureError(f"{name} was not saved: this is not a possible name of a file.") from error
        raise


def _png(pixels: NDArray[Any], channels: int, bits: int) -> bytes:
    from convstudio.io.cv import encode_png

    expected = np.uint8 if bits == 8 else np.uint16
    if pixels.dtype != expected or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"rendered must give {np.dtype(expected)} (H, W, 3), got {pixels.dtype} {pixels.shape}"
        )
    red = pixels[:, :, 0]
    if channels == 1 and np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2]):
        return encode_png(np.ascontiguousarray(red))
    return encode_png(np.ascontiguousarray(pixels))


def _tiff(values: NDArray[Any], name: str) -> Iterable[bytes]:
    if values.shape[0] not in (1, 3):
        raise PictureError(
            f"{name} was not saved: a TIFF picture has 1 or 3 channels, not {values.shape[0]}. "
            "Save it as .npy."
        )
    shape = (values.shape[0], values.shape[1], values.shape[2])
    if not tiff_fits(shape):
        raise PictureError(f"{name} was not saved: a TIFF file holds 4 GB at most. Save it as .npy.")
    return tiff_pieces(np.asarray(values, np.float32))
