"""Edges: first derivatives, which answer to change and give 0 on flat areas.

All answer positively where the picture brightens into their direction: x to the right, y downwards.
"""

from __future__ import annotations

import math

import numpy as np

from convstudio.kernels.common import (
    along_across,
    angle_param,
    direction_param,
    gaussian,
    ring,
    sigma_param,
    size_for,
    whole,
)
from convstudio.kernels.kernel import Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Declared, IntParam

FAMILY = "Edges"
_SOBEL_SOURCE = (
    "Sobel and Feldman, A 3×3 isotropic gradient operator for image processing, Stanford 1968; "
    "in Duda and Hart, Pattern Classification and Scene Analysis, 1973"
)
_PREWITT_SOURCE = (
    "Prewitt, Object enhancement and extraction, in Picture Processing and Psychopictorics, 1970"
)
_SCHARR_SOURCE = "Scharr, Optimale Operatoren in der Digitalen Bildverarbeitung, Heidelberg 2000"
_JAEHNE = "Jähne, Digital Image Processing, 6th edition, Springer 2005, chapter on edges"


def _pascal(order: int) -> Values:
    return np.array([math.comb(order, i) for i in range(order + 1)], dtype=np.float64)


def _sobel_x(size: int) -> Values:
    """Binomial smoothing down the columns; along the rows a central difference of a binomial."""
    difference = np.convolve(_pascal(size - 3), [-1.0, 0.0, 1.0])
    return np.outer(_pascal(size - 1), difference)


def _robinson(direction: str) -> Values:
    return ring(direction, (1, 2, 1, 0, -1, -2, -1, 0), 0)


def _kirsch(direction: str) -> Values:
    return ring(direction, (5, 5, 5, -3, -3, -3, -3, -3), 0)


def _roberts(direction: str) -> Values:
    return whole((-1, 0), (0, 1)) if direction == "SE" else whole((0, 1), (-1, 0))


def _oriented_edge(angle: float, sigma: float) -> Values:
    """The derivative of a Gaussian along an angle, scaled so that a slope of 1 per pixel gives 1."""
    size = size_for(sigma)
    along, _ = along_across(size, angle)
    weights = along * gaussian(size, sigma)
    scaled: Values = weights / (weights * along).sum()
    return scaled


_SOBEL_SIZE = Declared(
    "size",
    IntParam(
        label="Size",
        help="Rows and columns; larger ones smooth more before they differentiate, with larger weights.",
        minimum=3,
        maximum=9,
        step=2,
        unit="px",
    ),
    3,
)
_BRIGHTENS = "Answers positively where the picture brightens towards the {}."

EDGES = (
    Preset(
        id="sobel-x",
        title="Sobel x",
        family=FAMILY,
        summary="Finds upright edges: positive where the picture brightens to the right. It differentiates "
        "along x and smooths along y with 1 2 1.",
        source=_SOBEL_SOURCE,
        build=_sobel_x,
        gain=0.0,
        symmetry="anti-x",
        params=(_SOBEL_SIZE,),
        keywords="gradient horizontal derivative vertical edge upright",
    ),
    Preset(
        id="sobel-y",
        title="Sobel y",
        family=FAMILY,
        summary="Finds level edges: positive where the picture brightens downwards. It differentiates "
        "along y and smooths along x with 1 2 1.",
        source=_SOBEL_SOURCE,
        build=lambda size: _sobel_x(size).T,
        gain=0.0,
        symmetry="anti-y",
        params=(_SOBEL_SIZE,),
        keywords="gradient vertical derivative horizontal edge level",
    ),
    Preset(
        id="prewitt-x",
        title="Prewitt x",
        family=FAMILY,
        summary="Brightness on the right minus brightness on the left, three rows summed alike: Sobel's "
        "plainer relative.",
        source=_PREWITT_SOURCE,
        build=lambda: whole((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
        gain=0.0,
        symmetry="anti-x",
        keywords="gradient horizontal derivative upright",
    ),
    Preset(
        id="prewitt-y",
        title="Prewitt y",
        family=FAMILY,
        summary="Brightness below minus brightness above, three columns summed alike: Sobel's plainer "
        "relative.",
        source=_PREWITT_SOURCE,
        build=lambda: whole((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
        gain=0.0,
        symmetry="anti-y",
        keywords="gradient vertical derivative level",
    ),
    Preset(
        id="scharr-x",
        title="Scharr x",
        family=FAMILY,
        summary="Sobel with the weights 3 10 3, chosen so that the direction of an edge comes out as exactly "
        "as three by three cells allow.",
        source=_SCHARR_SOURCE,
        build=lambda: whole((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)),
        gain=0.0,
        symmetry="anti-x",
        keywords="gradient horizontal derivative upright isotropic",
    ),
    Preset(
        id="scharr-y",
        title="Scharr y",
        family=FAMILY,
        summary="Sobel y with the weights 3 10 3; with Scharr x it gives the direction of an edge as exactly "
        "as three by three cells allow.",
        source=_SCHARR_SOURCE,
        build=lambda: whole((-3, -10, -3), (0, 0, 0), (3, 10, 3)),
        gain=0.0,
        symmetry="anti-y",
        keywords="gradient vertical derivative level isotropic",
    ),
    Preset(
        id="roberts",
        title="Roberts cross",
        family=FAMILY,
        summary="The difference between two diagonal neighbours, one of the first edge detectors: sharp, "
        "cheap and sensitive to noise.",
        source="Roberts, Machine Perception of Three-Dimensional Solids, MIT 1963",
        build=_roberts,
        gain=0.0,
        symmetry="anti-point",
        params=(
            direction_param(
                "SE",
                "The diagonal along which brightening gives a positive answer.",
                _BRIGHTENS,
                ("SE", "NE"),
            ),
        ),
        keywords="diagonal gradient derivative",
    ),
    Preset(
        id="central-difference-x",
        title="Central difference x",
        family=FAMILY,
        summary="Half of right minus left: the slope along x, measured over two pixels and free of shift.",
        source=_JAEHNE,
        build=lambda: whole((-1, 0, 1), scale=2),
        gain=0.0,
        symmetry="anti-x",
        keywords="gradient derivative horizontal slope",
    ),
    Preset(
        id="central-difference-y",
        title="Central difference y",
        family=FAMILY,
        summary="Half of below minus above: the slope along y, measured over two pixels and free of shift.",
        source=_JAEHNE,
        build=lambda: whole((-1,), (0,), (1,), scale=2),
        gain=0.0,
        symmetry="anti-y",
        keywords="gradient derivative vertical slope",
    ),
    Preset(
        id="forward-difference-x",
        title="Forward difference x",
        family=FAMILY,
        summary="The right neighbour minus this pixel: the smallest derivative there is; its answer belongs "
        "between the two.",
        source=_JAEHNE,
        build=lambda: whole((-1, 1)),
        gain=0.0,
        symmetry="anti-x",
        keywords="gradient derivative horizontal slope",
    ),
    Preset(
        id="forward-difference-y",
        title="Forward difference y",
        family=FAMILY,
        summary="The neighbour below minus this pixel: the smallest derivative there is; its answer belongs "
        "between the two.",
        source=_JAEHNE,
        build=lambda: whole((-1,), (1,)),
        gain=0.0,
        symmetry="anti-y",
        keywords="gradient derivative vertical slope",
    ),
    Preset(
        id="kirsch",
        title="Kirsch compass",
        family=FAMILY,
        summary="Three neighbours on one side against the other five. Used in all eight directions, the "
        "largest answer says where an edge faces.",
        source="Kirsch, Computer determination of the constituent structure of biological images, "
        "Computers and Biomedical Research 4, 1971",
        build=_kirsch,
        gain=0.0,
        symmetry="none",
        params=(direction_param("N", "The side whose brightness counts as positive.", _BRIGHTENS),),
        keywords="gradient direction template",
    ),
    Preset(
        id="robinson",
        title="Robinson compass",
        family=FAMILY,
        summary="Sobel turned in steps of 45°: with all eight directions, the largest answer says where an "
        "edge faces.",
        source="Robinson, Edge detection by compass gradient masks, Computer Graphics and Image "
        "Processing 6, 1977",
        build=_robinson,
        gain=0.0,
        symmetry="anti-point",
        params=(direction_param("N", "The side whose brightness counts as positive.", _BRIGHTENS),),
        keywords="gradient direction template sobel",
    ),
    Preset(
        id="oriented-edge",
        title="Oriented edge",
        family=FAMILY,
        summary="The slope of the smoothed picture along any angle: a derivative of a Gaussian, steered as a "
        "mixture of its x and y versions.",
        source="Freeman and Adelson, The design and use of steerable filters, IEEE Transactions on Pattern "
        "Analysis and Machine Intelligence 13, 1991",
        build=_oriented_edge,
        gain=0.0,
        symmetry="anti-point",
        params=(
            angle_param(45.0, "Brightening into this direction gives a positive answer."),
            sigma_param(
                1.5,
                "How much the picture is smoothed first: larger finds coarser edges and ignores more noise.",
                smallest=0.5,
                largest=10.0,
            ),
        ),
        keywords="steerable derivative of gaussian gradient angle canny",
    ),
)
