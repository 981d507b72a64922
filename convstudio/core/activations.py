"""Activations: functions of one cell at a time, and their derivatives.

Each `name(x, …)` has a `name_backward(grad, x, …)`, the upstream gradient times the derivative at `x`. Names,
defaults, limits and what happens at a kink are those of `torch.nn.functional`. `softmax`, which looks at a
whole axis, has a module of its own.

All take `x` of any shape (also a single number) and memory layout; float32 and float64 are computed as they
are, other real types as float32. They return a new C-contiguous array of the shape of `x`, or `out`, which
must have that shape and dtype, be C-contiguous and lie apart from the inputs. `control` stops the work from
another thread and hears of its progress. NaN in gives NaN out, and an exponential that overflows ends in its
limit. ValueError for an argument outside its range, GeometryError if `grad` does not have the shape of `x`,
Cancelled when `control` asked for it.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import real_number
from convstudio.core.control import Control
from convstudio.core.elementwise import apply, blend, keep
from convstudio.core.normal import tail_and_density
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

GELU_APPROXIMATIONS = ("none", "tanh")
# tanh approximation of the GELU: u = √(2/π)·(x + 0.044715·x³).
_GELU_SCALE, _GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715
# Where the derivative of that has become 0 or 1 in double precision, and x³ is far from overflowing.
_GELU_FLAT = 30.0


def relu(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """max(x, 0): Nair and Hinton, Rectified linear units, ICML 2010."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        np.clip(x, 0, np.inf, out=y)  # np.maximum with a number is not vectorised

    return apply(compute, x, control=control, out=out)


def relu_backward(grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """`grad` where x > 0, else 0."""

    def compute(grad: Array, x: Array, y: Array, _: Scratch) -> None:
        keep(~(x <= 0), grad, y)

    return apply(compute, x, grad=grad, control=control, out=out)


def leaky_relu(
    x: Any, negative_slope: float = 0.01, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """x where x > 0, else negative_slope · x: Maas, Hannun and Ng, ICML 2013."""
    slope = _finite("negative_slope", negative_slope)

    def compute(x: Array, y: Array, scratch: Scratch) -> None:
        np.multiply(x, slope, out=y)
        if 0 < slope <= 1:
            np.maximum(x, y, out=y)
        else:
            blend(x > 0, x, y, y, scratch)

    return apply(compute, x, control=control, out=out)


def leaky_relu_backward(
    grad: Any,
    x: Any,
    negative_slope: float = 0.01,
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """`grad` where x > 0, else negative_slope · grad."""
    slope = _finite("negative_slope", negative_slope)

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        np.multiply(grad, slope, out=y)
        blend(x > 0, grad, y, y, scratch)

    return apply(compute, x, grad=grad, control=control, out=out)


def elu(x: Any, alpha: float = 1.0, *, control: Control | None = None, out: Array | None = None) -> Array:
    """x where x > 0, else alpha · (eˣ − 1): Clevert, Unterthiner and Hochreiter, ICLR 2016."""
    alpha = _finite("alpha", alpha)

    def compute(x: Array, y: Array, scratch: Scratch) -> None:
        _expm1_of_negative(x, y)
        np.multiply(y, alpha, out=y)
        blend(x > 0, x, y, y, scratch)

    return apply(compute, x, control=control, out=out)


def elu_backward(
    grad: Any, x: Any, alpha: float = 1.0, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """`grad` where x > 0, else alpha · eˣ · grad."""
    alpha = _finite("alpha", alpha)

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        np.clip(x, -np.inf, 0, out=y)
        np.exp(y, out=y)
        np.multiply(y, alpha, out=y)
        np.multiply(y, grad, out=y)
        blend(x > 0, grad, y, y, scratch)

    return apply(compute, x, grad=grad, control=control, out=out)


def gelu(
    x: Any, approximate: str = "none", *, control: Control | None = None, out: Array | None = None
) -> Array:
    """x · Φ(x), Φ the normal distribution: Hendrycks and Gimpel, Gaussian error linear units, 2016.

    approximate: "none", or "tanh" for x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), the paper's estimate.

    The values of the lower tail are right to a few units in their last place, not merely near 0.
    """

    def exact(x: Array, y: Array, scratch: Scratch) -> None:
        tail, _ = tail_and_density(x, scratch)
        np.subtract(1, tail, out=y)
        blend(x > 0, y, tail, y, scratch)
        np.multiply(y, x, out=y)

    def estimate(x: Array, y: Array, _: Scratch) -> None:
        np.multiply(x, x, out=y)
        np.multiply(y, -2 * _GELU_SCALE * _GELU_CUBIC, out=y)
        np.add(y, -2 * _GELU_SCALE, out=y)
        np.multiply(y, x, out=y)  # −2u
        np.exp(y, out=y)
        np.add(y, 1, out=y)
        np.divide(x, y, out=y)  # x · σ(2u), which is the same

    return apply(exact if _exact(approximate) else estimate, x, control=control, out=out)


def gelu_backward(
    grad: Any,
    x: Any,
    approximate: str = "none",
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """grad · (Φ(x) + x·φ(x)), φ the density; the same of the estimate with "tanh"."""

    def exact(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        tail, density = tail_and_density(x, scratch)
        np.subtract(1, tail, out=y)
        blend(x > 0, y, tail, y, scratch)
        np.multiply(density, x, out=density)
        np.add(y, density, out=y)
        np.multiply(y, grad, out=y)

    def estimate(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        near = np.clip(x, -_GELU_FLAT, _GELU_FLAT, out=scratch.take("near", x.shape, x.dtype))
        square_ = np.multiply(near, near, out=scratch.take("square", x.shape, x.dtype))
        np.multiply(square_, 2 * _GELU_SCALE * _GELU_CUBIC, out=y)
        np.add(y, 2 * _GELU_SCALE, out=y)
        np.multiply(y, near, out=y)  # 2u
        slope = scratch.take("slope", x.shape, x.dtype)
        _sigmoid_slope(y, slope, scratch)
        np.multiply(slope, near, out=slope)
        np.multiply(square_, 6 * _GELU_SCALE * _GELU_CUBIC, out=square_)
        np.add(square_, 2 * _GELU_SCALE, out=square_)  # d(2u)/dx
        np.multiply(slope, square_, out=slope)
        _sigmoid(y, y)
        np.add(y, slope, out=y)
        np.multiply(y, grad, out=y)

    return apply(exact if _exact(approximate) else estimate, x, grad=grad, control=control, out=out)


def sigmoid(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """1 / (1 + e⁻ˣ)."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        _sigmoid(x, y)

    return apply(compute, x, control=control, out=out)


def sigmoid_backward(grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """grad · σ(x)·σ(−x)."""

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        _sigmoid_slope(x, y, scratch)
        np.multiply(y, grad, out=y)

    return apply(compute, x, grad=grad, control=control, out=out)


def tanh(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """The hyperbolic tangent."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        np.tanh(x, out=y)

    return apply(compute, x, control=control, out=out)


def tanh_backward(grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """grad / cosh²(x), which is 4 · σ(2x)·σ(−2x) and loses no digits where tanh is near 1."""

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        twice = np.multiply(x, 2, out=scratch.take("twice", x.shape, x.dtype))
        _sigmoid_slope(twice, y, scratch)
        np.multiply(y, 4, out=y)
        np.multiply(y, grad, out=y)

    return apply(compute, x, grad=grad, control=control, out=out)


def softplus(
    x: Any,
    beta: float = 1.0,
    threshold: float = 20.0,
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """ln(1 + e^(beta·x)) / beta; x itself where beta · x exceeds the threshold. `beta` must not be 0."""
    beta, threshold = _nonzero("beta", beta), real_number("threshold", threshold)

    def compute(x: Array, y: Array, scratch: Scratch) -> None:
        scaled = np.multiply(x, beta, out=scratch.take("scaled", x.shape, x.dtype))
        small = np.abs(scaled, out=scratch.take("small", x.shape, x.dtype))
        np.negative(small, out=small)
        np.exp(small, out=small)
        _log1p(small, y, scratch)
        np.clip(scaled, 0, np.inf, out=small)
        np.add(y, small, out=y)
        np.multiply(y, 1 / beta, out=y)
        blend(scaled > threshold, x, y, y, scratch)

    return apply(compute, x, control=control, out=out)


def softplus_backward(
    grad: Any,
    x: Any,
    beta: float = 1.0,
    threshold: float = 20.0,
    *,
    control: Control | None = None,
    out: Array | None = None,
) -> Array:
    """grad · σ(beta·x); `grad` where beta · x exceeds the threshold."""
    beta, threshold = _nonzero("beta", beta), real_number("threshold", threshold)

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        scaled = np.multiply(x, beta, out=scratch.take("scaled", x.shape, x.dtype))
        _sigmoid(scaled, y)
        np.multiply(y, grad, out=y)
        blend(scaled > threshold, grad, y, y, scratch)

    return apply(compute, x, grad=grad, control=control, out=out)


def hardswish(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """x · min(max(x + 3, 0), 6) / 6: Howard et al., Searching for MobileNetV3, 2019."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        np.add(x, 3, out=y)
        np.clip(y, 0, 6, out=y)
        np.divide(y, 6, out=y)
        np.multiply(y, x, out=y)

    return apply(compute, x, control=control, out=out)


def hardswish_backward(
    grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None
) -> Array:
    """0 where x ≤ −3, grad · (x/3 + 1/2) where −3 < x < 3, `grad` above."""

    def compute(grad: Array, x: Array, y: Array, scratch: Scratch) -> None:
        np.divide(x, 3, out=y)
        np.add(y, 0.5, out=y)
        np.multiply(y, grad, out=y)
        blend(x >= 3, grad, y, y, scratch)
        keep(~(x <= -3), y, y)

    return apply(compute, x, grad=grad, control=control, out=out)


def abs(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:  # noqa: A001  PyTorch's name
    """|x|."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        np.absolute(x, out=y)

    return apply(compute, x, control=control, out=out)


def abs_backward(grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """grad · sign(x), 0 at 0."""

    def compute(grad: Array, x: Array, y: Array, _: Scratch) -> None:
        np.sign(x, out=y)
        np.multiply(y, grad, out=y)

    return apply(compute, x, grad=grad, control=control, out=out)


def square(x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """x²."""

    def compute(x: Array, y: Array, _: Scratch) -> None:
        np.multiply(x, x, out=y)

    return apply(compute, x, control=control, out=out)


def square_backward(grad: Any, x: Any, *, control: Control | None = None, out: Array | None = None) -> Array:
    """grad · 2x."""

    def compute(grad: Array, x: Array, y: Array, _: Scratch) -> None:
        np.multiply(x, 2, out=y)
        np.multiply(y, grad, out=y)

    return apply(compute, x, grad=grad, control=control, out=out)


def _sigmoid(x: Array, y: Array) -> None:
    """σ(x); e⁻ˣ may become infinite, and its reciprocal then is 0."""
    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    np.divide(1, y, out=y)


def _sigmoid_slope(x: Array, y: Array, scratch: Scratch) -> None:
    """σ(x)·σ(−x) = 1 / (r + 1/r)² with r = e^(x/2), whose extremes, 0 and infinity, both give 0."""
    np.multiply(x, 0.5, out=y)
    np.exp(y, out=y)
    inverse = np.divide(1, y, out=scratch.take("inverse", x.shape, x.dtype))
    np.add(y, inverse, out=y)
    np.multiply(y, y, out=y)
    np.divide(1, y, out=y)


def _log1p(e: Array, y: Array, scratch: Scratch) -> None:
    """ln(1 + e) for e ≥ 0, into `y`: four times as quick as `np.log1p`, which is not vectorised.

    ln(u) of the rounded sum u, and to first order what the rounding left out.
    """
    rounded = np.add(e, 1, out=scratch.take("rounded", e.shape, e.dtype))
    left_out = np.subtract(rounded, 1, out=scratch.take("left out", e.shape, e.dtype))
    np.subtract(e, left_out, out=left_out)
    np.divide(left_out, rounded, out=left_out)
    np.log(rounded, out=y)
    np.add(y, left_out, out=y)


def _expm1_of_negative(x: Array, y: Array) -> None:
    """e^min(x, 0) − 1 into `y`.

    In float32 as 2t / (1 − t) with t = tanh(x/2): as precise as `np.expm1` in a third of its time, as NumPy's
    tanh is vectorised there.
    """
    np.clip(x, -np.inf, 0, out=y)
    if y.dtype.itemsize == 8:
        np.expm1(y, out=y)
        return
    np.multiply(y, 0.5, out=y)
    half = np.tanh(y, out=y)
    np.divide(half, 1 - half, out=y)
    np.multiply(y, 2, out=y)


def _finite(name: str, value: object) -> float:
    number = real_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def _nonzero(name: str, value: object) -> float:
    number = _finite(name, value)
    if number == 0:
        raise ValueError(f"{name} must not be 0")
    return number


def _exact(approximate: str) -> bool:
    if not isinstance(approximate, str) or approximate not in GELU_APPROXIMATIONS:
        names = ", ".join(repr(known) for known in GELU_APPROXIMATIONS)
        raise ValueError(f"approximate must be one of {names}, got {approximate!r}")
    return approximate == "none"
