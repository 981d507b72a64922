"""Edits of the stack and of its filter banks, each a step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from convstudio.kernels import Bank, Filter
from convstudio.layers import LAYER_KINDS, Layer
from convstudio.layers.base import Repair
from convstudio.model import PHOTO, Project, suiting_bank_view
from convstudio.session.session import Session
from convstudio.spec.params import ParamError


class StackEdits:
    """What can be done to a session's stack; what is not allowed changes nothing and is reported."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _project(self) -> Project:
        return self._session.project

    def add(self, layers: Sequence[Layer], after: str | None = None, what: str = "") -> None:
        """Put new layers below one (below the selected one by default), and select the last of them."""
        place = self._project.selected if after is None else after
        what = what or (layers[0].title.lower() if len(layers) == 1 else f"{len(layers)} layers")
        self._try(lambda project: project.with_layers(layers, place), f"adding {what}")

    def duplicate(self, layer_id: str) -> None:
        """Put a copy of a layer below it."""
        self._try(lambda project: project.duplicated(layer_id), "duplicating a layer")

    def delete(self, layer_id: str) -> None:
        """Take a layer out."""
        title = self._project.item(layer_id).title
        self._try(lambda project: project.without(layer_id), f"deleting {title}")

    def move(self, layer_id: str, place: int) -> None:
        """Put a layer at another place, counted from 0 without it."""
        self._try(lambda project: project.moved(layer_id, place), "moving a layer")

    def move_by(self, layer_id: str, steps: int) -> None:
        """Move a layer up (negative) or down."""
        self.move(layer_id, self._project.index(layer_id) + steps)

    def rename(self, layer_id: str, name: str) -> None:
        """Call a layer something else; an empty name gives it back its own."""
        name = " ".join(name.split())[:80]
        self._try(lambda project: project.with_item(layer_id, name=name), "renaming a layer")

    def switch(self, layer_id: str, on: bool) -> None:
        """Switch a layer on or off."""
        text = "switching a layer on" if on else "switching a layer off"
        self._try(lambda project: project.with_item(layer_id, enabled=on), text)

    def repair(self, layer_id: str, repair: Repair) -> None:
        """Carry out what a layer suggested to make it fit."""

        def work(project: Project) -> Project:
            if repair.switch_off:
                return project.with_item(layer_id, enabled=False)
            if repair.insert:
                place = project.index(layer_id)
                above = project.layers[place - 1].id if place else PHOTO
                new = LAYER_KINDS[repair.insert]()
                return project.with_layers([new], above).with_selected(layer_id)
            layer = project.layer(layer_id)
            return project.with_item(layer_id, layer=layer.replace(**repair.changes))

        self._try(work, f"repair: {repair.text.lower()}")

    # --- filters ---

    def set_bank(self, layer_id: str, bank: Bank, what: str = "filter bank", **changes: object) -> None:
        """Give a layer another bank, and parameters that go with it."""

        def work(project: Project) -> Project:
            item = project.item(layer_id)
            layer = project.bank_layer(layer_id).replace(bank=bank, **changes)
            look = replace(item.look, view=suiting_bank_view(layer), channel=None)
            return project.with_item(layer_id, layer=layer, look=look)

        self._try(work, what)

    def resize_bank(self, layer_id: str, count: int) -> None:
        """Give a layer more or fewer filters: copies of the last one at the end, or without the last ones."""
        bank = self._project.bank_layer(layer_id).bank
        self._try(
            lambda project: project.with_param(layer_id, "bank", bank.resized(count)),
            "number of filters",
            (layer_id, "filters"),
        )

    def set_filter(self, layer_id: str, index: int, changed: Filter, what: str = "filter") -> None:
        """Replace one filter of a layer."""
        self._try(lambda project: project.with_filter(layer_id, index, changed), what)

    def share_kernel(self, layer_id: str, index: int, shared: bool) -> None:
        """Lay a filter's first kernel over all channels, or give each channel a copy of its own."""
        each = self._project.bank_layer(layer_id).bank.filters[index]
        inputs = self._session.channels_read(layer_id)
        kernels = each.kernels[:1] if shared else each.spread(inputs)
        self.set_filter(layer_id, index, replace(each, kernels=kernels), "kernels for each channel")

    def _try(self, work: Callable[[Project], Project], text: str, merge_key: object = None) -> None:
        try:
            changed = work(self._project)
        except ParamError as error:
            self._session.message.emit(str(error), "error", "edit")
            return
        self._session.push(changed, text, merge_key)
