"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import GeometryError
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Cells of input and output of a block of rows: what a tile copies, and how often cancelling is looked at.
_BLOCK = 1 << 20
# Multiply-adds from which a second thread pays for its waking.
_WORTH_THREADS = 1 << 22


class LinearGradients(NamedTuple):
    """What `linear_backward` returns: each of the shape of its argument."""

    grad_x: Array
    grad_weight: Array
    grad_bias: Array


class _Layer(NamedTuple):
    """Checked arguments; `rows` are the vectors of `x`, one a row, a view unless `x` is laid out oddly."""

    rows: Array
    weight: Array
    bias: Array | None
    shape: tuple[int, ...]


def linear(
    x: Any, weight: Any, bias: Any = None, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """x · weightᵀ + bias along the last axis of `x`: every output is connected to every input.

    Parameters
    ----------
    x: (*, inputs), any number of axes before the last. float32 and float64 are computed as they are, any
        other real type as float32. It is not written to and may have any memory layout.
    weight: (outputs, inputs).
    bias: (outputs,), or None.
    control: stops the work from another thread and hears of its progress.
    out: an array of the result's shape and dtype, C-contiguous and apart from the inputs, to return.

    Returns (*, outputs), C-contiguous. Raises GeometryError for shapes that do not fit one another,
    ValueError for what is not real numbers, Cancelled when `control` asked for it.
    """
    cells = real_array("x", x)
    layer = _checked(cells, weight, bias)
    result = checked_out(out, layer.shape, layer.weight.dtype, x=cells, weight=layer.weight)
    outputs = layer.weight.shape[0]
    target = result.reshape(len(layer.rows), outputs)
    dtype = result.dtype

    def work(rows: slice, scratch: Scratch) -> None:
        np.matmul(_block(layer.rows[rows], dtype, scratch), layer.weight.T, out=target[rows])
        if layer.bias is not None:
            np.add(target[rows], layer.bias, out=target[rows])

    blocks = _blocks(len(layer.rows), sum(layer.weight.shape))
    products = len(layer.rows) * layer.weight.size
    run_tiles(blocks, work, control, parallel=products >= _WORTH_THREADS)
    return result


def linear_backward(
    grad: Any, x: Any, weight: Any, bias: Any = None, *, control: Control | None = None
) -> LinearGradients:
    """The gradients of `linear` for the upstream gradient `grad` (*, outputs).

    grad · weight for `x`, the sum over all vectors of grad ⊗ x for the weights and of grad for the bias. They
    have the dtype of the computation, that of `x`. The bias need not be given, as no gradient depends on it.
    Errors as of `linear`.
    """
    cells = real_array("x", x)
    layer = _checked(cells, weight, bias)
    upstream = real_array("grad", grad)
    if upstream.shape != layer.shape:
        raise GeometryError(f"grad must have the shape of the output, {layer.shape}, got {upstream.shape}")
    dtype = layer.weight.dtype
    outputs, inputs = layer.weight.shape
    above = upstream.reshape(len(layer.rows), outputs)
    grad_x = np.empty(cells.shape, dtype)
    target = grad_x.reshape(len(layer.rows), inputs)
    grad_weight = np.zeros(layer.weight.shape, dtype)
    bias_sum = np.zeros(outputs)

    # One block after another, BLAS on all cores: the sums over blocks are the same in every run.
    def work(rows: slice, scratch: Scratch) -> None:
        vectors = _block(layer.rows[rows], dtype, scratch)
        slopes = _block(above[rows], dtype, scratch, "slopes")
        np.matmul(slopes, layer.weight, out=target[rows])
        product = scratch.take("product", grad_weight.shape, dtype)
        np.matmul(slopes.T, vectors, out=product)
        np.add(grad_weight, product, out=grad_weight)
        np.add(bias_sum, slopes.sum(axis=0, dtype=np.float64), out=bias_sum)

    run_tiles(_blocks(len(layer.rows), outputs + inputs), work, control, parallel=False)
    with np.errstate(all="ignore"):
        return LinearGradients(grad_x, grad_weight, bias_sum.astype(dtype))


def _checked(cells: Array, weight: Any, bias: Any) -> _Layer:
    matrix = real_array("weight", weight)
    if cells.ndim == 0:
        raise GeometryError("x must have an axis of inputs, got a single number")
    if matrix.ndim != 2:
        raise GeometryError(f"weight must have two axes, (outputs, inputs), got shape {matrix.shape}")
    outputs, inputs = matrix.shape
    if cells.shape[-1] != inputs:
        raise GeometryError(f"weight takes {inputs} inputs, but the last axis of x has {cells.shape[-1]}")
    dtype = compute_dtype(cells.dtype)
    offsets = None
    if bias is not None:
        offsets = real_array("bias", bias)
        if offsets.shape != (outputs,):
            raise GeometryError(
                f"bias must hold one number for each of the {outputs} outputs, got shape {offsets.shape}"
            )
        offsets = offsets.astype(dtype, copy=False)
    lead = cells.shape[:-1]
    rows = cells.reshape(math.prod(lead), inputs)
    return _Layer(rows, matrix.astype(dtype, copy=False), offsets, (*lead, outputs))


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(_BLOCK // max(width, 1), 1)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _block(rows: Array, dtype: np.dtype[Any], scratch: Scratch, name: str = "rows") -> Array:
    """Rows as BLAS takes them, copied only where type or layout do not suit it."""
    if rows.dtype == dtype and rows.flags.c_contiguous:
        return rows
    block = scratch.take(name, rows.shape, dtype)
    np.copyto(block, rows, casting="unsafe")
    return block
