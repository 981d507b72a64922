"""The normal distribution, which the GELU needs and NumPy lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]


class _Mills(NamedTuple):
    """A rational function P(z)/Q(z) near exp(z²/2)·Φ(−z) for 0 ≤ z ≤ `last`; coefficients from z⁰ on.

    Beyond `last` Φ(−z) is 0 in this precision.
    """

    last: float
    numerator: Sequence[float]
    denominator: Sequence[float]


# Our own fits: interpolation in 50-digit arithmetic at as many points as there are coefficients, Chebyshev
# points of u where z = c·(1 + u)/(1 − u). The largest relative errors, 7.4e-9 and 9.0e-17, are an eighth and
# two fifths of a unit in the last place. All coefficients are positive: evaluation cancels nothing.
_SINGLE = _Mills(
    14.5,
    (0.500000002019599571, 0.437593700793966178, 0.182670227563958994, 0.0404296057691846129,
     0.00408235852479150353),
    (1.0, 1.67307228103420949, 1.20025508179484199, 0.467968046066919592, 0.101348491674331833,
     0.0102328349647109524),
)  # fmt: skip
_DOUBLE = _Mills(
    39.0,
    (0.499999999999999985, 0.775857720903000193, 0.595444671969380317, 0.290313293143354106,
     0.0981308959658345121, 0.0237513508882017444, 0.00411598301721242516, 0.000494150670642881566,
     0.0000375791653587098953, 1.39930481186435658e-6),
    (1.0, 2.34960000260885916, 2.56559891008297019, 1.71883986481470198, 0.784801316254237121,
     0.256106513066271508, 0.0607674450510942085, 0.0104114363973317166, 0.0012421595801411335,
     0.0000941969984233546493, 3.50753700625502544e-6),
)  # fmt: skip


def tail_and_density(x: Array, scratch: Scratch) -> tuple[Array, Array]:
    """Φ(−|x|) and exp(−x²/2)/√2π, each in scratch, for a contiguous float32 or float64 chunk.

    The tail is the density times Mills' ratio, a smooth function that a rational one follows over the whole
    range, without branches; its relative error stays at a few rounding errors plus x²/2 of them from the
    exponent (Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23, 1969, writes
    erfc so too). 1 + erf(x/√2) instead would keep no digit of the lower tail.
    """
    mills = _DOUBLE if x.dtype.itemsize == 8 else _SINGLE
    z = np.abs(x, out=scratch.take("z", x.shape, x.dtype))
    np.clip(z, 0, mills.last, out=z)  # a NaN stays
    tail = scratch.take("tail", x.shape, x.dtype)
    below = scratch.take("below", x.shape, x.dtype)
    _polynomial(mills.numerator, z, tail)
    _polynomial(mills.denominator, z, below)
    np.divide(tail, below, out=tail)
    density = np.multiply(z, z, out=z)
    np.multiply(density, -0.5, out=density)
    np.exp(density, out=density)
    np.multiply(tail, density, out=tail)
    np.multiply(density, 1 / math.sqrt(2 * math.pi), out=density)
    return tail, density


def _polynomial(coefficients: Sequence[float], z: Array, out: Array) -> None:
    """Horner's rule."""
    np.multiply(z, coefficients[-1], out=out)
    for coefficient in coefficients[-2:0:-1]:
        np.add(out, coefficient, out=out)
        np.multiply(out, z, out=out)
    np.add(out, coefficients[0], out=out)
