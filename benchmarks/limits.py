"""How fast this machine could be at most: bytes a second through memory, multiply-adds a second.

The limits are measured here and now, by what comes nearest to them from Python: a copy of arrays far larger
than the caches, in as many threads as there are cores, and a large product of single-precision matrices.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.timing import cores

_COPIED = 64 << 20  # bytes, well beyond the caches
_ORDER = 1536


@dataclass(frozen=True)
class Limits:
    """bandwidth: bytes read or written a second. multiply_adds: products summed a second, float32."""

    bandwidth: float
    multiply_adds: float

    def least_seconds(self, multiply_adds: float, traffic: float) -> float:
        """The time below which neither the memory nor the arithmetic of the machine allows the job."""
        return max(traffic / self.bandwidth, multiply_adds / self.multiply_adds)


@cache
def limits() -> Limits:
    """Measure both limits, once."""
    return Limits(_bandwidth(), _multiply_adds())


def _bandwidth() -> float:
    parts = cores()
    source = np.ones(_COPIED // 4, np.float32).reshape(parts, -1)
    target = np.zeros_like(source)
    with ThreadPoolExecutor(parts) as pool:
        seconds = _best(lambda: list(pool.map(np.copyto, target, source)))
    return 2 * _COPIED / seconds


def _multiply_adds() -> float:
    a = np.random.default_rng(0).random((_ORDER, _ORDER), dtype=np.float32)
    out = np.empty_like(a)
    return float(_ORDER**3) / _best(lambda: np.matmul(a, a, out=out))


def _best(run: Callable[[], object], times: int = 9) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)
