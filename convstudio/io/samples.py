"""The bundled pictures: what each is and what to try with it. ``resources/samples/draw.py`` drew them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from convstudio.io.images import Picture, load_picture
from convstudio.io.resources import resource_path


@dataclass(frozen=True)
class Sample:
    """A bundled picture; ``note`` is one sentence on what to try with it."""

    id: str
    title: str
    note: str

    @property
    def path(self) -> Path:
        """Return where its PNG file lies.

        Raises:
            FileNotFoundError: the file is missing from the installation.
        """
        return resource_path("samples", f"{self.id}.png")


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "still-life",
        "Still life",
        "Edges at every angle, fine weave and soft shadows in one picture: compare Sobel x with Sobel y, "
        "then look at red, green and blue one by one.",
    ),
    Sample(
        "landscape",
        "Mountain lake",
        "Sharp ridges in front of haze: a Laplacian of Gaussian with a growing σ lets go of the grass first "
        "and of the ridges last.",
    ),
    Sample(
        "page",
        "Page of text",
        "Blur it until the letters melt, then sharpen: what is lost for good? Take away a wide mean, and the "
        "shadow over its margin leaves while the print stays.",
    ),
    Sample(
        "texture",
        "Four textures",
        "Weave, bricks, wood and knit: turn a Gabor kernel and each quarter answers at its own angle and "
        "wavelength.",
    ),
    Sample(
        "zone-plate",
        "Zone plate",
        "Every frequency in every direction, from 0 in the middle to the highest that pixels can carry at "
        "the middle of each side: a filter paints its frequency response on it, and stride 2 shows aliasing.",
    ),
    Sample(
        "siemens-star",
        "Siemens star",
        "Blur it: the spokes vanish below a certain radius, and with a mean filter they come back inside "
        "with black and white exchanged.",
    ),
    Sample(
        "step-wedge",
        "Step wedge",
        "Seventeen greys in equal steps above an even ramp: a derivative answers equally at each, and a "
        "filter whose weights sum to 1 leaves the plateaus as they are.",
    ),
    Sample(
        "checkerboard",
        "Checkerboard",
        "Squares that halve in size down to a single pixel: a 2×2 mean leaves the finest exactly grey, a "
        "Sobel cannot see it, a Laplacian shouts.",
    ),
    Sample(
        "impulse",
        "Impulse",
        "One white pixel on black: the output is the kernel itself, as it stands under convolution and "
        "turned by 180° under correlation.",
    ),
    Sample(
        "noise",
        "Noise",
        "Gaussian noise (σ 0.1) on grey shapes of rising contrast: the mean and the Gaussian trade noise for "
        "sharp edges, and a difference makes noise worse.",
    ),
)


def sample_path(sample_id: str) -> Path:
    """Return where the PNG file of a sample lies; raises as ``load_sample`` does."""
    return _sample(sample_id).path


def load_sample(sample_id: str) -> Picture:
    """Read a bundled picture.

    Raises:
        KeyError: there is no such sample; the message names the closest ones.
        FileNotFoundError: its file is missing from the installation.
        PictureError: its file is damaged.
    """
    return load_picture(sample_path(sample_id))


def _sample(sample_id: str) -> Sample:
    for sample in SAMPLES:
        if sample.id == sample_id:
            return sample
    ids = [sample.id for sample in SAMPLES]
    near = difflib.get_close_matches(sample_id, ids, n=3, cutoff=0.4) or ids
    raise KeyError(f"There is no sample {sample_id!r}; did you mean {', '.join(near)}?")
