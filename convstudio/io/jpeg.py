"""JPEG files: their size, and what can be had of a damaged one (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from convstudio.io.errors import PictureError

_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_END = b"\xff\xd9"


@dataclass(frozen=True)
class Frame:
    """The frame header: ``width`` × ``height`` pixels of ``components`` samples of ``bits`` bits."""

    width: int
    height: int
    components: int
    bits: int


def frame_of(data: bytes, name: str) -> Frame:
    """Find the frame header.

    Raises:
        PictureError: the file ends or breaks before it.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _START_OF_FRAME and at + 10 <= len(data):
            bits, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            return Frame(width, height, components, bits)
        if marker in (0xD9, 0xDA):
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise PictureError(f"{name} is a damaged JPEG with no picture in it. Get another copy of it.")


def mended(data: bytes) -> bytes:
    """Return the file up to its last whole segment or scan data, properly ended.

    A decoder takes such a file and leaves grey what is missing.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:  # inside scan data: go to the next marker
            found = data.find(b"\xff", at)
            if found < 0 or found + 4 > len(data):
                return data[: found if found > 0 else None] + _END
            at = found
        marker = data[at + 1]
        if marker == 0xD9:
            return data[: at + 2]
        if marker == 0xFF:
            at += 1
        elif marker == 0x00 or marker in _BARE:
            at += 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if end > len(data):
                return data[:at] + _END
            at = end
    return data[:at] + _END
