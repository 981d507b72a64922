"""Sharpen: the picture plus more of what a blur takes away; and the two that show only that."""

from __future__ import annotations

import numpy as np

from convstudio.kernels.common import (
    direction_param,
    gaussian,
    impulse,
    ring,
    sigma_param,
    size_for,
    size_param,
    whole,
)
from convstudio.kernels.kernel import Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Declared, FloatParam

FAMILY = "Sharpen"
_GONZALEZ = "Gonzalez and Woods, Digital Image Processing, 4th edition, Pearson 2018, section 3.6"


def _unsharp_mask(sigma: float, amount: float) -> Values:
    size = size_for(sigma)
    return (1.0 + amount) * impulse(size) - amount * gaussian(size, sigma)


def _high_boost(size: int, amount: float) -> Values:
    return (1.0 + amount) * impulse(size) - amount * np.full((size, size), 1.0 / size**2)


def _high_pass(sigma: float) -> Values:
    size = size_for(sigma)
    return impulse(size) - gaussian(size, sigma)


def _emboss(direction: str) -> Values:
    # Brightness is read as height: a slope that rises away from the light faces it.
    return ring(direction, (-1, -2, -1, 0, 1, 2, 1, 0), 1)


def _amount(default: float, smallest: float, text: str) -> Declared:
    param = FloatParam(label="Amount", help=text, minimum=smallest, maximum=10.0, step=0.1, decimals=2)
    return Declared("amount", param, default)


SHARPEN = (
    Preset(
        id="sharpen",
        title="Sharpen",
        family=FAMILY,
        summary="The picture minus its Laplacian: each pixel moves away from its four neighbours, so edges "
        "get crisper and noise louder.",
        source=_GONZALEZ,
        build=lambda: whole((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        gain=1.0,
        symmetry="symmetric",
        keywords="crisp detail laplacian enhance",
    ),
    Preset(
        id="unsharp-mask",
        title="Unsharp mask",
        family=FAMILY,
        summary="Adds back what a Gaussian blur takes away; the photo lab once did it with an out-of-focus "
        "negative, hence the name.",
        source="Schreiber, Wirephoto quality improvement by unsharp masking, Pattern Recognition 2, 1970",
        build=_unsharp_mask,
        gain=1.0,
        symmetry="symmetric",
        params=(
            sigma_param(
                1.5,
                "The coarseness of the detail that is strengthened; large ones raise local contrast.",
                smallest=0.3,
                largest=10.0,
            ),
            _amount(1.0, 0.0, "How much of the detail is added; 0 changes nothing."),
        ),
        keywords="sharpen USM crisp detail enhance",
    ),
    Preset(
        id="high-boost",
        title="High boost",
        family=FAMILY,
        summary="Adds the difference from the local mean more than once: strong sharpening with the plainest "
        "of blurs.",
        source=_GONZALEZ,
        build=_high_boost,
        gain=1.0,
        symmetry="symmetric",
        params=(
            size_param(3, "Rows and columns of the mean that is taken off.", smallest=3, odd=True),
            _amount(2.0, 1.0, "How many times the difference is added; 1 is plain unsharp masking."),
        ),
        keywords="sharpen crisp detail enhance box",
    ),
    Preset(
        id="emboss",
        title="Emboss",
        family=FAMILY,
        summary="Lights the picture from one side as if brightness were height: slopes that face the light "
        "turn bright, those behind it dark.",
        source="Schlag, Fast embossing effects on raster image data, in Graphics Gems IV, 1994",
        build=_emboss,
        gain=1.0,
        symmetry="none",
        params=(direction_param("NW", "Where the light comes from.", "Light falls in from the {}."),),
        keywords="relief light bump shade",
    ),
    Preset(
        id="high-pass",
        title="High pass",
        family=FAMILY,
        summary="What a Gaussian blur takes away: fine detail around zero, flat areas vanish.",
        source=_GONZALEZ,
        build=_high_pass,
        gain=0.0,
        symmetry="symmetric",
        params=(
            sigma_param(
                2.0,
                "The blur that is taken off: larger leaves coarser detail in.",
                smallest=0.3,
                largest=10.0,
            ),
        ),
        keywords="highpass detail residual",
    ),
)
