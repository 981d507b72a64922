"""Cross-entropy between classes' scores and targets, and its gradients.

Class indices are brought to the same form as class probabilities, weights w_c·t_c for each cell, so that with
log p the logarithm of the softmax of the scores over the classes

    loss of a cell = −Σ_c w_c·t_c·log p_c          ∂loss/∂x_c = p_c·Σ_j w_j·t_j − w_c·t_c

(Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4). Label smoothing takes t to
(1 − ε)·t + ε/C (Szegedy et al., Rethinking the Inception architecture, 2016).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array, real_number
from convstudio.core.elementwise import CHUNK, WORTH_THREADS
from convstudio.core.geometry import GeometryError, whole_number
from convstudio.core.losses import checked_reduction, checked_upstream, reduced
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]


class CrossEntropyGradients(NamedTuple):
    """What `cross_entropy_backward` returns; class indices have no gradient, `grad_target` is then None.

    The class weights are constants of the loss, as in PyTorch.
    """

    grad_x: Array
    grad_target: Array | None


class _Problem(NamedTuple):
    """Checked arguments, with one spatial axis at least.

    scores: (N, C, *spatial); target: indices (N, *spatial), or probabilities of the shape of the scores.
    weight: (C,); divisor: what the mean divides by.
    """

    scores: Array
    target: Array
    by_index: bool
    weight: Array
    ignored: int
    smoothing: float
    divisor: float
    dtype: np.dtype[Any]

    @property
    def classes(self) -> int:
        return int(self.scores.shape[1])


# Ranges of examples and of the first spatial axis.
_Tile: TypeAlias = tuple[slice, slice]


def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The cross-entropy of the softmax of `x` over its classes, as in PyTorch.

    Parameters
    ----------
    x: scores (not probabilities) of C classes, (N, C, *spatial) with any number of spatial axes, or (C,).
        float32 and float64 are computed as they are, other real types as float32.
    target: the index of the right class of each cell, whole numbers (N, *spatial), or a single one for (C,);
        or the probability of every class, floating-point numbers of the shape of `x`.
    weight: (C,), a factor for each class, or None.
    ignore_index: cells with this index count nothing, neither in the sum nor in the mean.
    reduction: "mean" (over indices weighted by their class, over cells for probabilities), "sum", or "none".
    label_smoothing: 0 to 1, the part of the target that is spread evenly over all classes.

    Returns an array without axes, or with "none" one of the shape (N, *spatial). The mean of nothing is NaN.

    Raises GeometryError for shapes that do not fit one another, ValueError for an index that is no class and
    any other argument outside its range.
    """
    scores = real_array("x", x)
    problem = _checked(scores, target, weight, ignore_index, label_smoothing)
    checked_reduction(reduction)
    shape = _loss_shape(scores.shape)
    tiles = _tiles(problem)
    losses = np.empty(shape, problem.dtype) if reduction == "none" else None
    each = None if losses is None else losses.reshape(_cells_shape(problem))
    sums = np.zeros(len(tiles))

    def work(index: int, scratch: Scratch) -> None:
        loss = _losses(problem, tiles[index], scratch)
        if each is not None:
            each[tiles[index]] = loss.reshape(each[tiles[index]].shape)
        else:
            sums[index] = loss.sum(dtype=np.float64)

    run_tiles(range(len(tiles)), work, parallel=scores.size >= WORTH_THREADS)
    return reduced(sums.sum(), problem.divisor, reduction, problem.dtype) if losses is None else losses


def cross_entropy_backward(
    grad: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> CrossEntropyGradients:
    """The gradients of `cross_entropy` for an upstream gradient of the shape of the loss.

    Arguments and errors as of `cross_entropy`.
    """
    scores = real_array("x", x)
    problem = _checked(scores, target, weight, ignore_index, label_smoothing)
    checked_reduction(reduction)
    above = checked_upstream(grad, _loss_shape(scores.shape) if reduction == "none" else ())
    with np.errstate(all="ignore"):
        factor = np.divide(above, problem.divisor) if reduction == "mean" else above
    factor = np.broadcast_to(
        factor.reshape(_cells_shape(problem)) if reduction == "none" else factor, _cells_shape(problem)
    )
    grad_x = np.empty(scores.shape, problem.dtype)
    grad_target = None if problem.by_index else np.empty(scores.shape, problem.dtype)
    into = grad_x.reshape(problem.scores.shape)
    into_target = None if grad_target is None else grad_target.reshape(problem.scores.shape)

    def work(tile: _Tile, scratch: Scratch) -> None:
        examples, rows = tile
        slopes, target_slopes = _slopes(problem, tile, factor[tile], scratch)
        part = into[examples, :, rows]
        part[...] = slopes.reshape(part.shape)
        if into_target is not None and target_slopes is not None:
            into_target[examples, :, rows] = target_slopes.reshape(part.shape)

    run_tiles(_tiles(problem), work, parallel=scores.size >= WORTH_THREADS)
    return CrossEntropyGradients(grad_x, grad_target)


def _losses(problem: _Problem, tile: _Tile, scratch: Scratch) -> Array:
    """(examples, cells): the loss of each cell of the tile."""
    log_p = _log_softmax(problem, tile, scratch)
    smoothing, weight = problem.smoothing, problem.weight
    if not problem.by_index:
        targets = _weighted_targets(problem, tile, scratch)
        costs: Array = -np.multiply(log_p, targets, out=targets).sum(axis=1)
        return costs
    right, counts = _indices(problem, tile)
    # Picked, not multiplied by zeros: a score of −∞ for another class costs nothing.
    loss: Array = np.take_along_axis(log_p, right[:, None], 1)[:, 0] * (weight[right] * (smoothing - 1))
    if smoothing:
        loss -= smoothing / problem.classes * np.multiply(log_p, weight[:, None], out=log_p).sum(axis=1)
    loss[~counts] = 0
    return loss


def _slopes(problem: _Problem, tile: _Tile, factor: Array, scratch: Scratch) -> tuple[Array, Array | None]:
    """(examples, classes, cells): ∂loss/∂x and, for probabilities, ∂loss/∂target, times `factor`."""
    log_p = _log_softmax(problem, tile, scratch)
    smoothing, weight = problem.smoothing, problem.weight[:, None]
    factor = factor.reshape(len(log_p), 1, log_p.shape[2]).astype(problem.dtype)
    p = np.exp(log_p, out=scratch.take("p", log_p.shape, problem.dtype))
    if not problem.by_index:
        targets = _weighted_targets(problem, tile, scratch)
        np.multiply(p, targets.sum(axis=1, keepdims=True), out=p)
        np.subtract(p, targets, out=p)
        np.multiply(p, factor, out=p)
        np.multiply(log_p, (smoothing - 1) * weight, out=log_p)
        return p, np.multiply(log_p, factor, out=log_p)
    right, counts = _indices(problem, tile)
    chosen = (1 - smoothing) * problem.weight[right][:, None]
    spread = smoothing / problem.classes * weight
    np.multiply(p, chosen + spread.sum(), out=p)
    np.subtract(p, spread, out=p)
    here = right[:, None]
    np.put_along_axis(p, here, np.take_along_axis(p, here, 1) - chosen, 1)
    np.multiply(p, np.where(counts[:, None], factor, 0), out=p)
    return p, None


def _log_softmax(problem: _Problem, tile: _Tile, scratch: Scratch) -> Array:
    """(examples, classes, cells): log p, in scratch."""
    log_p = _take(problem.scores, "scores", problem, tile, scratch)
    np.subtract(log_p, log_p.max(axis=1, keepdims=True), out=log_p)
    p = np.exp(log_p, out=scratch.take("p", log_p.shape, problem.dtype))
    np.subtract(log_p, np.log(p.sum(axis=1, keepdims=True)), out=log_p)
    return log_p


def _weighted_targets(problem: _Problem, tile: _Tile, scratch: Scratch) -> Array:
    """(examples, classes, cells): w_c·t_c of smoothed probabilities, in scratch."""
    targets = _take(problem.target, "targets", problem, tile, scratch)
    if problem.smoothing:
        np.multiply(targets, 1 - problem.smoothing, out=targets)
        np.add(targets, problem.smoothing / problem.classes, out=targets)
    return np.multiply(targets, problem.weight[:, None], out=targets)


def _take(array: Array, name: str, problem: _Problem, tile: _Tile, scratch: Scratch) -> Array:
    """The tile of an array of classes in the dtype of the computation, its spatial axes as one."""
    part = array[tile[0], :, tile[1]]
    taken = scratch.take(name, (len(part), problem.classes, math.prod(part.shape[2:])), problem.dtype)
    np.copyto(taken.reshape(part.shape), part, casting="unsafe")
    return taken


def _indices(problem: _Problem, tile: _Tile) -> tuple[Array, Array]:
    """(examples, cells): the right classes, 0 where ignored, and whether a cell counts."""
    part = problem.target[tile]
    right = part.reshape(len(part), -1).astype(np.intp)
    counts = right != problem.ignored
    return np.where(counts, right, 0), counts


def _checked(scores: Array, target: Any, weight: Any, ignore_index: Any, label_smoothing: Any) -> _Problem:
    if scores.ndim == 0:
        raise GeometryError("x must have an axis of classes, got a single number")
    classes = scores.shape[min(scores.ndim - 1, 1)]
    if classes == 0:
        raise GeometryError(f"x must have at least one class, got shape {scores.shape}")
    ignored = whole_number("ignore_index", ignore_index, -(2**63))
    smoothing = real_number("label_smoothing", label_smoothing)
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing!r}")
    dtype = compute_dtype(scores.dtype)
    factors = np.ones(classes, dtype)
    if weight is not None:
        factors = real_array("weight", weight).astype(dtype, copy=False)
        if factors.shape != (classes,):
            raise GeometryError(
                f"weight must hold one number for each of the {classes} classes, got shape {factors.shape}"
            )
    targets = real_array("target", target)
    by_index = _is_index(targets, scores)
    if by_index:
        divisor = float(_class_counts(targets, classes, ignored) @ factors.astype(np.float64))
    else:
        divisor = scores.size / classes
    cells = scores if scores.ndim > 1 else scores[None]
    targets = targets if scores.ndim > 1 else targets[None]
    if cells.ndim == 2:
        cells, targets = cells[..., None], targets[..., None]
    return _Problem(cells, targets, by_index, factors, ignored, smoothing, divisor, dtype)


def _is_index(targets: Array, scores: Array) -> bool:
    """Whether the target holds indices rather than probabilities, after checking that it fits."""
    if targets.shape == scores.shape:
        if targets.dtype.kind != "f":
            raise ValueError(
                f"target of the shape of x holds class probabilities, which must be floating-point numbers, "
                f"got dtype {targets.dtype}"
            )
        return False
    wanted = _loss_shape(scores.shape)
    if targets.shape != wanted:
        raise GeometryError(
            f"target must have shape {wanted} for class indices or {scores.shape} for class probabilities, "
            f"got {targets.shape}"
        )
    if targets.dtype.kind not in "iu":
        raise ValueError(f"target must hold class indices as whole numbers, got dtype {targets.dtype}")
    return True


def _class_counts(targets: Array, classes: int, ignored: int) -> Array:
    """How often each class is the target; ValueError for an index that is no class."""
    counts = np.zeros(classes, np.int64)
    for part in np.array_split(targets.reshape(-1), max(-(-targets.size // CHUNK), 1)):
        counting = part[part != ignored]
        wrong = counting[(counting < 0) | (counting >= classes)]
        if wrong.size:
            raise ValueError(f"target must hold class indices from 0 to {classes - 1}, got {wrong[0]}")
        counts += np.bincount(counting.astype(np.intp), minlength=classes)
    return counts


def _loss_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The scores' shape without the axis of classes."""
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def _cells_shape(problem: _Problem) -> tuple[int, ...]:
    return (len(problem.scores), *problem.scores.shape[2:])


def _tiles(problem: _Problem) -> list[_Tile]:
    """Blocks of scores that stay in cache."""
    if not problem.scores.size:
        return []
    examples, classes, rows, *rest = problem.scores.shape
    row = classes * math.prod(rest)
    high = min(max(CHUNK // row, 1), rows)
    deep = max(CHUNK // (row * high), 1)
    return [
        (slice(example, example + deep), slice(first, first + high))
        for example in range(0, examples, deep)
        for first in range(0, rows, high)
    ]
