"""Proof of a layer's result, of whatever kind: a random crop of it, computed again apart from the core."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from convstudio.engine.proof import PROOF_CELLS, Proof, prove_crop
from convstudio.engine.proof_cells import (
    Array,
    Cells,
    Expected,
    Floats,
    activation,
    global_pool,
    luminance,
    normalize,
)
from convstudio.engine.proof_convolutions import conv_job, involution, transposed
from convstudio.engine.proof_windows import padding, pooling, unpooling, upsampling
from convstudio.layers import (
    Activation,
    Conv,
    ConvTranspose,
    GlobalPool,
    Involution,
    Layer,
    Luminance,
    MaxUnpool,
    Normalize,
    Pad,
    Upsample,
)
from convstudio.layers.base import Mate
from convstudio.layers.common import shape_of
from convstudio.layers.pooling import Pooling

_MOST_CHANNELS = 8
_MOST_VALUES = 2_000_000  # that are gathered for a proof, which keeps it within some tens of milliseconds

_ORACLES: tuple[tuple[type[Layer], Callable[..., Expected]], ...] = (
    (Pooling, pooling),
    (Activation, activation),
    (Luminance, luminance),
    (Pad, padding),
    (GlobalPool, global_pool),
    (Normalize, normalize),
    (Upsample, upsampling),
    (Involution, involution),
    (ConvTranspose, transposed),
)
_PROVABLE: tuple[type[Layer], ...] = (MaxUnpool, *(kind for kind, _ in _ORACLES))


def prove(
    layer: Layer,
    x: Array,
    output: Array,
    mate: Mate | None = None,
    *,
    rng: np.random.Generator | None = None,
    cells: int = PROOF_CELLS,
) -> Proof | None:
    """Compare a random block of a layer's result with an independent computation in float64.

    Poolings, activations and convolutions are SciPy's, the rest is index arithmetic by the definition.

    Args:
        layer: what was computed.
        x: its input ``(C, H, W)``, float32 or float64.
        output: its result, in the same type.
        mate: the layer that it undoes, with its input.
        rng: where the block is; every second one touches a border.
        cells: how many cells per channel at most; fewer where windows are large.

    Returns:
        What the comparison found; None for a kind of layer that there is no proof of.

    Raises:
        ValueError: ``output`` has not the shape or type of this layer's result.
        GeometryError: the layer does not fit ``x``.
    """
    start = time.perf_counter()
    rng = np.random.default_rng() if rng is None else rng
    if isinstance(layer, Conv):
        return prove_crop(conv_job(layer, x), output, rng=rng, cells=cells)
    if not isinstance(layer, _PROVABLE):
        return None
    shape = layer.out_shape(shape_of(x), mate)
    if output.shape != shape:
        raise ValueError(f"output must have shape {shape} for this layer and input, got {output.shape}")
    if output.dtype != x.dtype or output.dtype.kind != "f":
        raise ValueError(f"output must be of the input's type {x.dtype}, got {output.dtype}")
    some = _cells(output, _values_read(layer, x, mate), cells, rng)
    with np.errstate(all="ignore"):  # NaN and infinity are data
        expected = _expected(layer, x, some, mate)
        errors = _errors(some.shown, expected, output.dtype)
        tolerance = _tolerance(expected, output.dtype)
    worst = float(errors.max())
    block = (int(some.rows[0]), int(some.columns[0]), len(some.rows), len(some.columns))
    return Proof(
        max_error=worst,
        tolerance=tolerance,
        ok=worst <= tolerance,
        cells=some.shown.size,
        crop=block,
        channels=some.channels,
        seconds=time.perf_counter() - start,
    )


def _expected(layer: Layer, x: Array, cells: Cells, mate: Mate | None) -> Expected:
    if isinstance(layer, MaxUnpool):
        assert mate is not None  # else the shape rule has refused it
        return unpooling(x, cells, mate)
    oracle = next(each for kind, each in _ORACLES if isinstance(layer, kind))
    return oracle(layer, x, cells)


def _values_read(layer: Layer, x: Array, mate: Mate | None) -> int:
    """How many values are gathered for one output cell."""
    if isinstance(layer, Pooling):  # sums of long windows take longer
        return math.prod(layer.window) * (1 + sum(layer.window) // 32)
    if isinstance(layer, ConvTranspose):
        return math.prod(layer.bank.shape) * layer.inputs_read(len(x))
    if isinstance(layer, Involution):
        made = layer.groups * layer.taps + math.prod(layer.stride) * len(x)
        return layer.taps + made
    if isinstance(layer, MaxUnpool) and mate is not None and isinstance(mate.layer, Pooling):
        return math.prod(mate.layer.window)
    softmax = isinstance(layer, Activation) and layer.function == "softmax"
    return len(x) if softmax or isinstance(layer, Luminance) else 1


def _cells(output: Array, each: int, most: int, rng: np.random.Generator) -> Cells:
    """Choose a block of the output, of up to eight channels, that is not too much to read."""
    channels, height, width = output.shape
    count = min(channels, _MOST_CHANNELS)
    picked = tuple(sorted(rng.choice(channels, count, replace=False).tolist()))
    room = min(most, max(1, _MOST_VALUES // (each * count)))
    columns = min(width, room // min(height, math.isqrt(room)))
    rows = min(height, room // columns)
    top, left = (_start(n, size, rng) for n, size in ((height, rows), (width, columns)))
    shown = output[list(picked), top : top + rows, left : left + columns].astype(np.float64)
    return Cells(picked, np.arange(top, top + rows), np.arange(left, left + columns), shown)


def _start(n: int, size: int, rng: np.random.Generator) -> int:
    """One block in four at the low border, one at the high one, two anywhere."""
    choice = int(rng.integers(4))
    return (0, n - size)[choice] if choice < 2 else int(rng.integers(n - size + 1))


def _errors(shown: Floats, expected: Expected, dtype: np.dtype[Any]) -> Floats:
    """Differences; inf where NaN or infinity is missing or misplaced."""
    errors = _differences(shown, expected.values)
    if expected.either is not None:
        errors = np.minimum(errors, _differences(shown, expected.either))
    passing = expected.magnitudes if expected.passing is None else expected.passing
    may_overflow = (
        (passing > float(np.finfo(dtype).max)) & np.isfinite(passing) & np.isfinite(expected.values)
    )
    errors[may_overflow & ~np.isfinite(shown)] = 0.0
    return errors


def _differences(shown: Floats, expected: Floats) -> Floats:
    errors = np.abs(shown - expected)
    errors[(np.isnan(shown) & np.isnan(expected)) | (shown == expected)] = 0.0
    errors[np.isnan(errors)] = np.inf
    return errors


def _tolerance(expected: Expected, dtype: np.dtype[Any]) -> float:
    """(8 + K/4) roundings of the largest sum of K terms, as ``engine.proof`` has it; 0 of exact results."""
    if expected.terms == 0:
        return 0.0
    kind = np.finfo(dtype)
    # An infinite term may have a finite result, as that of ELU has.
    sizes = np.where(np.isfinite(expected.magnitudes), expected.magnitudes, np.abs(expected.values))
    steps = 8 + expected.terms / 4
    largest = float(sizes[np.isfinite(sizes)].max(initial=0.0))
    return steps * (float(kind.eps) * largest + float(kind.smallest_subnormal)) + expected.spare
