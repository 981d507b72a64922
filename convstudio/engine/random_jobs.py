"""The core against SciPy on random jobs: what ``convstudio prove`` runs.

Every job is a signal, a picture or a volume with random sizes, kernel, stride, dilation, groups, padding word
or amounts, padding mode and precision; the algorithms take turns. The whole output is compared unless it is
large, then a crop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import ALGORITHMS, Cancelled, Control, conv
from convstudio.engine.proof import Pair, Proof, ProofJob, prove_crop

Array = NDArray[Any]

_LONGEST = {1: 3000, 2: 120, 3: 18}
_WIDEST = {1: 63, 2: 15, 3: 5}
_LARGE = {1: 200_000, 2: 700, 3: 60}  # one job in eight: enough for many bands
_WORDS = ("valid", "same", "same_lower", "full")
_MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
_COMPARED = 20_000  # output cells per channel


@dataclass(frozen=True, eq=False)
class RandomJob:
    """One job: ``padding`` as the core is given it, ``geometry.amounts`` worked out apart from the core."""

    number: int
    algorithm: str
    padding: str | tuple[Pair, ...]
    geometry: ProofJob

    def compute(self) -> Array:
        """Return the core's answer, ``(C_out, *out)``."""
        job = self.geometry
        result: Array = conv(
            job.x[np.newaxis],
            job.weight,
            job.bias,
            stride=job.stride,
            padding=self.padding,
            dilation=job.dilation,
            groups=job.groups,
            padding_mode=job.padding_mode,
            padding_value=job.padding_value,
            flip=job.flip,
            algorithm=self.algorithm,
        )
        return np.asarray(result[0])

    def __str__(self) -> str:
        """Return the job in one line: sizes as channels × rows × columns."""
        job = self.geometry
        parts = [
            f"job {self.number}: {_by(job.x.shape)} {job.x.dtype}",
            f"weights {_by(job.weight.shape)}",
            f"stride {_by(job.stride)}",
            f"dilation {_by(job.dilation)}",
            f"groups {job.groups}",
            f"padding {self.padding} {job.padding_mode}",
            "convolution" if job.flip else "correlation",
            f"algorithm {self.algorithm}",
        ]
        return ", ".join(parts)


@dataclass(frozen=True)
class JobProof:
    """One job's outcome; ``share`` is its largest error as a share of what rounding may make."""

    job: str
    algorithm: str
    dtype: str
    proof: Proof

    @property
    def share(self) -> float:
        """Error over tolerance: above 1 is a failure."""
        if self.proof.max_error == 0.0:
            return 0.0
        return self.proof.max_error / self.proof.tolerance if self.proof.tolerance else math.inf


@dataclass(frozen=True)
class AlgorithmSummary:
    """What one algorithm did in one precision, over its jobs."""

    algorithm: str
    dtype: str
    jobs: int
    cells: int
    max_error: float
    max_share: float
    failures: int


@dataclass(frozen=True)
class ProofRun:
    """All outcomes of a run, in the order of the jobs."""

    seed: int
    results: tuple[JobProof, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every job agreed with SciPy."""
        return not self.failures

    @property
    def cells(self) -> int:
        """How many output cells were compared."""
        return sum(result.proof.cells for result in self.results)

    @property
    def worst(self) -> JobProof:
        """The job with the largest error."""
        return max(self.results, key=lambda result: result.proof.max_error)

    @property
    def failures(self) -> tuple[JobProof, ...]:
        """The jobs that differ from SciPy by more than rounding."""
        return tuple(result for result in self.results if not result.proof.ok)

    @property
    def table(self) -> tuple[AlgorithmSummary, ...]:
        """One row an algorithm and precision, in the order in which they first ran."""
        rows: dict[tuple[str, str], list[JobProof]] = {}
        for result in self.results:
            rows.setdefault((result.algorithm, result.dtype), []).append(result)
        return tuple(
            AlgorithmSummary(
                algorithm,
                dtype,
                len(results),
                sum(result.proof.cells for result in results),
                max(result.proof.max_error for result in results),
                max(result.share for result in results),
                sum(not result.proof.ok for result in results),
            )
            for (algorithm, dtype), results in rows.items()
        )


def prove(
    count: int,
    seed: int = 0,
    *,
    on_job: Callable[[int, int], None] | None = None,
    control: Control | None = None,
) -> ProofRun:
    """Compute ``count`` random jobs by the core and by SciPy and compare them.

    Args:
        count: how many jobs, 1 or more.
        seed: the same seed gives the same jobs.
        on_job: called with (finished, count) after each job.
        control: stops the run between jobs.

    Raises:
        ValueError: ``count`` is less than 1.
        Cancelled: ``control`` was cancelled.
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more, got {count}")
    start = time.perf_counter()
    results = []
    for job in random_jobs(count, seed):
        if control is not None and control.cancelled:
            raise Cancelled("the proof was cancelled")
        rng = np.random.default_rng((seed, job.number))
        proof = prove_crop(job.geometry, job.compute(), rng=rng, cells=_COMPARED)
        results.append(JobProof(str(job), job.algorithm, str(job.geometry.x.dtype), proof))
        if on_job is not None:
            on_job(job.number, count)
    return ProofRun(seed, tuple(results), time.perf_counter() - start)


def random_jobs(count: int, seed: int = 0) -> Iterator[RandomJob]:
    """Yield ``count`` jobs, numbered from 1; the same seed gives the same jobs."""
    algorithms = ("auto", *ALGORITHMS)
    for number in range(1, count + 1):
        rng = np.random.default_rng((seed, number, 1))
        yield _random_job(rng, number, algorithms[number % len(algorithms)])


def _random_job(rng: np.random.Generator, number: int, algorithm: str) -> RandomJob:
    rank = int(rng.choice([1, 2, 2, 2, 3]))
    longest = (_LARGE if rng.integers(8) == 0 else _LONGEST)[rank]
    spatial = _numbers(rng, rank, longest)
    mode = str(rng.choice(_MODES))
    dilation = _numbers(rng, rank, int(rng.choice([1, 1, 4])))
    stride = _numbers(rng, rank, int(rng.choice([1, 1, 4])))
    kernel = tuple(
        int(rng.integers(1, min(_WIDEST[rank], (n - 1) // d + 1) + 1))
        for n, d in zip(spatial, dilation, strict=True)
    )
    padding = _padding(rng, mode, spatial, kernel, dilation)
    groups = int(rng.integers(1, 4))
    inputs, outputs = (int(n) for n in rng.integers(1, 3, 2))
    dtype = np.float32 if rng.random() < 0.7 else np.float64
    geometry = ProofJob(
        x=rng.uniform(-1, 1, (groups * inputs, *spatial)).astype(dtype),
        weight=_weights(rng, (groups * outputs, inputs, *kernel)).astype(dtype),
        amounts=_amounts(padding, spatial, kernel, stride, dilation),
        stride=stride,
        dilation=dilation,
        bias=rng.uniform(-1, 1, groups * outputs).astype(dtype) if rng.random() < 0.5 else None,
        groups=groups,
        padding_mode=mode,
        padding_value=float(rng.uniform(-1, 1)) if mode == "constant" else 0.0,
        flip=bool(rng.integers(2)),
    )
    return RandomJob(number, algorithm, padding, geometry)


def _numbers(rng: np.random.Generator, rank: int, most: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, most + 1, rank))


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return random weights: of full rank, of rank one, constant, or with many zeros."""
    kind = rng.integers(5)
    if kind == 0:
        return np.full(shape, rng.uniform(-1, 1))
    if kind == 1:
        weights = np.ones(shape)
        for axis in range(2, len(shape)):
            factor = [1] * len(shape)
            factor[axis] = shape[axis]
            weights = weights * rng.uniform(-1, 1, (shape[0], shape[1], *factor[2:]))
        return weights
    weights = rng.uniform(-1, 1, shape)
    if kind == 2:
        weights[rng.random(shape) < 0.7] = 0.0
    return weights


def _padding(
    rng: np.random.Generator,
    mode: str,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
) -> str | tuple[Pair, ...]:
    """Return a word, or amounts, that the mode allows: it cannot continue an axis by more than it has."""
    most = [
        {"reflect": n - 1, "symmetric": n, "circular": n}.get(mode, d * (k - 1) + 3)
        for n, k, d in zip(spatial, kernel, dilation, strict=True)
    ]
    word = str(rng.choice(_WORDS))
    reach = max(d * (k - 1) - m for d, k, m in zip(dilation, kernel, most, strict=True))
    if rng.random() < 0.5 and reach <= 0:
        return word
    pairs = [
        tuple(int(p) for p in rng.integers(0, min(m, d * k) + 1, 2))
        for m, d, k in zip(most, dilation, kernel, strict=True)
    ]
    return tuple((before, after) for before, after in pairs)


def _amounts(
    padding: str | tuple[Pair, ...],
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[Pair, ...]:
    """Return the cells that a padding word means, from its definition and apart from the core."""
    if not isinstance(padding, str):
        return padding
    amounts = []
    for n, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        reach = d * (k - 1)
        needed = max(0, (math.ceil(n / s) - 1) * s + reach + 1 - n)
        less, more = needed // 2, needed - needed // 2
        pair = {"valid": (0, 0), "full": (reach, reach), "same": (less, more), "same_lower": (more, less)}
        amounts.append(pair[padding])
    return tuple(amounts)


def _by(numbers: tuple[int, ...]) -> str:
    return "×".join(map(str, numbers))
