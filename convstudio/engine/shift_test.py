"""The shift experiment: move the input by a few pixels and see how much of the output changes.

The input is moved circularly, so that nothing is lost. Two questions are asked of the output:

- tolerance: how much of it changes at all? A stack that cares little where a thing is changes little.
- equivariance: does it merely move along? It is moved back by as many cells as the input was moved, which
  must be a whole number of them, and compared. Convolution alone moves along; a stride or a pooling layer
  does so only for multiples of its step (Goodfellow, Bengio and Courville, Deep Learning, 2016, sections 9.2
  and 9.3; Zhang, Making convolutional networks shift-invariant again, ICML 2019).

Both are measured everywhere and inside: in cells that see neither a border nor the seam at which the moved
picture's old edges meet, as padding does not move along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, Stage, receptive_fields
from convstudio.core.gradients.progress import share
from convstudio.core.threads import Scratch, run_tiles
from convstudio.engine.buffers import BufferPool
from convstudio.engine.proof import peak_of
from convstudio.layers import GlobalPool
from convstudio.layers.base import FloatArray, Mate
from convstudio.layers.common import shape_of
from convstudio.layers.pooling import Pooling
from convstudio.model import PHOTO, LayerItem, Project

Pair = tuple[int, int]
Flags = NDArray[np.bool_]

USUAL_CROP = 512
"""Rows and columns of the photo, from its middle, that are enough for the experiment and quick."""

_ROUNDING = 1e-5  # of the largest magnitude: what another order of sums may make of the same numbers


@dataclass(frozen=True)
class Change:
    """How much two outputs differ.

    Attributes:
        relative: the root of the summed squares of the differences over that of the output; 0 for none.
        share: of the cells, the part that differs by more than rounding, from 0 to 1.
        cells: how many cells were compared, in all channels.
    """

    relative: float
    share: float
    cells: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """The output for the moved input against that for the input as it is.

    Attributes:
        everywhere, inside: how much changed; ``inside`` is None where no cell is clear of borders and seam.
        difference: ``(C, H, W)``, the changed output minus the one as it was; 0 where nothing is compared.
    """

    everywhere: Change
    inside: Change | None
    difference: FloatArray


@dataclass(frozen=True, eq=False)
class ShiftOutcome:
    """What a shift did to one stack.

    Attributes:
        jump: input pixels from one output cell to the next, along rows and columns.
        moved: output cells that correspond to the shift, whole or not.
        tolerance: the outputs compared place by place.
        equivariance: the same after moving the output back; None where that is no whole number of cells.
    """

    jump: tuple[Fraction, Fraction]
    moved: tuple[Fraction, Fraction]
    tolerance: Comparison
    equivariance: Comparison | None


@dataclass(frozen=True, eq=False)
class ShiftResult:
    """What a shift did to a stack, and to the same stack without its pooling layers, if it has any."""

    shift: Pair
    with_pooling: ShiftOutcome
    without_pooling: ShiftOutcome | None


class ShiftExperiment:
    """A stack on a picture, to be asked about one shift after another."""

    def __init__(self, project: Project, layer_id: str, crop: int | None = USUAL_CROP) -> None:
        """Take a project's layers that are switched on, down to one, without computing anything.

        Args:
            project: the stack and its picture.
            layer_id: the last layer; ``PHOTO`` for none at all.
            crop: the most rows and columns of the picture to work on, from its middle; None for all.
        """
        count = 0 if layer_id == PHOTO else project.index(layer_id) + 1
        items = [item for item in project.layers[:count] if item.enabled]
        mates = project.mates()
        buffers = BufferPool()
        self._whole = _Stack(items, mates, buffers)
        pooling = {item.id for item in items if isinstance(item.layer, Pooling | GlobalPool)}
        rest = [item for item in items if item.id not in pooling and mates.get(item.id) not in pooling]
        self._bare = _Stack(rest, mates, buffers) if len(rest) < len(items) else None
        self._x = _middle(project.picture.values, crop)

    @property
    def spatial(self) -> Pair:
        """Rows and columns of what is moved."""
        return self._x.shape[1], self._x.shape[2]

    def run(self, shift: Pair, control: Control | None = None) -> ShiftResult:
        """Move the input by (rows, columns), down and to the right where positive, and compare.

        Raises:
            GeometryError: a layer does not fit.
            Cancelled: ``control`` was cancelled.
        """
        moved = np.roll(self._x, shift, axis=(1, 2))
        half = 1.0 if self._bare is None else 0.5
        whole = self._whole.outcome(self._x, moved, shift, share(control, 0.0, half))
        bare = None
        if self._bare is not None:
            bare = self._bare.outcome(self._x, moved, shift, share(control, half, 1.0))
        return ShiftResult(shift, whole, bare)


def _middle(x: FloatArray, crop: int | None) -> FloatArray:
    if crop is None:
        return x
    rows, columns = (min(n, crop) for n in x.shape[1:])
    top, left = (x.shape[1] - rows) // 2, (x.shape[2] - columns) // 2
    return np.ascontiguousarray(x[:, top : top + rows, left : left + columns])


class _Stack:
    """Layers one after another, with what they make of the input as it is, once that is known."""

    def __init__(self, items: Sequence[LayerItem], mates: dict[str, str], buffers: BufferPool) -> None:
        self._items = items
        self._mates = mates
        self._buffers = buffers
        self._known: FloatArray | None = None
        self._placed: tuple[_Axis, _Axis] | None = None

    def outcome(
        self, x: FloatArray, shifted: FloatArray, shift: Pair, control: Control | None
    ) -> ShiftOutcome:
        if self._known is None or self._placed is None:
            self._known = self._run(x, share(control, 0.0, 0.5))
        before = self._known
        after = self._run(shifted, share(control, 0.5, 1.0))
        assert self._placed is not None
        rows, columns = self._placed
        moved = (Fraction(shift[0]) / rows.jump, Fraction(shift[1]) / columns.jump)
        everywhere = _Part(np.ones(rows.cells, bool), np.ones(columns.cells, bool))
        inside = _Part(rows.still(shift[0]), columns.still(shift[1]))
        tolerance = self._compared(before, after, everywhere, inside)
        equivariance = None
        if all(each.denominator == 1 for each in moved):
            back = (int(moved[0]), int(moved[1]))
            there = _Part(rows.there(back[0]), columns.there(back[1]))
            clear = _Part(rows.moved(shift[0]) & there.rows, columns.moved(shift[1]) & there.columns)
            if there.cells:
                returned = np.roll(after, (-back[0], -back[1]), axis=(1, 2))
                equivariance = self._compared(before, returned, there, clear)
        return ShiftOutcome((rows.jump, columns.jump), moved, tolerance, equivariance)

    def _compared(self, before: FloatArray, after: FloatArray, where: _Part, inside: _Part) -> Comparison:
        return _compared(before, after, where, inside, self._buffers.take(before.shape, before.dtype))

    def _run(self, x: FloatArray, control: Control | None) -> FloatArray:
        """Return the stack's output, and note by the way where its cells lie."""
        partners = {self._mates[item.id] for item in self._items if item.id in self._mates}
        given: dict[str, Mate] = {}
        stages: list[Stage] = []
        spatial = x.shape[1:]
        for place, item in enumerate(self._items):
            shape = shape_of(x)
            if item.id in partners:
                given[item.id] = Mate(item.layer, shape, x)
            mate = given.get(self._mates.get(item.id, ""))
            out = self._buffers.take(item.layer.out_shape(shape, mate), x.dtype)
            stages.append(item.layer.stage(shape, mate))
            part = share(control, place / len(self._items), (place + 1) / len(self._items))
            x = item.layer.forward(x, mate=mate, control=part, out=out)
        if self._placed is None:
            self._placed = _axes(stages, spatial)
        return x


def _axes(stages: Sequence[Stage], spatial: Sequence[int]) -> tuple[_Axis, _Axis]:
    """Return where the output's cells look, along rows and along columns."""
    levels = receptive_fields(stages, spatial)
    # A transposed stage reads up to one cell of its input beside where the jump says.
    slack = math.ceil(
        sum(
            max(field.jump for field in above.fields)
            for above, stage in zip(levels[:-1], stages, strict=True)
            if stage.kind == "transposed"
        )
    )
    last = levels[-1]
    rows, columns = (
        _Axis(n, cells, field.size + 2 * slack, field.jump, field.start - slack)
        for n, cells, field in zip(spatial, last.spatial, last.fields, strict=True)
    )
    return rows, columns


@dataclass(frozen=True)
class _Axis:
    """Where the output's cells look at the input along one axis: cell i from start + i · jump on."""

    length: int
    cells: int
    size: int
    jump: Fraction
    start: int

    def _windows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        above, below = self.jump.numerator, self.jump.denominator
        first = self.start + np.arange(self.cells, dtype=np.int64) * above // below
        return first, first + self.size + (below > 1)

    def still(self, shift: int) -> Flags:
        """Cells whose window lies on the input and not across the seam of the moved one."""
        first, stop = self._windows()
        seam = shift % self.length
        inside = (first >= 0) & (stop <= self.length)
        return inside & ((seam == 0) | (stop <= seam) | (first >= seam))

    def moved(self, shift: int) -> Flags:
        """Cells whose window lies on the input and, moved along, on the moved one, ahead of the seam."""
        first, stop = self._windows()
        low, high = max(0, -shift), min(self.length, self.length - shift)
        return (first >= low) & (stop <= high)

    def there(self, back: int) -> Flags:
        """Cells that have one to be compared with: all where the output goes round as the input does."""
        if self.cells * self.jump == self.length:
            return np.ones(self.cells, bool)
        places = np.arange(self.cells) + back
        return (places >= 0) & (places < self.cells)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some rows and columns of the output."""

    rows: Flags
    columns: Flags

    @property
    def cells(self) -> int:
        """How many cells of a channel lie in both."""
        return int(np.count_nonzero(self.rows)) * int(np.count_nonzero(self.columns))

    def total(self, plane: FloatArray) -> float:
        """Return the sum of a plane's cells in this part."""
        if not math.isfinite(found := float(plane.sum())):  # what lies outside would spoil a product
            return float(plane[np.ix_(self.rows, self.columns)].sum(dtype=np.float64))
        if self.rows.all() and self.columns.all():
            return found
        along_rows = plane @ self.columns.astype(plane.dtype)
        return float(np.dot(along_rows.astype(np.float64), self.rows))


def _compared(
    before: FloatArray, after: FloatArray, where: _Part, inside: _Part, difference: FloatArray
) -> Comparison:
    """Compare two outputs in ``where``, of which ``inside`` is a part; ``difference`` is filled."""
    peaks = np.zeros(len(before))

    def subtract(channel: int, _scratch: Scratch) -> None:
        one, other, into = before[channel], after[channel], difference[channel]
        np.subtract(other, one, out=into)
        if not math.isfinite(float(into.sum())):
            into[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0  # the same infinity
        into[~where.rows] = 0.0
        into[:, ~where.columns] = 0.0
        peaks[channel] = peak_of(one)

    run_tiles(range(len(before)), subtract)
    parts = (where, inside) if inside.cells else (where,)
    limit = _ROUNDING * float(peaks.max())
    sums = np.zeros((len(parts), len(before), 3))  # squared differences and values, and changed cells

    def add_up(channel: int, scratch: Scratch) -> None:
        plane, change = before[channel], difference[channel]
        work = scratch.take("work", plane.shape, plane.dtype)
        np.multiply(change, change, out=work)
        sums[:, channel, 0] = [part.total(work) for part in parts]
        np.multiply(plane, plane, out=work)
        sums[:, channel, 1] = [part.total(work) for part in parts]
        np.copyto(work, ~(np.abs(change) <= limit))
        sums[:, channel, 2] = [part.total(work) for part in parts]

    run_tiles(range(len(before)), add_up)
    changes = [
        _change(*each.sum(axis=0).tolist(), cells=len(before) * part.cells)
        for part, each in zip(parts, sums, strict=True)
    ]
    return Comparison(changes[0], changes[1] if len(changes) > 1 else None, difference)


def _change(apart: float, own: float, changed: float, *, cells: int) -> Change:
    relative = 0.0 if apart == 0.0 else math.inf
    if own > 0.0:
        relative = math.sqrt(apart / own)
    return Change(relative, changed / cells, cells)
