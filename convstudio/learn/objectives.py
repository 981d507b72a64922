"""How far a prediction is from its target: the losses that a student is trained on, with their gradients.

They are computed slab by slab, so that a picture of any size needs a few megabytes beyond its gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, GeometryError
from convstudio.core.elementwise import keep as keep_cells
from convstudio.core.threads import Scratch, run_tiles
from convstudio.layers.base import FloatArray
from convstudio.learn.bands import bands
from convstudio.model.training_method import MethodSetup

Mask = NDArray[np.bool_]
Rows: TypeAlias = tuple[int, int]
Keep: TypeAlias = Rows | Mask | None

LOSSES = ("squared", "absolute", "huber")
REDUCTIONS = ("mean", "sum")

_SLAB = 1 << 15
"""Cells that are computed at once: what they need stays in a core's own cache."""
_WORTH_THREADS = 1 << 17
_RUN = 1 << 12
"""Cells that are summed in the precision of the picture, before the sums are added up in float64."""


@dataclass(frozen=True)
class Objective:
    """The loss of a prediction, over all cells that count.

    With e = prediction − target, a cell's loss is e² ("squared"), |e| ("absolute"), or for "huber" ½·e² up to
    |e| = δ and δ·(|e| − ½·δ) beyond (Huber, Robust estimation of a location parameter, 1964). Where the size
    of e has no slope, at 0, its gradient counts as 0, which is one of its subgradients.

    Attributes:
        kind: "squared", "absolute" or "huber".
        delta: the error from which Huber's loss is straight.
        reduction: "mean" over the cells that count, or their "sum".

    Raises:
        ValueError: an unknown kind or reduction, or a delta that is not above 0.
    """

    kind: str = "squared"
    delta: float = 0.1
    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise ValueError(f"kind must be one of {', '.join(LOSSES)}, got {self.kind!r}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {self.reduction!r}")
        if not self.delta > 0:
            raise ValueError(f"delta must be above 0, got {self.delta!r}")

    @classmethod
    def of(cls, method: MethodSetup) -> Objective:
        """Return the objective of a method."""
        return cls(method.loss, method.delta, method.reduction)

    def evaluate(
        self,
        prediction: FloatArray,
        target: FloatArray,
        keep: Keep = None,
        grad_out: FloatArray | None = None,
        control: Control | None = None,
    ) -> tuple[float, FloatArray]:
        """Return the loss and its gradient with respect to the prediction.

        Args:
            prediction, target: ``(C, H, W)``, both float32 or both float64.
            keep: the cells that count: all (None), the rows from the first up to the second of two numbers,
                or those where a mask ``(H, W)`` or ``(C, H, W)`` is True. The others, NaN or not, leave no
                trace in the loss, and their gradient is 0.
            grad_out: where to write the gradient: of the prediction's shape and dtype.

        Returns:
            the loss, summed in float64 (of no cells at all: 0 for the sum, NaN for the mean), and the
            gradient in the prediction's dtype.

        Raises:
            GeometryError: arrays or a mask that do not fit each other.
            Cancelled: ``control`` was cancelled; ``grad_out`` then holds some of it.
        """
        if grad_out is None:
            grad_out = np.empty(prediction.shape, prediction.dtype)
        elif grad_out.shape != prediction.shape or grad_out.dtype != prediction.dtype:
            raise GeometryError(f"grad_out must be {prediction.dtype} of shape {prediction.shape}")
        return self._run(prediction, target, keep, grad_out, control), grad_out

    def loss(
        self,
        prediction: FloatArray,
        target: FloatArray,
        keep: Keep = None,
        control: Control | None = None,
    ) -> float:
        """Return the loss alone; as ``evaluate``."""
        return self._run(prediction, target, keep, None, control)

    def _run(
        self,
        prediction: FloatArray,
        target: FloatArray,
        keep: Keep,
        grad: FloatArray | None,
        control: Control | None,
    ) -> float:
        if prediction.ndim != 3 or target.shape != prediction.shape or target.dtype != prediction.dtype:
            given = f"{prediction.dtype} {prediction.shape} and {target.dtype} {target.shape}"
            raise GeometryError(f"prediction and target must be (C, H, W) and alike, got {given}")
        channels, _, width = prediction.shape
        first, stop, mask = _kept(keep, prediction.shape)
        cells = count(keep, prediction.shape)
        share = 1.0 / cells if self.reduction == "mean" and cells else 1.0
        rows = max(1, _SLAB // max(width, 1))
        slabs = [(c, top, min(top + rows, stop)) for c in range(channels) for top in range(first, stop, rows)]
        sums = np.zeros(len(slabs))
        if grad is not None:
            for some in (grad[:, :first], grad[:, stop:]):
                for band in bands(some.shape, control):
                    some[band] = 0

        def work(index: int, scratch: Scratch) -> None:
            c, top, bottom = slabs[index]
            shape = (bottom - top, width)
            error = scratch.take("error", shape, prediction.dtype)
            np.subtract(prediction[c, top:bottom], target[c, top:bottom], out=error)
            if mask is not None:
                keep_cells(mask[c, top:bottom], error, error)
            slope = None if grad is None else grad[c, top:bottom]
            sums[index] = self._slab(error, slope, share, scratch)

        run_tiles(range(len(slabs)), work, control, parallel=cells >= _WORTH_THREADS)
        total = float(sums.sum())
        return total if self.reduction == "sum" else total * share if cells else float("nan")

    def _slab(self, error: FloatArray, slope: FloatArray | None, share: float, scratch: Scratch) -> float:
        """Return the sum over a slab of errors, which is overwritten, and write its gradient."""
        if self.kind == "squared":
            if slope is not None:
                np.multiply(error, 2 * share, out=slope)
            return _dot(error, error)
        if self.kind == "absolute":
            if slope is not None:
                np.sign(error, out=slope)
                np.multiply(slope, share, out=slope)
            np.abs(error, out=error)
            return float(np.add.reduce(np.add.reduce(error, axis=1), dtype=np.float64))
        # With g, the error held within ±δ, Huber's loss is g·(e − ½·g) on both sides of δ, and its slope g.
        held = scratch.take("held", error.shape, error.dtype)
        np.clip(error, -self.delta, self.delta, out=held)
        if slope is not None:
            np.multiply(held, share, out=slope)
        half = scratch.take("half", error.shape, error.dtype)
        np.multiply(held, 0.5, out=half)
        np.subtract(error, half, out=error)
        return _dot(held, error)


def count(keep: Keep, shape: tuple[int, ...]) -> int:
    """Return how many cells of an array ``(C, H, W)`` count.

    Raises:
        GeometryError: a mask of another shape.
    """
    first, stop, mask = _kept(keep, shape)
    if mask is None:
        return int(shape[0] * (stop - first) * shape[2])
    return int(np.count_nonzero(mask))


def _kept(keep: Keep, shape: tuple[int, ...]) -> tuple[int, int, Mask | None]:
    """The rows from … to, and within them the mask for all channels."""
    if keep is None:
        return 0, shape[1], None
    if isinstance(keep, np.ndarray):
        if keep.dtype != np.bool_ or keep.shape not in (shape, shape[1:]):
            raise GeometryError(f"keep must be bool of shape {shape} or {shape[1:]}, got {keep.shape}")
        return 0, shape[1], np.broadcast_to(keep, shape)
    first, stop = keep
    if not 0 <= first <= stop <= shape[1]:
        raise GeometryError(f"keep must be rows within 0 to {shape[1]}, got {keep}")
    return first, stop, None


def _dot(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Σ a·b: short runs in the arrays' precision, by BLAS, and their sums in float64.

    The runs are too short for BLAS to share them out, so that the result does not depend on its threads.
    """
    a, b = a.reshape(-1), b.reshape(-1)
    whole = a.size - a.size % _RUN
    total = 0.0
    if whole:
        runs = np.vecdot(a[:whole].reshape(-1, _RUN), b[:whole].reshape(-1, _RUN))
        total = float(np.add.reduce(runs, dtype=np.float64))
    return total + float(np.vecdot(a[whole:], b[whole:]))
