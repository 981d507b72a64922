"""From a picture's cells to the real pixels of a view: crisp cells enlarged, area averages reduced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QImage

from convstudio.ui.view_picture import Pixels

_BLOCK = (
    512  # cells: reduced parts begin and end at multiples, so that panning shifts them and does not remake
)


@dataclass(frozen=True)
class Camera:
    """How a view shows the input: its middle, its scale and its size, all in real pixels of the screen."""

    x: float
    y: float
    scale: float
    width: int
    height: int

    def across(self, x: float) -> float:
        """Return the real pixel position of an input x."""
        return self.width / 2.0 + (x - self.x) * self.scale

    def down(self, y: float) -> float:
        """Return the real pixel position of an input y."""
        return self.height / 2.0 + (y - self.y) * self.scale

    def point(self, position: QPointF) -> QPointF:
        """Return the input coordinates at a real pixel position."""
        return QPointF(
            self.x + (position.x() - self.width / 2.0) / self.scale,
            self.y + (position.y() - self.height / 2.0) / self.scale,
        )

    def rect(self, extent: QRectF) -> QRect:
        """Return the real pixels that a part of the input covers: those whose middles lie in it."""
        left, top = round_edge(self.across(extent.left())), round_edge(self.down(extent.top()))
        right, bottom = round_edge(self.across(extent.right())), round_edge(self.down(extent.bottom()))
        return QRect(left, top, right - left, bottom - top)


def round_edge(position: float) -> int:
    """Return the first pixel whose middle lies at or behind a position."""
    return math.ceil(position - 0.5)


@dataclass(frozen=True, eq=False)
class Bitmap:
    """An image to be drawn at real pixels (x, y); ``buffer`` is its memory, if not its own."""

    image: QImage
    buffer: NDArray[Any] | None
    x: int
    y: int


@dataclass(frozen=True)
class _Part:
    """Along one axis: cells ``first`` to ``last``, reduced to ``size`` pixels or picked by ``index``."""

    first: int
    last: int
    start: int
    size: int
    index: NDArray[np.intp] | None

    @property
    def cells(self) -> int:
        return self.last - self.first


class Composer:
    """Makes the visible bitmap of a picture and remembers the last reduced one."""

    def __init__(self) -> None:
        self._pixels: Pixels | None = None
        self._key: object = None
        self._image = QImage()

    def compose(self, pixels: Pixels, extent: QRectF, camera: Camera) -> Bitmap | None:
        """Return what is to be drawn of pixels that cover a part of the input; None if it is out of view."""
        height, width = pixels.shape[:2]
        down = _part(height, camera.down(extent.top()), camera.down(extent.bottom()), camera.height)
        across = _part(width, camera.across(extent.left()), camera.across(extent.right()), camera.width)
        if down is None or across is None:
            return None
        if down.index is None or across.index is None:
            image = self._reduced(pixels, down, across)
            if down.index is None and across.index is None:
                return Bitmap(image, None, across.start, down.start)
            words = _words(image)
        else:
            words = pixels.view(np.uint32)[down.first : down.last, across.first : across.last, 0]
        for part, axis in ((across, 1), (down, 0)):
            if part.index is not None and part.cells != part.size:
                words = words.take(part.index, axis=axis)
        words = np.ascontiguousarray(words)
        rows, columns = words.shape
        image = QImage(words.data, columns, rows, words.strides[0], QImage.Format.Format_RGB32)
        return Bitmap(image, words, across.start, down.start)

    def _reduced(self, pixels: Pixels, down: _Part, across: _Part) -> QImage:
        """Return the parts with the axes that have no index reduced by area averages."""
        width = across.size if across.index is None else across.cells
        height = down.size if down.index is None else down.cells
        key = (down.first, down.last, across.first, across.last, width, height)
        if pixels is not self._pixels or key != self._key:
            # A part of the picture without a copy: from its first pixel on, with the whole rows' stride.
            begin = down.first * pixels.strides[0] + across.first * 4
            end = (down.last - 1) * pixels.strides[0] + across.last * 4
            part = QImage(
                pixels.reshape(-1)[begin:end].data,
                across.cells,
                down.cells,
                pixels.strides[0],
                QImage.Format.Format_RGB32,
            )
            # For reductions Qt's smooth scaling is the area average, on all cores.
            self._image = part.scaled(
                width,
                height,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            if self._image.cacheKey() == part.cacheKey():
                self._image = part.copy()
            self._pixels, self._key = pixels, key
        return self._image


def _words(image: QImage) -> NDArray[np.uint32]:
    words = np.frombuffer(image.constBits(), np.uint32)
    return words.reshape(image.height(), image.bytesPerLine() // 4)[:, : image.width()]


def _part(cells: int, near: float, far: float, view: int) -> _Part | None:
    """Plan one axis: ``cells`` lie evenly from real pixel position ``near`` to ``far`` in ``view`` pixels."""
    cell = (far - near) / cells
    if cell >= 1.0 - 1e-9:
        start, stop = max(0, round_edge(near)), min(view, round_edge(far))
        if start >= stop:
            return None
        middles = np.arange(start, stop) + (0.5 - near)
        index = np.clip(np.floor(middles / cell).astype(np.intp), 0, cells - 1)
        first = int(index[0])
        return _Part(first, int(index[-1]) + 1, start, stop - start, index - first)
    first, last = math.floor(-near / cell), math.ceil((view - near) / cell)
    first = max(0, first // _BLOCK * _BLOCK)
    last = min(cells, -(-last // _BLOCK) * _BLOCK)
    if first >= last:
        return None
    size = max(1, round((last - first) * cell))
    return _Part(first, last, round_edge(near + first * cell), size, None)
