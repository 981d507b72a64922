"""Where involution's kernels come from: the generator of Li et al., CVPR 2021, equation 6."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.activations import relu, relu_backward
from convstudio.core.arrays import real_array
from convstudio.core.control import Control
from convstudio.core.conv import conv
from convstudio.core.conv_backward import conv_backward
from convstudio.core.geometry import GeometryError, PerAxis, per_axis, whole_number
from convstudio.core.gradients.checks import checked_grad
from convstudio.core.gradients.progress import share
from convstudio.core.pooling import avg_pool
from convstudio.core.pooling_backward import avg_pool_backward

Array: TypeAlias = npt.NDArray[Any]


class InvolutionKernelGradients(NamedTuple):
    """What `involution_kernels_backward` returns: each of the shape of its argument."""

    grad_x: Array
    grad_reduce: Array
    grad_span: Array
    grad_reduce_bias: Array
    grad_span_bias: Array


def involution_kernels(
    x: Any,
    reduce: Any,
    span: Any,
    reduce_bias: Any = None,
    span_bias: Any = None,
    *,
    kernel_size: PerAxis,
    groups: int = 1,
    stride: PerAxis = 1,
    control: Control | None = None,
) -> Array:
    """A kernel for each position, from the position's own channels: span · relu(reduce · x).

    Parameters
    ----------
    x: (N, C, *spatial), what involution is to run over, 1 to 3 spatial axes.
    reduce: (C / r, C, 1, …), weights of a 1×1 convolution to fewer channels.
    span: (groups · taps, C / r, 1, …), weights of one from these to the taps of every group's kernel.
    reduce_bias, span_bias: (C / r,) and (groups · taps,), or None. The batch normalisation that the paper has
        before the activation is, in a trained network, a factor and an offset of `reduce`.
    kernel_size: of the kernels to make, an int or one per axis.
    stride: of the involution to come; above 1 the mean of so many cells stands for a position.

    Returns (N, groups, *kernel, *output) with outputs ⌈n / stride⌉ long, which is what `involution` takes at
    that stride with padding "same" or half the kernel. Intermediate results are held as a whole.

    Raises GeometryError for shapes that do not fit one another, ValueError for an argument outside its range,
    Cancelled when `control` asked for it.
    """
    cells = real_array("x", x)
    kernel, count, steps = _checked(cells, reduce, span, reduce_bias, span_bias, kernel_size, groups, stride)
    means = avg_pool(cells, steps, ceil_mode=True, control=share(control, 0.0, 0.2))
    hidden = relu(conv(means, reduce, reduce_bias, control=share(control, 0.2, 0.5)))
    kernels = conv(hidden, span, span_bias, control=share(control, 0.5, 1.0))
    return kernels.reshape(len(cells), count, *kernel, *means.shape[2:])


def involution_kernels_backward(
    grad: Any,
    x: Any,
    reduce: Any,
    span: Any,
    reduce_bias: Any = None,
    span_bias: Any = None,
    *,
    kernel_size: PerAxis,
    groups: int = 1,
    stride: PerAxis = 1,
    control: Control | None = None,
) -> InvolutionKernelGradients:
    """The gradients of `involution_kernels`, given that of its result. Arguments and errors as there.

    In float64 if x is, else float32; those of the biases are given also where there are none.
    """
    cells = real_array("x", x)
    kernel, count, steps = _checked(cells, reduce, span, reduce_bias, span_bias, kernel_size, groups, stride)
    means = avg_pool(cells, steps, ceil_mode=True, control=share(control, 0.0, 0.1))
    reduced = conv(means, reduce, reduce_bias, control=share(control, 0.1, 0.3))
    hidden = relu(reduced)
    wanted = (len(cells), count, *kernel, *means.shape[2:])
    above = checked_grad(grad, wanted, means.dtype).reshape(
        len(cells), count * math.prod(kernel), *means.shape[2:]
    )
    spanned = conv_backward(above, hidden, span, span_bias, control=share(control, 0.3, 0.6))
    slope = relu_backward(spanned.grad_x, reduced)
    first = conv_backward(slope, means, reduce, reduce_bias, control=share(control, 0.6, 0.9))
    grad_x = avg_pool_backward(first.grad_x, cells, steps, ceil_mode=True, control=share(control, 0.9, 1.0))
    return InvolutionKernelGradients(
        grad_x,
        np.asarray(first.grad_weight),
        np.asarray(spanned.grad_weight),
        np.asarray(first.grad_bias),
        np.asarray(spanned.grad_bias),
    )


def _checked(
    cells: Array,
    reduce: Any,
    span: Any,
    reduce_bias: Any,
    span_bias: Any,
    kernel_size: Any,
    groups: Any,
    stride: Any,
) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    """The kernel's sides, the number of groups and the strides."""
    rank = cells.ndim - 2
    if not 1 <= rank <= 3:
        raise GeometryError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {cells.shape}"
        )
    kernel = per_axis("kernel_size", kernel_size, rank)
    count = whole_number("groups", groups, 1)
    if cells.shape[1] % count:
        raise GeometryError(f"groups must divide the {cells.shape[1]} channels of x, got {count}")
    weights = real_array("span", span)
    taps = math.prod(kernel)
    if weights.ndim != cells.ndim or weights.shape[0] != count * taps or set(weights.shape[2:]) != {1}:
        raise GeometryError(
            f"span must have shape ({count * taps}, channels{', 1' * rank}) for {count} groups "
            f"of {taps} taps, got {weights.shape}"
        )
    first = real_array("reduce", reduce)
    if first.ndim != cells.ndim or first.shape[1:] != (cells.shape[1], *(1,) * rank) or not len(first):
        raise GeometryError(
            f"reduce must have shape (fewer channels, {cells.shape[1]}{', 1' * rank}) for the "
            f"{cells.shape[1]} channels of x, got {first.shape}"
        )
    if weights.shape[1] != len(first):
        raise GeometryError(f"span takes {weights.shape[1]} input channels, but reduce makes {len(first)}")
    for name, bias, outputs in (
        ("reduce_bias", reduce_bias, len(first)),
        ("span_bias", span_bias, len(weights)),
    ):
        if bias is not None and real_array(name, bias).shape != (outputs,):
            raise GeometryError(
                f"{name} must hold one number for each of {outputs} channels, got shape {np.shape(bias)}"
            )
    steps = per_axis("stride", stride, rank)
    # Windows longer than the axis are all of it: no use in going over what is not there.
    return kernel, count, tuple(min(step, max(n, 1)) for step, n in zip(steps, cells.shape[2:], strict=True))
