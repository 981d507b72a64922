"""The card of the photo, and that of a layer with what can be done to it."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from convstudio.engine.evaluate import LayerResult
from convstudio.layers.base import Repair
from convstudio.model import PHOTO, LayerItem, Look, Picture
from convstudio.ui.card_parts import CardButton
from convstudio.ui.card_problem import CardProblem
from convstudio.ui.name_editor import NameEditor
from convstudio.ui.stack_card import SIDE, Density, StackCard
from convstudio.ui.thumbnails import Values, value_thumbnail
from convstudio.ui.tips import tip

SWITCH_KEYS = "Ctrl+E"


def dimensions(values: Values) -> str:
    """Return "3×300×450"."""
    return "×".join(str(n) for n in values.shape)


def short_count(count: int) -> str:
    """Return a number in few letters: 224, 9,408, 25.6k, 1.2M."""
    if count < 10_000:
        return f"{count:,}"
    scaled, unit = (count / 1e3, "k") if count < 999_500 else (count / 1e6, "M")
    return f"{scaled:,.0f}{unit}" if scaled >= 99.95 else f"{scaled:.1f}{unit}"


class _Picturing(StackCard):
    """Draws its picture only where that is another one than before."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._drawn: tuple[weakref.ref[np.ndarray[Any, Any]], Look, QSize, float] | None = None

    def draw(self, values: Values, look: Look) -> None:
        """Show values as a look shows them. They are not kept alive for it: results are large."""
        size, ratio = self.density.thumb, self.devicePixelRatioF()
        last = self._drawn
        if last is not None and last[0]() is values and last[1:] == (look, size, ratio):
            return
        self._drawn = (weakref.ref(values), look, size, ratio)
        self.thumb.show_pixmap(value_thumbnail(values, look, size, ratio))

    def set_density(self, density: Density) -> None:
        super().set_density(density)
        values = None if self._drawn is None else self._drawn[0]()
        if self._drawn is not None and values is not None:
            self.draw(values, self._drawn[1])

    def forget_picture(self, mark: str = "") -> None:
        """Show that there is no picture, with an error's mark if that is why."""
        self._drawn = None
        self.thumb.show_pixmap(None, mark)


class PhotoCard(_Picturing):
    """The picture that everything starts from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(f"card-{PHOTO}", parent)
        self._menu.say("What can be done to the photo")

    def show_picture(self, picture: Picture) -> None:
        """Show the picture, its name and its shape."""
        self.draw(picture.values, Look("clamped"))
        shape = dimensions(picture.values)
        self._title.setText(picture.name)
        self._shape.show_facts([shape])
        self.setAccessibleName(f"{picture.name}, {shape}")
        self.setToolTip(
            tip(
                f"{picture.name}, {picture.source_depth}: {shape} (channels × height × width).",
                "A click shows the photo itself; a double click opens another picture.",
            )
        )


class LayerCard(_Picturing):
    """A layer: what it made, or why it could not.

    ``switched(bool)``, ``renamed(str)`` and ``repair_wanted(Repair)`` are requests; nothing changes here.
    """

    switched = Signal(bool)
    renamed = Signal(str)
    repair_wanted = Signal(object)

    draggable = True

    def __init__(self, item: LayerItem, parent: QWidget | None = None) -> None:
        super().__init__(f"card-{item.id}", parent)
        self._item = item
        self._editor: NameEditor | None = None
        self._problem: CardProblem | None = None
        self._state = "…"  # the shape, or why there is none
        self._parameters = 0
        self._receptive = ""
        self._switch = CardButton("eye", f"card-{item.id}-switch", self)
        self._switch.setCheckable(True)
        self._switch.clicked.connect(self._ask_switch)
        self._switch.hide()
        self._name_it()
        self._show_facts()

    def buttons(self) -> list[CardButton]:
        return [self._switch, self._menu]

    def _show_buttons(self) -> None:
        self._switch.setVisible(self._hovered or self._selected or not self._item.enabled)
        super()._show_buttons()

    # --- what the layer is ---

    @property
    def item(self) -> LayerItem:
        """The layer that is shown."""
        return self._item

    @property
    def repair(self) -> Repair | None:
        """What would make the layer fit."""
        return None if self._problem is None else self._problem.repair

    def show_item(self, item: LayerItem) -> None:
        """Show the name, and whether the layer is switched on; its result comes later."""
        if item is not self._item:
            self._item = item
            self._name_it()
            self._describe()

    def _name_it(self) -> None:
        item = self._item
        off = not item.enabled
        self._title.setText(item.title)
        self._title.set_state(dim=off, struck=off)
        self.thumb.set_dim(off)
        self._switch.setChecked(item.enabled)
        self._switch.say(f"Switch {item.title} {'on' if off else 'off'}", SWITCH_KEYS)
        self._menu.say(f"What can be done to {item.title}")
        self._show_buttons()

    def _describe(self) -> None:
        """Say it all to who points at the card, and to who cannot see it."""
        item, known = self._item, "×" in self._state
        problem = "" if self._problem is None else self._problem.text
        counts = f"{self._parameters:,} parameters" if self._parameters else ""
        if self._parameters == 1:
            counts = "1 parameter"
        said = (
            item.title,
            "" if item.enabled else "switched off",
            self._state.replace("…", ""),
            counts,
            self._receptive,
            problem,
        )
        self.setAccessibleName(", ".join(filter(None, said)))
        kind = item.layer.title
        self.setToolTip(
            tip(
                item.title if kind == item.title else f"{item.title} ({kind})",
                problem or item.layer.summary(),
                f"{self._state}: channels × height × width." if known else "",
                f"{counts}." if counts else "",
                f"{self._receptive}: size, jump and start of what a cell sees of the photo."
                if known and self._receptive
                else "",
                "" if item.enabled else "Switched off: what comes in goes on unchanged.",
                "Drag it to another place; double click the name to rename it.",
            )
        )

    # --- what became of it ---

    def show_result(self, result: LayerResult) -> None:
        """Show what the layer made, or what it passed on."""
        self._complain("", None)
        self.draw(result.output, result.item.look)
        self._tell(dimensions(result.output), result.cost.parameters)

    def show_receptive(self, text: str) -> None:
        """Show how much of the photo a cell sees, such as "RF 4 j2 s−1"; nothing for ""."""
        if text != self._receptive:
            self._receptive = text
            self._show_facts()

    def show_waiting(self) -> None:
        """Show that a layer above could not be computed."""
        self._complain("", None)
        self.forget_picture()
        self._tell("not computed")

    def show_problem(self, text: str, repair: Repair | None) -> None:
        """Show why the layer could not be computed, and a button that helps, if there is such a thing."""
        self.forget_picture("!")
        self._complain(text, repair)
        self._tell("no result")

    def _complain(self, text: str, repair: Repair | None) -> None:
        if self._problem is not None and not self._problem.says(text, repair):
            self._problem.hide()
            self._problem.deleteLater()
            self._problem = None
        if text and self._problem is None:
            self._problem = CardProblem(self.objectName(), text, repair, self)
            self._problem.repair_wanted.connect(self.repair_wanted)
            self._problem.show()

    def _tell(self, state: str, parameters: int = 0) -> None:
        if (state, parameters) != (self._state, self._parameters) or "×" not in state:
            self._state, self._parameters = state, parameters
            self._show_facts()

    def _show_facts(self) -> None:
        counts = f"{short_count(self._parameters)} par" if self._parameters else ""
        more = [each for each in (self._receptive, counts) if each and "×" in self._state]
        tight = self.density.lines == 1
        self._shape.show_facts([self._state, *more] if tight else [self._state])
        self._facts.show_facts([] if tight else more)
        self._describe()
        self._place()

    # --- where things are ---

    def set_density(self, density: Density) -> None:
        if density is not self.density:
            super().set_density(density)
            self._show_facts()

    def height_for(self, width: int) -> int:
        height = super().height_for(width)
        return height if self._problem is None else height + self._problem.height_for(width - 2 * SIDE)

    def _place(self) -> None:
        super()._place()
        if self._problem is not None:
            room = self.width() - 2 * SIDE
            self._problem.setGeometry(SIDE, self.density.height, room, self._problem.height_for(room))
        if self._editor is not None:
            self._editor.setGeometry(self._editor_box())

    # --- requests ---

    def _ask_switch(self) -> None:
        self._switch.setChecked(self._item.enabled)  # until the project says otherwise
        self.switched.emit(not self._item.enabled)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()
        where: QPoint = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and self._title.geometry().contains(where):
            self.begin_rename()

    def begin_rename(self) -> None:
        """Let the name be edited where it stands."""
        if self._editor is not None:
            return
        self._editor = NameEditor(self._item.title, self)
        self._editor.setObjectName(f"{self.objectName()}-name")
        self._editor.setGeometry(self._editor_box())
        self._editor.finished.connect(self._renamed)
        self._editor.show()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _editor_box(self) -> QRect:
        box = self._title.geometry()
        return QRect(box.left() - 4, box.top() - 5, self.width() - box.left() - 1, box.height() + 6)

    def _renamed(self, name: str | None, by_key: bool) -> None:
        editor, self._editor = self._editor, None
        assert editor is not None
        editor.deleteLater()
        if by_key:
            self.pressed.emit()  # the keys are for the list again
        editor.hide()
        if name is not None and name.strip() != self._item.title:
            self.renamed.emit(name.strip())
