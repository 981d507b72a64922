"""The convolution layer: one kernel over every channel of a picture, or over its luminance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from convstudio.core import Control, conv
from convstudio.core.geometry import Cost, conv_cost, output_shape, resolve_padding, unread
from convstudio.core.planner import Plan, plan_conv
from convstudio.kernels import Kernel, preset
from convstudio.layers.base import FloatArray, Layer, Shape
from convstudio.spec.params import (
    Choice,
    ChoiceParam,
    FloatParam,
    IntParam,
    KernelParam,
    Padding,
    PaddingParam,
    Pair,
    PerAxisParam,
)

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Weights of R, G and B in luma, ITU-R BT.709-6 (2015), item 3.2; sRGB has the same primaries."""


def luminance(x: FloatArray) -> FloatArray:
    """Return the luma ``(1, H, W)`` of a colour picture ``(3, H, W)``; one channel is returned as it is.

    The weights apply to the values as stored in the file (gamma-encoded), as image editors do it.
    """
    if x.shape[0] != 3:
        return x
    weights = np.asarray(LUMINANCE_WEIGHTS, dtype=x.dtype)
    total: FloatArray = x[0:1] * weights[0]
    total += x[1:2] * weights[1]
    total += x[2:3] * weights[2]
    return total


@dataclass(frozen=True)
class ConvGeometry:
    """The numbers of one convolution of one picture, per axis with rows first."""

    spatial: Pair
    kernel: Pair
    amounts: tuple[Pair, Pair]
    stride: Pair
    dilation: Pair
    out: Pair
    unread: Pair
    cost: Cost


@dataclass(frozen=True)
class Conv(Layer):
    """Slides a kernel over the picture; each output cell is the weighted sum of the pixels under it.

    With ``channels="each"`` every colour channel is filtered by the same kernel on its own (a depthwise
    convolution); with ``"luminance"`` the picture is reduced to its brightness first.
    """

    kind: ClassVar[str] = "conv"
    title: ClassVar[str] = "Convolution"

    kernel: Annotated[
        Kernel,
        KernelParam(
            label="Kernel",
            help="The weights that each output cell gives to the pixels under the sliding window.",
        ),
    ] = field(default_factory=lambda: preset("sobel-x").make())
    channels: Annotated[
        str,
        ChoiceParam(
            label="Colour",
            help="Whether the kernel filters red, green and blue each on their own (depthwise), "
            "or one picture of their brightness.",
            choices=(
                Choice("each", "per channel", "Red, green and blue on their own."),
                Choice(
                    "luminance",
                    "luminance",
                    "0.2126 R + 0.7152 G + 0.0722 B",
                ),
            ),
        ),
    ] = "each"
    operation: Annotated[
        str,
        ChoiceParam(
            label="Operation",
            help="Correlation lays the kernel on the picture as it is written, as convolutional layers do. "
            "Convolution, as mathematics defines it, rotates it by 180° first.",
            choices=(
                Choice(
                    "correlation",
                    "correlation",
                    "The kernel as written, as in CNNs.",
                ),
                Choice(
                    "convolution",
                    "convolution",
                    "The kernel rotated by 180° first.",
                ),
            ),
        ),
    ] = "correlation"
    padding: Annotated[
        Padding,
        PaddingParam(
            label="Padding",
            help="How many pixels are added around the picture before the kernel slides over it.",
            maximum=512,
        ),
    ] = "same"
    padding_mode: Annotated[
        str,
        ChoiceParam(
            label="Border",
            help="What the padded pixels contain.",
            choices=(
                Choice("zeros", "zeros", "Black: every padded pixel is 0."),
                Choice("constant", "constant", "Every padded pixel has the value given below."),
                Choice("replicate", "replicate", "The edge pixel is repeated outwards: aaa|abcd|ddd."),
                Choice("reflect", "reflect", "Mirrored about the edge pixel: dcb|abcd|cba."),
                Choice("symmetric", "symmetric", "Mirrored with the edge repeated: cba|abcd|dcb."),
                Choice("circular", "circular", "The opposite side continues: bcd|abcd|abc."),
            ),
        ),
    ] = "reflect"
    padding_value: Annotated[
        float,
        FloatParam(
            label="Border value",
            help="The value of every padded pixel; 0 is black and 1 is white.",
            minimum=-1000.0,
            maximum=1000.0,
            step=0.1,
        ),
    ] = 0.0
    stride: Annotated[
        Pair,
        PerAxisParam(
            label="Stride",
            help="How many pixels the window moves from one output cell to the next.",
            each=IntParam(label="Stride", help="Pixels per step.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (1, 1)
    dilation: Annotated[
        Pair,
        PerAxisParam(
            label="Dilation",
            help="The distance between neighbouring taps; 2 leaves one pixel between them unread.",
            each=IntParam(label="Dilation", help="Pixels per tap.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (1, 1)
    bias: Annotated[
        float,
        FloatParam(
            label="Bias",
            help="A number added to every output cell; 0.5 lifts a signed result to mid grey.",
            minimum=-1000.0,
            maximum=1000.0,
            step=0.05,
        ),
    ] = 0.0

    @property
    def flip(self) -> bool:
        """Whether the kernel is rotated by 180° before it is applied."""
        return self.operation == "convolution"

    def out_channels(self, channels: int) -> int:
        """Return how many channels come out of ``channels``."""
        return 1 if self.channels == "luminance" else channels

    def out_shape(self, in_shape: Shape) -> Shape:
        height, width = output_shape(
            in_shape[1:],
            self.kernel.shape,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        return self.out_channels(in_shape[0]), height, width

    def geometry(self, in_shape: Shape) -> ConvGeometry:
        """Return the present numbers of the output-size formula and the cost.

        Raises:
            GeometryError: the kernel does not fit the padded picture.
        """
        channels, *out = self.out_shape(in_shape)
        spatial = in_shape[1:]
        shape = self.kernel.shape
        amounts = resolve_padding(self.padding, spatial, shape, self.stride, self.dilation)
        rows, columns = unread(spatial, shape, stride=self.stride, padding=amounts, dilation=self.dilation)
        return ConvGeometry(
            spatial=spatial,
            kernel=shape,
            amounts=(amounts[0], amounts[1]),
            stride=self.stride,
            dilation=self.dilation,
            out=(out[0], out[1]),
            unread=(rows, columns),
            cost=conv_cost((channels, *spatial), (channels, 1, *shape), (out[0], out[1]), bias=True),
        )

    def source(self, x: FloatArray) -> FloatArray:
        """Return what the kernel slides over: ``x`` itself or its luminance."""
        return luminance(x) if self.channels == "luminance" else x

    def weights(self, channels: int, dtype: np.dtype[Any]) -> FloatArray:
        """Return the weights ``(channels, 1, kh, kw)`` of the depthwise convolution that is computed."""
        one = self.kernel.values.astype(dtype)
        return np.ascontiguousarray(np.broadcast_to(one, (channels, 1, *one.shape)))

    def core_arguments(self) -> dict[str, Any]:
        """Return the geometry as keyword arguments of ``core.conv``."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "padding_mode": self.padding_mode,
            "padding_value": self.padding_value,
            "flip": self.flip,
        }

    def forward(
        self, x: FloatArray, *, control: Control | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        """Compute the layer on ``x`` of shape ``(C, H, W)``.

        ``out`` may give the array ``(C_out, H_out, W_out)`` of the same dtype that receives the result.
        """
        return self.apply(self.source(x), control=control, out=out)

    def apply(
        self, source: FloatArray, *, control: Control | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        """Slide the kernel over ``source``, which is what ``source()`` returned."""
        channels = source.shape[0]
        bias = np.full(channels, self.bias, dtype=source.dtype) if self.bias else None
        result = conv(
            source[np.newaxis],
            self.weights(channels, source.dtype),
            bias,
            groups=channels,
            control=control,
            out=None if out is None else out[np.newaxis],
            **self.core_arguments(),
        )
        first: FloatArray = result[0]
        return first

    def plan(self, source: FloatArray) -> Plan:
        """Return which algorithm the core takes for this source, with the alternatives."""
        arguments = self.core_arguments()
        del arguments["flip"], arguments["padding_value"]  # neither changes the cost
        channels = source.shape[0]
        weights = self.weights(channels, source.dtype)
        return plan_conv((1, *source.shape), source.dtype, weights, groups=channels, **arguments)
