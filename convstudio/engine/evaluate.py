"""Evaluating a project: every layer from the picture down, what is unchanged taken from the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass

import numpy as np

from convstudio.core import Control, Cost, GeometryError
from convstudio.core.gradients.progress import share
from convstudio.core.planner import Plan
from convstudio.engine.buffers import BufferPool
from convstudio.engine.cache import ByteCache
from convstudio.engine.display import Rendered, render
from convstudio.engine.memory import memory_problem, physical_memory
from convstudio.layers import BankLayer, Conv
from convstudio.layers.base import FloatArray, Mate, Repair, Shape
from convstudio.model import PHOTO, LayerItem, Look, Project

Key = tuple[object, ...]

_MOST_CACHED = 4 << 30
_COLOURS = (1, 3)  # channels that can be shown together


class LayerError(Exception):
    """A layer could not be computed.

    Attributes:
        layer_id: which one.
        source: ``(C, H, W)``, what it was given.
        repair: a change that would make it fit, if there is one.
        layers: the results of the layers above.
        source_view: a picture of the source, once there is one.
    """

    def __init__(self, layer_id: str, message: str, source: FloatArray, repair: Repair | None = None) -> None:
        super().__init__(_sentence(message))
        self.layer_id = layer_id
        self.source = source
        self.repair = repair
        self.layers: tuple[LayerResult, ...] = ()
        self.source_view: Rendered | None = None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


@dataclass(frozen=True, eq=False)
class LayerResult:
    """What one layer made of its input.

    Attributes:
        item: the layer with its id.
        source: ``(C, H, W)``, the layer's input.
        output: ``(C_out, H_out, W_out)``, read-only; the source itself of a layer that is switched off.
        cost: multiply-adds and parameters.
        algorithm: the method that computed it, "" where there is only one.
        plan: of a convolution: the alternatives that the core had.
        mate: the layer above that this one undoes, if it does.
        seconds: how long the layer took when it was computed.
    """

    item: LayerItem
    source: FloatArray
    output: FloatArray
    cost: Cost
    algorithm: str = ""
    plan: Plan | None = None
    mate: Mate | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A project's results from the picture down, and pictures of the selected layer's source and output.

    Attributes:
        project: what was evaluated.
        layers: one result for each layer, as far as they were asked for and could be computed.
        source_view, output_view: the selected layer's; the photo's both, where that is selected.
        photo_view: the photo's picture.
        compared_view: of the map that the selected layer is compared with, where its layer was computed.
        problem: why the first layer below these could not be computed, if it was tried.
        source_channel: the channel that the source's picture shows, None for all together.
        complete: whether every layer was tried.
    """

    project: Project
    layers: tuple[LayerResult, ...]
    source_view: Rendered
    output_view: Rendered
    photo_view: Rendered
    compared_view: Rendered | None = None
    problem: LayerError | None = None
    source_channel: int | None = None
    complete: bool = True

    @property
    def last(self) -> LayerResult:
        """The lowest result there is."""
        return self.layers[-1]

    @property
    def shown(self) -> LayerResult | None:
        """The selected layer's result; None if the photo is selected."""
        return self.result(self.project.selected)

    def result(self, layer_id: str) -> LayerResult | None:
        """Return a layer's result, None for the photo and for what was not computed."""
        return next((each for each in self.layers if each.item.id == layer_id), None)

    @property
    def source(self) -> FloatArray:
        """``(C, H, W)``: what the selected layer was given."""
        shown = self.shown
        return self.project.picture.values if shown is None else shown.source

    @property
    def output(self) -> FloatArray:
        """``(C, H, W)``: what the selected layer made."""
        shown = self.shown
        return self.project.picture.values if shown is None else shown.output

    @property
    def channel(self) -> int | None:
        """The channel that the output view shows, None for all together."""
        return shown_channel(self.project.look, self.output.shape[0])


def shown_channel(look: Look, channels: int) -> int | None:
    """Return which of so many channels a look shows, None for all together."""
    if channels == 1:
        return None
    if look.channel is None:
        return None if channels in _COLOURS else 0
    return min(look.channel, channels - 1)


class Evaluator:
    """Evaluates one project after another on one worker thread."""

    def __init__(self, max_bytes: int | None = None) -> None:
        if max_bytes is None:
            max_bytes = min(_MOST_CACHED, physical_memory() // 4)
        # Few more than the present stack needs, so that going one step back is instant and buffers come
        # back soon: computing again is quicker than fresh memory.
        self._results: ByteCache[LayerResult] = ByteCache(max_bytes)
        self._views: ByteCache[Rendered] = ByteCache(max_bytes // 4)
        self._buffers = BufferPool()

    def evaluate(self, project: Project, control: Control | None = None, *, whole: bool = True) -> Evaluation:
        """Compute what the cache does not have, to the end of the stack or only down to the selected layer.

        Raises:
            LayerError: the selected layer, or one above it, does not fit its input.
            Cancelled: ``control`` was cancelled.
        """
        count = len(project.layers)
        self._results.allow(count + 1)
        self._views.allow(count + 6)
        wanted = 0 if project.selected == PHOTO else project.index(project.selected) + 1
        last = count if whole else wanted
        walk = _Walk(self, project, control, last)
        try:
            walk.run()
            problem = None
        except LayerError as error:
            if len(walk.results) < wanted:
                error.layers = tuple(walk.results)
                with contextlib.suppress(MemoryError):  # then the input is left as it was
                    error.source_view = self._view(walk.key, error.source, Look("clamped"), control)
                raise
            problem = error
        try:
            photo_view = self._view(walk.keys[0], project.picture.values, Look("clamped"), control)
            source_view, output_view, channel = self._views_of(walk, wanted)
            compared_view = self._compared_view(walk)
        except MemoryError as error:
            text = "There is not enough memory to show this result"
            source = walk.results[wanted - 1].source if wanted else project.picture.values
            raise LayerError(project.selected, text, source) from error
        complete = last == count
        results = tuple(walk.results)
        return Evaluation(
            project,
            results,
            source_view,
            output_view,
            photo_view,
            compared_view=compared_view,
            problem=problem,
            source_channel=channel,
            complete=complete,
        )

    def _views_of(self, walk: _Walk, wanted: int) -> tuple[Rendered, Rendered, int | None]:
        project, control = walk.project, walk.control
        if wanted == 0:
            picture = self._view(walk.keys[0], project.picture.values, Look("clamped"), control)
            shown_photo = self._view(walk.keys[0], project.picture.values, project.photo_look, control)
            return picture, shown_photo, None
        shown = walk.results[wanted - 1]
        given = _given_look(project, shown)
        source = self._view(walk.keys[wanted - 1], shown.source, given, control)
        output = self._view(walk.keys[wanted], shown.output, project.look, control)
        return source, output, shown_channel(given, shown.source.shape[0])

    def _compared_view(self, walk: _Walk) -> Rendered | None:
        compared = walk.project.compared
        if compared is None:
            return None
        if compared.layer_id == PHOTO:
            look = Look("clamped", compared.channel)
            return self._view(walk.keys[0], walk.project.picture.values, look, walk.control)
        for place, result in enumerate(walk.results):
            if result.item.id == compared.layer_id:
                look = dataclasses.replace(result.item.look, channel=compared.channel)
                return self._view(walk.keys[place + 1], result.output, look, walk.control)
        return None

    def compute(
        self, item: LayerItem, key: Key, values: FloatArray, mate: Mate | None, walk: _Walk
    ) -> LayerResult:
        """Return a layer's result for ``values``, known or new."""
        known = self._results.get(key)
        if known is not None:
            return known if known.item == item else dataclasses.replace(known, item=item)
        layer = item.layer
        shape: Shape = (values.shape[0], values.shape[1], values.shape[2])
        try:
            out_shape = layer.out_shape(shape, mate)
            problem = memory_problem(out_shape, walk.taken, values.itemsize)
            if problem:
                raise LayerError(item.id, problem, values)
            cost = layer.cost(shape, mate)
            plan = layer.plan(values) if isinstance(layer, Conv) else None
            algorithm = layer.algorithm(values) if plan is None else plan.algorithm
            out = self._buffers.take(out_shape, values.dtype)
            start = time.perf_counter()
            output = layer.forward(values, mate=mate, control=walk.part(), out=out)
        except GeometryError as error:
            raise LayerError(item.id, str(error), values, layer.repair(shape, mate)) from error
        except MemoryError as error:
            raise LayerError(item.id, "There is not enough memory for this result", values) from error
        seconds = time.perf_counter() - start
        output.setflags(write=False)
        result = LayerResult(item, values, output, cost, algorithm, plan, mate, seconds)
        self._results.put(key, result, output.nbytes)
        return result

    def _view(self, key: Key, values: FloatArray, look: Look, control: Control | None) -> Rendered:
        channel = shown_channel(look, values.shape[0])
        key = (key, look.view, channel)
        known = self._views.get(key)
        if known is None:
            pixels = self._buffers.take((*values.shape[1:], 4), np.uint8)
            known = render(values, look.view, channel=channel, control=control, out=pixels)
            self._views.put(key, known, known.pixels.nbytes)
        return known


def _given_look(project: Project, shown: LayerResult) -> Look:
    """How a layer's input is shown: as the output above it, in the channel that the shown one is made of."""
    above = project.layers[: project.index(shown.item.id)]
    look = next((item.look for item in reversed(above) if item.enabled), Look("clamped"))
    given, made = shown.source.shape[0], shown.output.shape[0]
    channel = shown_channel(project.look, made)
    if channel is None or given in _COLOURS:
        return look
    layer = shown.item.layer
    if isinstance(layer, BankLayer) and layer.channels == "each":
        return dataclasses.replace(look, channel=layer.filter_at(channel, given)[1][0])
    return dataclasses.replace(look, channel=channel) if given == made else look


class _Walk:
    """One way down the stack."""

    def __init__(self, evaluator: Evaluator, project: Project, control: Control | None, last: int) -> None:
        self.project = project
        self.control = control
        self.results: list[LayerResult] = []
        self.taken = 0  # bytes of the results so far
        self._evaluator = evaluator
        self._last = last
        self.values: FloatArray = project.picture.values
        self.key: Key = (project.picture,)
        self.keys: list[Key] = [self.key]  # before each layer, and at the end

    def part(self) -> Control | None:
        """Return the share of the whole progress that belongs to the next layer."""
        done, last = len(self.results), max(1, self._last)
        return share(self.control, done / last, (done + 1) / last)

    def run(self) -> None:
        mates = self.project.mates()
        for item in self.project.layers[: self._last]:
            if not item.enabled:
                cost = Cost(0, 0, 0)
                result = LayerResult(item, self.values, self.values, cost)
            else:
                key = (self.key, item.layer)
                mate = self._mate(mates.get(item.id))
                result = self._evaluator.compute(item, key, self.values, mate, self)
                self.key = key
                self.taken += result.output.nbytes
            self.results.append(result)
            self.values = result.output
            self.keys.append(self.key)

    def _mate(self, mate_id: str | None) -> Mate | None:
        for result in self.results:
            if result.item.id == mate_id:
                channels, height, width = result.source.shape
                return Mate(result.item.layer, (channels, height, width), result.source)
        return None
