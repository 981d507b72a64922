"""Sums over a tile of output cells of the upstream gradient times the input cell under each tap.

`columns`: all windows as the columns of a matrix (inputs · taps, cells), as `gemm` has them, times the
gradient (cells, outputs). `rows`: a product for each output row, so that input rows are copied only once for
each column of the kernel, for not too many outputs and wide rows. `dots`: for one output, scalar products of
the gradient with the input as it lies in memory, moved along by each tap, without any copy: rows of the
gradient are given the input's length by zeros, so that a channel is one run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

# Outputs of a group up to which, and columns from which, a product for each row pays.
_FEW_OUTPUTS = 16
_WIDE = 64
# Rows of the kernel from which it reads less memory than scalar products do.
_HIGH = 7
# Matrices count so many times: BLAS reads them more than once, so that they should be nearer.
_TWICE = 2


class Way(NamedTuple):
    """A way to compute a tile's sums.

    compute(job, block, upstream, scratch): from the input (examples, channels, depth, height, width) and the
    gradient (examples, groups, outputs, depth, height, width) the sums, in an order of axes of its own, which
    arrange(job, sums) makes (groups, outputs, inputs, depth, height, width). scratch(job, extents): the
    values that a tile takes beside the gradient.
    """

    compute: Callable[[ConvJob, Array, Array, Scratch], Array]
    arrange: Callable[[ConvJob, Array], Array]
    scratch: Callable[[ConvJob, Sequence[int]], int]


def way(job: ConvJob) -> Way:
    """The quickest way for a job."""
    wide, high = job.cells[2] >= _WIDE, job.kernel[1] >= _HIGH
    if job.outputs == 1 and job.stride == (1, 1, 1) and not (wide and high):
        return Way(_dots, _arranged, _dots_scratch)
    if job.outputs <= _FEW_OUTPUTS and wide and job.kernel[1] > 1:
        return Way(_rows, _arranged_rows, _rows_scratch)
    return Way(_columns, _arranged, _columns_scratch)


def _arranged(job: ConvJob, sums: Array) -> Array:
    return sums.reshape(len(sums), job.inputs, *job.kernel, -1).transpose(0, 5, 1, 2, 3, 4)


def _read(job: ConvJob, extents: Sequence[int]) -> int:
    return extents[0] * extents[1] * job.inputs * math.prod(job.reach(extents[2:]))


def _columns_scratch(job: ConvJob, extents: Sequence[int]) -> int:
    if _in_place(job) and extents[0] == 1:
        return _read(job, extents)
    return _TWICE * (_read(job, extents) + math.prod(extents) * job.inputs * job.taps)


def _in_place(job: ConvJob) -> bool:
    """Whether the input itself is the matrix of columns."""
    return job.taps == 1 and job.stride == (1, 1, 1)


def _columns(job: ConvJob, block: Array, upstream: Array, scratch: Scratch) -> Array:
    examples, groups, outputs, *extent = upstream.shape
    cells = examples * math.prod(extent)
    window = job.inputs * job.taps
    if examples == 1:
        others = upstream.reshape(groups, outputs, cells)
    else:
        copy = scratch.take("others", (groups, outputs, examples, *extent), job.dtype)
        np.copyto(copy, upstream.transpose(1, 2, 0, 3, 4, 5))
        others = copy.reshape(groups, outputs, cells)
    if examples == 1 and _in_place(job):
        columns = block.reshape(groups, window, cells)
    else:
        of_example, of_channel, *of_axis = block.strides
        windows = strided(
            block,
            (groups, job.inputs, *job.kernel, examples, *extent),
            (
                of_channel * job.inputs,
                of_channel,
                *(step * gap for step, gap in zip(of_axis, job.dilation, strict=True)),
                of_example,
                *(step * stride for step, stride in zip(of_axis, job.stride, strict=True)),
            ),
        )
        columns = scratch.take("columns", (groups, window, cells), job.dtype)
        np.copyto(columns.reshape(windows.shape), windows)
    sums = scratch.take("sums", (groups, window, outputs), job.dtype)
    return np.matmul(columns, others.swapaxes(1, 2), out=sums)


def _rows_scratch(job: ConvJob, extents: Sequence[int]) -> int:
    examples, groups, depth, height, width = extents
    copied = depth * job.reach((1, height, 1))[1] * (job.taps // job.kernel[1]) * width
    sums = depth * height * job.taps * job.outputs
    return _TWICE * (_read(job, extents) + examples * groups * job.inputs * (copied + sums))


def _rows(job: ConvJob, block: Array, upstream: Array, scratch: Scratch) -> Array:
    examples, groups, outputs, depth, height, width = upstream.shape
    (kd, kh, kw), inputs = job.kernel, job.inputs
    (s0, s1, s2), (g0, g1, g2) = job.stride, job.dilation
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    shifted = strided(
        block,
        (examples, groups, depth, block.shape[3], kd, inputs, kw, width),
        (
            of_example,
            of_channel * inputs,
            of_plane * s0,
            of_row,
            of_plane * g0,
            of_channel,
            of_cell * g2,
            of_cell * s2,
        ),
    )
    copy = scratch.take("columns", shifted.shape, job.dtype)
    np.copyto(copy, shifted)
    # The rows under a window lie one below the other: one matrix, if there are no gaps between them.
    joined, apart = (kh, 1) if g1 == 1 else (1, kh)
    of_read = copy.strides[3]
    columns = strided(
        copy,
        (examples, groups, depth, height, apart, joined * kd * inputs * kw, width),
        (*copy.strides[:3], of_read * s1, of_read * g1, *copy.strides[-2:]),
    )
    others = upstream.transpose(0, 1, 3, 4, 5, 2)[:, :, :, :, None]
    by_row = scratch.take("sums", (*columns.shape[:-1], outputs), job.dtype)
    np.matmul(columns, others, out=by_row)
    return _summed(by_row, (0, 2, 3))


def _arranged_rows(job: ConvJob, sums: Array) -> Array:
    kd, kh, kw = job.kernel
    by_axis = sums.reshape(len(sums), kh, kd, job.inputs, kw, -1)
    return by_axis.transpose(0, 5, 3, 2, 1, 4)


def _dots_scratch(job: ConvJob, extents: Sequence[int]) -> int:
    return 2 * _read(job, extents)


def _dots(job: ConvJob, block: Array, upstream: Array, scratch: Scratch) -> Array:
    examples, groups, _, depth, height, width = upstream.shape
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    pitch = of_row // of_cell
    if pitch != width:
        # What stands between two rows is multiplied by zero: that is nothing only where it is finite. A
        # finite sum proves it.
        if pitch > 2 * width or not np.isfinite(np.add.reduce(block, axis=None)):
            return _columns(job, block, upstream, scratch).reshape(groups, job.inputs, *job.kernel)
        apart = scratch.take("apart", (examples, groups, depth, height, pitch), job.dtype)
        apart[..., :width] = upstream[:, :, 0]
        apart[..., width:] = 0
    else:
        apart = np.ascontiguousarray(upstream[:, :, 0])
    run = (height - 1) * pitch + width
    others = apart.reshape(examples, groups, 1, depth, 1, 1, 1, height * pitch)[..., :run]
    g0, g1, g2 = job.dilation
    shifted = strided(
        block,
        (examples, groups, job.inputs, depth, *job.kernel, run),
        (
            of_example,
            of_channel * job.inputs,
            of_channel,
            of_plane,
            of_plane * g0,
            of_row * g1,
            of_cell * g2,
            of_cell,
        ),
    )
    return _summed(np.vecdot(others, shifted), (0, 3))


def _summed(values: Array, axes: tuple[int, ...]) -> Array:
    total: Array = np.add.reduce(values, axis=axes, dtype=np.float64)
    return total
