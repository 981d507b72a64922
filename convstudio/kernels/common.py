"""What several families share: parameters that mean the same everywhere, grids, the Gaussian.

Angles are in degrees, counter-clockwise from the x axis (pointing right) as seen on the screen: 90 is up.
Since rows count downwards, up is the negative row direction.
"""

from __future__ import annotations

import math

import numpy as np

from convstudio.kernels.kernel import LARGEST_SIDE, Values
from convstudio.spec.params import Choice, ChoiceParam, Declared, FloatParam, IntParam

LARGEST_RADIUS = LARGEST_SIDE // 2

# Clockwise on the screen from north, with the step in columns and rows that leads there.
COMPASS: dict[str, tuple[int, int]] = {
    "N": (0, -1),
    "NE": (1, -1),
    "E": (1, 0),
    "SE": (1, 1),
    "S": (0, 1),
    "SW": (-1, 1),
    "W": (-1, 0),
    "NW": (-1, -1),
}

_NAMES = {
    "N": "↑ north",
    "NE": "↗ north-east",
    "E": "→ east",
    "SE": "↘ south-east",
    "S": "↓ south",
    "SW": "↙ south-west",
    "W": "← west",
    "NW": "↖ north-west",
}


def size_param(default: int, text: str, *, smallest: int = 1, odd: bool = False) -> Declared:
    """Return the parameter ``size``: rows and columns of a square kernel, in pixels."""
    step = 2 if odd else 1
    param = IntParam(label="Size", help=text, minimum=smallest, maximum=LARGEST_SIDE, step=step, unit="px")
    return Declared("size", param, default)


def sigma_param(default: float, text: str, *, smallest: float, largest: float) -> Declared:
    """Return the parameter ``sigma``: the standard deviation of a Gaussian, in pixels."""
    param = FloatParam(label="Sigma σ", help=text, minimum=smallest, maximum=largest, step=0.1, unit="px")
    return Declared("sigma", param, default)


def angle_param(default: float, text: str) -> Declared:
    """Return the parameter ``angle``, −180 to 180 degrees, in the convention of this module."""
    convention = "Counter-clockwise from the x axis, as seen on the screen: 0° points right, 90° up."
    param = FloatParam(
        label="Angle",
        help=f"{text} {convention}",
        minimum=-180.0,
        maximum=180.0,
        step=5.0,
        decimals=1,
        unit="°",
    )
    return Declared("angle", param, default)


def direction_param(default: str, text: str, meaning: str, words: tuple[str, ...] = ()) -> Declared:
    """Return the parameter ``direction``: one of the compass words, north is up on the screen."""
    choices = tuple(
        Choice(word, _NAMES[word], meaning.format(_NAMES[word].split(" ")[1])) for word in words or COMPASS
    )
    return Declared("direction", ChoiceParam(label="Direction", help=text, choices=choices), default)


def unit_vector(angle: float) -> tuple[float, float]:
    """Return the step in columns and rows of one pixel into the direction of an angle in degrees."""
    return math.cos(math.radians(angle)), -math.sin(math.radians(angle))


def offsets(size: int) -> Values:
    """Return the distances of ``size`` cells from their middle, in pixels; halves where ``size`` is even."""
    return np.arange(size, dtype=np.float64) - (size - 1) / 2


def along_across(size: int, angle: float) -> tuple[Values, Values]:
    """Return each cell's coordinate along an angle and across it (counter-clockwise), ``(size, size)``."""
    x, y = unit_vector(angle)
    columns, rows = offsets(size)[None, :], offsets(size)[:, None]
    return columns * x + rows * y, columns * y - rows * x


def gaussian_weights(size: int, sigma: float) -> Values:
    """Return ``size`` samples of a centred Gaussian that sum to 1."""
    bell = np.exp(-0.5 * (offsets(size) / sigma) ** 2)
    weights: Values = bell / bell.sum()
    return weights


def gaussian(size: int, sigma: float) -> Values:
    """Return ``(size, size)`` samples of a centred Gaussian that sum to 1."""
    weights = gaussian_weights(size, sigma)
    return np.outer(weights, weights)


def size_for(sigma: float, reach: float = 3.0) -> int:
    """Return the odd size that holds ``reach`` standard deviations on either side, at most 63."""
    return 2 * min(LARGEST_RADIUS, math.ceil(reach * sigma - 1e-9)) + 1


def impulse(size: int) -> Values:
    """Return an odd grid that is 1 in the middle and 0 elsewhere."""
    grid = np.zeros((size, size))
    grid[size // 2, size // 2] = 1.0
    return grid


def ring(word: str, north: tuple[float, ...], middle: float) -> Values:
    """Return a 3×3 kernel turned in steps of 45° from north to a compass word.

    ``north`` are the eight outer weights of the northern kernel, clockwise from the top-left corner.
    """
    turn = list(COMPASS).index(word)
    outer = [north[(i - turn) % 8] for i in range(8)]
    nw, n, ne, e, se, s, sw, w = outer
    return np.array([[nw, n, ne], [w, middle, e], [sw, s, se]], dtype=np.float64)


def whole(*rows: tuple[float, ...], scale: float = 1.0) -> Values:
    """Return a kernel written out by rows, every weight divided by ``scale``."""
    return np.array(rows, dtype=np.float64) / scale
