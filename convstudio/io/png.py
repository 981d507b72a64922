"""PNG files: read chunk by chunk before a decoder sees them (PNG specification, third edition).

The decoder gets a file of only what makes the pixels. Animation chunks can crash it, colour profiles make it
print warnings, and a broken chunk makes it give up where most of the picture could still be had.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from convstudio.io.errors import PictureError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_MAX_CHUNKS = 1 << 20
# Adam7: where each of the seven passes starts and how far its pixels are apart.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass
class Png:
    """A PNG file taken apart.

    Attributes:
        width, height, depth, colour, interlaced: as the header says; colour 0 is grey, 2 RGB, 3 a palette,
            4 grey and alpha, 6 RGBA.
        palette, transparency, exif: the bodies of the chunks PLTE, tRNS and eXIf, empty if there are none.
        parts: the bodies of the IDAT chunks in order.
        animated: there are animation chunks.
        damaged: a chunk is cut short, fails its checksum or is missing.
    """

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    palette: bytes = b""
    transparency: bytes = b""
    exif: bytes = b""
    parts: list[memoryview] = field(default_factory=list)
    animated: bool = False
    damaged: bool = False

    @property
    def grey(self) -> bool:
        """Whether the file stores no colours."""
        return self.colour in (0, 4)

    def file(self) -> bytes:
        """Return a PNG file of only what makes the pixels."""
        body = [_chunk(b"IDAT", part) for part in self.parts]
        return self._framed(body)

    def mended_file(self) -> bytes | None:
        """Return a whole PNG file with the rows that can still be read, the others zero; None if none can."""
        strides = self._strides()
        expected = sum(stride * rows for stride, rows in strides)
        raw = _inflate(self.parts, expected)
        whole = self._whole_rows(raw, strides)
        if whole == 0:
            return None
        return self._framed([_chunk(b"IDAT", zlib.compress(raw[:whole] + bytes(expected - whole), 1))])

    def _framed(self, body: list[bytes]) -> bytes:
        header = struct.pack(
            ">IIBBBBB", self.width, self.height, self.depth, self.colour, 0, 0, self.interlaced
        )
        pieces = [SIGNATURE, _chunk(b"IHDR", header)]
        if self.palette:
            pieces.append(_chunk(b"PLTE", self.palette))
        if self.transparency and self.colour in (2, 3):
            pieces.append(_chunk(b"tRNS", self.transparency))
        return b"".join([*pieces, *body, _chunk(b"IEND", b"")])

    def _strides(self) -> list[tuple[int, int]]:
        """Bytes in a row with its filter byte, and rows, of the picture or of each pass that is not empty."""
        bits = self.depth * _SAMPLES[self.colour]
        if not self.interlaced:
            return [(1 + (self.width * bits + 7) // 8, self.height)]
        strides = []
        for left, top, dx, dy in _PASSES:
            columns, rows = -(-(self.width - left) // dx), -(-(self.height - top) // dy)
            if columns > 0 and rows > 0:
                strides.append((1 + (columns * bits + 7) // 8, rows))
        return strides

    def _whole_rows(self, raw: bytes, strides: list[tuple[int, int]]) -> int:
        """Bytes of `raw` that are whole rows with a filter that exists."""
        at = 0
        for stride, rows in strides:
            filters = raw[at : at + stride * rows : stride]
            for row, kind in enumerate(filters):
                if kind > 4 or at + (row + 1) * stride > len(raw):
                    return at + row * stride
            if len(filters) < rows:
                return at + len(filters) * stride
            at += stride * rows
        return at


def parse(data: bytes, name: str) -> Png:
    """Take a PNG file apart. Chunks that do not make pixels are only looked at where they matter.

    Raises:
        PictureError: the header is damaged, or there are no pixels at all.
    """
    header = data[16:29]
    if data[12:16] != b"IHDR" or len(header) < 13:
        raise _hopeless(name)
    width, height, depth, colour, packing, filtering, interlacing = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(colour, ()) or packing or filtering or interlacing > 1:
        raise _hopeless(name)
    png = Png(width, height, depth, colour, bool(interlacing))
    png.damaged = not _collect(png, data)
    if colour == 3 and not (png.palette and len(png.palette) % 3 == 0 and len(png.palette) <= 768):
        raise _hopeless(name)
    _drop_bad_transparency(png)
    if not png.parts:
        raise _hopeless(name)
    return png


def _hopeless(name: str) -> PictureError:
    return PictureError(f"{name} is a damaged PNG with no picture in it. Get another copy of it.")


def _collect(png: Png, data: bytes) -> bool:
    """Gather the chunks; return whether the file is whole."""
    view = memoryview(data)
    at, whole = 8, True
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return False
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        body = view[at + 8 : min(end - 4, len(data))]
        if end > len(data):
            if kind == b"IDAT":
                png.parts.append(body)
            return False
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"tRNS"):
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            whole = whole and zlib.crc32(view[at + 4 : end - 4]) == checksum
        _keep(png, kind, body)
        if kind == b"IEND":
            return whole
        at = end
    return False


def _keep(png: Png, kind: bytes, body: memoryview) -> None:
    if kind == b"IDAT":
        png.parts.append(body)
    elif kind == b"PLTE" and png.colour == 3 and not png.parts:
        png.palette = bytes(body)
    elif kind == b"tRNS" and not png.parts:
        png.transparency = bytes(body)
    elif kind == b"eXIf":
        png.exif = bytes(body)
    elif kind in _ANIMATION:
        png.animated = True


def _drop_bad_transparency(png: Png) -> None:
    size = len(png.transparency)
    fits = {0: size == 2, 2: size == 6, 3: 0 < size <= len(png.palette) // 3}
    if not fits.get(png.colour, False):
        png.transparency = b""


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)))


def _inflate(parts: list[memoryview], expected: int) -> bytes:
    """Decompress up to the first mistake, which takes feeding it a little at a time."""
    inflater = zlib.decompressobj()
    out: list[bytes] = []
    total = 0
    for part in parts:
        for at in range(0, len(part), 64):
            if total >= expected or inflater.eof:
                return b"".join(out)[:expected]
            try:
                piece = inflater.decompress(part[at : at + 64], expected - total)
            except zlib.error:
                return b"".join(out)
            out.append(piece)
            total += len(piece)
    return b"".join(out)
