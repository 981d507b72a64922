"""Which algorithm computes a convolution: the cheapest that is exact for the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convstudio.core.algorithms import fft, gemm, rows, separable, taps
from convstudio.core.job import ConvJob, Tile, Work


@dataclass(frozen=True, slots=True)
class Method:
    """An algorithm. `leaks`: NaN or infinity would spread beyond their windows, so tiles are checked."""

    prepare: Callable[[ConvJob], tuple[list[Tile], Work]]
    work: Callable[[ConvJob], Work]
    leaks: bool


METHODS = {
    "taps": Method(taps.prepare, taps.work, leaks=False),
    "separable": Method(separable.prepare, separable.work, leaks=True),
    "rows": Method(rows.prepare, rows.work, leaks=False),
    "gemm": Method(gemm.prepare, gemm.work, leaks=False),
    "fft": Method(fft.prepare, fft.work, leaks=True),
}
ALGORITHMS = tuple(METHODS)


def checked_algorithm(name: str) -> None:
    """ValueError for a name that is neither "auto" nor in `ALGORITHMS`."""
    if name != "auto" and name not in ALGORITHMS:
        names = ", ".join(repr(known) for known in ("auto", *ALGORITHMS))
        raise ValueError(f"algorithm must be one of {names}, got {name!r}")


def choose(job: ConvJob) -> str:
    """The algorithm "auto" stands for."""
    return "taps" if job.inputs * job.taps * job.outputs < 32 else "gemm"


def worth_threads(job: ConvJob) -> bool:
    """Whether the job is long enough to hand part of it to other threads."""
    return job.out.size * job.inputs * job.taps > 200_000
