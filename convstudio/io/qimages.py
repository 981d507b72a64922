"""Qt's image readers, for pasted pictures and for the few formats OpenCV does not know.

Imported only when needed, since the command line rarely is in need of Qt.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QLoggingCategory, QSize
from PySide6.QtGui import QGuiApplication, QImage, QImageReader

from convstudio.io.errors import PictureError
from convstudio.io.limits import check_size
from convstudio.io.raster import Raster

_Format = QImage.Format
_GREY = {_Format.Format_Grayscale8, _Format.Format_Mono, _Format.Format_MonoLSB, _Format.Format_Indexed8}
_DEEP = {
    _Format.Format_RGBX64,
    _Format.Format_RGBA64,
    _Format.Format_RGBA64_Premultiplied,
    _Format.Format_RGB30,
    _Format.Format_BGR30,
    _Format.Format_A2RGB30_Premultiplied,
    _Format.Format_A2BGR30_Premultiplied,
}
_FLOAT = {
    _Format.Format_RGBX16FPx4,
    _Format.Format_RGBA16FPx4,
    _Format.Format_RGBA16FPx4_Premultiplied,
    _Format.Format_RGBX32FPx4,
    _Format.Format_RGBA32FPx4,
    _Format.Format_RGBA32FPx4_Premultiplied,
}

SVG_SIDE = 1024
"""The longer side a small SVG drawing is drawn at, in pixels."""
SVG_SIDE_MAX = 4096
"""The longer side of the largest."""


def raster_of(image: QImage) -> Raster:
    """Copy a QImage of any format.

    Raises:
        PictureError: it is empty or too large.
    """
    if image.isNull():
        raise PictureError("There is no picture in the clipboard. Copy a picture first, then paste it.")
    check_size("The picture", image.width(), image.height())
    kind = image.format()
    if kind == _Format.Format_Grayscale16:
        return Raster(_pixels(image, np.uint16, 1), 65535.0, depth="16-bit")
    if kind in _GREY and image.isGrayscale() and not image.hasAlphaChannel():
        return Raster(_pixels(image.convertToFormat(_Format.Format_Grayscale8), np.uint8, 1), 255.0)
    if kind in _FLOAT:
        colour = _pixels(image.convertToFormat(_Format.Format_RGBA32FPx4), np.float32, 4)
        white, depth = None, "float32"
    elif kind in _DEEP:
        colour = _pixels(image.convertToFormat(_Format.Format_RGBA64), np.uint16, 4)
        white, depth = 65535.0, "16-bit"
    else:
        colour = _pixels(image.convertToFormat(_Format.Format_RGBA8888), np.uint8, 4)
        white, depth = 255.0, "8-bit"
    if image.hasAlphaChannel():
        return Raster(colour, white, alpha="straight", depth=depth)
    return Raster(colour[:, :, :3], white, depth=depth)


def _pixels(image: QImage, dtype: type[Any], count: int) -> NDArray[Any]:
    """Copy the pixels out; a line of a QImage may be longer than its pixels."""
    if image.isNull():
        raise PictureError("There is not enough memory to open the picture.")
    width, height = image.width(), image.height()
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
    size = np.dtype(dtype).itemsize * count * width
    pixels: NDArray[Any] = np.array(lines[:, :size]).view(dtype).reshape(height, width, count)
    return pixels


def read_by_qt(data: bytes, kind: str, name: str) -> Raster | None:
    """Decode a file of a kind such as "ICO" with Qt's reader for it, which may live with some damage.

    Returns None if Qt cannot make anything of it.

    Raises:
        PictureError: it is too large, or a drawing that needs the window.
    """
    _silence()
    if kind == "SVG" and QGuiApplication.instance() is None:
        raise PictureError(
            f"{name} is an SVG drawing, which opens in the window only. Export it as PNG to use it here."
        )
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(kind.lower().encode()))
    try:
        reader.setAutoDetectImageFormat(False)
        raster = _read(reader, kind, name)
    finally:
        # The reader looks at the buffer once more when it goes.
        reader.setDevice(None)  # type: ignore[arg-type]
        del reader
        buffer.close()
    return raster


def _read(reader: QImageReader, kind: str, name: str) -> Raster | None:
    notes: tuple[str, ...] = ()
    if kind == "ICO":
        _go_to_largest(reader)
    size = reader.size()
    if size.isValid() and kind != "SVG":
        check_size(name, size.width(), size.height())
    if kind == "SVG":
        if size.isEmpty():
            return None
        drawn = _drawing_size(size)
        reader.setScaledSize(drawn)
        notes = (f"The drawing was drawn at {drawn.width()} × {drawn.height()} pixels.",)
    image = reader.read()
    return None if image.isNull() else raster_of(image).noting(*notes)


def _go_to_largest(reader: QImageReader) -> None:
    largest, area = 0, 0
    for index in range(min(reader.imageCount(), 64)):
        if reader.jumpToImage(index) and reader.size().width() * reader.size().height() > area:
            largest, area = index, reader.size().width() * reader.size().height()
    reader.jumpToImage(largest)


def _drawing_size(size: QSize) -> QSize:
    longer = max(size.width(), size.height())
    side = SVG_SIDE if longer < SVG_SIDE // 2 else min(longer, SVG_SIDE_MAX)
    return QSize(max(size.width() * side // longer, 1), max(size.height() * side // longer, 1))


@cache
def _silence() -> None:
    """Keep Qt's readers from printing about damaged files; the program says what matters itself."""
    QLoggingCategory.setFilterRules("qt.gui.imageio*=false\nqt.imageformats*=false\nqt.svg*=false")
