"""Convolution side by side with OpenCV, SciPy and, where it is installed, PyTorch.

    python -m benchmarks.conv [--quick] [--algorithms] [--only TEXT] [--rounds N] [--seconds S]

Every library gets the picture in the layout it likes (OpenCV height × width × channels, the others channels
first), float32, border mirrored about the edge pixel, and writes into a buffer that it keeps where its
interface allows that (OpenCV, ndimage, ours). Results are compared before anything is timed. "×" columns say
how many times faster ours is: above 1 we win.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import fftconvolve, ndimage, opencv, pytorch
from benchmarks.timing import Timing, machine, milliseconds, print_table, race
from convstudio.core import ALGORITHMS, conv
from convstudio.core.planner import plan_conv

Array = NDArray[Any]
Run = Callable[[], Array]


@dataclass
class Row:
    """One job of the table: a picture ``(C, height, width)`` and weights ``(C_out, C/groups, k, k)``."""

    title: str
    shape: tuple[int, int, int]
    kernel: Array
    outputs: int = 0  # 0: depthwise, the same kernel on every channel
    stride: int = 1
    dilation: int = 1
    factors: tuple[Array, Array] | None = None  # column and row whose product the kernel is
    box: bool = False
    quick: bool = False
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @cached_property
    def x(self) -> Array:
        """The picture, 0 to 1."""
        return self.rng.random(self.shape, dtype=np.float32)

    @cached_property
    def weight(self) -> Array:
        """The kernel on every channel, or a bank of random ones of its size."""
        channels, size = self.shape[0], self.kernel.shape
        if self.outputs:
            return self.rng.standard_normal((self.outputs, channels, *size)).astype(np.float32)
        return np.ascontiguousarray(np.broadcast_to(self.kernel, (channels, 1, *size)), np.float32)

    @property
    def depthwise(self) -> bool:
        """Whether each channel is filtered on its own."""
        return self.outputs == 0

    @property
    def padding(self) -> tuple[int, int]:
        """Half the kernel's span, so that cell (0, 0) is centred on pixel (0, 0)."""
        height, width = self.kernel.shape
        return (self.dilation * (height - 1) // 2, self.dilation * (width - 1) // 2)

    @property
    def arguments(self) -> dict[str, Any]:
        """The geometry as the core's keyword arguments."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.shape[0] if self.depthwise else 1,
            "padding_mode": "reflect",
        }

    def ours(self, algorithm: str = "auto") -> Run:
        """Return the core's run into a buffer."""
        x, weight, arguments = self.x[np.newaxis], self.weight, self.arguments
        out = conv(x, weight, algorithm=algorithm, **arguments)

        def run() -> Array:
            conv(x, weight, algorithm=algorithm, out=out, **arguments)
            planes: Array = out[0]
            return planes

        return run

    def plan(self) -> str:
        """Return the algorithm that "auto" takes."""
        return plan_conv((1, *self.shape), self.x.dtype, self.weight, **self.arguments).algorithm


def rows() -> Iterator[Row]:
    """Yield the table's jobs."""
    rng = np.random.default_rng(1)
    full_hd, twelve = (1, 1080, 1920), (1, 3000, 4000)
    for k in (3, 5, 7, 11, 15, 31):
        full = rng.standard_normal((k, k))
        yield Row(f"1080p {k}×{k} full rank", full_hd, full, quick=k in (3, 7, 15))
    for k in (3, 7, 15):
        full = rng.standard_normal((k, k))
        yield Row(f"1080p RGB {k}×{k} full rank", (3, 1080, 1920), full, quick=k == 3)
    for k in (3, 5, 15, 31):
        side = np.exp(-0.5 * (np.arange(k) - k // 2) ** 2 / (k / 6) ** 2)
        side /= side.sum()
        gaussian = np.outer(side, side)
        yield Row(f"1080p {k}×{k} Gaussian", full_hd, gaussian, factors=(side, side), quick=k == 15)
    smooth, step = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    yield Row("1080p 3×3 Sobel", full_hd, np.outer(smooth, step), factors=(smooth, step), quick=True)
    for k in (5, 31):
        yield Row(f"1080p {k}×{k} box", full_hd, np.full((k, k), 1 / k**2), box=True, quick=k == 31)
    yield Row("12 MP 15×15 full rank", twelve, rng.standard_normal((15, 15)))
    yield Row("12 MP RGB 3×3 full rank", (3, 3000, 4000), rng.standard_normal((3, 3)))
    for s in (2, 4):
        yield Row(f"1080p 5×5 stride {s}", full_hd, rng.standard_normal((5, 5)), stride=s, quick=s == 2)
    for d in (2, 8):
        yield Row(f"1080p 5×5 dilation {d}", full_hd, rng.standard_normal((5, 5)), dilation=d, quick=d == 2)
    yield Row("1080p bank 3→8, 3×3", (3, 1080, 1920), np.zeros((3, 3)), outputs=8, quick=True)
    yield Row("1080p bank 3→8, 7×7", (3, 1080, 1920), np.zeros((7, 7)), outputs=8)
    yield Row("56×56 bank 64→64, 3×3", (64, 56, 56), np.zeros((3, 3)), outputs=64)
    for k in (3, 7):
        yield Row(f"28×28 {k}×{k} full rank", (1, 28, 28), rng.standard_normal((k, k)), quick=k == 3)


RIVALS: dict[str, Callable[[Any], Run | None]] = {
    "OpenCV": opencv,
    "ndimage": ndimage,
    "fftconvolve": fftconvolve,
    "PyTorch": pytorch,
}


def agree(row: Row, name: str, run: Run, expected: Array) -> None:
    """Exit unless a rival computes the same: a race between different jobs has no winner."""
    result = run()
    scale = float(np.abs(row.weight).reshape(len(row.weight), -1).sum(axis=1).max())
    error = float(np.abs(result - expected).max()) if result.shape == expected.shape else np.inf
    if not error <= 1e-4 * max(scale, 1.0):
        sys.exit(f"{row.title}: {name} gives another result (largest difference {error:g}).")


def measure(row: Row, rounds: int, seconds: float, names: list[str]) -> dict[str, Timing]:
    """Race ours against the rivals that can do this job."""
    contestants: dict[str, Run] = {"ours": row.ours()}
    expected = contestants["ours"]().copy()
    for name in names:
        run = RIVALS[name](row)
        if run is not None:
            agree(row, name, run, expected)
            contestants[name] = run
    return race(contestants, rounds=rounds, seconds=seconds)


def measure_algorithms(row: Row, rounds: int, seconds: float) -> dict[str, Timing]:
    """Race "auto" against every algorithm forced (the tests hold them to the same result)."""
    contestants = {name: row.ours(name) for name in ("auto", *ALGORITHMS)}
    return race(contestants, rounds=rounds, seconds=seconds, give_up=10.0)


def library_table(chosen: list[Row], rounds: int, seconds: float) -> None:
    """Print ours against the libraries."""
    names = [name for name in RIVALS if name != "PyTorch" or importlib.util.find_spec("torch")]
    table = []
    for row in chosen:
        times = measure(row, rounds, seconds, names)
        cells = [row.title, row.plan(), milliseconds(times["ours"].median)]
        for name in names:
            if name in times:
                cells += [milliseconds(times[name].median), f"{times['ours'].faster_than(times[name]):.2f}"]
            else:
                cells += ["–", "–"]
        table.append(cells)
    titles = ["job", "algorithm", "ours"]
    for name in names:
        titles += [name, "×"]
    print("Median milliseconds; × over 1: ours is faster.")
    print_table(titles, table)


def algorithm_table(chosen: list[Row], rounds: int, seconds: float) -> None:
    """Print the planner's choice against every algorithm forced."""
    table = []
    for row in chosen:
        times = measure_algorithms(row, rounds, seconds)
        best = min(ALGORITHMS, key=lambda name: times[name].median)
        lost = times["auto"].median / times[best].median
        table.append(
            [row.title, row.plan(), milliseconds(times["auto"].median)]
            + [milliseconds(times[name].median) for name in ALGORITHMS]
            + [best, f"{lost:.2f}"]
        )
    print("Median milliseconds; the last column is auto over the best algorithm (1: the planner was right).")
    print_table(["job", "chosen", "auto", *ALGORITHMS, "best", "auto/best"], table)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conv", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer jobs and rounds, under 20 seconds")
    parser.add_argument("--algorithms", action="store_true", help="race the algorithms instead of libraries")
    parser.add_argument("--only", default="", metavar="TEXT", help="jobs whose title contains TEXT")
    parser.add_argument("--rounds", type=int, default=0, help="rounds per job (15, quick: 4)")
    parser.add_argument("--seconds", type=float, default=0, help="time per job (2, quick: 0.4)")
    options = parser.parse_args()
    chosen = [row for row in rows() if (row.quick or not options.quick) and options.only in row.title]
    if not chosen:
        sys.exit(f"No job's title contains {options.only!r}.")
    for line in machine():
        print(line)
    print()
    rounds = options.rounds or (4 if options.quick else 15)
    seconds = options.seconds or (0.4 if options.quick else 2.0)
    (algorithm_table if options.algorithms else library_table)(chosen, rounds, seconds)


if __name__ == "__main__":
    main()
