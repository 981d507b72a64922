"""What the taps of a kernel multiply, as one view of few and long runs: for `gemm` and `depthwise`.

At stride 1, rows follow one another in memory with all columns of the padded input: what a tap multiplies in
all windows of a slice is then one run of the input. Cells between one row's last window and the next row's
first hold nonsense and are left behind when results are copied out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy.typing as npt

from convstudio.core.arrays import strided
from convstudio.core.job import ConvJob, Triple

Array: TypeAlias = npt.NDArray[Any]

# Columns of the padded input for each one of the tile beyond which its rows are not worth being one run.
_LOOSE = 1.5
# Columns from which rows are as good as runs, and their results need no copying out.
_WIDE = 100


def windows_of(job: ConvJob, block: Array, extent: Triple, wide: int = _WIDE) -> tuple[Array, int]:
    """The view and the pitch: how many cells a row of it begins after the one before.

    block: the padded input that a tile of this extent reads, as `job.read` gives it. The view is (examples,
    groups, inputs, kernel depth, height, width, depth, cells), the cells of a slice as one run where they can
    be and rows are shorter than `wide`, otherwise as (height, width).
    """
    (s0, s1, s2), (d0, d1, d2) = job.stride, job.dilation
    depth, height, width = extent
    of_example, of_channel, of_plane, of_row, of_cell = block.strides
    pitch = width
    cells: tuple[int, ...] = (height, width)
    of_cells: tuple[int, ...] = (of_row * s1, of_cell * s2)
    row = of_row // block.itemsize
    dense = s1 == s2 == 1 and of_cell == block.itemsize
    if dense and row <= _LOOSE * width and width < wide:
        pitch, cells, of_cells = row, ((height - 1) * row + width,), (of_cell,)
    view = strided(
        block,
        (len(block), block.shape[1] // job.inputs, job.inputs, *job.kernel, depth, *cells),
        (
            of_example,
            of_channel * job.inputs,
            of_channel,
            of_plane * d0,
            of_row * d1,
            of_cell * d2,
            of_plane * s0,
            *of_cells,
        ),
    )
    return view, pitch


def copy_out(results: Array, target: Array, pitch: int) -> None:
    """Results for all cells of the view, C-contiguous with the cells last, to the tile's target."""
    _, channels, depth = target.shape[:3]
    size = results.itemsize
    of_channel = results.nbytes // math.prod(target.shape[:2])
    strides = (of_channel * channels, of_channel, of_channel // depth, pitch * size, size)
    target[...] = strided(results, target.shape, strides)


def as_run(cells: Array, shape: Sequence[int]) -> Array | None:
    """(examples, channels, depth, height, width) in a shape that has all cells of a channel last, not copied.

    None where the cells of a channel do not lie one after the other in memory.
    """
    depth, height, width = cells.shape[2:]
    _, _, of_plane, of_row, of_cell = cells.strides
    if width > 1 and of_cell != cells.itemsize:
        return None
    if height > 1 and of_row != width * cells.itemsize:
        return None
    if depth > 1 and of_plane != height * width * cells.itemsize:
        return None
    return cells.reshape(shape)  # a view, since each channel's cells are one run
