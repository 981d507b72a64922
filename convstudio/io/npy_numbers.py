"""Arrays of any number of axes as .npy files: weights. The header is read by a pattern, never evaluated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.io.atomic import Bytes
from convstudio.io.errors import PictureError
from convstudio.io.npy import _MAGIC as MAGIC
from convstudio.io.npy import _header as read_header

_MOST_AXES = 8


def numbers_of(data: bytes, name: str) -> NDArray[np.float64]:
    """Return the array of a .npy file; ``name`` is what messages call it.

    Raises:
        PictureError: it is damaged, empty, or holds something other than real numbers.
    """
    if not data.startswith(MAGIC):
        raise PictureError(f"{name} holds no numbers.")
    dtype, fortran, shape, start = read_header(data, name)
    count = math.prod(shape)
    if len(shape) > _MOST_AXES or count < 1 or count * dtype.itemsize != len(data) - start:
        raise PictureError(f"{name} is damaged: its size is not what its header says.")
    values = np.frombuffer(data, dtype, count, start)
    return values.reshape(shape, order="F" if fortran else "C").astype(np.float64)


def numbers_pieces(values: NDArray[Any]) -> list[Bytes]:
    """Return the file that `numpy.save` would write of an array as float64."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {values.shape}, }}"
    # Padded so that the values start at a multiple of 64 bytes, the new line included.
    header = (text + " " * (-(len(MAGIC) + 4 + len(text) + 1) % 64) + "\n").encode("ascii")
    start = MAGIC + b"\x01\x00" + len(header).to_bytes(2, "little") + header
    return [start, np.ascontiguousarray(values, "<f8").tobytes()]
