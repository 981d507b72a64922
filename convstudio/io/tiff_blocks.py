"""The samples of a TIFF file, from strips or tiles of bytes (TIFF 6.0, sections 9, 13, 14; technical notes).

OpenCV hands out wrong pixels without a word for planes stored apart, for grey with alpha and for inverted
16-bit grey, so whatever is not plain is unpacked here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.io.tiff_tags import Directory, TagError

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
UNPACKED = {NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS}
# Times that packing can make a block smaller, and what is left of a file that lost most of its end.
_LARGEST_RATIO = {NONE: 16, PACKBITS: 64 * 16}
_LARGEST_OTHER_RATIO = 1500 * 16
_ROWS_AT_ONCE = 64
_REVERSED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}


@dataclass(frozen=True)
class Layout:
    """How the samples lie in the file.

    Attributes:
        width, height: of the picture; samples: for each pixel.
        bits: of a sample; kind: "u", "i" or "f" as NumPy names them.
        planar: each sample has blocks of its own.
        block_width, block_height: of a strip or tile; tiled: blocks at the border are stored in full.
        compression, predictor: as TIFF numbers them; reversed_bits: the lowest bit comes first.
    """

    width: int
    height: int
    samples: int
    bits: int
    kind: str
    planar: bool
    block_width: int
    block_height: int
    tiled: bool
    compression: int
    predictor: int
    reversed_bits: bool

    @property
    def supported(self) -> bool:
        """Whether `read_blocks` understands it."""
        plain = self.bits in {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}[self.kind]
        packed = self.kind == "u" and self.bits < 16
        predictors = {1} if not plain else {1, 2, 3} if self.kind == "f" else {1, 2}
        return self.compression in UNPACKED and (plain or packed) and self.predictor in predictors

    @property
    def dtype(self) -> np.dtype[Any]:
        """The native number type the samples are unpacked to."""
        if self.bits in (8, 16, 32, 64):
            return np.dtype(f"{self.kind}{self.bits // 8}")
        return np.dtype(np.uint8 if self.bits < 8 else np.uint16)


def layout_of(tags: Directory) -> Layout:
    """Read the layout from the tags.

    Raises:
        TagError: they are damaged or contradict each other.
    """
    width, height = tags.number(256, 0), tags.number(257, 0)
    tiled = 322 in tags.entries
    block_width = tags.number(322, width) if tiled else width
    block_height = tags.number(323, 0) if tiled else min(tags.number(278, height), height)
    bits = {int(n) for n in tags.numbers(258)} or {1}
    kinds = {int(n) for n in tags.numbers(339)} or {1}
    if len(bits) > 1 or len(kinds) > 1 or not kinds <= set(_KINDS):
        raise TagError("samples of different kinds")
    depth = bits.pop()
    if width < 1 or height < 1 or block_width < 1 or block_height < 1 or not 1 <= depth <= 64:
        raise TagError("a size of nothing")
    if block_width * block_height > 1 << 28:
        raise TagError("blocks too large")
    return Layout(
        width=width,
        height=height,
        samples=max(tags.number(277, 1), 1),
        bits=depth,
        kind=_KINDS[kinds.pop()],
        planar=tags.number(284, 1) == 2,
        block_width=block_width,
        block_height=block_height,
        tiled=tiled,
        compression=tags.number(259, 1),
        predictor=tags.number(317, 1),
        reversed_bits=tags.number(266, 1) == 2,
    )


def read_blocks(tags: Directory, layout: Layout, control: Control | None) -> tuple[NDArray[Any], bool]:
    """Read all samples.

    Returns:
        ``(H, W, S)`` native numbers, zero where the file is damaged, and whether it is whole.

    Raises:
        TagError: nothing can be read.
        Cancelled: by the control.
    """
    size = layout.height * layout.width * layout.samples * layout.bits // 8
    if size > len(tags.data) * _LARGEST_RATIO.get(layout.compression, _LARGEST_OTHER_RATIO):
        raise TagError("far less is there than it says")
    offsets, counts = tags.numbers(324 if layout.tiled else 273), tags.numbers(325 if layout.tiled else 279)
    out = np.zeros((layout.height, layout.width, layout.samples), layout.dtype)
    whole, found = True, False
    for index, (plane, top, left) in enumerate(_places(layout)):
        if control is not None:
            control.check()
        if index >= len(offsets):
            whole = False
            break
        start = int(offsets[index])
        count = int(counts[index]) if index < len(counts) else len(tags.data)
        stored = tags.data[start : start + count]
        rows = layout.block_height if layout.tiled else min(layout.block_height, layout.height - top)
        depth = 1 if layout.planar else layout.samples
        raw, complete = _expand(stored, layout, _row_bytes(layout, depth) * rows)
        whole, found = whole and complete, found or bool(stored)
        block = _numbers(raw, layout, tags.order, rows, depth)
        target = out[top : top + rows, left : left + layout.block_width]
        part = block[: target.shape[0], : target.shape[1]]
        if layout.planar:
            target[:, :, plane] = part[:, :, 0]
        else:
            target[...] = part
    if not found:
        raise TagError("no samples")
    return out, whole


def _places(layout: Layout) -> Iterator[tuple[int, int, int]]:
    """Plane, top and left of every block in the order of the file."""
    for plane in range(layout.samples if layout.planar else 1):
        for top in range(0, layout.height, layout.block_height):
            for left in range(0, layout.width, layout.block_width):
                yield plane, top, left


def _row_bytes(layout: Layout, depth: int) -> int:
    return (layout.block_width * depth * layout.bits + 7) // 8


def _expand(stored: bytes, layout: Layout, size: int) -> tuple[bytes, bool]:
    """Decompress a block to exactly `size` bytes and tell whether they were all there."""
    if layout.reversed_bits:
        stored = stored.translate(_REVERSED)
    if layout.compression == LZW:
        raw = unpack_lzw(stored, size)
    elif layout.compression == PACKBITS:
        raw = unpack_packbits(stored, size)
    elif layout.compression == NONE:
        raw = stored
    else:
        raw = _unpack_deflate(stored, size)
    if len(raw) >= size:
        return raw[:size], True
    return raw + bytes(size - len(raw)), False


def _unpack_deflate(stored: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        return inflater.decompress(stored, size)
    except zlib.error:
        pass
    # Damaged: again in small pieces, up to the first mistake.
    inflater, out = zlib.decompressobj(), bytearray()
    for at in range(0, len(stored), 64):
        try:
            out += inflater.decompress(stored[at : at + 64])
        except zlib.error:
            break
    return bytes(out[:size])


def unpack_packbits(stored: bytes, size: int) -> bytes:
    """Undo run lengths (TIFF 6.0, section 9), as far as they go."""
    out, at = bytearray(), 0
    while at < len(stored) and len(out) < size:
        head = stored[at]
        if head < 128:
            out += stored[at + 1 : at + 2 + head]
            at += 2 + head
        else:
            if head > 128:
                out += stored[at + 1 : at + 2] * (257 - head)
            at += 2 if head > 128 else 1
    return bytes(out)


def unpack_lzw(stored: bytes, size: int) -> bytes:
    """Undo LZW with codes of 9 to 12 bits, highest first (TIFF 6.0, section 13), as far as they go."""
    first = [bytes((n,)) for n in range(256)] + [b"", b""]
    table, out = list(first), bytearray()
    bits = held = 0
    width, last = 9, b""
    for byte in stored:
        held, bits = held << 8 | byte, bits + 8
        if bits < width:
            continue
        bits -= width
        code, held = held >> bits, held & (1 << bits) - 1
        if code == 256:
            table, width, last = list(first), 9, b""
            continue
        if code < len(table):
            entry = table[code]
        elif code == len(table) and last:
            entry = last + last[:1]
        else:
            break
        if code == 257 or len(out) >= size:
            break
        out += entry
        if last:
            table.append(last + entry[:1])
        last = entry
        width = 9 if len(table) < 511 else 10 if len(table) < 1023 else 11 if len(table) < 2047 else 12
    return bytes(out[:size])


def _numbers(raw: bytes, layout: Layout, order: str, rows: int, depth: int) -> NDArray[Any]:
    """Turn a block's bytes into ``(rows, block width, depth)`` native numbers."""
    shape = (rows, layout.block_width, depth)
    if layout.bits not in (8, 16, 32, 64):
        return _narrow(raw, layout, shape)
    size = layout.bits // 8
    if layout.predictor == 3:
        steps = np.frombuffer(raw, np.uint8).reshape(rows, -1, depth)
        summed = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(rows, size, -1)
        floats = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(f">f{size}")
        return floats.reshape(shape).astype(layout.dtype)
    if layout.predictor == 2:
        steps = np.frombuffer(raw, f"{order}u{size}").reshape(shape)
        return np.cumsum(steps, axis=1, dtype=f"u{size}").view(layout.dtype)
    return np.frombuffer(raw, layout.dtype.newbyteorder(order)).reshape(shape)  # type: ignore[arg-type]


def _narrow(raw: bytes, layout: Layout, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Unpack samples that do not fill their bytes, highest bit first; every row starts on a byte."""
    rows, width, depth = shape
    packed = np.frombuffer(raw, np.uint8).reshape(rows, -1)
    weights = (1 << np.arange(layout.bits)[::-1]).astype(layout.dtype)
    out = np.empty(shape, layout.dtype)
    for top in range(0, rows, _ROWS_AT_ONCE):
        bits = np.unpackbits(packed[top : top + _ROWS_AT_ONCE], axis=1, count=width * depth * layout.bits)
        out[top : top + _ROWS_AT_ONCE] = (bits.reshape(-1, width, depth, layout.bits) * weights).sum(
            axis=3, dtype=layout.dtype
        )
    return out
