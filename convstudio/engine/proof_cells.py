"""What output cells should hold, of layers that look at single pixels or at whole channels.

For the proof alone: float64, SciPy where it has the function, else the definition as it is written. Nothing
of the core's arithmetic takes part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.engine.proof import peak_of
from convstudio.layers import Activation, GlobalPool, Luminance, Normalize

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_CHUNK = 1 << 20  # values that are made float64 at a time
_LUMA = {"rec709": (0.2126, 0.7152, 0.0722), "rec601": (0.299, 0.587, 0.114)}  # BT.709-6 3.2, BT.601-7 2.5.1


@dataclass(frozen=True, eq=False)
class Cells:
    """Output cells that are to be proved: all of some rows and columns of some channels.

    Attributes:
        channels, rows, columns: which.
        shown: float64 ``(channels, rows, columns)``, what the layer made of them.
    """

    channels: tuple[int, ...]
    rows: Indices
    columns: Indices
    shown: Floats

    def at(self, planes: Array) -> Floats:
        """Return these cells of an array ``(C, H, W)`` of the output's shape."""
        return gathered(planes, self.channels, self.rows, self.columns)


@dataclass(frozen=True, eq=False)
class Expected:
    """What the cells should hold, and how much rounding may make of it.

    Attributes:
        values: float64, in the shape of ``Cells.shown``.
        magnitudes: what the terms of each sum come to without their signs; rounding is relative to the
            largest of them.
        terms: how many are added up; 0 where the result is exact.
        passing: the largest number on the way, where it is another one: it may overflow.
        spare: what is lost in numbers too small for the type.
        either: other values that would be right too, where rounding decides between two cases.
    """

    values: Floats
    magnitudes: Floats
    terms: int
    passing: Floats | None = None
    spare: float = 0.0
    either: Floats | None = None

    @classmethod
    def exactly(cls, values: Floats) -> Expected:
        """Return values that are taken over as they are."""
        return cls(values, np.zeros_like(values), 0)


def gathered(x: Array, channels: Sequence[int], rows: Indices, columns: Indices) -> Floats:
    """Return float64 ``(channels, rows, columns)``: the values of channels where rows and columns cross."""
    found: Floats = x[np.array(channels)[:, None, None], rows[:, None], columns].astype(np.float64)
    return found


# --- single pixels ---


def activation(layer: Activation, x: Array, cells: Cells) -> Expected:
    """A function of each value; softmax of all channels of a pixel."""
    if layer.function == "softmax":
        return _softmax(x, cells)
    given = cells.at(x)
    values = _FUNCTIONS[layer.function](layer, given)
    either = None
    if layer.function == "softplus":  # rounding decides which of the two cases holds at the threshold
        near = np.abs(layer.beta * given - layer.threshold) <= 1e-5 * layer.threshold
        other = np.where(values == given, _smooth_relu(layer, given), given)
        either = np.where(near, other, values)
    return Expected(values, np.maximum(np.abs(values), np.abs(given)), 8, either=either)


def _softmax(x: Array, cells: Cells) -> Expected:
    from scipy import special

    given = gathered(x, range(len(x)), cells.rows, cells.columns)
    shares: Floats = special.softmax(given, axis=0)
    values = shares[list(cells.channels)]
    size = np.abs(given).max(axis=0) + np.abs(given[list(cells.channels)])  # rounding of the exponents
    return Expected(values, values * (1.0 + size), len(x))


def _smooth_relu(layer: Activation, x: Floats) -> Floats:
    smooth: Floats = np.logaddexp(0.0, layer.beta * x) / layer.beta
    return smooth


def _softplus(layer: Activation, x: Floats) -> Floats:
    return np.where(layer.beta * x > layer.threshold, x, _smooth_relu(layer, x))


def _elu(layer: Activation, x: Floats) -> Floats:
    from scipy import special

    return np.where(x > 0.0, x, layer.alpha * special.expm1(np.minimum(x, 0.0)))


def _gelu(_layer: Activation, x: Floats) -> Floats:
    from scipy import special

    values: Floats = x * special.ndtr(x)  # NaN for −inf: −inf · 0, as it is written
    return values


def _gelu_tanh(_layer: Activation, x: Floats) -> Floats:
    values: Floats = 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return values


def _sigmoid(_layer: Activation, x: Floats) -> Floats:
    from scipy import special

    values: Floats = special.expit(x)
    return values


_FUNCTIONS: dict[str, Callable[[Activation, Floats], Floats]] = {
    "relu": lambda _, x: np.where(x < 0.0, 0.0, x),
    "leaky_relu": lambda layer, x: np.where(x > 0.0, x, layer.slope * x),
    "elu": _elu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "sigmoid": _sigmoid,
    "tanh": lambda _, x: np.tanh(x),
    "softplus": _softplus,
    "hardswish": lambda _, x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "abs": lambda _, x: np.abs(x),
    "square": lambda _, x: x * x,
}


def luminance(layer: Luminance, x: Array, cells: Cells) -> Expected:
    """The weighted sum of the channels of a pixel."""
    if len(x) == 1:
        return Expected.exactly(cells.at(x))
    shares = np.array(_LUMA.get(layer.standard, (1.0 / len(x),) * len(x)))
    given = gathered(x, range(len(x)), cells.rows, cells.columns)
    values = np.einsum("c,crk->rk", shares, given)[np.newaxis]
    return Expected(values, np.einsum("c,crk->rk", shares, np.abs(given))[np.newaxis], len(x))


# --- whole channels ---


def global_pool(layer: GlobalPool, x: Array, cells: Cells) -> Expected:
    """The mean or the greatest value of each channel."""
    planes = [x[channel] for channel in cells.channels]
    shape = cells.shown.shape
    if layer.reduction == "maximum":
        return Expected.exactly(np.array([plane.max() for plane in planes], np.float64).reshape(shape))
    values = np.array([plane.mean(dtype=np.float64) for plane in planes]).reshape(shape)
    sizes = np.array([peak_of(plane[np.newaxis]) for plane in planes]).reshape(shape)
    return Expected(values, sizes, _tree(planes[0].size), passing=sizes * planes[0].size)


def normalize(layer: Normalize, x: Array, cells: Cells) -> Expected:
    """The values on the scale of their channel's, or of all channels' statistics."""
    given = cells.at(x)
    values, magnitudes = np.empty_like(given), np.empty_like(given)
    scale = None
    for place, channel in enumerate(cells.channels):
        if scale is None or layer.over == "channel":
            scale = _scale(layer, x if layer.over == "all" else x[channel])
        offset, divisor, peak = scale
        with np.errstate(all="ignore"):
            values[place] = (given[place] - offset) / divisor if divisor != 0.0 else 0.0
            magnitudes[place] = np.abs(values[place]) + (peak / divisor if divisor > 0.0 else 0.0)
    return Expected(values, magnitudes, _tree(x.size))


def _scale(layer: Normalize, values: Array) -> tuple[float, float, float]:
    """Return what is subtracted, what is divided by, and the largest magnitude."""
    low, high = float(values.min()), float(values.max())
    peak = max(-low, high)
    if layer.method == "range":
        return low, high - low, peak
    if low == high:
        return low, math.sqrt(layer.epsilon), peak
    with np.errstate(all="ignore"):
        mean = sum(float(part.sum()) for part in _parts(values)) / values.size
        squares = sum(float(np.square(part - mean).sum()) for part in _parts(values))
    return mean, float(np.sqrt(squares / values.size + layer.epsilon)), peak


def _parts(values: Array) -> Iterator[Floats]:
    flat = values.reshape(-1)
    for first in range(0, flat.size, _CHUNK):
        yield flat[first : first + _CHUNK].astype(np.float64)


def _tree(count: int) -> int:
    """Terms that err as much as so many do when they are summed by halves, in runs of 128."""
    return 4 * (16 + math.ceil(math.log2(count)))
