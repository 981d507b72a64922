"""What output cells should hold, of layers that convolve, by gathering just what these cells read.

For the proof alone, in float64. Plain convolutions are proved by ``engine.proof``, with SciPy.
"""

from __future__ import annotations

import math

import numpy as np

from convstudio.engine.proof import ProofJob
from convstudio.engine.proof_cells import Array, Cells, Expected, Floats, Indices
from convstudio.engine.proof_windows import Pair, Taps, same_padding, shown_cells
from convstudio.layers import CircularConv, Conv, ConvTranspose, Involution


def conv_job(layer: Conv, x: Array) -> ProofJob:
    """Return a convolution as the proof of convolutions wants it; circles are drawn anew."""
    weights = layer.filter_weights(len(x)).astype(np.float64)
    if isinstance(layer, CircularConv):
        weights = _on_circles(weights)
    return ProofJob(
        x=x,
        weight=weights.astype(x.dtype),
        amounts=layer.amounts((x.shape[1], x.shape[2])),
        stride=layer.stride,
        dilation=layer.dilation,
        bias=layer.biases(len(x)),
        groups=layer.group_count(len(x)),
        padding_mode=layer.padding_mode,
        padding_value=layer.padding_value,
        flip=layer.flips,
    )


def _on_circles(weights: Floats) -> Floats:
    """Square kernels that do what these do with the 8r taps of ring r at equal angles on a circle."""
    side = weights.shape[-1]
    centre = side // 2
    moved = np.zeros_like(weights)
    moved[..., centre, centre] = weights[..., centre, centre]
    for radius in range(1, centre + 1):
        for number, (down, across) in enumerate(_ring(radius)):
            angle = math.pi * number / (4 * radius)
            y, x = _snapped(centre + radius * math.sin(angle)), _snapped(centre + radius * math.cos(angle))
            top, left = math.floor(y), math.floor(x)
            given = weights[..., centre + down, centre + across]
            for i, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
                for j, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
                    if share_y * share_x > 0.0:
                        moved[..., i, j] += given * share_y * share_x
    return moved


def _snapped(place: float) -> float:
    """A place on a row or column, which π's rounding may have moved off it."""
    return float(round(place)) if abs(place - round(place)) < 1e-9 else place


def _ring(radius: int) -> list[Pair]:
    """The cells of a square ring in their order around it, from the one on the right-hand axis downwards."""
    cells, place = [], (0, radius)
    steps = ((1, 0), (0, -1), (-1, 0), (0, 1), (1, 0))
    for (down, across), count in zip(
        steps, (radius, 2 * radius, 2 * radius, 2 * radius, radius), strict=True
    ):
        for _ in range(count):
            cells.append(place)
            place = (place[0] + down, place[1] + across)
    return cells


def transposed(layer: ConvTranspose, x: Array, cells: Cells) -> Expected:
    """The sum of all stamps that reach a cell, times their pixels."""
    weights = layer.filter_weights(len(x)).astype(x.dtype).astype(np.float64)
    rows, columns = (
        _stamps(layer, axis, places, x.shape[1 + axis])
        for axis, places in enumerate((cells.rows, cells.columns))
    )
    inside = rows.inside[:, :, None, None] & columns.inside
    values, sizes = np.zeros(cells.shown.shape), np.zeros(cells.shown.shape)
    biases = layer.biases(len(x))
    for place, channel in enumerate(cells.channels):
        for kernel, source in zip(weights[channel], layer.filter_at(channel, len(x))[1], strict=True):
            pixels = x[source][rows.clipped[:, :, None, None], columns.clipped].astype(np.float64)
            pixels[~inside] = 0.0
            with np.errstate(all="ignore"):
                terms = np.where(inside, pixels * kernel[:, None, :], 0.0)
                values[place] += terms.sum(axis=(1, 3))
                sizes[place] += np.abs(terms).sum(axis=(1, 3))
        if biases is not None:
            values[place] += float(x.dtype.type(biases[channel]))
            sizes[place] += abs(float(biases[channel]))
    return Expected(values, sizes, weights[0].size)


def _stamps(layer: ConvTranspose, axis: int, places: Indices, n: int) -> Taps:
    """The pixel whose stamp brings each tap to each cell; −1 where there is none."""
    taps, gap, step = layer.bank.shape[axis], layer.dilation[axis], layer.stride[axis]
    reach = gap * (taps - 1)
    if not isinstance(layer.padding, str):
        cut = layer.padding[axis][0]
    elif layer.padding in ("same", "same_lower"):  # so that n · step cells are left
        total = reach + 1 + layer.output_padding[axis] - step
        cut = total // 2 if layer.padding == "same" else total - total // 2
    else:
        cut = reach if layer.padding == "full" else 0
    at, rest = np.divmod(places[:, None] + cut - np.arange(taps) * gap, step)
    return Taps(np.where(rest == 0, at, -1), n)


def involution(layer: Involution, x: Array, cells: Cells) -> Expected:
    """Each window times the kernel that its position's channels make."""
    generator = {
        name: values.astype(x.dtype).astype(np.float64) for name, values in layer.weights(len(x)).items()
    }
    kernels, sizes = _made_kernels(generator, *_means(layer, x, cells))
    shape = (layer.groups, *layer.kernel, len(cells.rows), len(cells.columns))
    kernels, sizes = kernels.reshape(shape), sizes.reshape(shape)
    shown = []
    for axis, places in enumerate((cells.rows, cells.columns)):
        n, taps = x.shape[1 + axis], layer.kernel[axis]
        step, gap = layer.stride[axis], layer.dilation[axis]
        pads = same_padding(n, taps, step, gap, lower=False)
        line = shown_cells(n, pads, layer.padding_mode)
        shown.append(line[places[:, None] * step + np.arange(taps) * gap])
    rows, columns = shown
    black = (rows < 0)[:, :, None, None] | (columns < 0)
    values, magnitudes = np.zeros(cells.shown.shape), np.zeros(cells.shown.shape)
    for place, channel in enumerate(cells.channels):
        pixels = x[channel][rows[:, :, None, None], columns].astype(np.float64)
        pixels[black] = 0.0
        pixels = pixels.transpose(1, 3, 0, 2)  # taps first, as the kernels have them
        group = channel * layer.groups // len(x)
        with np.errstate(all="ignore"):
            values[place] = (kernels[group] * pixels).sum(axis=(0, 1))
            magnitudes[place] = (sizes[group] * np.abs(pixels)).sum(axis=(0, 1))
    terms = layer.taps + len(x) + len(generator["reduce"])
    return Expected(values, magnitudes, terms)


def _means(layer: Involution, x: Array, cells: Cells) -> tuple[Floats, Floats]:
    """What kernels are made from, ``(C, cells)``: means of the pixels of a step, and of their magnitudes."""
    starts, ends = [], []
    for places, step, n in zip((cells.rows, cells.columns), layer.stride, x.shape[1:], strict=True):
        starts.append(places * step)
        ends.append(np.minimum(starts[-1] + step, n))
    (top, left), (bottom, right) = (int(at[0]) for at in starts), (int(at[-1]) for at in ends)
    block = x[:, top:bottom, left:right].astype(np.float64)
    counts = np.multiply.outer(ends[0] - starts[0], ends[1] - starts[1])
    rows, columns = starts[0] - top, starts[1] - left
    sums = [
        np.add.reduceat(np.add.reduceat(values, rows, axis=1), columns, axis=2)
        for values in (block, np.abs(block))
    ]
    return (sums[0] / counts).reshape(len(x), -1), (sums[1] / counts).reshape(len(x), -1)


def _made_kernels(generator: dict[str, Floats], taken: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Return span · relu(reduce · x + bias) + bias, and the same without signs."""
    reduce, span = generator["reduce"][:, :, 0, 0], generator["span"][:, :, 0, 0]
    biases = generator["reduce_bias"][:, None], generator["span_bias"][:, None]
    with np.errstate(all="ignore"):
        hidden = reduce @ taken + biases[0]
        hidden = np.where(hidden < 0.0, 0.0, hidden)  # NaN stays
        kernels = span @ hidden + biases[1]
        size = np.abs(reduce) @ sizes + np.abs(biases[0])
        return kernels, np.abs(span) @ size + np.abs(biases[1])
