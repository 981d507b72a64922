"""What each algorithm would cost for a convolution: a small model of measured speeds.

It counts what an algorithm does (copies, sums, products, transforms, calls) and takes for each what `speeds`
measured on this machine. Estimates need only be right relative to one another, and within a third: near a
crossing it hardly matters which algorithm is taken.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from convstudio.core import small
from convstudio.core.algorithms import depthwise as by_channel
from convstudio.core.algorithms import fft, flat_passes, winograd
from convstudio.core.algorithms import rows as by_row
from convstudio.core.algorithms import taps as by_taps
from convstudio.core.factor import separate
from convstudio.core.job import ConvJob, Triple
from convstudio.core.speeds import speeds

# The interpreter's part, in calls of a NumPy function (some microseconds where several threads want it).
CALL = 120.0  # one operation
SMALL_CALL = 25.0  # one that is a single product
TILE = 60.0  # a tile of it
SIDES = 60.0  # the passes of a tile of `separable`, and the columns at its sides
CHANNEL = 150.0  # an output channel of `taps`
WINOGRAD_CALLS = 500.0  # what `winograd` takes in any case
FFT_CALL = 20.0  # a transform of a block
# What algorithms take for data on its way through the caches, over what `speeds` measured in the first one;
# of products with one, few and many output channels.
TAPS_LOSS = 1.2
LOOK = 3.0  # additions a cell, of whether all cells are finite
ROWS_LOSS = (1.15, 1.05, 1.05)
NARROW_LOSS = 1.2  # of `rows` beside `gemm`, which it leaves short rows to
PACKING = 1.6  # copies of a weight, for each row
VOLUME_LOSS = 1.15  # of `rows`, which copies each slice once for each one of the kernel
GEMM_LOSS = (1.8, 1.35, 1.35)
IN_PLACE_GAIN = 0.9  # of `gemm`, where there is nothing to copy
WINOGRAD_LOSS = (2.3, 1.85, 1.7)
DEPTHWISE_LOSS = 1.6
SEPARABLE_LOSS = 1.35
STRIDED_LOSS = 1.6
FFT_GAIN = 0.67  # larger blocks than the measured one take less a cell
MANY = 32  # output channels
LONG_ROW = 1024  # cells of a row, as `speeds` measures them; the products of shorter ones begin sooner
MEMORY = 0.35  # nanoseconds to bring a value from memory or back, once each
TILE_CELLS = 130_000  # a tile's usual size, for counting tiles

_WORTH_FACTORING = 3_000_000  # products from which looking at the weights takes less time than it can save
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
    sums: float  # weighted copies to add, over all kernels, by `taps`
    terms: int | None  # outer products that all kernels together are the sums of; None: not looked for
    passes: tuple[float, float] | None  # what `separable` adds and multiplies for a cell, as flat runs

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
    """The job's shapes, and its weights summed up where it is large enough to look at them."""
    weight, exact = job.weight, job.exact
    kernels = job.groups * job.outputs * job.inputs
    terms, passes, sums = None, None, float(weight.size)
    if kernels <= _MOST_KERNELS_TO_FACTOR and job.out.size * job.inputs * job.taps > _WORTH_FACTORING:
        flat = exact.reshape(kernels, *job.kernel)
        terms = sum(len(separate(kernel, job.dtype)) for kernel in flat)
        passes = flat_passes.work_of(job)
        sums = by_taps.sums_of(job)
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
        sums,
        terms,
        passes,
    )


def _calls(cells: float, each: float = 0.0) -> float:
    """What the interpreter takes for an operation on so many cells, with so many more calls a tile."""
    return speeds().call * (CALL + (TILE + each) * max(1.0, cells / TILE_CELLS))


def _memory(p: Problem) -> float:
    """Input and output brought from memory and back, per output cell of a plane."""
    read = p.groups * p.inputs * math.prod(p.stride)
    return MEMORY * (read + p.groups * p.outputs)


def _loss(p: Problem, losses: tuple[float, float, float]) -> float:
    return losses[0 if p.outputs == 1 else 1 if p.outputs < MANY else 2]


def taps(p: Problem) -> tuple[float, str]:
    """Nanoseconds of one core, and why in a few words."""
    s = speeds()
    used = p.kernels * p.taps - p.zeros
    if p.stride == (1, 1, 1):
        total = TAPS_LOSS * p.scale * p.planes * (_memory(p) + p.sums * s.tap)
        calls = _calls(p.planes * p.groups * (p.inputs + p.outputs) / 2)
    else:  # two calls for each tap, over every s-th cell
        total = p.scale * p.planes * (_memory(p) + used * 3 * s.add)
        calls = _calls(p.planes * p.groups, 2.5 * used / p.groups)
    if p.zeros:  # to leave them out takes a look at the input
        total += LOOK * p.scale * p.planes * p.groups * p.inputs * s.add
    calls += s.call * CHANNEL * p.examples * p.groups * p.outputs
    return calls + total, f"{used} of {p.kernels * p.taps} taps are not zero"


def rows(p: Problem) -> tuple[float, str]:
    s = speeds()
    if p.cells[2] < by_row.NARROW:
        cost, reason = gemm(p)
        return NARROW_LOSS * cost, reason
    step = 1 if p.dilation[1] == 1 or p.stride[1] == 1 else p.kernel[1]
    shared = min(p.stride[1] * step, p.kernel[1])
    copied = p.groups * p.inputs * p.kernel[0] * p.kernel[2] * shared
    lines = p.examples * p.groups * p.cells[0] * p.cells[1]
    product = s.product(p.outputs)
    total = p.scale * p.planes * (_memory(p) + copied * s.copy + p.kernels * p.taps * product)
    if p.outputs > 1:  # BLAS puts the weights in the order that it reads them in, for each row
        total += PACKING * p.scale * lines * p.outputs * p.inputs * p.taps * s.copy
    total *= _loss(p, ROWS_LOSS) * (VOLUME_LOSS if p.kernel[0] > 1 else 1.0)
    reason = f"{p.inputs * p.taps} products a cell, each input row copied {p.kernel[2]} times"
    call = s.row_call * min(1.0, 0.1 + 0.9 * p.cells[2] / LONG_ROW)
    return total + call * lines + _calls(p.planes * copied / 4), reason


def gemm(p: Problem) -> tuple[float, str]:
    s = speeds()
    window = p.inputs * p.taps
    if small.fits(p.planes * p.groups * p.outputs, window, p.outputs):
        total = p.scale * p.planes * p.groups * window * (s.copy + p.outputs * s.row_product)
        return SMALL_CALL * s.call + total, f"windows of {window} values times {p.outputs} filters at once"
    in_place = p.taps == 1 and p.stride == (1, 1, 1)
    copied = 0 if in_place else p.groups * window
    product = s.tap if p.outputs == 1 else s.product(p.outputs)
    total = p.scale * p.planes * (_memory(p) + copied * s.copy + p.kernels * p.taps * product)
    total *= _loss(p, GEMM_LOSS) * (IN_PLACE_GAIN if in_place else 1.0)
    reason = f"windows of {window} values times {p.outputs} filters" + (", no copy" if in_place else "")
    return total + _calls(p.planes * max(copied, 1) / 9), reason


def depthwise(p: Problem) -> tuple[float, str] | None:
    """None for a kernel over several channels, or strides."""
    if not by_channel.covers(p.inputs, p.stride):
        return None
    s = speeds()
    per_cell = _memory(p) + p.groups * (s.copy + p.outputs * (p.taps * s.tap + s.copy))
    reason = f"{p.taps} weighted copies of all channels"
    return DEPTHWISE_LOSS * p.scale * p.planes * per_cell + _calls(p.planes * p.groups / 2), reason


def toom_cook(p: Problem) -> tuple[float, str] | None:
    """None for kernels of other heights, and strides."""
    if not winograd.covers(p.kernel, p.stride, p.dilation):
        return None
    s = speeds()
    outputs = winograd.PATCH - p.kernel[1] + 1
    share = winograd.PATCH / outputs
    patch = 6 * s.add  # bring a row of a patch into its place and transform it, and the same for its products
    moved = p.inputs * (patch + p.kernel[2] * s.copy) + p.outputs * patch
    products = p.inputs * p.outputs * p.kernel[0] * p.kernel[2]
    per_cell = _memory(p) + p.groups * share * (moved + products * s.product(p.outputs))
    reason = f"{winograd.PATCH} products for {outputs} output rows instead of {outputs * p.kernel[1]}"
    calls = WINOGRAD_CALLS * s.call + _calls(4 * p.planes * p.groups * (p.inputs + p.outputs) / 16)
    return _loss(p, WINOGRAD_LOSS) * p.scale * p.planes * per_cell + calls, reason


def separable(p: Problem) -> tuple[float, str] | None:
    """None where the kernels were not factored."""
    if p.terms is None:
        return None
    s = speeds()
    sides = " + ".join(str(n) for n in p.kernel if n > 1) or "1"
    rank = -(-p.terms // p.kernels)
    times = f"{rank} × ({sides})" if rank > 1 else sides
    reason = f"rank {rank}: {times} products a cell instead of {p.taps}"
    if p.passes is not None:
        added, multiplied = p.passes
        per_cell = _memory(p) + added * s.tap + multiplied * s.many_products
        calls = _calls(p.planes * p.terms, SIDES)
        return SEPARABLE_LOSS * p.scale * p.planes * per_cell + calls, reason
    # With strides: products with banded matrices, over every row and then over copies of columns.
    per_cell = 0.0
    if p.kernel[0] > 1:
        per_cell += s.add + (p.kernel[0] + 8) * s.few_products
    if p.kernel[1] > 1 or p.stride[1] > 1:
        per_cell += p.stride[2] * (s.add + min(p.kernel[1], 16 + p.kernel[1] // 3) * s.row_product)
    copied = p.kernel[2] if p.kernel[2] <= 5 else 2 * p.stride[2] + p.kernel[2] / 16
    products = p.kernel[2] if p.kernel[2] <= 5 else 16 * p.stride[2] + p.kernel[2]
    per_cell += copied * 1.5 * s.copy + products * s.few_products
    extra = s.add * (p.terms - p.groups * p.outputs)  # terms after the first are added
    total = p.scale * p.planes * (_memory(p) + p.terms * per_cell + extra)
    return STRIDED_LOSS * total + _calls(p.planes * p.terms, 30.0), reason


def fourier(p: Problem) -> tuple[float, str]:
    d, h, w = ((n - 1) * step + 1 for n, step in zip(p.cells, p.stride, strict=True))
    s0, s1, s2 = ((k - 1) * gap + 1 for k, gap in zip(p.kernel, p.dilation, strict=True))
    spans = (s0, s1, s2)
    shape = fft.block_shape((d, h, w), spans)
    cells = math.prod(shape)
    blocks = p.examples * math.prod(
        -(-n // (size - reach + 1)) for n, size, reach in zip((d, h, w), shape, spans, strict=True)
    )
    s = speeds()
    one_way = FFT_GAIN * s.transform * (cells * (math.log2(cells) + 3)) + FFT_CALL * s.call
    lengths = [shape[axis] for axis in fft.transformed(spans)]
    again = 1 if fft.keeps_spectra(lengths, p.kernels, p.itemsize) else blocks
    transforms = blocks * p.groups * (p.inputs + p.outputs) + again * p.kernels
    products = blocks * p.kernels * s.spectrum * cells / 2
    sizes = "×".join(str(n) for n in shape if n > 1)
    total = p.scale * (transforms * one_way + products + p.planes * _memory(p))
    return CALL * s.call + total, f"overlapping blocks of {sizes}"


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
