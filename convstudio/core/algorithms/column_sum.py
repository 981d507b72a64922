"""One pass of a separable kernel over a flat run: weighted sums of the run and its shifted copies."""

from __future__ import annotations

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

    def work(self) -> tuple[float, float]:
        """Passes over the cells and multiply-adds a cell, for one cell and finite input."""
        count = len(self.weights[self.used])
        if not self.counts:
            return 0.0, 0.0
        if self.equal:
            return 1.2 * (len(self.weights).bit_length() + len(self.weights).bit_count() - 2) + 0.5, 0.0
        if self.pairs or count == 2:
            return 2.4 if self.pairs else 1.2, 0.0
        if banded_wins(len(self.weights)):
            return 1.0, float(_strip(len(self.weights)) + len(self.weights) - 1)
        return count + 1.5, 0.0

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


def _strip(count: int) -> int:
    return _STRIP if count <= _STRIP + 1 else 2 * _STRIP


class ColumnSum:
    """A pass as a function: `sum(values, out)` gives out[n] = Σ weights[k] · values[n + k · step] / left.

    `left` is a factor that is left to later passes, 1 where the weights had to be multiplied anyway; `scale`
    is what earlier ones left. With `finite` values taps of weight zero are left out. room: the longest `out`.
    """

    def __init__(
        self,
        column: Column,
        offset: int,
        scale: float,
        room: int,
        dtype: np.dtype[Any],
        scratch: Scratch,
        *,
        finite: bool,
    ) -> None:
        step = offset * column.gap
        count = len(column.weights)
        self.left = scale * float(column.weights[0])
        self._step, self._count = step, count
        self._spares: tuple[Array, Array] | None = None
        self._first = 0
        if column.equal:
            self._call = self._by_doubling
            size = (room + (count - 1) * step,)
            self._spares = scratch.take("spare", size, dtype), scratch.take("other spare", size, dtype)
            return
        if column.pairs:
            self._call = self._by_pairs
            self._sums = scratch.take("spare", (room + step,), dtype)
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
        self._taps = self._by_rows if self._step >= _ROW else self._by_runs
        self._call = self._taps
        if (step == 1 or step >= _ROW) and banded_wins(count):
            weights = (column.weights * scale).astype(dtype)
            self._outputs = _strip(count)
            matrix = _banded(weights, self._outputs)
            # (outputs, cells read), or transposed; BLAS reads both in the order that they are used in.
            self._matrix = matrix if step > 1 else matrix.T
            self._call = self._by_bands if step > 1 else self._by_strips
            self._row = step

    def __call__(self, values: Array, out: Array) -> None:
        """Compute the pass."""
        self._call(values, out)

    def _by_doubling(self, values: Array, out: Array) -> None:
        assert self._spares is not None
        sum_of_shifts(values, self._count, self._step, out, self._spares)

    def _by_pairs(self, values: Array, out: Array) -> None:
        size, step = len(out), self._step
        sums = self._sums[: size + step]
        np.add(values[: size + step], values[step : size + 2 * step], out=sums)
        np.add(sums[:size], sums[step:], out=out)

    def _by_two(self, values: Array, out: Array) -> None:
        size, first = len(out), self._first
        second = first + self._step
        self._join(values[second : second + size], values[first : first + size], out=out)

    def _by_runs(self, values: Array, out: Array) -> None:
        """Tap by tap over the whole run."""
        size = out.itemsize
        shape, strides = (len(self._weights), len(out)), (self._step * size, size)
        weighted_sum(self._weights, strided(values, shape, strides, self._first * size), out)

    def _by_rows(self, values: Array, out: Array) -> None:
        """All taps for one row after the other, so that each value comes from memory once."""
        step, size = self._step, out.itemsize
        rows = len(out) // step
        if rows:
            shape, strides = (rows, len(self._weights), step), (step * size, step * size, size)
            windows = strided(values, shape, strides, self._first * size)
            np.einsum("i,rin->rn", self._weights, windows, out=out[: rows * step].reshape(rows, step))
        if rows * step < len(out):
            self._by_runs(values[rows * step :], out[rows * step :])

    def _by_bands(self, values: Array, out: Array) -> None:
        """Some rows at a time as a product of a banded matrix with the rows that they read."""
        step, size, height = self._row, out.itemsize, self._outputs
        bands = len(out) // (height * step)
        done = bands * height * step
        if bands:
            shape = (bands, height + self._count - 1, step)
            rows = strided(values, shape, (height * step * size, step * size, size))
            np.matmul(self._matrix, rows, out=out[:done].reshape(bands, height, step))
        if done < len(out):
            self._taps(values[done:], out[done:])

    def _by_strips(self, values: Array, out: Array) -> None:
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
            self._taps(values[done:], out[done:])


def _banded(weights: Array, outputs: int) -> Array:
    """(outputs, cells read): the weights on each row, one further on than on the row before."""
    matrix = np.zeros((outputs, outputs + len(weights) - 1), weights.dtype)
    for row in range(outputs):
        matrix[row, row : row + len(weights)] = weights
    return matrix
