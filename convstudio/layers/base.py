"""What every layer kind offers: its declared parameters, its shape rule, its computation and its gradient."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control, Cost
from convstudio.core.receptive import Stage
from convstudio.spec.params import Declared, declared
from convstudio.spec.registry import Registry

FloatArray = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]
"""``(C, H, W)``."""

FAMILIES = ("Convolution", "Pooling", "Activation", "Shape", "Colour and scale")
"""Where the gallery lists the kinds, in its order."""

LAYER_KINDS: Registry[type[Layer]] = Registry("layer kind")


@dataclass(frozen=True, eq=False)
class Mate:
    """The layer further up that a layer undoes, with what it was given.

    Attributes:
        layer: the max pooling that a max unpooling belongs to.
        shape: ``(C, H, W)`` of the mate's input.
        x: that input, where it is known; the shape rule does without.
    """

    layer: Layer
    shape: Shape
    x: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class LayerGradients:
    """What ``backward`` returns.

    Attributes:
        x: the loss's gradient with respect to the layer's input, of its shape.
        weights: those with respect to the layer's trainable arrays, by the names that ``weights`` gives them.
    """

    x: FloatArray
    weights: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Repair:
    """A change that makes a layer fit.

    Attributes:
        text: what the button says, such as "Pad to the same size".
        changes: parameters with their new values.
        insert: the kind of a layer to put right above, or "".
        switch_off: whether the layer is switched off instead.
    """

    text: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    insert: str = ""
    switch_off: bool = False


@dataclass(frozen=True)
class Layer(ABC):
    """A frozen dataclass whose ``Annotated`` fields are its parameters; one kind a file.

    A subclass that has a ``kind`` registers itself under it, and validates in ``__post_init__`` through its
    declarations, so a layer that exists has allowed values. The class docstring is its help: the first
    paragraph is the gallery's sentence.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str]
    keywords: ClassVar[str] = ""
    """Other names that a search should find the kind under."""
    mate_kind: ClassVar[str] = ""
    """The kind of the layer above that this one undoes; it is paired as brackets are."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:  # what several kinds have in common may be a class of its own
            LAYER_KINDS.add(cls.kind, cls)

    def __post_init__(self) -> None:
        for each in self.parameters():
            canonical = each.param.check(getattr(self, each.name))
            object.__setattr__(self, each.name, canonical)  # the way a frozen dataclass initializes

    @classmethod
    def parameters(cls) -> tuple[Declared, ...]:
        """Return the declared parameters in field order."""
        return declared(cls)

    @classmethod
    def help(cls) -> str:
        """Return what the kind does, in the words of its docstring."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """Return what the kind does in a sentence or two: the docstring's first paragraph."""
        return " ".join(cls.help().split("\n\n")[0].split())

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed.

        Raises:
            ParamError: a value that its parameter does not allow.
        """
        return dataclasses.replace(self, **changes)

    def applies(self, name: str) -> bool:
        """Whether a parameter has a part in the result as the others are set; a form hides those without."""
        return True

    def name(self) -> str:
        """Return what a card calls the layer, with the numbers that matter most: "Max pool 2×2 /2"."""
        return self.title

    @abstractmethod
    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        """Return the output's ``(C, H, W)`` by the shape rule alone.

        Raises:
            GeometryError: the layer does not fit this input.
        """

    @abstractmethod
    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """Compute the layer on ``x`` of shape ``(C, H, W)``, float32 or float64.

        The result has ``x``'s dtype and is a new array, or ``out`` (of the result's shape and dtype,
        C-contiguous) where it is given.

        Raises:
            GeometryError: the layer does not fit this input.
            Cancelled: ``control`` was cancelled.
        """

    @abstractmethod
    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        """Return the gradients for ``grad``, the loss's gradient with respect to the output for ``x``."""

    def weights(self, in_channels: int) -> Mapping[str, FloatArray]:
        """Return the trainable arrays by name, float64; none for most kinds."""
        return {}

    def with_weights(self, weights: Mapping[str, FloatArray], in_channels: int) -> Self:
        """Return a copy with other trainable arrays, as ``weights`` names them."""
        if weights:
            raise ValueError(f"{self.title} has no weights, got {', '.join(weights)}")
        return self

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        """Return the window that an output cell reads, for receptive fields; a single cell by default.

        Raises:
            GeometryError: the layer does not fit this input.
        """
        return Stage(1)

    def cost(self, in_shape: Shape, mate: Mate | None = None) -> Cost:
        """Return multiply-adds and parameters; none by default. The dense equivalent is of these shapes.

        Raises:
            GeometryError: the layer does not fit this input.
        """
        return dense_cost(in_shape, self.out_shape(in_shape, mate))

    def algorithm(self, x: FloatArray) -> str:
        """Return the name of the method that computes ``forward``, "" where there is only one."""
        return ""

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        """Return a change that makes the layer fit an input that it does not fit, if there is one."""
        return None


def dense_cost(in_shape: Shape, out_shape: Shape, multiply_adds: int = 0, parameters: int = 0) -> Cost:
    """Return a cost with the weights of a fully connected layer between the same shapes."""
    dense = int(np.prod(in_shape, dtype=object)) * int(np.prod(out_shape, dtype=object))
    return Cost(multiply_adds, parameters, dense)
