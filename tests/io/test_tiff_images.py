"""TIFF however it is laid out, packed and meant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convstudio.io.images import PictureError, decode_picture
from tests.io.making import encoded, over_white, planar, ramp, tiff

OVER_WHITE = "Transparency was laid over white."
CMYK = "The CMYK colours were turned into RGB without a colour profile."
AS_IS = "The values are whole numbers that were kept as they are, not scaled to 0–1."


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pack", [1, 8, 32773])
@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_however_it_is_laid_out(order: str, pack: int, is_planar: bool, tile: int, dtype: type) -> None:
    pixels = ramp(19, 21, 3, dtype)
    data = tiff(pixels, 2, order=order, pack=pack, planar=is_planar, tile=tile, rows=4)
    white = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    picture = decode_picture(data, "a.tif")
    assert_array_equal(picture.values, planar(pixels, white))
    assert picture.notes == ()


@pytest.mark.parametrize(
    ("dtype", "predictor"), [(np.uint8, 2), (np.uint16, 2), (np.float32, 3), (np.float64, 3)]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_predictors(dtype: type, predictor: int, order: str) -> None:
    pixels = ramp(5, 9, 3, dtype)
    data = tiff(pixels, 2, order=order, pack=8, predictor=predictor, rows=2)
    white = 1.0 if predictor == 3 else np.iinfo(dtype).max
    assert_array_equal(decode_picture(data, "a.tif").values, planar(pixels, white))


def test_float_tiff_is_read_bit_for_bit() -> None:
    pixels = np.array([[[1.5], [-0.0], [np.nan], [np.inf], [1e-42]]], np.float32)
    picture = decode_picture(tiff(pixels, 1), "a.tif")
    assert_array_equal(picture.values.view(np.uint32).ravel(), pixels.view(np.uint32).ravel())
    assert picture.notes == ("1 pixel is not a number (NaN).", "1 pixel is infinite.")
    assert picture.source_depth == "float32"


def test_values_that_are_no_numbers_are_counted_by_pixel() -> None:
    pixels = np.zeros((3, 3, 3), np.float32)
    pixels[0, :2, :] = np.nan
    pixels[1, 0] = np.inf, np.nan, 0
    pixels[2, :2, 1] = -np.inf
    picture = decode_picture(tiff(pixels, 2), "a.tif")
    assert picture.notes == ("3 pixels are not numbers (NaN).", "2 pixels are infinite.")


def test_double_values_beyond_single_precision() -> None:
    pixels = np.array([[[1e300], [0.1], [np.inf]]], np.float64)
    picture = decode_picture(tiff(pixels, 1), "a.tif")
    assert_array_equal(picture.values.ravel(), np.array([np.inf, 0.1, np.inf], np.float32))
    assert picture.notes == (
        "1 pixel is infinite.",
        "1 pixel was too large for 32-bit floats and became infinite.",
    )
    assert picture.source_depth == "float64"


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32])
def test_other_whole_numbers_stay_as_they_are(dtype: type) -> None:
    pixels = np.array([[[0], [1], [100]], [[-1 if np.dtype(dtype).kind == "i" else 9], [7], [5]]], dtype)
    picture = decode_picture(tiff(pixels, 1), "a.tif")
    assert_array_equal(picture.values, planar(pixels))
    assert picture.notes == (AS_IS,)


def test_tiff_where_white_is_zero() -> None:
    for dtype in np.uint8, np.uint16:
        pixels = ramp(2, 3, 1, dtype)
        white = np.iinfo(dtype).max
        assert_array_equal(decode_picture(tiff(pixels, 0), "a.tif").values, planar(white - pixels, white))
    packed = np.array([[[0b10100000]]], np.uint8)
    picture = decode_picture(tiff(packed, 0, bits=1), "fax.tif")
    assert_array_equal(picture.values.ravel(), [0, 1, 0, 1, 1, 1, 1, 1])


def test_narrow_and_palette_tiff() -> None:
    picture = decode_picture(tiff(np.array([[[0x0F], [0x5A]]], np.uint8), 1, bits=4), "a.tif")
    assert_allclose(picture.values.ravel(), np.array([0, 15, 5, 10]) / 15, atol=1e-7)
    palette = [0, 65535, 30000, 1, 2, 3, 65535, 65535, 9]
    table = [*palette[0:3], 0, *palette[3:6], 0, *palette[6:9], 0]
    picture = decode_picture(tiff(np.array([[[0b00011000]]], np.uint8), 3, bits=2, palette=table), "a.tif")
    assert_allclose(picture.values[:, 0, :3] * 65535, np.array(palette).reshape(3, 3), rtol=1e-6)


def test_tiff_transparency() -> None:
    for dtype in np.uint8, np.uint16:
        white = np.iinfo(dtype).max
        pixels = ramp(3, 4, 4, dtype)
        straight = decode_picture(tiff(pixels, 2, extra=[2]), "a.tif")
        assert_allclose(straight.values, over_white(pixels, white), atol=1e-6)
        scaled = np.moveaxis(pixels / white, 2, 0)
        premultiplied = decode_picture(tiff(pixels, 2, extra=[1]), "a.tif")
        assert_allclose(premultiplied.values, scaled[:3] + 1 - scaled[3], atol=1e-6)
        unknown = decode_picture(tiff(pixels, 2, extra=[0]), "a.tif")
        assert_allclose(unknown.values, scaled[:3], atol=1e-6)
        assert unknown.notes == ("1 further channel was left out.",)
        grey = ramp(3, 4, 2, dtype)
        assert_allclose(
            decode_picture(tiff(grey, 1, extra=[2]), "a.tif").values, over_white(grey, white), atol=1e-6
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_tiff(dtype: type) -> None:
    white = np.iinfo(dtype).max
    inks = np.array([[[0, 0, 0, 0], [white, 0, 0, 0], [0, white, white, 0], [0, 0, 0, white]]], dtype)
    picture = decode_picture(tiff(inks, 5), "a.tif")
    assert_array_equal(picture.values[:, 0].T, [[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert picture.notes == (CMYK,)


def test_tiff_of_several_pages() -> None:
    pixels = ramp(2, 3, 3)
    picture = decode_picture(tiff(pixels, 2, pages=3), "scan.tif")
    assert_array_equal(picture.values, planar(pixels, 255))
    assert picture.notes == ("Only the first of 3 pages was opened.",)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("count", [1, 3])
def test_lzw_tiff_by_another_program(dtype: type, count: int) -> None:
    pixels = ramp(40, 50, count, dtype)
    data = encoded(".tif", pixels, [259, 5])
    white = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    assert_array_equal(decode_picture(data, "a.tif").values, planar(pixels, white))


def test_lzw_of_all_code_widths_is_undone() -> None:
    """Transparency keeps OpenCV out of it: these strips are unpacked by ConvStudio itself."""
    noise = np.random.default_rng(1).integers(0, 256, (90, 100, 4), np.uint8)
    noise[:30] //= 32
    data = encoded(".tif", noise, [259, 5])
    picture = decode_picture(data, "a.tif")
    wanted = over_white(noise, 255) if OVER_WHITE in picture.notes else planar(noise[:, :, :3], 255)
    assert_allclose(picture.values, wanted, atol=1e-6)


def test_a_tiff_of_a_rare_variety_is_named() -> None:
    data = tiff(ramp(4, 4, 3, np.uint16), 8)
    with pytest.raises(
        PictureError, match=r"variety that is not read.*Save it without compression, or as PNG"
    ):
        decode_picture(data, "lab.tif")
