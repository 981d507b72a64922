"""Transposed convolution of signals, images and volumes: the adjoint of `conv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.checks import checked_out
from convstudio.core.control import Control
from convstudio.core.geometry import (
    GeometryError,
    Padding,
    Pair,
    PerAxis,
    axis_name,
    per_axis,
    resolve_padding,
    span,
    whole_number,
)
from convstudio.core.gradients import scatter
from convstudio.core.gradients.checks import five_axes, three
from convstudio.core.gradients.phases import Scattered

Array: TypeAlias = npt.NDArray[Any]


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """Add the kernel, times each value of `x`, to the cells of a larger output: the adjoint of `conv`.

    Value j times tap k is added to cell j · stride + k · dilation − padding, so that with stride > 1 the
    output grows ("fractionally strided" convolution). For every x and y of fitting shapes
    ⟨conv(x, w), y⟩ = ⟨x, conv_transpose(y, w)⟩. Arguments mean what they mean in PyTorch's
    `conv_transpose1d`, `conv_transpose2d` and `conv_transpose3d`; zeros are the only border it knows, as the
    padding says how much of the output is cut off.

    Parameters
    ----------
    x: (N, C_in, *spatial), 1 to 3 spatial axes. float32 and float64 are computed as they are, any other real
        type as float32. It is not written to and may have any memory layout.
    weight: (C_in, C_out / groups, *kernel), the shape that the convolution whose adjoint it is has.
    bias: (C_out,), or None.
    stride, dilation: an int, or one per spatial axis, 1 or more.
    padding: cells to cut off: an int, one per axis, or a (before, after) pair per axis; or a word:
        "valid" none; "full" dilation · (k − 1) on both sides, the adjoint of a full convolution; "same" so
        that the output is n · stride long, an odd cell going after, as in Keras and ONNX, "same_lower"
        before. That is the adjoint of conv(padding="same") over n · stride cells.
    output_padding: cells to add after, which tells apart the input lengths that a strided convolution maps
        to the same output length; smaller than stride or dilation.
    groups: divides both channel counts.
    control: stops the work from another thread and hears of its progress.
    out: an array of the result's shape and dtype, C-contiguous and apart from `x`, to write to and return.

    Returns the (N, C_out, *output) array, C-contiguous; along each axis
    (n − 1) · stride − before − after + dilation · (k − 1) + output_padding + 1 cells. NaN and infinity reach
    exactly the cells whose products they are in.

    Raises ValueError for an argument outside its range, its subclass GeometryError for shapes that do not fit
    one another, Cancelled when `control` asked for it.
    """
    checked = checked_transpose(x, weight, bias, stride, padding, output_padding, dilation, groups)
    result = checked_out(out, checked.shape, checked.x.dtype, x=checked.x, weight=checked.weight)
    low = three([before for before, _ in checked.pads], 0)
    scattered = Scattered(
        five_axes(checked.x), checked.weight, three(checked.stride), three(checked.dilation), checked.bias
    )
    scatter.write(scattered, five_axes(result), low, control)
    return result


class Transpose(NamedTuple):
    """The checked arguments of a transposed convolution.

    x: in the dtype of the computation. weight: (groups, inputs, outputs, depth, height, width), C-contiguous,
    in that dtype. stride, dilation, pads, extra (output_padding): one per spatial axis. shape: the result's.
    """

    x: Array
    weight: Array
    bias: Array | None
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[Pair, ...]
    extra: tuple[int, ...]
    shape: tuple[int, ...]


def checked_transpose(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: Any
) -> Transpose:
    """Everything checked; ValueError in the caller's terms for anything that does not fit."""
    pixels, kernels = real_array("x", x), real_array("weight", weight)
    groups = whole_number("groups", groups, 1)
    _check_channels(pixels.shape, kernels.shape, groups)
    rank, spatial, kernel = pixels.ndim - 2, pixels.shape[2:], kernels.shape[2:]
    steps = per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    extra = per_axis("output_padding", output_padding, rank, 0)
    for more, step, gap in zip(extra, steps, gaps, strict=True):
        if more >= max(step, gap):
            raise GeometryError(
                f"output_padding must be smaller than the stride or the dilation along its axis "
                f"({step} and {gap}), got {output_padding!r}"
            )
    pads = _resolved(padding, spatial, kernel, steps, gaps, extra)
    cells = _cells(spatial, kernel, steps, gaps, extra, pads)
    dtype = compute_dtype(pixels.dtype)
    inputs, outputs = kernels.shape[:2]
    values = None
    if bias is not None:
        values = real_array("bias", bias)
        if values.shape != (outputs * groups,):
            raise GeometryError(
                f"bias must hold one number for each of the {outputs * groups} output channels, "
                f"got shape {values.shape}"
            )
        values = values.astype(dtype, copy=False)
    grouped = np.ascontiguousarray(kernels, dtype).reshape(groups, inputs // groups, outputs, *three(kernel))
    return Transpose(
        pixels.astype(dtype, copy=False),
        grouped,
        values,
        steps,
        gaps,
        pads,
        extra,
        (pixels.shape[0], outputs * groups, *cells),
    )


def _check_channels(shape: Sequence[int], weight_shape: Sequence[int], groups: int) -> None:
    if not 3 <= len(shape) <= 5:
        raise GeometryError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {tuple(shape)}"
        )
    if len(weight_shape) != len(shape):
        raise GeometryError(
            f"weight must have {len(shape)} axes as x has (input channels, output channels of a group, then "
            f"the kernel's {len(shape) - 2}), got shape {tuple(weight_shape)}"
        )
    if 0 in shape[1:]:
        raise GeometryError(
            f"x must have at least 1 channel and 1 px along each axis, got shape {tuple(shape)}"
        )
    if 0 in weight_shape:
        raise GeometryError(f"weight must not be empty, got shape {tuple(weight_shape)}")
    if weight_shape[0] != shape[1]:
        raise GeometryError(
            f"weight takes {weight_shape[0]} input channels (its first axis), but x has {shape[1]}"
        )
    if weight_shape[0] % groups:
        raise GeometryError(f"groups must divide weight's {weight_shape[0]} input channels, got {groups}")


def _resolved(
    padding: Any,
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    extra: Sequence[int],
) -> tuple[Pair, ...]:
    """The padding as (before, after) pairs; the words as `conv_transpose` describes them."""
    if not isinstance(padding, str) or padding not in ("same", "same_lower"):
        return resolve_padding(padding, spatial, kernel, stride, dilation)
    pads: list[Pair] = []
    for axis, (n, k, s, d, more) in enumerate(zip(spatial, kernel, stride, dilation, extra, strict=True)):
        total = span(k, d) + more - s
        if total < 0:
            side = axis_name(axis, len(spatial))
            raise GeometryError(
                f"padding {padding!r} makes the {side} {n * s} px, {s} for each of {n}, but a kernel that "
                f"spans {span(k, d)} px at stride {s} gives only {(n - 1) * s + span(k, d) + more}; "
                f"output_padding={more - total} adds what is missing"
            )
        half = total // 2
        pads.append((half, total - half) if padding == "same" else (total - half, half))
    return tuple(pads)


def _cells(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    extra: Sequence[int],
    pads: Sequence[Pair],
) -> tuple[int, ...]:
    lengths = []
    for axis, n in enumerate(spatial):
        before, after = pads[axis]
        made = (n - 1) * stride[axis] + span(kernel[axis], dilation[axis]) + extra[axis]
        if made - before - after < 1:
            side = axis_name(axis, len(spatial))
            raise GeometryError(
                f"padding must leave at least 1 px of the output's {side} of {made} px, "
                f"got {before} before and {after} after"
            )
        lengths.append(made - before - after)
    return tuple(lengths)
