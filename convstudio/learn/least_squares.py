"""The closed form: the kernel that fits a pair of pictures best, and how much of it the pictures determine.

Gradient descent goes to the same place, step by step. Here the normal equations are solved at once (Gauss,
Theoria motus corporum coelestium, 1809; Björck, Numerical Methods for Least Squares Problems, 1996). The
error that is left is measured by running the network itself, not taken from the equations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.layers.bank_layer import Places
from convstudio.layers.base import FloatArray
from convstudio.learn.errors import LearnError
from convstudio.learn.linear_systems import MOST_UNKNOWNS, LinearProblem, System, normal_matrix
from convstudio.learn.network import Network, Values
from convstudio.learn.pairs import Pair
from convstudio.learn.spectrum import Spectrum, apart, smooth_first
from convstudio.learn.verdict import Facts, Verdict, causes_of, judge
from convstudio.learn.windows import Doubles

__all__ = ["MOST_DRAWN", "MOST_UNKNOWNS", "Direction", "LeastSquares", "normal_matrix", "solve"]

MOST_DRAWN = 8
"""Undetermined directions that are given as kernels."""

_HALF_STEP = 0.5 / 255
_BAND_CELLS = 1 << 18
_SOLVED = 0.9
"""Of the progress; LAPACK tells of none."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A pattern of weights, of length 1 together with ``bias``.

    Attributes:
        kernel: ``(channels, rows, columns)`` as the layer writes it; one channel stands for all that share
            their kernel.
        gain: the mean square of what the pattern makes of the picture.
        uncertainty: the standard error along it; infinite for an undetermined direction.
        bias: its part of the bias, where one is learned.
        outputs: the output channels that it is a pattern of.
    """

    kernel: Doubles
    gain: float
    uncertainty: float
    bias: float
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """The solution, and what it is worth.

    Attributes:
        weights: of the shape of the network's parameter "weight"; where they are not determined, the
            smallest.
        bias: of each output channel, None where it was not learned.
        residual: RMS error over the cells that were learned from; validation_residual: over the rows that
            were not, None where there are none.
        condition: of the worst system's matrix A: its largest eigenvalue over its smallest; infinite where
            something is undetermined.
        rank, unknowns: of all free numbers; they differ by the number of undetermined directions.
        uncertainty: the standard error of each weight, of the shape of ``weights``; infinite where it is not
            determined, 0 where it is none.
        undetermined: directions without any effect on the picture, orthonormal, smooth ones first; at most 8.
        weakest: the determined direction of which the picture shows least; None if there is none.
        clipped: the share of the picture after that is black or white where the fit lies beyond by more than
            half a step of 8 bits.
        loss: the mean squared error over the cells that were learned from.
        verdict: all that in words.
    """

    weights: Doubles
    bias: Doubles | None
    residual: float
    validation_residual: float | None
    condition: float
    rank: int
    unknowns: int
    uncertainty: Doubles
    undetermined: tuple[Direction, ...]
    weakest: Direction | None
    clipped: float
    loss: float
    verdict: Verdict


@steady_plans()
def solve(network: Network, pair: Pair, *, l2: float = 0.0, control: Control | None = None) -> LeastSquares:
    """Return the weights (and biases, if they are learned) of one convolution that fit a pair best.

    With ``l2`` they minimize the mean squared error plus ½ · l2 · Σ weight², as a trainer does; rank and
    undetermined directions are those of the picture alone.

    Raises:
        LearnError: the network is not one convolution whose weights are learned, a system has more than 2048
            unknowns, there are no cells to learn from, or the pictures hold values that are not finite.
        Cancelled: by the control.
    """
    problem = LinearProblem(network, pair)
    cells = sum(problem.cells(output) for output in range(len(problem.places)))
    if cells == 0:
        raise LearnError(
            "There is no pixel to learn from: all are left out or kept for validation. Let clipped pixels "
            "count, or keep fewer rows for validation."
        )
    solved: list[_Solved] = []
    for system in problem.systems(share(control, 0.0, _SOLVED)):
        work = partial(_solved, problem, system, 0.5 * l2 * cells, share(control, _SOLVED, _SOLVED))
        solved.append(apart(work, system.unknowns, control))
        if control is not None:
            control.check()
    weights, bias = problem.spread([(each.system, each.solution) for each in solved])
    values: Values = tuple(weights if each.name == "weight" else bias for each in network.parameters)
    fit = _fit(network, pair, values, share(control, _SOLVED, 1.0))
    return _gathered(problem, solved, weights, bias if problem.learns_bias else None, fit)


@dataclass(frozen=True, eq=False)
class _Solved:
    """A system with what was found; the matrices are gone."""

    system: System
    solution: Doubles
    rank: int
    condition: float
    inverse: Doubles
    null: Doubles
    planes: Places
    weakest: tuple[Doubles, float] | None

    @property
    def sides(self) -> int:
        return len(self.system.outputs)


def _solved(problem: LinearProblem, system: System, ridge: float, control: Control | None) -> _Solved:
    spectrum = Spectrum.of(system.matrix, system.weights, system.cells, control)
    if not np.isfinite(system.right).all():
        raise LearnError(
            "The picture after holds values that are no numbers or infinite: take another picture."
        )
    planes = problem.planes(system)
    null = smooth_first(spectrum.null_space(), planes, control)
    solver = spectrum
    if ridge > 0:
        pulled = system.matrix.copy()
        pulled[np.arange(system.weights), np.arange(system.weights)] += ridge
        solver = Spectrum.of(pulled, system.weights, system.cells, control)
    return _Solved(
        system=system.without_matrix(),
        solution=solver.solve(system.right),
        rank=spectrum.rank,
        condition=spectrum.condition,
        inverse=spectrum.inverse_diagonal(),
        null=null,
        planes=planes,
        weakest=spectrum.weakest(),
    )


# --- the error that is left ---


@dataclass(frozen=True, eq=False)
class _Fit:
    """Sums of squared errors and cells by output channel; shares of the picture that are clipped."""

    learned: Doubles
    learned_cells: NDArray[np.int64]
    held: float
    held_cells: int
    clipped: float
    clipped_learned: float


def _fit(network: Network, pair: Pair, values: Values, control: Control | None) -> _Fit:
    """Run the network, and compare band by band."""
    prediction, target = network.forward(pair.before, values, control).output, pair.target
    channels, rows, columns = target.shape
    low, high = _limits(target)
    learned, cells = np.zeros(channels), np.zeros(channels, np.int64)
    held, held_cells, clipped, clipped_learned = 0.0, 0, 0, 0
    step = max(1, _BAND_CELLS // columns)
    edges = sorted({*range(0, rows, step), min(pair.split, rows), rows})
    for channel in range(channels):
        for top, bottom in pairwise(edges):
            fit, wanted = prediction[channel, top:bottom], target[channel, top:bottom]
            keep = np.True_ if pair.keep is None else pair.keep[channel, top:bottom]
            error = np.where(keep, np.subtract(fit, wanted, dtype=np.float64), 0.0).reshape(-1)
            squares, count = float(error @ error), int(np.broadcast_to(keep, fit.shape).sum())
            beyond = ((wanted <= low) & (fit < low - _HALF_STEP)) | (
                (wanted >= high) & (fit > high + _HALF_STEP)
            )
            clipped += int(np.count_nonzero(beyond))
            if top < pair.split:
                learned[channel] += squares
                cells[channel] += count
                clipped_learned += int(np.count_nonzero(beyond & keep))
            else:
                held, held_cells = held + squares, held_cells + count
            if control is not None:
                control.check()
    return _Fit(learned, cells, held, held_cells, clipped / target.size, clipped_learned / target.size)


def _limits(target: FloatArray) -> tuple[float, float]:
    """The values at which the picture may have been cut off: 0 and 1, where it does not go beyond them."""
    low = 0.0 if target.min() >= 0 else -math.inf
    high = 1.0 if target.max() <= 1 else math.inf
    return low, high


# --- everything together ---


def _gathered(
    problem: LinearProblem, solved: Sequence[_Solved], weights: Doubles, bias: Doubles | None, fit: _Fit
) -> LeastSquares:
    uncertainty, _ = problem.spread([(each.system, _errors(each, fit)) for each in solved])
    loss = float(fit.learned.sum()) / int(fit.learned_cells.sum())
    held = math.sqrt(fit.held / fit.held_cells) if fit.held_cells else None
    rank = sum(each.rank * each.sides for each in solved)
    unknowns = sum(each.system.unknowns * each.sides for each in solved)
    gaps = problem.windows.dilation
    causes = [
        why
        for each in solved
        for why in causes_of(each.null, each.planes, gaps, each.system.unknowns - each.system.weights)
    ]
    known = np.where(np.isfinite(uncertainty), uncertainty, -1.0)
    output, channel, row, column = (int(n) for n in np.unravel_index(known.argmax(), known.shape))
    facts = Facts(
        unknowns=unknowns,
        rank=rank,
        cells=min(each.system.cells for each in solved),
        most=max(each.system.unknowns for each in solved),
        causes=tuple(dict.fromkeys(causes)),
        bias=bias is not None,
        residual=math.sqrt(loss),
        validation=held,
        error=float(known.max()),
        place=(row, column, _channel_named(problem, output, channel)),
        largest=float(np.abs(weights).max()),
        clipped=fit.clipped,
        left_out=problem.pair.keep is not None and fit.clipped_learned == 0,
    )
    return LeastSquares(
        weights=weights,
        bias=bias,
        residual=facts.residual,
        validation_residual=held,
        condition=max(each.condition for each in solved),
        rank=rank,
        unknowns=unknowns,
        uncertainty=uncertainty,
        undetermined=_undetermined(solved),
        weakest=_weakest(solved, fit),
        clipped=fit.clipped,
        loss=loss,
        verdict=judge(facts),
    )


def _undetermined(solved: Sequence[_Solved]) -> tuple[Direction, ...]:
    found: list[Direction] = []
    for each in solved:
        some = each.null.T[: MOST_DRAWN - len(found)]
        found.extend(_direction(each, vector, 0.0, math.inf) for vector in some)
    return tuple(found)


def _weakest(solved: Sequence[_Solved], fit: _Fit) -> Direction | None:
    found: Direction | None = None
    for each in solved:
        if each.weakest is None:
            continue
        vector, energy = each.weakest
        gain = energy / each.system.cells
        if found is None or gain < found.gain:
            found = _direction(each, vector, gain, math.sqrt(max(_variances(each, fit)) / energy))
    return found


def _errors(solved: _Solved, fit: _Fit) -> Doubles:
    """The standard errors of a system's unknowns, for each right side."""
    known = np.isfinite(solved.inverse)
    variances = np.where(known, solved.inverse, 0.0)[:, np.newaxis] * np.array(_variances(solved, fit))
    return np.where(known[:, np.newaxis], np.sqrt(variances), np.inf)


def _variances(solved: _Solved, fit: _Fit) -> list[float]:
    """The variance of the noise that the error left over tells, for each right side."""
    found = []
    for outputs in solved.system.outputs:
        squares, cells = fit.learned[list(outputs)].sum(), fit.learned_cells[list(outputs)].sum()
        spare = int(cells) - solved.rank
        found.append(float(squares) / spare if spare > 0 else 0.0)  # an exact fit tells of no noise
    return found


def _direction(solved: _Solved, vector: Doubles, gain: float, uncertainty: float) -> Direction:
    taps, system = solved.planes, solved.system
    kernel = np.where(taps >= 0, vector[taps], 0.0)
    outputs = tuple(sorted(output for some in system.outputs for output in some))
    return Direction(kernel, gain, uncertainty, float(vector[system.weights :].sum()), outputs)


def _channel_named(problem: LinearProblem, output: int, channel: int) -> int:
    """The channel to say of a weight: none where all share their kernel."""
    places = problem.places
    if len(np.unique(places)) == len(np.unique(places[0, 0])):
        return -1
    return output if places.shape[1] == 1 else channel
