"""Arrays saved by `numpy.save` as pictures. The header is read by a pattern, never evaluated or unpickled."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.io.errors import PictureError
from convstudio.io.limits import check_size
from convstudio.io.raster import Alpha, Raster, scale_of

_MAGIC = b"\x93NUMPY"
_DESCR = re.compile(rb"'descr':\s*'([<>=|]?)([a-zA-Z])(\d{0,4})'")
_ORDER = re.compile(rb"'fortran_order':\s*(True|False)")
_TYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_SHAPE = re.compile(rb"'shape':\s*\(([\d,\s]{0,200})\)")


def read_npy(data: bytes, name: str) -> Raster:
    """Read ``(H, W)``, ``(C, H, W)`` or ``(H, W, C)`` numbers.

    Of more channels than a picture has the first three are taken, of two the first, and a note says so. Where
    both readings of the axes are possible, channels come first, as this program saves them.

    Raises:
        PictureError: the header is damaged, does not fit the data, or the array is no picture.
    """
    dtype, fortran, shape, start = _header(data, name)
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) not in (2, 3):
        raise PictureError(
            f"{name} holds an array of shape {shape}; a picture is (H, W), (C, H, W) or (H, W, C). "
            "Save one picture of it."
        )
    first = len(shape) == 3 and _channels_first(shape)
    height, width = (shape[1], shape[2]) if first else (shape[0], shape[1])
    check_size(name, width, height)
    if math.prod(shape) * dtype.itemsize > len(data) - start:
        raise PictureError(
            f"{name} is cut short: it says it holds {shape} values of type {dtype.name}, but there are "
            "fewer. Get another copy of it."
        )
    values = np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape, order="F" if fortran else "C")
    samples = np.moveaxis(values, 0, 2) if first else values.reshape(height, width, -1)
    return _raster(samples, first)


def _raster(samples: NDArray[Any], first: bool) -> Raster:
    count = samples.shape[2]
    white, depth, notes = scale_of(samples.dtype)
    alpha: Alpha = "none"
    if count == 4 and not first and samples.dtype.kind in "uf":
        alpha = "straight"
    elif count not in (1, 3):
        taken = 3 if count > 3 else 1
        which = "first three were opened as red, green and blue" if taken == 3 else "first was opened"
        notes += (f"Of its {count} channels the {which}.",)
        samples = samples[:, :, :taken]
    return Raster(samples, white, alpha=alpha, depth=depth, notes=notes)


def _channels_first(shape: tuple[int, ...]) -> bool:
    if shape[0] in (1, 3):
        return True
    if shape[2] in (1, 3, 4):
        return False
    return shape[0] <= shape[2]


def _header(data: bytes, name: str) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """Read the header (NumPy enhancement proposal 1): type, order, shape and where the values start."""
    length_format, at = ("<H", 10) if data[6:7] == b"\x01" else ("<I", 12)
    try:
        (length,) = struct.unpack_from(length_format, data, 8)
    except struct.error:
        length = 0
    text = data[at : at + min(length, 65536)]
    descr, order, shape = _DESCR.search(text), _ORDER.search(text), _SHAPE.search(text)
    if descr is None or order is None or shape is None:
        raise PictureError(
            f"{name} is no array of plain numbers, or its header is damaged. Save it again with numpy.save."
        )
    code = b"".join(descr.groups()).decode("ascii")
    if code.lstrip("<>=|") not in _TYPES:
        raise PictureError(
            f"{name} holds values of the type {code}, which is not read. "
            "Save real numbers, such as float32, with numpy.save."
        )
    dtype = np.dtype(code)
    sizes = tuple(int(n) for n in re.findall(rb"\d+", shape[1]))
    return dtype, order[1] == b"True", sizes, at + length


def npy_pieces(values: NDArray[np.float32]) -> Iterator[bytes | memoryview]:
    """Yield the file `numpy.save` would write for a float32 array: the header, then plane by plane."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {values.shape}, }}"
    padding = -(len(_MAGIC) + 4 + len(text) + 1) % 64
    header = (text + " " * padding + "\n").encode("ascii")
    yield _MAGIC + b"\x01\x00" + struct.pack("<H", len(header)) + header
    for plane in values:
        yield np.ascontiguousarray(plane, "<f4").data.cast("B")
