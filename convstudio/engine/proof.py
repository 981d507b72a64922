"""Proof of a shown result: a random crop of this very job, computed again by SciPy in float64.

Nothing of the core takes part. Padding is index arithmetic on just the cells that the crop reads, the sums
are ``scipy.ndimage.correlate``'s, and the comparison allows rounding alone. SciPy is imported when the first
proof is made, not when the program starts.

Rounding: K equal terms added one after another in precision eps, as on a flat part of a picture, err by up
to K/4·eps·sum|w||x|, half of the bound for any terms (Higham, Accuracy and Stability of Numerical Algorithms,
2002, section 4.2); other data and other orders err less. ``tolerance`` is (8 + K/4)·eps times
sum|w|·max|x| + |bias|, the 8 for what FFT and SVD add, with the largest such sum of any output channel and
the largest finite value of the whole input: an FFT block or a running sum carries rounding from bright places
into dark ones.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Pair = tuple[int, int]

PROOF_CELLS = 4096
"""Output cells compared per channel, at most."""
_MOST_CHANNELS = 8
_MOST_PHASES = 32
_PIECE = {1: 256, 2: 16, 3: 6}  # taps per axis that ndimage is given at once, by rank
_MOST_PRODUCTS = 30_000_000  # keeps a proof within some tens of milliseconds, whatever the kernel and stride


@dataclass(frozen=True, eq=False)
class ProofJob:
    """One convolution as it was computed; 1 to 3 spatial axes.

    Attributes:
        x: what the kernel slid over, ``(C, *spatial)``, float32 or float64.
        weight: the weights as used, ``(C_out, C/groups, *kernel)``.
        bias: ``(C_out,)`` or None.
        amounts: the padding in cells, ``(before, after)`` per axis.
        stride, dilation: cells per axis, 1 or more.
        groups: how many groups the channels form.
        padding_mode: zeros, constant, replicate, reflect, symmetric or circular.
        padding_value: what ``constant`` pads with.
        flip: whether the kernel is rotated by 180° (convolution).
    """

    x: Array
    weight: Array
    amounts: tuple[Pair, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    bias: Array | None = None
    groups: int = 1
    padding_mode: str = "zeros"
    padding_value: float = 0.0
    flip: bool = False

    @property
    def fill(self) -> float:
        """What a padded cell holds in the modes that do not read the input."""
        return float(self.padding_value) if self.padding_mode == "constant" else 0.0

    def out_shape(self) -> tuple[int, ...]:
        """Return ``(C_out, *out)``: floor((n + before + after − d·(k − 1) − 1) / s) + 1 per axis."""
        axes = zip(
            self.x.shape[1:], self.weight.shape[2:], self.amounts, self.stride, self.dilation, strict=True
        )
        lengths = tuple((n + b + a - d * (k - 1) - 1) // s + 1 for n, k, (b, a), s, d in axes)
        return (self.weight.shape[0], *lengths)


@dataclass(frozen=True)
class Proof:
    """What the comparison found.

    Attributes:
        max_error: largest |shown − SciPy| over the compared cells; inf if one side alone is not finite.
        tolerance: the rounding that is allowed, see the module's docstring.
        ok: every cell within the tolerance, NaN and infinity exactly where they belong.
        cells: how many cells were compared, over all channels.
        crop: the block they lie in: its first cell per axis, then its size per axis (top, left, height,
            width for a picture). With a large dilation some of its cells are compared.
        channels: the output channels that were compared.
        seconds: how long the proof took.
    """

    max_error: float
    tolerance: float
    ok: bool
    cells: int
    crop: tuple[int, ...]
    channels: tuple[int, ...]
    seconds: float


def prove_crop(
    job: ProofJob,
    shown: Array,
    *,
    rng: np.random.Generator | None = None,
    cells: int = PROOF_CELLS,
    peak: float | None = None,
) -> Proof:
    """Compare a random block of the result that is shown with SciPy.

    Args:
        job: what was computed.
        shown: the result, ``(C_out, *out)``, float32 or float64; its precision sets the tolerance.
        rng: where the block is; every second one touches a border, where mistakes like to be.
        cells: how many cells per channel at most; fewer for large kernels and strides.
        peak: ``peak_of(job.x)`` if it is known already, which saves reading the whole input.

    Raises:
        ValueError: ``shown`` has not the shape or type that this job gives, or a weight is not finite.
    """
    start = time.perf_counter()
    if shown.shape != job.out_shape() or min(shown.shape) < 1:
        raise ValueError(f"shown must have shape {job.out_shape()} for this job, got {shown.shape}")
    if shown.dtype.kind != "f":
        raise ValueError(f"shown must be float32 or float64, got {shown.dtype}")
    if not np.isfinite(job.weight).all():
        raise ValueError("weight must be finite to be proved")
    rng = np.random.default_rng() if rng is None else rng
    channels = _pick_channels(shown.shape[0], rng)
    blocks = _Blocks(job, cells, len(channels), rng)
    tolerance = _tolerance(job, shown.dtype, peak_of(job.x) if peak is None else peak)
    compared, worst, ok = 0, 0.0, True
    for where, patch in blocks:
        for channel in channels:
            result = shown[channel][where].astype(np.float64)
            error = _largest_error(job, patch, channel, result, shown.dtype)
            compared += result.size
            worst = max(worst, error)
            ok = ok and error <= tolerance
    seconds = time.perf_counter() - start
    return Proof(worst, tolerance, ok, compared, (*blocks.low, *blocks.size), channels, seconds)


def peak_of(x: Array) -> float:
    """Return the largest finite ``|x|``, 0 if there is none, without a copy of the whole array."""
    low, high = float(x.min(initial=0.0)), float(x.max(initial=0.0))
    if math.isfinite(low) and math.isfinite(high):
        return max(-low, high)
    peak = 0.0
    for plane in x.reshape(-1, x.shape[-1]) if x.flags.c_contiguous else x:
        finite = plane[np.isfinite(plane)]
        peak = max(peak, float(np.abs(finite).max(initial=0.0)))
    return peak


def _tolerance(job: ProofJob, dtype: np.dtype[Any], peak: float) -> float:
    magnitudes = np.abs(job.weight.astype(np.float64)).reshape(len(job.weight), -1)
    gain = float(magnitudes.sum(axis=1).max())
    offset = 0.0 if job.bias is None else float(np.abs(job.bias).max())
    fill = abs(job.fill) if math.isfinite(job.fill) else 0.0
    eps = float(np.finfo(dtype).eps)
    return (8 + magnitudes.shape[1] / 4) * eps * (gain * max(peak, fill) + offset)


def _pick_channels(count: int, rng: np.random.Generator) -> tuple[int, ...]:
    if count <= _MOST_CHANNELS:
        return tuple(range(count))
    return tuple(sorted(int(c) for c in rng.choice(count, _MOST_CHANNELS, replace=False)))


class _Blocks:
    """The crop, as pieces that SciPy can correlate with the kernel as it is, without zeros between its taps.

    With dilation d and stride s, output cells that lie d / gcd(s, d) apart read the same lattice of padded
    cells, d apart, at every (s / gcd)-th window. Each such phase is one piece.
    """

    def __init__(self, job: ProofJob, cells: int, channels: int, rng: np.random.Generator) -> None:
        self._job = job
        out = job.out_shape()[1:]
        common = [math.gcd(s, d) for s, d in zip(job.stride, job.dilation, strict=True)]
        self._step = [d // g for d, g in zip(job.dilation, common, strict=True)]
        self._every = [s // g for s, g in zip(job.stride, common, strict=True)]
        self.size, phases = self._affordable(out, cells, channels)
        self.low = tuple(_block_start(n, size, rng) for n, size in zip(out, self.size, strict=True))
        reachable = itertools.product(*(range(min(p, n)) for p, n in zip(self._step, self.size, strict=True)))
        combinations = list(reachable)
        self._phases = [combinations[i] for i in rng.permutation(len(combinations))[:phases]]

    def _affordable(self, out: tuple[int, ...], cells: int, channels: int) -> tuple[tuple[int, ...], int]:
        """Return the block's size and in how many phases to compare it, within the products allowed."""
        kernel = self._job.weight.shape[2:]
        each = math.prod(self._job.weight.shape[1:]) * channels
        phases = min(math.prod(self._step), _MOST_PHASES)
        share = cells / phases
        while True:
            size = _block_size(out, self._step, share)
            dense = math.prod(
                (-(-n // p) - 1) * min(e, k) + min(k, _PIECE[len(out)])
                for n, p, e, k in zip(size, self._step, self._every, kernel, strict=True)
            )
            if phases * dense * each <= _MOST_PRODUCTS or (phases == 1 and share < 1):
                return size, phases
            if phases > 1:
                phases, share = phases // 2, cells / (phases // 2)
            else:
                share *= 0.7

    def __iter__(self) -> Iterator[tuple[tuple[slice, ...], _Patch]]:
        """Yield which output cells a piece is, and what they read."""
        job = self._job
        for phase in self._phases:
            where, reads, steps = [], [], []
            for axis, offset in enumerate(phase):
                first, step, end = self.low[axis] + offset, self._step[axis], self.low[axis] + self.size[axis]
                where.append(slice(first, end, step))
                k, every = job.weight.shape[2 + axis], self._every[axis]
                windows = np.arange(len(range(first, end, step)), dtype=np.int64) * every
                # Windows that do not touch are laid side by side, so that nothing between them is computed.
                apart = min(every, k)
                taps = (
                    (windows[:, None] + np.arange(k)).ravel()
                    if every >= k
                    else np.arange(windows[-1] + k, dtype=np.int64)
                )
                reads.append(first * job.stride[axis] - job.amounts[axis][0] + taps * job.dilation[axis])
                steps.append(apart)
            yield tuple(where), _Patch(job, reads, tuple(steps))


def _block_size(out: tuple[int, ...], step: list[int], cells: float) -> tuple[int, ...]:
    """Return the sides of a block of ``cells`` cells a phase, nearly cubic; short axes leave room."""
    sides = [1] * len(out)
    left = cells
    order = sorted(range(len(out)), key=lambda axis: out[axis] / step[axis])
    for done, axis in enumerate(order):
        side = max(1, int(left ** (1 / (len(out) - done)) + 1e-9))
        sides[axis] = min(out[axis], side * step[axis])
        left = max(1.0, left / -(-sides[axis] // step[axis]))
    return tuple(sides)


def _block_start(n: int, size: int, rng: np.random.Generator) -> int:
    """Return where the block begins: one in four at the low border, one at the high one, two anywhere."""
    choice = int(rng.integers(4))
    return (0, n - size)[choice] if choice < 2 else int(rng.integers(n - size + 1))


class _Patch:
    """The padded cells at given places along each axis, gathered when a channel is asked for.

    Attributes:
        steps: which of the dense correlation's cells along each axis are wanted.
    """

    def __init__(self, job: ProofJob, places: list[Indices], steps: tuple[int, ...]) -> None:
        self._job = job
        self.steps = steps
        spatial = job.x.shape[1:]
        outside = [(at < 0) | (at >= n) for at, n in zip(places, spatial, strict=True)]
        shows = (_source(at, n, job.padding_mode) for at, n in zip(places, spatial, strict=True))
        self._shows = np.ix_(*shows)
        self._filled: NDArray[np.bool_] | None = None
        if job.padding_mode in ("zeros", "constant") and any(part.any() for part in outside):
            self._filled = reduce(np.logical_or.outer, outside)

    def read(self, channel: int) -> Floats:
        """Return the cells of one input channel in float64."""
        values: Floats = self._job.x[channel][self._shows].astype(np.float64)
        if self._filled is not None:
            values[self._filled] = self._job.fill
        return values


def _source(at: Indices, n: int, mode: str) -> Indices:
    """Return which input cell each padded place shows; any cell where the mode fills in a constant."""
    if mode == "circular":
        return at % n
    if mode == "symmetric":  # … 1 0 | 0 1 2 … n−1 | n−1 … with period 2n
        turn = at % (2 * n)
        return np.minimum(turn, 2 * n - 1 - turn)
    if mode == "reflect":  # … 2 1 | 0 1 … n−1 | n−2 … with period 2(n − 1)
        turn = at % max(2 * (n - 1), 1)
        return np.minimum(turn, 2 * (n - 1) - turn)
    return np.clip(at, 0, n - 1)


def _correlate(values: Floats, kernel: Floats, steps: tuple[int, ...]) -> Floats:
    """Return SciPy's correlation where the kernel fits, every ``steps``-th cell.

    ndimage leaves out taps below 2.2e-16, so the kernel is brought to about 1 first, by a power of two. Its
    tables grow with the square of the number of taps, so a large kernel goes in pieces that are summed.
    """
    from scipy import ndimage

    scale = 2.0 ** math.frexp(float(np.abs(kernel).max()))[1]
    spare = tuple(n - k for n, k in zip(values.shape, kernel.shape, strict=True))
    most = _PIECE[kernel.ndim]
    total = np.zeros(tuple(n // step + 1 for n, step in zip(spare, steps, strict=True)))
    for corner in itertools.product(*(range(0, k, most) for k in kernel.shape)):
        piece = kernel[tuple(slice(at, at + most) for at in corner)] / scale
        window = tuple(slice(at, at + n + k) for at, n, k in zip(corner, spare, piece.shape, strict=True))
        dense = ndimage.correlate(values[window], piece, mode="constant")
        fits = tuple(
            slice(k // 2, k // 2 + n + 1, step) for k, n, step in zip(piece.shape, spare, steps, strict=True)
        )
        total += dense[fits]
    return total * scale


def _largest_error(job: ProofJob, patch: _Patch, channel: int, shown: Floats, dtype: np.dtype[Any]) -> float:
    """Return the largest difference of one channel; inf where NaN or infinity is missing or misplaced."""
    weights = job.weight[channel].astype(np.float64)
    if job.flip:
        weights = np.flip(weights, axis=tuple(range(1, weights.ndim)))
    first = channel * job.groups // len(job.weight) * len(weights)
    terms = [(patch.read(first + i), kernel) for i, kernel in enumerate(weights)]
    expected = np.zeros(shown.shape)
    for values, kernel in terms:
        expected += _correlate(np.where(np.isfinite(values), values, 0.0), kernel, patch.steps)
    if job.bias is not None:
        expected += float(job.bias[channel])
    if not all(np.isfinite(values).all() for values, _ in terms):
        bad = _nonfinite(terms, patch.steps)
        expected = np.where(bad == 0, expected, bad)
    with np.errstate(invalid="ignore"):
        error = np.abs(shown - expected)
    error[(np.isnan(shown) & np.isnan(expected)) | (shown == expected)] = 0.0
    error[np.isnan(error)] = np.inf
    if np.isinf(error).any():
        error[_may_overflow(terms, patch.steps, dtype) & ~np.isfinite(shown) & np.isfinite(expected)] = 0.0
    return float(error.max())


def _nonfinite(terms: list[tuple[Floats, Floats]], steps: tuple[int, ...]) -> Floats:
    """Return NaN, inf or −inf where IEEE 754 makes the sum so (0·inf is NaN), and 0 elsewhere."""

    def covers(pixels: NDArray[np.bool_], taps: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return _correlate(pixels.astype(np.float64), taps.astype(np.float64), steps) > 0.5

    nan: Any = False
    up: Any = False
    down: Any = False
    for x, w in terms:
        nan = nan | covers(np.isnan(x), np.ones(w.shape, bool)) | covers(np.isinf(x), w == 0)
        up = up | covers(x == np.inf, w > 0) | covers(x == -np.inf, w < 0)
        down = down | covers(x == np.inf, w < 0) | covers(x == -np.inf, w > 0)
    signed = np.where(up, np.inf, np.where(down, -np.inf, 0.0))
    return np.where(nan | (up & down), np.nan, signed)


def _may_overflow(
    terms: list[tuple[Floats, Floats]], steps: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[np.bool_]:
    """Return where sum|w||x| exceeds the shown type, so that it may overflow though the sum does not."""
    total = sum(_correlate(np.where(np.isfinite(x), np.abs(x), 0.0), np.abs(w), steps) for x, w in terms)
    return np.asarray(total > float(np.finfo(dtype).max))
