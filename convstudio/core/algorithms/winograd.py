"""`winograd`: kernels 2 to 5 rows high at vertical stride 1, with 6 products where others need 8 to 10.

A patch d of 6 input rows gives 6 − k_h + 1 output rows, for a column g of the kernel (A. Lavin and S. Gray,
Fast Algorithms for Convolutional Neural Networks, CVPR 2016, eq. 6; S. Winograd, Arithmetic Complexity of
Computations, 1980):

    Y = Aᵀ ((G g) ∘ (Bᵀ d))

Along the width and over the input channels the elementwise products are summed as `gemm` does: six products
of matrices, that do half the work of the one they stand in for if k_h is 3. All else are transforms, which
cost as much a channel as `gemm` loses on some fifteen: this is for many channels.

Transforming both axes would save products once more, but its elements lie scattered, and it rounds worse.
Along one axis the rows stay as they are, Bᵀ and Aᵀ are one long product each, and the width may be anything.

The matrices come from the polynomials through 0, 1, −1, ½, −2 and ∞. Barabasz et al. (Error Analysis and
Improving the Accuracy of Winograd Convolution for Deep Neural Networks, ACM TOMS 2020) found this mixture to
round best. Measured in float32, from 8 channels on, the largest error is 1.5 to 3 times that of direct sums
(the usual ±2 instead of ½ and −2: up to 5). Rounding is relative to the patch's rows rather than to each
window, and NaN reaches all of the patch: `conv` computes such tiles again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms import gemm
from convstudio.core.arrays import strided, surely_finite
from convstudio.core.job import ConvJob, Tile, Triple, Work, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)  # and infinity
PATCH = len(_POINTS) + 1  # input rows of one patch
_TILE_BYTES = 8 << 20  # of all matrices of one tile


def covers(kernel: Triple, stride: Triple, dilation: Triple) -> bool:
    """Whether the algorithm itself does such jobs; all others it leaves to `gemm`."""
    return 2 <= kernel[1] < PATCH and stride[1:] == (1, 1) and dilation[0] == 1


@lru_cache(maxsize=8)
def matrices(taps: int, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Aᵀ (output rows, 6), G (6, taps) and Bᵀ (6, 6).

    For values at the points p: the kernel's polynomial is evaluated at each (G, which also divides by
    ∏(p − q) over the other points q), Bᵀ holds the coefficients of ∏(x − q), and Aᵀ the powers of p
    (Toom–Cook; the transposition principle makes correlation of the product of polynomials).
    """
    outputs = PATCH - taps + 1
    to_rows, to_kernel, to_patch = (
        np.zeros((outputs, PATCH)),
        np.zeros((PATCH, taps)),
        np.zeros((PATCH, PATCH)),
    )
    for index, point in enumerate(_POINTS):
        others = [other for other in _POINTS if other != point]
        scale = np.prod([point - other for other in others])
        to_rows[:, index] = point ** np.arange(outputs)
        to_kernel[index] = point ** np.arange(taps) / scale
        to_patch[index, :-1] = np.poly(others)[::-1]
    to_rows[-1, -1] = to_kernel[-1, -1] = 1
    to_patch[-1] = np.poly(_POINTS)[::-1]
    return to_rows.astype(dtype), to_kernel.astype(dtype), to_patch.astype(dtype)


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    if not covers(job.kernel, job.stride, job.dilation):
        return gemm.prepare(job)
    full = whole(job)
    unit = (PATCH - job.kernel[1] + 1) * job.dilation[1]  # output rows of a row of patches

    def needed(tile: Sequence[int]) -> int:
        examples, groups, depth, patches, width = tile
        slices, _, pitch = job.reach((depth, 1, width))
        each = slices * job.inputs * (3 + job.kernel[2]) + 2 * depth * job.outputs
        return job.dtype.itemsize * examples * groups * patches * job.dilation[1] * pitch * PATCH * each

    patches = -(-full[3] // unit)
    extents = gemm.few_tiles(job, (*full[:3], patches, full[4]), needed, _TILE_BYTES)
    extents[3] = min(extents[3] * unit, full[3])
    return tiles_of(full, extents), work(job)


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job."""
    if not covers(job.kernel, job.stride, job.dilation):
        return gemm.work(job)
    weights = _kernels(job)
    gap = job.dilation[1]

    def compute(tile: Tile, scratch: Scratch) -> bool:
        kernels = weights[:, :, tile.groups[0] : tile.groups[1]]
        block, target = job.read(tile, scratch), job.target(tile)
        # Every gap-th row is a job without gaps.
        finite = True
        for phase in range(min(gap, tile.extent[1])):
            finite &= _rows(job, kernels, block[..., phase::gap, :], target[..., phase::gap, :], scratch)
        return finite

    return compute


def _kernels(job: ConvJob) -> Array:
    """G g: (6, 1, groups, 1, outputs, slices · inputs · columns of the kernel)."""
    groups, outputs, inputs, slices, taps, columns = job.weight.shape
    to_kernel = matrices(taps, job.dtype)[1]
    flat = job.weight.transpose(4, 0, 1, 3, 2, 5).reshape(taps, -1)
    products: Array = np.matmul(to_kernel, flat)
    return products.reshape(PATCH, 1, groups, 1, outputs, slices * inputs * columns)


def _rows(job: ConvJob, weights: Array, block: Array, target: Array, scratch: Scratch) -> bool:
    """Correlate the block, which has no gaps between the rows of a window, into the target.

    Returns whether all results are surely finite.
    """
    examples, _, depth, height, width = target.shape
    groups, pitch, dtype = weights.shape[2], block.shape[-1], job.dtype
    to_rows, _, to_patch = matrices(job.kernel[1], dtype)
    step = len(to_rows)
    patches = -(-height // step)
    rows = _patches(job, block, patches, step, scratch)
    columns = _columns(job, to_patch, rows, depth, scratch)
    products = scratch.take("products", (PATCH, examples, groups, depth, job.outputs, patches * pitch), dtype)
    np.matmul(weights, columns, out=products)
    # The patches' rows are no longer needed.
    results = scratch.take("rows", (step, *products.shape[1:-1], patches, pitch), dtype)
    np.matmul(to_rows, products.reshape(PATCH, -1), out=results.reshape(step, -1))
    by_group = target.reshape(examples, groups, job.outputs, *target.shape[2:]).transpose(0, 1, 3, 2, 4, 5)
    for first, result in enumerate(results[: min(step, height)]):
        part = by_group[..., first::step, :]
        part[...] = result[..., : part.shape[-2], :width]
    return surely_finite(results)


def _patches(job: ConvJob, block: Array, patches: int, step: int, scratch: Scratch) -> Array:
    """d: (6 rows, examples, groups, slices, inputs, patches, columns of the block)."""
    examples, channels, slices, _, pitch = block.shape
    groups = channels // job.inputs
    by_group = block.reshape(examples, groups, job.inputs, *block.shape[2:]).transpose(0, 1, 3, 2, 4, 5)
    rows = scratch.take("rows", (PATCH, examples, groups, slices, job.inputs, patches, pitch), job.dtype)
    for first, row in enumerate(rows):
        part = by_group[..., first::step, :][..., :patches, :]
        row[..., : part.shape[-2], :] = part
        row[..., part.shape[-2] :, :] = 0  # below the input, for output rows that are not kept
    return rows


def _columns(job: ConvJob, to_patch: Array, rows: Array, depth: int, scratch: Scratch) -> Array:
    """Bᵀ d, moved along for each column of the kernel.

    (6, examples, groups, depth, slices of the kernel · inputs · columns of the kernel, cells). One row of
    patches follows the other, with all columns of the block; what windows over their ends give is left
    behind.
    """
    _, examples, groups, slices, inputs, patches, pitch = rows.shape
    taps, cells, size = job.kernel[2], patches * pitch, rows[0].size
    reach = job.reach((1, 1, 1))[2] - 1
    transformed = scratch.take("transformed", (PATCH, size + reach), job.dtype)
    np.matmul(to_patch, rows.reshape(PATCH, size), out=transformed[:, :size])
    transformed[:, size:] = 0  # what the last windows reach over the end
    of_cell = job.dtype.itemsize
    of_channel = of_cell * cells
    if taps > 1:
        shifted = strided(
            transformed,
            (PATCH, size // cells, taps, cells),
            (transformed.strides[0], of_channel, of_cell * job.dilation[2], of_cell),
        )
        copy = scratch.take("columns", shifted.shape, job.dtype)
        np.copyto(copy, shifted)
        transformed = copy
    of_slice = of_channel * taps * inputs
    return strided(
        transformed,
        (PATCH, examples, groups, depth, job.kernel[0] * inputs * taps, cells),
        (
            transformed.strides[0],
            of_slice * slices * groups,
            of_slice * slices,
            of_slice * job.stride[0],
            of_channel,
            of_cell,
        ),
    )
