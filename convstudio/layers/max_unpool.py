"""Max unpooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convstudio.core import Control, GeometryError, max_pool, max_unpool, max_unpool_backward
from convstudio.core.geometry import span
from convstudio.core.gradients.progress import share
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Repair, Shape
from convstudio.layers.common import counted, one_example, shape_of, times
from convstudio.layers.max_pool import MaxPool
from convstudio.spec.params import Pair


@dataclass(frozen=True)
class MaxUnpool(Layer):
    """Undoes a max pooling further up: puts each value back where the maximum was found, with zeros around.

    y[c, p] = x[c, i, j] where p is the place that won window (i, j) of the pooling, else 0. Where windows
    overlap and several send their values to one place, the last one stays.

    (Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014, section 2.1.)
    """

    kind: ClassVar[str] = "max_unpool"
    title: ClassVar[str] = "Max unpooling"
    family: ClassVar[str] = "Pooling"
    keywords: ClassVar[str] = "maxunpool maxunpool2d switches deconvnet upsample enlarge inverse"
    mate_kind: ClassVar[str] = "max_pool"

    def name(self) -> str:
        return "Max unpool"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        pooled = _pool(mate).out_shape(_known(mate).shape)
        if in_shape[0] != pooled[0]:
            raise GeometryError(
                f"{counted(in_shape[0], 'channel')} come in, but the max pooling that is undone here "
                f"made {pooled[0]}"
            )
        if in_shape != pooled:
            raise GeometryError(
                f"the input is {times(in_shape[1:])} px, but the max pooling that is undone here made "
                f"{times(pooled[1:])} px"
            )
        return _known(mate).shape

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        """Return the windows of the pooling, read the other way: a cell may come from any that covers it."""
        self.out_shape(in_shape, mate)
        pool, shape = _pool(mate), _known(mate).shape
        pads = _reach(mate)
        rest = [
            n + before + after - (cells - 1) * step - span(taps, gap)
            for n, (before, after), cells, step, taps, gap in zip(
                shape[1:], pads, in_shape[1:], pool.stride, pool.window, pool.dilation, strict=True
            )
        ]
        return Stage(
            pool.window,
            stride=pool.stride,
            dilation=pool.dilation,
            padding=pads,
            kind="transposed",
            output_padding=tuple(rest),
        )

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        self.out_shape(shape_of(x), mate)
        places = _places(mate, share(control, 0.0, 0.6))
        arguments = {**_arguments(mate), "control": share(control, 0.6, 1.0)}
        result: FloatArray = max_unpool(x[np.newaxis], places, **arguments, out=one_example(out))[0]
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        self.out_shape(shape_of(x), mate)
        places = _places(mate, share(control, 0.0, 0.6))
        arguments = _arguments(mate)
        found = max_unpool_backward(
            grad[np.newaxis], x[np.newaxis], places, **arguments, control=share(control, 0.6, 0.8)
        )
        if _overlap(_pool(mate)):
            found[_replaced(places, arguments, share(control, 0.8, 1.0))] = 0
        return LayerGradients(found[0])

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        if mate is None:
            fitting = min(in_shape[1:]) >= 2  # else the pooling put above would not fit
            return Repair("Add a max pooling above", insert="max_pool") if fitting else None
        try:
            self.out_shape(in_shape, mate)
        except GeometryError:
            return Repair("Switch the unpooling off", switch_off=True)
        return None


def _known(mate: Mate | None) -> Mate:
    if mate is None:
        raise GeometryError("a max unpooling needs the max pooling that it undoes above it")
    return mate


def _pool(mate: Mate | None) -> MaxPool:
    layer = _known(mate).layer
    if not isinstance(layer, MaxPool):
        raise GeometryError(f"a max unpooling undoes a max pooling, not {layer.name()}")
    return layer


def _places(mate: Mate | None, control: Control | None) -> Any:
    """Return where the pooling found its maxima, (1, C, *pooled), counted within a plane row by row."""
    given = _known(mate).x
    if given is None:
        raise ValueError("a max unpooling needs the input of the max pooling that it undoes, got none")
    arguments = _pool(mate).core_arguments()
    return max_pool(given[np.newaxis], **arguments, return_indices=True, control=control).indices


def _arguments(mate: Mate | None) -> dict[str, Any]:
    """Return the pooling as keyword arguments of ``core.max_unpool``, which takes a window's whole span."""
    pool = _pool(mate)
    return {
        "kernel_size": tuple(span(taps, gap) for taps, gap in zip(pool.window, pool.dilation, strict=True)),
        "stride": pool.stride,
        "padding": _reach(mate),
        "output_size": _known(mate).shape[1:],
    }


def _reach(mate: Mate | None) -> tuple[Pair, Pair]:
    """Return the padding that the pooling's windows really reach, before and after."""
    _, rows, columns = _pool(mate).windows(_known(mate).shape).reach
    return rows, columns


def _overlap(pool: MaxPool) -> bool:
    """Whether two windows may share a pixel."""
    reach = (span(taps, gap) for taps, gap in zip(pool.window, pool.dilation, strict=True))
    return any(length > step for length, step in zip(reach, pool.stride, strict=True))


def _replaced(places: Any, arguments: dict[str, Any], control: Control | None) -> Any:
    """Return which values another one replaced, so that they have no part in the result."""
    cells = places[0, 0].size
    numbers = np.broadcast_to(np.arange(cells, dtype=np.float64), (*places.shape[:2], cells))
    numbers = numbers.reshape(places.shape)
    stayed = max_unpool(numbers, places, **arguments, control=share(control, 0.0, 0.5))
    there = max_unpool_backward(stayed, numbers, places, **arguments, control=share(control, 0.5, 1.0))
    return there != numbers
