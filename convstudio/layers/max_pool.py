"""Max pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from convstudio.core import Control, max_pool, max_pool_backward
from convstudio.layers.base import FloatArray, LayerGradients, Mate
from convstudio.layers.pooling import Pooling


@dataclass(frozen=True)
class MaxPool(Pooling):
    """Keeps the greatest value of each window: the picture shrinks, and strong features stay strong.

    y[c, i, j] = max x[c, i·s + u·d − p, j·s + v·d − p] over the window's u, v. Padding never wins, of equal
    values the first one does.

    (Boureau, Ponce and LeCun, A theoretical analysis of feature pooling in visual recognition, ICML 2010;
    Goodfellow, Bengio and Courville, Deep Learning, 2016, section 9.3.)
    """

    kind: ClassVar[str] = "max_pool"
    title: ClassVar[str] = "Max pooling"
    keywords: ClassVar[str] = "maxpool maxpool2d maximum downsample shrink dilation morphology"

    def short_title(self) -> str:
        return "Max pool"

    def pooled(self, x: FloatArray, control: Control | None, out: FloatArray | None) -> FloatArray:
        result: FloatArray = max_pool(x, **self.core_arguments(), control=control, out=out)
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        found = max_pool_backward(grad[np.newaxis], x[np.newaxis], **self.core_arguments(), control=control)
        return LayerGradients(found[0])
