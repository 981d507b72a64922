"""What each algorithm would cost for a convolution: a small model of measured speeds.

The constants are nanoseconds of one core in float32, from runs of each step by itself at 1080×1920 on an AVX2
server core (Zen 3, NumPy 2.4 with its own OpenBLAS); float64 takes twice as long. They need only be right
relative to one another, and within a third: near a crossing it hardly matters which algorithm is taken.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from convstudio.core import small
from convstudio.core.algorithms import depthwise as by_channel
from convstudio.core.algorithms import fft, winograd
from convstudio.core.factor import separate
from convstudio.core.job import ConvJob, Triple

CALL = 45_000.0  # the interpreter's part of one operation of several steps
SMALL_CALL = 20_000.0  # and of one that is a single product
TILE = 30_000.0  # and of each tile of it
STEP = 1_500.0  # one call of a NumPy function on little data
TAPS = 0.6  # a cell of what surrounds the taps: copying rows out above all
TAP = 0.27  # multiply a shifted copy and add it, per cell
UNIT_TAP = 0.14  # the same with a weight of ±1
COPY = 0.11  # copy a value into the columns of a matrix
ROW_PRODUCT = 0.058  # multiply-add of one output row
PRODUCT = 0.028  # multiply-add of a product of large matrices
FEW_OUTPUTS = 8.0  # so much is lost, over the number of output channels, by a product of small ones
ROW_CALL = 350.0  # a BLAS call for one output row
VERTICAL = (0.25, 0.05)  # a cell of the vertical pass: in any case, and for each tap
HORIZONTAL = (0.2, 0.17)  # a cell of the horizontal pass by shifted copies
STRIPS = (1.1, 0.037)  # a cell of the horizontal pass by strips
TRANSFORM = 0.19  # one cell · (log2(cells) + 3) of a transform one way
SPECTRUM = 1.0  # multiply and add one value of a spectrum
SUMMED = 0.12  # add a weighted copy to a sum, many channels in one call
PATCH = 1.5  # bring a row of a patch into its place and transform it, and the same for its products
TILE_CELLS = 80_000  # a tile's usual size, for counting tiles

_MOST_KERNELS_TO_FACTOR = 32  # with more of them separable passes lose to matrix products anyway


class Problem(NamedTuple):
    """All that an estimate depends on: shapes, and what matters of the weights."""

    examples: int
    groups: int
    outputs: int
    inputs: int
    kernel: Triple
    stride: Triple
    dilation: Triple
    cells: Triple
    itemsize: int
    zeros: int  # weights that are 0, over all kernels
    ones: int  # that are ±1
    terms: int | None  # outer products that all kernels together are the sums of; None: not looked for

    @property
    def kernels(self) -> int:
        return self.groups * self.outputs * self.inputs

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def planes(self) -> int:
        """Output cells of one channel over all examples."""
        return self.examples * math.prod(self.cells)

    @property
    def scale(self) -> float:
        return self.itemsize / 4


def problem_of(job: ConvJob) -> Problem:
    """The job's shapes, and its weights summed up."""
    weight, exact = job.weight, job.exact
    kernels = job.groups * job.outputs * job.inputs
    terms = None
    if kernels <= _MOST_KERNELS_TO_FACTOR:
        flat = exact.reshape(kernels, *job.kernel)
        terms = sum(len(separate(kernel, job.dtype)) for kernel in flat)
    return Problem(
        int(job.out.shape[0]),
        job.groups,
        job.outputs,
        job.inputs,
        job.kernel,
        job.stride,
        job.dilation,
        job.cells,
        job.dtype.itemsize,
        weight.size - int(np.count_nonzero(weight)),
        int(np.count_nonzero(np.abs(weight) == 1)),
        terms,
    )


def _tiles(cells: float) -> float:
    return TILE * max(1.0, cells / TILE_CELLS)


def taps(p: Problem) -> tuple[float, str]:
    """Nanoseconds of one core, and why in a few words."""
    used = p.kernels * p.taps - p.zeros
    strided = 1.0 if p.stride == (1, 1, 1) else 3.0
    per_plane = p.groups * (p.inputs + p.outputs) / 2 * TAPS + (used - p.ones) * TAP + p.ones * UNIT_TAP
    steps = STEP * p.examples * (2 * used - p.ones + 3 * p.groups * p.outputs)
    tiles = max(1.0, p.planes * p.groups * p.inputs / TILE_CELLS)
    total = strided * p.scale * p.planes * per_plane + steps * max(1.0, tiles / p.examples / p.groups)
    return CALL + total, f"{used} of {p.kernels * p.taps} taps are not zero"


def _product(p: Problem) -> float:
    """A multiply-add in a product with so many output channels."""
    return min(PRODUCT * (1 + FEW_OUTPUTS / p.outputs), 3 * ROW_PRODUCT) if p.outputs > 1 else ROW_PRODUCT


def rows(p: Problem) -> tuple[float, str]:
    step = 1 if p.dilation[1] == 1 or p.stride[1] == 1 else p.kernel[1]
    shared = min(p.stride[1] * step, p.kernel[1])
    copied = p.groups * p.inputs * p.kernel[0] * p.kernel[2] * shared
    lines = p.examples * p.groups * p.cells[0] * p.cells[1]
    total = p.scale * p.planes * (copied * COPY + p.kernels * p.taps * _product(p))
    reason = f"{p.inputs * p.taps} products a cell, each input row copied {p.kernel[2]} times"
    return CALL + total + ROW_CALL * lines + _tiles(p.planes * copied / 4), reason


def gemm(p: Problem) -> tuple[float, str]:
    window = p.inputs * p.taps
    if small.fits(p.planes * p.groups * p.outputs, window, p.outputs):
        total = p.scale * p.planes * p.groups * window * (COPY + p.outputs * ROW_PRODUCT)
        return SMALL_CALL + total, f"windows of {window} values times {p.outputs} filters at once"
    in_place = p.taps == 1 and p.stride == (1, 1, 1)
    copied = 0 if in_place else p.groups * window
    product = SUMMED if p.outputs == 1 else _product(p)
    total = p.scale * p.planes * (copied * COPY + p.kernels * p.taps * product)
    reason = f"windows of {window} values times {p.outputs} filters" + (", no copy" if in_place else "")
    return CALL + total + _tiles(p.planes * max(copied, 1) / 9), reason


def depthwise(p: Problem) -> tuple[float, str] | None:
    """None for a kernel over several channels, or strides."""
    if not by_channel.covers(p.inputs, p.stride):
        return None
    per_cell = p.groups * (3 * COPY + p.outputs * (p.taps * SUMMED + 2 * COPY))
    total = p.scale * p.planes * per_cell
    reason = f"{p.taps} weighted copies of all channels"
    return CALL + total + _tiles(p.planes * p.groups / 4), reason


def toom_cook(p: Problem) -> tuple[float, str] | None:
    """None for kernels of other heights, and strides."""
    if not winograd.covers(p.kernel, p.stride, p.dilation):
        return None
    outputs = winograd.PATCH - p.kernel[1] + 1
    share = winograd.PATCH / outputs
    moved = p.inputs * (PATCH + p.kernel[2] * COPY) + p.outputs * PATCH
    products = p.inputs * p.outputs * p.kernel[0] * p.kernel[2]
    total = p.scale * p.planes * p.groups * share * (moved + products * _product(p))
    reason = f"{winograd.PATCH} products for {outputs} output rows instead of {outputs * p.kernel[1]}"
    return CALL + total + 4 * _tiles(p.planes * p.groups * (p.inputs + p.outputs) / 16), reason


def separable(p: Problem) -> tuple[float, str] | None:
    """None where the kernels were not factored."""
    if p.terms is None:
        return None
    per_cell = 0.0
    if p.kernel[0] > 1:
        per_cell += VERTICAL[0] + VERTICAL[1] * (p.kernel[0] + 8)
    if p.kernel[1] > 1 or p.stride[1] > 1:
        per_cell += VERTICAL[0] + VERTICAL[1] * min(p.kernel[1], 16 + p.kernel[1] // 3)
    fixed, each = HORIZONTAL if p.kernel[2] <= 5 else STRIPS
    per_cell += fixed + each * p.kernel[2]
    passes = p.examples * p.terms * 1.5 * TILE * max(1.0, math.prod(p.cells) / TILE_CELLS)
    extra = 0.14 * (p.terms - p.groups * p.outputs)  # terms after the first are added
    total = p.scale * p.planes * (p.terms * per_cell + extra)
    sides = " + ".join(str(n) for n in p.kernel if n > 1) or "1"
    rank = -(-p.terms // p.kernels)
    times = f"{rank} × ({sides})" if rank > 1 else sides
    return CALL + total + passes, f"rank {rank}: {times} products a cell instead of {p.taps}"


def fourier(p: Problem) -> tuple[float, str]:
    d, h, w = ((n - 1) * step + 1 for n, step in zip(p.cells, p.stride, strict=True))
    spans = tuple((k - 1) * gap + 1 for k, gap in zip(p.kernel, p.dilation, strict=True))
    shape = fft.block_shape((d, h, w), (spans[0], spans[1], spans[2]))
    cells = math.prod(shape)
    blocks = p.examples * math.prod(
        -(-n // (size - reach + 1)) for n, size, reach in zip((d, h, w), shape, spans, strict=True)
    )
    one_way = TRANSFORM * (cells * (math.log2(cells) + 3) + fft.BLOCK_UNITS)
    transforms = blocks * p.groups * (p.inputs + p.outputs) + p.kernels
    products = blocks * p.kernels * SPECTRUM * cells / 2
    sizes = "×".join(str(n) for n in shape if n > 1)
    return CALL + p.scale * (transforms * one_way + products), f"overlapping blocks of {sizes}"


def all_estimates(p: Problem) -> dict[str, tuple[float, str]]:
    """Nanoseconds of one core and the reason, for each algorithm that could be taken."""
    found: dict[str, Any] = {
        "taps": taps(p),
        "separable": separable(p),
        "rows": rows(p),
        "gemm": gemm(p),
        "depthwise": depthwise(p),
        "winograd": toom_cook(p),
        "fft": fourier(p),
    }
    return {name: estimate for name, estimate in found.items() if estimate is not None}
