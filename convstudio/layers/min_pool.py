"""Min pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from convstudio.core import Control, min_pool, min_pool_backward
from convstudio.layers.base import FloatArray, LayerGradients, Mate
from convstudio.layers.pooling import Pooling


@dataclass(frozen=True)
class MinPool(Pooling):
    """Keeps the least value of each window: dark spots and thin dark lines grow, bright specks vanish.

    y[c, i, j] = min x[c, i·s + u·d − p, j·s + v·d − p] over the window's u, v, which is −max pooling of −x;
    with stride 1 it is the erosion of mathematical morphology. Padding never wins.

    (Serra, Image Analysis and Mathematical Morphology, 1982.)
    """

    kind: ClassVar[str] = "min_pool"
    title: ClassVar[str] = "Min pooling"
    keywords: ClassVar[str] = "minpool minimum erosion morphology downsample shrink"

    def short_title(self) -> str:
        return "Min pool"

    def pooled(self, x: FloatArray, control: Control | None, out: FloatArray | None) -> FloatArray:
        result: FloatArray = min_pool(x, **self.core_arguments(), control=control, out=out)
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        found = min_pool_backward(grad[np.newaxis], x[np.newaxis], **self.core_arguments(), control=control)
        return LayerGradients(found[0])
