"""The squared loss of one convolution as the quadric that it is, so that a step need not see the picture.

With k the free numbers of an output channel, w(i, j) the window under a cell and y its target,

    Σ (w·k − y)² = kᵀ·A·k − 2·bᵀ·k + c    with A = Σ w·wᵀ, b = Σ w·y and c = Σ y²,

and the slope is 2·(A·k − b). The sums are made once, in float64, by the closed form's own means; a step then
takes microseconds whatever the picture's size, and goes where one that runs over all pixels goes, with less
rounding.

They are made band by band, and a band that is done stays done: who interrupts the making loses a tenth of a
second of it, and the sums are, bit for bit, those of one who did not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.core.threads import blas_single_threaded
from convstudio.learn.bands import bands
from convstudio.learn.errors import LearnError
from convstudio.learn.linear_systems import LinearProblem
from convstudio.learn.network import Network, Values
from convstudio.learn.normal_equations import lagged_cost, window_cost
from convstudio.learn.objectives import count
from convstudio.learn.pairs import Pair
from convstudio.learn.penalty import Penalty
from convstudio.learn.whole import WholePicture
from convstudio.model.training_method import MethodSetup

_MOST_ENTRIES = 1 << 18
"""Of all matrices: with more, a step takes long, too."""
_MOST_NANOSECONDS = 8e9
"""That making the sums may take, as estimated for one core: a few steps over so many pixels take as long."""
_READ = 1.8
"""Nanoseconds of a tap that meets the picture after, in Σ w·y."""
_BAND_NANOSECONDS = 1e8
"""Of a band, as estimated."""
_WINDOWS = 8
"""Windows one below the other in a band, at least: rows at its ends, which not all taps meet, cost more."""

Doubles: TypeAlias = NDArray[np.float64]


class WindowSums:
    """A pair and one convolution, reduced to sums, once these are made.

    Raises:
        LearnError: the network is anything else.
    """

    def __init__(self, whole: WholePicture, pair: Pair) -> None:
        shape, mean = pair.target.shape, whole.objective.reduction == "mean"
        self._penalty: Penalty = whole.penalty
        # Over all rows: channels that go together do so among those that validate, too.
        self._problem = LinearProblem(whole.network, replace(pair, split=shape[1]))
        self._learned, self._held = (_Quadric(whole.network, self._problem) for _ in range(2))
        cells, held = count(whole.keep, shape), count(whole.validation, shape)
        self._share, self._share_held = (1 / cells, 1 / max(1, held)) if mean else (1.0, 1.0)
        self._validates = whole.validation is not None
        self._split, high = pair.split, _band_rows(self._problem)
        rows = shape[1] if self._validates else pair.split
        tops = sorted({*range(0, pair.split, high), *range(pair.split, rows, high)})
        self._bands = list(pairwise((*tops, rows)))
        self._done = 0

    @property
    def made(self) -> bool:
        """Whether the sums are made."""
        return self._done == len(self._bands)

    @steady_plans()
    def make(self, control: Control | None = None) -> None:
        """Make the sums, as far as they are not.

        Raises:
            Cancelled: by the control; bands that are done are not done again.
        """
        total = len(self._bands)
        with blas_single_threaded(), np.errstate(all="ignore"):
            while not self.made:
                top, bottom = self._bands[self._done]
                quadric = self._learned if top < self._split else self._held
                part = share(control, self._done / total, (self._done + 1) / total)
                quadric.add(_sums_of(self._problem.within(top, bottom), part))
                self._done += 1

    def gradient(self, values: Values, control: Control | None = None) -> Values:
        """Return the gradient alone; as ``slope``."""
        return self.slope(values, control)[2]

    def slope(self, values: Values, control: Control | None = None) -> tuple[float, float | None, Values]:
        """Return the training loss with the penalty, the validation loss, and the former's gradient.

        The sums are made first, if they are not yet.

        Raises:
            Cancelled: as ``make``.
        """
        self.make(control)
        total, slopes = self._learned.slope(values)
        grads = tuple(self._share * slope for slope in slopes)
        held = self._share_held * max(self._held.sum(values), 0.0) if self._validates else None
        loss = self._share * max(total, 0.0) + self._penalty.value(values)
        return loss, held, self._penalty.added(grads, values)


def worth_summing(network: Network, pair: Pair, method: MethodSetup) -> bool:
    """Whether a method's steps can go by sums over the windows, and these are made in some seconds."""
    if method.loss != "squared" or method.data != "whole":
        return False
    try:
        problem = LinearProblem(network, pair)
    except LearnError:
        return False
    entries = 0
    for group in problem.groups:
        entries += len(np.unique(problem.places[list(group[0])])) ** 2
    return entries <= _MOST_ENTRIES and _nanoseconds(problem) <= _MOST_NANOSECONDS


def _nanoseconds(problem: LinearProblem) -> float:
    """About how long making the sums takes on one core."""
    windows, total = problem.windows, 0.0
    for group in problem.groups:
        for output in group[0]:
            own = problem.places[output]  # one plane where a kernel lies over all channels that are read
            planes = 1 if (own == own[:1]).all() else len(own)
            taps = planes * windows.kernel[0] * windows.kernel[1]
            each = min(lagged_cost(windows, planes), window_cost(windows, planes)) + _READ * taps
            total += windows.rows * windows.columns * each
    return total


def _band_rows(problem: LinearProblem) -> int:
    """Rows of a band, which follow from the problem alone."""
    windows = problem.windows
    pieces = math.ceil(_nanoseconds(problem) / _BAND_NANOSECONDS)
    return max(1, -(-windows.rows // pieces), _WINDOWS * windows.kernel[0] * windows.dilation[0])


@dataclass(frozen=True, eq=False)
class _Part:
    """One system: which numbers of the layer its unknowns are, and where the values have them.

    All are ``(unknowns, right sides)``: those of weights, then those of biases.
    """

    matrix: Doubles
    right: Doubles
    numbers: tuple[NDArray[np.intp], NDArray[np.intp]]
    entries: tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Σ w·wᵀ and Σ w·y for each system, and Σ y², over some cells."""

    systems: tuple[tuple[Doubles, Doubles], ...]
    rest: float


class _Quadric:
    """Σ error² over some cells, 0 for none, and its slope."""

    def __init__(self, network: Network, problem: LinearProblem) -> None:
        self._kinds = tuple(0 if each.name == "weight" else 1 for each in network.parameters)
        self._order = sorted((kind, at) for at, kind in enumerate(self._kinds))
        self._places = (problem.places, problem.bias_places)
        self._sizes = tuple(int(places.max()) + 2 for places in self._places)  # the last slope stays 0
        firsts = tuple(_first_entries(places) for places in self._places)
        self._parts = []
        for group_numbers, group_offsets in problem.unknowns():
            numbers = _columns(group_numbers), _columns(group_offsets)
            entries = firsts[0][numbers[0]], firsts[1][numbers[1]]
            unknowns, sides = len(numbers[0]) + len(numbers[1]), numbers[0].shape[1]
            zeros = np.zeros((unknowns, unknowns)), np.zeros((unknowns, sides))
            self._parts.append(_Part(*zeros, numbers, entries))
        self._rest = 0.0

    def add(self, sums: _Sums) -> None:
        """Count more cells."""
        for part, (matrix, right) in zip(self._parts, sums.systems, strict=True):
            np.add(part.matrix, matrix, out=part.matrix)
            np.add(part.right, right, out=part.right)
        self._rest += sums.rest

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


def _sums_of(problem: LinearProblem, control: Control | None) -> _Sums:
    found = tuple((each.matrix, each.right) for each in problem.systems(control))
    return _Sums(found, _rest(problem, control))


def _rest(problem: LinearProblem, control: Control | None) -> float:
    """Σ (y − bias)² over the cells, with biases that are not learned; band by band, in float64."""
    windows, pair = problem.windows, problem.pair
    fixed = np.zeros_like(problem.bias) if problem.learns_bias else problem.bias
    rows = slice(windows.top, windows.top + windows.rows)
    target, total = pair.target[:, rows], 0.0
    keep = None if pair.keep is None else np.broadcast_to(pair.keep, pair.target.shape)[:, rows]
    for band in bands(target.shape, control):
        error = target[band].astype(np.float64) - fixed[band[0]]
        if keep is not None:
            error = error[keep[band]]
        total += float((error * error).sum())
    return total
