"""A stack of layers as a function of some of its weights, with the gradient of that function.

What does not change from step to step is worked out once, so that a step costs what the core's calls cost.
Gradients go from the last layer to the lowest one that is learned, and no further: each is computed by the
layers' own rules (Rumelhart, Hinton and Williams, Learning representations by back-propagating errors,
Nature 323, 1986).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from convstudio.core import Control, GeometryError, Level, ReceptiveField, receptive_fields
from convstudio.core.gradients.progress import share
from convstudio.core.speeds import steady_plans
from convstudio.engine.memory import memory_problem
from convstudio.layers.base import FloatArray, Layer, Mate, Shape
from convstudio.layers.common import shape_of
from convstudio.learn.errors import LearnError
from convstudio.learn.explicit import explicit_layer
from convstudio.learn.part import Part, Values, known, part_of
from convstudio.model import Project
from convstudio.model.training import Mark
from convstudio.spec.params import ParamError

__all__ = ["Network", "Parameter", "Tape", "Values", "network_of"]


@dataclass(frozen=True)
class Parameter:
    """An array that is learned.

    Attributes:
        layer: the place of its layer in ``Network.layers``.
        name: what ``layer.weights`` calls it.
        shape: of the array.
        count: numbers that are free: shared ones once, zeros around smaller kernels not at all.
    """

    layer: int
    name: str
    shape: tuple[int, ...]
    count: int


@dataclass(frozen=True, eq=False)
class Tape:
    """What a run through a network leaves for the way back.

    Attributes:
        x: the picture that was given, ``(C, H, W)``.
        output: the last layer's result, of the same dtype.
        inputs: what came into each layer; None where the way back does not need it.
    """

    x: FloatArray
    output: FloatArray
    inputs: tuple[FloatArray | None, ...]


class Network:
    """Layers in a row, some of whose arrays are learned; it never changes.

    Args:
        layers: those that are computed, in their order.
        in_shape: ``(C, H, W)`` of the picture.
        trainable: which arrays are learned: places of layers, with the arrays' names.
        mates: the place of an undoing layer -> the place of the partner that it undoes.
        titles: what messages call the layers, such as "layer 2 (Blur)".

    Raises:
        LearnError: a layer does not fit, or needs too much memory; nothing is to be learned, or an array
            that there is not.
    """

    layers: tuple[Layer, ...]
    in_shape: Shape
    out_shape: Shape
    parameters: tuple[Parameter, ...]
    mates: Mapping[int, int]

    def __init__(
        self,
        layers: Sequence[Layer],
        in_shape: Shape,
        trainable: Collection[tuple[int, str]],
        mates: Mapping[int, int] | None = None,
        titles: Sequence[str] | None = None,
    ) -> None:
        self.layers, self.in_shape = tuple(layers), in_shape
        self.mates = MappingProxyType(dict(mates or {}))
        self._titles = _titles(self.layers) if titles is None else tuple(titles)
        shapes = _shapes(self.layers, in_shape, self.mates, self._titles)
        self.out_shape = shapes[-1]
        parts: list[Part] = []
        parameters: list[Parameter] = []
        wanted = set(trainable)
        for place, layer in enumerate(self.layers):
            part = part_of(
                layer,
                shapes[place],
                _shape_mate(place, self.layers, shapes, self.mates),
                {name for at, name in wanted if at == place},
                len(parameters),
            )
            parts.append(part)
            for name, ties in zip(part.names, part.ties, strict=True):
                parameters.append(Parameter(place, name, part.held[name].shape, ties.count))
                wanted.remove((place, name))
        if wanted:
            place, name = min(wanted)
            where = self._titles[place] if 0 <= place < len(parts) else f"layer {place + 1}"
            raise LearnError(f'{_capital(where)} has no "{name}" to be learned; mark one of its own arrays.')
        if not parameters:
            raise LearnError("Nothing is to be learned: mark the weights or the bias of a layer.")
        self.parameters, self._parts = tuple(parameters), tuple(parts)
        self._lowest = parameters[0].layer
        self._partners = frozenset(self.mates.values())
        self._shapes = tuple(each.shape for each in parameters)

    def values(self) -> Values:
        """Return what the layers have now, in new arrays: full, numbers that are shared at every entry."""
        return tuple(self._parts[each.layer].held[each.name].copy() for each in self.parameters)

    # --- computing ---

    @steady_plans()
    def forward(
        self, x: FloatArray, values: Values, control: Control | None = None, *, reuse: Tape | None = None
    ) -> Tape:
        """Run the layers on a picture with these values.

        Args:
            x: ``(C, H, W)``, float32 or float64, of the network's channels and any size that fits.
            values: one array for each parameter.
            control: told of the progress, may cancel.
            reuse: the tape of an earlier run on the very same array, which must not have been written to
                since: what the layers below the lowest learned one made of it is not computed again.

        Raises:
            LearnError: a layer does not fit a picture of another size than the network's.
            Cancelled: by the control.
        """
        self._check(x, values)
        inputs: list[FloatArray | None] = [None] * len(self.layers)
        first, value = 0, x
        if reuse is not None and reuse.x is x:
            first, value = self._lowest, known(reuse.inputs[self._lowest])
            inputs[:first] = reuse.inputs[:first]
        output = self._run(value, values, inputs, first, len(self.layers), control)
        return Tape(x, output, tuple(inputs))

    @steady_plans()
    def backward(
        self, grad: FloatArray, tape: Tape, values: Values, control: Control | None = None
    ) -> Values:
        """Return the gradient of a loss for each parameter, float64, of its shape.

        It is the one with respect to the free numbers, written at each of their entries: the same numbers
        where a kernel is shared, so that a step moves its copies alike, and 0 around smaller kernels.

        Args:
            grad: the loss's gradient with respect to ``tape.output``, of its shape.
            tape: of ``forward`` with the same values.
            values, control: as for ``forward``.

        Raises:
            Cancelled: by the control.
        """
        found: list[Values] = []
        passed: FloatArray | None = grad
        count = len(self.layers) - self._lowest
        for done, place in enumerate(reversed(range(self._lowest, len(self.layers)))):
            part, x = self._parts[place], known(tape.inputs[place])
            step = _step(part, x, control, done / count, (done + 1) / count)
            mate = self._mate(place, tape.inputs)
            passed, grads = part.backward(known(passed), x, values, mate, step, by_x=place > self._lowest)
            found.append(grads)
            if control is not None:
                control.check()
        return tuple(each for grads in reversed(found) for each in grads)

    @steady_plans()
    def input_gradient(
        self, grad: FloatArray, tape: Tape, values: Values, control: Control | None = None
    ) -> FloatArray:
        """Return the loss's gradient with respect to the picture, of its shape and dtype.

        Arguments and errors as for ``backward``.
        """
        inputs = list(tape.inputs)
        if any(each is None for each in inputs):  # below the lowest learned layer backward needs none
            self._run(tape.x, values, inputs, 0, self._lowest, share(control, 0.0, 0.3), keep_all=True)
        count = len(self.layers)
        for done, place in enumerate(reversed(range(count))):
            part, x, mate = self._parts[place], known(inputs[place]), self._mate(place, inputs)
            step = _step(part, x, control, 0.3 + 0.7 * done / count, 0.3 + 0.7 * (done + 1) / count)
            passed, _ = part.backward(grad, x, values, mate, step, by_x=True, by_weights=False)
            grad = known(passed)
            if control is not None:
                control.check()
        return grad

    # --- what follows from it ---

    def with_values(self, values: Values) -> tuple[Layer, ...]:
        """Return the layers with these values as their weights: ordinary layers of the same make.

        Which channels share a kernel, the kernels' sizes and the filters' names stay.

        Raises:
            LearnError: numbers that no kernel can have: not finite, or beyond 1e30.
        """
        try:
            return tuple(part.with_values(values) for part in self._parts)
        except ParamError as error:
            raise LearnError(
                f"The weights make no kernels ({error}); go back, and take a lower rate."
            ) from error

    def fields(self) -> tuple[ReceptiveField, ReceptiveField]:
        """Return what the output's cells see of the picture, for rows and for columns."""
        rows, columns = self._levels()[-1].fields
        return rows, columns

    def grid(self) -> tuple[int, int]:
        """Return of how many pixels a shift of the picture must be a multiple, in rows and in columns.

        Then every layer's cells shift by whole cells. That is the output's jump where the layers only shrink
        the picture; where one shrinks and the next enlarges, the jump may be smaller.
        """
        jumps = [[field.jump for field in level.fields] for level in self._levels()]
        rows, columns = (math.lcm(*(jump.numerator for jump in axis)) for axis in zip(*jumps, strict=True))
        return rows, columns

    def explicit(self) -> Network:
        """Return the same network with its padding in numbers, which then do not depend on the size.

        A part of the picture that is cut out at a multiple of ``grid`` then gives the same cells inside.

        Raises:
            LearnError: a layer cannot do without the whole picture.
        """
        layers = []
        for part, title in zip(self._parts, self._titles, strict=True):
            try:
                layers.append(explicit_layer(part.layer, part.in_shape))
            except LearnError as error:
                raise LearnError(f"{_capital(title)} {error}") from None
        trainable = {(each.layer, each.name) for each in self.parameters}
        return Network(layers, self.in_shape, trainable, self.mates, self._titles)

    # --- parts ---

    def _levels(self) -> tuple[Level, ...]:
        return receptive_fields([part.stage for part in self._parts], self.in_shape[1:])

    def _check(self, x: FloatArray, values: Values) -> None:
        if x.ndim != 3 or len(x) != self.in_shape[0]:
            raise LearnError(
                f"The layers are set up for {self.in_shape[0]} channels, but the picture's shape is "
                f"{'×'.join(map(str, x.shape))}; open the training again."
            )
        if tuple(each.shape for each in values) != self._shapes:
            raise ValueError(f"values must have the shapes {self._shapes}, got {[v.shape for v in values]}")

    def _run(
        self,
        value: FloatArray,
        values: Values,
        inputs: list[FloatArray | None],
        first: int,
        stop: int,
        control: Control | None,
        *,
        keep_all: bool = False,
    ) -> FloatArray:
        """Compute the layers from ``first`` to ``stop``, and note what comes into those that need it."""
        for place in range(first, stop):
            if keep_all or place >= self._lowest or place in self._partners:
                inputs[place] = value
            part, count = self._parts[place], stop - first
            step = _step(part, value, control, (place - first) / count, (place + 1 - first) / count)
            try:
                value = part.forward(value, values, self._mate(place, inputs), step)
            except GeometryError as error:
                raise LearnError(
                    f"{_capital(self._titles[place])} does not fit: {_sentence(error)}"
                ) from error
            if control is not None:
                control.check()
        return value

    def _mate(self, place: int, inputs: Sequence[FloatArray | None]) -> Mate | None:
        partner = self.mates.get(place)
        if partner is None:
            return None
        x = known(inputs[partner])
        return Mate(self.layers[partner], shape_of(x), x)


def network_of(project: Project, marks: Collection[Mark], in_shape: Shape | None = None) -> Network:
    """Return the network of a project's layers that are switched on, with the marked arrays to be learned.

    Args:
        project: whose layers and picture are taken.
        marks: ids of layers, with names of arrays; those of layers that are gone or off are ignored.
        in_shape: of another picture than the project's.

    Raises:
        LearnError: as for ``Network``.
    """
    items = [item for item in project.layers if item.enabled]
    if not items:
        raise LearnError(
            "The stack has no layer that is switched on: add one, and mark what it should learn."
        )
    places = {item.id: place for place, item in enumerate(items)}
    mates = {places[after]: places[before] for after, before in project.mates().items()}
    titles = [f"layer {project.index(item.id) + 1} ({item.title})" for item in items]
    layers = [item.layer for item in items]
    shape = project.picture.shape if in_shape is None else in_shape
    shapes = _shapes(layers, shape, mates, titles)
    trainable = {
        (places[layer_id], name)
        for layer_id, name in marks
        if layer_id in places and name in layers[places[layer_id]].weights(shapes[places[layer_id]][0])
    }
    if not trainable:
        raise LearnError(
            "No layer of the stack is marked: mark the weights or the bias that should be learned."
        )
    return Network(layers, shape, trainable, mates, titles)


def _step(part: Part, x: FloatArray, control: Control | None, begin: float, end: float) -> Control | None:
    """The control of one layer's part of the work.

    The core takes a shorter way, with other roundings, for small jobs that nobody wants to stop. Whether it
    is taken depends on the layer alone, so that a step gives the same bits whoever listens.
    """
    if part.is_quick(x):
        return None
    return Control() if control is None else share(control, begin, end)


def _shapes(
    layers: Sequence[Layer], in_shape: Shape, mates: Mapping[int, int], titles: Sequence[str]
) -> list[Shape]:
    """What comes into each layer, and out of the last.

    Raises:
        LearnError: a layer does not fit, or its result would need too much memory.
    """
    shapes, taken = [in_shape], 0
    for place, layer in enumerate(layers):
        mate = _shape_mate(place, layers, shapes, mates)
        try:
            shape = layer.out_shape(shapes[-1], mate)
        except GeometryError as error:
            text = f"{_capital(titles[place])} does not fit: {_sentence(error)}"
            repair = layer.repair(shapes[-1], mate)
            advice = "" if repair is None else f" “{repair.text}” would help."
            raise LearnError(text + advice) from error
        problem = memory_problem(shape, taken)
        if problem is not None:
            raise LearnError(f"{_capital(titles[place])} is too large: {_sentence(problem)}")
        taken += 4 * math.prod(shape)
        shapes.append(shape)
    return shapes


def _shape_mate(
    place: int, layers: Sequence[Layer], shapes: Sequence[Shape], mates: Mapping[int, int]
) -> Mate | None:
    partner = mates.get(place)
    return None if partner is None else Mate(layers[partner], shapes[partner])


def _titles(layers: Sequence[Layer]) -> tuple[str, ...]:
    return tuple(f"layer {place + 1} ({layer.name()})" for place, layer in enumerate(layers))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: object) -> str:
    return f"{str(text).rstrip('.')}."
