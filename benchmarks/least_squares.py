"""Time and memory of the normal equations, against the product of an explicit matrix of windows.

    python -m benchmarks.least_squares

Both are measured in turn, the best of some runs each. The explicit matrix is only made where it fits.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convstudio.learn.lagged_sums import lagged_sums
from convstudio.learn.normal_equations import lagged_cost, window_cost, window_sums
from convstudio.learn.windows import Doubles, Planes, Windows

CASES = (
    (1, 512, 512, 3),
    (1, 512, 512, 5),
    (3, 512, 512, 3),
    (3, 512, 512, 5),
    (1, 1080, 1920, 5),
    (1, 1080, 1920, 9),
    (1, 1080, 1920, 15),
    (1, 1080, 1920, 31),
    (3, 3000, 4000, 5),
)
LARGEST = 2 << 30
"""Bytes of an explicit matrix that is still made."""
MOST_PRODUCTS = 4e11
RUNS = 3


def explicit(windows: Windows) -> Doubles:
    """The product of the matrix of all windows, made at once, with its transpose."""
    view = sliding_window_view(windows.x.astype(np.float64), windows.kernel, axis=(1, 2))
    matrix = view.transpose(1, 2, 0, 3, 4).reshape(windows.rows * windows.columns, -1)
    product: Doubles = matrix.T @ matrix
    return product


def measured(work: Callable[[], Doubles], runs: int) -> tuple[float, float]:
    """Seconds of the best run, and MiB at the peak of one more."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return best, peak / 2**20


def main() -> None:
    """Print a line for each case: seconds and MiB of each way, and nanoseconds a cell."""
    rng = np.random.default_rng(0)
    print(f"{'case':>22} {'by lags':>16} {'by windows':>16} {'explicit':>16}   ns a cell (expected)")
    for channels, height, width, size in CASES:
        x = rng.random((channels, height, width), dtype=np.float32)
        rows, columns = height - size + 1, width - size + 1
        none = ((0, 0), (0, 0))
        windows = Windows(x, (size, size), (1, 1), (1, 1), none, "zeros", 0.0, rows, columns)
        planes: Planes = [[c] for c in range(channels)]
        unknowns, cells = channels * size * size, rows * columns
        runs = RUNS if cells < 4_000_000 else 1
        ways = [measured(lambda: lagged_sums(windows, planes), runs)]  # noqa: B023  called at once
        if cells * unknowns**2 <= MOST_PRODUCTS:
            ways.append(measured(lambda: window_sums(windows, planes), runs))  # noqa: B023
            if 8 * cells * unknowns <= LARGEST:
                ways.append(measured(lambda: explicit(windows), runs))  # noqa: B023
        texts = [f"{seconds:7.3f} s {peak:3.0f} MiB" for seconds, peak in ways] + [""] * (3 - len(ways))
        costs = zip(ways, (lagged_cost, window_cost), strict=False)
        each = [f"{way[0] / cells * 1e9:.1f} ({cost(windows, channels):.1f})" for way, cost in costs]
        case = f"{channels}×{height}×{width}, {size}×{size}"
        print(f"{case:>22} {texts[0]:>16} {texts[1]:>16} {texts[2]:>16}   {', '.join(each)}", flush=True)


if __name__ == "__main__":
    main()
