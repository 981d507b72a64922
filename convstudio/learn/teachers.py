"""What a student should find, where it is known: the hidden kernel, or that of a stack of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.core import GeometryError, receptive_fields
from convstudio.kernels import Kernel
from convstudio.layers import Conv, Luminance
from convstudio.layers.base import FloatArray, Layer, Shape
from convstudio.learn.network import Network, Values
from convstudio.learn.ties import ties_of
from convstudio.model import Project
from convstudio.spec.params import Pair

LARGEST_PROBE = 127
"""Rows and columns of the largest window of a stack whose kernel is asked for."""

_TINY = 1e-12
"""Of the largest weight: what rounding leaves where a stack's kernel is 0."""


@dataclass(frozen=True, eq=False)
class Known:
    """A filter in full: y[k, i, j] = bias[k] + Σ weights[k, c, u, v] · x[c, i + start₀ + u, j + start₁ + v].

    Attributes:
        weights: ``(C_out, C_in, rows, columns)`` float64, taps one pixel apart.
        bias: ``(C_out,)`` float64.
        start: where the window of the first cell begins on the picture before.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    start: Pair


def framed(kernel: Kernel, size: Pair) -> Kernel:
    """Return a kernel with zeros around to at least this size, in the place where "same" padding lays it."""
    rows, columns = (max(a, b) for a, b in zip(kernel.shape, size, strict=True))
    if (rows, columns) == kernel.shape:
        return kernel
    values = np.zeros((rows, columns))
    top, left = (
        (largest - 1) // 2 - (own - 1) // 2
        for largest, own in zip((rows, columns), kernel.shape, strict=True)
    )
    values[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel.values
    return Kernel(values, kernel.title)


def of_kernel(layer: Conv, channels: int) -> Known:
    """Return the filter of a single kernel with stride 1 that is laid over each channel alone."""
    kernel = layer.bank.filters[0].kernels[0].values
    rows, columns = layer.dilation
    wide = np.zeros(((kernel.shape[0] - 1) * rows + 1, (kernel.shape[1] - 1) * columns + 1))
    wide[::rows, ::columns] = kernel
    weights = np.zeros((channels, channels, *wide.shape))
    weights[np.arange(channels), np.arange(channels)] = wide
    # "same" puts the smaller half of the window in front, whatever the size of the picture.
    start = (-((wide.shape[0] - 1) // 2), -((wide.shape[1] - 1) // 2))
    return Known(weights, np.zeros(channels), start)


def of_stack(project: Project, channels: int) -> Known | None:
    """Return the one filter that a stack amounts to, or None if it is not one.

    A stack of convolutions with stride 1 (and luminance) is linear and the same everywhere, apart from its
    borders: its answer to a single bright pixel is its kernel, turned by 180°.
    """
    layers = [item.layer for item in project.layers if item.enabled]
    if not layers or not all(_plain(layer) for layer in layers):
        return None
    reach = 1 + sum(_extent(layer) for layer in layers if isinstance(layer, Conv))
    if reach > LARGEST_PROBE:
        return None
    side = 3 * reach + 2  # so large that no border is felt around the middle
    shape: Shape = (channels, side, side)
    stages = []
    try:
        for layer in layers:
            stages.append(layer.stage(shape))
            shape = layer.out_shape(shape)
        rows, columns = receptive_fields(stages, (side, side))[-1].fields
    except GeometryError:
        return None
    picture = np.zeros((channels, side, side))
    flat = _through(layers, picture)
    at = side // 2
    # The cells whose windows hold the bright pixel, from the last tap to the first.
    first = (at - rows.start - rows.size + 1, at - columns.start - columns.size + 1)
    stop = (first[0] + rows.size, first[1] + columns.size)
    if min(first) < 0 or stop[0] > shape[1] or stop[1] > shape[2]:
        return None
    weights = np.zeros((shape[0], channels, rows.size, columns.size))
    for channel in range(channels):
        picture[channel, at, at] = 1.0
        answer = _through(layers, picture) - flat
        picture[channel, at, at] = 0.0
        weights[:, channel] = answer[:, first[0] : stop[0], first[1] : stop[1]][:, ::-1, ::-1]
    return Known(weights, flat[:, first[0], first[1]].astype(np.float64), (rows.start, columns.start))


def _plain(layer: object) -> bool:
    return isinstance(layer, Luminance) or (type(layer) is Conv and layer.stride == (1, 1))


def _extent(layer: Conv) -> int:
    return max((k - 1) * d for k, d in zip(layer.bank.shape, layer.dilation, strict=True))


def _through(layers: Sequence[Layer], picture: FloatArray) -> FloatArray:
    for layer in layers:
        picture = layer.forward(picture)
    return picture


def placed(known: Known, network: Network, at: Pair, cut: Pair) -> Values | None:
    """Return a filter as the arrays of a student of one convolution, or None if it has no room for it.

    Args:
        known: the filter that made the picture after.
        network: the student.
        at: the cell of the picture after that the student's first cell is compared with.
        cut: rows and columns that were cut off in front of the picture before.
    """
    layer = network.layers[0]
    if len(network.layers) != 1 or type(layer) is not Conv:
        return None
    fields = network.fields()
    offset = [at[i] + known.start[i] - fields[i].start - cut[i] for i in (0, 1)]
    weights = _on_taps(known.weights, layer, network.in_shape[0], (offset[0], offset[1]))
    if weights is None or weights.shape[0] != len(known.bias):
        return None
    wanted = {"weight": weights[..., ::-1, ::-1].copy() if layer.flips else weights, "bias": known.bias}
    learned = {parameter.name for parameter in network.parameters}
    for name, value in layer.weights(network.in_shape[0]).items():
        if name not in learned and not np.allclose(value, wanted[name], atol=1e-9):
            return None
    values = tuple(np.array(wanted[parameter.name], np.float64) for parameter in network.parameters)
    return values if _expressible(values, network) else None


def _on_taps(
    weights: NDArray[np.float64], layer: Conv, channels: int, offset: Pair
) -> NDArray[np.float64] | None:
    """The weights at the student's taps, in its own layout; None if the filter has others that are not 0."""
    outputs, inputs = weights.shape[:2]
    groups = layer.group_count(channels)
    if inputs != channels or outputs != layer.out_channels(channels):
        return None
    left = np.where(np.abs(weights) > _TINY * np.abs(weights).max(initial=0.0), weights, 0.0)
    into, taken = [], []
    for axis in (0, 1):
        places = layer.dilation[axis] * np.arange(layer.bank.shape[axis]) - offset[axis]
        shared = np.flatnonzero((places >= 0) & (places < weights.shape[axis + 2]))
        into.append(shared)
        taken.append(places[shared])
    width = inputs // groups
    found = np.zeros((outputs, width, *layer.bank.shape))
    for k in range(outputs):
        first = k // (outputs // groups) * width
        part = left[k, first : first + width]
        found[k][:, into[0][:, np.newaxis], into[1]] = part[:, taken[0][:, np.newaxis], taken[1]]
        part[:, taken[0][:, np.newaxis], taken[1]] = 0.0
    return None if left.any() else found


def _expressible(values: Values, network: Network) -> bool:
    """Whether the student can have these weights: where it shares a number they must be the same."""
    (layer,) = network.layers
    ties = ties_of(layer, network.in_shape[0])
    for parameter, value in zip(network.parameters, values, strict=True):
        slots = ties[parameter.name].slots
        if slots is None:
            continue
        means = np.bincount(slots, value.reshape(-1)) / np.maximum(np.bincount(slots), 1)
        means[0] = 0.0
        if not np.allclose(means[slots], value.reshape(-1), rtol=0.0, atol=1e-9):
            return False
    return True
