"""What a stack is, before anything is computed: shapes, receptive fields with their formula, and costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from convstudio.core import Cost, GeometryError, Level, ReceptiveField, Stage, cells_read, receptive_fields
from convstudio.core.geometry import per_axis
from convstudio.engine.memory import memory_problem
from convstudio.layers.base import Mate, Repair, Shape
from convstudio.model import PHOTO, LayerItem, Project

Pair = tuple[int, int]

_ITEM_BYTES = 4  # float32


@dataclass(frozen=True)
class Recurrence:
    """How a layer's receptive field follows from the one above, along one axis, with the numbers filled in.

    Attributes:
        size: such as "r = 3 + (3 − 1)·2 = 7"; with a dilation d other than 1 "r = 3 + (3 − 1)·d·2 = 11".
        jump: such as "j = 1·2 = 2".
        start: such as "s = −1 − 1·2 = −3".
    """

    size: str
    jump: str
    start: str


@dataclass(frozen=True, eq=False)
class LayerFacts:
    """One layer that is switched on and fits.

    Attributes:
        item: the layer with its id.
        in_shape, out_shape: ``(C, H, W)``.
        stage: the window that its cells read.
        fields: what its cells see of the photo, for rows and for columns: size, jump and start.
        recurrences: how these come about, for rows and for columns.
        cost: multiply-adds and parameters, and the weights of a fully connected layer in its place.
        output_bytes: of the result, in float32.
    """

    item: LayerItem
    in_shape: Shape
    out_shape: Shape
    stage: Stage
    fields: tuple[ReceptiveField, ...]
    recurrences: tuple[Recurrence, ...]
    cost: Cost
    output_bytes: int


@dataclass(frozen=True, eq=False)
class StackProblem:
    """The first layer that cannot be computed: which, why, what comes in, and what would help."""

    item: LayerItem
    reason: str
    in_shape: Shape
    repair: Repair | None


@dataclass(frozen=True, eq=False)
class StackFacts:
    """A stack from the photo down to its end or to the first layer that does not fit.

    Attributes:
        photo: ``(C, H, W)`` of the picture.
        layers: those that are switched on, in their order.
        total: the sums; the fully connected layer is one from the photo to the last output.
        output_bytes: of all results together.
        problem: what ends the stack early, if anything.
    """

    photo: Shape
    layers: tuple[LayerFacts, ...]
    total: Cost
    output_bytes: int
    problem: StackProblem | None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The windows of all layers."""
        return tuple(facts.stage for facts in self.layers)

    def find(self, layer_id: str) -> int | None:
        """Return a layer's place among ``layers``; None if it is switched off or was not reached."""
        for place, facts in enumerate(self.layers):
            if facts.item.id == layer_id:
                return place
        return None


@dataclass(frozen=True)
class Box:
    """What is read of one level of the stack.

    Attributes:
        layer_id: the layer whose output it is, or ``PHOTO``.
        spatial: rows and columns of the level.
        rows, columns: (first, stop) of the window; it may reach beyond the edges.
        read_rows, read_columns: those that exist and are read, rising; with dilation there are gaps.
    """

    layer_id: str
    spatial: Pair
    rows: Pair
    columns: Pair
    read_rows: tuple[int, ...]
    read_columns: tuple[int, ...]


def stack_facts(project: Project) -> StackFacts:
    """Return the facts of a project's stack on its picture. Nothing is computed, and nothing is raised."""
    shape: Shape = project.picture.shape
    mates, given = project.mates(), {}
    found: list[tuple[LayerItem, Shape, Shape, Stage, Cost]] = []
    problem, taken = None, 0
    for item in project.layers:
        if not item.enabled:
            continue
        given[item.id] = shape
        partner = mates.get(item.id)
        mate = None if partner is None else Mate(project.layer(partner), given[partner])
        try:
            out_shape = item.layer.out_shape(shape, mate)
            cost = item.layer.cost(shape, mate)
            stage = item.layer.stage(shape, mate)
        except GeometryError as error:
            problem = StackProblem(item, str(error), shape, item.layer.repair(shape, mate))
            break
        reason = memory_problem(out_shape, taken)
        if reason is not None:
            problem = StackProblem(item, reason, shape, None)
            break
        found.append((item, shape, out_shape, stage, cost))
        taken += math.prod(out_shape) * _ITEM_BYTES
        shape = out_shape
    return _assembled(project.picture.shape, found, problem)


def _assembled(
    photo: Shape,
    found: Sequence[tuple[LayerItem, Shape, Shape, Stage, Cost]],
    problem: StackProblem | None,
) -> StackFacts:
    levels = receptive_fields([stage for *_, stage, _ in found], photo[1:])
    layers = tuple(
        LayerFacts(
            item=item,
            in_shape=in_shape,
            out_shape=out_shape,
            stage=stage,
            fields=below.fields,
            recurrences=recurrences(above, below, stage),
            cost=cost,
            output_bytes=math.prod(out_shape) * _ITEM_BYTES,
        )
        for (item, in_shape, out_shape, stage, cost), above, below in zip(
            found, levels[:-1], levels[1:], strict=True
        )
    )
    last = layers[-1].out_shape if layers else photo
    total = Cost(
        multiply_adds=sum(facts.cost.multiply_adds for facts in layers),
        parameters=sum(facts.cost.parameters for facts in layers),
        fully_connected=math.prod(photo) * math.prod(last) if layers else 0,
    )
    return StackFacts(photo, layers, total, sum(facts.output_bytes for facts in layers), problem)


def receptive_boxes(facts: StackFacts, layer_id: str, row: int, column: int) -> tuple[Box, ...]:
    """Return what one cell of a layer's output reads of every level, from the photo to the cell itself.

    For the photo that is the cell alone.

    Raises:
        KeyError: the layer is not among those of the facts.
        GeometryError: the cell is not in its output.
    """
    place = -1 if layer_id == PHOTO else facts.find(layer_id)
    if place is None:
        raise KeyError(layer_id)
    part = facts.layers[: place + 1]
    readings = cells_read([each.stage for each in part], facts.photo[1:], (row, column))
    names = (PHOTO, *(each.item.id for each in part))
    shapes = (facts.photo, *(each.out_shape for each in part))
    return tuple(
        Box(name, shape[1:], *reading.window, *reading.cells)
        for name, shape, reading in zip(names, shapes, readings, strict=True)
    )


# --- the formula with its numbers ---


def recurrences(above: Level, below: Level, stage: Stage) -> tuple[Recurrence, ...]:
    """Return how the receptive fields of a stage's output follow from those of its input, axis by axis."""
    rank = len(above.fields)
    kernel = per_axis("kernel", stage.kernel, rank)
    dilation = per_axis("dilation", stage.dilation, rank)
    default = kernel if stage.kind == "pool" else (1,) * rank
    stride = default if stage.stride is None else per_axis("stride", stage.stride, rank)
    return tuple(
        _recurrence(before, after, taps, gap, step, transposed=stage.kind == "transposed")
        for before, after, taps, gap, step in zip(
            above.fields, below.fields, kernel, dilation, stride, strict=True
        )
    )


def _recurrence(
    before: ReceptiveField, after: ReceptiveField, taps: int, gap: int, step: int, *, transposed: bool
) -> Recurrence:
    jump = _number(before.jump)
    size = f"r = {before.size} + ({taps} − 1)·{'' if gap == 1 else f'{gap}·'}{jump} = {after.size}"
    sign = "/" if transposed else "·"
    moved = f"j = {jump}{sign}{step} = {_number(after.jump)}"
    # The padding as it turned out, of a word such as "same" too.
    padding = (before.start - after.start) / before.jump
    start = f"s = {_signed(before.start)} − {_number(padding)}·{jump} = {_signed(after.start)}"
    if transposed or after.size != before.size + (taps - 1) * gap * before.jump:
        size = f"r = {after.size}, where a cell sees most: it differs from cell to cell"
        start = f"s = {_signed(after.start)}"
    return Recurrence(size, moved, start)


def _number(value: Fraction | int) -> str:
    fraction = Fraction(value)
    if fraction.denominator == 1:
        return _signed(fraction.numerator)
    return f"{_signed(fraction.numerator)}/{fraction.denominator}"


def _signed(value: int) -> str:
    return f"−{-value}" if value < 0 else str(value)
