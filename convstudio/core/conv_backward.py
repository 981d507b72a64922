"""The gradients of `conv`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.checks import checked_job
from convstudio.core.control import Control
from convstudio.core.geometry import Padding, PerAxis
from convstudio.core.gradients.checks import checked_grad, checked_needs, five_axes
from convstudio.core.gradients.inputs import input_gradient
from convstudio.core.gradients.progress import share
from convstudio.core.gradients.weights import sum_gradients
from convstudio.core.padding import PaddedSource
from convstudio.core.planner import checked_algorithm

Array: TypeAlias = npt.NDArray[Any]


class ConvGradients(NamedTuple):
    """The gradients of a convolution with respect to its arrays; None for one that was not asked for."""

    grad_x: Array | None
    grad_weight: Array | None
    grad_bias: Array | None


def conv_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    flip: bool = False,
    algorithm: str = "auto",
    needs: Collection[str] = ("x", "weight", "bias"),
    control: Control | None = None,
) -> ConvGradients:
    """The gradients of `conv(x, weight, bias, …)`, given that of its result.

    The one with respect to x is a transposed convolution of `grad`, whose border is handed on to the cells
    that the padding shows; that with respect to a weight the sum over output cells of `grad` times the input
    cell under its tap; that with respect to a bias the sum of its channel of `grad` (Goodfellow, Bengio and
    Courville, Deep Learning, 2016, section 9.5). They are exact for every argument that `conv` takes.

    Parameters
    ----------
    grad: the gradient of the result, (N, C_out, *output), any real type and memory layout.
    x, weight, bias, stride, padding, dilation, groups, padding_mode, padding_value, flip: as given to `conv`.
    algorithm: for the convolutions that make grad_x.
    needs: which gradients to compute, of "x", "weight" and "bias".
    control: stops the work from another thread and hears of its progress.

    Returns (grad_x, grad_weight, grad_bias), each in the shape of its array (C_out for the bias, which need
    not be given, as the gradients do not depend on it) and in float64 if x is, else float32, C-contiguous.

    Raises ValueError and GeometryError as `conv` does and for a `grad` of another shape than its result's,
    Cancelled when `control` asked for it.
    """
    checked_algorithm(algorithm)
    wanted = checked_needs(needs, ("x", "weight", "bias"))
    job, result = checked_job(
        x,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        padding_mode,
        padding_value,
        flip,
        plan_only=True,
    )
    upstream = five_axes(checked_grad(grad, result.shape, job.dtype, "conv's result"))
    rank = result.ndim - 2
    summing = bool(wanted & {"weight", "bias"})
    middle = 0.5 * summing if "x" in wanted else 1.0
    by_weight = by_bias = by_x = None
    if summing:
        source = PaddedSource(upstream, ((0, 0),) * 3, "zeros", 0.0, job.dtype)
        by_weight, by_bias = sum_gradients(
            job,
            source,
            weight="weight" in wanted,
            bias="bias" in wanted,
            control=share(control, 0.0, middle),
        )
    if "x" in wanted:
        by_x = input_gradient(job, upstream, algorithm, share(control, middle, 1.0))
        by_x = by_x.reshape(*by_x.shape[:2], *by_x.shape[5 - rank :])
    if by_weight is not None:
        kernel = by_weight.shape[6 - rank :]
        by_weight = by_weight.reshape(result.shape[1], job.inputs, *kernel)
        if flip:
            by_weight = np.ascontiguousarray(np.flip(by_weight, tuple(range(2, 2 + rank))))
    if by_bias is not None:
        by_bias = by_bias.reshape(-1)
    return ConvGradients(by_x, by_weight, by_bias)
