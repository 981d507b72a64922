"""The colour scales: lookup tables from a position on a scale to an RGB colour.

Two diverging scales keep what is different apart: activations run blue, white, red and weights teal,
grey, amber. Both stay distinguishable for the common forms of colour blindness. The red-blue anchors
follow the RdBu scheme and the teal-amber ends the BrBG scheme of Harrower & Brewer, "ColorBrewer.org:
An Online Tool for Selecting Colour Schemes for Maps", The Cartographic Journal 40(1), 2003.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["grey", "signed", "weights-dark", "weights-light", "spectrum"]

_Colour = tuple[int, int, int]

_ANCHORS: dict[Scale, tuple[_Colour, ...]] = {
    "grey": ((0, 0, 0), (255, 255, 255)),
    "signed": (
        (5, 48, 97),
        (33, 102, 172),
        (67, 147, 195),
        (146, 197, 222),
        (209, 229, 240),
        (255, 255, 255),
        (253, 219, 199),
        (244, 165, 130),
        (214, 96, 77),
        (178, 24, 43),
        (103, 0, 31),
    ),
    # Zero is the colour of an empty cell on the theme's panel, so weights grow out of the background.
    "weights-dark": (
        (90, 205, 190),
        (53, 151, 143),
        (38, 98, 95),
        (60, 63, 73),
        (117, 88, 38),
        (178, 130, 48),
        (236, 190, 100),
    ),
    "weights-light": (
        (1, 112, 101),
        (66, 166, 155),
        (160, 214, 206),
        (240, 241, 244),
        (243, 218, 165),
        (218, 165, 76),
        (158, 98, 14),
    ),
    # Dark to light through violet, green and yellow, for magnitudes such as a frequency response.
    "spectrum": (
        (22, 8, 58),
        (69, 42, 122),
        (52, 94, 141),
        (33, 144, 140),
        (83, 190, 104),
        (182, 216, 46),
        (252, 232, 60),
    ),
}


@cache
def lookup_table(scale: Scale, steps: int = 256) -> NDArray[np.float32]:
    """Return a read-only ``(steps, 3)`` float32 table of RGB colours in 0–1, anchors evenly spaced.

    With an odd number of steps the middle entry of a diverging scale is exactly its neutral colour.
    """
    anchors = np.asarray(_ANCHORS[scale], dtype=np.float64) / 255.0
    position = np.linspace(0.0, len(anchors) - 1.0, steps)
    knots = np.arange(len(anchors))
    channels = [np.interp(position, knots, anchors[:, c]) for c in range(3)]
    table = np.stack(channels, axis=1).astype(np.float32)
    table.setflags(write=False)
    return table
