"""Softmax along an axis, and its derivative."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.elementwise import CHUNK, WORTH_THREADS, checked_pair
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]
# Ranges of the cells before the axis and after it.
_Part: TypeAlias = tuple[slice, slice]


def softmax(x: Any, axis: int = -1, *, control: Control | None = None, out: Array | None = None) -> Array:
    """exp(x) divided by its sum along `axis`: positive numbers that add up to 1.

    The largest value of each line is subtracted first, so that nothing overflows. `x` may have any shape and
    layout (a single number has one axis here, as in PyTorch); float32 and float64 are computed as they are,
    other real types as float32. A line with NaN or +∞ becomes NaN, as in PyTorch. `control` and `out` as in
    `convstudio.core.activations`.

    Raises ValueError for an axis that `x` does not have.
    """
    cells = real_array("x", x)
    along = _checked_axis(axis, cells.ndim)
    result = checked_out(out, cells.shape, compute_dtype(cells.dtype), x=cells)
    np.copyto(result, cells, casting="unsafe")
    lines = _lines(result, along)

    def work(part: _Part, _: Scratch) -> None:
        _normalise(lines[part[0], :, part[1]])

    run_tiles(_parts(lines), work, control, parallel=result.size >= WORTH_THREADS)
    return result


def softmax_backward(
    grad: Any, x: Any, axis: int = -1, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """y · (grad − Σ grad·y) with y = softmax(x) and the sum along `axis`. Arguments as of `softmax`."""
    cells, upstream = checked_pair(x, "grad", grad)
    along = _checked_axis(axis, cells.ndim)
    result = checked_out(out, cells.shape, compute_dtype(cells.dtype), grad=upstream, x=cells)
    np.copyto(result, cells, casting="unsafe")
    lines = _lines(result, along)
    upstream = _lines(upstream, along)

    def work(part: _Part, scratch: Scratch) -> None:
        y = lines[part[0], :, part[1]]
        _normalise(y)
        above = scratch.take("grad", y.shape, y.dtype)
        np.copyto(above, upstream[part[0], :, part[1]], casting="unsafe")
        weighted = np.multiply(above, y, out=scratch.take("weighted", y.shape, y.dtype))
        np.subtract(above, weighted.sum(axis=1, keepdims=True), out=above)
        np.multiply(y, above, out=y)

    run_tiles(_parts(lines), work, control, parallel=result.size >= WORTH_THREADS)
    return result


def _checked_axis(axis: Any, rank: int) -> int:
    """The axis counted from the front."""
    axes = max(rank, 1)
    try:
        index = operator.index(axis)
    except TypeError:
        index = None
    if index is None or isinstance(axis, bool) or not -axes <= index < axes:
        raise ValueError(f"axis must be a whole number from {-axes} to {axes - 1} for this x, got {axis!r}")
    return index % axes


def _lines(array: Array, axis: int) -> Array:
    """The array as (cells before the axis, along it, after it): a view where it is contiguous."""
    shape = array.shape or (1,)
    return array.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _parts(lines: Array) -> list[_Part]:
    """Lines in groups that stay in cache."""
    if not lines.size:
        return []
    before, along, after = lines.shape
    columns = min(after, max(CHUNK // along, 64))
    rows = max(CHUNK // (along * columns), 1)
    return [
        (slice(row, row + rows), slice(column, column + columns))
        for row in range(0, before, rows)
        for column in range(0, after, columns)
    ]


def _normalise(lines: Array) -> None:
    """Softmax along the middle axis, in place."""
    np.subtract(lines, lines.max(axis=1, keepdims=True), out=lines)
    np.exp(lines, out=lines)
    np.divide(lines, lines.sum(axis=1, keepdims=True), out=lines)
