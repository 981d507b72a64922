"""`rows`: each output row is one product of the weights with shifted copies of the input rows it reads.

For few channels. The horizontally shifted copies of an input row, one for each column of the kernel, are
laid out one below the other, and so are the rows: what an output row needs is then one contiguous run of
the copy, and that of the next output row begins one input row further on. Rows are copied k_w times, not
k_h · k_w times as by `gemm`, and BLAS reads overlapping views.

The copies of a few output rows at a time fit into the processor's own cache, and are multiplied there, and
the bias is added. Measured against copies of 2 MiB, jobs took a tenth to a third less time.

A banded matrix that computes T rows in one product would read memory less often, but it multiplies by
zeros, (T + k_h − 1) / k_h times as much in all, and lets NaN spread over the band; measured, it was no
faster for any kernel that `fft` does not win anyway.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.algorithms import gemm
from convstudio.core.algorithms.row_input import Place, block_of, reads_directly
from convstudio.core.algorithms.row_plan import Plan, Step, plan_of
from convstudio.core.job import ConvJob, Tile, Work, add_bias
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

# Columns below which a product for each row is not worth its call; `gemm` takes all rows in one.
NARROW = 16


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    plan = plan_of(job)
    return plan.tiles, _work(job, plan, biased=True)


def work(job: ConvJob) -> Work:
    """How to compute any tile of the job, without its bias."""
    return _work(job, plan_of(job), biased=False)


def _work(job: ConvJob, plan: Plan, *, biased: bool) -> Work:
    groups, outputs, inputs, kd, kh, kw = job.weight.shape
    # Columns run over row, slice, input channel and horizontal tap.
    by_row = np.ascontiguousarray(job.weight.transpose(0, 1, 4, 3, 2, 5))
    weights = by_row.reshape(groups, 1, 1, 1, outputs, kh * kd * inputs * kw)
    bias = None
    if biased and job.bias is not None:
        bias = job.bias.reshape(groups, 1, 1, 1, outputs, 1)
    source = plan.input_of(job) if reads_directly(job) else None

    def compute(tile: Tile, scratch: Scratch) -> None:
        if tile.extent[2] < NARROW:
            gemm.work(job)(tile, scratch)
            if biased:
                add_bias(job, tile)
            return
        if source is not None:
            multiply(plan.direct_steps(job, tile), source, scratch)
        else:
            block = block_of(job, tile, scratch)
            multiply(plan.steps(job, tile, block), block, scratch)

    def multiply(steps: list[Step], place: Place, scratch: Scratch) -> None:
        for step in steps:
            layout, (shape, strides) = step.layout, step.results
            copies = scratch.kept(layout, layout.buffers)
            layout.copy(place, step.read, copies)
            results: Array = np.ndarray(shape, job.dtype, job.out, step.write, strides)
            np.matmul(weights[step.groups], copies.windows, out=results)
            if bias is not None:
                np.add(results, bias[step.groups], out=results)

    return compute
