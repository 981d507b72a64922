"""`separable`: one pass for each axis, for kernels that are sums of few outer products.

A kernel of rank r costs r · (k_h + k_w) products a cell instead of k_h · k_w. Short passes and those of equal
weights add up shifted runs of numbers (`flat_passes`); long ones and those with a stride are products with
banded matrices (`banded_passes`).

Both multiply by zeros or add up what a direct sum would not, which spreads NaN and can overflow: `conv`
computes such tiles again.
"""

from __future__ import annotations

from convstudio.core.algorithms import banded_passes, flat_passes
from convstudio.core.job import ConvJob, Tile, Work


def prepare(job: ConvJob) -> tuple[list[Tile], Work]:
    """The tiles to compute, and how to compute one."""
    passes = flat_passes.passes_of(job)
    return banded_passes.prepare(job) if passes is None else flat_passes.prepare(job, passes)
