"""Padding as a layer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from convstudio.core import Control, pad_backward
from convstudio.core.checks import checked_out
from convstudio.core.padding import PaddedSource, checked_mode
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair, Shape
from convstudio.layers.common import BORDERS, first_that_fits, shape_of
from convstudio.spec.params import ChoiceParam, FloatParam, IntParam, Pair, PerAxisParam

MOST_PADDING = 512
_EACH = IntParam(label="Padding", help="Pixels to add.", minimum=0, maximum=MOST_PADDING, unit="px")


@dataclass(frozen=True)
class Pad(Layer):
    """Adds pixels around the picture that continue it by a rule: black, mirrored, repeated or wrapped around.

    y[c, i, j] = x[c, i − top, j − left] inside; outside, along one axis of abcd: zeros 00|abcd|00, replicate
    aa|abcd|dd, reflect cb|abcd|cb, symmetric ba|abcd|dc, circular cd|abcd|ab. In receptive fields padded
    pixels count as made, not as read.

    (Gonzalez and Woods, Digital Image Processing, 4th edition, 2018, section 3.4.)
    """

    kind: ClassVar[str] = "pad"
    title: ClassVar[str] = "Pad"
    family: ClassVar[str] = "Shape"
    keywords: ClassVar[str] = "padding border margin frame mirror reflect replicate wrap zero enlarge"

    vertical: Annotated[
        Pair,
        PerAxisParam(
            label="Above and below",
            help="How many rows are added at the top and at the bottom.",
            each=_EACH,
            axes=("top", "bottom"),
        ),
    ] = (1, 1)
    horizontal: Annotated[
        Pair,
        PerAxisParam(
            label="Left and right",
            help="How many columns are added at the left and at the right.",
            each=_EACH,
            axes=("left", "right"),
        ),
    ] = (1, 1)
    padding_mode: Annotated[
        str, ChoiceParam(label="Border", help="What the added pixels contain.", choices=BORDERS)
    ] = "reflect"
    padding_value: Annotated[
        float,
        FloatParam(
            label="Border value",
            help="The value of every added pixel; 0 is black and 1 is white.",
            minimum=-1000.0,
            maximum=1000.0,
        ),
    ] = 0.0

    @property
    def amounts(self) -> tuple[Pair, Pair]:
        """The pixels added, ``((top, bottom), (left, right))``."""
        return self.vertical, self.horizontal

    def applies(self, name: str) -> bool:
        return name != "padding_value" or self.padding_mode == "constant"

    def name(self) -> str:
        sides = {*self.vertical, *self.horizontal}
        amount = (
            f"{sides.pop()} px"
            if len(sides) == 1
            else "↑{} ↓{} ←{} →{}".format(*self.vertical, *self.horizontal)
        )
        return f"Pad {amount}, {self.padding_mode}"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels, height, width = in_shape
        checked_mode(self.padding_mode, self.padding_value, (height, width), self.amounts)
        return channels, height + sum(self.vertical), width + sum(self.horizontal)

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        self.out_shape(in_shape)
        return Stage(1, padding=self.amounts)

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        shape = self.out_shape(shape_of(x))
        value = checked_mode(self.padding_mode, self.padding_value, x.shape[1:], self.amounts)
        result: FloatArray = checked_out(out, shape, x.dtype, x=x)
        pads = ((0, 0), *self.amounts)
        source = PaddedSource(x[np.newaxis], pads, self.padding_mode, value, x.dtype)
        if control is not None:
            control.check()
        for channel in range(len(x)):
            block = result[np.newaxis, channel : channel + 1, np.newaxis]
            source.fill(block, (0, 1), (channel, channel + 1), (0, 0, 0), source.shape)
            if control is not None:
                control.report(channel + 1, len(x))
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        self.out_shape(shape_of(x))
        if control is not None:
            control.check()
        found = pad_backward(
            grad[np.newaxis],
            x[np.newaxis],
            self.amounts,
            padding_mode=self.padding_mode,
            padding_value=self.padding_value,
        )
        return LayerGradients(found[0])

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        return first_that_fits(self, self._repairs(in_shape), in_shape)

    def _repairs(self, in_shape: Shape) -> Iterator[Repair]:
        """Pad as far as the mode can; a picture of one pixel has nothing to mirror at all."""
        less = 1 if self.padding_mode == "reflect" else 0
        changes = {
            name: (min(pair[0], n - less), min(pair[1], n - less))
            for name, pair, n in zip(("vertical", "horizontal"), self.amounts, in_shape[1:], strict=True)
        }
        if any(sum(pair) for pair in changes.values()):
            yield Repair(f"Pad only as far as {self.padding_mode} can", changes)
        yield Repair("Repeat the edge pixels instead", {"padding_mode": "replicate"})
