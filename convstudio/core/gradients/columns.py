"""A transposed convolution by its definition: all products of a band of values, added tap by tap (col2im).

Each product is made and added once, and no other: NaN and infinity in the values or the weights reach exactly
the cells that they belong to.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.gradients.phases import Scattered
from convstudio.core.job import Triple
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# What is made before it is added.
_COLUMN_BYTES = 1 << 20


def scatter(job: Scattered, out: Array, low: Triple, control: Control | None) -> None:
    """Write the cells from `low` on, as many as there are in `out`."""
    groups, inputs, outputs = job.weight.shape[:3]
    taps = math.prod(job.kernel)
    examples, _, depth, height, width = job.values.shape
    matrix = job.weight.reshape(groups, inputs, outputs * taps)
    values = job.values.reshape(examples, groups, inputs, depth, height, width)
    targets = out.reshape(examples, groups, outputs, *out.shape[2:])
    rows = min(max(_COLUMN_BYTES // (out.itemsize * outputs * taps * width), 1), height)
    bands = [(d, h, min(h + rows, height)) for d in range(depth) for h in range(0, height, rows)]

    def work(tile: tuple[int, int], scratch: Scratch) -> None:
        target = targets[tile]
        bias = 0 if job.bias is None else job.bias.reshape(groups, outputs, 1, 1, 1)[tile[1]]
        target[...] = bias
        for d, begin, end in bands:
            band = values[tile][:, d, begin:end]
            columns = scratch.take("columns", (outputs * taps, (end - begin) * width), out.dtype)
            np.matmul(matrix[tile[1]].T, band.reshape(inputs, -1), out=columns)
            made = columns.reshape(outputs, *job.kernel, 1, end - begin, width)
            add_windows(made, target, job.stride, job.dilation, low, (d, begin, 0))
            if control is not None:
                control.check()

    run_tiles(list(product(range(examples), range(groups))), work, control)


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
