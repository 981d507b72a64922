"""The still part of an image view: border, picture, hatching, grid and numbers, kept as one image."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine, QRect, QRectF
from PySide6.QtGui import QBrush, QColor, QFont, QImage, QPainter, QPen

from convstudio.ui.cell_numbers import SMALLEST_CELL, NumberBlock, NumberPainter
from convstudio.ui.theme import Theme
from convstudio.ui.view_bitmap import Camera, Composer, round_edge
from convstudio.ui.view_picture import Pixels, Values, ViewPicture

GRID_FROM = 8.0  # device-independent pixels a cell: the grid begins to appear
GRID_FULL = 14.0
_SHADE = QColor(0, 0, 0, 115)  # over padded cells
_UNREAD = QColor(0, 0, 0, 90)  # under the hatching
_RED_BLUE, _GREEN, _BYTE = np.uint32(0xFF00FF), np.uint32(0x00FF00), np.uint32(8)
_ROUNDING = 1e-6  # of the scale: what single precision leaves of a sum that is zero
_GRID_WHITE, _GRID_BLACK = 0.16, 0.30  # opacities, one over the other: seen on any colour


class Scene:
    """Draws a picture as a camera sees it and keeps the result until either changes."""

    def __init__(self) -> None:
        self._composer = Composer()
        self._numbers = NumberPainter()
        self._key: Hashable = None
        self._picture: ViewPicture | None = None
        self._buffer = np.empty((0, 0, 4), np.uint8)
        self._image = QImage()

    def image(self, picture: ViewPicture, camera: Camera, theme: Theme, font: QFont, ratio: float) -> QImage:
        """Return the view in real pixels: ``camera.width`` × ``camera.height``, device ratio 1."""
        key = (camera, theme.name, font.key(), ratio)
        if picture is not self._picture:
            self._composer = Composer()  # other pixels, though perhaps in the same memory
        if picture is not self._picture or key != self._key:
            if self._buffer.shape[:2] != (camera.height, camera.width):
                self._buffer = np.empty((camera.height, camera.width, 4), np.uint8)
            stride = self._buffer.strides[0]
            self._image = QImage(
                self._buffer.data, camera.width, camera.height, stride, QImage.Format.Format_RGB32
            )
            self._image.fill(QColor(theme.canvas))
            painter = QPainter(self._image)
            _Drawing(painter, self._buffer, picture, camera, theme, font, ratio).draw(
                self._composer, self._numbers
            )
            painter.end()
            self._picture, self._key = picture, key
        return self._image

    def clear(self) -> None:
        """Forget the picture, and with it its memory."""
        self._picture, self._key = None, None
        self._composer = Composer()


class _Drawing:
    """One drawing of a scene."""

    def __init__(
        self,
        painter: QPainter,
        buffer: Pixels,
        picture: ViewPicture,
        camera: Camera,
        theme: Theme,
        font: QFont,
        ratio: float,
    ) -> None:
        self._painter = painter
        self._buffer = buffer  # what the painter paints on
        self._picture = picture
        self._camera = camera
        self._theme = theme
        self._font = font
        self._ratio = ratio
        self._view = QRect(0, 0, camera.width, camera.height)
        self._cell = camera.scale * min(picture.rows.pitch, picture.columns.pitch)

    def draw(self, composer: Composer, numbers: NumberPainter) -> None:
        """Draw everything, back to front."""
        self._draw_border()
        bitmap = composer.compose(self._picture.pixels, self._picture.extent, self._camera)
        if bitmap is not None:
            self._painter.drawImage(bitmap.x, bitmap.y, bitmap.image)
        self._draw_unread()
        self._draw_grid()
        self._draw_frame()
        self._draw_numbers(numbers)

    def _draw_border(self) -> None:
        picture, camera = self._picture, self._camera
        if picture.border is None:
            return
        for patch in picture.border.patches:
            rows, columns = patch.pixels.shape[:2]
            extent = picture.cells_extent(patch.row, patch.column, rows, columns)
            bitmap = Composer().compose(patch.pixels, extent, camera)
            if bitmap is not None:
                self._painter.drawImage(bitmap.x, bitmap.y, bitmap.image)
        self._painter.fillRect(camera.rect(picture.padded_extent), _SHADE)

    def _draw_frame(self) -> None:
        """Draw a line around the padded cells, that black ones show on a black canvas."""
        if self._picture.border is not None:
            outer = self._camera.rect(self._picture.padded_extent)
            line = QColor(self._theme.text_dim)
            line.setAlpha(110)
            self._painter.setPen(QPen(line, max(1, round(self._ratio))))
            self._painter.drawRect(outer.adjusted(0, 0, -1, -1))

    def _draw_unread(self) -> None:
        rows, columns = self._picture.unread
        padded = self._picture.padded_extent
        parts = []
        if rows:
            tall = rows * self._picture.rows.pitch
            parts.append(QRectF(padded.left(), padded.bottom() - tall, padded.width(), tall))
        if columns:
            wide = columns * self._picture.columns.pitch
            low = padded.height() - rows * self._picture.rows.pitch
            parts.append(QRectF(padded.right() - wide, padded.top(), wide, low))
        for part in parts:
            _hatch(self._painter, self._camera.rect(part) & self._view, self._ratio)

    def _draw_grid(self) -> None:
        size = self._cell / self._ratio
        if size <= GRID_FROM:
            return
        strength = min(1.0, (size - GRID_FROM) / (GRID_FULL - GRID_FROM))
        picture, camera = self._picture, self._camera
        visible = camera.rect(picture.padded_extent) & self._view
        if visible.isEmpty():
            return
        (top, bottom), (left, right) = picture.border.amounts if picture.border else ((0, 0), (0, 0))
        height, width = picture.size
        across, down = camera.across(picture.columns.edge(0)), camera.down(picture.rows.edge(0))
        wide, tall = camera.scale * picture.columns.pitch, camera.scale * picture.rows.pitch
        first_row, last_row = _seen(visible.top(), visible.bottom(), down, tall, -top, height + bottom)
        first_col, last_col = _seen(visible.left(), visible.right(), across, wide, -left, width + right)
        rows = [round_edge(down + row * tall) for row in range(first_row, last_row + 1)]
        columns = [round_edge(across + column * wide) for column in range(first_col, last_col + 1)]
        # Straight into the memory: the painter takes 10 ms for what this does in one.
        words = self._buffer.view(np.uint32)[:, :, 0]
        part = words[visible.top() : visible.bottom() + 1, visible.left() : visible.right() + 1]
        ys = np.array([y - visible.top() for y in rows if visible.top() <= y <= visible.bottom()], np.intp)
        xs = np.array(
            [x - visible.left() for x in columns if visible.left() <= x <= visible.right()], np.intp
        )
        part[ys] = _grid_over(part[ys], strength)
        part[:, xs] = _grid_over(part[:, xs], strength)

    def _draw_numbers(self, numbers: NumberPainter) -> None:
        if self._cell < SMALLEST_CELL * self._ratio:
            return
        picture = self._picture
        patches = picture.border.patches if picture.border else ()
        blocks = [self._block(picture.values, picture.pixels, 0, 0)]
        blocks += [self._block(p.values, _under(_SHADE, p.pixels), p.row, p.column) for p in patches]
        for block in blocks:
            if block is not None:
                numbers.write(self._painter, self._font, block, self._ratio)

    def _block(self, values: Values, pixels: Pixels, row: int, column: int) -> NumberBlock | None:
        """Return the visible part of a block of cells that begins at (row, column)."""
        picture, camera = self._picture, self._camera
        rows, columns = pixels.shape[:2]
        tall, wide = camera.scale * picture.rows.pitch, camera.scale * picture.columns.pitch
        y0, x0 = camera.down(picture.rows.edge(row)), camera.across(picture.columns.edge(column))
        top, bottom = _seen(0, camera.height, y0, tall, 0, rows)
        left, right = _seen(0, camera.width, x0, wide, 0, columns)
        if top >= bottom or left >= right:
            return None
        if picture.channel is not None:
            values = values[picture.channel : picture.channel + 1]
        seen = np.ascontiguousarray(pixels[top:bottom, left:right])
        if any(picture.unread):
            last_row, last_column = picture.read_end
            unread = np.arange(row + top, row + bottom)[:, None] >= last_row
            unread = unread | (np.arange(column + left, column + right) >= last_column)
            seen = np.where(unread[:, :, None], _under(_UNREAD, seen), seen)
        return NumberBlock(
            values=values[:, top:bottom, left:right],
            words=seen.view(np.uint32)[:, :, 0].tolist(),
            middles_x=[x0 + (i + 0.5) * wide for i in range(left, right)],
            middles_y=[y0 + (i + 0.5) * tall for i in range(top, bottom)],
            cell=self._cell,
            least=_ROUNDING * picture.scale,
        )


def _grid_over(words: NDArray[np.uint32], strength: float) -> NDArray[np.uint32]:
    """Return what a grid line makes of pixels ``0xffRRGGBB``."""
    white, black = _GRID_WHITE * strength, _GRID_BLACK * strength
    keep = np.uint32(round((1.0 - white) * (1.0 - black) * 256.0))
    add = np.uint32(int(white * (1.0 - black) * 255.0) * 0x010101)
    red_blue = (words & _RED_BLUE) * keep >> _BYTE & _RED_BLUE
    green = (words & _GREEN) * keep >> _BYTE & _GREEN
    over: NDArray[np.uint32] = (red_blue | green) + add | np.uint32(0xFF000000)
    return over


def _seen(start: float, stop: float, origin: float, cell: float, first: int, last: int) -> tuple[int, int]:
    """Return the range of cells, between ``first`` and ``last``, that show between two pixel positions."""
    begin = max(first, math.floor((start - origin) / cell))
    return begin, max(begin, min(last, math.ceil((stop - origin) / cell)))


def _under(shade: QColor, pixels: Pixels) -> Pixels:
    """Return cells as they look under a black shade, so that their numbers suit them."""
    dimmed = pixels.astype(np.uint16) * (255 - shade.alpha()) // 255
    return dimmed.astype(np.uint8)


def _hatch(painter: QPainter, where: QRect, ratio: float) -> None:
    """Strike out cells that are never read."""
    if where.isEmpty():
        return
    painter.fillRect(where, _UNREAD)
    painter.save()
    painter.setClipRect(where)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    step = max(4, round(6 * ratio))
    top, bottom = where.top(), where.bottom() + 1
    first, last = where.left() + top, where.right() + bottom
    # On a line x + y is a multiple of the step: the hatches of neighbouring parts meet.
    sums = range(first // step * step, last + step, step)
    painter.setPen(QPen(QBrush(QColor(255, 255, 255, 150)), max(1.0, ratio)))
    painter.drawLines([QLine(total - top, top, total - bottom, bottom) for total in sums])
    painter.restore()
