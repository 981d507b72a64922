"""One step taken apart: the gradients of a layer, and finite differences that check them.

For a layer y = w ⋆ x + b inside a loss L, the chain rule gives (Goodfellow, Bengio and Courville, Deep
Learning, 2016, section 9.5)

    ∂L/∂w = x ⋆ ∂L/∂y     the correlation of what came in with the error that comes back
    ∂L/∂x = ∂L/∂y ∗ w     the full convolution of the error: the kernel is rotated by 180°
    ∂L/∂b = Σ ∂L/∂y       the sum of the error over the channel

The layers are run here as a project runs them, and not by the trainer's own way through them: what is shown
checks that too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate
from convstudio.layers.common import shape_of
from convstudio.learn.bands import copied, peak_of
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import Keep, Objective
from convstudio.learn.pairs import Pair
from convstudio.learn.ties import ties_of
from convstudio.learn.whole import kept_cells
from convstudio.learn.windows import checking

Index: TypeAlias = tuple[int, ...]
Slots: TypeAlias = NDArray[np.intp] | None

MOST_WEIGHTS = 9
"""Entries of an array that are checked by finite differences: two runs each."""
MOST_PIXELS = 4

_DRAWN = 256
"""Pixels among which those to check are chosen."""
_FORWARD, _CHECKING = 0.03, 0.1  # of the whole: where the way back and the checks begin
_EXACT_CELLS = 2_000_000
"""Up to so many numbers in the picture, float64 is quick enough; above it is float32, as in training."""
STEPS = {np.dtype(np.float64): 1e-5, np.dtype(np.float32): 1e-2}
"""The step of a difference: the smaller, the less curvature in it and the more rounding."""
TOLERANCES = {np.dtype(np.float64): 1e-5, np.dtype(np.float32): 2e-2}
"""Errors of a difference up to which it agrees with the chain rule."""
_ROUNDINGS = 16
"""Units in the last place by which two losses may differ from rounding alone: each is a sum."""


@dataclass(frozen=True)
class Check:
    """One entry of a gradient, by the chain rule and by a central difference of the loss.

    Attributes:
        index: which entry of its array.
        analytic: by the chain rule.
        numeric: (L(a + h) − L(a − h)) / 2h.
        error: their difference over the largest entry of the gradient, or, where all of it is less than a
            difference of two losses can tell from their rounding, over that.
        kink: whether the loss has a kink there (of ReLU, max pooling, an absolute error), at which the slopes
            of both sides differ: the chain rule takes one of them, the difference their middle.
    """

    index: Index
    analytic: float
    numeric: float
    error: float
    kink: bool = False


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The gradients of one layer in one step.

    Attributes:
        place: where the layer stands in the network.
        layer: it, with the present weights.
        loss: of the whole network, without L2.
        x: what comes into the layer, ``(C, H, W)``.
        by_output: ∂L/∂y, of the layer's output shape.
        by_weights: ∂L/∂w by name, as ``Layer.weights`` names and shapes them: of a number that stands at
            several places (a kernel for all channels) the whole gradient, at each. Without the pull of L2.
        by_input: ∂L/∂x, of the shape of ``x``.
        checks: by the name of an array, "x" for the input: entries checked by finite differences. Those of
            arrays that are not learned are checked too, by other layers in the place of this one.
        double: whether this was computed in float64.
    """

    place: int
    layer: Layer
    loss: float
    x: FloatArray
    by_output: FloatArray
    by_weights: Mapping[str, NDArray[np.float64]]
    by_input: FloatArray
    checks: Mapping[str, tuple[Check, ...]]
    double: bool

    @property
    def worst(self) -> float:
        """The largest error of all checks that are not at a kink."""
        checks = (check for some in self.checks.values() for check in some)
        return max((check.error for check in checks if not check.kink), default=0.0)

    @property
    def agrees(self) -> bool:
        """Whether all checks hold, but for rounding and the curvature within the difference."""
        return self.worst <= TOLERANCES[self.x.dtype]


@steady_plans()
def take_apart(
    network: Network,
    values: Values,
    pair: Pair,
    objective: Objective,
    place: int | None = None,
    control: Control | None = None,
) -> Anatomy:
    """Return the gradients of one layer of a network, for the whole picture.

    Args:
        network, values: what is learned, and the present numbers.
        pair, objective: the loss.
        place: of the layer in ``network.layers``; that of the last one that is learned if it is None.
        control: told of the progress, may cancel.

    Raises:
        LearnError: the values make no kernels.
        Cancelled: by the control.
    """
    if place is None:
        place = network.parameters[-1].layer
    double = pair.before.size <= _EXACT_CELLS
    dtype = np.float64 if double else np.float32
    picture: FloatArray = pair.before.astype(dtype, copy=False)
    target: FloatArray = pair.target.astype(dtype, copy=False)
    run = _Run(network, values, network.with_values(values), target, kept_cells(pair)[0], objective)
    inputs = run.forward(picture, 0, [], share(control, 0.0, _FORWARD))
    loss, upstream = run.loss(inputs[-1], checking(control))
    down = (_CHECKING - _FORWARD) / (len(run.layers) - place)
    done = _FORWARD
    for number in reversed(range(place + 1, len(run.layers))):
        upstream = run.backward(number, upstream, inputs, share(control, done, done + down)).x
        done += down
    found = run.backward(place, upstream, inputs, share(control, done, _CHECKING))
    layer, x = run.layers[place], inputs[place]
    ties = ties_of(layer, len(x))
    by_weights = {name: ties[name].gathered(grad) for name, grad in found.weights.items()}
    return Anatomy(
        place=place,
        layer=layer,
        loss=loss,
        x=x,
        by_output=upstream,
        by_weights=by_weights,
        by_input=found.x,
        checks=_checks(run, inputs, place, by_weights, found.x, share(control, _CHECKING, 1.0)),
        double=double,
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """A network's layers with its present values, run one after the other, as plainly as can be."""

    network: Network
    values: Values
    layers: tuple[Layer, ...]
    target: FloatArray
    keep: Keep
    objective: Objective

    def forward(
        self, x: FloatArray, first: int, above: Sequence[FloatArray], control: Control | None
    ) -> list[FloatArray]:
        """Return the inputs of all layers and the last output; those above layer ``first`` are given."""
        inputs = [*above[:first], x]
        count = len(self.layers) - first
        for done, place in enumerate(range(first, len(self.layers))):
            part = share(control, done / count, (done + 1) / count)
            mate = self._mate(place, inputs)
            inputs.append(self.layers[place].forward(inputs[place], mate=mate, control=part))
        return inputs

    def backward(
        self, place: int, grad: FloatArray, inputs: Sequence[FloatArray], control: Control | None
    ) -> LayerGradients:
        mate = self._mate(place, inputs)
        return self.layers[place].backward(grad, inputs[place], mate=mate, control=control)

    def _mate(self, place: int, inputs: Sequence[FloatArray]) -> Mate | None:
        partner = self.network.mates.get(place)
        if partner is None:
            return None
        return Mate(self.layers[partner], shape_of(inputs[partner]), inputs[partner])

    def loss(self, prediction: FloatArray, control: Control | None) -> tuple[float, FloatArray]:
        """Return the loss over what is learned from, and its gradient."""
        return self.objective.evaluate(prediction, self.target, self.keep, control=control)

    def loss_alone(self, prediction: FloatArray, control: Control | None) -> float:
        """Return the loss without its gradient."""
        return self.objective.loss(prediction, self.target, self.keep, checking(control))

    def loss_of_weight(
        self,
        picture: FloatArray,
        which: int,
        slots: Slots,
        index: Index,
        control: Control | None,
        move: float,
    ) -> float:
        """Return the loss with one number of a parameter, wherever it stands, moved."""
        values = [each.copy() for each in self.values]
        if slots is None:
            values[which][index] += move
        else:
            same = slots.reshape(values[which].shape)
            values[which][same == same[index]] += move
        return self.loss_alone(self.network.forward(picture, tuple(values), control).output, control)

    def loss_of_array(
        self,
        inputs: Sequence[FloatArray],
        place: int,
        name: str,
        slots: Slots,
        index: Index,
        control: Control | None,
        move: float,
    ) -> float:
        """Return the loss with one number of an array that is not learned moved."""
        layer, count = self.layers[place], len(inputs[place])
        weights = {each: np.array(values, np.float64) for each, values in layer.weights(count).items()}
        if slots is None:
            weights[name][index] += move
        else:
            same = slots.reshape(weights[name].shape)
            weights[name][same == same[index]] += move
        layers = (*self.layers[:place], layer.with_weights(weights, count), *self.layers[place + 1 :])
        moved = replace(self, layers=layers)
        return self.loss_alone(moved.forward(inputs[place], place, inputs, control)[-1], control)

    def loss_of_pixel(
        self, inputs: Sequence[FloatArray], place: int, index: Index, control: Control | None, move: float
    ) -> float:
        """Return the loss with one cell of a layer's input moved."""
        moved = copied(inputs[place], control)
        moved[index] += move
        return self.loss_alone(self.forward(moved, place, inputs, control)[-1], control)


def _checks(
    run: _Run,
    inputs: list[FloatArray],
    place: int,
    by_weights: Mapping[str, NDArray[np.float64]],
    by_input: FloatArray,
    control: Control | None,
) -> dict[str, tuple[Check, ...]]:
    x = inputs[place]
    here = run.loss_alone(inputs[-1], control)
    ties = ties_of(run.layers[place], len(x))
    learned = {each.name: n for n, each in enumerate(run.network.parameters) if each.layer == place}
    todo: list[tuple[str, float, Index]] = []
    largest: dict[str, float] = {}
    for name, grad in by_weights.items():
        todo += [(name, float(grad[at]), at) for at in _chosen(grad, MOST_WEIGHTS, ties[name].slots)]
        largest[name] = float(np.abs(grad).max())
    largest["x"], peak = peak_of(by_input, control)
    todo += [("x", float(by_input[at]), at) for at in _chosen_pixels(by_input, peak)]
    found: dict[str, list[Check]] = {name: [] for name in (*by_weights, "x")}
    for number, (name, analytic, index) in enumerate(todo):
        part = share(control, number / len(todo), (number + 1) / len(todo))
        if name == "x":
            loss = partial(run.loss_of_pixel, inputs, place, index, part)
        elif name not in learned:
            loss = partial(run.loss_of_array, inputs, place, name, ties[name].slots, index, part)
        else:
            loss = partial(run.loss_of_weight, inputs[0], learned[name], ties[name].slots, index, part)
        # A pixel has a part in few cells: what rounds the others stays the same, and their sum is of float64.
        rounding = np.finfo(np.float64 if name == "x" else x.dtype).eps
        found[name].append(_checked(analytic, largest[name], index, x.dtype, loss, here, float(rounding)))
    return {name: tuple(checks) for name, checks in found.items()}


def _checked(
    analytic: float,
    largest: float,
    index: Index,
    dtype: np.dtype[Any],
    loss: Callable[[float], float],
    here: float,
    rounding: float,
) -> Check:
    h = STEPS[dtype]
    above, below = loss(h), loss(-h)
    numeric = (above - below) / (2 * h)
    told = _ROUNDINGS * rounding * max(abs(above), abs(below)) / h / TOLERANCES[dtype]
    error = abs(analytic - numeric) / (max(largest, told) or 1.0)
    kink = False
    if error > TOLERANCES[dtype]:
        # Curvature makes the slopes of the two sides differ by so much less the nearer they come; a kink does
        # not let go.
        near = loss(h / 10) - 2 * here + loss(-h / 10)
        kink = abs(10 * near) > abs(above - 2 * here + below) / 2
    return Check(index, analytic, numeric, error, kink)


def _chosen(grad: NDArray[Any], most: int, slots: NDArray[np.intp] | None = None) -> list[Index]:
    """Return all free entries if they are few, else the largest and others, the same each time.

    ``slots`` tells which entries are one number (``ties.Ties``): each number is taken once.
    """
    free = np.arange(grad.size)
    if slots is not None:
        numbers, first = np.unique(slots, return_index=True)
        free = first[numbers > 0]
    largest = int(np.abs(grad.reshape(-1)[free]).argmax()) if len(free) else 0
    return _indices(free[_some(len(free), most, grad.size, largest)], grad.shape)


def _chosen_pixels(grad: FloatArray, largest: int) -> list[Index]:
    """The same of a picture, whose largest entry is known: others that are not 0, as far as some are met.

    Zeros tell little, and all are in rows that only validate.
    """
    size = grad.size
    if size <= MOST_PIXELS:
        return _indices(np.arange(size), grad.shape)
    drawn = np.random.default_rng(size).choice(size, min(size, _DRAWN), replace=False)
    others = [n for n in drawn.tolist() if n != largest]
    others.sort(key=lambda n: not grad[np.unravel_index(n, grad.shape)])  # in the order drawn, but for zeros
    return _indices(np.array([largest, *others[: MOST_PIXELS - 1]]), grad.shape)


def _some(count: int, most: int, seed: int, largest: int) -> NDArray[np.intp]:
    if count <= most:
        return np.arange(count)
    others = np.random.default_rng(seed).choice(count, most - 1, replace=False)
    return np.union1d(others, largest)


def _indices(flat: NDArray[np.intp], shape: tuple[int, ...]) -> list[Index]:
    return [tuple(int(n) for n in np.unravel_index(each, shape)) for each in np.sort(flat)]
