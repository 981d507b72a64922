"""Solving A·k = b where A may say nothing about some directions of k.

A symmetric matrix with eigenvalues λ and orthonormal eigenvectors v has the pseudo-inverse Σ v·vᵀ / λ over
the λ that are not zero; it gives the smallest of all solutions (Golub and Van Loan, Matrix Computations,
2013, section 5.5). Which λ are zero is a question of rounding. The entries of A are sums over many cells,
whose rounding errors add up like a random walk: to about eps·√cells of the largest eigenvalue, eps being
2.2e−16, and LAPACK adds some eps·n. What float32 does to the pixels themselves, 2⁻²⁴ of their size, adds
pixels²·2⁻⁴⁸/12 to each eigenvalue a cell, always less than that. So λ counts as zero up to

    λ_max · eps · (n + √cells)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from convstudio.core import Control
from convstudio.layers.bank_layer import Places
from convstudio.learn.errors import LearnError
from convstudio.learn.windows import Doubles

T = TypeVar("T")

_AT_ONCE = 128
"""Up to so many unknowns LAPACK is done before anyone could wait for it."""
_LOOK_SECONDS = 0.02
_TOUCHED = 1e-6
"""The share of a weight that must lie in an undetermined direction for its error to be without bounds."""
_LINKS = (1.0, 2.0**0.5, 3.0**0.5)
"""How much differences between neighbours count in ``smooth_first``: along a column, a row, and channels."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The eigenvalues of a system's matrix, scaled so that biases count like weights.

    Attributes:
        scale: what each unknown of the scaled system is multiplied by to give the real one.
        values: eigenvalues, ascending; vectors: their vectors as columns, in scaled unknowns.
        zero: up to which an eigenvalue counts as zero.
    """

    scale: Doubles
    values: Doubles
    vectors: Doubles
    zero: float

    @classmethod
    def of(cls, matrix: Doubles, weights: int, cells: int, control: Control | None = None) -> Self:
        """Return the spectrum of A, whose first ``weights`` unknowns are weights and the others biases.

        Raises:
            LearnError: A is not finite.
            Cancelled: by the control.
        """
        if not np.isfinite(matrix).all():
            raise LearnError(
                "The picture before holds values that are no numbers or too large to be squared: take "
                "another picture, or scale it to between 0 and 1."
            )
        scale = np.ones(len(matrix))
        biases = matrix.diagonal()[weights:]
        mean = matrix.diagonal()[:weights].mean()  # Σ pixel² over the cells; Σ 1 for a bias
        if mean > 0:
            scale[weights:] = np.sqrt(mean / np.where(biases > 0, biases, 1.0))
        values, vectors = eigen(scale[:, np.newaxis] * matrix * scale, control)
        rounding = np.finfo(np.float64).eps * (len(matrix) + np.sqrt(cells))
        return cls(scale, values, vectors, float(max(values[-1], 0.0) * rounding))

    @property
    def rank(self) -> int:
        return int(np.count_nonzero(self.values > self.zero))

    @property
    def condition(self) -> float:
        """The largest eigenvalue over the smallest; infinite where that is zero."""
        return float(self.values[-1] / self.values[0]) if self.rank == len(self.values) else float("inf")

    def solve(self, right: Doubles) -> Doubles:
        """Return the smallest solutions for right sides ``(n, count)``."""
        known = self.values > self.zero
        vectors = self.vectors[:, known]
        parts = vectors.T @ (self.scale[:, np.newaxis] * right)
        found: Doubles = self.scale[:, np.newaxis] * (vectors @ (parts / self.values[known, np.newaxis]))
        return found

    def inverse_diagonal(self) -> Doubles:
        """Return the diagonal of A⁻¹, ``(n,)``; infinite for unknowns that are not determined."""
        known = self.values > self.zero
        found = (self.vectors[:, known] ** 2) @ (1.0 / self.values[known])
        found *= self.scale**2
        found[(self.vectors[:, ~known] ** 2).sum(axis=1) > _TOUCHED] = np.inf
        return np.asarray(found)

    def null_space(self) -> Doubles:
        """Return an orthonormal basis of the undetermined directions, ``(n, count)``, in real unknowns."""
        null = self.vectors[:, self.values <= self.zero]
        if null.shape[1] and np.any(self.scale != 1.0):
            null = np.linalg.qr(self.scale[:, np.newaxis] * null)[0]
        return null

    def weakest(self) -> tuple[Doubles, float] | None:
        """Return the direction v of the smallest eigenvalue that is not zero, of length 1, and vᵀ·A·v."""
        if not self.rank:
            return None
        at = len(self.values) - self.rank
        vector = self.scale * self.vectors[:, at]
        length = np.linalg.norm(vector)
        return signed(vector / length), float(self.values[at] / length**2)


def eigen(matrix: Doubles, control: Control | None = None) -> tuple[Doubles, Doubles]:
    """Return the eigenvalues, ascending, and eigenvectors of a symmetric matrix.

    Raises:
        Cancelled: by the control.
    """

    def work() -> tuple[Doubles, Doubles]:
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors

    return apart(work, len(matrix), control)


def apart(work: Callable[[], T], unknowns: int, control: Control | None) -> T:
    """Return what ``work`` returns.

    LAPACK and BLAS cannot be stopped: matrices of many unknowns are left to a thread of its own, for whose
    result nobody waits once the control is cancelled.

    Raises:
        Cancelled: by the control.
    """
    if control is None or unknowns <= _AT_ONCE:
        return work()
    results: list[T] = []
    failures: list[Exception] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # raised again below, on the thread that waits
            failures.append(error)
        done.set()

    threading.Thread(target=run, name="convstudio-eigen", daemon=True).start()
    while not done.wait(_LOOK_SECONDS):
        control.check()
    if failures:
        raise failures[0]
    return results[0]


def signed(vector: Doubles) -> Doubles:
    """Return the vector or its negative: the first of its largest entries is positive."""
    sizes = np.abs(vector)
    first = int(np.argmax(sizes > sizes.max() * (1 - 1e-6)))
    return -vector if vector[first] < 0 else vector


def smooth_first(null: Doubles, planes: Places, control: Control | None = None) -> Doubles:
    """Return another orthonormal basis of the same space, from smooth patterns to rough ones.

    Any rotation of a basis is as good; this one is the same whatever LAPACK chose, and easy to look at. A
    pattern is rough by its differences between neighbours, squared; those along rows, columns and channels
    count differently, so that hardly ever two are equally rough.

    Args:
        null: ``(n, count)``.
        planes: ``(planes, rows, columns)``: which unknown each tap is, −1 for none.

    Raises:
        Cancelled: by the control.
    """
    if not null.shape[1]:
        return null
    unknowns = np.arange(1, len(null) + 1)
    roughness = np.diag(1e-6 * unknowns / len(null))  # the last resort between equals
    taps = planes
    neighbours = (
        (taps[:, :-1], taps[:, 1:]),
        (taps[:, :, :-1], taps[:, :, 1:]),
        (taps[:-1], taps[1:]),
    )
    for link, (first, second) in zip(_LINKS, neighbours, strict=True):
        both = (first >= 0) & (second >= 0)
        one, other = first[both], second[both]
        for at, to, sign in ((one, one, 1), (other, other, 1), (one, other, -1), (other, one, -1)):
            np.add.at(roughness, (at, to), sign * link)
    within = null.T @ roughness @ null
    _, turn = eigen((within + within.T) / 2, control)
    turned = null @ turn
    return np.stack([signed(column) for column in turned.T], axis=1)
