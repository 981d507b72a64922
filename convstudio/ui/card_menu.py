"""What can be done to a layer from its card: one table for the keys and the menu."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from convstudio.layers.base import Repair
from convstudio.model import LayerItem
from convstudio.ui.layer_card import SWITCH_KEYS

RENAME, DUPLICATE, UP, DOWN = "rename", "duplicate", "move-up", "move-down"
SWITCH, INSERT, DELETE, REPAIR, OPEN = "switch", "insert", "delete", "repair", "open"


@dataclass(frozen=True)
class CardCommand:
    """Something that is done to a layer, and the keys for it."""

    id: str
    text: str
    keys: str = ""


COMMANDS = (
    CardCommand(RENAME, "Rename", "F2"),
    CardCommand(DUPLICATE, "Duplicate", "Ctrl+D"),
    CardCommand(UP, "Move up", "Alt+Up"),
    CardCommand(DOWN, "Move down", "Alt+Down"),
    CardCommand(SWITCH, "Switch off", SWITCH_KEYS),
    CardCommand(INSERT, "Insert below…", "Ins"),
    CardCommand(DELETE, "Delete", "Del"),
)
_STARTS_A_GROUP = {UP, INSERT, DELETE}


def command_for(event: QKeyEvent) -> str:
    """Return the command that a key is for, or ""."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    pressed = QKeySequence(QKeyCombination(modifiers, Qt.Key(event.key())))
    return next((each.id for each in COMMANDS if QKeySequence(each.keys) == pressed), "")


def layer_menu(item: LayerItem, repair: Repair | None, place: int, count: int, parent: QWidget) -> QMenu:
    """Return the menu of the layer at a place of so many; each action's data is its command's id."""
    menu = QMenu(parent)
    menu.setObjectName("layer-menu")
    menu.setAccessibleName(f"What can be done to {item.title}")
    if repair is not None:
        _add(menu, CardCommand(REPAIR, repair.text))
        menu.addSeparator()
    impossible = {UP: place == 0, DOWN: place == count - 1}
    for command in COMMANDS:
        if command.id in _STARTS_A_GROUP:
            menu.addSeparator()
        if command.id == SWITCH and not item.enabled:
            command = CardCommand(SWITCH, "Switch on", SWITCH_KEYS)
        _add(menu, command, possible=not impossible.get(command.id, False))
    return menu


def photo_menu(parent: QWidget) -> QMenu:
    """Return the menu of the photo's card."""
    menu = QMenu(parent)
    menu.setObjectName("layer-menu")
    menu.setAccessibleName("What can be done to the photo")
    _add(menu, CardCommand(OPEN, "Open another picture…", "Return"))
    _add(menu, CardCommand(INSERT, "Insert below…", "Ins"))
    return menu


def _add(menu: QMenu, command: CardCommand, *, possible: bool = True) -> None:
    # After a tab the menu shows the keys; a shortcut of the action's own would work for a closed menu too.
    keys = QKeySequence(command.keys).toString(QKeySequence.SequenceFormat.NativeText)
    text = command.text.replace("&", "&&")
    action = menu.addAction(f"{text}\t{keys}" if keys else text)
    action.setObjectName(f"layer-{command.id}")
    action.setData(command.id)
    action.setEnabled(possible)
