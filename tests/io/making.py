"""Image files made by hand, so that the tests do not trust the program that reads them."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from convstudio.io.images import Picture, PictureError, decode_picture, load_picture

Array = np.ndarray[Any, Any]


def outcome(data: bytes, name: str) -> Picture | PictureError:
    """What opening gives, the error being a result too."""
    try:
        return decode_picture(data, name)
    except PictureError as error:
        return error


def refused(path: Path | str) -> str:
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    text = str(caught.value)
    assert re.match(r"[^\n]+\.$", text), f"not a sentence: {text!r}"
    return text


def refused_data(data: bytes, name: str = "photo.png") -> str:
    with pytest.raises(PictureError) as caught:
        decode_picture(data, name)
    text = str(caught.value)
    assert name in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: bytes,
    *extra: tuple[bytes, bytes],
    interlaced: int = 0,
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG of scan lines as they are, each with its filter byte; `extra` chunks come before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_of(pixels: Array) -> bytes:
    """A PNG of ``(H, W, K)`` uint8 or uint16, K 1 to 4 as PNG orders them."""
    height, width, count = pixels.shape
    lines = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + line.tobytes() for line in lines)
    return png(width, height, pixels.dtype.itemsize * 8, {1: 0, 2: 4, 3: 2, 4: 6}[count], rows)


def exif(orientation: int, order: str = "<") -> bytes:
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIH", 42, 8, 1) + entry + bytes(4)


def jpeg(pixels: Array, quality: int = 100) -> bytes:
    """A JPEG of ``(H, W)`` or RGB ``(H, W, 3)``."""
    stored = pixels if pixels.ndim == 2 else pixels[:, :, ::-1]
    done, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def with_exif(data: bytes, block: bytes) -> bytes:
    """A JPEG with an EXIF block put behind its first marker."""
    body = b"Exif\0\0" + block
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def encoded(extension: str, pixels: Array, options: Sequence[int] = ()) -> bytes:
    """A file by OpenCV's encoder from grey, RGB or RGBA pixels."""
    stored = pixels
    if pixels.ndim == 3 and pixels.shape[2] > 1:
        stored = pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(extension, np.ascontiguousarray(stored), list(options))
    assert done
    return data.tobytes()


def tiff(
    pixels: Array,
    photometric: int,
    *,
    order: str = "<",
    planar: bool = False,
    tile: int = 0,
    pack: int = 1,
    predictor: int = 1,
    orientation: int = 1,
    extra: Sequence[int] = (),
    palette: Sequence[int] = (),
    bits: int = 0,
    rows: int = 0,
    pages: int = 1,
) -> bytes:
    """A TIFF of ``(H, W, S)`` numbers in strips, or in tiles of tile × tile pixels.

    With `bits` below 8 the pixels are packed rows of bytes already, and their width that many times more.
    """
    height, width, samples = pixels.shape
    depth = bits or pixels.dtype.itemsize * 8
    real_width = width * 8 // bits if bits else width
    blocks = []
    for plane in [pixels[:, :, s : s + 1] for s in range(samples)] if planar else [pixels]:
        if tile:
            for top in range(0, height, tile):
                for left in range(0, width, tile):
                    block = np.zeros((tile, tile, plane.shape[2]), pixels.dtype)
                    part = plane[top : top + tile, left : left + tile]
                    block[: part.shape[0], : part.shape[1]] = part
                    blocks.append(_packed(block, order, pack, predictor))
        else:
            step = rows or height
            blocks += [
                _packed(plane[top : top + step], order, pack, predictor) for top in range(0, height, step)
            ]
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    entries: list[tuple[int, str, Sequence[int]]] = [
        (256, "I", [real_width]),
        (257, "I", [height]),
        (258, "H", [depth] * samples),
        (259, "H", [pack]),
        (262, "H", [photometric]),
        (274, "H", [orientation]),
        (277, "H", [samples]),
        (284, "H", [2 if planar else 1]),
        (317, "H", [predictor]),
        (339, "H", [kind] * samples),
    ]
    if extra:
        entries.append((338, "H", extra))
    if palette:
        entries.append((320, "H", palette))
    if tile:
        entries += [
            (322, "I", [tile]),
            (323, "I", [tile]),
            (324, "I", []),
            (325, "I", [len(b) for b in blocks]),
        ]
    else:
        entries += [(273, "I", []), (278, "I", [rows or height]), (279, "I", [len(b) for b in blocks])]
    at, offsets = 8, []
    for block in blocks:
        offsets.append(at)
        at += len(block)
    body = b"".join(blocks)
    entries = sorted((t, k, offsets if t in (273, 324) else v) for t, k, v in entries)
    mark = b"II" if order == "<" else b"MM"
    directories = b""
    for page in range(pages):
        directories += _directory(entries, order, at + len(directories), last=page == pages - 1)
    return mark + struct.pack(order + "HI", 42, at) + body + directories


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with one more tag of a 16-bit number."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries.append(struct.pack("<HHIHH", tag, 3, 1, value, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def _packed(block: Array, order: str, pack: int, predictor: int) -> bytes:
    if predictor == 2:
        unsigned = block.view(f"u{block.dtype.itemsize}")
        block = np.diff(unsigned, axis=1, prepend=np.zeros_like(unsigned[:, :1]))
    raw = block.astype(block.dtype.newbyteorder(order)).tobytes()
    if predictor == 3:
        size, samples = block.dtype.itemsize, block.shape[2]
        big = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(block.shape[0], -1, size)
        lines = big.transpose(0, 2, 1).reshape(block.shape[0], -1, samples)
        raw = np.diff(lines, axis=1, prepend=np.zeros_like(lines[:, :1])).tobytes()
    if pack == 8:
        return zlib.compress(raw)
    if pack == 32773:  # all literal, with one repeat in front where there is one
        return b"".join(
            bytes((len(raw[i : i + 128]) - 1,)) + raw[i : i + 128] for i in range(0, len(raw), 128)
        )
    return raw


def _directory(
    entries: Sequence[tuple[int, str, Sequence[int]]], order: str, at: int, *, last: bool
) -> bytes:
    start = struct.pack(order + "H", len(entries))
    behind_at = at + 2 + 12 * len(entries) + 4
    fields, behind = b"", b""
    for tag, kind, numbers in entries:
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        head = struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[kind], len(numbers))
        if len(packed) <= 4:
            fields += head + packed.ljust(4, b"\0")
        else:
            fields += head + struct.pack(order + "I", behind_at + len(behind))
            behind += packed
    following = 0 if last else behind_at + len(behind)
    return start + fields + struct.pack(order + "I", following) + behind


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def planar(pixels: Array, white: float = 1.0) -> Array:
    """What a picture of ``(H, W, K)`` stored numbers must hold."""
    return np.moveaxis(pixels, 2, 0).astype(np.float32) / np.float32(white)


def over_white(pixels: Array, white: float) -> Array:
    """The same for ``(H, W, K)`` whose last number is an alpha, laid over white."""
    scaled = pixels.astype(np.float64) / white
    alpha = scaled[:, :, -1:]
    return np.moveaxis(scaled[:, :, :-1] * alpha + 1 - alpha, 2, 0)


def ramp(height: int, width: int, count: int, dtype: type[Any] = np.uint8) -> Array:
    """Pixels that are all different, as far as the type goes."""
    numbers = np.arange(height * width * count, dtype=np.int64)
    if np.dtype(dtype).kind == "f":
        return (numbers / 7 - 3).astype(dtype).reshape(height, width, count)
    step = max(np.iinfo(dtype).max // max(len(numbers), 1), 1)
    return (numbers * step % (int(np.iinfo(dtype).max) + 1)).astype(dtype).reshape(height, width, count)
