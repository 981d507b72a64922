"""Evaluating a project: every layer from the picture down, what is unchanged taken from the cache."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import numpy as np

from convstudio.core import Control, GeometryError
from convstudio.core.planner import Plan
from convstudio.engine.buffers import BufferPool
from convstudio.engine.cache import ByteCache
from convstudio.engine.display import Rendered, render
from convstudio.engine.proof import Proof, ProofJob, prove_crop
from convstudio.layers import Conv
from convstudio.layers.base import FloatArray
from convstudio.layers.conv import ConvGeometry
from convstudio.model import LayerItem, Project


class LayerError(Exception):
    """A layer could not be computed: which one, why in the user's words, and what it was given."""

    def __init__(self, layer_id: str, message: str, source: FloatArray) -> None:
        super().__init__(_sentence(message))
        self.layer_id = layer_id
        self.source = source
        self.source_view: Rendered | None = None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


@dataclass(frozen=True, eq=False)
class LayerResult:
    """What one layer made of its input.

    Attributes:
        item: the layer with its id.
        source: what the kernel slid over, ``(C, H, W)``: the layer's input or its luminance.
        output: ``(C_out, H_out, W_out)``, read-only.
        geometry: the present numbers of the output-size formula and the cost.
        plan: the algorithm that the core took, with the alternatives.
        seconds: how long the convolution took when it was computed.
    """

    item: LayerItem
    source: FloatArray
    output: FloatArray
    geometry: ConvGeometry
    plan: Plan
    seconds: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A whole project's results: one per layer, and pictures of the last one's source and output."""

    project: Project
    layers: tuple[LayerResult, ...]
    source_view: Rendered
    output_view: Rendered

    @property
    def last(self) -> LayerResult:
        """The last layer's result."""
        return self.layers[-1]


class Evaluator:
    """Evaluates one project after another on one worker thread."""

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        # A key holds on to its picture, which weighs three times as much as the luminance made of it.
        self._sources: ByteCache[FloatArray] = ByteCache(max_bytes // 4, max_entries=2)
        # Few more than the present stack needs, so that going one step back is instant and buffers come
        # back soon: computing again is quicker than fresh memory.
        self._results: ByteCache[LayerResult] = ByteCache(max_bytes // 2)
        self._views: ByteCache[Rendered] = ByteCache(max_bytes // 4)
        self._buffers = BufferPool()

    def evaluate(self, project: Project, control: Control | None = None) -> Evaluation:
        """Compute what the cache does not have.

        Raises:
            LayerError: a layer does not fit its input.
            Cancelled: ``control`` was cancelled.
        """
        self._results.allow(len(project.layers) + 1)
        self._views.allow(len(project.layers) + 3)
        results: list[LayerResult] = []
        values: FloatArray = project.picture.values
        key: tuple[object, ...] = (project.picture,)
        for item in project.layers:
            try:
                result = self._layer(item, key, values, control)
            except LayerError as error:
                with contextlib.suppress(MemoryError):  # then the input is left as it was
                    error.source_view = self._view((*key, "given"), values, "clamped", None, control)
                raise
            results.append(result)
            values, key = result.output, (*key, item.layer)
        try:
            return self._pictured(project, results, key, control)
        except MemoryError as error:
            text = "There is not enough memory to show this result"
            raise LayerError(results[-1].item.id, text, results[-1].source) from error

    def _pictured(
        self,
        project: Project,
        results: list[LayerResult],
        key: tuple[object, ...],
        control: Control | None,
    ) -> Evaluation:
        last, look = results[-1], project.look
        source_view = self._view((*key[:-1], self._channels(last)), last.source, "clamped", None, control)
        channel = look.channel if last.output.shape[0] > 1 else None
        output_view = self._view((*key, look.view, channel), last.output, look.view, channel, control)
        return Evaluation(project, tuple(results), source_view, output_view)

    @staticmethod
    def _channels(result: LayerResult) -> str:
        layer = result.item.layer
        return layer.channels if isinstance(layer, Conv) else "each"

    def _layer(
        self, item: LayerItem, above: tuple[object, ...], values: FloatArray, control: Control | None
    ) -> LayerResult:
        key = (*above, item.layer)
        known = self._results.get(key)
        if known is not None and known.item.id == item.id:
            return known
        layer = item.layer
        if not isinstance(layer, Conv):
            raise LayerError(item.id, f"This program cannot compute a {layer.title} layer", values)
        try:
            geometry = layer.geometry((values.shape[0], values.shape[1], values.shape[2]))
            source = self._source(layer, above, values)
            plan = layer.plan(source)
            out = self._buffers.take((source.shape[0], *geometry.out), source.dtype)
            start = time.perf_counter()
            output = layer.apply(source, control=control, out=out)
        except GeometryError as error:
            raise LayerError(item.id, str(error), values) from error
        except MemoryError as error:
            raise LayerError(item.id, "There is not enough memory for this result", values) from error
        seconds = time.perf_counter() - start
        output.setflags(write=False)
        result = LayerResult(item, source, output, geometry, plan, seconds)
        self._results.put(key, result, output.nbytes)
        return result

    def _source(self, layer: Conv, above: tuple[object, ...], values: FloatArray) -> FloatArray:
        if layer.channels == "each" or values.shape[0] == 1:
            return values
        key = (*above, "luminance")
        source = self._sources.get(key)
        if source is None:
            source = layer.source(values)
            self._sources.put(key, source, source.nbytes)
        return source

    def _view(
        self,
        key: tuple[object, ...],
        values: FloatArray,
        view: str,
        channel: int | None,
        control: Control | None,
    ) -> Rendered:
        known = self._views.get(key)
        if known is None:
            pixels = self._buffers.take((*values.shape[1:], 4), np.uint8)
            known = render(values, view, channel=channel, control=control, out=pixels)
            self._views.put(key, known, known.pixels.nbytes)
        return known


def prove_layer(layer: Conv, source: FloatArray, output: FloatArray) -> Proof:
    """Check a random crop of a layer's result against SciPy; ``source`` is what the kernel slid over."""
    channels = source.shape[0]
    geometry = layer.geometry((channels, source.shape[1], source.shape[2]))
    job = ProofJob(
        x=source,
        weight=layer.weights(channels, source.dtype),
        amounts=geometry.amounts,
        stride=layer.stride,
        dilation=layer.dilation,
        bias=np.full(channels, layer.bias),
        groups=channels,
        padding_mode=layer.padding_mode,
        padding_value=layer.padding_value,
        flip=layer.flip,
    )
    return prove_crop(job, output)
