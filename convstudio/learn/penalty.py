"""Weight decay: ½ · strength · Σ weight², over the numbers that are learned, biases left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convstudio.layers.base import Mate, Shape
from convstudio.learn.network import Network, Values
from convstudio.learn.ties import ties_of


class Penalty:
    """The penalty on a network's values.

    (Krogh and Hertz, A simple weight decay can improve generalization, 1991.)

    A number that stands at several entries counts once. Biases are left out, as is usual (Goodfellow, Bengio
    and Courville, Deep Learning, 2016, section 7.1).

    Args:
        strength: 0 or more.
    """

    def __init__(self, network: Network, strength: float) -> None:
        self.strength = strength
        self._shares = _shares(network) if strength else ()

    def value(self, values: Values) -> float:
        """Return the penalty."""
        parts = zip(values, self._shares, strict=False)
        return 0.5 * self.strength * sum(float((share * w * w).sum()) for w, share in parts)

    def added(self, grads: Values, values: Values) -> Values:
        """Return gradients with the penalty's added: strength · weight, at each of a number's entries."""
        if not self._shares:
            return grads
        parts = zip(grads, values, self._shares, strict=True)
        return tuple(g + self.strength * w * (share > 0) for g, w, share in parts)


def _shares(network: Network) -> tuple[NDArray[np.float64], ...]:
    """For each value what it counts: one over the entries that are the same number, 0 for no weight."""
    shapes = _shapes(network)
    shares = []
    for each in network.parameters:
        if each.name == "bias":
            shares.append(np.zeros(each.shape))
            continue
        slots = ties_of(network.layers[each.layer], shapes[each.layer][0])[each.name].slots
        if slots is None:
            shares.append(np.ones(each.shape))
            continue
        counts = np.bincount(slots)
        shares.append(np.where(slots > 0, 1.0 / counts[slots], 0.0).reshape(each.shape))
    return tuple(shares)


def _shapes(network: Network) -> list[Shape]:
    """What comes into each layer."""
    shapes = [network.in_shape]
    for place, layer in enumerate(network.layers):
        partner = network.mates.get(place)
        mate = None if partner is None else Mate(network.layers[partner], shapes[partner])
        shapes.append(layer.out_shape(shapes[-1], mate))
    return shapes
