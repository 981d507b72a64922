"""Random layers of any kind, made from its declarations, with inputs for them; and numeric derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import LAYER_KINDS, Layer
from convstudio.layers.base import Mate, Shape
from convstudio.spec.params import (
    PADDING_WORDS,
    BankParam,
    BoolParam,
    ChoiceParam,
    Declared,
    FloatParam,
    IntParam,
    PaddingParam,
    PerAxisParam,
)

CHANNELS = (1, 2, 3, 4, 6)
LARGEST_RESULT = 200_000


@dataclass(frozen=True, eq=False)
class Case:
    """A layer, what it is given, and its mate's input where it has one."""

    layer: Layer
    x: np.ndarray
    mate: Mate | None

    @property
    def shape(self) -> Shape:
        channels, height, width = self.x.shape
        return channels, height, width

    def out_shape(self) -> Shape | None:
        """The shape that the layer promises, or None if it says that it does not fit."""
        try:
            return self.layer.out_shape(self.shape, self.mate)
        except GeometryError as error:
            assert_readable(str(error))
            return None

    def forward(self, x: np.ndarray | None = None, **more: Any) -> np.ndarray:
        return self.layer.forward(self.x if x is None else x, mate=self.mate, **more)

    def backward(self, grad: np.ndarray) -> Any:
        return self.layer.backward(grad, self.x, mate=self.mate)

    def __repr__(self) -> str:
        mate = "" if self.mate is None else f", mate={self.mate.layer} of {self.mate.shape}"
        return f"Case({self.layer}, x={self.x.shape}{mate})"


def assert_readable(message: str) -> None:
    """Fail for a message that speaks of NumPy rather than of the picture."""
    for word in ("ndarray", "broadcast", "operands", "reshape", "dtype"):
        assert word not in message, message


def _whole(param: IntParam, *, wild: bool) -> st.SearchStrategy[int]:
    top = min(param.maximum, param.minimum + 3)
    near = st.integers(0, (top - param.minimum) // param.step).map(lambda n: param.minimum + n * param.step)
    return near | st.integers(param.minimum, min(param.maximum, 40)) if wild and param.step == 1 else near


@st.composite
def banks(draw: st.DrawFn, channels: int) -> Bank:
    """Draw a bank whose filters have one kernel, or one for each of so many channels."""
    numbers = np.random.default_rng(draw(st.integers(0, 999)))
    sides = draw(st.sampled_from(((1, 1), (3, 3), (3, 3), (5, 5), (2, 3), (4, 1))))
    inputs = draw(st.sampled_from((1, 1, channels, 2)))
    filters = []
    for _ in range(draw(st.integers(1, 3))):
        kernels = tuple(Kernel.custom(numbers.standard_normal(sides)) for _ in range(inputs))
        filters.append(Filter(kernels, float(numbers.standard_normal())))
    return Bank(tuple(filters))


def values_of(each: Declared, channels: int, *, wild: bool = False) -> st.SearchStrategy[Any]:
    """Values that the declaration allows, small ones unless they may be wild."""
    param = each.param
    if isinstance(param, IntParam):
        return _whole(param, wild=wild)
    if isinstance(param, FloatParam):
        some = st.floats(max(param.minimum, -2.0), min(param.maximum, 3.0))
        return st.sampled_from((each.default, param.minimum if param.minimum > -100 else 0.0)) | some
    if isinstance(param, ChoiceParam):
        return st.sampled_from([choice.value for choice in param.choices])
    if isinstance(param, BoolParam):
        return st.booleans()
    if isinstance(param, PerAxisParam):
        one = _whole(param.each, wild=wild)
        return st.tuples(one, one)
    if isinstance(param, PaddingParam):
        side = st.integers(0, min(param.maximum, 20 if wild else 3))
        pair = st.tuples(side, side)
        return st.sampled_from(PADDING_WORDS) | st.tuples(pair, pair)
    if isinstance(param, BankParam):
        return banks(channels)
    raise AssertionError(f"no values are known for {param}")


@st.composite
def layers(draw: st.DrawFn, kind: str, channels: int, *, wild: bool = False) -> Layer:
    """Draw a layer of a kind with any parameters."""
    cls = LAYER_KINDS[kind]
    return cls(**{p.name: draw(values_of(p, channels, wild=wild)) for p in cls.parameters()})


@st.composite
def cases(draw: st.DrawFn, kind: str, *, wild: bool = False) -> Case:
    """Draw a layer and an input, which it need not fit."""
    channels = draw(st.sampled_from(CHANNELS))
    shape = (channels, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    layer = draw(layers(kind, channels, wild=wild))
    numbers = np.random.default_rng(draw(st.integers(0, 9999)))
    mate = None
    if layer.mate_kind and not (wild and draw(st.integers(0, 4)) == 0):
        undone = draw(layers(layer.mate_kind, channels))
        mate = Mate(undone, shape, numbers.standard_normal(shape))
        try:
            shape = undone.out_shape(shape)
        except GeometryError:
            assume(False)
        if wild and draw(st.booleans()):
            shape = (shape[0] + draw(st.integers(0, 1)), shape[1] + draw(st.integers(0, 1)), shape[2])
    return Case(layer, numbers.standard_normal(shape), mate)


@st.composite
def fitting(draw: st.DrawFn, kind: str) -> Case:
    """Draw a layer and an input that it fits."""
    case = draw(cases(kind))
    out = case.out_shape()
    assume(out is not None and np.prod(out) <= LARGEST_RESULT)
    return case


def slope(loss: Callable[[float], float]) -> float:
    """The derivative of a function at 0, in a case without a kink there."""
    step = 1e-5
    at, ahead, behind = loss(0.0), loss(step), loss(-step)
    right, left = (ahead - at) / step, (at - behind) / step
    assume(abs(right - left) <= 1e-3 * (1 + abs(right) + abs(left)))
    return (ahead - behind) / (2 * step)
