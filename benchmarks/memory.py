"""Peak working memory of a convolution beyond its input and output, for each algorithm and image size.

    python -m benchmarks.memory [--quick] [--limit MIB]

Each measurement is a process of its own. It makes the input and an output buffer, touches every page of both,
resets the kernel's high-water mark of resident memory (Linux: 5 to /proc/self/clear_refs), runs the job once
into the buffer and reads the mark (VmHWM). That counts whatever NumPy, BLAS, FFT and threads really occupied,
their start-up included, since nothing ran before. Where the mark cannot be reset, the largest resident size
ever (ru_maxrss) is compared with its value before, which is the same as long as nothing larger came earlier.
A second run in the same process counts NumPy's own allocations by tracemalloc.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import machine, print_table
from convstudio.core import ALGORITHMS, conv
from convstudio.core.planner import plan_conv

MEBIBYTE = 1 << 20
LIMIT = 64
"""MiB that a job may use beyond input and output, whatever the image's size."""

SIZES = {"2 MP": (1080, 1920), "12 MP": (3000, 4000), "50 MP": (6000, 8333)}
BANK = 8
"""Filters of the bank that a 12 MP picture in colour goes through."""
BANK_ALGORITHMS = ("rows", "gemm", "winograd")
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Use:
    """Bytes that one run took beyond input and output, and the algorithm that ran."""

    algorithm: str
    resident: int
    numpy: int


def kernel_for(algorithm: str) -> NDArray[np.float32]:
    """Return a kernel that the algorithm is for, so that none is measured on a job it would never get."""
    rng = np.random.default_rng(0)
    if algorithm == "separable":
        side = rng.random(15)
        return np.outer(side, side).astype(np.float32)
    size = {"taps": 3, "fft": 31, "auto": 15, "winograd": 5}.get(algorithm, 7)
    return rng.standard_normal((size, size)).astype(np.float32)


def measure_here(algorithm: str, height: int, width: int, channels: int, filters: int) -> Use:
    """Measure in this process, which must have done nothing else.

    filters: 0 for one kernel to each channel, otherwise how many over all of them.
    """
    kernel = kernel_for(algorithm)
    weight = np.ascontiguousarray(np.broadcast_to(kernel, (channels, 1, *kernel.shape)))
    arguments: dict[str, Any] = {"padding": "same", "padding_mode": "reflect", "groups": channels}
    if filters:
        weight = np.random.default_rng(0).standard_normal((filters, channels, 3, 3)).astype(np.float32)
        arguments = {"padding": "same"}
    name = plan_conv((1, channels, height, width), np.dtype(np.float32), weight, **arguments).algorithm
    rng = np.random.default_rng(1)
    x = np.empty((1, channels, height, width), np.float32)
    for plane in x.reshape(-1, height, width):
        for row in plane:  # row by row: random numbers must not leave a high-water mark of their own
            row[:] = rng.random(width, dtype=np.float32)
    out = np.ones((1, len(weight), height, width), np.float32)

    def run() -> None:
        conv(x, weight, algorithm=algorithm, out=out, **arguments)

    resident = _peak_growth(run)
    tracemalloc.start()
    run()
    _, allocated = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Use(name if algorithm == "auto" else algorithm, resident, allocated)


def _peak_growth(run: Callable[[], None]) -> int:
    """Return by how many bytes the resident size rose at its peak while ``run`` ran."""
    resettable = _reset_peak()
    before = _status("VmRSS") if resettable else _largest_ever()
    run()
    return max(0, (_status("VmHWM") if resettable else _largest_ever()) - before)


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{_STATUS} has no {field}")


def _largest_ever() -> int:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def measure(algorithm: str, height: int, width: int, channels: int, filters: int = 0) -> Use:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", algorithm]
    command += [str(height), str(width), str(channels), str(filters)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Use(**json.loads(done.stdout))


def _row(title: str, algorithm: str, use: Use, values: int, limit: int) -> list[str]:
    worst = max(use.resident, use.numpy) / MEBIBYTE
    return [
        title,
        use.algorithm if algorithm != "auto" else f"auto: {use.algorithm}",
        f"{4 * values / MEBIBYTE:.0f}",
        f"{use.resident / MEBIBYTE:.1f}",
        f"{use.numpy / MEBIBYTE:.1f}",
        "over" if worst > limit else "ok",
    ]


def main() -> None:
    """Run from the command line; exit code 1 if a job goes over the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 and 12 MP only")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"MiB allowed (default {LIMIT})")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        algorithm, *numbers = options.child
        print(json.dumps(asdict(measure_here(algorithm, *map(int, numbers)))))
        return
    for line in machine():
        print(line)
    print(f"\nPeak MiB beyond input and output; limit {options.limit} MiB. float32, same size.")
    table = []
    for title, (height, width) in list(SIZES.items())[: 2 if options.quick else None]:
        for algorithm in ("auto", *ALGORITHMS):
            rows, columns = kernel_for(algorithm).shape
            use = measure(algorithm, height, width, 1)
            table.append(_row(f"{title} {rows}×{columns}", algorithm, use, 2 * height * width, options.limit))
    height, width = SIZES["12 MP"]
    for algorithm in ("auto", *BANK_ALGORITHMS):
        use = measure(algorithm, height, width, 3, BANK)
        values = (3 + BANK) * height * width
        table.append(_row(f"12 MP 3→{BANK} 3×3", algorithm, use, values, options.limit))
    titles = ["job", "algorithm", "input + output", "resident", "NumPy's part", "limit"]
    print_table(titles, table)
    over = sum(row[-1] == "over" for row in table)
    if over:
        sys.exit(f"{over} of {len(table)} jobs use more than {options.limit} MiB.")


if __name__ == "__main__":
    main()
