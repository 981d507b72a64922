"""Hands for tests of the feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.kernels import Kernel, preset
from convstudio.layers import Conv
from convstudio.model import LayerItem, Look, Picture, Project
from convstudio.session.map_reader import FeatureMaps, MapHead, MapRequest, MapSource

FIRST = Look("signed", 0)
NAMES = ("sobel-x", "sobel-y", "mean", "gaussian")


def evaluated(
    count: int = 4,
    *,
    look: Look = FIRST,
    channels: str = "all",
    size: tuple[int, int] = (24, 36),
    layer_id: str = "conv-1",
) -> Evaluation:
    """Return the result of a convolution with so many filters on random noise."""
    kernels: list[Kernel] = [preset(NAMES[i % len(NAMES)]).make() for i in range(count)]
    picture = Picture(np.random.default_rng(1).random((3, *size), dtype=np.float32), "noise.png")
    item = LayerItem(layer_id, Conv.of(*kernels, channels=channels, padding_mode="zeros"), look=look)
    return Evaluator().evaluate(Project(picture, (item,), layer_id))


def maps_of(values: np.ndarray[Any, Any], **changes: Any) -> FeatureMaps:
    """Return the maps of an array ``(C, H, W)``, whose channels are called a, b, c…"""
    channels, height, width = values.shape
    names = tuple(chr(ord("a") + c % 26) for c in range(channels))
    head = MapHead("conv-1", "Conv", (channels, height, width), names)
    wanted: dict[str, Any] = {"view": "signed", "channel": 0} | changes
    return MapSource().read(MapRequest(head, values, **wanted))
