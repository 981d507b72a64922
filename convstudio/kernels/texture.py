"""Texture: kernels that answer to stripes and lines of one orientation."""

from __future__ import annotations

import math

import numpy as np

from convstudio.kernels.common import along_across, angle_param, sigma_param, size_for, whole
from convstudio.kernels.kernel import Values
from convstudio.kernels.preset import Preset
from convstudio.spec.params import Choice, ChoiceParam, Declared, FloatParam

FAMILY = "Texture and lines"


def _gabor(wavelength: float, angle: float, phase: float, sigma: float, aspect: float) -> Values:
    """A wave under a bell, its mean taken off in the bell's shape, scaled to positive weights of sum 1."""
    along, across = along_across(size_for(max(sigma, sigma / aspect)), angle)
    bell = np.exp(-(along**2 + (aspect * across) ** 2) / (2 * sigma**2))
    wave = np.cos(2 * np.pi * along / wavelength + math.radians(phase))
    weights = bell * (wave - (bell * wave).sum() / bell.sum())
    scaled: Values = weights / weights.clip(0.0).sum()
    return scaled


_LINES = {
    "horizontal": ((-1, -1, -1), (2, 2, 2), (-1, -1, -1)),
    "rising": ((-1, -1, 2), (-1, 2, -1), (2, -1, -1)),
    "vertical": ((-1, 2, -1), (-1, 2, -1), (-1, 2, -1)),
    "falling": ((2, -1, -1), (-1, 2, -1), (-1, -1, 2)),
}

TEXTURE = (
    Preset(
        id="gabor",
        title="Gabor",
        family=FAMILY,
        summary="A wave under a bell curve: answers to stripes of one width and direction, as cells of the "
        "visual cortex do. Its mean is taken off, so flat areas give 0.",
        source="Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation, "
        "Journal of the Optical Society of America A 2, 1985; after Gabor, Theory of communication, 1946",
        build=_gabor,
        gain=0.0,
        symmetry="none",
        params=(
            Declared(
                "wavelength",
                FloatParam(
                    label="Wavelength",
                    help="The distance from one bright stripe to the next that answers most.",
                    minimum=2.5,
                    maximum=40.0,
                    step=0.5,
                    decimals=2,
                    unit="px",
                ),
                6.0,
            ),
            angle_param(0.0, "The direction across the stripes, in which the wave runs."),
            Declared(
                "phase",
                FloatParam(
                    label="Phase",
                    help="What the centre sits on: 0° a bright stripe, 180° a dark one, −90° an edge that "
                    "brightens along the angle, 90° one that darkens.",
                    minimum=-180.0,
                    maximum=180.0,
                    step=5.0,
                    decimals=1,
                    unit="°",
                ),
                0.0,
            ),
            sigma_param(
                3.0,
                "The bell's standard deviation along the wave: wider sees more stripes and is choosier "
                "about their width.",
                smallest=1.0,
                largest=10.0,
            ),
            Declared(
                "aspect",
                FloatParam(
                    label="Aspect",
                    help="The bell's width along the wave over its length along the stripes: below 1 is long "
                    "and choosier about direction.",
                    minimum=0.3,
                    maximum=2.0,
                    step=0.1,
                    decimals=2,
                ),
                0.7,
            ),
        ),
        keywords="wavelet stripes orientation frequency cortex wave",
    ),
    Preset(
        id="line",
        title="Line detector",
        family=FAMILY,
        summary="Finds thin bright lines of one direction: the three pixels on the line count twice against "
        "the six beside it.",
        source="Gonzalez and Woods, Digital Image Processing, 4th edition, Pearson 2018, section 10.2",
        build=lambda direction: whole(*_LINES[direction]),
        gain=0.0,
        symmetry="point",
        params=(
            Declared(
                "direction",
                ChoiceParam(
                    label="Direction",
                    help="The direction of the lines that answer most, as seen on the screen.",
                    choices=(
                        Choice("horizontal", "— horizontal", "Lines from left to right, at 0°."),
                        Choice("rising", "/ rising", "Lines that rise to the right, at 45°."),
                        Choice("vertical", "| vertical", "Upright lines, at 90°."),
                        Choice("falling", "\\ falling", "Lines that fall to the right, at 135°."),
                    ),
                ),
                "horizontal",
            ),
        ),
        keywords="lines stripe ridge wire scratch",
    ),
)
