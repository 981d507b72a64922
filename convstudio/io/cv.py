"""OpenCV behind plain functions: the only module that imports it.

The import is prepared and cleaned up after: its pixel limit is read once while it loads, and its wheel points
Qt and the loader of libraries at folders of its own, for the programs we start as well.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.io.errors import PictureError
from convstudio.io.limits import MAX_PIXELS

_SET_BY_THE_WHEEL = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH")
_before = {name: os.environ.get(name) for name in _SET_BY_THE_WHEEL}
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)

import cv2  # noqa: E402

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

# What OpenCV would print is said by our errors.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

Samples = NDArray[Any]
"""``(H, W)`` or ``(H, W, K)`` of any number type."""


def decode(data: bytes) -> tuple[Samples | None, bytes]:
    """Decode an image file as it is stored: no rotation, no change of depth, colours in the order B, G, R, A.

    Returns:
        The samples, None if OpenCV cannot make anything of the data, and the EXIF block, which may be empty.

    Raises:
        PictureError: there is not enough memory.
    """
    if not data:
        return None, b""
    try:
        samples, kinds, blocks = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise PictureError("There is not enough memory to open the picture.") from error
        return None, b""
    # The stubs leave out that a failure is None.
    found: Samples | None = samples
    if found is None or found.size == 0:
        return None, b""
    exif = b""
    for kind, block in zip(kinds, blocks, strict=True):
        if int(kind) == cv2.IMAGE_METADATA_EXIF:
            exif = np.asarray(block).tobytes()
    return found, exif


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Encode ``(H, W)`` grey or ``(H, W, 3)`` RGB of 8 or 16 bits as a PNG file.

    Raises:
        PictureError: OpenCV cannot, as when memory runs out.
    """
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    try:
        done, data = cv2.imencode(".png", ordered)
    except cv2.error as error:
        raise PictureError("The picture cannot be packed as PNG. Save it as .tif instead.") from error
    if not done:
        raise PictureError("The picture cannot be packed as PNG. Save it as .tif instead.")
    return data.tobytes()


_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}


def orient(samples: Samples, orientation: int) -> Samples:
    """Turn stored samples upright; `orientation` is EXIF's 1 to 8 (Exif 2.32, table 6, tag 0x0112).

    1 is upright already; 2 mirrored, 3 turned by 180°, 4 upside down; 5 to 8 have rows and columns swapped.
    """
    if orientation in _ROTATIONS:
        return cv2.rotate(samples, _ROTATIONS[orientation])
    if orientation == 2:
        return cv2.flip(samples, 1)
    if orientation == 4:
        return cv2.flip(samples, 0)
    if orientation == 5:
        return cv2.transpose(samples)
    if orientation == 7:
        return cv2.rotate(cv2.transpose(samples), cv2.ROTATE_180)
    return samples


def planes(samples: Samples) -> list[Samples]:
    """Split ``(H, W, K)`` into K contiguous ``(H, W)``."""
    return list(cv2.split(samples)) if samples.ndim == 3 else [samples]


def area_average(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize ``(H, W, K)`` so that every new pixel is the mean of the area it covers."""
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.reshape(height, width, pixels.shape[2]), dtype=np.uint8)
