"""Float TIFF files: baseline, uncompressed, 32-bit IEEE samples (TIFF 6.0, sections 6 and 19)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_STRIP_BYTES = 1 << 20
_MAX_FILE = (1 << 32) - 1

SHORT, LONG = 3, 4


def tiff_fits(shape: tuple[int, int, int]) -> bool:
    """Whether values of the shape ``(C, H, W)`` fit the 4 GiB a TIFF file can be long."""
    channels, height, width = shape
    return channels * height * width * 4 + height * 8 + 4096 < _MAX_FILE


def tiff_pieces(values: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield a TIFF file of ``(C, H, W)`` float32, C 1 (grey) or 3 (RGB), in strips, bit for bit."""
    channels, height, width = values.shape
    row = width * channels * 4
    rows = max(_STRIP_BYTES // row, 1)
    strips = -(-height // rows)
    sizes = [row * min(rows, height - top) for top in range(0, height, rows)]
    entries = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [32] * channels),
        (259, SHORT, [1]),
        (262, SHORT, [1 if channels == 1 else 2]),
        (273, LONG, [0] * strips),
        (277, SHORT, [channels]),
        (278, LONG, [rows]),
        (279, LONG, sizes),
        (284, SHORT, [1]),
        (339, SHORT, [3] * channels),
    ]
    start = len(_header(entries))
    offsets = np.cumsum([start, *sizes[:-1]]).tolist()
    yield _header([(tag, kind, offsets if tag == 273 else numbers) for tag, kind, numbers in entries])
    for top in range(0, height, rows):
        yield np.moveaxis(values[:, top : top + rows], 0, 2).astype("<f4").tobytes()


def _header(entries: list[tuple[int, int, list[int]]]) -> bytes:
    """Lay out the file header, the directory, and behind it the values that do not fit into an entry."""
    directory = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    behind = b""
    at = len(directory) + 12 * len(entries) + 4
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == SHORT else 'I'}", *numbers)
        if len(packed) <= 4:
            field = packed.ljust(4, b"\0")
        else:
            field = struct.pack("<I", at + len(behind))
            behind += packed + b"\0" * (len(packed) % 4)
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + field
    return directory + bytes(4) + behind
