"""A small stack with its results, for tests of the tools under the views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.kernels import Bank, Kernel
from convstudio.layers import Activation, Conv, Layer, MaxPool
from convstudio.model import PHOTO, Look, Picture, Project


def bank(count: int, side: int = 3, seed: int = 0) -> Bank:
    """So many different kernels, each laid over all channels."""
    rng = np.random.default_rng(seed)
    return Bank.of(*(Kernel.custom(rng.normal(size=(side, side)).round(2)) for _ in range(count)))


def teacher_stack() -> list[Layer]:
    """Convolution with eight kernels, ReLU, max pooling, another convolution."""
    return [
        Conv(bank(8), channels="all"),
        Activation(),
        MaxPool(),
        Conv(bank(4, seed=1), channels="all"),
    ]


def project_of(layers: Sequence[Layer], height: int = 30, width: int = 44, channels: int = 3) -> Project:
    rng = np.random.default_rng(height * width)
    picture = Picture(rng.random((channels, height, width), dtype=np.float32), "noise")
    made = Project(picture, ()).with_layers(layers, PHOTO)
    for item in made.layers:
        made = made.with_item(item.id, look=Look("signed"))
    return made


def evaluated(layers: Sequence[Layer], height: int = 30, width: int = 44, channels: int = 3) -> Evaluation:
    """The results of a stack on a picture of noise; its last layer is selected."""
    return Evaluator().evaluate(project_of(layers, height, width, channels))
