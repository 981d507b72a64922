"""One layer of a network: its arrays, which of them are learned, and its gradients."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.receptive import Stage
from convstudio.layers.bank_layer import BankLayer
from convstudio.layers.base import FloatArray, Layer, Mate, Shape
from convstudio.learn.ties import Ties, ties_of

Values = tuple[NDArray[np.float64], ...]
"""One array for each parameter of a network, in their order."""

_QUICK = 1_000_000


@dataclass(frozen=True, eq=False)
class Part:
    """A layer in its place, with what does not change from step to step.

    Attributes:
        held: its arrays as they are, by name, float64.
        names: those that are learned.
        first: where theirs begin among the network's values.
        ties: of each of them.
        stage: the window that an output cell reads.
        work: products and cells for each pixel that comes in, about.
    """

    layer: Layer
    in_shape: Shape
    held: Mapping[str, NDArray[np.float64]]
    names: tuple[str, ...]
    first: int
    ties: tuple[Ties, ...]
    stage: Stage
    work: float

    def is_quick(self, x: FloatArray) -> bool:
        """Whether cancelling need not act within the layer: it then takes a millisecond or so."""
        return bool(self.work * x.shape[1] * x.shape[2] <= _QUICK)

    def forward(
        self, x: FloatArray, values: Values, mate: Mate | None, control: Control | None
    ) -> FloatArray:
        """Compute the layer with its arrays among ``values``; ``mate`` is what it undoes, if it undoes."""
        if isinstance(self.layer, BankLayer):
            arrays = self._arrays(values)
            return self.layer.compute(x, arrays["weight"], arrays["bias"], control=control)
        return self.with_values(values).forward(x, mate=mate, control=control)

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        values: Values,
        mate: Mate | None,
        control: Control | None,
        *,
        by_x: bool,
        by_weights: bool = True,
    ) -> tuple[FloatArray | None, Values]:
        """Return the gradients for ``grad``, as far as wanted: of ``x``, and of the learned arrays."""
        names = self.names if by_weights else ()
        if isinstance(self.layer, BankLayer):
            needs = (*names, "x") if by_x else names
            weights = self._arrays(values)["weight"]
            made = self.layer.gradients(grad, x, weights, needs=needs, control=control)
            passed, found = made.x, {"weight": made.weight, "bias": made.bias}
        else:
            all_made = self.with_values(values).backward(grad, x, mate=mate, control=control)
            passed, found = all_made.x, dict(all_made.weights)
        grads = tuple(ties.gathered(known(found[name])) for name, ties in zip(names, self.ties, strict=False))
        return passed, grads

    def with_values(self, values: Values) -> Layer:
        """Return the layer with its arrays among ``values``; itself where none is learned."""
        if not self.names:
            return self.layer
        return self.layer.with_weights(self._arrays(values), self.in_shape[0])

    def _arrays(self, values: Values) -> Mapping[str, FloatArray]:
        if not self.names:
            return self.held
        learned = values[self.first : self.first + len(self.names)]
        return {**self.held, **dict(zip(self.names, learned, strict=True))}


def part_of(layer: Layer, in_shape: Shape, mate: Mate | None, learned: Collection[str], first: int) -> Part:
    """Return a layer, which fits, with those of its arrays to be learned that it has."""
    held = {name: np.asarray(each, np.float64) for name, each in layer.weights(in_shape[0]).items()}
    names = tuple(name for name in held if name in learned)
    ties = ties_of(layer, in_shape[0]) if names else {}
    out_shape, pixels = layer.out_shape(in_shape, mate), in_shape[1] * in_shape[2]
    cells = math.prod(in_shape) + math.prod(out_shape)
    return Part(
        layer=layer,
        in_shape=in_shape,
        held=held,
        names=names,
        first=first,
        ties=tuple(ties[name] for name in names),
        stage=layer.stage(in_shape, mate),
        work=(layer.cost(in_shape, mate).multiply_adds + cells) / pixels,
    )


def known(array: FloatArray | None) -> FloatArray:
    """Return an array that must be there."""
    if array is None:
        raise ValueError("this array was not kept")
    return array
