"""The menus of layers and kernels: what they declare and how it is carried out for the selected layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from convstudio.kernels import FAMILIES, PRESETS, Kernel, transform
from convstudio.layers import LAYER_KINDS
from convstudio.layers.base import FAMILIES as LAYER_FAMILIES
from convstudio.model import PHOTO, Project
from convstudio.spec.params import ParamError
from convstudio.ui.actions import Actions, ActionSpec

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

Values = NDArray[np.float64]

TRANSFORMS: tuple[tuple[str, str, str, Callable[[Values], Values]], ...] = (
    ("flip-horizontal", "Flip ↔", "Mirror the kernel left to right.", transform.flip_horizontal),
    ("flip-vertical", "Flip ↕", "Mirror the kernel top to bottom.", transform.flip_vertical),
    ("rotate", "Rotate by 90°", "Turn the kernel a quarter, counter-clockwise.", transform.rotate_90),
    ("transpose", "Transpose", "Swap rows and columns: an x filter becomes a y filter.", transform.transpose),
    ("negate", "Negate", "Change the sign of every weight: the answer changes its sign.", transform.negate),
    (
        "normalize",
        "Normalize",
        "Scale the weights to sum 1, or a zero-sum kernel to unit response.",
        transform.normalize,
    ),
    ("centre", "Centre", "Move the centre of the weights onto the middle cell.", transform.centre),
)


class StackCommands(QObject):
    """Declares the actions of the menus "Layers" and "Kernel"."""

    def __init__(self, window: MainWindow, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._control = window.control
        self._actions = actions
        self._add_layers()
        self._add_kernel()

    def _add(
        self, name: str, menu: str, text: str, tip: str, run: Callable[[], object], *keys: str, **more: object
    ) -> None:
        spec = ActionSpec(name, menu, text, tip, run, tuple(keys), **more)  # type: ignore[arg-type]
        self._actions.add(spec)

    def _add_layers(self) -> None:
        add, layers = self._add, self._window.sidebar.layers
        add(
            "add-layer",
            "Layers",
            "Add a Layer…",
            "Choose a layer from the gallery; it comes below the selected one.",
            self._window.sidebar.open_gallery,
            "Ctrl+Shift+A",
            icon="add",
        )
        for family in LAYER_FAMILIES:
            for name, kind in LAYER_KINDS.items():
                if kind.family == family:
                    add(
                        f"add-{name}",
                        f"Layers/Add/{family}",
                        kind.title,
                        kind.summary(),
                        partial(self._add_kind, name),
                    )
        edits = self._control.edits
        for index, (name, text, tip, keys, run) in enumerate(
            (
                ("duplicate", "Duplicate", "Put a copy of the layer below it.", "Ctrl+D", edits.duplicate),
                ("rename", "Rename…", "Give the layer a name of your own.", "F2", layers.begin_rename),
                ("up", "Move Up", "Move the layer up by one.", "Alt+Up", lambda i: edits.move_by(i, -1)),
                (
                    "down",
                    "Move Down",
                    "Move the layer down by one.",
                    "Alt+Down",
                    lambda i: edits.move_by(i, 1),
                ),
                (
                    "switch",
                    "Switch Off or On",
                    "Let the layer hand on what comes in.",
                    "Ctrl+E",
                    self._switch,
                ),
                ("delete", "Delete", "Take the layer out of the stack.", "Ctrl+Backspace", edits.delete),
            )
        ):
            run_selected = partial(self._with_layer, run)
            add(f"layer-{name}", "Layers", text, tip, run_selected, keys, separated=not index)
        for name, text, keys, step in (
            ("above", "Select the Layer Above", "Ctrl+Up", -1),
            ("below", "Select the Layer Below", "Ctrl+Down", 1),
        ):
            tip = "Show what the next layer makes."
            add(f"select-{name}", "Layers", text, tip, partial(self._select, step), keys, separated=step < 0)

    def _with_layer(self, run: Callable[[str], object]) -> None:
        layer_id = self._session.project.selected
        if layer_id != PHOTO:
            run(layer_id)

    def _add_kind(self, kind: str) -> None:
        self._control.edits.add([LAYER_KINDS[kind]()])

    def _move_up(self, layer_id: str) -> None:
        self._control.edits.move_by(layer_id, -1)

    def _move_down(self, layer_id: str) -> None:
        self._control.edits.move_by(layer_id, 1)

    def _switch(self, layer_id: str) -> None:
        self._control.edits.switch(layer_id, not self._session.project.item(layer_id).enabled)

    def _select(self, step: int) -> None:
        project = self._session.project
        ids = [PHOTO, *(item.id for item in project.layers)]
        place = ids.index(project.selected) + step
        self._session.select(ids[min(max(place, 0), len(ids) - 1)])

    def show_project(self, project: Project) -> None:
        """Switch off what the selection leaves nothing to do."""
        none = "" if project.shown is not None else "The photo is selected, not a layer."
        for name in ("duplicate", "rename", "up", "down", "switch", "delete"):
            self._allow(f"layer-{name}", none)
        without = "" if self._control.bank_item() is not None else "The selected layer has no kernels."
        files = ("import-kernels", "export-kernel", "export-bank")
        for name in ("choose-preset", "choose-bank", *files, *(f"preset-{each}" for each in PRESETS)):
            self._allow(name, without)
        for name, *_ in TRANSFORMS:
            self._allow(f"kernel-{name}", without)

    def _allow(self, name: str, why_not: str) -> None:
        action = self._actions[name]
        action.setEnabled(not why_not)
        action.setProperty("whyDisabled", why_not)  # the action finder says it

    def _add_kernel(self) -> None:
        add = self._add
        add(
            "choose-preset",
            "Kernel",
            "Choose a Preset…",
            "Search the library of classic kernels.",
            self._window.editor.open_library,
            "Ctrl+L",
            icon="kernel",
        )
        add(
            "choose-bank",
            "Kernel",
            "Choose a Filter Bank…",
            "Fill the layer with a ready-made set of filters.",
            self._control.open_banks,
            "Ctrl+Shift+L",
        )
        for family in FAMILIES:
            for preset in PRESETS.values():
                if preset.family == family:
                    add(
                        f"preset-{preset.id}",
                        f"Kernel/{family}",
                        preset.title,
                        preset.summary,
                        partial(self._choose_preset, preset.id),
                    )
        for index, (name, text, tip, change) in enumerate(TRANSFORMS):
            add(
                f"kernel-{name}",
                "Kernel",
                text,
                tip,
                partial(self._transform, change),
                icon=name,
                separated=not index,
            )

        exchange = self._window.kernel_exchange
        add(
            "import-kernels",
            "Kernel",
            "Import Kernels…",
            "Read a kernel or a whole filter bank from a JSON, CSV or .npy file.",
            exchange.ask_import,
            separated=True,
        )
        add(
            "export-kernel",
            "Kernel",
            "Export Kernel…",
            "Write the kernel that is shown to a JSON, CSV or .npy file.",
            partial(exchange.ask_export, whole=False),
        )
        add(
            "export-bank",
            "Kernel",
            "Export Filter Bank…",
            "Write all kernels and biases of the layer to a JSON, CSV or .npy file.",
            partial(exchange.ask_export, whole=True),
        )

    def _choose_preset(self, preset_id: str) -> None:
        self._set_kernel(PRESETS[preset_id].make())

    def _set_kernel(self, kernel: Kernel) -> None:
        item = self._control.bank_item()
        if item is not None:
            index, channel = self._control.target()
            self._session.set_kernel(item.id, kernel, index=index, channel=channel)

    def _transform(self, change: Callable[[Values], Values]) -> None:
        kernel = self._window.editor.kernel()
        values = change(kernel.values)
        if np.array_equal(values, kernel.values):
            return  # a symmetric preset stays itself when it is transposed
        try:
            changed = kernel.edited(values)
        except ParamError as error:
            self._session.message.emit(f"The kernel stays as it was: {error}", "warning", "edit")
        else:
            self._set_kernel(changed)
