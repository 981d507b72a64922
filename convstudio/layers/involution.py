"""Involution: kernels that the picture makes for itself, position by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np

from convstudio.core import (
    Control,
    Cost,
    GeometryError,
    involution,
    involution_backward,
    involution_kernels,
    involution_kernels_backward,
    pad_backward,
)
from convstudio.core.checks import checked_out
from convstudio.core.geometry import fitted_shape, resolve_padding, span
from convstudio.core.gradients.progress import share
from convstudio.core.padding import PaddedSource, checked_mode
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair, Shape, dense_cost
from convstudio.layers.common import (
    BORDERS,
    counted,
    first_that_fits,
    nearest_divisor,
    per_axis_text,
    shape_of,
    times,
)
from convstudio.layers.stored import StoredArrays
from convstudio.spec.params import ChoiceParam, IntParam, Pair, ParamError, PerAxisParam

_BAND_BYTES = 24 << 20
"""Kernels that are held at a time: one has to be made for every position."""

_BORDERS = tuple(choice for choice in BORDERS if choice.value != "constant")


@dataclass(frozen=True)
class Involution(Layer):
    """Makes a kernel of its own for every position, out of the pixel's channels, and lays it over its window.

    y[c, i, j] = Σ_u Σ_v H[g, u, v, i, j] · x[c, i·s + u·d − p, j·s + v·d − p], where the kernels come from
    the picture itself, H[:, :, :, i, j] = W₁ · relu(W₀ · x[:, i, j] + b₀) + b₁, and all channels of a group g
    share them. At a stride the mean of the pixels in a step stands for x[:, i, j]. Until it is trained the
    weights are random: W₀ drawn after He et al., 2015, W₁ after Glorot and Bengio, 2010.

    (Li, Hu, Wang, Li, She, Zhu, Zhang and Chen, Involution: Inverting the inherence of convolution for visual
    recognition, CVPR 2021, equations 4 to 6.)
    """

    kind: ClassVar[str] = "involution"
    title: ClassVar[str] = "Involution"
    family: ClassVar[str] = "Convolution"
    keywords: ClassVar[str] = "dynamic kernel per position spatial specific attention red rednet"

    kernel: Annotated[
        Pair,
        PerAxisParam(
            label="Kernel",
            help="How many rows and columns of pixels each position's kernel covers.",
            each=IntParam(label="Kernel", help="Pixels.", minimum=1, maximum=15, unit="px"),
        ),
    ] = (3, 3)
    groups: Annotated[
        int,
        IntParam(
            label="Groups",
            help="Into how many groups the channels fall; those of a group share their kernels. It must "
            "divide the channels.",
            minimum=1,
            maximum=512,
        ),
    ] = 1
    reduction: Annotated[
        int,
        IntParam(
            label="Reduction",
            help="How many times fewer channels the kernels are made from than come in, at least one.",
            minimum=1,
            maximum=64,
        ),
    ] = 1
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
    padding_mode: Annotated[
        str,
        ChoiceParam(
            label="Border",
            help="What lies around the picture, which is padded so that the result keeps its size, divided "
            "by the stride.",
            choices=_BORDERS,
        ),
    ] = "reflect"
    seed: Annotated[
        int,
        IntParam(
            label="Seed",
            help="Which random weights the kernels are made with; the same seed gives the same ones.",
            minimum=0,
            maximum=999_999,
        ),
    ] = 0
    trained: StoredArrays | None = None
    """Weights that replace the random ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trained is not None and not isinstance(self.trained, StoredArrays):
            raise ParamError(f"trained weights must be stored arrays, got {type(self.trained).__name__}")

    # --- what it is ---

    def name(self) -> str:
        step = "" if self.stride == (1, 1) else f" /{per_axis_text(self.stride)}"
        return f"Involution {times(self.kernel)}{step}"

    @property
    def taps(self) -> int:
        """Weights of one kernel."""
        return self.kernel[0] * self.kernel[1]

    # --- weights ---

    def weight_shapes(self, in_channels: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the generator's arrays: W₀, b₀, W₁ and b₁."""
        hidden, outputs = max(in_channels // self.reduction, 1), self.groups * self.taps
        return {
            "reduce": (hidden, in_channels, 1, 1),
            "reduce_bias": (hidden,),
            "span": (outputs, hidden, 1, 1),
            "span_bias": (outputs,),
        }

    def weights(self, in_channels: int) -> Mapping[str, FloatArray]:
        shapes = self.weight_shapes(in_channels)
        if self.trained is not None:
            self._check_trained(shapes)
            return self.trained
        numbers = np.random.default_rng(self.seed)
        hidden, outputs = shapes["reduce"][0], shapes["span"][0]
        return {
            "reduce": numbers.standard_normal(shapes["reduce"]) * (2 / in_channels) ** 0.5,
            "reduce_bias": np.zeros(hidden),
            "span": numbers.standard_normal(shapes["span"]) * (2 / (hidden + outputs)) ** 0.5,
            "span_bias": np.zeros(outputs),
        }

    def with_weights(self, weights: Mapping[str, FloatArray], in_channels: int) -> Self:
        found = {name: np.shape(values) for name, values in weights.items()}
        wanted = self.weight_shapes(in_channels)
        if found != wanted:
            raise ValueError(f"the weights of this involution have the shapes {wanted}, got {found}")
        return self.replace(trained=StoredArrays(weights))

    def _check_trained(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if self.trained is not None and self.trained.shapes() != shapes:
            raise GeometryError(
                "the trained weights are for another kernel or reduction, or for other groups or channels"
            )

    # --- shapes ---

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        channels, *spatial = in_shape
        if channels % self.groups:
            raise GeometryError(f"{counted(channels, 'channel')} do not fall into {self.groups} equal groups")
        self._check_trained(self.weight_shapes(channels))
        pads = self.amounts((spatial[0], spatial[1]))
        checked_mode(self.padding_mode, 0.0, spatial, pads)
        height, width = fitted_shape(spatial, self.kernel, self.stride, pads, self.dilation)
        return channels, height, width

    def amounts(self, spatial: Pair) -> tuple[Pair, Pair]:
        """Return the pixels of padding per axis, before and after."""
        rows, columns = resolve_padding("same", spatial, self.kernel, self.stride, self.dilation)
        return rows, columns

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        """Return the window, and with it what the kernel is made from: the pixels of a step."""
        self.out_shape(in_shape)
        pads = self.amounts(in_shape[1:])
        made_from = [min(step, n) for step, n in zip(self.stride, in_shape[1:], strict=True)]
        if all(
            length == 1 and before % gap == 0
            for length, (before, _), gap in zip(made_from, pads, self.dilation, strict=True)
        ):
            return Stage(self.kernel, stride=self.stride, dilation=self.dilation, padding="same")
        window, padding = [], []
        for axis, length in enumerate(made_from):
            before, after = pads[axis]
            reach = span(self.kernel[axis], self.dilation[axis]) - before
            window.append(max(reach, length) + before)
            padding.append((before, after + max(length - reach, 0)))
        return Stage(tuple(window), stride=self.stride, padding=tuple(padding))

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        """Return the products of laying the kernels over the picture and of making them."""
        out = self.out_shape(in_shape)
        channels, height, width = out
        shapes = self.weight_shapes(channels).values()
        made = sum(shape[0] * shape[1] for shape in shapes if len(shape) > 1)
        parameters = sum(int(np.prod(shape)) for shape in shapes)
        return dense_cost(in_shape, out, height * width * (channels * self.taps + made), parameters)

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        groups = nearest_divisor(self.groups, in_shape[0])
        repairs = (
            Repair(f"Use {counted(groups, 'group')}", {"groups": groups}),
            Repair("Use a border of zeros", {"padding_mode": "zeros"}),
            Repair("Start again from random weights", {"trained": None}),
            Repair(
                f"Use {counted(groups, 'group')}, random weights and a border of zeros",
                {"groups": groups, "trained": None, "padding_mode": "zeros"},
            ),
        )
        return first_that_fits(self, repairs, in_shape)

    # --- computing ---

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        bands = _Bands(self, x)
        result: FloatArray = checked_out(out, bands.shape, x.dtype, x=x)
        for band in bands:
            part = bands.share_of(control, band)
            kernels = bands.kernels(band, share(part, 0.0, 0.5))
            made = involution(
                bands.block(band),
                kernels,
                stride=self.stride,
                dilation=self.dilation,
                control=share(part, 0.5, 1.0),
            )
            result[:, band.first : band.stop] = made[0]
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        bands = _Bands(self, x)
        padded = np.zeros((len(x), *bands.source.shape[1:]), x.dtype)
        through_kernels = np.empty(x.shape, x.dtype)
        sums = {name: np.zeros(shape, x.dtype) for name, shape in self.weight_shapes(len(x)).items()}
        for band in bands:
            part = bands.share_of(control, band)
            kernels = bands.kernels(band, share(part, 0.0, 0.2))
            found = involution_backward(
                grad[np.newaxis, :, band.first : band.stop],
                bands.block(band),
                kernels,
                stride=self.stride,
                dilation=self.dilation,
                control=share(part, 0.2, 0.6),
            )
            padded[:, band.low : band.high] += found.grad_x[0]
            made = involution_kernels_backward(
                found.grad_kernels,
                x[np.newaxis, :, band.top : band.bottom],
                **bands.generator,
                control=share(part, 0.6, 1.0),
            )
            through_kernels[:, band.top : band.bottom] = made.grad_x[0]
            for name, total in sums.items():
                total += getattr(made, f"grad_{name}")
        pads = bands.source.pads[1:]
        grad_x = pad_backward(padded[np.newaxis], x[np.newaxis], pads, padding_mode=self.padding_mode)[0]
        grad_x += through_kernels
        return LayerGradients(grad_x, sums)


class _Band(NamedTuple):
    """A range of output rows.

    Attributes:
        first, stop: the output rows.
        low, high: the padded rows that they read.
        top, bottom: the input rows that their kernels are made from.
    """

    first: int
    stop: int
    low: int
    high: int
    top: int
    bottom: int


class _Bands:
    """An involution of one picture, cut into bands so that few kernels exist at a time."""

    def __init__(self, layer: Involution, x: FloatArray) -> None:
        self.shape = layer.out_shape(shape_of(x))
        self._x = x
        self._layer = layer
        pads = layer.amounts((x.shape[1], x.shape[2]))
        self.source = PaddedSource(x[np.newaxis], ((0, 0), *pads), layer.padding_mode, 0.0, x.dtype)
        self.generator: dict[str, Any] = {
            **layer.weights(len(x)),
            "kernel_size": layer.kernel,
            "groups": layer.groups,
            "stride": layer.stride,
        }
        row = layer.groups * layer.taps * self.shape[2] * x.dtype.itemsize
        self._rows = max(_BAND_BYTES // row, 1)

    def __iter__(self) -> Iterator[_Band]:
        step, reach = self._layer.stride[0], span(self._layer.kernel[0], self._layer.dilation[0])
        for first in range(0, self.shape[1], self._rows):
            stop = min(first + self._rows, self.shape[1])
            bottom = min(stop * step, self._x.shape[1])
            yield _Band(first, stop, first * step, (stop - 1) * step + reach, first * step, bottom)

    def share_of(self, control: Control | None, band: _Band) -> Control | None:
        """Return a band's part of the whole work."""
        return share(control, band.first / self.shape[1], band.stop / self.shape[1])

    def kernels(self, band: _Band, control: Control | None) -> FloatArray:
        """Return the kernels of a band's output cells."""
        rows = self._x[np.newaxis, :, band.top : band.bottom]
        return involution_kernels(rows, **self.generator, control=control)

    def block(self, band: _Band) -> FloatArray:
        """Return the padded rows that a band reads, (1, C, rows, columns)."""
        channels, wide = len(self._x), self.source.shape[2]
        block = np.empty((1, channels, 1, band.high - band.low, wide), self._x.dtype)
        low, high = (0, band.low, 0), (1, band.high, wide)
        self.source.fill(block, (0, 1), (0, channels), low, high)
        return block[:, :, 0]
