"""`fft`: overlap-save blocks through the real Fourier transform, for large kernels of full rank.

Each block of the padded input is transformed, multiplied by the conjugate spectrum of the kernel (which makes
it correlation) and transformed back; of a block of B cells the first B − span + 1 are free of wrap-around and
are kept. Blocks are small enough for the cache. The transform works in the input's precision.

Rounding is relative to the largest values of the block, not of each window, and one NaN reaches the whole
block: `conv` computes such tiles again by `taps`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.job import ConvJob, Tile, Triple, Work, tiles_of, whole
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

_LARGEST_BLOCK = 1 << 17  # cells; from about here the transforms' own memory comes fresh from the system
BLOCK_UNITS = 160_000  # what calling for a block costs, as so many cell · (log2(cells) + 3), measured
_KEPT_SPECTRA = 8 << 20  # bytes of kernel spectra to keep; beyond, they are made for each tile anew


@lru_cache(maxsize=1)
def _smooth_sizes() -> Array:
    """Lengths that transform fast: even numbers without prime factors above 5."""
    sizes = [
        2**a * 3**b * 5**c
        for a in range(1, 18)
        for b in range(6)
        for c in range(4)
        if 2**a * 3**b * 5**c <= _LARGEST_BLOCK
    ]
    return np.array(sorted(sizes))


@lru_cache(maxsize=128)
def block_shape(dense: Triple, spans: Triple) -> Triple:
    """Transform lengths per axis that make the whole work least. An axis spanned by one cell has length 1.

    dense: output cells at stride 1. spans: cells a window covers.
    """
    axes = transformed(spans)
    choices = []
    for axis in axes:
        sizes = _smooth_sizes()
        sizes = sizes[(sizes >= spans[axis]) & (sizes < 2 * (dense[axis] + spans[axis]) + 8)]
        if len(sizes) == 0:  # a kernel wider than the largest block in the table
            sizes = np.array([1 << (spans[axis]).bit_length()])
        choices.append(sizes)
    grid = np.meshgrid(*choices, indexing="ij")
    cells = np.prod(grid, axis=0)
    blocks = math.prod(
        -(-dense[axis] // (size - spans[axis] + 1)) for axis, size in zip(axes, grid, strict=True)
    )
    work = blocks * (cells * (np.log2(cells) + 3.0) + BLOCK_UNITS)
    work = np.where(cells <= max(_LARGEST_BLOCK, int(cells.min())), work, np.inf)
    best = np.unravel_index(int(np.argmin(work)), work.shape)
    shape = [1, 1, 1]
    for axis, size in zip(axes, grid, strict=True):
        shape[axis] = int(size[best])
    return (shape[0], shape[1], shape[2])


def transformed(spans: Triple) -> tuple[int, ...]:
    """The axes to transform: those along which the kernel has any length."""
    return tuple(axis for axis in range(3) if spans[axis] > 1) or (2,)


def keeps_spectra(lengths: Sequence[int], kernels: int, itemsize: int) -> bool:
    """Whether the kernels' transforms, so long along each axis, are made once and not for each tile."""
    cells = math.prod(lengths[:-1]) * (lengths[-1] // 2 + 1)
    return kernels * cells * 2 * itemsize <= _KEPT_SPECTRA


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    full = whole(job)
    spans = job.reach((1, 1, 1))
    shape = _shape_of(job)
    extents = [1, 1, 1, 1, 1]
    room = max(_LARGEST_BLOCK // math.prod(shape), 1)
    for axis in (2, 1, 0):
        cells = full[2 + axis]
        if axis in transformed(spans):
            extents[2 + axis] = min((shape[axis] - spans[axis]) // job.stride[axis] + 1, cells)
        else:
            extents[2 + axis] = min(room, cells)
            room = max(room // cells, 1)
    return tiles_of(full, extents), work(job)


def work(job: ConvJob) -> Work:
    """How to compute a tile that `prepare` made."""
    axes = transformed(job.reach((1, 1, 1)))
    shape = _shape_of(job)
    lengths = [shape[axis] for axis in axes]
    steps = tuple(slice(None, None, step) for step in job.stride)
    spectra: dict[tuple[int, int], Array] = {}
    keep = keeps_spectra(lengths, job.groups * job.outputs * job.inputs, job.dtype.itemsize)

    def spectrum(group: int, output: int) -> Array:
        found = spectra.get((group, output))
        if found is None:
            found = _transform(_dilated(job, group, output), lengths, axes).conj()
            if keep:
                spectra[group, output] = found
        return found

    def compute(tile: Tile, scratch: Scratch) -> None:
        block = job.read(tile, scratch)
        target = job.target(tile)
        dense = tuple(slice(0, (n - 1) * step + 1) for n, step in zip(tile.extent, job.stride, strict=True))
        for example in range(block.shape[0]):
            for index, group in enumerate(range(*tile.groups)):
                channels = block[example, index * job.inputs : (index + 1) * job.inputs]
                transform = _transform(channels, lengths, axes)
                for output in range(job.outputs):
                    summed = _summed(transform, spectrum(group, output))
                    result = np.fft.irfftn(summed, lengths, axes)
                    target[example, index * job.outputs + output] = result[dense][steps]

    return compute


def _shape_of(job: ConvJob) -> Triple:
    d, h, w = ((n - 1) * step + 1 for n, step in zip(job.cells, job.stride, strict=True))
    return block_shape((d, h, w), job.reach((1, 1, 1)))


def _transform(values: Array, lengths: Sequence[int], axes: Sequence[int]) -> Array:
    return np.fft.rfftn(values, lengths, [axis + 1 for axis in axes])


def _dilated(job: ConvJob, group: int, output: int) -> Array:
    """The kernel of one output channel, (input channels, *cells spanned), its taps spread by the dilation."""
    kernel = job.weight[group, output]
    spread = np.zeros((job.inputs, *job.reach((1, 1, 1))), job.dtype)
    d, h, w = job.dilation
    spread[:, ::d, ::h, ::w] = kernel
    return spread


def _summed(transform: Array, spectrum: Array) -> Array:
    """The product of the spectra, summed over the input channels."""
    total: Array = transform[0] * spectrum[0]
    for one, other in zip(transform[1:], spectrum[1:], strict=True):
        total += one * other
    return total
