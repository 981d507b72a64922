"""Kernels as sums of outer products: what makes a convolution separable."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


class Term(NamedTuple):
    """One outer product: a column of weights for each axis (float64)."""

    depth: Array
    height: Array
    width: Array


def separate(kernel: Array, dtype: np.dtype[Any]) -> tuple[Term, ...]:
    """Outer products that sum to the (depth, height, width) kernel as far as `dtype` can tell, at least one.

    Every weight is met to within a few rounding errors of its own size, so that small weights beside large
    ones are as exact as in a direct sum. A singular value decomposition would meet them only to within
    rounding errors of the largest; Gaussian elimination with complete pivoting meets the pivot's row and
    column exactly, keeps zeros, and is exact in integers. Its steps are the rank.
    """
    with np.errstate(all="ignore"):  # weights may be infinite
        return _separate(kernel.tobytes(), kernel.dtype.str, kernel.shape, float(np.finfo(dtype).eps))


@lru_cache(maxsize=256)
def _separate(data: bytes, dtype: str, shape: tuple[int, int, int], eps: float) -> tuple[Term, ...]:
    kernel = np.frombuffer(data, dtype).reshape(shape).astype(np.float64)
    if shape[0] == 1:
        return tuple(Term(np.ones(1), *pair) for pair in _eliminate(kernel[0], eps))
    single = _outer_product(kernel, eps)
    if single is not None:
        return (single,)
    # No elimination is known for three axes: one slice after the other.
    terms = [
        Term(np.eye(shape[0])[i], *pair)
        for i in range(shape[0])
        if kernel[i].any()
        for pair in _eliminate(kernel[i], eps)
    ]
    return tuple(terms)


def _outer_product(kernel: Array, eps: float) -> Term | None:
    """The kernel as one outer product of three columns, if it is one."""
    i, j, k = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    pivot = kernel[i, j, k]
    if pivot == 0:
        return Term(*(np.zeros(n) for n in kernel.shape))
    term = Term(kernel[:, j, k] / pivot, kernel[i, :, k] / pivot, kernel[i, j, :])
    rebuilt = term.depth[:, None, None] * term.height[:, None] * term.width
    return term if _meets(rebuilt, kernel, eps) else None


def _eliminate(matrix: Array, eps: float) -> list[tuple[Array, Array]]:
    rest = matrix.copy()
    pairs: list[tuple[Array, Array]] = []
    rebuilt = np.zeros_like(matrix)
    while len(pairs) < min(matrix.shape):
        i, j = divmod(int(np.abs(rest).argmax()), matrix.shape[1])
        pivot = rest[i, j]
        if pivot == 0:
            break
        column, row = rest[:, j] / pivot, rest[i].copy()
        pairs.append((column, row))
        step = np.outer(column, row)
        rebuilt += step
        if _meets(rebuilt, matrix, eps):
            break
        rest -= step
        rest[i] = 0  # exactly, whatever the rounding
        rest[:, j] = 0
    return pairs or [(np.zeros(matrix.shape[0]), np.zeros(matrix.shape[1]))]


def _meets(rebuilt: Array, kernel: Array, eps: float) -> bool:
    """Each weight to within rounding of its own size; a zero that cancelled, of the largest in float64."""
    largest = float(np.abs(kernel).max())
    allowed = 8 * eps * np.abs(kernel) + 4 * float(np.finfo(np.float64).eps) * largest
    return bool((np.abs(rebuilt - kernel) <= allowed).all())
