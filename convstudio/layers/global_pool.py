"""Global pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from convstudio.core import (
    Control,
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
)
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Shape
from convstudio.layers.common import one_example
from convstudio.spec.params import Choice, ChoiceParam


@dataclass(frozen=True)
class GlobalPool(Layer):
    """Makes one number of each whole channel: its mean, or its greatest value wherever in the picture it is.

    y[c] = Σ x[c, i, j] / (H·W), or max x[c, i, j], over all pixels. The result has one pixel a channel, and
    what a classifier reads no longer depends on the picture's size.

    (Lin, Chen and Yan, Network in network, ICLR 2014, section 3.2.)
    """

    kind: ClassVar[str] = "global_pool"
    title: ClassVar[str] = "Global pooling"
    family: ClassVar[str] = "Pooling"
    keywords: ClassVar[str] = "gap global average max mean adaptive classifier head"

    reduction: Annotated[
        str,
        ChoiceParam(
            label="Takes",
            help="What each channel is reduced to.",
            choices=(
                Choice("average", "average", "The mean of all pixels: how much of a feature there is."),
                Choice("maximum", "maximum", "The greatest value: whether a feature is anywhere."),
            ),
        ),
    ] = "average"

    def name(self) -> str:
        return f"Global {self.reduction}"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        return in_shape[0], 1, 1

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        return Stage(in_shape[1:], kind="pool")

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        pool = adaptive_avg_pool if self.reduction == "average" else adaptive_max_pool
        result: FloatArray = pool(x[np.newaxis], 1, control=control, out=one_example(out))[0]
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        average = self.reduction == "average"
        pool_backward = adaptive_avg_pool_backward if average else adaptive_max_pool_backward
        return LayerGradients(pool_backward(grad[np.newaxis], x[np.newaxis], 1, control=control)[0])
