"""Where a loss lies on the chart: the ends and ticks of both axes, and few points for many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEAST_STEPS = 20
"""Steps that the chart is wide at least: the first ones shall not jump about."""
_MOST_DECADES = 14.0  # beyond it lies rounding noise, which says nothing
_FEW_DECADES = 4  # up to so many the axis also tells 2 and 5 of each
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NICE = (1, 2, 5)


def axis_end(last: int, planned: int) -> int:
    """Return the step at the right end: a round number that holds ``last``, the planned end at most.

    >>> axis_end(137, 1000), axis_end(137, 150), axis_end(3, 1000), axis_end(2300, 1000)
    (200, 150, 20, 5000)
    """
    end = LEAST_STEPS
    wanted = max(last, LEAST_STEPS)
    for exponent in range(1, 12):
        fitting = [n * 10**exponent for n in _NICE if n * 10**exponent >= wanted]
        if fitting:
            end = fitting[0]
            break
    return min(end, planned) if last <= planned else end


def step_ticks(end: int, room: float) -> list[int]:
    """Return the steps that are written under an axis with room for so many numbers."""
    rough = end / max(1.0, room)
    unit = 10.0 ** math.floor(math.log10(max(rough, 1.0)))
    step = next(int(n * unit) for n in (1, 2, 5, 10) if n * unit >= rough or n == 10)
    return list(range(0, end + 1, max(1, step)))


def step_text(step: int) -> str:
    """Return a step, short: "500", "20k", "1M"."""
    if step >= 1_000_000 and step % 100_000 == 0:
        return f"{step / 1e6:g}M"
    if step >= 10_000 and step % 1000 == 0:
        return f"{step // 1000}k"
    return f"{step:,}"


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic axis between the powers ``low`` and ``high`` of ten."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Numbers) -> LogAxis:
        """Return an axis for the positive finite values; from 0.01 to 1 where there are none.

        Its ends are round numbers (1, 2 or 5 times a power of ten), so that it moves seldom. The first value
        is always on it: of a loss that explodes, as of one that vanishes, the far end is left out.
        """
        fine = values[np.isfinite(values) & (values > 0.0)]
        if not fine.size:
            return cls(-2.0, 0.0)
        first, top, bottom = (math.log10(float(v)) for v in (fine[0], fine.max(), fine.min()))
        bottom = max(bottom, min(first - 2.0, top - _MOST_DECADES), first - _MOST_DECADES)
        top = min(top, bottom + _MOST_DECADES)
        # A curve keeps some air, and one that hardly moves is not drawn as a cliff.
        air = max(0.06 * (top - bottom), 0.05, (0.3 - (top - bottom)) / 2)
        return cls(_round(bottom - air, up=False), _round(top + air, up=True))

    def place(self, values: Numbers) -> Numbers:
        """Return where values lie, 0 at the bottom to 1; what is 0 or too small lies at the bottom."""
        powers = np.log10(np.maximum(values, 10.0**self.low))
        placed: Numbers = (powers - self.low) / (self.high - self.low)
        return placed

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return the values that are written beside the axis, at most about so many, with their texts."""
        first, last = math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)
        every = max(1, math.ceil((last - first + 1) / max(1, most)))
        powers = [p for p in range(first, last + 1) if p % every == 0]
        if every > 1 or len(powers) > _FEW_DECADES or 3 * len(powers) > most:
            return [(10.0**p, value_text(10.0**p)) for p in powers]
        found = []
        for power in range(first - 1, last + 1):
            for n in _NICE:
                value = n * 10.0**power
                if self.low - 1e-9 <= math.log10(value) <= self.high + 1e-9:
                    found.append((value, value_text(value)))
        return found


def _round(power: float, *, up: bool) -> float:
    """Return the power of the next round number above, or below."""
    whole = math.floor(power)
    grid = [whole + math.log10(n) for n in (*_NICE, 10)]
    return next(p for p in grid if p >= power - 1e-9) if up else next(p for p in grid[::-1] if p <= power)


def value_text(value: float) -> str:
    """Return a round number: "0.02", "10", and "10⁻⁶" or "2·10⁻⁶" where that has too many digits."""
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = round(value / 10.0**exponent)
    if -3 <= exponent <= 3:
        return f"{factor * 10.0**exponent:.{max(0, -exponent)}f}"
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return power if factor == 1 else f"{factor}·{power}"


def spans(xs: Numbers, ys: Numbers, width: float = 1.5) -> tuple[Numbers, Numbers, Numbers]:
    """Return a line through points as one upright bar for each pixel column: left edges, tops, heights.

    Qt strokes a jagged line of some thousand points in a tenth of a second, and draws these bars in a
    millisecond; smooth edges come from their broken heights.

    Args:
        xs: rising pixel positions, two at least.
        ys: pixel positions, finite.
        width: of the line in pixels.
    """
    edges = np.arange(np.floor(xs[0]), np.floor(xs[-1]) + 2.0)
    between = np.interp(np.clip(edges, xs[0], xs[-1]), xs, ys)
    low, high = np.minimum(between[:-1], between[1:]), np.maximum(between[:-1], between[1:])
    columns = (np.floor(xs) - edges[0]).astype(np.intp)
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    here = columns[starts]
    low[here] = np.minimum(low[here], np.minimum.reduceat(ys, starts))
    high[here] = np.maximum(high[here], np.maximum.reduceat(ys, starts))
    heights = np.hypot(high - low, width)  # a slope's bars overlap by what makes it as wide as level parts
    return edges[:-1], (low + high - heights) / 2.0, heights
