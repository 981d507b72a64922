"""Dragging cards of the stack to other places."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from convstudio.model import PHOTO
from convstudio.ui.card_column import CardColumn
from convstudio.ui.layer_list import LayerList
from convstudio.ui.theme import Theme, apply_theme
from tests.ui.layer_hands import (
    heard,
    many,
    open_cards,
    order,
    show,
    three,
)
from tests.ui.window_hands import part

KEY, LEFT = Qt.Key, Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def theme(undressed: None, qapp: QApplication) -> Theme:
    return apply_theme(qapp, "dark")


@pytest.fixture
def cards(qtbot: QtBot, theme: Theme) -> Iterator[LayerList]:
    made = open_cards(qtbot)
    yield made
    made.close()


def move(card: QWidget, where: QPoint) -> None:
    """Move the pressed mouse to a place given on the card; QTest's move forgets that a button is down."""
    there, moved = QPointF(card.mapToGlobal(where)), Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(where), there, moved, LEFT, NONE)
    QApplication.sendEvent(card, event)


def drag(cards: LayerList, qtbot: QtBot, layer_id: str, onto: str, *, below: bool) -> QPoint:
    """Take a card by its middle to the upper or lower half of another one; return the place on the card."""
    card, target = cards.card(layer_id), cards.card(onto)
    qtbot.mousePress(card, LEFT)
    move(card, card.rect().center() + QPoint(0, 30))
    half = target.height() // 4 * (3 if below else 1)
    where = card.mapFromGlobal(target.mapToGlobal(QPoint(20, half)))
    move(card, where)
    return where


@pytest.mark.parametrize(
    ("layer_id", "onto", "below", "place"),
    [
        ("conv-1", "activation-1", True, 1),
        ("conv-1", "max_pool-1", True, 2),
        ("max_pool-1", "conv-1", False, 0),
        ("max_pool-1", PHOTO, False, 0),
        ("activation-1", "conv-1", False, 0),
        ("activation-1", "activation-1", True, None),
        ("activation-1", "conv-1", True, None),
        ("activation-1", "max_pool-1", False, None),
    ],
)
def test_a_card_is_dragged_to_another_place(
    cards: LayerList, qtbot: QtBot, layer_id: str, onto: str, below: bool, place: int | None
) -> None:
    project = three("conv-1")
    show(cards, project)
    said = heard(cards)
    where = drag(cards, qtbot, layer_id, onto, below=below)
    column = part(cards, CardColumn, "layer-column")
    assert column.drop_gap is not None
    qtbot.mouseRelease(cards.card(layer_id), LEFT, pos=where)
    assert column.drop_gap is None
    assert said == ([] if place is None else [("move_requested", layer_id, place)])
    if place is not None:
        moved = project.moved(layer_id, place)
        show(cards, moved)
        assert order(cards)[place] == layer_id


def test_the_line_is_drawn_where_the_card_would_land(cards: LayerList, qtbot: QtBot, theme: Theme) -> None:
    show(cards, three())
    column = part(cards, CardColumn, "layer-column")
    between = (cards.card("activation-1").geometry().bottom() + cards.card("max_pool-1").y()) // 2
    places = [QPoint(4, y) for y in range(between - 2, between + 3)]
    accent = QColor(theme.accent)
    assert accent not in [column.grab().toImage().pixelColor(place) for place in places]
    where = drag(cards, qtbot, "conv-1", "activation-1", below=True)
    assert accent in [column.grab().toImage().pixelColor(place) for place in places]
    qtbot.mouseRelease(cards.card("conv-1"), LEFT, pos=where)


def test_escape_gives_a_drag_up(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three())
    said = heard(cards)
    where = drag(cards, qtbot, "conv-1", "max_pool-1", below=True)
    QTest.keyClick(cards, KEY.Key_Delete)  # other keys wait
    QTest.keyClick(cards, KEY.Key_Escape)
    assert part(cards, CardColumn, "layer-column").drop_gap is None
    qtbot.mouseRelease(cards.card("conv-1"), LEFT, pos=where)
    assert said == []
    assert cards.card("conv-1").graphicsEffect() is None


def test_a_little_shake_is_a_click_and_the_photo_stays(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, three())
    said = heard(cards)
    card = cards.card("conv-1")
    qtbot.mousePress(card, LEFT)
    move(card, card.rect().center() + QPoint(2, 2))
    qtbot.mouseRelease(card, LEFT)
    assert said == [("selected", "conv-1")]
    drag(cards, qtbot, PHOTO, "max_pool-1", below=True)
    assert part(cards, CardColumn, "layer-column").drop_gap is None
    qtbot.mouseRelease(cards.card(PHOTO), LEFT, pos=QPoint(-50, -50))
    assert len(said) == 1


def test_a_long_stack_scrolls_to_what_is_selected_and_under_a_drag(cards: LayerList, qtbot: QtBot) -> None:
    project = many()
    show(cards, project)
    scroll = part(cards, QScrollArea, "layer-scroll")
    bar = scroll.verticalScrollBar()
    assert bar.value() == 0
    show(cards, project.with_selected("activation-64"))
    assert bar.value() > bar.maximum() - 20
    show(cards, project.with_selected("activation-1"))
    assert bar.value() < 80
    card = cards.card("activation-1")
    qtbot.mousePress(card, LEFT)
    low = card.mapFromGlobal(scroll.viewport().mapToGlobal(QPoint(20, scroll.viewport().height() - 3)))
    before = bar.value()
    move(card, low)
    qtbot.waitUntil(lambda: bar.value() > before + 100)
    QTest.keyClick(cards, KEY.Key_Escape)
    qtbot.mouseRelease(card, LEFT, pos=low)
    stopped = bar.value()
    qtbot.wait(80)
    assert bar.value() == stopped
