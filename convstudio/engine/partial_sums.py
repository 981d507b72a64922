"""Inside one output channel: what each input channel adds to it, as pictures and as the numbers of one cell.

y[k] = bias[k] + Σ_c X_c ⋆ W_kc, in the order of the input channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, GeometryError, conv, conv_transpose, pad
from convstudio.core.gradients.progress import share
from convstudio.engine.channel_statistics import ChannelStatistics, channel_statistics, joined
from convstudio.engine.feature_maps import thumbnail_shape, thumbnails
from convstudio.layers import Conv, ConvTranspose
from convstudio.layers.base import FloatArray
from convstudio.layers.common import shape_of

Floats = NDArray[np.float64]
Summing = Conv | ConvTranspose
"""The layers whose output is a sum over input channels; a circular convolution is a ``Conv``."""

_BATCH_BYTES = 64 << 20  # partial results that are held at a time where not all are asked for


@dataclass(frozen=True, eq=False)
class PartialSums:
    """What makes up one output channel.

    Attributes:
        channels: the n input channels that it reads, in the order of the sum.
        parts: ``(n, H, W)``, each one's result alone, of the input's dtype.
        bias: what is added at the end.
        total: ``(H, W)``, their sum in that order with the bias: the output channel, but for rounding.
    """

    channels: tuple[int, ...]
    parts: FloatArray
    bias: float
    total: FloatArray

    def running(self) -> FloatArray:
        """Return ``(n, H, W)``: the sum after each input channel, without the bias."""
        sums: FloatArray = np.cumsum(self.parts, axis=0, dtype=self.parts.dtype)
        return sums


@dataclass(frozen=True, eq=False)
class PartialSketches:
    """The same in small, for any number of input channels.

    Attributes:
        channels: the n input channels, in the order of the sum.
        thumbs: float32 ``(n, h, w)``, block means of each one's result.
        magnitudes: float32 ``(n, h, w)``, those of its magnitude, for the view of magnitudes.
        stats: of the whole results, which ``colour_thumbnails`` takes for its scales.
        at_cell: float64 ``(n,)``, the results' values at the cell that was asked for, else empty.
        bias, total: as of ``PartialSums``.
    """

    channels: tuple[int, ...]
    thumbs: NDArray[np.float32]
    magnitudes: NDArray[np.float32]
    stats: ChannelStatistics
    at_cell: Floats
    bias: float
    total: FloatArray

    def running(self) -> NDArray[np.float32]:
        """Return ``(n, h, w)``: thumbnails of the sum after each input channel, without the bias."""
        return np.cumsum(self.thumbs, axis=0, dtype=np.float32)


def partial_sums(
    layer: Summing, x: FloatArray, out_channel: int, control: Control | None = None
) -> PartialSums:
    """Return each input channel's part of an output channel, as large as the output.

    Args:
        layer: a convolution of any kind.
        x: its input ``(C, H, W)``.
        out_channel: of its output, from 0.
        control: stops the work and hears of its progress.

    Raises:
        GeometryError: the layer does not fit, or has no such output channel.
        Cancelled: ``control`` was cancelled.
    """
    sum_of = _Sum(layer, x, out_channel)
    parts = np.empty((len(sum_of.channels), *sum_of.spatial), x.dtype)
    for some, block in sum_of.batches(control):
        parts[some] = block
    total = np.zeros(sum_of.spatial, x.dtype)
    with np.errstate(all="ignore"):  # NaN and infinity are data
        for part in parts:
            total += part
        total += x.dtype.type(sum_of.bias)
    return PartialSums(sum_of.channels, parts, sum_of.bias, total)


def partial_sketches(
    layer: Summing,
    x: FloatArray,
    out_channel: int,
    box: tuple[int, int],
    control: Control | None = None,
    *,
    cell: tuple[int, int] | None = None,
) -> PartialSketches:
    """Return each input channel's part as a thumbnail, in the memory of a few parts.

    Args:
        layer, x, out_channel, control: as of ``partial_sums``.
        box: the most rows and columns of a thumbnail.
        cell: row and column of an output cell at which to give the parts' values.

    Raises:
        GeometryError: the layer does not fit, or has no such output channel or cell.
        Cancelled: ``control`` was cancelled.
    """
    sum_of = _Sum(layer, x, out_channel)
    count = len(sum_of.channels)
    if cell is not None:
        _check_cell(cell, sum_of.spatial)
    shape = (count, *thumbnail_shape(sum_of.spatial, box))
    thumbs, magnitudes = np.empty(shape, np.float32), np.empty(shape, np.float32)
    at_cell = np.zeros(0 if cell is None else count)
    total = np.zeros(sum_of.spatial, x.dtype)
    stats = []
    for some, block in sum_of.batches(control):
        thumbs[some] = thumbnails(block, box)
        magnitudes[some] = thumbnails(block, box, magnitudes=True)
        stats.append(channel_statistics(block))
        if cell is not None:
            at_cell[some] = block[:, cell[0], cell[1]]
        with np.errstate(all="ignore"):
            for part in block:
                total += part
    with np.errstate(all="ignore"):
        total += x.dtype.type(sum_of.bias)
    return PartialSketches(sum_of.channels, thumbs, magnitudes, joined(stats), at_cell, sum_of.bias, total)


class _Sum:
    """The sum behind one output channel."""

    def __init__(self, layer: Summing, x: FloatArray, out_channel: int) -> None:
        count, *spatial = layer.out_shape(shape_of(x))
        if not 0 <= out_channel < count:
            raise GeometryError(f"the output channels are 0 to {count - 1}, got {out_channel}")
        self.spatial = (spatial[0], spatial[1])
        index, self.channels = layer.filter_at(out_channel, len(x))
        self.bias = float(x.dtype.type(layer.bank.filters[index].bias))
        self._layer, self._x = layer, x
        self.weights = used_weights(layer, len(x), out_channel).astype(x.dtype)

    def batches(self, control: Control | None) -> Iterator[tuple[slice, FloatArray]]:
        """Yield which of the parts, and these ``(n, H, W)``."""
        count = len(self.channels)
        each = self.spatial[0] * self.spatial[1] * self._x.dtype.itemsize
        step = max(1, _BATCH_BYTES // each)
        operation = conv_transpose if isinstance(self._layer, ConvTranspose) else conv
        arguments = self._layer.core_arguments(len(self._x))
        for first in range(0, count, step):
            some = slice(first, min(first + step, count))
            arguments["groups"] = some.stop - first  # each channel with a kernel of its own, and alone
            low = self.channels[0] + first
            block = operation(
                self._x[np.newaxis, low : low + some.stop - first],
                self.weights[some, np.newaxis],
                control=share(control, first / count, some.stop / count),
                **arguments,
            )
            yield some, block[0]


def used_weights(layer: Summing, in_channels: int, out_channel: int) -> FloatArray:
    """Return the weights of an output channel, float64 ``(n, rows, columns)``, as the core is given them."""
    if isinstance(layer, Conv):
        weights: FloatArray = layer.core_weights(in_channels)[out_channel]
        return weights
    filters: FloatArray = layer.filter_weights(in_channels)[out_channel]
    return filters


# --- one cell ---


@dataclass(frozen=True, eq=False)
class Contributions:
    """The numbers that one output cell is made of, float64; n channels, kernels of rows × columns taps.

    Attributes:
        channels: the n input channels.
        pixels: ``(n, rows, columns)``, what lies under each tap, padding with its value.
        weights: ``(n, rows, columns)``, as they lie on the picture: rotated where the layer convolves.
        products: their products; of a tap that reads nothing 0.
        sums: ``(n,)``, the products of each channel added up.
        bias: what is added at the end.
        result: the sum of all.
        rows, columns: the input's row or column that each row or column of taps lies on; in the padding they
            are below 0 or beyond the input.
        shown_rows, shown_columns: the row or column whose value stands there, −1 for a constant.
        padding: bool ``(rows, columns)``, taps that lie on padding.
        reads: bool ``(rows, columns)``, taps that read anything. In a transposed convolution with a stride,
            or at its border, some do not.
    """

    channels: tuple[int, ...]
    pixels: Floats
    weights: Floats
    products: Floats
    sums: Floats
    bias: float
    result: float
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    shown_rows: tuple[int, ...]
    shown_columns: tuple[int, ...]
    padding: NDArray[np.bool_]
    reads: NDArray[np.bool_]


def contributions(layer: Summing, x: FloatArray, out_channel: int, row: int, column: int) -> Contributions:
    """Return the numbers of one output cell.

    Raises:
        GeometryError: the layer does not fit, or has no such output channel or cell.
    """
    sum_of = _Sum(layer, x, out_channel)
    _check_cell((row, column), sum_of.spatial)
    weights = sum_of.weights.astype(np.float64)
    if layer.flips:
        weights = weights[:, ::-1, ::-1]
    make = _stamped if isinstance(layer, ConvTranspose) else _slid
    rows, columns = (make(layer, x, axis, cell) for axis, cell in enumerate((row, column)))
    reads = np.logical_and.outer(rows.reads, columns.reads)
    padding = np.logical_or.outer(rows.padding, columns.padding) & reads
    constant = np.logical_or.outer(rows.shown < 0, columns.shown < 0)
    low = sum_of.channels[0]
    planes = x[low : low + len(sum_of.channels)]
    pixels = planes[:, rows.shown[:, None], columns.shown].astype(np.float64)
    pixels[:, constant] = _fill(layer, x.dtype)
    with np.errstate(all="ignore"):  # NaN and infinity are data
        products = np.where(reads, pixels * weights, 0.0)
        sums = products.sum(axis=(1, 2))
        result = float(sums.sum() + sum_of.bias)
    return Contributions(
        channels=sum_of.channels,
        pixels=pixels,
        weights=weights,
        products=products,
        sums=sums,
        bias=sum_of.bias,
        result=result,
        rows=tuple(rows.at.tolist()),
        columns=tuple(columns.at.tolist()),
        shown_rows=tuple(rows.shown.tolist()),
        shown_columns=tuple(columns.shown.tolist()),
        padding=padding,
        reads=reads,
    )


@dataclass(frozen=True, eq=False)
class _Taps:
    """Where taps lie along one axis: the cell, the cell that is shown there, and whether it is any."""

    at: NDArray[np.int64]
    shown: NDArray[np.int64]
    padding: NDArray[np.bool_]
    reads: NDArray[np.bool_]


def _slid(layer: Any, x: FloatArray, axis: int, cell: int) -> _Taps:
    """The taps of a convolution's window: cell · stride + tap · dilation − padding."""
    n, taps = x.shape[1 + axis], np.arange(layer.bank.shape[axis])
    amounts = layer.amounts((x.shape[1], x.shape[2]))[axis]
    at = cell * layer.stride[axis] + taps * layer.dilation[axis] - amounts[0]
    mode = layer.padding_mode
    if mode in ("zeros", "constant"):
        shown = np.where((at >= 0) & (at < n), at, -1)
    else:  # the core says which cell its padding repeats
        line = pad(np.arange(n, dtype=np.float64)[None, None], (amounts,), padding_mode=mode)[0, 0]
        shown = line[at + amounts[0]].astype(np.int64)
    return _Taps(at, shown, (at < 0) | (at >= n), np.ones(len(taps), bool))


def _stamped(layer: Any, x: FloatArray, axis: int, cell: int) -> _Taps:
    """The cells i whose stamps reach the output cell: i · stride + tap · dilation − padding is that cell."""
    n, taps = x.shape[1 + axis], np.arange(layer.bank.shape[axis])
    before = layer.stage(shape_of(x)).padding[axis][0]
    offset = cell + before - taps * layer.dilation[axis]
    at, rest = np.divmod(offset, layer.stride[axis])
    reads = (rest == 0) & (at >= 0) & (at < n)
    return _Taps(at, np.where(reads, at, -1), np.zeros(len(taps), bool), reads)


def _fill(layer: Summing, dtype: np.dtype[Any]) -> float:
    """What a tap shows that no cell of the input stands behind."""
    if isinstance(layer, Conv) and layer.padding_mode == "constant":
        return float(dtype.type(layer.padding_value))
    return 0.0


def _check_cell(cell: tuple[int, int], spatial: tuple[int, int]) -> None:
    if not (0 <= cell[0] < spatial[0] and 0 <= cell[1] < spatial[1]):
        raise GeometryError(
            f"the output has {spatial[0]}×{spatial[1]} cells, got row {cell[0]}, column {cell[1]}"
        )
