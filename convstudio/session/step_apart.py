"""One step taken apart, as it is shown: small pictures, grids of numbers and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.engine import rasterize
from convstudio.engine.display import Rendered, render
from convstudio.engine.feature_maps import thumbnails
from convstudio.layers import BankLayer, CircularConv, Conv, ConvTranspose, Layer
from convstudio.layers.base import FloatArray, Shape
from convstudio.learn.anatomy import STEPS, TOLERANCES, Anatomy, Check
from convstudio.learn.bands import bands
from convstudio.learn.lab import Lab
from convstudio.learn.objectives import count
from convstudio.learn.schedules import rate_at
from convstudio.learn.ties import ties_of
from convstudio.learn.whole import kept_cells
from convstudio.model import TrainingSetup
from convstudio.model.training_method import MethodSetup
from convstudio.session.training_frame import MOST_PIXELS, small_shape

Cell = tuple[int, int]
Numbers = NDArray[np.float64]
Window = tuple[int, int, int, int]
"""First row, first column, rows and columns; it may reach beyond the picture."""

MOST_CELLS = 16
"""Rows and columns up to which the numbers of a picture are told, to be written into its cells."""

_KINKED = {"relu", "leaky_relu", "elu", "hardswish", "abs"}
_KINKED_LAYERS = {"max_pool", "min_pool", "global_pool", "involution"}


@dataclass(frozen=True, eq=False)
class Plane:
    """One channel of a picture-shaped array.

    Attributes:
        picture: of at most a million pixels, by the means of blocks where it is larger.
        shape: rows and columns of the array itself.
        cells: its numbers, where they are few (``MOST_CELLS``).
        held: the row from which on it is 0, as nothing is learned from there; None where there is none.
    """

    picture: Rendered
    shape: tuple[int, int]
    cells: Numbers | None
    held: int | None = None


@dataclass(frozen=True)
class ArrayInfo:
    """An array with kernels in it: its name, shape, and how many of its numbers are free."""

    name: str
    shape: tuple[int, ...]
    free: int


@dataclass(frozen=True, eq=False)
class StepApart:
    """The gradients of one kernel of one layer in one step.

    Attributes:
        step: steps behind the present weights.
        places: those of the layers that are learned, with their names; ``place`` is the one shown.
        layer: it, with the present weights; ``top`` whether the loss follows on it directly.
        in_shape, out_shape: ``(C, H, W)`` of what it reads and makes.
        method: how the training goes on; ``rate`` in the step to come.
        loss: without L2. ``counted``: how many cells it is over.
        learned: the names of the layer's arrays that are learned.
        arrays: those with kernels; ``array`` is the name of the one shown, ``kernel`` where in it.
        channels: which one of input and output is shown.
        copies: at how many places of the array this kernel stands: its gradient is the sum of theirs.
        x, by_output, by_input: the input and the errors ∂L/∂y and ∂L/∂x, one channel each.
        weight, by_weight: the kernel ``(rows, columns)`` and ∂L/∂w.
        weight_after: the kernel after a step of plain gradient descent; None where a step is not that.
        bias, by_bias, bias_after: the same of the output channel's bias; None where there is none.
        bias_copies: how many channels share it.
        summed: what is above 0 in the channel of ∂L/∂y, and what is below, added up.
        slid: the grid of weights that slides over ∂L/∂y where it makes ∂L/∂x; None for other kinds of layers.
        weight_checks: by the cell of the kernel. ``free``: how many numbers the array has to check.
        bias_check, pixel_checks: of the bias; of the input, in all its channels.
        moved: by how much a number was moved for a check; ``tolerance``: an error up to which it agrees.
        worst, agrees: over all checks of the layer that are not at a kink.
        kinks: what has kinks on the way from here to the loss.
    """

    step: int
    places: tuple[tuple[int, str], ...]
    place: int
    layer: Layer
    top: bool
    in_shape: Shape
    out_shape: Shape
    method: MethodSetup
    rate: float
    loss: float
    counted: int
    learned: frozenset[str]
    arrays: tuple[ArrayInfo, ...]
    array: str
    kernel: tuple[int, ...]
    channels: tuple[int, int]
    copies: int
    x: Plane
    by_output: Plane
    by_input: Plane
    weight: Numbers
    by_weight: Numbers
    weight_after: Numbers | None
    bias: float | None
    by_bias: float | None
    bias_after: float | None
    bias_copies: int
    summed: tuple[float, float]
    slid: Numbers | None
    weight_checks: Mapping[Cell, Check]
    free: int
    bias_check: Check | None
    pixel_checks: tuple[Check, ...]
    checked: int
    at_kinks: int
    moved: float
    tolerance: float
    worst: float
    agrees: bool
    double: bool
    kinks: tuple[str, ...]

    # --- where things lie on each other ---

    def shift(self, cell: Cell) -> Cell | None:
        """Return by how many rows and columns a weight's pixels lie off its error's cells.

        Of a convolution it is where in the picture before the window begins; of a transposed one where its
        stamp begins in the output. None for other kinds of layers.
        """
        layer = self.layer
        if isinstance(layer, Conv) and not isinstance(layer, CircularConv):
            pads = layer.amounts(self.in_shape[1:])
        elif isinstance(layer, ConvTranspose):
            pads = layer.amounts(self.in_shape)
        else:
            return None
        taps = [n - 1 - at if layer.flips else at for n, at in zip(self.weight.shape, cell, strict=True)]
        rows, columns = (tap * gap - pad[0] for tap, gap, pad in zip(taps, layer.dilation, pads, strict=True))
        return rows, columns

    def window(self, cell: Cell) -> Window | None:
        """Return what a weight was multiplied by: a part of ``x``, of ∂L/∂y for a transposed convolution."""
        shift, layer = self.shift(cell), self.layer
        if shift is None or not isinstance(layer, Conv | ConvTranspose):
            return None
        shape = self.in_shape if isinstance(layer, ConvTranspose) else self.out_shape
        rows, columns = ((n - 1) * step + 1 for n, step in zip(shape[1:], layer.stride, strict=True))
        return *shift, rows, columns

    def errors_of(self, cell: Cell) -> Window | None:
        """Return the cells of ∂L/∂y that a pixel of the input has a part in, of a convolution of stride 1."""
        layer = self.layer
        if not isinstance(layer, Conv) or layer.stride != (1, 1):
            return None
        (top, _), (left, _) = layer.amounts(self.in_shape[1:])
        rows, columns = ((n - 1) * gap for n, gap in zip(self.weight.shape, layer.dilation, strict=True))
        return cell[0] + top - rows, cell[1] + left - columns, rows + 1, columns + 1


def step_apart(
    lab: Lab,
    anatomy: Anatomy,
    array: str = "",
    kernel: tuple[int, ...] = (),
    control: Control | None = None,
) -> StepApart:
    """Return one kernel's part of a step that was taken apart.

    Args:
        lab: at that step.
        anatomy: of one of its layers.
        array: the name of an array with kernels; the first that is learned if there is none of that name.
        kernel: where in it, its leading indices; the first where it has no such place.
        control: may cancel.

    Raises:
        Cancelled: by the control.
    """
    layer, method = anatomy.layer, lab.setup.method
    learned = frozenset(each.name for each in lab.network.parameters if each.layer == anatomy.place)
    weights, ties = layer.weights(len(anatomy.x)), ties_of(layer, len(anatomy.x))
    arrays = tuple(
        ArrayInfo(name, values.shape, ties[name].count) for name, values in weights.items() if values.ndim > 1
    )
    chosen = _array(arrays, array, learned)
    at = _kernel(chosen, kernel)
    into, out = _channels(layer, len(anatomy.x), chosen.name, at, len(anatomy.by_output))
    weight = np.array(weights[chosen.name][at], np.float64)
    by_weight = anatomy.by_weights[chosen.name][at]
    slots = ties[chosen.name].slots
    same = 1 + np.arange(weights[chosen.name].size) if slots is None else slots
    same = same.reshape(chosen.shape)
    bias_name, bias_at = _bias(chosen.name, at, out)
    biases = weights.get(bias_name)
    bias_same = None if biases is None else ties[bias_name].slots
    plain = method.optimizer == "gd" and method.data == "whole"
    rate = rate_at(method, lab.trainer.step)
    bias = None if biases is None else float(biases[bias_at])
    by_bias = None if biases is None else float(anatomy.by_weights[bias_name][bias_at])
    checks = [check for some in anatomy.checks.values() for check in some]
    return StepApart(
        step=lab.trainer.step,
        places=_places(lab),
        place=anatomy.place,
        layer=layer,
        top=anatomy.place == len(lab.network.layers) - 1,
        in_shape=_shape(anatomy.x),
        out_shape=_shape(anatomy.by_output),
        method=method,
        rate=rate,
        loss=anatomy.loss,
        counted=count(kept_cells(lab.pair)[0], lab.pair.target.shape),
        learned=learned,
        arrays=arrays,
        array=chosen.name,
        kernel=at,
        channels=(into, out),
        copies=_copies(same, at),
        x=_plane(anatomy.x[into], None if anatomy.place else "clamped", control),
        by_output=_with_held(_plane(anatomy.by_output[out], "signed", control), lab, anatomy.by_output),
        by_input=_with_held(_plane(anatomy.by_input[into], "signed", control), lab, anatomy.by_input),
        weight=weight,
        by_weight=by_weight,
        weight_after=(
            weight - rate * (by_weight + method.l2 * weight) if plain and chosen.name in learned else None
        ),
        bias=bias,
        by_bias=by_bias,
        bias_after=(
            bias - rate * by_bias
            if plain and bias_name in learned and bias is not None and by_bias is not None
            else None
        ),
        bias_copies=1 if bias_same is None else int(np.count_nonzero(bias_same == bias_same[bias_at])),
        summed=_summed(anatomy.by_output[out], control),
        slid=_slid(layer, weights[chosen.name], at),
        weight_checks=_of_kernel(anatomy.checks.get(chosen.name, ()), same, at),
        free=chosen.free,
        bias_check=_of_bias(anatomy.checks.get(bias_name, ()), bias_same, bias_at),
        pixel_checks=anatomy.checks["x"],
        checked=len(checks),
        at_kinks=sum(check.kink for check in checks),
        moved=STEPS[anatomy.x.dtype],
        tolerance=TOLERANCES[anatomy.x.dtype],
        worst=anatomy.worst,
        agrees=anatomy.agrees,
        double=anatomy.double,
        kinks=_kinks(lab.network.layers[anatomy.place :], lab.setup),
    )


def _places(lab: Lab) -> tuple[tuple[int, str], ...]:
    places = sorted({each.layer for each in lab.network.parameters})
    return tuple((place, f"{place + 1} · {lab.network.layers[place].name()}") for place in places)


def _shape(values: FloatArray) -> Shape:
    channels, rows, columns = values.shape
    return channels, rows, columns


def _array(arrays: tuple[ArrayInfo, ...], name: str, learned: frozenset[str]) -> ArrayInfo:
    named = [each for each in arrays if each.name == name]
    marked = [each for each in arrays if each.name in learned]
    return (named or marked or list(arrays))[0]


def _kernel(array: ArrayInfo, kernel: tuple[int, ...]) -> tuple[int, ...]:
    leading = array.shape[:-2]
    if len(kernel) == len(leading) and all(0 <= k < n for k, n in zip(kernel, leading, strict=True)):
        return kernel
    return (0,) * len(leading)


def _channels(
    layer: Layer, in_channels: int, array: str, kernel: tuple[int, ...], out_channels: int
) -> tuple[int, int]:
    """Return which channel of the input a kernel reads, and to which of the output it belongs."""
    if isinstance(layer, ConvTranspose):  # (C_in, C_out / groups)
        groups = layer.group_count(in_channels)
        group = kernel[0] // (in_channels // groups)
        return kernel[0], group * (out_channels // groups) + kernel[1]
    if isinstance(layer, BankLayer) and array == "weight":
        _, read = layer.filter_at(kernel[0], in_channels)
        return read[kernel[1]], kernel[0]
    return 0, 0


def _bias(array: str, kernel: tuple[int, ...], out: int) -> tuple[str, int]:
    """Return the name of the array with a kernel's bias, and where it is."""
    return ("bias", out) if array == "weight" else (f"{array}_bias", kernel[0])


def _copies(same: NDArray[np.intp], kernel: tuple[int, ...]) -> int:
    """Return how often a kernel's numbers stand in the array, by one that is not a zero around it."""
    return int(np.count_nonzero(same == same[kernel].max()))


def _of_kernel(
    checks: tuple[Check, ...], same: NDArray[np.intp], kernel: tuple[int, ...]
) -> dict[Cell, Check]:
    """Return the checks of a kernel's numbers by their cells: a shared number is checked in one place."""
    numbers = {int(same[check.index]): check for check in checks}
    return {
        (row, column): numbers[int(number)]
        for (row, column), number in np.ndenumerate(same[kernel])
        if int(number) in numbers
    }


def _of_bias(checks: tuple[Check, ...], slots: NDArray[np.intp] | None, at: int) -> Check | None:
    for check in checks:
        if check.index[0] == at or (slots is not None and slots[check.index[0]] == slots[at]):
            return check
    return None


def _slid(layer: Layer, weights: FloatArray, kernel: tuple[int, ...]) -> Numbers | None:
    """Return the weights that slide over the error, as a correlation, where it goes back through a layer."""
    if isinstance(layer, ConvTranspose):
        return np.array(weights[kernel], np.float64)
    if not isinstance(layer, Conv):
        return None
    computed = layer.from_filters(weights)[kernel]
    turned = computed if layer.flips else computed[::-1, ::-1]
    return np.array(turned, np.float64)


def _plane(values: FloatArray, view: str | None, control: Control | None) -> Plane:
    rows, columns = values.shape
    some = values[np.newaxis]
    if rows * columns > MOST_PIXELS:
        some = thumbnails(some, small_shape(rows, columns), control)
    if view is None:
        found = rasterize.measure(some, control)
        view = "signed" if found.low < 0.0 else "clamped" if found.high <= 1.0 else "minmax"
    few = max(rows, columns) <= MOST_CELLS
    cells = values.astype(np.float64) if few else None
    return Plane(render(some, view, control=control), (rows, columns), cells)


def _with_held(plane: Plane, lab: Lab, values: FloatArray) -> Plane:
    """Return a plane of a gradient that knows from which row on nothing is learned from, if anywhere.

    That is where all channels are 0 down to the lower edge: what the rows that validate alone have read.
    """
    if not lab.pair.validates:
        return plane
    row = values.shape[1]
    while row and not values[:, row - 1].any():
        row -= 1
    return replace(plane, held=row) if 0 < row < values.shape[1] else plane


def _summed(values: FloatArray, control: Control | None) -> tuple[float, float]:
    total = sizes = 0.0
    for _, rows in bands((1, *values.shape), control):
        for row in values[rows]:
            total += float(row.sum(dtype=np.float64))
            sizes += float(np.abs(row).sum(dtype=np.float64))
    return (sizes + total) / 2, (total - sizes) / 2


def _kinks(layers: tuple[Layer, ...], setup: TrainingSetup) -> tuple[str, ...]:
    found = [
        layer.name()
        for layer in layers
        if layer.kind in _KINKED_LAYERS or getattr(layer, "function", "") in _KINKED
    ]
    if setup.method.loss == "absolute":
        found.append("the absolute error")
    return tuple(dict.fromkeys(found))
