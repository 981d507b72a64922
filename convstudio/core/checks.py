"""The arguments of a convolution, checked before any work, with errors in the caller's terms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import checked_flag, compute_dtype, new_array, real_array
from convstudio.core.geometry import (
    GeometryError,
    Pair,
    fitted_shape,
    per_axis,
    resolve_padding,
    whole_number,
)
from convstudio.core.job import ConvJob, Triple
from convstudio.core.padding import PaddedSource, checked_mode

Array: TypeAlias = npt.NDArray[Any]


def checked_job(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    padding_mode: str,
    padding_value: float,
    flip: bool,
    out: Array | None = None,
    *,
    plan_only: bool = False,
) -> tuple[ConvJob, Array]:
    """Everything checked and brought into the form the algorithms take, and the array to return.

    With `plan_only` that array is a placeholder without memory of its own.
    """
    pixels = real_array("x", x)
    exact = real_array("weight", weight)
    arguments = (pixels.shape, exact.shape, stride, padding, dilation, groups)
    # Ints and words are safe keys; among others 1 and True, which are not the same to us, would be one key.
    if type(stride) is type(dilation) is type(groups) is int and type(padding) in (int, str):
        geometry = _common_geometry(*arguments)
    else:
        geometry = _geometry(*arguments)
    steps, gaps, pads, cells = geometry
    rank, spatial, kernel = pixels.ndim - 2, pixels.shape[2:], exact.shape[2:]
    value = checked_mode(padding_mode, padding_value, spatial, pads)
    mirrored = checked_flag("flip", flip)

    dtype = compute_dtype(pixels.dtype)
    outputs = exact.shape[0]
    shape = (pixels.shape[0], outputs, *cells)
    if plan_only:
        try:
            result: Array = np.broadcast_to(np.zeros((), dtype), shape)
        except ValueError:
            raise ValueError(f"the result would have the shape {shape}, too large for any array") from None
    else:
        result = checked_out(out, shape, dtype, x=pixels, weight=exact)
    if mirrored:
        exact = exact[(slice(None), slice(None)) + (slice(None, None, -1),) * rank]
    lead = (1,) * (3 - rank)
    exact = np.ascontiguousarray(exact).reshape(groups, outputs // groups, exact.shape[1], *lead, *kernel)
    return (
        ConvJob(
            source=PaddedSource(pixels, ((0, 0),) * (3 - rank) + pads, padding_mode, value, dtype),
            weight=exact.astype(dtype, copy=False),
            exact=exact,
            bias=_checked_bias(bias, outputs, dtype),
            stride=_three(lead + steps),
            dilation=_three(lead + gaps),
            out=result.reshape(result.shape[0], outputs, *lead, *cells),
        ),
        result,
    )


def _geometry(
    shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Pair, ...], tuple[int, ...]]:
    """Stride, dilation, padding and output cells per axis, after checking that the shapes fit."""
    _check_channels(shape, weight_shape, whole_number("groups", groups, 1))
    rank = len(shape) - 2
    spatial, kernel = shape[2:], weight_shape[2:]
    steps = per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    pads = resolve_padding(padding, spatial, kernel, steps, gaps)
    return steps, gaps, pads, fitted_shape(spatial, kernel, steps, pads, gaps)


_common_geometry = lru_cache(maxsize=256)(_geometry)


def _three(values: tuple[int, ...]) -> Triple:
    a, b, c = values
    return (a, b, c)


def _check_channels(shape: Sequence[int], weight_shape: Sequence[int], groups: int) -> None:
    rank = len(shape) - 2
    if not 1 <= rank <= 3:
        raise GeometryError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {tuple(shape)}"
        )
    if len(weight_shape) != len(shape):
        raise GeometryError(
            f"weight must have {len(shape)} axes as x has (output channels, input channels, then "
            f"the kernel's {rank}), got shape {tuple(weight_shape)}"
        )
    if 0 in shape[1:]:
        raise GeometryError(
            f"x must have at least 1 channel and 1 px along each axis, got shape {tuple(shape)}"
        )
    if 0 in weight_shape:
        raise GeometryError(f"weight must not be empty, got shape {tuple(weight_shape)}")
    outputs, inputs = weight_shape[:2]
    if outputs % groups:
        raise GeometryError(f"groups must divide weight's {outputs} output channels, got {groups}")
    if inputs * groups != shape[1]:
        each = f" in each of {groups} groups, {inputs * groups} in all" if groups > 1 else ""
        raise GeometryError(f"weight takes {inputs} input channels{each}, but x has {shape[1]}")


def _checked_bias(bias: Any, outputs: int, dtype: np.dtype[Any]) -> Array | None:
    if bias is None:
        return None
    values = real_array("bias", bias)
    if values.shape != (outputs,):
        raise GeometryError(
            f"bias must hold one number for each of the {outputs} output channels, got shape {values.shape}"
        )
    return values.astype(dtype, copy=False)


def checked_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], **inputs: Array) -> Array:
    """The array to write a result to: a new one, or `out`, which must fit and lie apart from the inputs."""
    if out is None:
        return new_array(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable")
    if any(np.may_share_memory(out, values) for values in inputs.values()):
        raise ValueError(f"out must not share memory with {' or '.join(inputs)}")
    return out
