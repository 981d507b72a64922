"""TIFF files: what their samples mean as a picture (TIFF 6.0; ExtraSamples in section 18)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.io import cv
from convstudio.io.errors import PictureError
from convstudio.io.limits import check_size
from convstudio.io.raster import DAMAGED, Alpha, Raster, scale_of
from convstudio.io.tiff_blocks import LZW, Layout, layout_of, read_blocks
from convstudio.io.tiff_tags import ORIENTATION, Directory, TagError, count_pages, read_first

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4}
_MAX_BYTES = 1 << 31
CMYK_NOTE = "The CMYK colours were turned into RGB without a colour profile."


def read_tiff(data: bytes, name: str, control: Control | None = None) -> Raster:
    """Decode the first page of a TIFF or BigTIFF file.

    Raises:
        PictureError: it is damaged, too large or of a variety that is not read.
        Cancelled: by the control.
    """
    try:
        tags = read_first(data)
        check_size(name, tags.number(256, 0), tags.number(257, 0))
        layout = layout_of(tags)
        raster = _read(tags, layout, name, control)
    except TagError as error:
        raise PictureError(f"{name} is a damaged TIFF ({error}). Get another copy of it.") from error
    pages = count_pages(tags)
    if pages > 1:
        raster = raster.noting(f"Only the first of {pages} pages was opened.")
    return raster


def _read(tags: Directory, layout: Layout, name: str, control: Control | None) -> Raster:
    photometric = tags.number(262, BLACK_IS_ZERO)
    colours = _COLOURS.get(photometric, 0)
    if layout.samples > 64 or layout.width * layout.height * layout.samples * layout.bits // 8 > _MAX_BYTES:
        raise PictureError(f"{name} is too large: it has {layout.samples} channels. Save three of them.")
    plain = photometric in (BLACK_IS_ZERO, RGB) and layout.samples == colours and not layout.planar
    if plain and layout.compression == LZW and layout.bits in (8, 16, 32, 64):
        raster = _by_opencv(tags, layout)
        if raster is not None:
            return raster
    if layout.supported and 0 < colours <= layout.samples:
        return _by_blocks(tags, layout, photometric, colours, control)
    fallback = _by_opencv(tags, layout) if not layout.planar and layout.bits <= 8 else None
    if fallback is None:
        raise PictureError(
            f"{name} is a TIFF of a variety that is not read (photometric {photometric}, compression "
            f"{layout.compression}, {layout.bits}-bit). Save it without compression, or as PNG."
        )
    return fallback


def _by_opencv(tags: Directory, layout: Layout) -> Raster | None:
    """Decode what OpenCV is known to read rightly; it turns the picture upright itself."""
    samples, _ = cv.decode(tags.data)
    if samples is None:
        return None
    count = samples.shape[2] if samples.ndim == 3 else 1
    white, depth, notes = scale_of(samples.dtype)
    if layout.samples == 2:
        notes += ("The second channel was left out.",)
    alpha: Alpha = "premultiplied" if count == 4 else "none"
    return Raster(samples, white, reverse=True, alpha=alpha, depth=depth, notes=notes)


def _by_blocks(
    tags: Directory, layout: Layout, photometric: int, colours: int, control: Control | None
) -> Raster:
    samples, whole = read_blocks(tags, layout, control)
    white, depth, notes = scale_of(samples.dtype)
    if layout.kind == "u" and layout.bits <= 16:
        white, depth = float(2**layout.bits - 1), f"{layout.bits}-bit"
    if not whole:
        notes += (DAMAGED,)
    index, alpha = _alpha_of(tags, layout, colours)
    left_out = layout.samples - colours - (index is not None)
    if left_out:
        what = "1 further channel was" if left_out == 1 else f"{left_out} further channels were"
        notes += (f"{what} left out.",)
    cover = None if index is None else samples[:, :, index : index + 1]
    colour = samples[:, :, :colours]
    if photometric == WHITE_IS_ZERO and white is not None:
        colour = (np.array(white, colour.dtype) - colour).astype(colour.dtype)
    elif photometric == PALETTE:
        colour, cover, alpha = _look_up(tags, layout, colour), None, "none"
        white = 65535.0
    elif photometric == CMYK:
        colour, cover, alpha = _rgb_of_cmyk(colour, white), None, "none"
        white, notes = None, (*notes, CMYK_NOTE)
    if cover is not None:
        colour = np.concatenate((colour, cover), axis=2)
    orientation = tags.number(ORIENTATION, 1)
    upright = orientation if 1 <= orientation <= 8 else 1
    return Raster(np.ascontiguousarray(colour), white, False, alpha, upright, depth, notes)


def _alpha_of(tags: Directory, layout: Layout, colours: int) -> tuple[int | None, Alpha]:
    """Find the alpha among the samples after the colours."""
    kinds = [int(n) for n in tags.numbers(338)][: layout.samples - colours]
    for index, kind in enumerate(kinds):
        if kind in (1, 2):
            return colours + index, "premultiplied" if kind == 1 else "straight"
    return None, "none"


def _look_up(tags: Directory, layout: Layout, indices: NDArray[Any]) -> NDArray[np.uint16]:
    table = tags.numbers(320)
    size = 2**layout.bits
    if layout.kind != "u" or layout.bits > 16 or len(table) < 3 * size:
        raise TagError("the palette is missing")
    colours: NDArray[np.uint16] = np.array(table[: 3 * size].reshape(3, size).T, np.uint16)
    if colours.max() < 256:  # some programs write 8-bit palettes
        colours *= 257
    looked_up: NDArray[np.uint16] = colours[indices[:, :, 0]]
    return looked_up


def _rgb_of_cmyk(inks: NDArray[Any], white: float | None) -> NDArray[np.float32]:
    """Lay the inks over each other as ideal filters: each colour is (1 − ink)(1 − black)."""
    shares = inks.astype(np.float32)
    if white is not None:
        shares /= np.float32(white)
    np.subtract(1, shares, out=shares)
    shares[:, :, :3] *= shares[:, :, 3:]
    return shares[:, :, :3]
