"""The stack of cards: what mouse and keyboard ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.model import PHOTO
from convstudio.ui.card_parts import CardButton
from convstudio.ui.layer_card import LayerCard
from convstudio.ui.layer_list import LayerList
from convstudio.ui.theme import Theme, apply_theme
from tests.ui.layer_hands import (
    broken,
    heard,
    open_cards,
    show,
    stack,
    three,
    visible_menu,
)
from tests.ui.window_hands import part

KEY, LEFT = Qt.Key, Qt.MouseButton.LeftButton
NONE, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier
CTRL, KEYPAD = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.KeypadModifier


@pytest.fixture
def theme(undressed: None, qapp: QApplication) -> Theme:
    return apply_theme(qapp, "dark")


@pytest.fixture
def cards(qtbot: QtBot, theme: Theme) -> Iterator[LayerList]:
    made = open_cards(qtbot)
    yield made
    made.close()


# --- the mouse ---


def test_a_click_selects_and_moving_away_does_not(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three())
    said = heard(cards)
    card = cards.card("conv-1")
    qtbot.mouseClick(card, Qt.MouseButton.RightButton)
    assert said == []
    qtbot.mouseClick(cards.card("activation-1"), LEFT)
    assert said == [], "it is selected already"
    qtbot.mouseClick(card, LEFT)
    qtbot.mouseClick(cards.card(PHOTO), LEFT)
    qtbot.mousePress(cards.card(PHOTO), LEFT)
    qtbot.mouseRelease(cards.card(PHOTO), LEFT, pos=QPoint(-20, -20))
    assert said == [("selected", "conv-1"), ("selected", PHOTO)]
    assert cards.hasFocus()


def test_a_right_click_opens_the_menu(cards: LayerList) -> None:
    show(cards, three())
    card = cards.card("conv-1")
    where = card.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, card.mapToGlobal(where))
    QApplication.sendEvent(card, event)
    menu = visible_menu(cards)
    assert menu.accessibleName().endswith(cards.card("conv-1").item.title)  # type: ignore[attr-defined]
    menu.close()


def test_a_double_click_on_the_photo_opens_another(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three())
    said = heard(cards)
    qtbot.mouseDClick(cards.card(PHOTO), LEFT)
    assert said == [("photo_open_requested",)]
    assert "opens another picture" in cards.card(PHOTO).toolTip()


def test_buttons_appear_where_one_points_or_what_is_selected(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three("activation-1"))
    for layer_id, visible in (("conv-1", False), ("activation-1", True)):
        for name in ("switch", "menu"):
            assert part(cards, CardButton, f"card-{layer_id}-{name}").isVisible() is visible
    QApplication.sendEvent(cards.card("conv-1"), enter(cards.card("conv-1")))
    assert part(cards, CardButton, "card-conv-1-switch").isVisible()
    QApplication.sendEvent(cards.card("conv-1"), QEvent(QEvent.Type.Leave))
    assert not part(cards, CardButton, "card-conv-1-switch").isVisible()


def enter(widget: QWidget) -> QEvent:
    where = QPointF(widget.rect().center())
    return QEnterEvent(where, where, QPointF(widget.mapToGlobal(widget.rect().center())))


def test_the_eye_asks_and_waits_for_the_answer(cards: LayerList, qtbot: QtBot) -> None:
    project = three("conv-1")
    show(cards, project)
    said = heard(cards)
    switch = part(cards, CardButton, "card-conv-1-switch")
    qtbot.mouseClick(switch, LEFT)
    assert said == [("switch_requested", "conv-1", False)]
    assert switch.isChecked(), "the project has not said so yet"
    show(cards, project.with_item("conv-1", enabled=False))
    qtbot.mouseClick(switch, LEFT)
    assert said[1:] == [("switch_requested", "conv-1", True)]


def open_menu(cards: LayerList, layer_id: str, qtbot: QtBot) -> QMenu:
    qtbot.mouseClick(part(cards, CardButton, f"card-{layer_id}-menu"), LEFT)
    return visible_menu(cards)


@pytest.mark.parametrize(
    ("name", "request_made"),
    [
        ("duplicate", ("duplicate_requested", "activation-1")),
        ("move-up", ("move_requested", "activation-1", 0)),
        ("move-down", ("move_requested", "activation-1", 2)),
        ("switch", ("switch_requested", "activation-1", False)),
        ("insert", ("add_requested", "activation-1")),
        ("delete", ("delete_requested", "activation-1")),
    ],
)
def test_the_menu_asks(cards: LayerList, qtbot: QtBot, name: str, request_made: tuple[Any, ...]) -> None:
    show(cards, three())
    said = heard(cards)
    menu = open_menu(cards, "activation-1", qtbot)
    part(menu, QAction, f"layer-{name}").trigger()
    menu.close()
    assert said == [request_made]


def test_the_menu_shows_keys_and_what_is_impossible(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three("conv-1"))
    menu = open_menu(cards, "conv-1", qtbot)
    assert "Ctrl+D" in part(menu, QAction, "layer-duplicate").text()
    assert not part(menu, QAction, "layer-move-up").isEnabled()
    assert part(menu, QAction, "layer-move-down").isEnabled()
    assert menu.findChild(QAction, "layer-repair") is None
    menu.close()


def test_the_menu_offers_the_repair_to_the_keyboard(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, broken().with_item("conv-1", enabled=True))
    said = heard(cards)
    cards.card("max_unpool-1").menu_requested.emit(QPoint(5, 5))
    menu = visible_menu(cards)
    part(menu, QAction, "layer-repair").trigger()
    menu.close()
    assert said[0][:2] == ("repair_requested", "max_unpool-1")


def test_add_layer_asks_for_one_at_the_end(cards: LayerList, qtbot: QtBot) -> None:
    said = heard(cards)
    show(cards, stack())
    add = part(cards, QPushButton, "add-layer")
    qtbot.mouseClick(add, LEFT)
    show(cards, three("conv-1"))
    qtbot.mouseClick(add, LEFT)
    assert said == [("add_requested", PHOTO), ("add_requested", "max_pool-1")]
    assert add.accessibleName()


# --- renaming ---


def editor_of(cards: LayerList, layer_id: str) -> QLineEdit:
    return part(cards, QLineEdit, f"card-{layer_id}-name")


def test_f2_edits_the_name_in_place(cards: LayerList) -> None:
    show(cards, three())
    said = heard(cards)
    cards.setFocus()
    QTest.keyClick(cards, KEY.Key_F2)
    editor = editor_of(cards, "activation-1")
    assert editor.text() == editor.selectedText() == "ReLU"
    assert editor.hasFocus()
    QTest.keyClicks(editor, "  rectifier ")
    QTest.keyClick(editor, KEY.Key_Return)
    assert said == [("rename_requested", "activation-1", "rectifier")]
    assert not editor.isVisible()
    assert cards.hasFocus()


def test_escape_and_the_same_name_ask_for_nothing(cards: LayerList) -> None:
    show(cards, three())
    said = heard(cards)
    for typed, key in (("x", KEY.Key_Escape), ("", KEY.Key_Return)):
        cards.begin_rename("conv-1")
        editor = editor_of(cards, "conv-1")
        QTest.keyClicks(editor, typed)
        QTest.keyClick(editor, key)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert said == []


def test_an_empty_name_gives_a_layer_its_own_back(cards: LayerList) -> None:
    show(cards, three().with_item("conv-1", name="mine"))
    said = heard(cards)
    cards.begin_rename("conv-1")
    editor = editor_of(cards, "conv-1")
    editor.clear()
    QTest.keyClick(editor, KEY.Key_Return)
    assert said == [("rename_requested", "conv-1", "")]


def test_a_double_click_on_the_title_renames_and_leaving_takes_the_name(
    cards: LayerList, qtbot: QtBot
) -> None:
    show(cards, three())
    said = heard(cards)
    card, title = cards.card("conv-1"), part(cards, QLabel, "card-conv-1-title")
    qtbot.mouseDClick(card, LEFT, pos=QPoint(20, 20))
    assert cards.findChild(QLineEdit, "card-conv-1-name") is None, "on the picture it means nothing"
    qtbot.mouseDClick(card, LEFT, pos=title.geometry().center())
    QTest.keyClicks(editor_of(cards, "conv-1"), "edges")
    qtbot.mouseClick(cards.card("max_pool-1"), LEFT)
    assert said == [("rename_requested", "conv-1", "edges"), ("selected", "max_pool-1")]


def test_keys_in_a_name_are_letters(cards: LayerList) -> None:
    show(cards, three())
    said = heard(cards)
    cards.begin_rename("conv-1")
    for key in (KEY.Key_Delete, KEY.Key_Down, KEY.Key_Home, KEY.Key_F2):
        QTest.keyClick(editor_of(cards, "conv-1"), key)
    assert said == []
    QTest.keyClick(editor_of(cards, "conv-1"), KEY.Key_Escape)


def test_a_layer_that_goes_while_it_is_renamed_asks_for_nothing(cards: LayerList) -> None:
    show(cards, three())
    said = heard(cards)
    cards.begin_rename("conv-1")
    QTest.keyClicks(editor_of(cards, "conv-1"), "late")
    show(cards, three().without("conv-1"))
    assert said == []


# --- keys ---


@pytest.mark.parametrize(
    ("key", "modifier", "request_made"),
    [
        (KEY.Key_Up, NONE, ("selected", "conv-1")),
        (KEY.Key_Down, NONE, ("selected", "max_pool-1")),
        (KEY.Key_Home, NONE, ("selected", PHOTO)),
        (KEY.Key_End, NONE, ("selected", "max_pool-1")),
        (KEY.Key_PageUp, NONE, ("selected", PHOTO)),
        (KEY.Key_Up, ALT, ("move_requested", "activation-1", 0)),
        (KEY.Key_Down, ALT, ("move_requested", "activation-1", 2)),
        (KEY.Key_D, CTRL, ("duplicate_requested", "activation-1")),
        (KEY.Key_E, CTRL, ("switch_requested", "activation-1", False)),
        (KEY.Key_Insert, NONE, ("add_requested", "activation-1")),
        (KEY.Key_Delete, NONE, ("delete_requested", "activation-1")),
        (KEY.Key_Delete, KEYPAD, ("delete_requested", "activation-1")),
    ],
)
def test_the_keys_ask(cards: LayerList, key: Qt.Key, modifier: Any, request_made: tuple[Any, ...]) -> None:
    show(cards, three())
    said = heard(cards)
    cards.setFocus()
    QTest.keyClick(cards, key, modifier)
    assert said == [request_made]


def test_keys_stop_at_the_ends(cards: LayerList) -> None:
    show(cards, three("max_pool-1"))
    said = heard(cards)
    QTest.keyClick(cards, KEY.Key_Down)
    QTest.keyClick(cards, KEY.Key_Down, ALT)
    show(cards, three("conv-1"))
    QTest.keyClick(cards, KEY.Key_Up, ALT)
    assert said == []


def test_the_photo_has_its_own_keys(cards: LayerList) -> None:
    show(cards, three(PHOTO))
    said = heard(cards)
    for key in (KEY.Key_Delete, KEY.Key_F2, KEY.Key_Return, KEY.Key_Insert):
        QTest.keyClick(cards, key)
    QTest.keyClick(cards, KEY.Key_D, CTRL)
    assert said == [("photo_open_requested",), ("add_requested", PHOTO)]


def test_the_menu_key_opens_the_menu_of_the_selected_card(cards: LayerList) -> None:
    for selected in ("activation-1", PHOTO):
        show(cards, three(selected))
        QTest.keyClick(cards, KEY.Key_Menu)
        menu = visible_menu(cards)
        title = "the photo" if selected == PHOTO else "ReLU"
        assert menu.accessibleName() == f"What can be done to {title}"
        menu.close()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_focus_is_visible_and_told(cards: LayerList, theme: Theme) -> None:
    show(cards, three())
    cards.setFocus()
    seen = cards.card("activation-1").grab().toImage()
    part(cards, QPushButton, "add-layer").setFocus()
    assert cards.card("activation-1").grab().toImage() != seen
    assert cards.accessibleDescription() == cards.card("activation-1").accessibleName()
    assert all(card.accessibleName() and card.toolTip() for card in cards.findChildren(LayerCard))
    assert all(button.accessibleName() for button in cards.findChildren(CardButton))
