"""The convolution layer: a bank of filters that slide over the channels that come in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from convstudio.core import Control, Cost, GeometryError, conv, conv_backward
from convstudio.core.geometry import conv_cost, output_shape, resolve_padding, unread
from convstudio.core.planner import Plan, plan_conv
from convstudio.core.receptive import Stage
from convstudio.layers.bank_layer import NEEDS, BankGradients, BankLayer, cast_biases
from convstudio.layers.base import FloatArray, Mate, Repair, Shape
from convstudio.layers.common import BORDERS, border_misfit, first_that_fits, one_example, per_axis_text
from convstudio.spec.params import (
    Choice,
    ChoiceParam,
    FloatParam,
    IntParam,
    Padding,
    PaddingParam,
    Pair,
    PerAxisParam,
)

MOST_PADDING = 512


@dataclass(frozen=True)
class WindowGeometry:
    """The numbers of one window sliding over one picture, per axis with rows first."""

    spatial: Pair
    kernel: Pair
    amounts: tuple[Pair, Pair]
    stride: Pair
    dilation: Pair
    out: Pair
    unread: Pair


@dataclass(frozen=True)
class Conv(BankLayer):
    """Slides small kernels over the picture; each output cell is the weighted sum of the pixels under it.

    Every filter makes output channels of its own. With its kernels laid over all channels and the results
    added up it is a layer of a neural network; over each channel alone (depthwise) it filters colours apart.

    y[k, i, j] = b[k] + Σ_c Σ_u Σ_v w[k, c, u, v] · x[c, i·s + u·d − p, j·s + v·d − p]

    (Goodfellow, Bengio and Courville, Deep Learning, 2016, section 9.1; Dumoulin and Visin, A guide to
    convolution arithmetic, 2016.)
    """

    kind: ClassVar[str] = "conv"
    title: ClassVar[str] = "Convolution"
    family: ClassVar[str] = "Convolution"
    keywords: ClassVar[str] = "filter kernel cnn conv2d correlation depthwise pointwise grouped"

    operation: Annotated[
        str,
        ChoiceParam(
            label="Operation",
            help="Correlation lays the kernel on the picture as it is written, as convolutional layers do. "
            "Convolution, as mathematics defines it, rotates it by 180° first.",
            choices=(
                Choice("correlation", "correlation", "The kernel as written, as in CNNs."),
                Choice("convolution", "convolution", "The kernel rotated by 180° first."),
            ),
        ),
    ] = "correlation"
    padding: Annotated[
        Padding,
        PaddingParam(
            label="Padding",
            help="How many pixels are added around the picture before the kernel slides over it.",
            maximum=MOST_PADDING,
        ),
    ] = "same"
    padding_mode: Annotated[
        str,
        ChoiceParam(
            label="Border",
            help="What the padded pixels contain.",
            choices=BORDERS,
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

    # --- what it is ---

    @property
    def flips(self) -> bool:
        return self.operation == "convolution"

    def applies(self, name: str) -> bool:
        return super().applies(name) and (name != "padding_value" or self.padding_mode == "constant")

    def name(self) -> str:
        filters, (rows, columns) = self.bank.filters, self.bank.shape
        if len(filters) == 1 and filters[0].shared:
            return filters[0].title
        step = "" if self.stride == (1, 1) else f" /{per_axis_text(self.stride)}"
        return f"Conv →{len(filters)}, {rows}×{columns}{step}"

    # --- shapes ---

    def amounts(self, spatial: Pair) -> tuple[Pair, Pair]:
        """Return the pixels of padding per axis, before and after."""
        rows, columns = resolve_padding(self.padding, spatial, self.bank.shape, self.stride, self.dilation)
        return rows, columns

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels = self.out_channels(in_shape[0])
        spatial = in_shape[1:]
        amounts = self.amounts(spatial)
        height, width = output_shape(
            spatial, self.bank.shape, stride=self.stride, padding=amounts, dilation=self.dilation
        )
        for n, pair in zip(spatial, amounts, strict=True):
            why = border_misfit(self.padding_mode, n, max(pair))
            if why:
                raise GeometryError(f"{why} Choose another border, or less padding.")
        return channels, height, width

    def geometry(self, in_shape: Shape) -> WindowGeometry:
        """Return the present numbers of the output-size formula.

        Raises:
            GeometryError: the layer does not fit this input.
        """
        _, *out = self.out_shape(in_shape)
        spatial, shape = in_shape[1:], self.bank.shape
        amounts = self.amounts(spatial)
        rows, columns = unread(spatial, shape, stride=self.stride, padding=amounts, dilation=self.dilation)
        return WindowGeometry(
            spatial=spatial,
            kernel=shape,
            amounts=amounts,
            stride=self.stride,
            dilation=self.dilation,
            out=(out[0], out[1]),
            unread=(rows, columns),
        )

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        channels, *out = self.out_shape(in_shape)
        weights = (channels, self.inputs_read(in_shape[0]), *self.bank.shape)
        return conv_cost(in_shape, weights, out, bias=True)

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        channels, *_ = self.out_shape(in_shape)
        return Stage(
            self.bank.shape,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.amounts(in_shape[1:]),
            channels=channels,
            groups=self.group_count(in_shape[0]),
            bias=True,
        )

    # --- computing ---

    def core_weights(self, in_channels: int) -> FloatArray:
        """Return the weights that are computed with, ``(C_out, C_in / groups, rows, columns)``, float64."""
        return self.from_filters(self.filter_weights(in_channels))

    def core_arguments(self, in_channels: int) -> dict[str, Any]:
        """Return the geometry as keyword arguments of ``core.conv``."""
        return {
            "stride": _plain(self.stride),
            "padding": self.padding,
            "dilation": _plain(self.dilation),
            "groups": self.group_count(in_channels),
            "padding_mode": self.padding_mode,
            "padding_value": self.padding_value,
            "flip": self.flips,
        }

    def compute(
        self,
        x: FloatArray,
        weights: FloatArray,
        biases: FloatArray | None,
        *,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        result: FloatArray = conv(
            x[np.newaxis],
            self.from_filters(weights).astype(x.dtype),
            cast_biases(biases, x.dtype),
            control=control,
            out=one_example(out),
            **self.core_arguments(len(x)),
        )[0]
        return result

    def gradients(
        self,
        grad: FloatArray,
        x: FloatArray,
        weights: FloatArray,
        *,
        needs: Collection[str] = NEEDS,
        control: Control | None = None,
    ) -> BankGradients:
        found = conv_backward(
            grad[np.newaxis],
            x[np.newaxis],
            self.from_filters(weights).astype(x.dtype),
            needs=needs,
            control=control,
            **self.core_arguments(len(x)),
        )
        return BankGradients(
            None if found.grad_x is None else found.grad_x[0],
            None if found.grad_weight is None else self.through_weights(found.grad_weight, weights),
            found.grad_bias,
        )

    def from_filters(self, weights: FloatArray) -> FloatArray:
        """Return the weights that are computed with from those of the filters, of the same shape."""
        return weights

    def through_weights(self, grad: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the gradient of the filters' ``weights`` from that of those that are computed with."""
        return grad

    def plan(self, x: FloatArray) -> Plan:
        """Return which algorithm the core takes for this input, with the alternatives."""
        arguments = self.core_arguments(x.shape[0])
        del arguments["flip"], arguments["padding_value"]  # neither changes the cost
        weights = self.core_weights(x.shape[0]).astype(x.dtype)
        return plan_conv((1, *x.shape), x.dtype, weights, **arguments)

    def algorithm(self, x: FloatArray) -> str:
        return self.plan(x).algorithm

    # --- repairs ---

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        try:
            self.inputs_read(in_shape[0])
        except GeometryError:
            return self.repair_channels(in_shape[0])
        repairs = (
            Repair("Use a border of zeros", {"padding_mode": "zeros"}),
            Repair("Pad to the same size", {"padding": "same"}),
            Repair("Pad to the same size, with zeros", {"padding": "same", "padding_mode": "zeros"}),
            Repair(
                "Set the taps close together and pad with zeros",
                {"padding": "same", "padding_mode": "zeros", "dilation": (1, 1)},
            ),
        )
        return first_that_fits(self, repairs, in_shape)


def _plain(pair: Pair) -> int | Pair:
    """One number where both are the same: the core's short way for small jobs takes arguments that simple."""
    return pair[0] if pair[0] == pair[1] else pair
