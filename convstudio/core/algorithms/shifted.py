"""Input rows copied once for each column of the kernel, straight from the input: for `rows`.

A padded block of the input, to copy from, would be written and read once more: with two cells to a step and
few kernel columns that takes as long as the copies themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import ConvJob, Tile
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = tuple[Any, ...]

# Of a pair of float32 the first is the lower half of an integer.
_FIRST_IS_LOW = sys.byteorder == "little"


def reads_directly(job: ConvJob) -> bool:
    """Whether tiles as wide as the output need no padded block."""
    source = job.source
    constant = source.mode in ("zeros", "constant")
    return constant and source.in_place and source.shape[0] == 1 and job.dilation[1] == 1


def copier(job: ConvJob) -> Callable[[Tile, Scratch], Array | None] | None:
    """What makes the copies for a tile: (examples, groups, rows read, inputs, kernel columns, width).

    What shows padding is written into the copies. None instead of them for tiles less wide than the output or
    with padding only, and instead of the copier where `reads_directly` says no.
    """
    if not reads_directly(job):
        return None
    source, inputs, kw, width = job.source, job.inputs, job.kernel[2], job.cells[2]
    batch, channels, _, height, cells = source.array.shape
    lines = source.array.reshape(batch, channels // inputs, inputs, height, cells).transpose(0, 1, 3, 2, 4)
    before, value = source.pads[1][0], source.value
    blank, paired, single = _parts(job)

    def copies(tile: Tile, scratch: Scratch) -> Array | None:
        if tile.extent[2] < width:
            return None
        start = tile.low[1] * job.stride[1] - before  # the first row read, as one of the input
        rows = job.reach(tile.extent)[1]
        above, below = max(-start, 0), min(rows, height - start)
        if below <= above:
            return None
        (e0, e1), (g0, g1) = tile.examples, tile.groups
        result = scratch.take("columns", (e1 - e0, g1 - g0, rows, inputs, kw, width), job.dtype)
        if above > 0:
            result[:, :, :above] = value
        if below < rows:
            result[:, :, below:] = value
        within, read = result[:, :, above:below], lines[e0:e1, g0:g1, start + above : start + below]
        for to in blank:
            within[to] = value
        for to, of in single:
            within[to] = read[of]
        if paired:
            halves = within.view(np.uint32)
            for to, of in paired:
                np.copyto(halves[to], read[of].view(np.uint64), casting="unsafe")
        return result

    return copies


def _parts(job: ConvJob) -> tuple[list[Index], list[tuple[Index, Index]], list[tuple[Index, Index]]]:
    """What each kernel column's copy of a row consists of.

    Cells that show padding, those to copy as the first of two (where they go, and what to read), and others.
    """
    blank, paired, single = [], [], []
    cells, width, stride = job.source.array.shape[-1], job.cells[2], job.stride[2]
    for column in range(job.kernel[2]):
        shift = column * job.dilation[2] - job.source.pads[2][0]  # cell c shows cell c · stride + shift
        first = min(max(-(shift // stride), 0), width)
        stop = max(min((cells - 1 - shift) // stride + 1, width), first)
        if first > 0:
            blank.append((..., column, slice(0, first)))
        if stop < width:
            blank.append((..., column, slice(stop, width)))
        begin = first * stride + shift
        if stride == 2 and job.dtype.itemsize == 4 and _FIRST_IS_LOW:
            # NumPy narrows integers several at a time, in half the time that reading single values takes.
            pairs = max(min(stop - first, (cells - begin) // 2), 0)
            if pairs > 0:
                to = (..., column, slice(first, first + pairs))
                paired.append((to, (..., slice(begin, begin + 2 * pairs))))
            begin, first = begin + 2 * pairs, first + pairs
        if first < stop:
            end = begin + (stop - first - 1) * stride + 1
            single.append(((..., column, slice(first, stop)), (..., slice(begin, end, stride))))
    return blank, paired, single
