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

import numpy as np

from convstudio.core import Control
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.layers.bank_layer import Places
from convstudio.learn.errors import LearnError
from convstudio.learn.leftover import Leftover, leftover
from convstudio.learn.linear_systems import MOST_UNKNOWNS, LinearProblem, System, normal_matrix
from convstudio.learn.network import Network
from convstudio.learn.pairs import Pair
from convstudio.learn.spectrum import Spectrum, apart, smooth_first
from convstudio.learn.verdict import BEYOND_ROUNDING, EIGHT_BIT, Facts, Verdict, causes_of, judge
from convstudio.learn.windows import Doubles

__all__ = ["MOST_DRAWN", "MOST_UNKNOWNS", "Direction", "LeastSquares", "normal_matrix", "solve"]

MOST_DRAWN = 8
"""Undetermined directions that are given as kernels."""

_SOLVED = 0.9
"""Of the progress; LAPACK tells of none."""
_ALIKE = 0.02
"""Up to which share of the largest biases may differ and be told as one."""


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
    solved = _systems(problem, 0.5 * l2 * cells, share(control, 0.0, _SOLVED))
    weights, bias = problem.spread([(each.system, each.solution) for each in solved])
    fit = leftover(
        network, pair, {"weight": weights, "bias": bias}, share(control, _SOLVED, 0.95 if l2 > 0 else 1.0)
    )
    apart_from_l2 = fit
    if l2 > 0:
        free = problem.spread([(each.system, each.free) for each in solved])
        values = dict(zip(("weight", "bias"), free, strict=True))
        apart_from_l2 = leftover(network, pair, values, share(control, 0.95, 1.0))
    biased, offset = None, None
    if not problem.learns_bias and apart_from_l2.residual > BEYOND_ROUNDING * EIGHT_BIT:
        biased, offset = _with_bias(problem, network, share(control, 1.0, 1.0))
    causes = _Causes(apart_from_l2.residual if l2 > 0 else None, biased, offset)
    return _gathered(problem, solved, weights, bias if problem.learns_bias else None, fit, causes)


def _systems(problem: LinearProblem, ridge: float, control: Control | None) -> list[_Solved]:
    solved: list[_Solved] = []
    for system in problem.systems(control):
        work = partial(_solved, problem, system, ridge, share(control, 1.0, 1.0))
        solved.append(apart(work, system.unknowns, control))
        if control is not None:
            control.check()
    return solved


@dataclass(frozen=True)
class _Causes:
    """RMS errors that would be left without L2, and with a bias (``offset``, where there is one number)."""

    without_l2: float | None
    with_bias: float | None
    offset: float | None


def _with_bias(
    problem: LinearProblem, network: Network, control: Control | None
) -> tuple[float | None, float | None]:
    """Return the RMS error that a bias would leave, and the bias; None where that would be too large."""
    try:
        other = problem.with_bias()
    except LearnError:  # one unknown too many
        return None, None
    learner = Network(network.layers, network.in_shape, {(0, "weight"), (0, "bias")})
    solved = _systems(other, 0.0, control)
    weights, bias = other.spread([(each.system, each.solution) for each in solved])
    left = leftover(learner, problem.pair, {"weight": weights, "bias": bias}, control)
    alike = float(np.ptp(bias)) <= _ALIKE * float(np.abs(bias).max())
    return left.residual, float(bias.mean()) if alike else None


@dataclass(frozen=True, eq=False)
class _Solved:
    """A system with what was found; the matrices are gone."""

    system: System
    solution: Doubles
    free: Doubles  # without L2
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
    free = solution = spectrum.solve(system.right)
    if ridge > 0:
        pulled = system.matrix.copy()
        pulled[np.arange(system.weights), np.arange(system.weights)] += ridge
        solution = Spectrum.of(pulled, system.weights, system.cells, control).solve(system.right)
    return _Solved(
        system=system.without_matrix(),
        solution=solution,
        free=free,
        rank=spectrum.rank,
        condition=spectrum.condition,
        inverse=spectrum.inverse_diagonal(),
        null=null,
        planes=planes,
        weakest=spectrum.weakest(),
    )


# --- everything together ---


def _gathered(
    problem: LinearProblem,
    solved: Sequence[_Solved],
    weights: Doubles,
    bias: Doubles | None,
    fit: Leftover,
    causes: _Causes,
) -> LeastSquares:
    uncertainty, _ = problem.spread([(each.system, _errors(each, fit)) for each in solved])
    pair = problem.pair
    rank = sum(each.rank * each.sides for each in solved)
    unknowns = sum(each.system.unknowns * each.sides for each in solved)
    gaps = problem.windows.dilation
    missing = [
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
        causes=tuple(dict.fromkeys(missing)),
        bias=bias is not None,
        residual=fit.residual,
        validation=fit.validation,
        error=float(known.max()),
        place=(row, column, _channel_named(problem, output, channel)),
        largest=float(np.abs(weights).max()),
        clipped=fit.clipped,
        left_out=pair.keep is not None and fit.clipped_learned == 0,
        limits=fit.limits,
        unit="pixels" if len(pair.target) == 1 else "values",
        carried=fit.carried,
        without_l2=causes.without_l2,
        with_bias=causes.with_bias,
        offset=causes.offset,
        noise_on=pair.noise_on,
        noise=pair.noise * (_gain(weights) if pair.noise_on == "before" else 1.0),
    )
    return LeastSquares(
        weights=weights,
        bias=bias,
        residual=facts.residual,
        validation_residual=fit.validation,
        condition=max(each.condition for each in solved),
        rank=rank,
        unknowns=unknowns,
        uncertainty=uncertainty,
        undetermined=_undetermined(solved),
        weakest=_weakest(solved, fit),
        clipped=fit.clipped,
        loss=fit.residual**2,
        verdict=judge(facts),
    )


def _gain(weights: Doubles) -> float:
    """What a filter makes of white noise, RMS over its output channels: √Σ weight²."""
    return math.sqrt(float((weights**2).sum()) / len(weights))


def _undetermined(solved: Sequence[_Solved]) -> tuple[Direction, ...]:
    found: list[Direction] = []
    for each in solved:
        some = each.null.T[: MOST_DRAWN - len(found)]
        found.extend(_direction(each, vector, 0.0, math.inf) for vector in some)
    return tuple(found)


def _weakest(solved: Sequence[_Solved], fit: Leftover) -> Direction | None:
    found: Direction | None = None
    for each in solved:
        if each.weakest is None:
            continue
        vector, energy = each.weakest
        gain = energy / each.system.cells
        if found is None or gain < found.gain:
            found = _direction(each, vector, gain, math.sqrt(max(_variances(each, fit)) / energy))
    return found


def _errors(solved: _Solved, fit: Leftover) -> Doubles:
    """The standard errors of a system's unknowns, for each right side."""
    known = np.isfinite(solved.inverse)
    variances = np.where(known, solved.inverse, 0.0)[:, np.newaxis] * np.array(_variances(solved, fit))
    return np.where(known[:, np.newaxis], np.sqrt(variances), np.inf)


def _variances(solved: _Solved, fit: Leftover) -> list[float]:
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
