"""What an image view shows: pixels, the numbers behind them, and where they lie on the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF

from convstudio.core.padding import PaddedSource, checked_mode
from convstudio.engine.display import Rendered, render

Pair = tuple[int, int]
Pixels = NDArray[np.uint8]
Values = NDArray[np.floating]


@dataclass(frozen=True)
class Axis:
    """Where cells lie along one axis of the input: the centre of cell i is at ``origin + i * pitch``."""

    origin: float = 0.0
    pitch: float = 1.0

    def edge(self, index: float) -> float:
        """Return the input coordinate of the near edge of a cell."""
        return self.origin + (index - 0.5) * self.pitch

    def cell(self, coordinate: float) -> int:
        """Return the cell that an input coordinate lies in; it need not exist."""
        return math.floor((coordinate - self.origin) / self.pitch + 0.5)


def output_axis(before: int, kernel: int, stride: int, dilation: int) -> Axis:
    """Return where output cells lie on the input: each over the middle of its window.

    ``before`` is the padding in front. With stride s an output cell is drawn s input pixels wide.
    """
    return Axis(origin=dilation * (kernel - 1) / 2.0 - before, pitch=float(stride))


@dataclass(frozen=True, eq=False)
class Patch:
    """Some padded cells: ``values`` (C, h, w) and their pixels, from cell (row, column) on."""

    row: int
    column: int
    values: Values
    pixels: Pixels


@dataclass(frozen=True, eq=False)
class Border:
    """The cells that padding adds around a picture, with the values that they have.

    Attributes:
        amounts: rows before and after, columns before and after.
        patches: the strips above and below at full width, then those at the left and the right.
    """

    amounts: tuple[Pair, Pair]
    patches: tuple[Patch, ...]


def padded_border(
    values: Values,
    amounts: tuple[Pair, Pair],
    mode: str,
    value: float = 0.0,
    like: Rendered | None = None,
    channel: int | None = None,
) -> Border | None:
    """Return the padded cells of ``(C, H, W)`` values, or None without padding.

    Only the strips are made, never a padded copy of the picture. ``mode`` and ``value`` are those of
    ``convstudio.core.pad``; ``like`` is the picture as it is shown, of one channel or of all (None).

    Raises:
        ValueError: an unknown mode; its subclass GeometryError: more cells than the mode can give.
    """
    (top, bottom), (left, right) = amounts
    if not (top or bottom or left or right):
        return None
    _, height, width = values.shape
    value = checked_mode(mode, value, (height, width), amounts)
    source = PaddedSource(values[None], ((0, 0), *amounts), mode, value, values.dtype)
    full = left + width + right
    strips = (
        (0, 0, top, full),
        (top + height, 0, bottom, full),
        (top, 0, height, left),
        (top, left + width, height, right),
    )
    patches = []
    for row, column, rows, columns in strips:
        if rows and columns:
            cells = _block(source, row, column, rows, columns)
            view = "clamped" if like is None else like.view
            pixels = render(cells, view, channel=channel, like=like).pixels
            patches.append(Patch(row - top, column - left, cells, pixels))
    return Border(amounts, tuple(patches))


def _block(source: PaddedSource, row: int, column: int, rows: int, columns: int) -> Values:
    channels = source.array.shape[1]
    block = np.empty((1, channels, 1, rows, columns), source.dtype)
    source.fill(block, (0, 1), (0, channels), (0, row, column), (1, row + rows, column + columns))
    return block[0, :, 0]


@dataclass(frozen=True, eq=False)
class ViewPicture:
    """A picture for an image view.

    Attributes:
        pixels: uint8 ``(H, W, 4)`` as ``engine.display.render`` makes them.
        values: float ``(C, H, W)``, the numbers of the cells.
        rows, columns: where the cells lie on the input.
        channel: the one channel that is shown, or None for all.
        border: the padded cells around it.
        scale: the largest value that the display tells from others; 0 if not known.
        unread: how many rows at the bottom and columns at the right of the padded picture no window reads.
    """

    pixels: Pixels
    values: Values
    rows: Axis = Axis()
    columns: Axis = Axis()
    channel: int | None = None
    border: Border | None = None
    unread: Pair = (0, 0)
    scale: float = 0.0

    @classmethod
    def of(
        cls,
        rendered: Rendered,
        values: Values,
        *,
        rows: Axis = Axis(),
        columns: Axis = Axis(),
        channel: int | None = None,
        border: Border | None = None,
        unread: Pair = (0, 0),
    ) -> ViewPicture:
        """Return the picture of what ``render`` made of the values."""
        scale = max(abs(rendered.low), abs(rendered.high))
        return cls(rendered.pixels, values, rows, columns, channel, border, unread, scale)

    @property
    def size(self) -> Pair:
        """Rows and columns of cells."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def extent(self) -> QRectF:
        """The picture's edges in input coordinates, without the border."""
        height, width = self.size
        return self.cells_extent(0, 0, height, width)

    @property
    def padded_extent(self) -> QRectF:
        """The picture's edges in input coordinates, with the border."""
        if self.border is None:
            return self.extent
        (top, bottom), (left, right) = self.border.amounts
        height, width = self.size
        return self.cells_extent(-top, -left, top + height + bottom, left + width + right)

    @property
    def read_end(self) -> Pair:
        """The first row and the first column of cells, padded ones included, that no window reads."""
        after = (self.border.amounts[0][1], self.border.amounts[1][1]) if self.border is not None else (0, 0)
        height, width = self.size
        return height + after[0] - self.unread[0], width + after[1] - self.unread[1]

    def cells_extent(self, row: int, column: int, rows: int, columns: int) -> QRectF:
        """Return the edges, in input coordinates, of a block of cells, padded ones included."""
        x, y = self.columns.edge(column), self.rows.edge(row)
        return QRectF(x, y, columns * self.columns.pitch, rows * self.rows.pitch)

    def contains(self, row: int, column: int) -> bool:
        """Whether there is such a cell; padded ones do not count."""
        height, width = self.size
        return 0 <= row < height and 0 <= column < width

    def numbers(self, row: int, column: int) -> Sequence[float]:
        """Return the values of a cell, padded or not, of the shown channel or of all; nothing if none."""
        cell = self._cell(row, column)
        if cell is None:
            return ()
        return [float(v) for v in (cell if self.channel is None else cell[self.channel : self.channel + 1])]

    def _cell(self, row: int, column: int) -> Values | None:
        if self.contains(row, column):
            return self.values[:, row, column]
        for patch in self.border.patches if self.border is not None else ():
            down, across = row - patch.row, column - patch.column
            if 0 <= down < patch.values.shape[1] and 0 <= across < patch.values.shape[2]:
                return patch.values[:, down, across]
        return None
