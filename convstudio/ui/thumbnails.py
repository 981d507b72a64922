"""Small pictures of large ones: for the cards of the stack, the gallery and the strips."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPixmap

from convstudio.engine.display import render
from convstudio.engine.evaluate import shown_channel
from convstudio.io.resample import shrink
from convstudio.model import Look

_SAMPLED = 2  # pixels that are read for each pixel of a thumbnail, along each side

Values = NDArray[np.floating[Any]]


def thumbnail(pixels: NDArray[np.uint8], size: QSize, ratio: float = 1.0) -> QPixmap:
    """Return ``pixels`` (H, W, 4) as a pixmap that covers ``size``, the middle of the longer side kept."""
    width, height = round(size.width() * ratio), round(size.height() * ratio)
    pixels = pixels[_middle(pixels.shape[0], pixels.shape[1], width, height)]
    # Averaging every pixel of a photo would cost more than painting it: four a side are enough.
    step = max(1, min(pixels.shape[1] // (4 * width), pixels.shape[0] // (4 * height)))
    pixels = np.ascontiguousarray(pixels[::step, ::step])
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    if scale < 1.0:
        wide, high = max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale))
        image = image_of(shrink(pixels, wide, high))
    else:
        grown = Qt.AspectRatioMode.KeepAspectRatioByExpanding
        image = image_of(pixels).scaled(QSize(width, height), grown)
    box = QRect((image.width() - width) // 2, (image.height() - height) // 2, width, height)
    pixmap = QPixmap.fromImage(image.copy(box))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def value_thumbnail(values: Values, look: Look, size: QSize, ratio: float = 1.0) -> QPixmap:
    """Return ``values`` (C, H, W) as ``look`` shows them, from every few cells: the whole is never read."""
    width, height = round(size.width() * ratio), round(size.height() * ratio)
    channel = shown_channel(look, values.shape[0])
    planes = values if channel is None else values[channel : channel + 1]
    planes = planes[:, *_middle(planes.shape[1], planes.shape[2], width, height)]
    step = max(1, min(planes.shape[1] // (_SAMPLED * height), planes.shape[2] // (_SAMPLED * width)))
    few = np.ascontiguousarray(planes[:, ::step, ::step])
    return thumbnail(render(few, look.view).pixels, size, ratio)


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """Return ``pixels`` (H, W, 4) as an image of its own memory."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32).copy()


def _middle(rows: int, columns: int, width: int, height: int) -> tuple[slice, slice]:
    """The middle in the proportions of a box: scaling first would make a huge image of a thin one."""
    high = min(rows, max(1, -(-columns * height // width)))
    wide = min(columns, max(1, -(-rows * width // height)))
    top, left = (rows - high) // 2, (columns - wide) // 2
    return slice(top, top + high), slice(left, left + wide)
