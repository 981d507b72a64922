"""Random convolution jobs for hypothesis: shapes, layouts and parameters that belong together.

Numbers come from a seeded NumPy generator rather than from hypothesis itself: a failing example still
shrinks in everything that matters here (ranks, sizes, words), and thousands of cells cost nothing to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.oracles import Pairs, amounts_of, per_axis

WORDS = ("valid", "same", "same_lower", "full")
MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")
KERNEL_KINDS = ("random", "integers", "box", "outer", "sparse", "impulse", "rank two", "zero")


@dataclass(frozen=True, eq=False)
class Job:
    """Everything one call of ``conv`` needs; ``arguments`` are its keyword arguments as a user gives them."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    arguments: dict[str, Any]

    @property
    def rank(self) -> int:
        return self.x.ndim - 2

    @property
    def spatial(self) -> tuple[int, ...]:
        return self.x.shape[2:]

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight.shape[2:]

    @property
    def amounts(self) -> Pairs:
        """The padding in cells per axis, worked out apart from the core."""
        a = self.arguments
        return amounts_of(
            a["padding"],
            self.spatial,
            self.kernel,
            per_axis(a["stride"], self.rank),
            per_axis(a["dilation"], self.rank),
        )

    def __repr__(self) -> str:
        bias = None if self.bias is None else self.bias.shape
        return (
            f"Job(x={self.x.shape} {self.x.dtype}, weight={self.weight.shape}, bias={bias}, {self.arguments})"
        )


def largest_amount(mode: str, n: int) -> int | None:
    """Return how far ``mode`` may reach beyond an axis of ``n`` cells, None for any amount."""
    return {"reflect": n - 1, "symmetric": n, "circular": n}.get(mode)


def kernel_values(rng: np.random.Generator, shape: tuple[int, ...], kind: str, rank: int) -> np.ndarray:
    """Return float64 weights ``(C_out, C_in/groups, *kernel)`` with the structure that ``kind`` names."""
    spatial = shape[2:]
    if kind == "box":
        return np.full(shape, float(rng.choice([1.0, 0.25, -0.5])))
    if kind == "integers":
        return rng.integers(-3, 4, shape).astype(np.float64)
    if kind in ("outer", "rank two"):
        total = np.zeros(shape)
        for _ in range(2 if kind == "rank two" else 1):
            term = np.ones(shape[:2] + (1,) * rank)
            for axis, n in enumerate(spatial):
                factor = np.ones(rank, dtype=int)
                factor[axis] = n
                term = term * rng.standard_normal((1, 1, *factor))
            total = total + term
        return total
    values = rng.standard_normal(shape)
    if kind == "sparse":
        values[rng.random(shape) < 0.7] = 0.0
    if kind == "zero":
        values[:] = 0.0
    if kind == "impulse":
        values[:] = 0.0
        values[..., *(n // 2 for n in spatial)] = 1.0
    return values


def _fits(padding: Pairs, mode: str, spatial: tuple[int, ...], spans: tuple[int, ...]) -> bool:
    for (before, after), n, span in zip(padding, spatial, spans, strict=True):
        limit = largest_amount(mode, n)
        if limit is not None and max(before, after) > limit:
            return False
        if n + before + after < span:
            return False
    return True


@st.composite
def paddings(
    draw: st.DrawFn,
    mode: str,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Any:
    """Draw a padding in any of its spellings that this mode and kernel allow."""
    rank = len(spatial)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    words: list[Any] = [
        w for w in WORDS if _fits(amounts_of(w, spatial, kernel, stride, dilation), mode, spatial, spans)
    ]
    limits = [min(6, 6 if (m := largest_amount(mode, n)) is None else m) for n in spatial]
    pairs = []
    for n, span, limit in zip(spatial, spans, limits, strict=True):
        before = draw(st.integers(0, limit))
        after = draw(st.integers(0, limit))
        if n + before + after < span:
            before = after = limit
        pairs.append((before, after))
    forms = words
    if _fits(tuple(pairs), mode, spatial, spans):
        forms = [*forms, tuple(pairs)]
    for amount in range(min(limits), -1, -1):
        if _fits(((amount, amount),) * rank, mode, spatial, spans):
            forms = [*forms, amount]
            break
    same_sides = tuple(max(pair) for pair in pairs)
    if _fits(tuple((p, p) for p in same_sides), mode, spatial, spans):
        forms = [*forms, same_sides]
    return draw(st.sampled_from(forms))


def _int_or_tuple(draw: st.DrawFn, values: tuple[int, ...]) -> int | tuple[int, ...]:
    if len(set(values)) == 1 and draw(st.booleans()):
        return values[0]
    return values


@st.composite
def jobs(
    draw: st.DrawFn,
    *,
    ranks: tuple[int, ...] = (1, 2, 3),
    dtypes: tuple[type, ...] = (np.float32, np.float64),
    modes: tuple[str, ...] = MODES,
    max_stride: int = 3,
    max_dilation: int = 3,
    max_groups: int = 3,
    max_channels: int = 3,
    batches: tuple[int, ...] = (1, 2, 3),
) -> Job:
    """Draw a small job whose kernel fits and whose padding its mode allows."""
    rank = draw(st.sampled_from(ranks))
    longest, widest = {1: (40, 9), 2: (14, 6), 3: (7, 4)}[rank]
    axes = st.tuples(*[st.integers(1, longest)] * rank)
    spatial = draw(axes)
    mode = draw(st.sampled_from(modes))
    stride = draw(st.tuples(*[st.integers(1, max_stride)] * rank))
    kernel, dilation = [], []
    for n in spatial:
        # A window may need padding to fit: up to twice as long as what it slides over, if the mode allows.
        limit = largest_amount(mode, n)
        room = n + 2 * min(6, 6 if limit is None else limit)
        k = draw(st.integers(1, min(widest, room)))
        most = max_dilation if k == 1 else min(max_dilation, (room - 1) // (k - 1))
        kernel.append(k)
        dilation.append(draw(st.integers(1, max(1, most))))
    groups = draw(st.integers(1, max_groups))
    c_in = groups * draw(st.integers(1, max_channels))
    c_out = groups * draw(st.integers(1, 2))
    padding = draw(paddings(mode, spatial, tuple(kernel), stride, tuple(dilation)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))
    kind = draw(st.sampled_from(KERNEL_KINDS))
    weight = kernel_values(rng, (c_out, c_in // groups, *kernel), kind, rank)
    x = rng.standard_normal((draw(st.sampled_from(batches)), c_in, *spatial)) * draw(
        st.sampled_from([1.0, 255.0, 1e-3])
    )
    bias = rng.standard_normal(c_out).astype(dtype) if draw(st.booleans()) else None
    return Job(
        x.astype(dtype),
        weight.astype(dtype),
        bias,
        {
            "stride": _int_or_tuple(draw, stride),
            "padding": padding,
            "dilation": _int_or_tuple(draw, tuple(dilation)),
            "groups": groups,
            "padding_mode": mode,
            "padding_value": draw(st.sampled_from([0.0, 1.0, -2.5])) if mode == "constant" else 0.0,
            "flip": draw(st.booleans()),
        },
    )
