"""The size of a picture read from its first bytes, so that one that is too large is refused undecoded.

PNG, JPEG, TIFF and .npy have modules of their own; the rest is here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from convstudio.io.errors import PictureError


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        width, height: in pixels, as stored.
        white: the stored value that means white, where the sample type does not tell.
        animated: more than one frame follows.
        cut: the end is missing, which the decoder would not say.
    """

    width: int
    height: int
    white: int | None = None
    animated: bool = False
    cut: bool = False


def measure(kind: str, data: bytes, name: str) -> Header:
    """Read the header of a file of a kind that `sniff` returned.

    Raises:
        PictureError: the header is damaged.
    """
    try:
        return _READERS[kind](data)
    except (struct.error, ValueError, IndexError) as error:
        raise PictureError(
            f"{name} is damaged at its beginning, so that not even its size is known. Get another copy of it."
        ) from error


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    return Header(width, height, animated=_gif_frames(data, 13 + _table(flags)) > 1)


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_frames(data: bytes, at: int) -> int:
    """Count image blocks up to two (GIF89a specification, appendix B)."""
    frames = 0
    while frames < 2 and at < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x2C:
            frames += 1
            if at + 9 >= len(data):
                break
            at += 11 + _table(data[at + 9])
        else:
            at += 2
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    (pixels_at,) = struct.unpack_from("<I", data, 10)
    if pixels_at > len(data):
        raise ValueError("the pixels lie outside the file")
    return Header(abs(width), abs(height))


def _webp(data: bytes) -> Header:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Header(width, height, animated=bool(data[20] & 2))
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", data, 26)
    return Header(width & 0x3FFF, height & 0x3FFF)


_TOKEN = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")


def _pnm(data: bytes) -> Header:
    head = data[:65536]
    kind = head[1:2]
    if kind == b"7":
        fields = dict(re.findall(rb"^(WIDTH|HEIGHT|MAXVAL)\s+(\d{1,9})", head.split(b"ENDHDR")[0], re.M))
        sizes = [int(fields.get(key, b"")) for key in (b"WIDTH", b"HEIGHT", b"MAXVAL")]
        return Header(sizes[0], sizes[1], sizes[2])
    numbers, at = [], 2
    for _ in range(2 if kind in b"14" else 3):
        token = _TOKEN.match(head, at)
        if token is None:
            raise ValueError("the header ends early")
        numbers.append(int(token[1]))
        at = token.end()
    white = numbers[2] if len(numbers) == 3 else None
    if kind in b"23" and white is not None and white < 256:
        white = 255  # OpenCV has scaled a plain-text file already, but not one in binary
    return Header(numbers[0], numbers[1], white)


def _pfm(data: bytes) -> Header:
    words = data[:256].split(None, 4)
    return Header(int(words[1]), int(words[2]))


def _hdr(data: bytes) -> Header:
    found = re.search(rb"\n[-+]Y (\d{1,9}) [-+]X (\d{1,9})\n", data[:65536])
    if found is None:
        raise ValueError("no size")
    return Header(int(found[2]), int(found[1]))


def _ras(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 4)
    return Header(width, height)


def _jp2(data: bytes) -> Header:
    """Read the SIZ segment of the code stream (ISO/IEC 15444-1, A.5.1), which is what the decoder obeys."""
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0:
        raise ValueError("no code stream")
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    depth = (data[at + 42] & 0x7F) + 1
    length = int.from_bytes(data[at - 8 : at - 4], "big") if data[at - 4 : at] == b"jp2c" else 0
    end = at - 8 + length if length > 1 else len(data)
    cut = data[end - 2 : end] != b"\xff\xd9"
    return Header(right - left, bottom - top, 2**depth - 1, cut=cut)


def _avif(data: bytes) -> Header:
    """Read the sizes and the depth among the item properties (ISO/IEC 23008-12, 6.5.3; AV1-ISOBMFF, 2.3)."""
    head = data[: 1 << 20]
    sizes = [struct.unpack_from(">II", data, m.end() + 4) for m in re.finditer(b"ispe", head)]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    flags = data[head.index(b"av1C") + 6]
    depth = 12 if flags & 0x20 else 10 if flags & 0x40 else 8
    return Header(width, height, 2**depth - 1, animated=b"avis" in data[8:12])


_READERS: dict[str, Callable[[bytes], Header]] = {
    "GIF": _gif,
    "BMP": _bmp,
    "WEBP": _webp,
    "PNM": _pnm,
    "PFM": _pfm,
    "HDR": _hdr,
    "RAS": _ras,
    "JP2": _jp2,
    "AVIF": _avif,
}
