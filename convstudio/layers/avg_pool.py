"""Average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from convstudio.core import Control, avg_pool, avg_pool_backward
from convstudio.layers.base import FloatArray, LayerGradients, Mate
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import BoolParam


@dataclass(frozen=True)
class AvgPool(Pooling):
    """Takes the mean of each window: the picture shrinks and is smoothed on the way.

    y[c, i, j] = Σ x[c, i·s + u·d − p, j·s + v·d − p] / m over the window's u, v, with m its cells: all of
    them, or only those on the picture where padding does not count.

    (LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998, whose
    subsampling layers it is at the heart of.)
    """

    kind: ClassVar[str] = "avg_pool"
    title: ClassVar[str] = "Average pooling"
    keywords: ClassVar[str] = "avgpool avgpool2d mean box downsample shrink subsampling"

    count_include_pad: Annotated[
        bool,
        BoolParam(
            label="Count padding",
            help="Whether padded zeros count as pixels of the window, which darkens the border, or are left "
            "out of the mean.",
        ),
    ] = True

    def short_title(self) -> str:
        return "Average pool"

    def core_arguments(self) -> dict[str, Any]:
        return {**super().core_arguments(), "count_include_pad": self.count_include_pad}

    def pooled(self, x: FloatArray, control: Control | None, out: FloatArray | None) -> FloatArray:
        return avg_pool(x, **self.core_arguments(), control=control, out=out)

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        found = avg_pool_backward(grad[np.newaxis], x[np.newaxis], **self.core_arguments(), control=control)
        return LayerGradients(found[0])
