"""The windows of a convolution on a padded picture, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.geometry import Pair
from convstudio.core.padding import PaddedSource
from convstudio.core.threads import Scratch, run_tiles
from convstudio.layers.base import FloatArray

Doubles: TypeAlias = NDArray[np.float64]
Planes: TypeAlias = Sequence[Sequence[int]]
"""What a window reads: planes, each the sum of some channels of the picture."""

T = TypeVar("T")

TILE_BYTES = 2 << 20
"""Of one piece: it stays in a core's cache, and is done in some 10 ms."""
_LANES = 4
"""Sums that are made apart and added up at the end: as many on every machine, for the same bits."""
_LANE_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a convolution on a picture, those of ``rows`` rows of output cells.

    Attributes:
        x: ``(C, H, W)``, float32 or float64.
        kernel, stride, dilation: per axis, rows first.
        amounts: cells of padding before and after, per axis.
        mode, value: what the padding shows, as ``core.pad`` takes it.
        rows, columns: output cells.
        top: the output row that the first of these is.
    """

    x: FloatArray
    kernel: Pair
    stride: Pair
    dilation: Pair
    amounts: tuple[Pair, Pair]
    mode: str
    value: float
    rows: int
    columns: int
    top: int = 0

    def read(self, planes: Planes, rows: range, columns: range) -> Doubles:
        """Return ``(planes, rows, columns)`` of the padded picture, float64; the ranges may have a step."""
        pads = ((0, 0), *self.amounts)
        source = PaddedSource(self.x[np.newaxis], pads, self.mode, self.value, np.dtype(np.float64))
        out = np.empty((len(planes), len(rows), columns.stop - columns.start))
        runs = [(0, rows)] if rows.step == 1 else [(k, range(r, r + 1)) for k, r in enumerate(rows)]
        for plane, channels in zip(out, planes, strict=True):
            for at, run in runs:
                target = plane[np.newaxis, np.newaxis, np.newaxis, at : at + len(run)]
                low, high = (0, run.start, columns.start), (1, run.stop, columns.stop)
                source.fill(target, (0, 1), (channels[0], channels[0] + 1), low, high)
                for channel in channels[1:]:
                    more = np.empty_like(target)
                    source.fill(more, (0, 1), (channel, channel + 1), low, high)
                    target += more
        return out[:, :, :: columns.step]

    def reach(self, axis: int, low: int, high: int) -> range:
        """Return the padded cells that the output cells ``low`` to ``high``, of these, read along an axis."""
        step, taps = self.stride[axis], self.dilation[axis] * (self.kernel[axis] - 1)
        first = 0 if axis else self.top
        return range((first + low) * step, (first + high - 1) * step + taps + 1)


def summed(
    shape: tuple[int, ...],
    tiles: Sequence[T],
    add: Callable[[T, Doubles], object],
    control: Control | None = None,
) -> Doubles:
    """Return the float64 sum of what ``add(tile, sum)`` adds for each tile, by all cores.

    Which tiles are added up with which does not depend on how many cores there are.
    """
    lanes = _LANES if 8 * int(np.prod(shape)) <= _LANE_BYTES else 1
    sums = np.zeros((lanes, *shape))
    for start in range(0, len(tiles), lanes):
        some = tiles[start : start + lanes]

        def work(lane: int, _: Scratch, some: Sequence[T] = some) -> None:
            add(some[lane], sums[lane])

        run_tiles(range(len(some)), work, checking(control))
        if control is not None:
            control.report(start + len(some), len(tiles))
    for lane in range(1, lanes):
        sums[0] += sums[lane]
    total: Doubles = sums[0]
    return total


class _Checking(Control):
    """Hears of a cancel as the whole does and keeps progress of single pieces to itself."""

    __slots__ = ("_whole",)

    def __init__(self, whole: Control) -> None:
        super().__init__()
        self._whole = whole

    @property
    def cancelled(self) -> bool:
        """Whether the whole has been cancelled."""
        return self._whole.cancelled

    def check(self) -> None:
        """Raise ``Cancelled`` if the whole has been cancelled."""
        self._whole.check()


def checking(control: Control | None) -> Control | None:
    """Return a control for a piece of work that stops with the whole and tells it no progress."""
    return None if control is None else _Checking(control)
