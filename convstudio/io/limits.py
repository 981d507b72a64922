"""How large a picture may be."""

from __future__ import annotations

from convstudio.io.errors import PictureError

MAX_PIXELS = 1 << 26
"""Pixels in one picture, 8192 × 8192: more is refused before a byte of it is decoded."""

MAX_SIDE = 1_000_000
"""Pixels along one side, which is what the PNG and other decoders take."""

MAX_BYTES = 1 << 30
"""Bytes in one file, enough for `MAX_PIXELS` of float32 in three channels."""


def check_size(name: str, width: int, height: int) -> None:
    """Refuse a picture of no pixels, of more than `MAX_PIXELS`, or with a side longer than `MAX_SIDE`.

    Raises:
        PictureError: it is so.
    """
    if width < 1 or height < 1:
        raise PictureError(f"{name} cannot be opened: it says it is {width} × {height} pixels large.")
    if width * height > MAX_PIXELS:
        millions = width * height / 1e6
        raise PictureError(
            f"{name} is too large: {width} × {height} pixels are {millions:,.0f} million, "
            f"and {MAX_PIXELS // 10**6} million are the most. Make it smaller first."
        )
    if max(width, height) > MAX_SIDE:
        raise PictureError(
            f"{name} is too large: {width} × {height} pixels, and a side may have a million at most. "
            "Cut it into pieces first."
        )
