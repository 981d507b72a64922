"""Pictures from the clipboard: a QImage of whatever format."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PySide6.QtGui import QColor, QImage

from convstudio.io.images import PictureError, picture_from_qimage

Format = QImage.Format
FORMATS = [f for f in Format if f not in (Format.Format_Invalid, Format.NImageFormats)]
COLOURS = [QColor(255, 0, 0), QColor(0, 255, 0), QColor(0, 0, 255), QColor(255, 255, 255), QColor(0, 0, 0)]


def painted(kind: Format) -> QImage:
    """Five columns of pure colours, three rows: no line fills its four bytes."""
    image = QImage(5, 3, Format.Format_ARGB32)
    for x, colour in enumerate(COLOURS):
        for y in range(3):
            image.setPixelColor(x, y, colour)
    return image.convertToFormat(kind)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda f: f.name)
def test_every_format(kind: Format) -> None:
    image = painted(kind)
    picture = picture_from_qimage(image, "Pasted picture")
    assert picture.name == "Pasted picture"
    assert picture.path is None
    assert picture.shape[1:] == (3, 5)
    wanted = np.empty((3, 3, 5))
    for x in range(5):
        for y in range(3):
            colour = image.pixelColor(x, y)
            alpha = colour.alphaF()
            wanted[:, y, x] = [
                c * alpha + 1 - alpha for c in (colour.redF(), colour.greenF(), colour.blueF())
            ]
    if picture.shape[0] == 1:
        assert image.isGrayscale()
        wanted = wanted[:1]
    assert_allclose(picture.values, wanted, atol=0.01)


def test_transparency_is_laid_over_white() -> None:
    for kind in Format.Format_ARGB32, Format.Format_ARGB32_Premultiplied, Format.Format_RGBA64:
        image = QImage(3, 2, kind)
        image.fill(QColor(0, 0, 0, 128))
        picture = picture_from_qimage(image)
        assert_allclose(picture.values, 1 - 128 / 255, atol=0.004)
        assert picture.notes == ("Transparency was laid over white.",)


def test_depth_is_kept() -> None:
    image = QImage(1, 1, Format.Format_RGBX64)
    image.setPixelColor(0, 0, QColor.fromRgba64(12345, 1, 65535))
    picture = picture_from_qimage(image)
    assert picture.source_depth == "16-bit"
    assert_allclose(picture.values.ravel() * 65535, [12345, 1, 65535], rtol=1e-6)


def test_the_picture_does_not_live_in_the_image() -> None:
    image = QImage(4, 4, Format.Format_Grayscale8)
    image.fill(200)
    picture = picture_from_qimage(image)
    image.fill(0)
    del image
    assert_array_equal(picture.values, np.float32(200 / 255))


def test_no_picture() -> None:
    with pytest.raises(PictureError, match="no picture in the clipboard"):
        picture_from_qimage(QImage())


def test_too_little_memory_is_told_like_any_mishap(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("convstudio.io.images.to_values", full)
    with pytest.raises(PictureError, match="not enough memory to open the paste"):
        picture_from_qimage(painted(Format.Format_RGB32), "the paste")
