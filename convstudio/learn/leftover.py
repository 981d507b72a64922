"""The error that a solution leaves, and how much of it lies where a picture may have been cut off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.layers.base import FloatArray
from convstudio.learn.network import Network
from convstudio.learn.pairs import Pair
from convstudio.learn.windows import Doubles

_HALF_STEP = 0.5 / 255
_BAND_CELLS = 1 << 18


@dataclass(frozen=True, eq=False)
class Leftover:
    """What is left over.

    Attributes:
        learned, learned_cells: squared errors and cells that were learned from, ``(output channels,)``.
        held, held_cells: the same of the rows kept for validation, of all channels.
        limits: the share of all cells at black or white.
        clipped: the share of all cells at black or white where the fit lies beyond by more than half a
            step of 8 bits; clipped_learned: of those, the ones that were learned from.
        clipped_squares: the squared errors on the latter.
    """

    learned: Doubles
    learned_cells: NDArray[np.int64]
    held: float
    held_cells: int
    limits: float
    clipped: float
    clipped_learned: float
    clipped_squares: float

    @property
    def residual(self) -> float:
        """The RMS error over the cells that were learned from."""
        return math.sqrt(float(self.learned.sum()) / int(self.learned_cells.sum()))

    @property
    def validation(self) -> float | None:
        """The RMS error over the others; None where there are none."""
        return math.sqrt(self.held / self.held_cells) if self.held_cells else None

    @property
    def carried(self) -> float:
        """Which part of the squared error lies on clipped cells."""
        total = float(self.learned.sum())
        return self.clipped_squares / total if total else 0.0


def leftover(
    network: Network, pair: Pair, arrays: Mapping[str, Doubles], control: Control | None = None
) -> Leftover:
    """Run the network with the arrays of its layer, by name, and compare band by band.

    Raises:
        Cancelled: by the control.
    """
    values = tuple(arrays[each.name] for each in network.parameters)
    prediction, target = network.forward(pair.before, values, control).output, pair.target
    channels, rows, columns = target.shape
    low, high = _limits(target)
    learned, cells = np.zeros(channels), np.zeros(channels, np.int64)
    held, held_cells, limits, clipped, clipped_learned, clipped_squares = 0.0, 0, 0, 0, 0, 0.0
    step = max(1, _BAND_CELLS // columns)
    edges = sorted({*range(0, rows, step), min(pair.split, rows), rows})
    for channel in range(channels):
        for top, bottom in pairwise(edges):
            fit, wanted = prediction[channel, top:bottom], target[channel, top:bottom]
            keep = np.True_ if pair.keep is None else pair.keep[channel, top:bottom]
            error = np.where(keep, np.subtract(fit, wanted, dtype=np.float64), 0.0)
            squares = float(error.reshape(-1) @ error.reshape(-1))
            count = int(np.broadcast_to(keep, fit.shape).sum())
            at = (wanted <= low) | (wanted >= high)
            beyond = ((wanted <= low) & (fit < low - _HALF_STEP)) | (
                (wanted >= high) & (fit > high + _HALF_STEP)
            )
            if pair.limits is not None:  # a grey pixel may have been made of a channel that was cut off
                at = pair.limits[channel, top:bottom]
                mixed = at & (wanted > low) & (wanted < high)
                beyond = (beyond & at) | (mixed & (np.abs(fit - wanted) > _HALF_STEP))
            limits += int(np.count_nonzero(at))
            clipped += int(np.count_nonzero(beyond))
            if top < pair.split:
                learned[channel] += squares
                cells[channel] += count
                cut = error[beyond]
                clipped_learned += int(np.count_nonzero(beyond & keep))
                clipped_squares += float(cut @ cut)
            else:
                held, held_cells = held + squares, held_cells + count
            if control is not None:
                control.check()
    size = target.size
    return Leftover(
        learned=learned,
        learned_cells=cells,
        held=held,
        held_cells=held_cells,
        limits=limits / size,
        clipped=clipped / size,
        clipped_learned=clipped_learned / size,
        clipped_squares=clipped_squares,
    )


def _limits(target: FloatArray) -> tuple[float, float]:
    """The values at which the picture may have been cut off: 0 and 1, where it does not go beyond them."""
    low = 0.0 if target.min() >= 0 else -math.inf
    high = 1.0 if target.max() <= 1 else math.inf
    return low, high
