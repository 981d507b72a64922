"""The squared loss of one convolution as the quadric that it is, so that a step need not see the picture.

With k the free numbers of an output channel, w(i, j) the window under a cell and y its target,

    Σ (w·k − y)² = kᵀ·A·k − 2·bᵀ·k + c    with A = Σ w·wᵀ, b = Σ w·y and c = Σ y²,

and the slope is 2·(A·k − b). The sums are made once, in float64, by the closed form's own means; a step then
takes microseconds whatever the picture's size, and goes where one that runs over all pixels goes, with less
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.layers.base import FloatArray
from convstudio.learn.errors import LearnError
from convstudio.learn.linear_systems import LinearProblem
from convstudio.learn.network import Network, Values
from convstudio.learn.objectives import count
from convstudio.learn.pairs import Pair
from convstudio.learn.penalty import Penalty
from convstudio.learn.whole import WholePicture, kept_cells
from convstudio.model.training_method import MethodSetup

_MOST_ENTRIES = 1 << 18
"""Of all matrices: with more, a step takes long, too."""
_MOST_NANOSECONDS = 1e9
"""That making the sums may take, as estimated for one core: else a user would wait for the first step."""
_PRODUCT, _READ = 0.1, 1.8
"""Nanoseconds of a product inside one of matrices, and of a number that is read for it."""
_BAND = 1 << 16

Doubles: TypeAlias = NDArray[np.float64]


class WindowSums:
    """A pair and one convolution, reduced to sums.

    Raises:
        LearnError: the network is anything else.
        Cancelled: by the control.
    """

    @steady_plans()
    def __init__(self, whole: WholePicture, pair: Pair, control: Control | None = None) -> None:
        keep, validation = kept_cells(pair)
        self._penalty: Penalty = whole.penalty
        shape, mean = pair.target.shape, whole.objective.reduction == "mean"
        validates = validation is not None
        self._learned = _Quadric(whole.network, pair, share(control, 0.0, 0.5 if validates else 1.0))
        self._share = 1 / count(keep, shape) if mean else 1.0
        self._all: _Quadric | None = None
        if validates:
            everything = replace(pair, split=shape[1])
            self._all = _Quadric(whole.network, everything, share(control, 0.5, 1.0))
            self._share_held = 1 / count(validation, shape) if mean else 1.0

    def slope(self, values: Values) -> tuple[float, float | None, Values]:
        """Return the training loss with the penalty, the validation loss, and the former's gradient."""
        total, slopes = self._learned.slope(values)
        grads = tuple(self._share * slope for slope in slopes)
        held = None
        if self._all is not None:  # what is not learned from is the rest of everything
            held = self._share_held * max(self._all.sum(values) - total, 0.0)
        loss = self._share * max(total, 0.0) + self._penalty.value(values)
        return loss, held, self._penalty.added(grads, values)


def worth_summing(network: Network, pair: Pair, method: MethodSetup) -> bool:
    """Whether a method's steps can go by sums over the windows, and these are made in about a second."""
    if method.loss != "squared" or method.data != "whole":
        return False
    try:
        problem = LinearProblem(network, pair)
    except LearnError:
        return False
    entries, nanoseconds = 0, 0.0
    for group in problem.groups:
        numbers = np.unique(problem.places[list(group[0])])
        entries += len(numbers) ** 2
        windows = problem.windows
        for output in group[0]:
            own = problem.places[output]  # one plane where a kernel lies over all channels that are read
            planes = 1 if (own == own[:1]).all() else len(own)
            across = planes * windows.kernel[1]
            unknowns = across * windows.kernel[0]
            products = across if windows.stride == (1, 1) else unknowns  # a number of a window
            nanoseconds += windows.rows * windows.columns * unknowns * (_PRODUCT * products + _READ)
    return entries <= _MOST_ENTRIES and nanoseconds <= _MOST_NANOSECONDS


@dataclass(frozen=True, eq=False)
class _Part:
    """One system: which numbers of the layer its unknowns are, and where the values have them.

    All are ``(unknowns, right sides)``: those of weights, then those of biases.
    """

    matrix: Doubles
    right: Doubles
    numbers: tuple[NDArray[np.intp], NDArray[np.intp]]
    entries: tuple[NDArray[np.intp], NDArray[np.intp]]


class _Quadric:
    """Σ error² over the cells that are learned from, and its slope."""

    def __init__(self, network: Network, pair: Pair, control: Control | None) -> None:
        problem = LinearProblem(network, pair)
        self._kinds = tuple(0 if each.name == "weight" else 1 for each in network.parameters)
        self._order = sorted((kind, at) for at, kind in enumerate(self._kinds))
        self._places = (problem.places, problem.bias_places)
        self._sizes = tuple(int(places.max()) + 2 for places in self._places)  # the last slope stays 0
        firsts = tuple(_first_entries(places) for places in self._places)
        self._parts = []
        for system in problem.systems(control):
            numbers = _columns(system.numbers), _columns(system.offsets)
            entries = firsts[0][numbers[0]], firsts[1][numbers[1]]
            self._parts.append(_Part(system.matrix, system.right, numbers, entries))
        self._rest = _rest(pair, 0 * problem.bias if problem.learns_bias else problem.bias)

    def sum(self, values: Values) -> float:
        """Return Σ error²; below 0 by rounding alone."""
        total = self._rest
        for part in self._parts:
            k = self._unknowns(part, values)
            total += float((k * (part.matrix @ k - 2 * part.right)).sum())
        return total

    def slope(self, values: Values) -> tuple[float, Values]:
        """Return Σ error² and its gradient, at every entry that a number has."""
        total = self._rest
        slopes = [np.zeros(size) for size in self._sizes]
        for part in self._parts:
            k = self._unknowns(part, values)
            above = part.matrix @ k - part.right
            total += float((k * (above - part.right)).sum())
            above *= 2
            weights = len(part.numbers[0])
            slopes[0][part.numbers[0]] = above[:weights]
            slopes[1][part.numbers[1]] = above[weights:]
        return total, tuple(slopes[kind][self._places[kind]] for kind in self._kinds)

    def _unknowns(self, part: _Part, values: Values) -> Doubles:
        found = [values[at].reshape(-1)[part.entries[kind]] for kind, at in self._order]
        return found[0] if len(found) == 1 else np.concatenate(found)


def _columns(numbers: tuple[tuple[int, ...], ...]) -> NDArray[np.intp]:
    return np.array(numbers, np.intp).reshape(len(numbers), -1).T


def _first_entries(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each number the first of the entries that are it."""
    flat = places.reshape(-1)
    firsts = np.zeros(int(flat.max()) + 1, np.intp)
    numbers, entries = np.unique(flat, return_index=True)
    firsts[numbers[numbers >= 0]] = entries[numbers >= 0]
    return firsts


def _rest(pair: Pair, fixed: FloatArray) -> float:
    """Σ (y − bias)² over the training cells, with biases that are not learned; band by band, in float64."""
    channels, rows, columns = pair.target.shape
    total, step = 0.0, max(1, _BAND // max(columns, 1))
    for channel in range(channels):
        for top in range(0, min(pair.split, rows), step):
            bottom = min(top + step, pair.split, rows)
            error = pair.target[channel, top:bottom].astype(np.float64) - fixed[channel]
            if pair.keep is not None:
                error = error[np.broadcast_to(pair.keep, pair.target.shape)[channel, top:bottom]]
            total += float((error * error).sum())
    return total
