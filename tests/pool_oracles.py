"""Pooling by its definition: window by window, in plain loops. Nothing here calls the core."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.oracles import Pairs, amounts_of, per_axis


@dataclass(frozen=True, eq=False)
class PoolJob:
    """Everything one call of a pooling needs; ``arguments`` are as a user gives them."""

    x: np.ndarray
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any
    ceil_mode: bool

    @property
    def rank(self) -> int:
        return self.x.ndim - 2

    @property
    def kernel(self) -> tuple[int, ...]:
        return per_axis(self.kernel_size, self.rank)

    @property
    def steps(self) -> tuple[int, ...]:
        return self.kernel if self.stride is None else per_axis(self.stride, self.rank)

    @property
    def gaps(self) -> tuple[int, ...]:
        return per_axis(self.dilation, self.rank)

    @property
    def pads(self) -> Pairs:
        return amounts_of(self.padding, self.x.shape[2:], self.kernel, self.steps, self.gaps)

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }

    @property
    def lengths(self) -> tuple[int, ...]:
        """Output cells along each axis, counted: windows that fit, and with ceil_mode one more."""
        counts = []
        for n, k, s, d, (before, after) in zip(
            self.x.shape[2:], self.kernel, self.steps, self.gaps, self.pads, strict=True
        ):
            reach = d * (k - 1) + 1
            count = len(range(0, n + before + after - reach + 1, s))
            rest = n + before + after - reach - (count - 1) * s
            if self.ceil_mode and rest > 0 and count * s < n + before:
                count += 1
            counts.append(count)
        return tuple(counts)

    def __repr__(self) -> str:
        return f"PoolJob(x={self.x.shape} {self.x.dtype}, {self.arguments})"


Cells = list[tuple[int, ...]]


def windows(job: PoolJob) -> Iterator[tuple[tuple[int, ...], Cells, int]]:
    """Each output cell, the input's cells in its window, and how many lie on the input or its padding."""
    spatial = job.x.shape[2:]
    for cell in itertools.product(*map(range, job.lengths)):
        real: Cells = []
        padded = 0
        for tap in itertools.product(*map(range, job.kernel)):
            at = tuple(
                c * s - p[0] + t * d
                for c, s, p, t, d in zip(cell, job.steps, job.pads, tap, job.gaps, strict=True)
            )
            ends = [n + p[1] for n, p in zip(spatial, job.pads, strict=True)]
            padded += all(a < end for a, end in zip(at, ends, strict=True))
            if all(0 <= a < n for a, n in zip(at, spatial, strict=True)):
                real.append(at)
        yield cell, real, padded


def pooled(job: PoolJob, of_window: Callable[[np.ndarray, int], float]) -> np.ndarray:
    """Each window's real values and its count of padded cells, made one number; in float64."""
    result = np.zeros((*job.x.shape[:2], *job.lengths))
    x = job.x.astype(np.float64)
    for cell, real, padded in windows(job):
        for n, c in np.ndindex(*job.x.shape[:2]):
            values = np.array([x[(n, c, *at)] for at in real])
            result[(n, c, *cell)] = of_window(values, padded)
    return result


def winner(values: np.ndarray, sign: int) -> int:
    """The place of the greatest (sign 1) or least (−1): the first of equals, the last NaN."""
    best = 0
    for place, value in enumerate(values):
        if math.isnan(value) or sign * value > sign * values[best]:
            best = place
    return best


def extremes(job: PoolJob, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and indices of max_pool (sign 1) or min_pool (−1)."""
    shape = (*job.x.shape[:2], *job.lengths)
    values, indices = np.zeros(shape), np.zeros(shape, np.int64)
    for cell, real, _ in windows(job):
        for n, c in np.ndindex(*shape[:2]):
            seen = np.array([float(job.x[(n, c, *at)]) for at in real])
            best = winner(seen, sign)
            values[(n, c, *cell)] = seen[best]
            indices[(n, c, *cell)] = np.ravel_multi_index(real[best], job.x.shape[2:])
    return values, indices


def routed(grad: np.ndarray, indices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Gradients added where the indices say, one after another."""
    result = np.zeros((*shape[:2], math.prod(shape[2:])))
    for at in np.ndindex(*grad.shape):
        result[(*at[:2], indices[at])] += grad[at]
    return result.reshape(shape)


def numeric_gradient(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, grad: np.ndarray, step: float = 1e-6
) -> np.ndarray:
    """Central differences of sum(grad · function(x)), cell by cell."""
    result = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        there, back = x.copy(), x.copy()
        there[at] += step
        back[at] -= step
        result[at] = ((function(there) - function(back)) * grad).sum() / (2 * step)
    return result


@st.composite
def pool_jobs(
    draw: st.DrawFn,
    *,
    dtypes: tuple[type, ...] = (np.float32, np.float64),
    dilated: bool = True,
    kinds: tuple[str, ...] = ("normal", "few", "equal", "nonfinite", "bottom"),
    longest: tuple[int, int, int] = (30, 10, 6),
) -> PoolJob:
    """Draw a small job in which each window covers a cell of the input."""
    rank = draw(st.sampled_from((1, 2, 3)))
    spatial = draw(st.tuples(*[st.integers(1, longest[rank - 1])] * rank))
    kernel = draw(st.tuples(*[st.integers(1, (9, 5, 3)[rank - 1])] * rank))
    stride = draw(st.none() | st.tuples(*[st.integers(1, 4)] * rank))
    dilation = draw(st.tuples(*[st.integers(1, 3 if dilated else 1)] * rank))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    form = draw(st.sampled_from(("int", "per axis", "pairs", "valid", "same", "same_lower")))
    padding: Any = form
    if form == "int":
        padding = draw(st.integers(0, min(spans) // 2))
    elif form == "per axis":
        padding = tuple(draw(st.integers(0, span // 2)) for span in spans)
    elif form == "pairs":
        padding = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in kernel)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *spatial)
    x = values_of(rng, shape, draw(st.sampled_from(kinds))).astype(draw(st.sampled_from(dtypes)))

    def spelled(values: tuple[int, ...] | None) -> Any:
        plain = values is not None and len(set(values)) == 1 and draw(st.booleans())
        return values[0] if plain and values is not None else values

    job = PoolJob(x, spelled(kernel), spelled(stride), padding, spelled(dilation), draw(st.booleans()))
    if 0 in job.lengths or any(not real for _, real, _ in windows(job)):
        plain = tuple(min(k, n) for k, n in zip(kernel, spatial, strict=True))
        return PoolJob(x, plain, stride, "valid", 1, job.ceil_mode)
    return job


def values_of(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Numbers that are all different, mostly the same, all the same, partly not finite, or all −∞."""
    x = rng.standard_normal(shape)
    if kind == "few":
        return np.round(x)
    if kind == "equal":
        return np.full(shape, 2.5)
    if kind == "bottom":
        return np.full(shape, -np.inf)
    if kind == "nonfinite":
        for value in (np.nan, np.inf, -np.inf):
            x[rng.random(shape) < 0.1] = value
    return x


def laid_indices(layout: str, lay: Callable[[np.ndarray], np.ndarray], indices: np.ndarray) -> np.ndarray:
    """Indices in a memory layout; what lies between those of "every other" would be NaN for other numbers."""
    return np.repeat(indices, 2, -1)[..., ::2] if layout == "every other" else lay(indices)
