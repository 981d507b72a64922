"""What other ways of convolving would cost in the place of a layer."""

from __future__ import annotations

from dataclasses import dataclass

from convstudio.layers import Conv
from convstudio.layers.base import Shape


@dataclass(frozen=True)
class Alternative:
    """Another way, with the same input and output shapes.

    Attributes:
        name: what it is called.
        multiply_adds: of one picture.
        parameters: weights, and one bias for each output channel.
        ratio: its multiply-adds over those of the layer; above 1 it costs more.
        text: a sentence with its source.
    """

    name: str
    multiply_adds: int
    parameters: int
    ratio: float
    text: str


def alternatives(layer: Conv, in_shape: Shape) -> tuple[Alternative, ...]:
    """Return what a convolution could be replaced by, the cheapest first; none for a 1×1 kernel.

    They are not equivalents: each can learn a part of what the layer can, or more of it in steps.

    Raises:
        GeometryError: the layer does not fit this input.
    """
    job = _Job(layer, in_shape)
    found = []
    if job.taps > 1 and job.inputs > 1:
        found += [_separable(job), _pointwise(job)]
    rows, columns = layer.bank.shape
    if rows == columns and rows >= 5 and rows % 2 and layer.stride == (1, 1):
        found.append(_small_kernels(job, rows))
    return tuple(sorted(found, key=lambda each: each.multiply_adds))


class _Job:
    """The numbers of a convolution: channels, cells, taps, and its cost."""

    def __init__(self, layer: Conv, in_shape: Shape) -> None:
        self.outputs, height, width = layer.out_shape(in_shape)
        self.inputs = layer.inputs_read(in_shape[0])
        self.groups = layer.group_count(in_shape[0])
        self.in_channels = in_shape[0]
        self.spatial = in_shape[1:]
        self.out_spatial = (height, width)
        self.cells = height * width
        self.kernel = layer.bank.shape
        self.taps = self.kernel[0] * self.kernel[1]
        self.multiply_adds = layer.cost(in_shape).multiply_adds

    def alternative(self, name: str, multiply_adds: int, weights: int, text: str) -> Alternative:
        ratio = multiply_adds / self.multiply_adds
        return Alternative(name, multiply_adds, weights + self.outputs, ratio, text)


def _separable(job: _Job) -> Alternative:
    weights = job.in_channels * job.taps + job.outputs * job.inputs
    per_group = job.outputs // job.groups
    share = 1 / per_group + 1 / job.taps
    kernel = f"{job.kernel[0]}×{job.kernel[1]}"
    return job.alternative(
        "Depthwise separable",
        weights * job.cells,
        weights,
        f"One {kernel} kernel for each channel alone, then a 1×1 convolution that mixes them, takes "
        f"1/{per_group} + 1/{job.taps} = {share:.3g} of the products (Howard et al., MobileNets, 2017).",
    )


def _pointwise(job: _Job) -> Alternative:
    weights = job.outputs * job.inputs
    return job.alternative(
        "Pointwise",
        weights * job.cells,
        weights,
        f"A 1×1 convolution mixes the channels of each pixel and sees no neighbours: 1/{job.taps} of the "
        "products (Lin, Chen and Yan, Network in network, 2014).",
    )


def _small_kernels(job: _Job, side: int) -> Alternative:
    """Return the cost of layers of 3×3 kernels that see as much; between them the size goes over evenly."""
    count = (side - 1) // 2
    later = job.outputs // job.groups  # channels that a kernel of the second layer and those after it reads
    weights, products = 0, 0
    for step in range(1, count + 1):
        each = 9 * job.outputs * (job.inputs if step == 1 else later)
        height, width = (
            n + -(-(out - n) * step // count) for n, out in zip(job.spatial, job.out_spatial, strict=True)
        )
        weights += each
        products += each * height * width
    return job.alternative(
        f"{count} layers of 3×3",
        products,
        weights,
        f"{count} layers of 3×3 kernels see as far as one of {side}×{side}, with {9 * count} weights for a "
        f"pair of channels instead of {side * side} and room for activations between them (Simonyan and "
        "Zisserman, Very deep convolutional networks, 2015).",
    )
