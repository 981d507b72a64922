"""Where `rows` finds the input: as it is, wherever possible, or a padded block of it.

A block is written and read once more before its rows are copied, which takes as long as copying them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import address
from convstudio.core.geometry import Pair
from convstudio.core.job import ConvJob, Tile
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


class Place(NamedTuple):
    """Where the padded input lies in memory, or what would be it if its rows were not padded.

    memory: a C-contiguous array. offset: bytes from its beginning to the cell that the kernel's first tap
    multiplies for output cell 0 of example 0 and group 0; it may be negative. strides: bytes per example,
    channel, plane, row and cell. padded: whether it is, so that no copy has to be written over; if not,
    `value` is the constant of the padding.
    """

    memory: Array
    offset: int
    strides: Shape
    padded: bool
    value: float


def reads_directly(job: ConvJob) -> bool:
    """Whether rows can be copied from the input, with no padded block."""
    return job.source.in_place and job.source.shape[0] == 1


def input_of(job: ConvJob) -> Place:
    """The input as it is, for a job that `reads_directly`."""
    (_, (top, _), (left, _)), array = job.source.pads, job.source.array
    strides = packed(array.shape, array.itemsize)  # NumPy may give any for an axis of length 1
    return Place(array, -top * strides[3] - left * strides[4], strides, False, job.source.value)


def direct_rows(job: ConvJob) -> Pair:
    """The output rows, from and up to, for which `input_of` shows no rows or memory outside the input."""
    (_, (top, _), (left, _)), (_, _, _, height, cells) = job.source.pads, job.source.array.shape
    # A row's copies begin `left` cells before it and end up to `after` behind it.
    after = max(job.reach(job.cells)[2] + int(in_pairs(job)) - left - cells, 0)
    first, stop = -(-left // cells), height - -(-after // cells)
    stride, reach = job.stride[1], job.reach((1, 1, 1))[1]
    low = min(max(-(-(first + top) // stride), 0), job.cells[1])
    high = min((stop + top - reach) // stride + 1, job.cells[1])
    return low, max(high, low)


def block_of(job: ConvJob, tile: Tile, scratch: Scratch) -> Place:
    """What the tile reads, padded and in the dtype of the job."""
    block = job.read(tile, scratch)
    memory = job.source.array  # of which it is a part, unless it was made
    if block.flags.c_contiguous and isinstance(block.base, np.ndarray):
        memory = block.base if block.base.flags.c_contiguous else block
    of_example, of_channel, of_plane, of_row, of_cell = strides = block.strides
    (s0, s1, s2), (d, h, w) = job.stride, tile.low
    before = d * s0 * of_plane + h * s1 * of_row + w * s2 * of_cell
    before += tile.examples[0] * of_example + tile.groups[0] * job.inputs * of_channel
    return Place(memory, address(block) - address(memory) - before, strides, True, 0.0)


def packed(shape: Sequence[int], itemsize: int) -> Shape:
    """The strides of a C-contiguous array."""
    return tuple(itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def phases_of(job: ConvJob, height: int) -> Pair:
    """In how many phases the rows are copied that so many output rows read, and the rows of each.

    Row r of phase p is row p · stride + r · dilation of those that are read: with gaps between the rows of a
    window, output rows that many rows apart overlap.
    """
    kh, stride, gap = job.kernel[1], job.stride[1], job.dilation[1]
    if gap == 1:
        return 1, (height - 1) * stride + kh
    if stride == 1 and height % gap == 0:
        return gap, height // gap + kh - 1
    return height, kh  # no output rows share any


def in_pairs(job: ConvJob) -> bool:
    """Whether every second value of a row is copied as the first of a pair.

    NumPy narrows integers several at a time, in half the time that reading every second value takes. Of a
    pair of float32 the first is the lower half of an integer.
    """
    return job.stride[2] == 2 and job.dtype.itemsize == 4 and sys.byteorder == "little"
