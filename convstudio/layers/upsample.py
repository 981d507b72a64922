"""Enlarging by whole factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from convstudio.core import Control, Cost, avg_pool, avg_pool_backward
from convstudio.core.checks import checked_out
from convstudio.core.receptive import Stage
from convstudio.core.threads import Scratch, run_tiles
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Shape, dense_cost
from convstudio.layers.common import one_example, per_axis_text
from convstudio.spec.params import Choice, ChoiceParam, IntParam, Pair, PerAxisParam

_BAND_CELLS = 1 << 17  # of a channel's input, enlarged at a time


@dataclass(frozen=True)
class Upsample(Layer):
    """Enlarges the picture by a whole factor: repeats its pixels, or blends neighbours between them.

    Nearest: y[c, i, j] = x[c, ⌊i/f⌋, ⌊j/f⌋]. Bilinear: output pixel i lies at (i + ½)/f − ½ between the
    centres of the input's pixels and takes from each of the two, along either axis, the more the nearer it
    is; beyond the outermost centres the edge pixel counts alone. It is PyTorch's interpolate with
    align_corners=False.

    (Gonzalez and Woods, Digital Image Processing, 4th edition, 2018, section 2.4; Odena, Dumoulin and Olah,
    Deconvolution and checkerboard artifacts, Distill, 2016, on enlarging before a convolution.)
    """

    kind: ClassVar[str] = "upsample"
    title: ClassVar[str] = "Upsample"
    family: ClassVar[str] = "Shape"
    keywords: ClassVar[str] = "upsampling enlarge resize scale zoom interpolate nearest bilinear"

    factor: Annotated[
        Pair,
        PerAxisParam(
            label="Factor",
            help="How many output pixels each input pixel becomes.",
            each=IntParam(label="Factor", help="Output pixels per input pixel.", minimum=1, maximum=8),
        ),
    ] = (2, 2)
    method: Annotated[
        str,
        ChoiceParam(
            label="Method",
            help="What the new pixels contain.",
            choices=(
                Choice("nearest", "nearest", "The pixel that they lie in: blocks of equal pixels."),
                Choice("bilinear", "bilinear", "A blend of the four nearest pixels: smooth transitions."),
            ),
        ),
    ] = "bilinear"

    def name(self) -> str:
        return f"Upsample ×{per_axis_text(self.factor)} {self.method}"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels, height, width = in_shape
        return channels, height * self.factor[0], width * self.factor[1]

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        """Return the transposed stage that reads the same pixels; for bilinear with a tent as its kernel."""
        if self.method == "nearest":
            return Stage(self.factor, stride=self.factor, kind="transposed")
        kernel = tuple(2 * f - f % 2 for f in self.factor)
        padding = tuple(f // 2 for f in self.factor)
        return Stage(kernel, stride=self.factor, padding=padding, kind="transposed")

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        """Return the products of the bilinear blend: two pixels for each axis that is enlarged."""
        out = self.out_shape(in_shape)
        taps = 2 ** sum(f > 1 for f in self.factor)
        blends = self.method == "bilinear" and taps > 1
        return dense_cost(in_shape, out, out[0] * out[1] * out[2] * taps if blends else 0)

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        channels, height, width = x.shape
        shape = self.out_shape((channels, height, width))
        if self.method == "nearest":  # the adjoint of sums over blocks, which is the gradient of their mean
            like = np.broadcast_to(np.zeros((), x.dtype), (1, *shape))
            found: FloatArray = avg_pool_backward(
                x[np.newaxis], like, self.factor, divisor_override=1, control=control, out=one_example(out)
            )[0]
            return found
        result: FloatArray = checked_out(out, shape, x.dtype, x=x)
        rows, _ = self.factor

        def work(band: _Band, scratch: Scratch) -> None:
            block = x[band.channel, band.low : band.high]
            tall = scratch.take("tall", (len(block) * rows, width), x.dtype)
            _stretch(block.T, tall.T, rows)
            inner = tall[(band.start - band.low) * rows : (band.stop - band.low) * rows]
            _stretch(inner, result[band.channel, band.start * rows : band.stop * rows], self.factor[1])

        run_tiles(_bands(channels, height, width), work, control)
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        if self.method == "nearest":
            sums = avg_pool(grad[np.newaxis], self.factor, divisor_override=1, control=control)
            return LayerGradients(sums[0])
        channels, height, width = x.shape
        found = np.empty(x.shape, x.dtype)
        rows, columns = self.factor

        def work(band: _Band, scratch: Scratch) -> None:
            above = grad[band.channel, band.low * rows : band.high * rows]
            tall = scratch.take("tall", (len(above), width), x.dtype)
            _gather(above, tall, columns)
            block = scratch.take("block", (band.high - band.low, width), x.dtype)
            _gather(tall.T, block.T, rows)
            found[band.channel, band.start : band.stop] = block[band.start - band.low : band.stop - band.low]

        run_tiles(_bands(channels, height, width), work, control)
        return LayerGradients(found)


@dataclass(frozen=True)
class _Band:
    """Rows ``start`` to ``stop`` of a channel, and those with their neighbours, ``low`` to ``high``."""

    channel: int
    start: int
    stop: int
    low: int
    high: int


def _bands(channels: int, height: int, width: int) -> list[_Band]:
    rows = max(_BAND_CELLS // width, 1)
    return [
        _Band(channel, start, stop := min(start + rows, height), max(start - 1, 0), min(stop + 1, height))
        for channel in range(channels)
        for start in range(0, height, rows)
    ]


def _phases(factor: int) -> list[tuple[int, float]]:
    """Return for each place within a pixel which neighbour it leans to (−1, 0, 1), and that one's share."""
    places = [(2 * phase + 1 - factor) / (2 * factor) for phase in range(factor)]  # from the pixel's centre
    return [(int(np.sign(place)), abs(place)) for place in places]


_HERE = {-1: slice(1, None), 1: slice(None, -1)}
"""The cells that have a neighbour on that side, and below those neighbours."""
_EDGE = {-1: 0, 1: -1}


def _stretch(x: FloatArray, out: FloatArray, factor: int) -> None:
    """Blend along the last axis, which becomes ``factor`` times as long."""
    for phase, (side, share) in enumerate(_phases(factor)):
        into = out[..., phase::factor]
        if not side:  # on the centre: an infinite neighbour has no part in it
            into[...] = x
            continue
        here, there = x[..., _HERE[side]], x[..., _HERE[-side]]
        blend = into[..., _HERE[side]]
        np.multiply(here, 1 - share, out=blend)
        blend += there * share
        into[..., _EDGE[side]] = x[..., _EDGE[side]]


def _gather(grad: FloatArray, out: FloatArray, factor: int) -> None:
    """Add up along the last axis what each cell has given to its blends: the adjoint of ``_stretch``."""
    out[...] = 0
    for phase, (side, share) in enumerate(_phases(factor)):
        above = grad[..., phase::factor]
        if not side:
            out += above
            continue
        blend = above[..., _HERE[side]]
        out[..., _HERE[side]] += blend * (1 - share)
        out[..., _HERE[-side]] += blend * share
        out[..., _EDGE[side]] += above[..., _EDGE[side]]
