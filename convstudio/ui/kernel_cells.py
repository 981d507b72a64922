"""Where a kernel's cells lie on screen, and how far one step changes a weight."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt

Cell = tuple[int, int]
"""``(row, column)``, both from 0."""

NUMBERS_UP_TO = 9  # rows or columns; beyond it a cell is too small for a number

_serial = itertools.count(1)


def merge_key(gesture: str) -> str:
    """Return a key for the edits of one gesture, different from every other gesture's."""
    return f"{gesture}-{next(_serial)}"


def anchor_of(shape: tuple[int, int]) -> Cell:
    """Return the cell that lies on the output pixel with ``same`` padding, whose odd element comes after."""
    return (shape[0] - 1) // 2, (shape[1] - 1) // 2


@dataclass(frozen=True)
class CellGrid:
    """``rows × columns`` equal cells with a gap between them, in widget pixels."""

    rows: int
    columns: int
    left: float
    top: float
    width: float  # of one cell
    height: float
    gap: float

    def rect(self, cell: Cell) -> QRectF:
        """Return the cell's rectangle without the gap."""
        row, column = cell
        x = self.left + column * (self.width + self.gap)
        y = self.top + row * (self.height + self.gap)
        return QRectF(x, y, self.width, self.height)

    def bounds(self) -> QRectF:
        """Return the rectangle around all cells."""
        return self.rect((0, 0)).united(self.rect((self.rows - 1, self.columns - 1)))

    def at(self, point: QPointF) -> Cell | None:
        """Return the cell under a point, ``None`` outside; half of a gap belongs to each neighbour."""
        half = self.gap / 2
        if not self.bounds().adjusted(-half, -half, half, half).contains(point):
            return None
        return self.nearest(point)

    def nearest(self, point: QPointF) -> Cell:
        """Return the cell under a point or the one on the rim that is closest to it."""
        row = math.floor((point.y() - self.top + self.gap / 2) / (self.height + self.gap))
        column = math.floor((point.x() - self.left + self.gap / 2) / (self.width + self.gap))
        return min(max(row, 0), self.rows - 1), min(max(column, 0), self.columns - 1)


def cells_between(start: Cell, end: Cell) -> list[Cell]:
    """Return the cells of the straight line from after ``start`` up to ``end``, without holes."""
    rows, columns = end[0] - start[0], end[1] - start[1]
    length = max(abs(rows), abs(columns))
    return [
        (start[0] + round(rows * i / length), start[1] + round(columns * i / length))
        for i in range(1, length + 1)
    ]


def step_size(limit: float, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> float:
    """Return the step for a kernel whose largest magnitude is ``limit``: 0.1 for a Sobel, 0.01 for a mean.

    Always a power of ten. Shift makes it ten times finer, Ctrl ten times coarser.
    """
    exponent = math.floor(math.log10(limit) + 1e-9) - 1
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        exponent -= 1
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        exponent += 1
    return float(10.0**exponent)


def stepped(value: float, ticks: int, step: float) -> float:
    """Return the value ``ticks`` steps on, on the multiples of ``step`` so that it stays a tidy number.

    From between two multiples the first tick goes to the next one in its direction.
    """
    if ticks == 0:
        return value
    place = value / step
    start = math.floor(place + 1e-6) if ticks > 0 else math.ceil(place - 1e-6)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    # Adding 0.0 turns −0 into 0.
    return round((start + ticks) * step, digits) + 0.0
