"""Shapes, apart from any computation: what a window reads, how long the output is, what it costs.

One axis at a time: `n` cells of input, a kernel of `k` taps set `dilation` cells apart, so that it spans
`dilation * (k - 1) + 1` cells, moved by `stride` cells over the input and its padding.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = str | int | Sequence[int] | Sequence[Sequence[int]]
PerAxis: TypeAlias = int | Sequence[int]

PADDING_WORDS = ("valid", "same", "same_lower", "full")
_LONGEST = 2**63 - 1  # cells that any axis can have
_AXIS_NAMES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class GeometryError(ValueError):
    """Shapes that do not fit one another; the message says in the user's terms which, and by what rule."""


def whole_number(name: str, value: Any, minimum: int) -> int:
    """`value` as an int of at least `minimum`; a ValueError naming the argument for anything else."""
    if type(value) is int and minimum <= value <= _LONGEST:
        return value
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            number = None
        if number is not None and number > _LONGEST:
            raise ValueError(f"{name} must be at most {_LONGEST}, got {value!r}")
        if number is not None and number >= minimum:
            return number
    raise ValueError(f"{name} must be a whole number, {minimum} or more, got {value!r}")


def per_axis(name: str, value: Any, rank: int, minimum: int = 1) -> tuple[int, ...]:
    """An int for every axis, or one int per axis, as a tuple of `rank` ints of at least `minimum`."""
    if type(value) is int and minimum <= value <= _LONGEST:
        return (value,) * rank
    if isinstance(value, tuple | list):
        if len(value) != rank:
            raise ValueError(
                f"{name} must be one whole number or one for each of the {_axes(rank)}, got {value!r}"
            )
        return tuple([whole_number(name, entry, minimum) for entry in value])
    return (whole_number(name, value, minimum),) * rank


def lengths_of(name: str, values: Any) -> tuple[int, ...]:
    """One length for each axis as a tuple of ints; a ValueError naming the argument for anything else."""
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return tuple([whole_number(name, length, 0) for length in values])
    shape = getattr(values, "shape", ())  # a NumPy array is no Sequence
    if len(shape) == 1:
        return tuple([whole_number(name, length, 0) for length in values])
    raise ValueError(f"{name} must have one whole number for each axis, got {values!r}")


def span(kernel: int, dilation: int) -> int:
    """Cells from a window's first tap to its last, both included."""
    return dilation * (kernel - 1) + 1


def resolve_padding(
    padding: Padding, spatial: Sequence[int], kernel: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1
) -> tuple[Pair, ...]:
    """Padding in any of its forms as one (before, after) pair of cells for each spatial axis.

    `padding` is an int, an int per axis, a pair per axis, or a word: "valid" none; "same" so that the output
    is ⌈n / stride⌉ long, an odd cell going after; "same_lower" an odd cell going before; "full"
    dilation · (k − 1) on both sides. ValueError for anything else.
    """
    spatial = lengths_of("spatial", spatial)
    rank = len(spatial)
    if type(padding) is int and 0 <= padding <= _LONGEST:
        return ((padding, padding),) * rank
    if isinstance(padding, str):
        taps = per_axis("kernel", kernel, rank)
        steps = per_axis("stride", stride, rank)
        gaps = per_axis("dilation", dilation, rank)
        return tuple([_word(padding, *axis) for axis in zip(spatial, taps, steps, gaps, strict=True)])
    if not isinstance(padding, Sequence):
        amount = whole_number("padding", padding, 0)
        return ((amount, amount),) * rank
    if len(padding) != rank:
        hint = "; write ((before, after),) for the two ends of one axis" if rank == 1 else ""
        raise ValueError(f"padding must have one entry for each of the {_axes(rank)}, got {padding!r}{hint}")
    return tuple(_amounts(entry, padding) for entry in padding)


def _word(word: str, n: int, taps: int, stride: int, dilation: int) -> Pair:
    if word == "valid":
        return (0, 0)
    if word == "full":
        return (dilation * (taps - 1),) * 2
    if word not in ("same", "same_lower"):
        words = ", ".join(repr(known) for known in PADDING_WORDS)
        raise ValueError(f"padding must be a number of cells or one of {words}, got {word!r}")
    outputs = -(-n // stride)
    total = max((outputs - 1) * stride + span(taps, dilation) - n, 0)
    half = total // 2
    return (half, total - half) if word == "same" else (total - half, half)


def _amounts(entry: Any, padding: Any) -> Pair:
    if isinstance(entry, Sequence) and not isinstance(entry, str):
        if len(entry) != 2:
            raise ValueError(f"padding per side must be (before, after) pairs, got {padding!r}")
        return (whole_number("padding", entry[0], 0), whole_number("padding", entry[1], 0))
    amount = whole_number("padding", entry, 0)
    return (amount, amount)


def output_length(n: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """⌊(n + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1; below 1 no window fits."""
    n, before, after = (
        whole_number(name, value, 0) for name, value in (("n", n), ("before", before), ("after", after))
    )
    kernel, stride, dilation = (
        whole_number(name, value, 1)
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    )
    return (n + before + after - span(kernel, dilation)) // stride + 1


def output_shape(
    spatial: Sequence[int],
    kernel: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> tuple[int, ...]:
    """The spatial shape of a convolution's output. GeometryError where the kernel does not fit."""
    spatial = lengths_of("spatial", spatial)
    taps, steps, pads, gaps = _each_axis(spatial, kernel, stride, padding, dilation)
    return fitted_shape(spatial, taps, steps, pads, gaps)


def _each_axis(
    spatial: Sequence[int], kernel: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Pair, ...], tuple[int, ...]]:
    """Kernel, stride, padding and dilation with one entry per axis."""
    rank = len(spatial)
    taps = per_axis("kernel", kernel, rank)
    steps = per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    return taps, steps, resolve_padding(padding, spatial, taps, steps, gaps), gaps


def fitted_shape(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[Pair],
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """`output_shape` for arguments that are already one per axis."""
    lengths = []
    for axis, n in enumerate(spatial):
        before, after = pads[axis]
        length = output_length(n, kernel[axis], stride[axis], before, after, dilation[axis])
        if length < 1:
            raise GeometryError(_misfit(axis, spatial, kernel[axis], dilation[axis], before, after))
        lengths.append(length)
    return tuple(lengths)


def _misfit(axis: int, spatial: Sequence[int], taps: int, dilation: int, before: int, after: int) -> str:
    side = axis_name(axis, len(spatial))
    word = {"width": "wide", "height": "high", "depth": "deep"}[side]
    wide = span(taps, dilation)
    made = f" ({taps} taps, dilation {dilation})" if dilation > 1 else ""
    padded = spatial[axis] + before + after
    what = (
        f"the padded input is {padded} px {word}" if before or after else f"the input is {padded} px {word}"
    )
    return f"kernel spans {wide} px{made} but {what}"


def unread(
    spatial: Sequence[int],
    kernel: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
) -> tuple[int, ...]:
    """Trailing cells of the padded input, per axis, that no window reads because the stride is uneven."""
    spatial = lengths_of("spatial", spatial)
    taps, steps, pads, gaps = _each_axis(spatial, kernel, stride, padding, dilation)
    lengths = fitted_shape(spatial, taps, steps, pads, gaps)
    return tuple(
        n + sum(pads[axis]) - (lengths[axis] - 1) * steps[axis] - span(taps[axis], gaps[axis])
        for axis, n in enumerate(spatial)
    )


def axis_name(axis: int, rank: int) -> str:
    """What a user calls a spatial axis: width, height, depth."""
    return _AXIS_NAMES[rank][axis] if rank in _AXIS_NAMES else f"axis {axis}"


def _axes(rank: int) -> str:
    return f"{rank} spatial axes" if rank != 1 else "1 spatial axis"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a convolution of one example costs.

    multiply_adds: products summed into the output, zeros of the padding included.
    parameters: weights, and biases where there are any.
    fully_connected: weights of a dense layer between the same input and output shapes.
    """

    multiply_adds: int
    parameters: int
    fully_connected: int


def conv_cost(
    in_shape: Sequence[int], weight_shape: Sequence[int], out_spatial: Sequence[int], *, bias: bool = False
) -> Cost:
    """The cost of convolving one (C, *spatial) example with (C_out, C_in/groups, *kernel) weights."""
    in_shape, out_spatial = lengths_of("in_shape", in_shape), lengths_of("out_spatial", out_spatial)
    weight_shape = lengths_of("weight_shape", weight_shape)
    if len(weight_shape) < 2:
        raise GeometryError(f"weight_shape must be (C_out, C_in / groups, *kernel), got {weight_shape}")
    weights = math.prod(weight_shape)
    cells = math.prod(out_spatial)
    outputs = weight_shape[0] * cells
    return Cost(
        multiply_adds=weights * cells,
        parameters=weights + (weight_shape[0] if bias else 0),
        fully_connected=math.prod(in_shape) * outputs,
    )
