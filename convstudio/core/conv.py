"""Convolution of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core import planner
from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.control import Control
from convstudio.core.geometry import (
    GeometryError,
    Padding,
    PerAxis,
    fitted_shape,
    per_axis,
    resolve_padding,
    whole_number,
)
from convstudio.core.job import ConvJob, Tile, Triple
from convstudio.core.padding import PaddedSource, checked_mode
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]


def conv(
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
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """Cross-correlate `x` with `weight`; with `flip`, convolve in the mathematical sense.

    Each output cell is the sum, over the taps of the kernel and the input channels of its group, of weight
    times the input cell under that tap, plus the bias. Arguments mean what they mean in PyTorch's `conv1d`,
    `conv2d` and `conv3d`.

    Parameters
    ----------
    x: (N, C_in, *spatial), 1 to 3 spatial axes. float32 and float64 are computed as they are, any other real
        type as float32. It is not written to and may have any memory layout.
    weight: (C_out, C_in / groups, *kernel).
    bias: (C_out,), or None.
    stride, dilation: an int, or one per spatial axis, 1 or more.
    padding: cells: an int, one per axis, or a (before, after) pair per axis; or "valid", "same" (output
        ⌈n / stride⌉ long, an odd cell after), "same_lower" (an odd cell before), "full".
    groups: divides both channel counts; C_in of them with one input channel each is a depthwise convolution.
    padding_mode: "zeros", "constant" (`padding_value`), "replicate", "reflect", "symmetric", "circular".
    flip: rotate the kernel by 180°.
    algorithm: "auto", or one of `ALGORITHMS` for comparison.
    control: stops the work from another thread and hears of its progress.
    out: an array of the result's shape and dtype, C-contiguous and apart from `x`, to write to and return.

    Returns the (N, C_out, *output) array, C-contiguous. NaN and infinity reach exactly the cells whose
    windows cover them (also under a zero tap: 0 · ∞ is NaN).

    Raises ValueError for an argument outside its range, its subclass GeometryError for shapes that do not fit
    one another, Cancelled when `control` asked for it.
    """
    planner.checked_algorithm(algorithm)
    job, result = _checked_job(
        x, weight, bias, stride, padding, dilation, groups, padding_mode, padding_value, flip, out
    )
    if result.size == 0:
        if control is not None:
            control.report(0, 0)
        return result
    _run(job, planner.choose(job) if algorithm == "auto" else algorithm, control)
    return result


def _run(job: ConvJob, algorithm: str, control: Control | None) -> None:
    method = planner.METHODS[algorithm]
    tiles, compute = method.prepare(job)
    bias = None if job.bias is None else job.bias.reshape(-1, 1, 1, 1)
    exact = planner.METHODS["taps"].work(job) if method.leaks else None

    def work(tile: Tile, scratch: Scratch) -> None:
        compute(tile, scratch)
        if exact is not None or bias is not None:
            target = job.target(tile)
            # NaN or infinity may have spread over the tile by products with zero; taps keeps them in place.
            if exact is not None and not _all_finite(target):
                exact(tile, scratch)
            if bias is not None:
                np.add(target, bias[tile.groups[0] * job.outputs : tile.groups[1] * job.outputs], out=target)

    run_tiles(tiles, work, control, parallel=planner.worth_threads(job))


def _all_finite(values: Array) -> bool:
    """Whether no value is NaN or infinite. A finite sum proves it; one that overflowed proves nothing."""
    return bool(np.isfinite(np.add.reduce(values, axis=None))) or bool(np.isfinite(values).all())


def _checked_job(
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
    out: Array | None,
) -> tuple[ConvJob, Array]:
    """Everything checked and brought into the form the algorithms take, and the array to return."""
    pixels = real_array("x", x)
    exact = real_array("weight", weight)
    rank = pixels.ndim - 2
    groups = whole_number("groups", groups, 1)
    _check_channels(pixels.shape, exact.shape, groups)
    spatial, kernel = pixels.shape[2:], exact.shape[2:]
    steps = per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    pads = resolve_padding(padding, spatial, kernel, steps, gaps)
    cells = fitted_shape(spatial, kernel, steps, pads, gaps)
    value = checked_mode(padding_mode, padding_value, spatial, pads)

    dtype = compute_dtype(pixels.dtype)
    outputs = exact.shape[0]
    result = _checked_out(out, (pixels.shape[0], outputs, *cells), dtype, pixels, exact)
    if flip:
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


def _checked_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], x: Array, weight: Array) -> Array:
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable")
    if np.may_share_memory(out, x) or np.may_share_memory(out, weight):
        raise ValueError("out must not share memory with x or weight")
    return out
