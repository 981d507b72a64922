"""What a cell deep in a stack of layers sees of the input, and what the stack costs.

Along one axis a stage with k taps, d cells apart, moved by s cells over an input padded by p cells in front,
reads for its output cell i the cells i·s − p to i·s − p + d·(k − 1) of its own input. Applied from the last
stage to the first that gives the window on the picture. Without transposed stages it is the recurrence

    size += (k − 1)·d·jump        start −= p·jump        jump *= s

(Dumoulin and Visin, A guide to convolution arithmetic, 2016; Araujo, Norris and Sim, Computing receptive
fields of convolutional neural networks, Distill, 2019). Padding moves the window and leaves its size alone.

A transposed stage goes the other way: cell i of its input adds to the cells i·s − p + d·t, t < k, of its
output, so that an output cell o reads those i for which o + p − d·t is a multiple of s. How many there are
differs from cell to cell, in a pattern that repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convstudio.core.conv_transpose import checked_transpose
from convstudio.core.geometry import (
    Cost,
    GeometryError,
    Padding,
    Pair,
    PerAxis,
    conv_cost,
    fitted_shape,
    lengths_of,
    per_axis,
    resolve_padding,
    span,
    whole_number,
)
from convstudio.core.pools.windows import checked_windows

STAGE_KINDS = ("conv", "pool", "transposed")


@dataclass(frozen=True, slots=True)
class Stage:
    """One layer of a stack.

    kind: "conv"; "pool", which has no weights and keeps the channels; or "transposed".
    kernel, stride, dilation: an int, or one per spatial axis. No stride means 1, or the kernel for pooling.
    padding: in any form that the operation takes.
    ceil_mode: of pooling, whether a last window may hang over the end.
    output_padding: of a transposed stage, cells added after its output.
    channels: output channels, None for as many as come in. groups, bias: of the weights.
    """

    kernel: PerAxis
    stride: PerAxis | None = None
    dilation: PerAxis = 1
    padding: Padding = 0
    kind: str = "conv"
    ceil_mode: bool = False
    output_padding: PerAxis = 0
    channels: int | None = None
    groups: int = 1
    bias: bool = False


class ReceptiveField(NamedTuple):
    """What cells of a level see along one axis of the input.

    size: cells of the window, padding included; with transposed stages that of the cell which sees most.
    jump: how far the window moves from one cell to the next; a fraction where stages enlarge, on average.
    start: the input cell where the window of the first cell begins; below 0 in the padding.
    """

    size: int
    jump: Fraction
    start: int

    @property
    def centre(self) -> float:
        """Where the first cell's window has its middle, in input cells (that of the first cell is 0)."""
        return self.start + (self.size - 1) / 2


class Level(NamedTuple):
    """The input, or the output of a stage: its spatial shape, and by axis what its cells see of the input."""

    spatial: tuple[int, ...]
    fields: tuple[ReceptiveField, ...]


class Reading(NamedTuple):
    """What is read on a level.

    window: a (first, stop) pair for each axis, as the geometry has it: it may reach beyond the edges.
    cells: for each axis just those that exist and are read, rising; with dilation or strides longer than the
        kernel there are gaps. They alone pass on what lies below them: padding is made, not read.
    """

    window: tuple[Pair, ...]
    cells: tuple[tuple[int, ...], ...]


class StackCost(NamedTuple):
    """The cost of each stage for one example, and of the stack.

    The total's `fully_connected` is a dense layer from the stack's input to its output.
    """

    stages: tuple[Cost, ...]
    total: Cost


def receptive_fields(stages: Sequence[Stage], spatial: Sequence[int]) -> tuple[Level, ...]:
    """The input of the given spatial shape and the output of each stage, with their receptive fields.

    Raises GeometryError where a stage does not fit what comes in, ValueError for an argument out of range.
    """
    axes, shapes = _trace(stages, spatial)
    return tuple(
        Level(shape, tuple(_field([stage[axis] for stage in axes[:depth]]) for axis in range(len(shape))))
        for depth, shape in enumerate(shapes)
    )


def alignment(stage: Stage, spatial: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Where a stage's output cells lie on its input: for each axis (origin, pitch).

    The middle of what cell i reads is at origin + i · pitch, in input cells, that of the first one being 0.

    Errors as of `receptive_fields`.
    """
    along, _ = _placed(stage, lengths_of("spatial", spatial))
    return tuple(axis.alignment() for axis in along)


def cells_read(
    stages: Sequence[Stage], spatial: Sequence[int], cells: Sequence[int | Pair]
) -> tuple[Reading, ...]:
    """What some cells of the last stage's output read on every level, from the input to that output.

    spatial: of the input. cells: for each axis a cell of the output, or a (first, stop) range of cells.

    Raises GeometryError for cells outside the output, else as `receptive_fields`.
    """
    axes, shapes = _trace(stages, spatial)
    wanted = _checked_cells(cells, shapes[-1])
    readings = [Reading(wanted, tuple(tuple(range(first, stop)) for first, stop in wanted))]
    for stage, shape in zip(reversed(axes), reversed(shapes[:-1]), strict=True):
        above = readings[-1]
        window = tuple(axis.window(pair) for axis, pair in zip(stage, above.window, strict=True))
        read = zip(stage, above.cells, shape, strict=True)
        readings.append(Reading(window, tuple(axis.inside(outputs, n) for axis, outputs, n in read)))
    return tuple(reversed(readings))


def stack_cost(stages: Sequence[Stage], in_shape: Sequence[int]) -> StackCost:
    """What a stack costs for one example (C, *spatial): multiply-adds, parameters, the dense equivalent.

    Pooling has no weights and multiplies nothing. Errors as of `receptive_fields`, and GeometryError for
    groups that do not divide the channels.
    """
    in_shape = lengths_of("in_shape", in_shape)
    if len(in_shape) < 2:
        raise GeometryError(f"in_shape must be (channels, *spatial), got {in_shape}")
    axes, shapes = _trace(stages, in_shape[1:])
    channels = whole_number("in_shape", in_shape[0], 1)
    costs: list[Cost] = []
    for stage, axis, before, after in zip(stages, axes, shapes[:-1], shapes[1:], strict=True):
        given = (channels, *before)
        if stage.kind != "pool":
            channels, weights = _weights(stage, channels, tuple(along.taps for along in axis))
            costs.append(_weighted_cost(stage, given, weights, channels, after))
        else:
            costs.append(Cost(0, 0, math.prod(given) * channels * math.prod(after)))
    total = Cost(
        multiply_adds=sum(cost.multiply_adds for cost in costs),
        parameters=sum(cost.parameters for cost in costs),
        fully_connected=math.prod(in_shape) * channels * math.prod(shapes[-1]),
    )
    return StackCost(tuple(costs), total)


class _Axis(NamedTuple):
    """A stage along one axis."""

    taps: int
    stride: int
    dilation: int
    before: int
    transposed: bool

    def alignment(self) -> tuple[float, float]:
        """Where output cell 0 lies on the input, and how far on the next one does."""
        middle = self.dilation * (self.taps - 1) / 2
        if self.transposed:
            return (self.before - middle) / self.stride, 1 / self.stride
        return middle - self.before, float(self.stride)

    def window(self, cells: Pair) -> Pair:
        """The range of input cells that a range of output cells reads, edges not minded."""
        first, stop = cells
        if first >= stop:
            return (0, 0)
        if not self.transposed:
            begin = first * self.stride - self.before
            return (begin, begin + (stop - 1 - first) * self.stride + span(self.taps, self.dilation))
        # What an output reads repeats with the stride, so that the ends of a long range tell its extent.
        ends = {*range(first, min(first + self.stride, stop)), *range(max(stop - self.stride, first), stop)}
        read = self._reads(np.array(sorted(ends)))
        return (int(read.min()), int(read.max()) + 1) if read.size else (0, 0)

    def inside(self, cells: Sequence[int], n: int) -> tuple[int, ...]:
        """Which of `n` input cells some output cells read."""
        read = np.unique(self._reads(np.array(cells, np.intp)))
        return tuple(read[(read >= 0) & (read < n)].tolist())

    def _reads(self, cells: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The input cells under each tap of each output cell, in no order."""
        taps = self.dilation * np.arange(self.taps)
        read: npt.NDArray[np.intp]
        if self.transposed:
            offsets = (cells + self.before)[:, None] - taps
            read = offsets[offsets % self.stride == 0] // self.stride
        else:
            read = (cells * self.stride - self.before)[:, None] + taps
        return read


def _trace(
    stages: Sequence[Stage], spatial: Sequence[int]
) -> tuple[list[tuple[_Axis, ...]], list[tuple[int, ...]]]:
    """Each stage by axis, and the spatial shapes from the input on."""
    lengths = lengths_of("spatial", spatial)
    if not 1 <= len(lengths) <= 3:
        raise GeometryError(f"spatial must have 1 to 3 axes, got {lengths}")
    if not isinstance(stages, Sequence) or not all(isinstance(stage, Stage) for stage in stages):
        raise ValueError(f"stages must be a sequence of Stage, got {stages!r}")
    shapes = [tuple(whole_number("spatial", n, 1) for n in lengths)]
    axes: list[tuple[_Axis, ...]] = []
    for stage in stages:
        along, shape = _placed(stage, shapes[-1])
        axes.append(along)
        shapes.append(shape)
    return axes, shapes


def _placed(stage: Stage, spatial: tuple[int, ...]) -> tuple[tuple[_Axis, ...], tuple[int, ...]]:
    """The stage by axis and its output's shape for an input of this shape."""
    if not isinstance(stage.kind, str) or stage.kind not in STAGE_KINDS:
        kinds = ", ".join(repr(known) for known in STAGE_KINDS)
        raise ValueError(f"kind must be one of {kinds}, got {stage.kind!r}")
    rank = len(spatial)
    taps = per_axis("kernel", stage.kernel, rank)
    steps = taps if stage.kind == "pool" else (1,) * rank
    if stage.stride is not None:
        steps = per_axis("stride", stage.stride, rank)
    gaps = per_axis("dilation", stage.dilation, rank)
    if stage.kind == "pool":
        windows = checked_windows((1, 1, *spatial), taps, steps, stage.padding, gaps, stage.ceil_mode)
        pads, shape = windows.pads[3 - rank :], windows.out_spatial
    elif stage.kind == "transposed":
        x, weight = np.broadcast_to(0.0, (1, 1, *spatial)), np.broadcast_to(0.0, (1, 1, *taps))
        checked = checked_transpose(x, weight, None, steps, stage.padding, stage.output_padding, gaps, 1)
        pads, shape = checked.pads, checked.shape[2:]
    else:
        pads = resolve_padding(stage.padding, spatial, taps, steps, gaps)
        shape = fitted_shape(spatial, taps, steps, pads, gaps)
    transposed = stage.kind == "transposed"
    along = zip(taps, steps, gaps, pads, strict=True)
    return tuple(_Axis(k, s, d, before, transposed) for k, s, d, (before, _) in along), shape


def _field(stages: Sequence[_Axis]) -> ReceptiveField:
    """The receptive field of a stack along one axis."""
    jump = Fraction(1)
    period = 1
    for stage in stages:
        jump = jump / stage.stride if stage.transposed else jump * stage.stride
        period *= stage.stride if stage.transposed else 1
    windows = []
    for cell in range(period):
        window = (cell, cell + 1)
        for stage in reversed(stages):
            window = stage.window(window)
        windows.append(window)
    return ReceptiveField(max(stop - first for first, stop in windows), jump, windows[0][0])


def _checked_cells(cells: Sequence[int | Pair], shape: tuple[int, ...]) -> tuple[Pair, ...]:
    if not isinstance(cells, Sequence) or len(cells) != len(shape):
        raise GeometryError(f"cells must have an entry for each axis of the output, {shape}, got {cells!r}")
    ranges = []
    for entry, n in zip(cells, shape, strict=True):
        first, stop = entry if isinstance(entry, tuple | list) and len(entry) == 2 else (entry, None)
        first = whole_number("cells", first, 0)
        stop = first + 1 if stop is None else whole_number("cells", stop, 0)
        if not first < stop <= n:
            raise GeometryError(f"cells must lie inside the output, {shape}, got {cells!r}")
        ranges.append((first, stop))
    return tuple(ranges)


def _weights(stage: Stage, channels: int, taps: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Output channels, and the shape of the weights."""
    groups = whole_number("groups", stage.groups, 1)
    outputs = channels if stage.channels is None else whole_number("channels", stage.channels, 1)
    if channels % groups or outputs % groups:
        raise GeometryError(
            f"groups must divide {channels} input and {outputs} output channels, got {groups}"
        )
    if stage.kind == "transposed":
        return outputs, (channels, outputs // groups, *taps)
    return outputs, (outputs, channels // groups, *taps)


def _weighted_cost(
    stage: Stage, given: tuple[int, ...], weights: tuple[int, ...], channels: int, after: tuple[int, ...]
) -> Cost:
    """A transposed stage multiplies each input cell by all weights of its channel, as its adjoint does."""
    if stage.kind == "conv":
        return conv_cost(given, weights, after, bias=stage.bias)
    return Cost(
        multiply_adds=math.prod(weights) * math.prod(given[1:]),
        parameters=math.prod(weights) + (channels if stage.bias else 0),
        fully_connected=math.prod(given) * channels * math.prod(after),
    )
