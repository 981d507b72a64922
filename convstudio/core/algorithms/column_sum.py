"""One pass of a separable kernel over a flat run: weighted sums of the run and its shifted copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.speeds import speeds
from convstudio.core.threads import Scratch
from convstudio.core.weighted_sum import sum_of_shifts, weighted_sum

Array: TypeAlias = npt.NDArray[Any]

_STRIP = 16  # outputs of one product with a banded matrix; twice as many for longer kernels
_BANDED_LOSS = 1.7  # what such products lose against the large ones that `speeds` measures
_ROW = 192  # numbers from which a step is as good as a row of its own


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The weights (float64) of a pass along one axis, and how they can be summed in fewer steps.

    gap: cells between taps. used: the taps that are not zero, as a slice. equal: whether all weights are.
    pairs: whether they are a multiple of 1 2 1, the sums of neighbouring pairs of sums of pairs.
    """

    weights: Array
    gap: int
    used: slice
    equal: bool
    pairs: bool

    @staticmethod
    def of(weights: Array, gap: int) -> Column:
        """What is to be known of these weights."""
        used = np.flatnonzero(weights)
        steps = np.diff(used)
        which = slice(0, len(weights), 1)
        if len(used) and (steps == steps[:1]).all():
            which = slice(int(used[0]), int(used[-1]) + 1, int(steps[0]) if len(steps) else 1)
        pairs = len(weights) == 3 and weights[0] == weights[2] and weights[1] == 2 * weights[0]
        return Column(weights, gap, which, all_equal(weights), bool(pairs))

    @property
    def reach(self) -> int:
        """Cells from the first tap to the last."""
        return (len(self.weights) - 1) * self.gap

    def work(self, step: int) -> tuple[float, float]:
        """Passes over the cells and multiply-adds a cell, for a pass over finite cells `step` apart."""
        count = len(self.weights[self.used])
        if not self.counts:
            return 0.0, 0.0
        if self.equal and not self.sums_rows(step):
            return self._additions + 0.5, 0.0
        if count == 2:
            return 1.2, 0.0
        if rows_win(count, step):
            return row_cost(count, step) / speeds().tap, 0.0
        if self.pairs:
            return 2.4, 0.0
        if step == 1 and banded_wins(len(self.weights)):
            return 1.0, float(_strip(len(self.weights)) + len(self.weights) - 1)
        return count + 1.5, 0.0

    def sums_rows(self, step: int) -> bool:
        """Whether equal weights that are so many cells apart are multiplied all the same, as whole rows."""
        count = len(self.weights)
        return rows_win(count, step) and row_cost(count, step) < (self._additions + 1.5) * speeds().tap

    @property
    def _additions(self) -> float:
        """Passes that doubling takes."""
        count = len(self.weights)
        return 1.2 * (count.bit_length() + count.bit_count() - 2)

    @property
    def zeros(self) -> bool:
        """Whether some taps can be left out."""
        return len(self.weights[self.used]) < len(self.weights)

    @property
    def counts(self) -> bool:
        """Whether the pass does anything at all."""
        return len(self.weights) > 1 or self.weights[0] != 1


def all_equal(weights: Array) -> bool:
    """Whether all weights are the same number."""
    return bool((weights == weights[0]).all())


def banded_wins(count: int) -> bool:
    """Whether a product with a banded matrix is quicker here than so many taps in one pass each."""
    speed = speeds()
    return count * speed.tap > _BANDED_LOSS * (_strip(count) + count - 1) * speed.many_products


def rows_win(count: int, step: int) -> bool:
    """Whether BLAS sums so many weighted rows, of `step` numbers each, quicker than a pass for each tap."""
    return step >= _ROW and row_cost(count, step) < count * speeds().tap


def row_cost(count: int, step: int) -> float:
    """Nanoseconds that BLAS takes for a cell of a weighted sum of rows."""
    speed = speeds()
    return speed.row_call / step + count * speed.row_product


def _strip(count: int) -> int:
    return _STRIP if count <= _STRIP + 1 else 2 * _STRIP


class ColumnSum:
    """A pass as a function: `sum(values, out)` gives out[n] = Σ weights[k] · values[n + k · step] / left.

    `left` is a factor that is left to other passes, 1 where the weights had to be multiplied anyway; `scale`
    is what others left. With `finite` values taps of weight zero are left out. multiplies: whether weights
    were multiplied. gain: the most that products may multiply a value by, infinite where there are only sums.
    spreads: whether NaN may reach sums that do not cover it.
    """

    def __init__(
        self, column: Column, offset: int, scale: float, dtype: np.dtype[Any], *, finite: bool
    ) -> None:
        step = offset * column.gap
        count = len(column.weights)
        self.left = scale * float(column.weights[0])
        self.gain, self.multiplies, self.spreads = math.inf, False, False
        self._step, self._count = step, count
        self._first = 0
        self._call: Callable[[Array, Array, Scratch], None]
        if column.equal and not column.sums_rows(step):
            self._call = self._by_doubling
            return
        by_rows = rows_win(count, step)
        if column.pairs and not by_rows:
            self._call = self._by_pairs
            return
        taps = column.used if finite else slice(0, count, 1)
        weights = column.weights[taps]
        self._first, self._step = taps.start * step, taps.step * step
        if len(weights) == 2 and abs(weights[0]) == abs(weights[1]):
            self._call = self._by_two
            self._join = np.add if weights[0] == weights[1] else np.subtract
            self.left = scale * float(weights[1])
            return
        self.left = 1.0
        self._weights = (weights * scale).astype(dtype)
        self.gain, self.multiplies = float(np.abs(self._weights).sum()), True
        self._multiply_rows = by_rows
        self._call = self._by_rows if step >= _ROW else self._by_runs
        if step == 1 and banded_wins(count):
            # (cells read, outputs); transposed, as BLAS reads it in the order that it is used in
            self._outputs = _strip(count)
            self._matrix = _banded((column.weights * scale).astype(dtype), self._outputs).T
            self._call = self._by_strips
            self.spreads = True

    def __call__(self, values: Array, out: Array, scratch: Scratch) -> None:
        """Compute the pass."""
        self._call(values, out, scratch)

    def _by_doubling(self, values: Array, out: Array, scratch: Scratch) -> None:
        size = (len(out) + (self._count - 1) * self._step,)
        spares = scratch.take("spare", size, out.dtype), scratch.take("other spare", size, out.dtype)
        sum_of_shifts(values, self._count, self._step, out, spares)

    def _by_pairs(self, values: Array, out: Array, scratch: Scratch) -> None:
        size, step = len(out), self._step
        sums = scratch.take("spare", (size + step,), out.dtype)
        np.add(values[: size + step], values[step : size + 2 * step], out=sums)
        np.add(sums[:size], sums[step:], out=out)

    def _by_two(self, values: Array, out: Array, _: Scratch) -> None:
        size, first = len(out), self._first
        second = first + self._step
        self._join(values[second : second + size], values[first : first + size], out=out)

    def _by_runs(self, values: Array, out: Array, _: Scratch) -> None:
        """Tap by tap over the whole run."""
        size = out.itemsize
        shape, strides = (len(self._weights), len(out)), (self._step * size, size)
        weighted_sum(self._weights, strided(values, shape, strides, self._first * size), out)

    def _by_rows(self, values: Array, out: Array, scratch: Scratch) -> None:
        """All taps for one row after the other, so that each value comes from memory once."""
        step, size = self._step, out.itemsize
        rows, rest = divmod(len(out), step)
        if rows:
            shape, strides = (rows, len(self._weights), step), (step * size, step * size, size)
            windows = strided(values, shape, strides, self._first * size)
            sums = out[: rows * step].reshape(rows, step)
            if self._multiply_rows:
                np.matmul(self._weights[None], windows, out=sums[:, None])
            else:
                np.einsum("i,rin->rn", self._weights, windows, out=sums)
        if rest:
            self._by_runs(values[rows * step :], out[rows * step :], scratch)

    def _by_strips(self, values: Array, out: Array, scratch: Scratch) -> None:
        """Strips of the run, every second at a time, as products with a banded matrix.

        The windows of two neighbouring strips overlap, which BLAS does not take; those of every second one
        do not as long as the kernel is no longer than a strip, and lie in memory as rows of a matrix.
        """
        width, size = self._outputs, out.itemsize
        pairs = len(out) // (2 * width)
        for first in (0, width) if pairs else ():
            strides = (2 * width * size, size)
            windows = strided(values, (pairs, width + self._count - 1), strides, first * size)
            np.matmul(windows, self._matrix, out=strided(out, (pairs, width), strides, first * size))
        done = 2 * width * pairs
        if done < len(out):
            self._by_runs(values[done:], out[done:], scratch)


def _banded(weights: Array, outputs: int) -> Array:
    """(outputs, cells read): the weights on each row, one further on than on the row before."""
    matrix = np.zeros((outputs, outputs + len(weights) - 1), weights.dtype)
    for row in range(outputs):
        matrix[row, row : row + len(weights)] = weights
    return matrix
