"""The document: a picture, the layers that act on it, and how the result is looked at. All frozen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from convstudio.kernels import Kernel
from convstudio.layers import Conv, Layer
from convstudio.model.picture import Picture


@dataclass(frozen=True)
class LayerItem:
    """A layer in the stack under an id that stays the same while its parameters change."""

    id: str
    layer: Layer


def suiting_view(kernel: Kernel) -> str:
    """Return the display view that suits a kernel's answers.

    Weights that cancel out answer around zero and are shown signed; weights that keep the brightness, if
    only a part of it as a sharpening filter's large ones do, give a picture again, which is shown as a
    file stores it.
    """
    total, magnitude = float(kernel.values.sum()), float(np.abs(kernel.values).sum())
    return "signed" if abs(total) < 1e-6 * magnitude else "clamped"


@dataclass(frozen=True)
class Look:
    """How the result is shown: the name of a display view, and one channel or all of them (None)."""

    view: str = "signed"
    channel: int | None = None


@dataclass(frozen=True)
class Project:
    """One state of the work; every edit makes a new one."""

    picture: Picture
    layers: tuple[LayerItem, ...]
    look: Look = Look()

    def __post_init__(self) -> None:
        ids = [item.id for item in self.layers]
        if len(set(ids)) != len(ids):
            raise ValueError(f"layer ids must be unique, got {ids}")

    @classmethod
    def first(cls, picture: Picture) -> Self:
        """Return what the program opens with: a Sobel kernel on the picture."""
        return cls(picture, (LayerItem("conv-1", Conv()),))

    def layer(self, layer_id: str) -> Layer:
        """Return the layer with this id.

        Raises:
            KeyError: there is none.
        """
        for item in self.layers:
            if item.id == layer_id:
                return item.layer
        raise KeyError(layer_id)

    def with_param(self, layer_id: str, name: str, value: Any) -> Self:
        """Return a project in which one parameter of one layer has another value.

        Raises:
            ParamError: the value is not allowed; the project stays as it is.
        """
        changed = self.layer(layer_id).replace(**{name: value})
        items = tuple(LayerItem(i.id, changed) if i.id == layer_id else i for i in self.layers)
        return dataclasses.replace(self, layers=items)

    def with_picture(self, picture: Picture) -> Self:
        """Return a project with another picture under the same layers."""
        return dataclasses.replace(self, picture=picture)

    def with_look(self, **changes: Any) -> Self:
        """Return a project that is looked at in another way."""
        return dataclasses.replace(self, look=dataclasses.replace(self.look, **changes))
