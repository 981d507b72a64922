"""Colour to brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from convstudio.core import Control, Cost, GeometryError
from convstudio.core.checks import checked_out
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair, Shape, dense_cost
from convstudio.layers.common import first_that_fits, shape_of
from convstudio.spec.params import Choice, ChoiceParam

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Weights of R, G and B in luma, ITU-R BT.709-6 (2015), item 3.2; sRGB has the same primaries."""

REC_601_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of R, G and B in luma, ITU-R BT.601-7 (2011), section 2.5.1; JPEG uses them."""

_WEIGHTS = {"rec709": LUMINANCE_WEIGHTS, "rec601": REC_601_WEIGHTS}
_LABELS = {"rec709": "Rec. 709", "rec601": "Rec. 601", "mean": "mean"}


def luminance(x: FloatArray) -> FloatArray:
    """Return the luma ``(1, H, W)`` of a colour picture ``(3, H, W)``; one channel is returned as it is.

    The weights apply to the values as stored in the file (gamma-encoded), as image editors do it.
    """
    return Luminance().forward(x) if x.shape[0] == 3 else x


@dataclass(frozen=True)
class Luminance(Layer):
    """Turns colour into brightness: one grey channel out of red, green and blue, weighted as the eye does.

    y = 0.2126 R + 0.7152 G + 0.0722 B, on the values as stored in the file (gamma-encoded), as image editors
    do it. A picture that has one channel already passes as it is.

    (ITU-R BT.709-6, 2015, item 3.2; ITU-R BT.601-7, 2011, section 2.5.1.)
    """

    kind: ClassVar[str] = "luminance"
    title: ClassVar[str] = "Luminance"
    family: ClassVar[str] = "Colour and scale"
    keywords: ClassVar[str] = "grey gray greyscale grayscale luma brightness mono black white rgb"

    standard: Annotated[
        str,
        ChoiceParam(
            label="Weights",
            help="How much red, green and blue each count.",
            choices=(
                Choice("rec709", "Rec. 709", "0.2126 R + 0.7152 G + 0.0722 B, of HDTV and sRGB."),
                Choice("rec601", "Rec. 601", "0.299 R + 0.587 G + 0.114 B, of older television and JPEG."),
                Choice("mean", "mean", "All channels alike, however many there are."),
            ),
        ),
    ] = "rec709"

    def name(self) -> str:
        return "Mean of channels" if self.standard == "mean" else f"Luminance {_LABELS[self.standard]}"

    def shares(self, channels: int) -> tuple[float, ...]:
        """Return the weight of each channel.

        Raises:
            GeometryError: a number of channels that are no colours.
        """
        if channels == 1:
            return (1.0,)
        if self.standard == "mean":
            return (1 / channels,) * channels
        if channels != 3:
            raise GeometryError(
                f"{_LABELS[self.standard]} weighs red, green and blue, but {channels} channels come in, "
                "which are no colours"
            )
        return _WEIGHTS[self.standard]

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels, height, width = in_shape
        self.shares(channels)
        return 1, height, width

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        channels, height, width = in_shape
        products = channels * height * width if channels > 1 else 0
        return dense_cost(in_shape, self.out_shape(in_shape), products)

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        shape = self.out_shape(shape_of(x))
        result: FloatArray = checked_out(out, shape, x.dtype, x=x)
        if control is not None:
            control.check()
        if len(x) == 1:
            np.copyto(result, x)
        else:
            weights = np.array([self.shares(len(x))], x.dtype)
            with np.errstate(all="ignore"):  # NaN and infinity are data
                np.matmul(weights, x.reshape(len(x), -1), out=result.reshape(1, -1))
        if control is not None:
            control.report(1, 1)
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        if control is not None:
            control.check()
        weights = np.array(self.shares(len(x)), x.dtype)
        return LayerGradients(weights[:, np.newaxis, np.newaxis] * grad)

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        return first_that_fits(
            self, [Repair("Take the mean of all channels", {"standard": "mean"})], in_shape
        )
