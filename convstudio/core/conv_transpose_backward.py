"""The gradients of `conv_transpose`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.conv import conv
from convstudio.core.conv_backward import ConvGradients
from convstudio.core.conv_transpose import Transpose, checked_transpose
from convstudio.core.geometry import Padding, PerAxis
from convstudio.core.gradients.checks import checked_grad, checked_needs, five_axes, three
from convstudio.core.gradients.progress import share
from convstudio.core.gradients.weights import sum_gradients
from convstudio.core.job import ConvJob
from convstudio.core.padding import PaddedSource

Array: TypeAlias = npt.NDArray[Any]


def conv_transpose_backward(
    grad: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    needs: Collection[str] = ("x", "weight", "bias"),
    control: Control | None = None,
) -> ConvGradients:
    """The gradients of `conv_transpose(x, weight, bias, …)`, given that of its result.

    As it is the adjoint of `conv`, the one with respect to x is `conv` of `grad` with the same weights, and
    that with respect to the weights is `conv`'s with x and `grad` in each other's place.

    Parameters
    ----------
    grad: the gradient of the result, (N, C_out, *output), any real type and memory layout.
    x, weight, bias, stride, padding, output_padding, dilation, groups: as given to `conv_transpose`.
    needs: which gradients to compute, of "x", "weight" and "bias".
    control: stops the work from another thread and hears of its progress.

    Returns (grad_x, grad_weight, grad_bias), each in the shape of its array (C_out for the bias, which need
    not be given, as the gradients do not depend on it) and in float64 if x is, else float32, C-contiguous.

    Raises ValueError and GeometryError as `conv_transpose` does and for a `grad` of another shape than its
    result's, Cancelled when `control` asked for it.
    """
    wanted = checked_needs(needs, ("x", "weight", "bias"))
    checked = checked_transpose(x, weight, bias, stride, padding, output_padding, dilation, groups)
    upstream = checked_grad(grad, checked.shape, checked.x.dtype, "conv_transpose's result")
    middle = 0.5 if {"x", "weight"} <= wanted else float("weight" in wanted)
    by_x = by_weight = by_bias = None
    if "bias" in wanted:
        rows = np.add.reduce(upstream, axis=-1)  # pairwise, then in float64
        axes = (0, *range(2, rows.ndim))
        by_bias = np.add.reduce(rows, axis=axes, dtype=np.float64).astype(rows.dtype)
    read, pads = _read(checked, upstream)
    if "weight" in wanted:
        by_weight = _weight_gradient(checked, read, pads, share(control, 0.0, middle))
        by_weight = by_weight.reshape(np.shape(weight))
    if "x" in wanted:
        by_x = _input_gradient(checked, read, pads, share(control, middle, 1.0))
    return ConvGradients(by_x, by_weight, by_bias)


def _read(checked: Transpose, upstream: Array) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """The part of `upstream` that windows reach, with five axes, and its padding as a convolution's input."""
    pads: list[tuple[int, int]] = []
    shown: list[slice] = []
    for n, (before, after), extra in zip(checked.shape[2:], checked.pads, checked.extra, strict=True):
        pads.append((before, max(after - extra, 0)))
        shown.append(
            slice(0, max(n - max(extra - after, 0), 0))
        )  # none where padding leaves only extra cells
    lead = 5 - upstream.ndim
    return five_axes(upstream[(slice(None), slice(None), *shown)]), ((0, 0),) * lead + tuple(pads)


def _input_gradient(
    checked: Transpose, read: Array, pads: tuple[tuple[int, int], ...], control: Control | None
) -> Array:
    if read.size == 0:
        return np.zeros(checked.x.shape, checked.x.dtype)
    made = conv(
        read,
        checked.weight.reshape(checked.x.shape[1], *checked.weight.shape[2:]),
        stride=three(checked.stride),
        padding=pads,
        dilation=three(checked.dilation),
        groups=len(checked.weight),
        control=control,
    )
    return made.reshape(checked.x.shape)


def _weight_gradient(
    checked: Transpose, read: Array, pads: tuple[tuple[int, int], ...], control: Control | None
) -> Array:
    dtype = checked.x.dtype
    if read.size == 0:
        return np.zeros_like(checked.weight)
    job = ConvJob(
        source=PaddedSource(read, pads, "zeros", 0.0, dtype),
        weight=checked.weight,
        exact=checked.weight,
        bias=None,
        stride=three(checked.stride),
        dilation=three(checked.dilation),
        out=five_axes(np.broadcast_to(np.zeros((), dtype), checked.x.shape)),
    )
    source = PaddedSource(five_axes(checked.x), ((0, 0),) * 3, "zeros", 0.0, dtype)
    summed, _ = sum_gradients(job, source, weight=True, bias=False, control=control)
    assert summed is not None
    return summed
