"""Where the student's cells lie on the pictures: pixels that belong together are compared, no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.learn.bands import bands, contiguous
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.model.training import LARGEST_STUDENT
from convstudio.spec.params import Pair

Mask = NDArray[np.bool_]
Number = TypeVar("Number", bound=np.generic)

MOST_APART = 2
"""Cells by which a picture may differ from what a student with a stride makes: others round."""
MOST_CUT = LARGEST_STUDENT - 1
"""Pixels that two pictures may differ by along an axis: what a filter without padding cuts off at most."""


@dataclass(frozen=True)
class Grid:
    """Pixels of a picture in even steps, rows first: one for each cell of the student's output.

    Attributes:
        first: the pixel under the first cell; below 0 in the padding.
        step: pixels from one cell to the next.
        count: how many cells there are.
    """

    first: Pair
    step: Pair
    count: Pair

    def read(self, picture: NDArray[Number], control: Control | None = None) -> NDArray[Number]:
        """Return the pixels ``(C, *count)`` of ``(C, H, W)``; beyond the picture those of its edge.

        Raises:
            Cancelled: by the control.
        """
        return contiguous(self.view(picture, control), control)

    def view(self, picture: NDArray[Number], control: Control | None = None) -> NDArray[Number]:
        """Return what ``read`` returns, without a copy where all cells lie on the picture.

        Raises:
            Cancelled: by the control.
        """
        rows, columns = (self._places(axis, picture.shape[axis + 1]) for axis in (0, 1))
        if isinstance(rows, slice) and isinstance(columns, slice):
            return picture[:, rows, columns]
        down = self._all(0) if isinstance(rows, slice) else rows
        taken = np.empty((len(picture), *self.count), picture.dtype)
        for channel, band in bands(taken.shape, control):
            some = picture[channel].take(down[band], axis=0)
            taken[channel, band] = some[:, columns]
        return taken

    def inside(self, spatial: Pair) -> Mask | None:
        """Return which cells ``(count)`` lie on a picture of this size, None if all do."""
        along = []
        for axis, length in enumerate(spatial):
            places = self._all(axis)
            along.append((places >= 0) & (places < length))
        if all(axis.all() for axis in along):
            return None
        return np.logical_and.outer(*along)

    def _all(self, axis: int) -> NDArray[np.int64]:
        return self.first[axis] + self.step[axis] * np.arange(self.count[axis])

    def _places(self, axis: int, length: int) -> slice | NDArray[np.int64]:
        first, step, count = self.first[axis], self.step[axis], self.count[axis]
        last = first + step * (count - 1)
        if first >= 0 and last < length:
            return slice(first, last + 1, step)
        return np.clip(self._all(axis), 0, length - 1)


def centres(network: Network) -> Grid:
    """Return the pixels of the picture before in the middle of the windows that the student's cells read.

    Of windows with an even side it is the one before the middle, which "same" padding lays on the pixel.

    Raises:
        LearnError: the student enlarges the picture, so that its cells lie between pixels.
    """
    fields = network.fields()
    if any(field.jump.denominator != 1 for field in fields):
        raise LearnError(
            f"The student makes {size_text(network.out_shape[1:])} of {size_text(network.in_shape[1:])} px, "
            "and its cells lie between the pixels: the picture after must have just the size that it makes."
        )
    rows, columns = fields
    return Grid(
        first=(_centre(rows.start, rows.size), _centre(columns.start, columns.size)),
        step=(int(rows.jump), int(columns.jump)),
        count=(network.out_shape[1], network.out_shape[2]),
    )


def reach(network: Network) -> Pair:
    """Return how far the student's windows reach from their middle, in pixels, rows first."""
    rows, columns = network.fields()
    return rows.size // 2, columns.size // 2


def steps(network: Network) -> Pair:
    """Return how many pixels lie between the student's cells, at least 1."""
    rows, columns = network.fields()
    return max(1, int(rows.jump)), max(1, int(columns.jump))


def _centre(start: int, size: int) -> int:
    return start + (size - 1) // 2


def croppable(before: Pair, after: Pair) -> bool:
    """Whether two sizes differ by so little that one may be the other with its border cut off."""
    return all(abs(a - b) <= MOST_CUT for a, b in zip(before, after, strict=True))


def common(before: Pair, after: Pair) -> Pair:
    """Return the size that both pictures have at least."""
    return min(before[0], after[0]), min(before[1], after[1])


def cut(spatial: Pair, wanted: Pair) -> Pair:
    """Return how many rows and columns lie before the middle part of the wanted size.

    Of an odd number the smaller half: a filter with an even side reads the fewer pixels before.
    """
    return (spatial[0] - wanted[0]) // 2, (spatial[1] - wanted[1]) // 2


def part(
    picture: NDArray[Number], first: Pair, size: Pair, control: Control | None = None
) -> NDArray[Number]:
    """Return the part ``(C, *size)`` of a picture from a pixel on, in C order.

    Raises:
        Cancelled: by the control.
    """
    return contiguous(picture[:, first[0] : first[0] + size[0], first[1] : first[1] + size[1]], control)


def size_text(spatial: Pair) -> str:
    """Return "640×480" for 480 rows of 640 pixels, as pictures are measured."""
    return f"{spatial[1]}×{spatial[0]}"
