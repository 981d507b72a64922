"""Weighted sums of shifted copies of a run of numbers: the innermost work of `taps` and `separable`.

NumPy has no function for it, but `einsum` runs over each copy with a multiply and an add in one pass, which
is half the memory traffic of `multiply` and `add`, and takes overlapping views as they are. The order "F"
makes it keep the run innermost, whatever the strides of the copies.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

try:  # what np.einsum calls after looking at its arguments for longer than a short sum takes
    from numpy._core.multiarray import c_einsum as _einsum
except ImportError:  # it is NumPy's own affair
    _einsum = np.einsum

Array: TypeAlias = npt.NDArray[Any]

_SUBSCRIPTS = ("n->n", "i,in->n", "ij,ijn->n", "ijk,ijkn->n", "ijkl,ijkln->n")


def weighted_sum(weights: Array, copies: Array, out: Array) -> None:
    """out[n] = Σ weights[i, …] · copies[i, …, n], over all of up to four axes of copies.

    out: (n,), contiguous, apart from the copies and of the same dtype. Products are added in a fixed order
    for each n, one after the other, so that the result does not depend on where a run is cut.
    """
    _einsum(_SUBSCRIPTS[weights.ndim], weights, copies, out=out, order="F")


def sum_of_shifts(values: Array, count: int, step: int, out: Array, spares: tuple[Array, Array]) -> None:
    """out[n] = values[n] + values[n + step] + …, `count` terms, by doubling: about 2 · log2(count) additions.

    Sums of two are added to sums of four and so on, which also keeps rounding errors small: they grow with
    the logarithm of `count`, and nothing is ever subtracted, unlike in a running sum.

    values: at least n + (count − 1) · step numbers. spares: two buffers of that size; all apart from `out`.
    """
    length = len(out)
    held, width = values, 1  # held[n] is the sum of the `width` terms from n on
    total: Array | None = None  # of the first `done` terms, if any
    done, rest, turn = 0, count, 0
    while True:
        if rest & 1:
            part = held[done * step : done * step + length]
            if total is not None:
                total = np.add(total, part, out=out)
            elif held is values and rest > 1:
                total = part
            else:
                np.copyto(out, part)
                total = out
            done += width
        rest >>= 1
        if not rest:
            return
        reach = length + (count - 2 * width) * step  # as far as any of the terms goes
        last = rest == 1 and not done
        target = out if last else spares[turn][:reach]
        np.add(held[:reach], held[width * step : width * step + reach], out=target)
        if last:
            return
        held, width, turn = target, 2 * width, 1 - turn
