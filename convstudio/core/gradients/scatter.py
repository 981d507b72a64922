"""Transposed convolution: every value, times the kernel, is added to the cells that its window covers.

With stride s, dilation d and taps k along an axis, value j times tap k goes to cell j·s + k·d. It is the
adjoint of convolution, and so the gradient of a convolution with respect to its (padded) input.

Nothing is stuffed with zeros. The cells i = q·s + r of one phase r are reached only by the taps with
k·d ≡ r (mod s), which lie s / gcd(s, d) apart: they are one dense convolution of the values by a part of the
kernel, rotated, and `conv` computes it with whatever algorithm suits it (Dumoulin and Visin, A guide to
convolution arithmetic for deep learning, 2016, section 4, draws the zero-stuffed form; Shi et al., Is the
deconvolution layer the same as a convolutional layer?, 2016, the phases). Where many channels are summed, one
product makes all that the values give, tap by tap (`columns`), and adding it in place costs less than phases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.conv import conv
from convstudio.core.geometry import Pair
from convstudio.core.gradients.progress import share
from convstudio.core.job import Triple
from convstudio.core.threads import Scratch, run_tiles, thread_count

Array: TypeAlias = npt.NDArray[Any]

# Values of one phase that are made before they are put in their places.
_PHASE_BYTES = 4 << 20
# What a tile of `columns` makes before it is added: half of a core's usual second-level cache.
_COLUMN_BYTES = 1 << 18
# Channels summed from which making all products at once and adding them in place is quicker.
_MANY_INPUTS = 16
# Cells from which copying is worth all cores.
_WORTH_THREADS = 1 << 18


class Scattered(NamedTuple):
    """A transposed convolution that has been checked.

    values: (examples, groups · inputs, depth, height, width), any layout, in the dtype of the computation.
    weight: (groups, inputs, outputs, depth, height, width), C-contiguous, in that dtype.
    bias: (groups · outputs,) or None.
    algorithm: for the dense convolutions.
    """

    values: Array
    weight: Array
    stride: Triple
    dilation: Triple
    bias: Array | None = None
    algorithm: str = "auto"

    @property
    def kernel(self) -> Triple:
        depth, height, width = self.weight.shape[3:]
        return (depth, height, width)

    def write(self, out: Array, low: Triple, control: Control | None = None) -> None:
        """Write the cells from `low` on, as many as there are in `out`, which is C-contiguous.

        out: (examples, groups · outputs, depth, height, width). Cells that no window covers get the bias.
        """
        if out.size == 0:
            if control is not None:
                control.report(0, 0)
            return
        # A zero outside of the values is no product; a convolution would multiply it by the weights.
        if not np.isfinite(self.weight).all():
            _by_columns(self, out, low, control)
        elif self.stride == (1, 1, 1):
            axes = [axis[0] for axis in _along(self, out, low)]
            _convolve(self, _part(self, axes), self.bias, axes, out, control)
        elif self.weight.shape[1] >= _MANY_INPUTS:
            _by_columns(self, out, low, control)
        else:
            _by_phases(self, out, low, control)


class _Axis(NamedTuple):
    """One phase of an axis: which taps reach it, and which run of values they multiply.

    target: the phase's cells among those wanted. first, step: its taps. gap: its dilation over the values.
    start, stop: the values that are read, from the first tap of the first cell to the last of the last.
    """

    target: slice
    first: int
    step: int
    taps: int
    gap: int
    start: int
    stop: int


def _phases(taps: int, stride: int, dilation: int, low: int, cells: int) -> Iterator[_Axis]:
    common = math.gcd(stride, dilation)
    step, gap = stride // common, dilation // common
    for offset in range(min(stride, cells)):
        phase = (low + offset) % stride
        begin = (low + offset) // stride
        count = -(-(cells - offset) // stride)
        first = next((k for k in range(min(step, taps)) if (k * dilation - phase) % stride == 0), taps)
        many = -(-(taps - first) // step)
        latest = begin - (first * dilation - phase) // stride  # the value that the first tap multiplies
        start = latest - (many - 1) * gap
        yield _Axis(slice(offset, None, stride), first, step, many, gap, start, latest + count)


def _along(job: Scattered, out: Array, low: Triple) -> list[list[_Axis]]:
    """The phases of each axis."""
    geometry = zip(job.kernel, job.stride, job.dilation, low, out.shape[2:], strict=True)
    return [list(_phases(*axis)) for axis in geometry]


def _part(job: Scattered, axes: Sequence[_Axis]) -> Array:
    """The phase's taps as `conv`'s weights, rotated: (groups · outputs, inputs, depth, height, width)."""
    d, h, w = (slice(axis.first, None, axis.step) for axis in axes)
    part = job.weight[:, :, :, d, h, w][:, :, :, ::-1, ::-1, ::-1].swapaxes(1, 2)
    groups, outputs = part.shape[:2]
    return np.ascontiguousarray(part).reshape(groups * outputs, *part.shape[2:])


def _convolve(
    job: Scattered,
    weight: Array,
    bias: Array | None,
    axes: Sequence[_Axis],
    out: Array,
    control: Control | None,
) -> None:
    """A phase into `out`, which holds just that."""
    pads: list[Pair] = []
    shown: list[slice] = []
    for n, axis in zip(job.values.shape[2:], axes, strict=True):
        begin, end = max(axis.start, 0), min(axis.stop, n)
        if axis.taps == 0 or begin >= end:  # no tap reaches the phase, or no value its taps
            out[...] = 0 if bias is None else bias.reshape(-1, 1, 1, 1)
            if control is not None:
                control.report(1, 1)
            return
        pads.append((begin - axis.start, axis.stop - end))
        shown.append(slice(begin, end))
    conv(
        job.values[:, :, shown[0], shown[1], shown[2]],
        weight,
        bias,
        padding=pads,
        dilation=tuple(axis.gap for axis in axes),
        groups=len(job.weight),
        algorithm=job.algorithm,
        control=control,
        out=out,
    )


def _by_phases(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """Each phase by itself, into memory that is used again, and from there to its places."""
    parts = list(_bands(job, out, low))
    for index, (values, band, start) in enumerate(parts):
        _phases_of(
            job._replace(values=values),
            band,
            start,
            share(control, index / len(parts), (index + 1) / len(parts)),
        )


def _bands(job: Scattered, out: Array, low: Triple) -> Iterator[tuple[Array, Array, Triple]]:
    """`out` in pieces whose phases are small: values to read, cells to write, and where those begin."""
    examples, channels, depth, height, width = out.shape
    steps = [examples, depth, height]
    sizes = (channels * depth * height * width, channels * height * width, channels * width)
    room = _PHASE_BYTES * math.prod(job.stride) // out.itemsize
    for index, each in enumerate(sizes):
        stride = (1, *job.stride)[index]
        steps[index] = min(steps[index], max(room // each // stride, 1) * stride)
        if steps[index] > stride or each <= room:
            break
    for n in range(0, examples, steps[0]):
        for d in range(0, depth, steps[1]):
            for h in range(0, height, steps[2]):
                band = out[n : n + steps[0], :, d : d + steps[1], h : h + steps[2]]
                yield job.values[n : n + steps[0]], band, (low[0] + d, low[1] + h, low[2])


def _phases_of(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    along = _along(job, out, low)
    # Phases that read the same values with as many taps are one convolution to more channels.
    alike: dict[tuple[tuple[int, ...], ...], list[tuple[_Axis, ...]]] = {}
    for axes in product(*along):
        alike.setdefault(tuple((a.taps, a.start, a.stop) for a in axes), []).append(axes)
    groups, outputs = job.weight.shape[0], job.weight.shape[2]
    memory = np.empty(0, out.dtype)
    for index, members in enumerate(alike.values()):
        extent = [len(range(n)[axis.target]) for n, axis in zip(out.shape[2:], members[0], strict=True)]
        parts = [_part(job, axes) for axes in members]
        by_group = [part.reshape(groups, outputs, *part.shape[1:]) for part in parts]
        weight = np.concatenate(by_group, axis=1).reshape(len(parts) * groups * outputs, *parts[0].shape[1:])
        bias = None
        if job.bias is not None:
            bias = np.concatenate([job.bias.reshape(groups, outputs)] * len(parts), axis=1).reshape(-1)
        shape = (len(out), groups, len(parts), outputs, *extent)
        if memory.size < math.prod(shape):
            memory = np.empty(math.prod(shape), out.dtype)
        made = memory[: math.prod(shape)].reshape(shape)
        part = share(control, index / len(alike), (index + 1) / len(alike))
        _convolve(job, weight, bias, members[0], made.reshape(len(out), len(weight), *extent), part)
        _place(made, out.reshape(len(out), groups, outputs, *out.shape[2:]), members)


def _place(made: Array, out: Array, members: Sequence[Sequence[_Axis]]) -> None:
    """Copy phases, (examples, groups, phases, outputs, depth, height, width), to their cells."""

    def work(tile: tuple[int, int, int], _: Scratch) -> None:
        group, member, output = tile
        d, h, w = (axis.target for axis in members[member])
        out[:, group, output, d, h, w] = made[:, group, member, output]

    tiles = list(product(range(out.shape[1]), range(len(members)), range(out.shape[2])))
    if made.size < _WORTH_THREADS:  # small ones in as few calls as there can be
        for member, axes in enumerate(members):
            d, h, w = (axis.target for axis in axes)
            out[:, :, :, d, h, w] = made[:, :, member]
        return
    run_tiles(tiles, work)


def _by_columns(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """All products of a band of values at once, (outputs · taps, cells), then added tap by tap."""
    groups, inputs, outputs = job.weight.shape[:3]
    taps = math.prod(job.kernel)
    examples, _, depth, height, width = job.values.shape
    matrix = job.weight.reshape(groups, inputs, outputs * taps)
    values = job.values.reshape(examples, groups, inputs, depth, height, width)
    targets = out.reshape(examples, groups, outputs, *out.shape[2:])
    begins = np.zeros((groups, outputs, 1, 1, 1), out.dtype)
    if job.bias is not None:
        begins[..., 0, 0, 0] = job.bias.reshape(groups, outputs)
    pieces = -(-3 * thread_count() // (examples * groups))
    some = max(-(-outputs // pieces), min(outputs, 4))
    rows = min(max(_COLUMN_BYTES // (out.itemsize * some * taps * width), 1), height)
    bands = [(d, h, min(h + rows, height)) for d in range(depth) for h in range(0, height, rows)]

    def work(tile: tuple[int, int, int], scratch: Scratch) -> None:
        example, group, first = tile
        target = targets[example, group, first : first + some]
        target[...] = begins[group, first : first + some]
        many = len(target)
        weight = matrix[group, :, first * taps : (first + many) * taps].T
        for d, begin, end in bands:
            band = values[example, group, :, d, begin:end]
            columns = scratch.take("columns", (many * taps, (end - begin) * width), out.dtype)
            np.matmul(weight, band.reshape(inputs, -1), out=columns)
            made = columns.reshape(many, *job.kernel, 1, end - begin, width)
            add_windows(made, target, job.stride, job.dilation, low, (d, begin, 0))
            if control is not None:
                control.check()

    tiles = list(product(range(examples), range(groups), range(0, outputs, some)))
    run_tiles(tiles, work, control)


def add_windows(
    columns: Array, target: Array, stride: Triple, dilation: Triple, low: Triple, at: Triple = (0, 0, 0)
) -> None:
    """Add what each window gives to the cells under its taps; what falls outside of `target` is left out.

    columns: (…, *kernel, *windows), three axes each. target: (…, depth, height, width), whose first cell is
    `low`. at: the position of the first window.
    """
    kernel, windows = columns.shape[-6:-3], columns.shape[-3:]
    for tap in product(*map(range, kernel)):
        read: list[slice] = []
        written: list[slice] = []
        for axis in range(3):
            step, n = stride[axis], target.shape[axis - 3]
            begin = at[axis] * step + tap[axis] * dilation[axis] - low[axis]  # the first window's cell
            first = max(-(begin // step), 0)
            last = min((n - 1 - begin) // step + 1, windows[axis])
            if first >= last:
                break
            read.append(slice(first, last))
            written.append(slice(begin + first * step, begin + (last - 1) * step + 1, step))
        else:
            cells = target[..., written[0], written[1], written[2]]
            i, j, k = tap
            d, h, w = read
            np.add(cells, columns[..., i, j, k, d, h, w], out=cells)
