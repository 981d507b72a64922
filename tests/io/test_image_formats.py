"""Every kind of picture opens with the right values, the right way up, and says what happened on the way."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convstudio.io.images import decode_picture
from tests.io.making import (
    Array,
    encoded,
    exif,
    jpeg,
    over_white,
    planar,
    png,
    png_chunk,
    png_of,
    ramp,
    tiff,
    with_exif,
    with_tag,
)

OVER_WHITE = "Transparency was laid over white."
FIRST_FRAME = "Only the first frame of the animation was opened."
CMYK = "The CMYK colours were turned into RGB without a colour profile."


# --- PNG ---


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_values_are_scaled_to_one_exactly(count: int, dtype: type) -> None:
    pixels = ramp(5, 7, count, dtype)
    picture = decode_picture(png_of(pixels), "a.png")
    assert picture.values.dtype == np.float32
    assert picture.values.flags.c_contiguous
    assert not picture.values.flags.writeable
    assert_array_equal(picture.values, planar(pixels, np.iinfo(dtype).max))
    assert picture.notes == ()
    assert picture.source_depth == f"{np.dtype(dtype).itemsize * 8}-bit"
    assert picture.name == "a.png"


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_transparency_is_laid_over_white(count: int, dtype: type) -> None:
    pixels = ramp(4, 6, count, dtype)
    picture = decode_picture(png_of(pixels), "a.png")
    assert picture.shape == (count - 1, 4, 6)
    assert_allclose(picture.values, over_white(pixels, np.iinfo(dtype).max), atol=1e-6)
    assert picture.notes == (OVER_WHITE,)


def test_an_opaque_alpha_is_not_worth_a_note() -> None:
    pixels = ramp(4, 6, 4)
    pixels[:, :, 3] = 255
    picture = decode_picture(png_of(pixels), "a.png")
    assert_array_equal(picture.values, planar(pixels[:, :, :3], 255))
    assert picture.notes == ()


@pytest.mark.parametrize(("depth", "row", "levels"), [(1, b"\xa0", [1, 0, 1]), (2, b"\x1b", [0, 1, 2, 3])])
def test_narrow_grey_png(depth: int, row: bytes, levels: list[int]) -> None:
    picture = decode_picture(png(len(levels), 1, depth, 0, b"\0" + row), "a.png")
    assert_allclose(picture.values.ravel(), np.array(levels) / (2**depth - 1), atol=1e-6)
    assert picture.source_depth == f"{depth}-bit"


PALETTE = bytes((255, 0, 0, 0, 128, 0, 0, 0, 64))


def test_palette_png() -> None:
    picture = decode_picture(png(3, 1, 2, 3, b"\0\x18", (b"PLTE", PALETTE)), "a.png")
    assert_array_equal(picture.values[:, 0].T * 255, [[255, 0, 0], [0, 128, 0], [0, 0, 64]])
    assert picture.notes == ()


def test_palette_png_with_a_transparent_colour() -> None:
    data = png(3, 1, 8, 3, b"\0\0\1\2", (b"PLTE", PALETTE), (b"tRNS", b"\xff\x00"))
    picture = decode_picture(data, "a.png")
    assert_array_equal(picture.values[:, 0].T * 255, [[255, 0, 0], [255, 255, 255], [0, 0, 64]])
    assert picture.notes == (OVER_WHITE,)


@pytest.mark.parametrize(
    "data",
    [
        png(2, 1, 8, 0, b"\0\x07\x01", (b"tRNS", b"\0\x07")),
        png(2, 1, 2, 0, b"\0\x60", (b"tRNS", b"\0\x01")),
        png(2, 1, 16, 0, b"\0\0\7\0\1", (b"tRNS", b"\0\x07")),
        png(2, 1, 8, 2, b"\0\7\0\0\1\1\1", (b"tRNS", b"\0\7\0\0\0\0")),
    ],
)
def test_png_with_one_transparent_value(data: bytes) -> None:
    picture = decode_picture(data, "a.png")
    assert_array_equal(picture.values[:, 0, 0], 1.0)
    assert (picture.values[:, 0, 1] < 1.0).all()
    assert picture.notes == (OVER_WHITE,)


def test_interlaced_png_agrees_with_the_plain_one() -> None:
    pixels = ramp(11, 13, 1)
    rows = b""
    for left, top, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
    ):
        rows += b"".join(b"\0" + line.tobytes() for line in pixels[top::dy, left::dx, 0])
    rows += b"".join(b"\0" + line.tobytes() for line in pixels[1::2, :, 0])
    data = png(13, 11, 8, 0, rows, interlaced=1)
    assert_array_equal(decode_picture(data, "a.png").values, planar(pixels, 255))
    partial = decode_picture(data[:-40], "a.png")
    assert partial.notes == ("Opened partially: the file is damaged.",)
    assert_array_equal(partial.values[:, ::8, ::8], planar(pixels, 255)[:, ::8, ::8])


def test_animated_png_gives_its_still_picture() -> None:
    pixels = ramp(3, 4, 3)
    plain = png_of(pixels)
    control = struct.pack(">IIIIIHHBB", 0, 4, 3, 0, 0, 1, 10, 0, 0)
    head, tail = plain[:33], plain[33:]
    data = head + png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", control) + tail
    data = data[:-12] + png_chunk(b"fdAT", b"\0\0\0\1garbage") + data[-12:]
    picture = decode_picture(data, "a.png")
    assert_array_equal(picture.values, planar(pixels, 255))
    assert picture.notes == (FIRST_FRAME,)


# --- orientation ---


def upright(pixels: Array, orientation: int) -> Array:
    """Exif 2.32, table 6, written as where the stored first row and column are shown."""
    return {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p[::-1].swapaxes(0, 1),
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: p[:, ::-1].swapaxes(0, 1),
    }[orientation](pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_jpeg(orientation: int) -> None:
    pixels = np.kron(ramp(2, 3, 1), np.ones((8, 8, 1), np.uint8))
    for order in "<>":
        data = with_exif(jpeg(pixels[:, :, 0]), exif(orientation, order))
        picture = decode_picture(data, "a.jpg")
        assert_allclose(picture.values, planar(upright(pixels, orientation), 255), atol=2 / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_png_and_tiff(orientation: int) -> None:
    pixels = ramp(3, 5, 3)
    wanted = planar(upright(pixels, orientation), 255)
    rows = b"".join(b"\0" + line.tobytes() for line in pixels)
    turned = png(5, 3, 8, 2, rows, (b"eXIf", exif(orientation)))
    assert_array_equal(decode_picture(turned, "a.png").values, wanted)
    assert_array_equal(decode_picture(tiff(pixels, 2, orientation=orientation), "a.tif").values, wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientation_of_lzw_tiff(orientation: int, dtype: type) -> None:
    pixels = ramp(3, 5, 3, dtype)
    data = with_tag(encoded(".tif", pixels, [259, 5]), 0x0112, orientation)
    picture = decode_picture(data, "a.tif")
    assert_array_equal(picture.values, planar(upright(pixels, orientation), np.iinfo(dtype).max))


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    data = with_exif(jpeg(ramp(2, 3, 1)[:, :, 0]), exif(orientation))
    assert decode_picture(data, "a.jpg").shape == (1, 2, 3)


# --- the others ---


def test_jpeg_colours_are_in_order() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :, 0], pixels[:, :, 2] = 255, 64
    values = decode_picture(jpeg(pixels), "wrong-name.png").values
    assert_allclose(values[:, 8, 8], [1, 0, 64 / 255], atol=0.02)


def test_cmyk_jpeg() -> None:
    from PySide6.QtCore import QBuffer, QIODevice
    from PySide6.QtGui import QColor, QImage

    image = QImage(16, 16, QImage.Format.Format_RGB32)
    image.fill(QColor(255, 0, 64))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.convertToFormat(QImage.Format.Format_CMYK8888).save(buffer, "jpeg", 100)
    picture = decode_picture(bytes(buffer.data().data()), "a.jpg")
    assert_allclose(picture.values[:, 8, 8], [1, 0, 64 / 255], atol=0.03)
    assert picture.notes == (CMYK,)


@pytest.mark.parametrize("extension", [".bmp", ".webp", ".ppm", ".jp2", ".avif", ".gif"])
def test_colour_in_other_formats(extension: str) -> None:
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, :24, 0] = 255
    pixels[:, 24:, 2] = 255
    pixels[:8] = 255
    picture = decode_picture(encoded(extension, pixels, [64, 101] if extension == ".webp" else []), "a")
    assert picture.shape == (3, 32, 48)
    assert_allclose(picture.values[:, 20, 10], [1, 0, 0], atol=0.05)
    assert_allclose(picture.values[:, 20, 40], [0, 0, 1], atol=0.05)
    assert_allclose(picture.values[:, 2, 20], 1, atol=0.05)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"P2\n2 1\n100\n0 100\n", [0, 1]),
        (b"P2\n# words\n2 1 1023 0 1023\n", [0, 1]),
        (b"P5\n2 1\n100\n\x00\x64", [0, 1]),
        (b"P5\n2 1\n1023\n\x00\x00\x03\xff", [0, 1]),
        (b"P5\n2 1\n65535\n\x00\x00\xff\xff", [0, 1]),
        (b"P1\n3 1\n0 1 0\n", [1, 0, 1]),
        (b"P4\n3 1\n\x40", [1, 0, 1]),
        (b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", -1.5, 7.0), [-1.5, 7]),
    ],
)
def test_portable_maps_use_their_largest_value_as_white(data: bytes, values: list[float]) -> None:
    assert_array_equal(decode_picture(data, "a.pgm").values.ravel(), values)


@pytest.mark.parametrize("depth", [10, 12])
def test_deep_avif_uses_its_largest_value_as_white(depth: int) -> None:
    white = 2**depth - 1
    pixels = np.full((16, 16, 3), white, np.uint16)
    pixels[8:] = white // 2
    picture = decode_picture(encoded(".avif", pixels, [513, depth, 512, 100]), "a.avif")
    assert picture.source_depth == f"{depth}-bit"
    assert_allclose(picture.values[:, 2, 2], 1, atol=0.01)
    assert_allclose(picture.values[:, 13, 2], 0.5, atol=0.01)


def test_animations_give_their_first_frame() -> None:
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
    head = b"GIF89a\1\0\1\0\x80\0\0" + bytes((255, 0, 0, 0, 0, 255))
    assert decode_picture(head + frame + b"\x3b", "a.gif").notes == ()
    picture = decode_picture(head + frame + frame + b"\x3b", "a.gif")
    assert picture.shape == (3, 1, 1)
    assert picture.notes == (FIRST_FRAME,)


def test_icon_gives_its_largest_picture() -> None:
    small, large = png_of(ramp(2, 2, 4)), png_of(np.full((5, 4, 4), 255, np.uint8))
    directory = struct.pack("<HHH", 0, 1, 2)
    at = 6 + 32
    for width, height, data in (2, 2, small), (4, 5, large):
        directory += struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(data), at)
        at += len(data)
    picture = decode_picture(directory + small + large, "a.ico")
    assert picture.shape == (3, 5, 4)
    assert_array_equal(picture.values, 1.0)


@pytest.mark.parametrize("size", ['width="20" height="10"', 'viewBox="0 0 20 10"'])
def test_svg_is_drawn_large_enough_to_filter(size: str, qapp: object) -> None:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect width="10" height="10" fill="red"/></svg>'
    picture = decode_picture(text.encode(), "a.svg")
    assert picture.shape == (3, 512, 1024)
    assert_array_equal(picture.values[:, 256, 256], [1, 0, 0])
    assert_array_equal(picture.values[:, 256, 768], [1, 1, 1])
    assert picture.notes == ("The drawing was drawn at 1024 × 512 pixels.", OVER_WHITE)


def test_a_giant_svg_is_drawn_smaller(qapp: object) -> None:
    text = b'<svg xmlns="http://www.w3.org/2000/svg" width="2000000" height="1000"><rect width="9"/></svg>'
    assert decode_picture(text, "a.svg").shape == (3, 2, 4096)
