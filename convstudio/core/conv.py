"""Convolution of signals, images and volumes."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core import planner, small
from convstudio.core.algorithms import rows
from convstudio.core.arrays import surely_finite
from convstudio.core.checks import checked_job
from convstudio.core.control import Control
from convstudio.core.geometry import Padding, PerAxis
from convstudio.core.job import ConvJob, Tile, Work, add_bias, pieces
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    flip: bool = False,
    algorithm: str = "auto",
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """Cross-correlate `x` with `weight`; with `flip`, convolve in the mathematical sense.

    Each output cell is the sum, over the taps of the kernel and the input channels of its group, of weight
    times the input cell under that tap, plus the bias. Arguments mean what they mean in PyTorch's `conv1d`,
    `conv2d` and `conv3d`.

    Parameters
    ----------
    x: (N, C_in, *spatial), 1 to 3 spatial axes. float32 and float64 are computed as they are, any other real
        type as float32. It is not written to and may have any memory layout.
    weight: (C_out, C_in / groups, *kernel).
    bias: (C_out,), or None.
    stride, dilation: an int, or one per spatial axis, 1 or more.
    padding: cells: an int, one per axis, or a (before, after) pair per axis; or "valid", "same" (output
        ⌈n / stride⌉ long, an odd cell after), "same_lower" (an odd cell before), "full".
    groups: divides both channel counts; C_in of them with one input channel each is a depthwise convolution.
    padding_mode: "zeros", "constant" (`padding_value`), "replicate", "reflect", "symmetric", "circular".
    flip: rotate the kernel by 180°.
    algorithm: "auto", or one of `ALGORITHMS` for comparison.
    control: stops the work from another thread and hears of its progress.
    out: an array of the result's shape and dtype, C-contiguous and apart from `x`, to write to and return.

    Returns the (N, C_out, *output) array, C-contiguous. NaN and infinity reach exactly the cells whose
    windows cover them (also under a zero tap: 0 · ∞ is NaN).

    Raises ValueError for an argument outside its range, its subclass GeometryError for shapes that do not fit
    one another, Cancelled when `control` asked for it.
    """
    key = None
    if type(algorithm) is str and algorithm == "auto" and type(flip) is bool:
        key = small.key_of(x, weight, bias, stride, padding, dilation, groups, padding_mode, padding_value)
        plan = None if key is None else small.find(key)
        if plan is not None:  # whether somebody listens or not, for the same bits
            return _told(plan, x, weight, bias, flip, out, control)
    planner.checked_algorithm(algorithm)
    job, result = checked_job(
        x, weight, bias, stride, padding, dilation, groups, padding_mode, padding_value, flip, out
    )
    if result.size == 0:
        if control is not None:
            control.report(0, 0)
        return result
    name, parallel = planner.choose(job, algorithm)
    if key is not None and name == "gemm" and small.fits(job.out.size, job.inputs * job.taps, job.outputs):
        # At once, so that equal calls give equal bits.
        return _told(small.remember(key, job, result.shape), x, weight, bias, flip, result, control)
    _run(job, name, parallel, control)
    return result


def _told(
    plan: small.SmallConv,
    x: Any,
    weight: Any,
    bias: Any,
    flip: bool,
    out: Array | None,
    control: Control | None,
) -> Array:
    """What a plan of a small job makes, told to the listener if there is one."""
    if control is None:
        return plan(x, weight, bias, flip, out)
    control.check()
    result = plan(x, weight, bias, flip, out)
    control.report(1, 1)
    return result


def _run(job: ConvJob, name: str, parallel: bool, control: Control | None) -> None:
    method = planner.METHODS[name]
    tiles, compute = method.prepare(job)
    mend = _mender(job, control) if method.leaks else None
    if mend is None and (method.biased or job.bias is None):
        run_tiles(tiles, compute, control, parallel=parallel)
        return

    def work(tile: Tile, scratch: Scratch) -> None:
        finite = compute(tile, scratch)
        if mend is not None and not finite:
            mend(tile, scratch)
        add_bias(job, tile)

    run_tiles(tiles, work, control, parallel=parallel)


def _mender(job: ConvJob, control: Control | None) -> Work:
    """What computes the parts of a tile again where NaN or infinity may have spread by products with zero.

    `rows` multiplies each window by nothing but the weights, so that such values stay in the windows that
    cover them. The parts are small, to be few and so that cancelling acts between them.
    """

    @cache  # made when it is first needed, which is rarely
    def exact() -> tuple[Work, tuple[int, ...]]:
        most = (1, 1, *(min(n, most) for n, most in zip(job.cells, (8, 64, 512), strict=True)))
        return rows.work(job), most

    def mend(tile: Tile, scratch: Scratch) -> None:
        if _all_finite(job.target(tile)):
            return
        compute, part = exact()
        for piece in pieces(tile, part):
            if not _all_finite(job.target(piece)):
                compute(piece, scratch)
                if control is not None:
                    control.check()

    return mend


def _all_finite(values: Array) -> bool:
    """Whether no value is NaN or infinite."""
    return surely_finite(values) or bool(np.isfinite(values).all())
