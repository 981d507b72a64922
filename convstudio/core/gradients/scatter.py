"""Transposed convolution: every value, times the kernel, is added to the cells that its window covers.

It is the adjoint of convolution, and so the gradient of a convolution with respect to its (padded) input.
At stride 1 it is one dense convolution, else one for each phase of the stride (`gradients.phases`); `conv`
computes them with whatever algorithm suits them or, where many channels are summed, matrix products do
(`gradients.windows`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.conv import conv
from convstudio.core.geometry import Pair
from convstudio.core.gradients import columns, windows
from convstudio.core.gradients.phases import Phase, Phases, Scattered, alike, biases, cells_of, kernels
from convstudio.core.gradients.progress import share
from convstudio.core.job import Triple
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

FORCE = False
# Values of one phase that are made before they are put in their places.
_PHASE_BYTES = 4 << 20
# Channels summed from which `conv` is not the quickest.
_MANY_INPUTS = 8
# Taps from which `conv` has quicker ways than to add them one by one.
_MANY_TAPS = 32
# Cells from which copying is worth all cores.
_WORTH_THREADS = 1 << 18


def write(job: Scattered, out: Array, low: Triple, control: Control | None = None) -> None:
    """Write the cells from `low` on, as many as there are in `out`, which is C-contiguous.

    out: (examples, groups · outputs, depth, height, width). Cells that no window covers get the bias.
    """
    if out.size == 0:
        if control is not None:
            control.report(0, 0)
    # Weights that are not finite must not meet the zeros that a convolution pads with, which are no products.
    elif not np.isfinite(job.weight).all() or _adds(job):
        columns.scatter(job, out, low, control)
    elif job.stride == (1, 1, 1):
        ((phases,),) = alike(job, low, out.shape[2:])
        _convolve(job, kernels(job, [phases]), job.bias, phases, out, control)
    elif _many(job):
        windows.scatter(job, out, low, control)
    else:
        parts = list(_bands(job, out, low))
        for index, (values, band, start) in enumerate(parts):
            part = share(control, index / len(parts), (index + 1) / len(parts))
            _by_phases(job._replace(values=values), band, start, part)


def _many(job: Scattered) -> bool:
    """Whether so many channels are summed that matrix products by themselves are quicker than `conv`."""
    return job.weight.shape[1] >= _MANY_INPUTS and job.algorithm == "auto"


def _adds(job: Scattered) -> bool:
    """Whether it is quicker to make the products of all taps and to add them where they belong.

    Adding takes time by outputs; bringing windows into order, by inputs. In nanoseconds, measured: 2.1 to add
    a value to a cell; 3.5 to move a weight, 0.12 a value of a window and 2 a cell apart from the next, with
    1.2 milliseconds for the steps of it. A product of few outputs takes longer, one of all taps does not.
    """
    if not _many(job):
        return False
    inputs, outputs = job.weight.shape[1:3]
    taps, phases = math.prod(job.kernel), math.prod(job.stride)
    if phases == 1:
        return 2 * outputs <= inputs and taps <= _MANY_TAPS
    cells = job.values.size // inputs  # over all examples and groups
    moving = 3.5 * job.weight.size + cells * (0.12 * inputs * taps + 2.0 * outputs * phases)
    return bool(2.1 * cells * outputs * taps < 1.2e6 + moving + 0.8 * cells * inputs * taps)


def _convolve(
    job: Scattered,
    weight: Array,
    bias: Array | None,
    phases: Sequence[Phase],
    out: Array,
    control: Control | None,
) -> None:
    """A phase, or several that are alike, into `out`, which holds just that."""
    pads: list[Pair] = []
    shown: list[slice] = []
    for n, axis in zip(job.values.shape[2:], phases, strict=True):
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
        weight.reshape(-1, *weight.shape[2:]),
        None if bias is None else bias.reshape(-1),
        padding=pads,
        dilation=tuple(axis.gap for axis in phases),
        groups=len(weight),
        algorithm=job.algorithm,
        control=control,
        out=out,
    )


def _bands(job: Scattered, out: Array, low: Triple) -> Iterator[tuple[Array, Array, Triple]]:
    """`out` in pieces whose phases are small: values to read, cells to write, and where those begin."""
    examples, channels, *cells = out.shape
    room = _PHASE_BYTES // (out.itemsize * channels)  # cells of one phase
    steps = [0, 0, 0]
    for axis in (2, 1, 0):
        stride = job.stride[axis]
        steps[axis] = min(max(room, 1) * stride, cells[axis])
        room //= -(-cells[axis] // stride)
    together = min(max(room, 1), examples)
    for n in range(0, examples, together):
        for d, h, w in product(*(range(0, length, step) for length, step in zip(cells, steps, strict=True))):
            band = out[n : n + together, :, d : d + steps[0], h : h + steps[1], w : w + steps[2]]
            yield job.values[n : n + together], band, (low[0] + d, low[1] + h, low[2] + w)


def _by_phases(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """Each phase by itself, into memory that is used again, and from there to its places."""
    families = alike(job, low, out.shape[2:])
    groups, outputs = job.weight.shape[0], job.weight.shape[2]
    memory = np.empty(0, out.dtype)
    for index, members in enumerate(families):
        cells = cells_of(members, out.shape[2:])
        shape = (len(out), groups, len(members), outputs, *cells)
        if memory.size < math.prod(shape):
            memory = np.empty(math.prod(shape), out.dtype)
        made = memory[: math.prod(shape)].reshape(shape)
        _convolve(
            job,
            kernels(job, members),
            biases(job, len(members)),
            members[0],
            made.reshape(len(out), -1, *cells),
            share(control, index / len(families), (index + 1) / len(families)),
        )
        _place(made, out.reshape(len(out), groups, outputs, *out.shape[2:]), members)


def _place(made: Array, out: Array, members: Sequence[Phases]) -> None:
    """Copy phases, (examples, groups, phases, outputs, depth, height, width), to their cells."""
    if made.size < _WORTH_THREADS:  # small ones in as few calls as there can be
        for member, (d, h, w) in enumerate(members):
            out[:, :, :, d.target, h.target, w.target] = made[:, :, member]
        return

    def work(tile: tuple[int, int, int], _: Scratch) -> None:
        group, member, output = tile
        d, h, w = members[member]
        out[:, group, output, d.target, h.target, w.target] = made[:, group, member, output]

    run_tiles(list(product(range(out.shape[1]), range(len(members)), range(out.shape[2]))), work)
