"""Blur: weights that are nowhere negative and sum to 1, so that flat areas keep their brightness."""

from __future__ import annotations

import math

import numpy as np

from convstudio.kernels.common import (
    LARGEST_RADIUS,
    angle_param,
    gaussian,
    sigma_param,
    size_param,
    unit_vector,
)
from convstudio.kernels.kernel import LARGEST_SIDE, Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Declared, FloatParam

FAMILY = "Blur"


def _mean(size: int) -> Values:
    return np.full((size, size), 1.0 / size**2)


def _binomial(size: int) -> Values:
    weights = np.array([math.comb(size - 1, i) for i in range(size)], dtype=np.float64) / 2.0 ** (size - 1)
    return np.outer(weights, weights)


def _motion_blur(length: float, angle: float) -> Values:
    """Return how much of a straight segment's length lies in each cell, as a share of the whole.

    The segment is cut where it crosses a cell's border; each piece belongs to the cell of its middle.
    """
    dx, dy = unit_vector(angle)
    reach = length / 2
    columns, rows = (math.ceil(reach * abs(step) - 0.5 - 1e-9) for step in (dx, dy))
    cuts = [-reach, reach]
    for step, last in ((dx, columns), (dy, rows)):
        cuts += [(cell + 0.5) / step for cell in range(-last, last)]
    ends = np.sort(cuts)
    middles = (ends[1:] + ends[:-1]) / 2
    lengths = np.diff(ends)
    lengths[lengths < 1e-9] = 0.0  # two borders crossed in one point, the corner of four cells
    grid = np.zeros((2 * rows + 1, 2 * columns + 1))
    at_row = np.rint(middles * dy).astype(np.intp).clip(-rows, rows) + rows
    at_column = np.rint(middles * dx).astype(np.intp).clip(-columns, columns) + columns
    np.add.at(grid, (at_row, at_column), lengths)
    blur: Values = grid / grid.sum()
    return blur


def _disk(radius: float) -> Values:
    """Return how much of each cell a centred disk covers, scaled to sum 1."""
    last = math.ceil(radius - 0.5 - 1e-9)
    borders = (np.arange(-last, last + 2) - 0.5) / radius
    quarter = _quarter_area(np.abs(borders)[:, None], np.abs(borders)[None, :])
    corner = np.sign(borders)[:, None] * np.sign(borders)[None, :] * quarter
    covered = np.diff(np.diff(corner, axis=0), axis=1).clip(0.0)
    covered += covered.T.copy()  # the differences were taken in an order: even to the last bit from here
    disk: Values = covered / covered.sum()
    return disk


def _quarter_area(x: Values, y: Values) -> Values:
    """Return the area of the unit disk about the origin within ``0..x`` by ``0..y``, both at least 0.

    The height under the arc is ``min(y, √(1 − u²))``: a rectangle up to where the arc comes down to ``y``,
    from there on the integral of the arc.
    """

    def height(u: Values) -> Values:
        return np.sqrt((1.0 - u) * (1.0 + u))  # unlike 1 − u², never below 0 by rounding

    def arc(u: Values) -> Values:
        return (u * height(u) + np.arcsin(u)) / 2

    right, top = np.minimum(x, 1.0), np.minimum(y, 1.0)
    flat = np.minimum(height(top), right)
    return flat * top + arc(right) - arc(flat)


BLUR = (
    Preset(
        id="mean",
        title="Mean",
        family=FAMILY,
        summary="Replaces each pixel by the average of its neighbourhood. Quick, but its square window "
        "leaves streaks along rows and columns.",
        source="McDonnell, Box-filtering techniques, Computer Graphics and Image Processing 17, 1981",
        build=_mean,
        gain=1.0,
        symmetry="symmetric",
        params=(
            size_param(
                3, "Rows and columns that are averaged; an even size shifts the picture half a pixel."
            ),
        ),
        keywords="box average blur smooth low-pass moving uniform",
    ),
    Preset(
        id="gaussian",
        title="Gaussian",
        family=FAMILY,
        summary="Averages with weights that fall off as a bell curve, the same in every direction: the "
        "one blur that never creates new detail as it grows.",
        source="Koenderink, The structure of images, Biological Cybernetics 50, 1984",
        build=gaussian,
        gain=1.0,
        symmetry="symmetric",
        params=(
            size_param(
                9,
                "Rows and columns of the window; below about 6σ + 1 the bell is cut off, and an even size "
                "shifts the picture half a pixel.",
            ),
            sigma_param(
                1.5,
                "The bell's standard deviation: details smaller than about 2σ disappear.",
                smallest=0.1,
                largest=31.0,
            ),
        ),
        keywords="blur smooth normal bell low-pass scale space",
    ),
    Preset(
        id="binomial",
        title="Binomial",
        family=FAMILY,
        summary="Averages with a row of Pascal's triangle each way, such as 1 2 1: the Gaussian in whole "
        "numbers, with σ = ½ √(size − 1).",
        source="Haddad and Akansu, A class of fast Gaussian binomial filters for speech and image "
        "processing, IEEE Transactions on Signal Processing 39, 1991",
        build=_binomial,
        gain=1.0,
        symmetry="symmetric",
        params=(
            size_param(5, "Rows and columns: the weights are row size − 1 of Pascal's triangle, both ways."),
        ),
        keywords="pascal blur smooth gaussian low-pass",
    ),
    Preset(
        id="motion-blur",
        title="Motion blur",
        family=FAMILY,
        summary="Smears the picture along a line, as a camera does that moves while the shutter is open.",
        source="Sondhi, Image restoration: the removal of spatially invariant degradations, "
        "Proceedings of the IEEE 60, 1972",
        build=_motion_blur,
        gain=1.0,
        symmetry="point",
        params=(
            Declared(
                "length",
                FloatParam(
                    label="Length",
                    help="How far the camera moved while the shutter was open.",
                    minimum=1.0,
                    maximum=float(LARGEST_SIDE),
                    step=1.0,
                    decimals=1,
                    unit="px",
                ),
                9.0,
            ),
            angle_param(0.0, "The line of the motion."),
        ),
        keywords="smear camera shake linear directional",
    ),
    Preset(
        id="disk",
        title="Disk",
        family=FAMILY,
        summary="Averages over a disk, as a lens does that is out of focus: points of light become round "
        "spots.",
        source="Potmesil and Chakravarty, A lens and aperture camera model for synthetic image generation, "
        "SIGGRAPH 1981",
        build=_disk,
        gain=1.0,
        symmetry="symmetric",
        params=(
            Declared(
                "radius",
                FloatParam(
                    label="Radius",
                    help="The radius of the spot that a point becomes; cells on the rim count by how much of "
                    "them the disk covers.",
                    minimum=0.5,
                    maximum=LARGEST_RADIUS + 0.5,
                    step=0.5,
                    unit="px",
                ),
                3.0,
            ),
        ),
        keywords="defocus bokeh pillbox circle lens out of focus blur",
    ),
)
