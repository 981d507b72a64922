"""Second derivatives: they answer to bends of the brightness, to spots and lines, not to slopes."""

from __future__ import annotations

import numpy as np

from convstudio.kernels.common import gaussian, offsets, sigma_param, size_param, whole
from convstudio.kernels.kernel import Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Declared, FloatParam

FAMILY = "Second derivatives"
_JAEHNE = "Jähne, Digital Image Processing, 6th edition, Springer 2005, chapter on edges"
_ROSENFELD = "Rosenfeld and Kak, Digital Picture Processing, Academic Press 1976"
_MARR = "Marr and Hildreth, Theory of edge detection, Proceedings of the Royal Society of London B 207, 1980"


def _laplacian_of_gaussian(size: int, sigma: float) -> Values:
    """Samples of ``(r² − 2σ²) / (2πσ⁶) · exp(−r² / 2σ²)``; what is left of their sum is taken off evenly."""
    squared = offsets(size)[None, :] ** 2 + offsets(size)[:, None] ** 2
    weights = (squared - 2 * sigma**2) / (2 * np.pi * sigma**6) * np.exp(-squared / (2 * sigma**2))
    balanced: Values = weights - weights.mean()
    return balanced


def _difference_of_gaussians(size: int, sigma: float, ratio: float) -> Values:
    return gaussian(size, sigma) - gaussian(size, ratio * sigma)


SECOND = (
    Preset(
        id="second-difference-x",
        title="Second difference x",
        family=FAMILY,
        summary="How the slope along x changes: 0 on a ramp, negative on a bright upright line, positive on "
        "a dark one.",
        source=_JAEHNE,
        build=lambda: whole((1, -2, 1)),
        gain=0.0,
        symmetry="symmetric",
        keywords="derivative horizontal curvature",
    ),
    Preset(
        id="second-difference-y",
        title="Second difference y",
        family=FAMILY,
        summary="How the slope along y changes: 0 on a ramp, negative on a bright level line, positive on "
        "a dark one.",
        source=_JAEHNE,
        build=lambda: whole((1,), (-2,), (1,)),
        gain=0.0,
        symmetry="symmetric",
        keywords="derivative vertical curvature",
    ),
    Preset(
        id="laplacian-4",
        title="Laplacian, 4 neighbours",
        family=FAMILY,
        summary="The second differences along x and y added: each pixel against its four neighbours. Edges "
        "lie where the answer changes its sign.",
        source=_ROSENFELD,
        build=lambda: whole((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        gain=0.0,
        symmetry="symmetric",
        keywords="edges isotropic zero crossing",
    ),
    Preset(
        id="laplacian-8",
        title="Laplacian, 8 neighbours",
        family=FAMILY,
        summary="Each pixel against all eight neighbours: answers to diagonal bends as well, and more "
        "strongly to noise.",
        source=_ROSENFELD,
        build=lambda: whole((1, 1, 1), (1, -8, 1), (1, 1, 1)),
        gain=0.0,
        symmetry="symmetric",
        keywords="edges isotropic zero crossing",
    ),
    Preset(
        id="laplacian-of-gaussian",
        title="Laplacian of Gaussian",
        family=FAMILY,
        summary="Smooths and takes the Laplacian in one go: edges of a chosen coarseness lie where the "
        "answer changes its sign, bright spots of radius √2 σ answer most negatively.",
        source=_MARR,
        build=_laplacian_of_gaussian,
        gain=0.0,
        symmetry="symmetric",
        params=(
            size_param(
                9,
                "Rows and columns of the window; below about 8σ the rim is cut off.",
                smallest=3,
                odd=True,
            ),
            sigma_param(
                1.4,
                "The coarseness: bright or dark spots of radius √2 σ answer most.",
                smallest=0.5,
                largest=10.0,
            ),
        ),
        keywords="LoG mexican hat marr hildreth blob spot zero crossing edges",
    ),
    Preset(
        id="difference-of-gaussians",
        title="Difference of Gaussians",
        family=FAMILY,
        summary="A narrow blur minus a wider one: what lies between the two scales. Like the Laplacian of "
        "Gaussian with the sign turned, bright spots are positive; cells in the eye work alike.",
        source=_MARR,
        build=_difference_of_gaussians,
        gain=0.0,
        symmetry="symmetric",
        params=(
            size_param(
                15,
                "Rows and columns of the window; below about 6 times the wider σ it is cut off.",
                smallest=3,
                odd=True,
            ),
            sigma_param(1.4, "The standard deviation of the narrow Gaussian.", smallest=0.5, largest=10.0),
            Declared(
                "ratio",
                FloatParam(
                    label="Ratio",
                    help="How many times wider the second Gaussian is; 1.6 comes closest to the Laplacian of "
                    "Gaussian.",
                    minimum=1.1,
                    maximum=5.0,
                    step=0.1,
                    decimals=2,
                ),
                1.6,
            ),
        ),
        keywords="DoG mexican hat blob spot band-pass retina",
    ),
)
