"""Hands for tests of the layer stack's cards."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluation, Evaluator
from convstudio.layers import Conv, Layer
from convstudio.layers.activation import Activation
from convstudio.layers.max_pool import MaxPool
from convstudio.layers.max_unpool import MaxUnpool
from convstudio.model import PHOTO, Project
from convstudio.ui.card_parts import Thumb
from convstudio.ui.layer_card import LayerCard
from convstudio.ui.layer_list import LayerList
from tests.ui.window_hands import random_picture


def open_cards(qtbot: QtBot) -> LayerList:
    """Show an empty list in a window of its own."""
    made = LayerList()
    qtbot.addWidget(made)
    made.resize(204, 640)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    return made


def stack(*layers: Layer, selected: str = PHOTO) -> Project:
    return Project(random_picture(3, 48, 64), ()).with_layers(layers, PHOTO).with_selected(selected)


def three(selected: str = "activation-1") -> Project:
    return stack(Conv(), Activation(), MaxPool(), selected=selected)


def show(cards: LayerList, project: Project) -> Evaluation:
    evaluation = Evaluator().evaluate(project)
    cards.show_project(project)
    cards.show_stack(evaluation)
    QApplication.processEvents()
    return evaluation


def order(cards: LayerList) -> list[str]:
    """The cards' names from top to bottom, as they lie on the screen."""
    found = [card for card in cards.findChildren(LayerCard) if card.isVisible()]
    return [card.item.id for card in sorted(found, key=lambda card: card.y())]


def heard(cards: LayerList) -> list[Any]:
    """Every request, as ``(name, *arguments)``."""
    said: list[Any] = []
    for name in ("selected", "rename_requested", "duplicate_requested", "delete_requested"):
        getattr(cards, name).connect(lambda *a, name=name: said.append((name, *a)))
    for name in ("move_requested", "switch_requested", "repair_requested", "add_requested"):
        getattr(cards, name).connect(lambda *a, name=name: said.append((name, *a)))
    cards.photo_open_requested.connect(lambda: said.append(("photo_open_requested",)))
    return said


def pixmap_of(cards: LayerList, layer_id: str) -> Any:
    return cards.card(layer_id).findChildren(Thumb)[0].pixmap


def broken() -> Project:
    return stack(Conv(), MaxUnpool(), Activation(), selected="conv-1")


def many(count: int = 64) -> Project:
    return stack(*[Activation() for _ in range(count)])


def visible_menu(cards: LayerList) -> QMenu:
    found = [menu for menu in cards.findChildren(QMenu, "layer-menu") if menu.isVisible()]
    assert len(found) == 1
    return found[0]
