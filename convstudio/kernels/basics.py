"""Basics: kernels that hand each pixel on as it is."""

from __future__ import annotations

import numpy as np

from convstudio.kernels.common import COMPASS, LARGEST_RADIUS, direction_param, impulse
from convstudio.kernels.kernel import Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Declared, IntParam

FAMILY = "Basics"
_OPPENHEIM = "Oppenheim and Schafer, Discrete-Time Signal Processing, Prentice Hall 1989, chapter 2"


def _shift(direction: str, distance: int) -> Values:
    # Cross-correlation fetches: for the picture to move to the right, each cell takes its left neighbour.
    column, row = COMPASS[direction]
    side = 2 * distance + 1
    grid = np.zeros((side if row else 1, side if column else 1))
    grid[distance - row * distance if row else 0, distance - column * distance if column else 0] = 1.0
    return grid


BASICS = (
    Preset(
        id="identity",
        title="Identity",
        family=FAMILY,
        summary="Copies the picture: the only weight is a 1 in the middle. A good place to start painting.",
        source=f"{_OPPENHEIM} (unit sample)",
        build=lambda: impulse(3),
        gain=1.0,
        symmetry="symmetric",
        keywords="copy delta impulse unit none blank",
    ),
    Preset(
        id="shift",
        title="Shift",
        family=FAMILY,
        summary="Moves the picture without changing it: each cell takes the pixel that lies on the other "
        "side. Switch to convolution and it moves the opposite way.",
        source=f"{_OPPENHEIM} (ideal delay)",
        build=_shift,
        gain=1.0,
        symmetry="none",
        params=(
            direction_param("E", "Where the picture moves to.", "The picture moves {}."),
            Declared(
                "distance",
                IntParam(
                    label="Distance",
                    help="How many pixels the picture moves; on a diagonal, along each axis.",
                    minimum=1,
                    maximum=LARGEST_RADIUS,
                    unit="px",
                ),
                1,
            ),
        ),
        keywords="move translate delay offset",
    ),
)
