"""Powers and roots of whole blocks, the common exponents without logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import real_number
from convstudio.core.elementwise import keep

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Power:
    """x to the power of p."""

    p: float

    def raised(self, x: Array, out: Array) -> None:
        """x^p, signed as x is where p is odd; NaN for negative x where p is not whole."""
        _raised(x, self.p, out)

    def root(self, x: Array) -> None:
        """x^(1/p) in place; NaN for negative x unless p is 1."""
        if self.p == 2:
            np.sqrt(x, out=x)
        elif self.p != 1:
            np.power(x, x.dtype.type(1 / self.p), out=x)

    def slope(self, x: Array, out: Array) -> None:
        """x^(p−1): the derivative of x^p over p."""
        _raised(x, self.p - 1, out)

    def root_slope(self, x: Array) -> None:
        """x^(1/p−1) in place, 0 where x is 0: the derivative of the root times p."""
        exponent = 1 / self.p - 1
        some = x != 0
        if exponent == -0.5:
            np.sqrt(x, out=x)
            np.divide(1, x, out=x)
        elif exponent == 0:
            x.fill(1)
        else:
            np.power(x, x.dtype.type(exponent), out=x)
        keep(some, x, x)


def _raised(x: Array, exponent: float, out: Array) -> None:
    if exponent == 2:
        np.multiply(x, x, out=out)
    elif exponent == 1:
        np.copyto(out, x)
    elif exponent == 0:
        out.fill(1)
    else:
        np.power(x, out.dtype.type(exponent), out=out)


def checked_power(p: Any) -> Power:
    """The norm's exponent; ValueError unless it is a finite number above 0."""
    number = real_number("p", p)
    if not 0 < number < math.inf:
        raise ValueError(f"p must be a finite number above 0, got {p!r}")
    return Power(number)
