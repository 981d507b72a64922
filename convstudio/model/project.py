"""The document: a picture, the layers that act on it, and how each is looked at. All frozen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from convstudio.core import GeometryError
from convstudio.kernels import Filter, Kernel
from convstudio.layers import BankLayer, Conv, Layer
from convstudio.layers.base import Mate, Shape
from convstudio.model.learned import Learned
from convstudio.model.picture import Picture
from convstudio.model.training import TrainingSetup
from convstudio.spec.params import ParamError

PHOTO = "photo"
"""What the picture is called where a layer's id could stand."""

MOST_LAYERS = 64


@dataclass(frozen=True)
class Look:
    """How a result is shown: the name of a display view, and one channel or all of them (None)."""

    view: str = "signed"
    channel: int | None = None


@dataclass(frozen=True)
class Side:
    """A map that others are compared with: of a layer or the photo; a channel or all of them (None)."""

    layer_id: str
    channel: int | None = None


@dataclass(frozen=True)
class LayerItem:
    """A layer in the stack under an id that stays the same while its parameters change.

    Attributes:
        id: unlike that of any other layer of the project.
        layer: what is computed.
        name: what the user calls it, "" for what the layer calls itself.
        enabled: whether it is computed; one that is switched off hands on what comes in.
        look: how its output is shown.
    """

    id: str
    layer: Layer
    name: str = ""
    enabled: bool = True
    look: Look = Look()

    @property
    def title(self) -> str:
        """What a card calls the layer."""
        return self.name or self.layer.name()


def suiting_bank_view(layer: BankLayer) -> str:
    """Return the display view that suits a layer with filters: of several maps, that of signed numbers."""
    if len(layer.bank.filters) == 1 and layer.bank.filters[0].shared and layer.channels == "each":
        return suiting_view(layer.bank.filters[0].kernels[0])
    return "signed"


def suiting_view(kernel: Kernel) -> str:
    """Return the display view that suits a kernel's answers.

    Weights that cancel out answer around zero and are shown signed; weights that keep the brightness, if
    only a part of it as a sharpening filter's large ones do, give a picture again, which is shown as a
    file stores it.
    """
    total, magnitude = float(kernel.values.sum()), float(np.abs(kernel.values).sum())
    return "signed" if abs(total) < 1e-6 * magnitude else "clamped"


@dataclass(frozen=True)
class Project:
    """One state of the work; every edit makes a new one.

    ``selected`` is the id of the layer that the window shows, or ``PHOTO``. ``compared`` is the map that it
    is compared with, None for what comes into the layer. ``learned`` is what the last training found.
    """

    picture: Picture
    layers: tuple[LayerItem, ...]
    selected: str = PHOTO
    compared: Side | None = None
    photo_look: Look = Look("clamped")
    training: TrainingSetup = field(default_factory=TrainingSetup)
    learned: Learned | None = None

    def __post_init__(self) -> None:
        ids = [item.id for item in self.layers]
        if len(set(ids)) != len(ids) or PHOTO in ids:
            raise ValueError(f"layer ids must be unique, got {ids}")
        if len(ids) > MOST_LAYERS:
            raise ParamError(f"a stack has at most {MOST_LAYERS} layers, this one would have {len(ids)}")
        if self.selected not in (PHOTO, *ids):
            raise ValueError(f"there is no layer {self.selected!r} to select")
        if self.compared is not None and self.compared.layer_id not in (PHOTO, *ids):
            raise ValueError(f"there is no layer {self.compared.layer_id!r} to compare with")

    @classmethod
    def first(cls, picture: Picture) -> Self:
        """Return what the program opens with: a Sobel kernel on the picture."""
        return cls(picture, (LayerItem("conv-1", Conv()),), "conv-1")

    # --- what is ---

    def item(self, layer_id: str) -> LayerItem:
        """Return the layer with this id, and what belongs to it.

        Raises:
            KeyError: there is none.
        """
        return self.layers[self.index(layer_id)]

    def layer(self, layer_id: str) -> Layer:
        """Return the layer with this id.

        Raises:
            KeyError: there is none.
        """
        return self.item(layer_id).layer

    def index(self, layer_id: str) -> int:
        """Return the place of a layer in the stack, from 0.

        Raises:
            KeyError: there is none.
        """
        for place, item in enumerate(self.layers):
            if item.id == layer_id:
                return place
        raise KeyError(layer_id)

    @property
    def shown(self) -> LayerItem | None:
        """The selected layer, None for the photo."""
        return None if self.selected == PHOTO else self.item(self.selected)

    @property
    def look(self) -> Look:
        """How the selected layer, or the photo, is shown."""
        shown = self.shown
        return self.photo_look if shown is None else shown.look

    def shows_the_same(self, other: Project) -> bool:
        """Whether another project has the same results, looked at in the same way: training has no part."""
        return dataclasses.replace(self, training=other.training, learned=other.learned) == other

    def mates(self) -> dict[str, str]:
        """Return which layer each undoing one belongs to, by id: they pair up as brackets do.

        Layers that are switched off, and undoing ones without a partner, are left out.
        """
        waiting: dict[str, list[str]] = {}
        found = {}
        for item in self.layers:
            if not item.enabled:
                continue
            if item.layer.mate_kind:
                partners = waiting.get(item.layer.mate_kind, [])
                if partners:
                    found[item.id] = partners.pop()
            else:
                waiting.setdefault(item.layer.kind, []).append(item.id)
        return found

    @cached_property
    def in_shapes(self) -> dict[str, Shape]:
        """What comes into each layer, by id, down to the first that does not fit, by the shape rules."""
        mates, shapes = self.mates(), {}
        shape: Shape = self.picture.shape
        for item in self.layers:
            shapes[item.id] = shape
            if not item.enabled:
                continue
            partner = mates.get(item.id)
            mate = None if partner is None else Mate(self.layer(partner), shapes[partner])
            try:
                shape = item.layer.out_shape(shape, mate)
            except GeometryError:
                break
        return shapes

    # --- edits of a layer ---

    def with_item(self, layer_id: str, **changes: Any) -> Self:
        """Return a project in which a layer's name, look or switch, or the layer itself, is another."""
        place = self.index(layer_id)
        changed = dataclasses.replace(self.layers[place], **changes)
        return dataclasses.replace(self, layers=(*self.layers[:place], changed, *self.layers[place + 1 :]))

    def with_param(self, layer_id: str, name: str, value: Any) -> Self:
        """Return a project in which one parameter of one layer has another value.

        Raises:
            ParamError: the value is not allowed; the project stays as it is.
        """
        return self.with_item(layer_id, layer=self.layer(layer_id).replace(**{name: value}))

    def bank_layer(self, layer_id: str) -> BankLayer:
        """Return a layer that is known to have a filter bank."""
        layer = self.layer(layer_id)
        assert isinstance(layer, BankLayer)
        return layer

    def with_filter(self, layer_id: str, index: int, changed: Filter) -> Self:
        """Return a project in which one filter of a layer is another."""
        layer = self.bank_layer(layer_id)
        return self.with_param(layer_id, "bank", layer.bank.with_filter(index, changed))

    def with_picture(self, picture: Picture) -> Self:
        """Return a project with another picture under the same layers."""
        return dataclasses.replace(self, picture=picture)

    def with_look(self, **changes: Any) -> Self:
        """Return a project whose selected layer, or photo, is looked at in another way."""
        if self.selected == PHOTO:
            return dataclasses.replace(self, photo_look=dataclasses.replace(self.photo_look, **changes))
        return self.with_item(self.selected, look=dataclasses.replace(self.look, **changes))

    def with_selected(self, layer_id: str) -> Self:
        """Return a project that shows another layer, or the photo."""
        return dataclasses.replace(self, selected=layer_id)

    def with_compared(self, compared: Side | None) -> Self:
        """Return a project whose selected layer is compared with another map."""
        return dataclasses.replace(self, compared=compared)

    # --- edits of the stack ---

    def with_layers(self, layers: Sequence[Layer], after: str) -> Self:
        """Return a project with new layers below one (or below the photo), the last of them selected.

        Raises:
            ParamError: more layers than a stack may have.
        """
        place = 0 if after == PHOTO else self.index(after) + 1
        view = "clamped" if place == 0 else self.layers[place - 1].look.view
        items = list(self.layers)
        for offset, layer in enumerate(layers):
            if isinstance(layer, BankLayer) and suiting_bank_view(layer) == "signed":
                view = "signed"  # else a layer hands on what is above: a blur of signed numbers is signed
            items.insert(place + offset, LayerItem(_new_id(layer.kind, items), layer, look=Look(view)))
        selected = items[place + len(layers) - 1].id if layers else self.selected
        return dataclasses.replace(self, layers=tuple(items), selected=selected)

    def duplicated(self, layer_id: str) -> Self:
        """Return a project with a copy of a layer below it, selected.

        Raises:
            ParamError: more layers than a stack may have.
        """
        place = self.index(layer_id)
        item = self.layers[place]
        copy = dataclasses.replace(item, id=_new_id(item.layer.kind, self.layers))
        layers = (*self.layers[: place + 1], copy, *self.layers[place + 1 :])
        return dataclasses.replace(self, layers=layers, selected=copy.id)

    def without(self, layer_id: str) -> Self:
        """Return a project without a layer; if it was selected, the one in its place is, or the last."""
        place = self.index(layer_id)
        layers = (*self.layers[:place], *self.layers[place + 1 :])
        selected = self.selected
        if selected == layer_id:
            selected = layers[min(place, len(layers) - 1)].id if layers else PHOTO
        compared = self.compared
        if compared is not None and compared.layer_id == layer_id:
            compared = None
        return dataclasses.replace(self, layers=layers, selected=selected, compared=compared)

    def moved(self, layer_id: str, place: int) -> Self:
        """Return a project in which a layer stands at another place, from 0; places beyond the ends count."""
        item = self.item(layer_id)
        rest = [each for each in self.layers if each.id != layer_id]
        rest.insert(max(0, place), item)
        return dataclasses.replace(self, layers=tuple(rest))


def _new_id(kind: str, items: Sequence[LayerItem]) -> str:
    """The kind with the number after the highest that is there."""
    pattern = re.compile(rf"{re.escape(kind)}-(\d+)")
    numbers = [int(match[1]) for item in items if (match := pattern.fullmatch(item.id))]
    return f"{kind}-{max(numbers, default=0) + 1}"
