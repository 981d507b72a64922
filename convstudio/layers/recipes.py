"""Ready-made stacks: a few layers that belong together, for the gallery."""

from __future__ import annotations

from dataclasses import dataclass

from convstudio.kernels import Kernel, preset
from convstudio.layers.activation import Activation
from convstudio.layers.base import Layer
from convstudio.layers.conv import Conv
from convstudio.layers.max_pool import MaxPool

READY_MADE = "Ready-made"
"""The gallery's family for recipes."""

_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


@dataclass(frozen=True)
class Recipe:
    """A few layers under one name.

    Attributes:
        id: unlike that of any other recipe.
        title: what the gallery calls it.
        summary: what it shows, in a sentence or two.
        layers: from top to bottom; they take any number of channels.
        keywords: other names that a search should find it under.
    """

    id: str
    title: str
    summary: str
    layers: tuple[Layer, ...]
    keywords: str = ""


def _edge_bank() -> Conv:
    """Eight 3×3 edge kernels after Robinson (1977), one for each direction of the compass."""
    kernels = [preset("robinson").make(direction=direction) for direction in _COMPASS]
    return Conv.of(*kernels, channels="all")


def _pointwise() -> Conv:
    """A 1×1 kernel over all channels: their sum."""
    return Conv.of(Kernel.custom([[1.0]]), channels="all")


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "edge-bank",
        "Edge bank, 8 filters",
        "One convolution whose eight filters look for edges in the eight directions of the compass: eight "
        "feature maps of one picture.",
        (_edge_bank(),),
        "robinson compass filter bank feature maps conv cnn",
    ),
    Recipe(
        "conv-relu-pool",
        "Conv + ReLU + max pool",
        "The building block of a classic network: eight filters look for edges, ReLU drops what is negative, "
        "max pooling keeps the strongest answer of every 2×2 cells.",
        (_edge_bank(), Activation(), MaxPool()),
        "cnn block convolution activation pooling",
    ),
    Recipe(
        "depthwise-separable",
        "Depthwise separable",
        "First a 3×3 kernel over each channel alone, then a 1×1 kernel that mixes the channels: nearly what "
        "a full convolution does, for a fraction of the work. (Howard et al., MobileNets, 2017.)",
        (Conv.of(preset("sobel-x").make(), channels="each"), _pointwise()),
        "mobilenet xception pointwise depthwise conv cheap",
    ),
    Recipe(
        "two-3x3",
        "Two 3×3 instead of one 5×5",
        "Two small kernels in a row see as far as one of 5×5, with 18 weights instead of 25. These two "
        "make just the 5×5 binomial blur. (Simonyan and Zisserman, VGG, 2015.)",
        (Conv.of(preset("binomial").make(size=3)), Conv.of(preset("binomial").make(size=3))),
        "vgg receptive field stack conv blur",
    ),
)
