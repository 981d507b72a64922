"""Which entries of a trainable array are one and the same number, and which are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convstudio.layers import BankLayer, Layer
from convstudio.layers.bank_layer import Places
from convstudio.layers.base import FloatArray


@dataclass(frozen=True, eq=False)
class Ties:
    """The free numbers behind an array of weights.

    A kernel that lies over several channels stands in the array once for each of them, but is one kernel: its
    gradient is the sum of theirs. Zeros around a kernel that is smaller than its bank's window are no weights
    and stay zeros: their gradient is 0.

    Attributes:
        count: how many free numbers there are.
        slots: of each entry, row by row, 1 + the free number that it is, 0 where it is none; None where each
            entry is a number of its own.
    """

    count: int
    slots: NDArray[np.intp] | None

    @classmethod
    def of(cls, places: Places) -> Self:
        """Return the ties of an array from which number each entry is, as ``BankLayer.places`` tells."""
        slots = places.reshape(-1) + 1
        count = int(np.count_nonzero(np.unique(slots)))
        return cls(count, None if count == slots.size else slots)

    @classmethod
    def free(cls, size: int) -> Self:
        """Return those of an array whose entries are all free."""
        return cls(size, None)

    def gathered(self, grad: FloatArray) -> NDArray[np.float64]:
        """Return the gradient of the free numbers, written at each of their entries; a new float64 array.

        A method that moves each entry by what it finds there alone then moves equal entries alike.
        """
        if self.slots is None:
            return grad.astype(np.float64)
        sums = np.asarray(np.bincount(self.slots, weights=grad.reshape(-1)), np.float64)  # entry by entry
        sums[0] = 0.0
        spread = sums[self.slots]
        return spread.reshape(grad.shape)


def ties_of(layer: Layer, in_channels: int) -> dict[str, Ties]:
    """Return the ties of a layer's trainable arrays, by the names that ``weights`` gives them."""
    if isinstance(layer, BankLayer):
        return {name: Ties.of(places) for name, places in layer.places(in_channels).items()}
    return {name: Ties.free(values.size) for name, values in layer.weights(in_channels).items()}
