"""Lp pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from convstudio.core import Control, Cost, lp_pool, lp_pool_backward
from convstudio.core import abs_backward as magnitude_backward
from convstudio.layers.base import FloatArray, LayerGradients, Mate, Shape, dense_cost
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import FloatParam


@dataclass(frozen=True)
class LpPool(Pooling):
    """Takes the p-norm of each window, between a sum of magnitudes (p = 1) and the greatest one (large p).

    y[c, i, j] = (Σ |x[c, i·s + u·d − p, j·s + v·d − p]|^p)^(1/p) over the window's u, v, as ONNX's LpPool has
    it. PyTorch's lp_pool2d leaves out the magnitude, which for an odd p and negative values is another
    number, or none.

    (Sermanet, Chintala and LeCun, Convolutional neural networks applied to house numbers digit
    classification, ICPR 2012.)
    """

    kind: ClassVar[str] = "lp_pool"
    title: ClassVar[str] = "Lp pooling"
    keywords: ClassVar[str] = "lppool lppool2d norm l2 euclidean energy root mean square downsample shrink"

    p: Annotated[
        float,
        FloatParam(
            label="p",
            help="The exponent: 1 adds magnitudes up, 2 gives the root of the sum of squares, and the larger "
            "it is, the more the greatest value alone counts.",
            minimum=1.0,
            maximum=8.0,
            step=0.5,
            decimals=2,
        ),
    ] = 2.0

    def short_title(self) -> str:
        return f"L{self.p:g} pool"

    def core_arguments(self) -> dict[str, Any]:
        return {**super().core_arguments(), "p": self.p}

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        """Return one product for each pixel of each window, a power counted as one; none for p = 1."""
        out = self.out_shape(in_shape)
        products = 0 if self.p == 1 else out[0] * out[1] * out[2] * self.window[0] * self.window[1]
        return dense_cost(in_shape, out, products)

    def pooled(self, x: FloatArray, control: Control | None, out: FloatArray | None) -> FloatArray:
        return lp_pool(self._magnitudes(x), **self.core_arguments(), control=control, out=out)

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        given = self._magnitudes(x[np.newaxis])
        found = lp_pool_backward(grad[np.newaxis], given, **self.core_arguments(), control=control)[0]
        return LayerGradients(found if self._even else magnitude_backward(found, x))

    @property
    def _even(self) -> bool:
        """Whether the power loses the sign by itself."""
        return self.p % 2 == 0

    def _magnitudes(self, x: FloatArray) -> FloatArray:
        return x if self._even else np.abs(x)
