"""Steps that see only squares of the picture, at random places (stochastic gradient descent).

A square is cut out at a multiple of the network's grid, so that its output lies on the grid of the whole
picture's. Only output cells that see nothing outside their square count: they are the same as in the whole
picture, whatever its borders are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from convstudio.core import Control, ReceptiveField
from convstudio.core.gradients.progress import share
from convstudio.layers.base import FloatArray
from convstudio.learn.bands import peak_of
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Values
from convstudio.learn.objectives import Objective, count
from convstudio.learn.whole import WholePicture
from convstudio.model.training_method import MethodSetup

_MOST_DRAWS = 100
_ALIKE = 1e-4
"""How far a cell may differ from the whole picture's, of the largest: other bands round differently."""


@dataclass(frozen=True)
class _Axis:
    """How squares lie along one axis.

    Attributes:
        side: pixels of a square.
        grid: its places are multiples of this.
        places: how many there are, from 0 on.
        first, stop: the cells of its own output that count.
        step: output cells from one place to the next.
    """

    side: int
    grid: int
    places: int
    first: int
    stop: int
    step: int


class Patches:
    """The squares that a run sees, and the loss's gradient on them.

    Args:
        whole: the pair and the network as a whole.
        method: with the side and the number of squares.
        split: output rows that may be learned from.
        seed: of the places; the step's number is added to it.

    Raises:
        LearnError: squares too small for a single cell, or a layer that cannot do without the whole picture.
    """

    def __init__(self, whole: WholePicture, method: MethodSetup, split: int, seed: int) -> None:
        network = whole.network
        self._whole, self._network, self._seed = whole, network.explicit(), seed
        self._objective = Objective(whole.objective.kind, whole.objective.delta, "sum")
        self._mean = whole.objective.reduction == "mean"
        self._number = method.batch if method.data == "batch" else 1
        self._mask = whole.keep if isinstance(whole.keep, np.ndarray) else None
        limits = (split, network.out_shape[2])
        self._rows, self._columns = (
            _axis(n, field, grid, method.patch, limit)
            for n, field, grid, limit in zip(
                network.in_shape[1:], network.fields(), self._network.grid(), limits, strict=True
            )
        )

    @property
    def area(self) -> int:
        """Pixels that a step sees."""
        return self._number * self._rows.side * self._columns.side

    @property
    def cells_seen(self) -> int:
        """How many output cells a step learns from, where all count."""
        rows, columns = (axis.stop - axis.first for axis in (self._rows, self._columns))
        return self._number * self._network.out_shape[0] * rows * columns

    def places(self, step: int) -> list[tuple[int, int]]:
        """Return the places of a step's squares, in units of the grid.

        Raises:
            LearnError: there are hardly any squares with a cell that counts.
        """
        rng = np.random.default_rng((self._seed, step))
        for _ in range(_MOST_DRAWS):
            rows = rng.integers(self._rows.places, size=self._number)
            columns = rng.integers(self._columns.places, size=self._number)
            drawn = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
            if self._mask is None or any(self._mask[self.cells(place)].any() for place in drawn):
                return drawn
        raise LearnError(
            "Hardly any patch has a pixel to learn from: take larger patches, or use the whole picture."
        )

    def cells(self, place: tuple[int, int]) -> tuple[slice, slice, slice]:
        """Return which cells of the whole output a square teaches."""
        (i, j), rows, columns = place, self._rows, self._columns
        top, left = i * rows.step, j * columns.step
        return (
            slice(None),
            slice(top + rows.first, top + rows.stop),
            slice(left + columns.first, left + columns.stop),
        )

    def gradient(self, step: int, values: Values, control: Control | None = None) -> tuple[float, Values]:
        """Return the loss on the squares of a step and its gradient, both with the penalty.

        Raises:
            LearnError: as ``places``.
            Cancelled: by the control.
        """
        drawn = self.places(step)
        loss, cells = 0.0, 0
        total: Values = tuple(np.zeros(value.shape) for value in values)
        inside = (slice(None), *(slice(axis.first, axis.stop) for axis in (self._rows, self._columns)))
        for number, place in enumerate(drawn):
            listener = share(control, number / len(drawn), (number + 1) / len(drawn))
            tape = self._network.forward(self._cut(place), values, share(listener, 0.0, 0.5))
            slope = np.zeros(tape.output.shape, tape.output.dtype)
            there = self.cells(place)
            mask = None if self._mask is None else self._mask[there]
            wanted = self._whole.target[there]
            part, _ = self._objective.evaluate(tape.output[inside], wanted, mask, slope[inside])
            loss, cells = loss + part, cells + count(mask, wanted.shape)
            grads = self._network.backward(slope, tape, values, share(listener, 0.5, 1.0))
            total = tuple(a + b for a, b in zip(total, grads, strict=True))
        if self._mean:
            loss, total = loss / cells, tuple(grad / cells for grad in total)
        penalty = self._whole.penalty
        return loss + penalty.value(values), penalty.added(total, values)

    def check(self, values: Values, control: Control | None = None) -> None:
        """Compare the cells of a few squares with those of the whole picture.

        Raises:
            LearnError: they differ, so that the network cannot be trained on parts of the picture.
            Cancelled: by the control.
        """
        rng = np.random.default_rng(0)  # zeros at the start would hide any difference
        tried = tuple(value + 0.1 * rng.standard_normal(value.shape) for value in values)
        whole = self._whole.see(tried, share(control, 0.0, 0.9), slope=False).tape.output
        inside = (slice(None), *(slice(axis.first, axis.stop) for axis in (self._rows, self._columns)))
        bound = _ALIKE * peak_of(whole, control)[0]
        corners = {(0, 0), (self._rows.places - 1, self._columns.places - 1), *self.places(0)[:1]}
        for place in sorted(corners):
            part = self._network.forward(self._cut(place), tried, control=share(control, 0.9, 1.0)).output
            expected = whole[self.cells(place)]
            if part[inside].shape != expected.shape or not np.allclose(part[inside], expected, 0.0, bound):
                raise LearnError(
                    "What these layers make of a patch differs from what they make of the whole picture; "
                    "use the whole picture."
                )

    def _cut(self, place: tuple[int, int]) -> FloatArray:
        top, left = place[0] * self._rows.grid, place[1] * self._columns.grid
        square = self._whole.x[:, top : top + self._rows.side, left : left + self._columns.side]
        return np.ascontiguousarray(square)


def _axis(n: int, field: ReceptiveField, grid: int, patch: int, limit: int) -> _Axis:
    """Lay squares at multiples of a grid along n pixels whose output may be learned from up to a limit."""
    side, jump = min(patch, n), field.jump
    # Where stages enlarge, cells see more or less, in turn: a whole window of room makes up for it.
    room = 0 if jump.denominator == 1 else field.size
    first = max(0, math.ceil((room - field.start) / jump))
    stop = min(math.floor((side - field.size - room - field.start) / jump) + 1, limit)
    if stop <= first:
        least = math.ceil(first * jump) + field.start + field.size + room
        if least <= n and limit > first:
            raise LearnError(
                f"A cell sees {field.size} pixels of a row or column, more than fit into a patch of {patch}: "
                f"take patches of at least {least}, or use the whole picture."
            )
        raise LearnError("The picture is too small to learn from parts of it; use the whole picture.")
    step = int(grid / jump)  # a whole number of cells, by the grid's definition
    places = min((n - side) // grid, (limit - stop) // step) + 1
    return _Axis(side, grid, places, first, stop, step)
