"""What every layer kind offers: its declared parameters, its shape rule and its computation."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.spec.params import Declared, declared
from convstudio.spec.registry import Registry

FloatArray = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]
"""``(C, H, W)``."""

LAYER_KINDS: Registry[type[Layer]] = Registry("layer kind")


@dataclass(frozen=True)
class Layer(ABC):
    """A frozen dataclass whose ``Annotated`` fields are its parameters; one kind a file.

    A subclass registers itself under its ``kind`` and validates in ``__post_init__`` through its
    declarations, so a layer that exists has allowed values.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        LAYER_KINDS.add(cls.kind, cls)

    def __post_init__(self) -> None:
        for each in self.parameters():
            canonical = each.param.check(getattr(self, each.name))
            object.__setattr__(self, each.name, canonical)  # the way a frozen dataclass initializes

    @classmethod
    def parameters(cls) -> tuple[Declared, ...]:
        """Return the declared parameters in field order."""
        return declared(cls)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed.

        Raises:
            ParamError: a value that its parameter does not allow.
        """
        return dataclasses.replace(self, **changes)

    @abstractmethod
    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the output's ``(C, H, W)`` by the shape rule alone.

        Raises:
            GeometryError: the layer does not fit this input.
        """

    @abstractmethod
    def forward(self, x: FloatArray, *, control: Control | None = None) -> FloatArray:
        """Compute the layer on ``x`` of shape ``(C, H, W)``; the result is a new array.

        Raises:
            GeometryError: the layer does not fit this input.
            Cancelled: ``control`` was cancelled.
        """
