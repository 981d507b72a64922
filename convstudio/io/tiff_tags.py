"""The directories of tags that TIFF files and EXIF blocks are made of (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Field type -> NumPy's letter and size; rationals and the like are of no interest here.
_TYPES = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8"}
_MAX_PAGES = 10_000

ORIENTATION = 0x0112


class TagError(ValueError):
    """The structure of tags is damaged."""


@dataclass(frozen=True)
class Directory:
    """One directory: where each tag's values lie in `data`."""

    data: bytes
    order: str
    big: bool
    entries: dict[int, tuple[int, int, int]]  # tag -> (type, count, offset of the values)
    following: int

    def numbers(self, tag: int) -> NDArray[Any]:
        """Return all values of a tag, none if it is not there.

        Raises:
            TagError: they lie outside the file.
        """
        if tag not in self.entries:
            return np.empty(0, np.uint32)
        kind, count, at = self.entries[tag]
        if kind not in _TYPES:
            raise TagError(f"tag {tag} has the type {kind}")
        dtype = np.dtype(self.order + _TYPES[kind])
        if at + count * dtype.itemsize > len(self.data):
            raise TagError(f"tag {tag} lies outside the file")
        return np.frombuffer(self.data, dtype, count, at)

    def number(self, tag: int, default: int) -> int:
        """Return the first value of a tag as a whole number.

        Raises:
            TagError: it lies outside the file or is none.
        """
        values = self.numbers(tag)
        if not len(values):
            return default
        if values.dtype.kind == "f" and not np.isfinite(values[0]):
            raise TagError(f"tag {tag} is not a number")
        return int(values[0])


def read_first(data: bytes) -> Directory:
    """Read the first directory of a TIFF file or an EXIF block.

    Raises:
        TagError: there is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise TagError("no byte order")
    (version,) = struct.unpack_from(order + "H", data, 2)
    big = version == 43
    if big and len(data) < 16:
        raise TagError("too short")
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    return _read(data, order, big, at)


def _read(data: bytes, order: str, big: bool, at: int) -> Directory:
    entry = struct.Struct(order + ("HHQ" if big else "HHI"))
    length, count_format, pointer = (20, "Q", "Q") if big else (12, "H", "I")
    if at > len(data):
        raise TagError("the directory lies outside the file")
    try:
        (count,) = struct.unpack_from(order + count_format, data, at)
        first = at + struct.calcsize(order + count_format)
        if first + count * length > len(data):
            raise TagError("the directory is cut short")
        entries: dict[int, tuple[int, int, int]] = {}
        for start in range(first, first + count * length, length):
            tag, kind, values = entry.unpack_from(data, start)
            where = start + entry.size
            size = values * np.dtype(_TYPES.get(kind, "u1")).itemsize
            if size > length - entry.size:
                (where,) = struct.unpack_from(order + pointer, data, where)
            entries.setdefault(tag, (kind, values, where))
        end = first + count * length
        following = 0
        if end + struct.calcsize(order + pointer) <= len(data):
            (following,) = struct.unpack_from(order + pointer, data, end)
    except struct.error as error:
        raise TagError("the directory lies outside the file") from error
    return Directory(data, order, big, entries, following)


def count_pages(first: Directory) -> int:
    """Count the directories that follow each other, up to a damaged one, a circle or ten thousand."""
    seen: set[int] = set()
    directory = first
    while directory.following and directory.following not in seen and len(seen) < _MAX_PAGES:
        seen.add(directory.following)
        try:
            directory = _read(first.data, first.order, first.big, directory.following)
        except TagError:
            return len(seen)
    return len(seen) + 1


def exif_orientation(block: bytes) -> int:
    """Return the orientation an EXIF block tells, 1 to 8; 1 if it does not."""
    block = block.removeprefix(b"Exif\x00\x00")
    try:
        value = read_first(block).number(ORIENTATION, 1)
    except TagError:
        return 1
    return value if 1 <= value <= 8 else 1
