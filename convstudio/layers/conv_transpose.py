"""Transposed ("fractionally strided") convolution."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from convstudio.core import (
    Control,
    Cost,
    GeometryError,
    conv_transpose,
    conv_transpose_backward,
)
from convstudio.core.conv_transpose import Transpose, checked_transpose
from convstudio.core.receptive import Stage
from convstudio.kernels import Bank, Kernel
from convstudio.layers.bank_layer import NEEDS, BankGradients, BankLayer, Places, cast_biases
from convstudio.layers.base import FloatArray, Mate, Repair, Shape, dense_cost
from convstudio.layers.common import first_that_fits, one_example, per_axis_text, times
from convstudio.spec.params import BankParam, IntParam, Padding, PaddingParam, Pair, PerAxisParam

MOST_PADDING = 512

_Numbers = TypeVar("_Numbers", bound=NDArray[Any])

TENT = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))
"""Laid down at every second pixel it blends between them, and its copies add up to 1 everywhere."""


@dataclass(frozen=True)
class ConvTranspose(BankLayer):
    """Stamps a copy of the kernel, times the pixel, for every pixel, a stride apart, so that pictures grow.

    y[k, i·s + u·d − p, j·s + v·d − p] += w[c, k, u, v] · x[c, i, j] for all channels c, pixels i, j and taps
    u, v; then the bias is added. It is the adjoint of a convolution with this stride, and the same as a
    convolution that moves by a fraction 1/s of a pixel.

    (Dumoulin and Visin, A guide to convolution arithmetic, 2016, chapter 4; Zeiler, Krishnan, Taylor and
    Fergus, Deconvolutional networks, CVPR 2010; Odena, Dumoulin and Olah, Deconvolution and checkerboard
    artifacts, Distill, 2016, on what happens where the stride does not divide the kernel.)
    """

    kind: ClassVar[str] = "conv_transpose"
    title: ClassVar[str] = "Transposed convolution"
    family: ClassVar[str] = "Convolution"
    keywords: ClassVar[str] = (
        "convtranspose2d fractionally strided deconvolution upconvolution enlarge upsample"
    )

    bank: Annotated[
        Bank,
        BankParam(
            label="Filters",
            help="The kernels of each output channel: the stamps that are laid down, times the pixel.",
        ),
    ] = field(default_factory=lambda: Bank.of(Kernel(np.array(TENT), "Tent")))
    stride: Annotated[
        Pair,
        PerAxisParam(
            label="Stride",
            help="How many output pixels lie from one stamp to the next: how many times larger the picture "
            "becomes.",
            each=IntParam(label="Stride", help="Pixels per step.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (2, 2)
    padding: Annotated[
        Padding,
        PaddingParam(
            label="Padding",
            help='How many pixels are cut off the result on each side; "same" leaves stride times the input.',
            maximum=MOST_PADDING,
        ),
    ] = "same"
    output_padding: Annotated[
        Pair,
        PerAxisParam(
            label="Output padding",
            help="How many pixels are added at the bottom and right, to undo a strided convolution of an "
            "uneven size; fewer than the stride or the dilation.",
            each=IntParam(label="Output padding", help="Pixels.", minimum=0, maximum=63, unit="px"),
        ),
    ] = (0, 0)
    dilation: Annotated[
        Pair,
        PerAxisParam(
            label="Dilation",
            help="The distance between neighbouring taps; 2 leaves one output pixel between them.",
            each=IntParam(label="Dilation", help="Pixels per tap.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (1, 1)

    # --- what it is ---

    @property
    def flips(self) -> bool:
        """Whether the kernels are rotated: they are stamped as they are written."""
        return False

    def name(self) -> str:
        step = "" if self.stride == (1, 1) else f" ×{per_axis_text(self.stride)}"
        return f"Transposed conv →{len(self.bank.filters)}, {times(self.bank.shape)}{step}"

    # --- weights, in PyTorch's layout ---

    def weights(self, in_channels: int) -> Mapping[str, FloatArray]:
        """Return "weight" ``(C_in, C_out / groups, rows, columns)`` and "bias" ``(C_out,)``, float64."""
        found = dict(super().weights(in_channels))
        found["weight"] = _swapped(found["weight"], self.group_count(in_channels))
        return found

    def with_weights(self, weights: Mapping[str, FloatArray], in_channels: int) -> Self:
        plain = _swapped(np.asarray(weights["weight"]), self.group_count(in_channels))
        return super().with_weights({**weights, "weight": plain}, in_channels)

    def places(self, in_channels: int) -> Mapping[str, Places]:
        found = dict(super().places(in_channels))
        found["weight"] = _swapped(found["weight"], self.group_count(in_channels))
        return found

    # --- shapes ---

    def placed(self, in_shape: Shape) -> Transpose:
        """Return the core's view of one channel of such an input.

        Raises:
            GeometryError: the layer does not fit this input.
        """
        x = np.broadcast_to(0.0, (1, 1, *in_shape[1:]))
        weight = np.broadcast_to(0.0, (1, 1, *self.bank.shape))
        return checked_transpose(
            x, weight, None, self.stride, self.padding, self.output_padding, self.dilation, 1
        )

    def amounts(self, in_shape: Shape) -> tuple[Pair, Pair]:
        """Return the pixels that are cut off per axis, before and after.

        Raises:
            GeometryError: the layer does not fit this input.
        """
        rows, columns = self.placed(in_shape).pads
        return rows, columns

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels = self.out_channels(in_shape[0])
        height, width = self.placed(in_shape).shape[2:]
        return channels, height, width

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        return Stage(
            self.bank.shape,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.amounts(in_shape),
            kind="transposed",
            output_padding=self.output_padding,
            channels=self.out_channels(in_shape[0]),
            groups=self.group_count(in_shape[0]),
            bias=True,
        )

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        """Return a product for every pixel and every weight of its channel, as of the adjoint convolution."""
        out = self.out_shape(in_shape)
        weights = self.inputs_read(in_shape[0]) * out[0] * self.bank.shape[0] * self.bank.shape[1]
        return dense_cost(in_shape, out, weights * in_shape[1] * in_shape[2], weights + out[0])

    # --- computing ---

    def core_arguments(self, in_channels: int) -> dict[str, Any]:
        """Return the geometry as keyword arguments of ``core.conv_transpose``."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "groups": self.group_count(in_channels),
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
        result: FloatArray = conv_transpose(
            x[np.newaxis],
            weights.astype(x.dtype),
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
        found = conv_transpose_backward(
            grad[np.newaxis],
            x[np.newaxis],
            weights.astype(x.dtype),
            needs=needs,
            control=control,
            **self.core_arguments(len(x)),
        )
        by_x = None if found.grad_x is None else found.grad_x[0]
        return BankGradients(by_x, found.grad_weight, found.grad_bias)

    # --- repairs ---

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        try:
            self.inputs_read(in_shape[0])
        except GeometryError:
            return self.repair_channels(in_shape[0])
        return first_that_fits(self, self._repairs(), in_shape)

    def _repairs(self) -> Iterator[Repair]:
        """Changes that may help; the last always does."""
        room = tuple(max(step, gap) - 1 for step, gap in zip(self.stride, self.dilation, strict=True))
        less = tuple(min(extra, most) for extra, most in zip(self.output_padding, room, strict=True))
        if less != self.output_padding:
            yield Repair(
                f"Reduce the output padding to {per_axis_text((less[0], less[1]))}", {"output_padding": less}
            )
        yield Repair("Pad to the same size", {"padding": "same"})
        yield Repair("Cut nothing off", {"padding": "valid"})
        yield Repair("Cut nothing off and add nothing", {"padding": "valid", "output_padding": (0, 0)})


def _swapped(weight: _Numbers, groups: int) -> _Numbers:
    """Return weights of grouped filters with outputs and inputs in each other's place; its own inverse."""
    outputs, inputs, *kernel = weight.shape
    grouped = weight.reshape(groups, outputs // groups, inputs, *kernel)
    swapped: Any = np.ascontiguousarray(grouped.swapaxes(1, 2))
    result: _Numbers = swapped.reshape(groups * inputs, outputs // groups, *kernel)
    return result
