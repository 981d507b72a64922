"""Losses and the penalty on weights. Cross-entropy has a module of its own.

Reduced losses are arrays without axes, of the dtype of the computation; they are summed in float64, so that
no digits are lost over millions of cells.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array, real_number
from convstudio.core.elementwise import CHUNK, WORTH_THREADS, apply, checked_pair, flat_run
from convstudio.core.geometry import GeometryError
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

REDUCTIONS = ("mean", "sum", "none")


class MseGradients(NamedTuple):
    """What `mse_backward` returns: each of the shape of `x`."""

    grad_x: Array
    grad_target: Array


def mse(x: Any, target: Any, reduction: str = "mean") -> Array:
    """The squared error (x − target)², its mean, its sum, or with "none" each cell's.

    `x` and `target` have the same shape, whatever it is. float32 and float64 are computed as they are (the
    dtype of `x` decides), other real types as float32. The mean of nothing is NaN, as in PyTorch.

    Raises GeometryError for shapes that differ, ValueError for an unknown reduction.
    """
    cells, wanted = checked_pair(x, "target", target)
    checked_reduction(reduction)
    dtype = compute_dtype(cells.dtype)
    if reduction == "none":

        def compute(wanted: Array, cells: Array, y: Array, _: Scratch) -> None:
            np.subtract(cells, wanted, out=y)
            np.multiply(y, y, out=y)

        return apply(compute, cells, grad=wanted)
    sums = np.zeros(-(-cells.size // CHUNK))

    def work(index: int, scratch: Scratch) -> None:
        start, stop = index * CHUNK, min((index + 1) * CHUNK, cells.size)
        left = flat_run("x", cells, start, stop, dtype, scratch)
        right = flat_run("target", wanted, start, stop, dtype, scratch)
        error = np.subtract(left, right, out=scratch.take("error", left.shape, dtype))
        sums[index] = sum_of_squares(error, scratch)

    run_tiles(range(len(sums)), work, parallel=cells.size >= WORTH_THREADS)
    return reduced(sums.sum(), cells.size, reduction, dtype)


def mse_backward(grad: Any, x: Any, target: Any, reduction: str = "mean") -> MseGradients:
    """The gradients of `mse`: 2·(x − target) times `grad`, over the number of cells for the mean.

    `grad` has the shape of the loss: a number, or with "none" the shape of `x`.
    """
    cells, wanted = checked_pair(x, "target", target)
    checked_reduction(reduction)
    above = checked_upstream(grad, cells.shape if reduction == "none" else ())
    share = 1 / cells.size if reduction == "mean" and cells.size else 1.0

    def compute(wanted: Array, cells: Array, y: Array, _: Scratch) -> None:
        np.subtract(cells, wanted, out=y)
        np.multiply(y, 2 * share, out=y)

    grad_x = apply(compute, cells, grad=wanted)
    with np.errstate(all="ignore"):
        np.multiply(grad_x, above.astype(grad_x.dtype, copy=False), out=grad_x)
    return MseGradients(grad_x, np.negative(grad_x, out=np.empty_like(grad_x)))


def l2_penalty(weight: Any, strength: float = 1.0) -> Array:
    """½ · strength · Σ weight²: weight decay as a term of the loss, whose gradient is strength · weight.

    `weight` may have any shape. Krogh and Hertz, A simple weight decay can improve generalization, 1991.
    """
    values = real_array("weight", weight)
    factor = _strength(strength)
    dtype = compute_dtype(values.dtype)
    total = 0.0
    scratch = Scratch()
    with np.errstate(all="ignore"):
        for start in range(0, values.size, CHUNK):
            stop = min(start + CHUNK, values.size)
            total += sum_of_squares(flat_run("weight", values, start, stop, dtype, scratch), scratch)
        return reduced(0.5 * factor * total, 1, "sum", dtype)


def l2_penalty_backward(grad: Any, weight: Any, strength: float = 1.0) -> Array:
    """grad · strength · weight, of the shape of `weight`; `grad` is a number."""
    above = float(checked_upstream(grad, ()))
    factor = above * _strength(strength)

    def compute(values: Array, y: Array, _: Scratch) -> None:
        np.multiply(values, factor, out=y)

    return apply(compute, real_array("weight", weight))


def checked_reduction(reduction: str) -> None:
    """ValueError for a word that is not in `REDUCTIONS`."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        words = ", ".join(repr(known) for known in REDUCTIONS)
        raise ValueError(f"reduction must be one of {words}, got {reduction!r}")


def checked_upstream(grad: Any, shape: tuple[int, ...]) -> Array:
    """`grad` as an array, which must have the shape of the loss."""
    above = real_array("grad", grad)
    if above.shape != shape:
        wanted = f"the shape of the loss, {shape}," if shape else "no axes, as the loss is one number,"
        raise GeometryError(f"grad must have {wanted} got shape {above.shape}")
    return above


def sum_of_squares(values: Array, scratch: Scratch) -> float:
    """Σ values² in float64."""
    squares = scratch.take("squares", values.shape, np.dtype(np.float64))
    np.multiply(values, values, out=squares, dtype=np.float64)
    return float(squares.sum())


def reduced(total: Any, count: float, reduction: str, dtype: np.dtype[Any]) -> Array:
    """A sum, or with "mean" the sum over the count, as an array without axes; 0 / 0 is NaN."""
    with np.errstate(all="ignore"):
        value = np.divide(total, count) if reduction == "mean" else np.asarray(total)
        return np.asarray(value).astype(dtype)


def _strength(value: object) -> float:
    number = real_number("strength", value)
    if not number >= 0:
        raise ValueError(f"strength must be 0 or more, got {value!r}")
    return number
