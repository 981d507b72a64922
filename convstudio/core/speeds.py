"""How fast this machine does what convolutions are made of, measured once.

Which algorithm is the cheapest differs from processor to processor: on one a product of matrices takes a
tenth of the time that it takes on another, while copying takes the same. So the planner's costs come from a
few measurements of some milliseconds, made at the first question, on data in the cache and one core.

Measurements differ from run to run, and with them now and then the algorithm and the last bits of a result.
Where a run must be repeated bit for bit, as in training, `steady_plans` takes usual speeds in their place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from convstudio.core.arrays import strided
from convstudio.core.threads import blas_single_threaded, warm_blas
from convstudio.core.weighted_sum import weighted_sum

_TIMES = 4  # runs of each, of which the fastest counts


@dataclass(frozen=True, slots=True)
class Speeds:
    """Nanoseconds of one core, in float32.

    call: a NumPy function on next to no data. tap: add a weighted copy to a sum, a cell. add: add two
    arrays, a cell. copy: copy a value into the columns of a matrix. row_call, row_product: multiply one row
    of weights with a matrix, in any case and for each multiply-add. few_products, many_products: a
    multiply-add in the product of a matrix with 8 rows, and with 64. transform: a cell · (log2(cells) + 3) of
    a Fourier transform one way. spectrum: multiply and add a value of a spectrum.
    """

    call: float
    tap: float
    add: float
    copy: float
    row_call: float
    row_product: float
    few_products: float
    many_products: float
    transform: float
    spectrum: float

    def product(self, rows: int) -> float:
        """A multiply-add in the product of a matrix of so many rows, which share the reading of the other."""
        if rows == 1:
            return self.row_product
        shared = 64 / 7 * (self.few_products - self.many_products)  # a + b / rows through both measurements
        least = self.many_products - shared / 64
        return max(min(least + shared / rows, 2 * self.row_product), self.many_products / 2)


USUAL = Speeds(
    call=900.0,
    tap=0.217,
    add=0.245,
    copy=0.205,
    row_call=850.0,
    row_product=0.089,
    few_products=0.089,
    many_products=0.059,
    transform=0.88,
    spectrum=1.23,
)
"""Of a processor with AVX2 at some 3 GHz."""

_once = Lock()
_found: list[Speeds] = []
_steady = [0]  # how many ask for usual speeds


@contextmanager
def steady_plans() -> Iterator[None]:
    """Plan by `USUAL` speeds meanwhile, so that equal jobs give equal bits in every run of the program.

    It holds for all threads: those that compute for a job must plan as the one that asked for it. What others
    compute meanwhile is as right, and perhaps a little slower.
    """
    with _once:
        _steady[0] += 1
    try:
        yield
    finally:
        with _once:
            _steady[0] -= 1


def plans_steadily() -> bool:
    """Whether usual speeds count; what is kept from plans must be kept for both cases apart."""
    return _steady[0] > 0


def speeds() -> Speeds:
    """What was measured at the first question, which everybody hears, or within `steady_plans` the usual."""
    if plans_steadily():
        return USUAL
    if not _found:
        with _once:
            if not _found:
                _found.append(_measured())
    return _found[0]


def _measured() -> Speeds:
    warm_blas()  # as for every job that is worth planning: products take up to a third less after it
    rng = np.random.default_rng(0)
    with blas_single_threaded(), np.errstate(all="ignore"):
        row_call, row_product = _rows(rng)
        return Speeds(
            call=_call(),
            tap=_tap(rng),
            add=_add(rng),
            copy=_copy(rng),
            row_call=row_call,
            row_product=row_product,
            few_products=_products(rng, 8, 27, 8192),
            many_products=_products(rng, 64, 288, 1024),
            transform=_transform(rng),
            spectrum=_spectrum(rng),
        )


def _best(run: Callable[[], object]) -> float:
    """Nanoseconds of the fastest of a few runs, after one to warm up."""
    run()
    taken = []
    for _ in range(_TIMES):
        start = time.perf_counter_ns()
        run()
        taken.append(time.perf_counter_ns() - start)
    return float(min(taken))


def _call() -> float:
    a, b = np.ones(16, np.float32), np.empty(16, np.float32)

    def run() -> None:
        for _ in range(100):
            np.add(a, a, out=b)

    return _best(run) / 100


def _tap(rng: np.random.Generator) -> float:
    pitch, cells = 1024, 1 << 15
    values = rng.random(cells + 3 * pitch, np.float32)
    copies = strided(values, (3, 3, cells), (pitch * 4, 4, 4))
    weights, out = rng.random((3, 3), np.float32), np.empty(cells, np.float32)
    return _best(lambda: weighted_sum(weights, copies, out)) / (9 * cells)


def _add(rng: np.random.Generator) -> float:
    cells = 1 << 15
    values, out = rng.random(cells + 1, np.float32), np.empty(cells, np.float32)
    return _best(lambda: np.add(values[1:], values[:-1], out=out)) / cells


def _copy(rng: np.random.Generator) -> float:
    rows, taps, width = 16, 5, 512
    values = rng.random((rows, width + taps), np.float32)
    shifted = strided(values, (rows, taps, width), (values.strides[0], 4, 4))
    columns = np.empty((rows, taps, width), np.float32)
    return _best(lambda: np.copyto(columns, shifted)) / columns.size


def _rows(rng: np.random.Generator) -> tuple[float, float]:
    few, many, rows, width = 9, 49, 8, 1024
    taken = []
    for taps in (few, many):
        weights, columns = rng.random((1, taps), np.float32), rng.random((rows, taps, width), np.float32)
        out = np.empty((rows, 1, width), np.float32)
        taken.append(_best(lambda w=weights, c=columns, o=out: np.matmul(w, c, out=o)) / rows)  # type: ignore[misc]
    each = max((taken[1] - taken[0]) / ((many - few) * width), taken[1] / (2 * many * width))
    return max(taken[0] - each * few * width, 0.0), each


def _products(rng: np.random.Generator, rows: int, terms: int, columns: int) -> float:
    a, b = rng.random((rows, terms), np.float32), rng.random((terms, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    return _best(lambda: np.matmul(a, b, out=out)) / (rows * terms * columns)


def _transform(rng: np.random.Generator) -> float:
    side = 96
    values = rng.random((side, side), np.float32)
    cells = side * side
    taken = _best(lambda: np.fft.irfft2(np.fft.rfft2(values), values.shape))
    return taken / (2 * cells * (math.log2(cells) + 3))


def _spectrum(rng: np.random.Generator) -> float:
    values = rng.random(1 << 14, np.float32).view(np.complex64)
    total = values * values

    def run() -> None:
        product = values * values
        np.add(total, product, out=total)

    return _best(run) / len(values)
