"""The stack of cards: what they show, and where."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator, LayerError
from convstudio.layers import Conv
from convstudio.layers.base import Repair
from convstudio.layers.max_pool import MaxPool
from convstudio.model import PHOTO, Look
from convstudio.session.computing import Failure
from convstudio.ui.card_parts import CardButton, CardLine, Thumb
from convstudio.ui.layer_card import LayerCard, short_count
from convstudio.ui.layer_list import LayerList
from convstudio.ui.stack_card import COMFORTABLE, COMPACT
from convstudio.ui.theme import Theme, apply_theme
from convstudio.ui.thumbnails import value_thumbnail
from tests.ui.layer_hands import (
    broken,
    heard,
    many,
    open_cards,
    order,
    pixmap_of,
    show,
    stack,
    three,
)
from tests.ui.window_hands import part, text_of

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def theme(undressed: None, qapp: QApplication) -> Theme:
    return apply_theme(qapp, "dark")


@pytest.fixture
def cards(qtbot: QtBot, theme: Theme) -> Iterator[LayerList]:
    made = open_cards(qtbot)
    yield made
    made.close()


def test_every_layer_has_a_card_below_the_photo(cards: LayerList) -> None:
    show(cards, three())
    assert order(cards) == ["conv-1", "activation-1", "max_pool-1"]
    assert part(cards, QWidget, "card-photo").y() < part(cards, QWidget, "card-conv-1").y()
    assert text_of(cards, "card-photo-shape") == "3×48×64"
    assert text_of(cards, "card-conv-1-shape") == "3×48×64"
    assert text_of(cards, "card-max_pool-1-shape") == "3×24×32"
    assert text_of(cards, "card-max_pool-1-title") == MaxPool().name()
    for layer_id in (PHOTO, *order(cards)):
        assert pixmap_of(cards, layer_id) is not None


def test_a_card_waits_for_its_result(cards: LayerList) -> None:
    cards.show_project(three())
    assert text_of(cards, "card-conv-1-shape") == "…"
    assert pixmap_of(cards, "conv-1") is None


def test_parameters_and_the_receptive_field_stand_below_the_shape(cards: LayerList) -> None:
    show(cards, three())
    assert text_of(cards, "card-conv-1-facts") == "30 par"
    assert text_of(cards, "card-activation-1-facts") == ""
    cards.show_receptive({"conv-1": "RF 3", "max_pool-1": "RF 4"})
    assert text_of(cards, "card-conv-1-facts") == "RF 3 · 30 par"
    assert text_of(cards, "card-max_pool-1-facts") == "RF 4"
    assert "RF 3" in part(cards, QWidget, "card-conv-1").accessibleName()
    cards.show_receptive({})
    assert text_of(cards, "card-conv-1-facts") == "30 par"


def test_facts_that_do_not_fit_are_left_out_whole(cards: LayerList) -> None:
    show(cards, three())
    line = part(cards, CardLine, "card-conv-1-facts")
    cards.show_receptive({"conv-1": "RF 27 j1 s−13"})
    assert line.text() == "RF 27 j1 s−13 · 30 par"
    assert line.fitting() == "RF 27 j1 s−13"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (224, "224"),
        (9408, "9,408"),
        (25_600, "25.6k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (1_230_000, "1.2M"),
    ],
)
def test_large_numbers_are_short(count: int, text: str) -> None:
    assert short_count(count) == text


def test_a_thumbnail_shows_the_channel_that_its_look_shows(cards: LayerList) -> None:
    project = stack(Conv(), selected="conv-1")
    values = project.picture.values.copy()
    values[0], values[1], values[2] = 0.0, 0.5, 1.0
    picture = type(project.picture)(values, "three greys")
    project = project.with_picture(picture).with_item("conv-1", enabled=False)
    for channel, grey in ((0, 0), (1, 128), (2, 255)):
        show(cards, project.with_look(view="clamped", channel=channel))
        colour = pixmap_of(cards, "conv-1").toImage().pixelColor(20, 20)
        assert abs(colour.red() - grey) <= 1
        assert colour.red() == colour.green() == colour.blue()


def test_a_picture_is_drawn_again_only_for_another_array_or_look(cards: LayerList) -> None:
    evaluation = show(cards, three("conv-1"))
    before = {layer_id: pixmap_of(cards, layer_id) for layer_id in (PHOTO, *order(cards))}
    cards.show_stack(evaluation)
    assert all(pixmap_of(cards, layer_id) is before[layer_id] for layer_id in before)
    show(cards, evaluation.project.with_look(view="absolute"))
    assert pixmap_of(cards, PHOTO) is before[PHOTO]
    assert pixmap_of(cards, "conv-1") is not before["conv-1"]


def test_a_card_does_not_keep_a_result_alive(cards: LayerList) -> None:
    evaluation = show(cards, three())
    kept = weakref.ref(evaluation.layers[1].output)
    del evaluation
    assert kept() is None


def test_cards_are_kept_by_id(cards: LayerList) -> None:
    project = three()
    show(cards, project)
    before = {card.item.id: card for card in cards.findChildren(LayerCard)}
    show(cards, project.moved("max_pool-1", 0).duplicated("conv-1"))
    assert order(cards) == ["max_pool-1", "conv-1", "conv-2", "activation-1"]
    for layer_id, card in before.items():
        assert cards.card(layer_id) is card
    show(cards, project.without("activation-1"))
    assert order(cards) == ["conv-1", "max_pool-1"]
    with pytest.raises(KeyError):
        cards.card("activation-1")


def test_a_layer_that_is_switched_off_says_so_and_shows_what_passes(cards: LayerList) -> None:
    project = stack(MaxPool())
    show(cards, project)
    show(cards, project.with_item("max_pool-1", enabled=False))
    assert text_of(cards, "card-max_pool-1-shape") == "3×48×64"
    assert "switched off" in part(cards, QWidget, "card-max_pool-1").accessibleName()
    switch = part(cards, CardButton, "card-max_pool-1-switch")
    assert switch.isVisible(), "so that one sees why, without pointing at it"
    assert not switch.isChecked()
    assert switch.accessibleName() == f"Switch {MaxPool().name()} on"


def title_colours(cards: LayerList, name: str) -> set[str]:
    image = part(cards, QLabel, name).grab().toImage()
    return {
        image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height() // 2 + 2)
    }


def test_the_name_of_what_is_off_is_dim_and_struck_out(cards: LayerList, theme: Theme) -> None:
    project = stack(MaxPool())
    show(cards, project)
    assert theme.text in title_colours(cards, "card-max_pool-1-title")
    show(cards, project.with_item("max_pool-1", enabled=False))
    assert theme.text not in title_colours(cards, "card-max_pool-1-title")
    title = part(cards, CardLine, "card-max_pool-1-title")
    image = title.grab().toImage()
    wide = title.fontMetrics().horizontalAdvance(title.text())
    line = [image.pixelColor(x, title.height() // 2 + 1) for x in range(wide)]
    assert all(colour == QColor(theme.text_dim) for colour in line)


def test_the_proof_is_that_of_the_selected_layer(cards: LayerList) -> None:
    project = three("conv-1")
    show(cards, project)
    for mark, role in (("✓", "good"), ("✗", "problem")):
        cards.show_proof(mark, "why")
        label = part(cards, QLabel, "card-conv-1-proof")
        assert (label.text(), label.property("role"), label.toolTip()) == (mark, role, "why")
    show(cards, project.with_selected("activation-1"))
    assert text_of(cards, "card-conv-1-proof") == ""
    cards.show_proof("✓", "")
    assert text_of(cards, "card-activation-1-proof") == "✓"


def test_an_evaluation_of_an_older_project_is_shown_where_it_fits(cards: LayerList) -> None:
    project = three()
    older = Evaluator().evaluate(project)
    cards.show_project(project.without("activation-1"))
    cards.show_result(older)
    assert text_of(cards, "card-max_pool-1-shape") == "3×24×32"


# --- what does not fit ---


def test_a_layer_that_does_not_fit_says_why_and_the_ones_below_wait(cards: LayerList) -> None:
    evaluation = show(cards, broken())
    assert evaluation.problem is not None
    assert text_of(cards, "card-conv-1-shape") == "3×48×64"
    reason = part(cards, QLabel, "card-max_unpool-1-problem")
    assert reason.text() == str(evaluation.problem)
    assert reason.wordWrap()
    assert str(evaluation.problem) in reason.toolTip()
    assert reason.height() >= reason.heightForWidth(reason.width())
    assert str(evaluation.problem) in part(cards, QWidget, "card-max_unpool-1").accessibleName()
    assert text_of(cards, "card-activation-1-shape") == "not computed"
    assert pixmap_of(cards, "activation-1") is None


def test_the_repair_is_one_click_away(cards: LayerList, qtbot: QtBot) -> None:
    show(cards, broken())
    said = heard(cards)
    button = part(cards, QPushButton, "card-max_unpool-1-repair")
    assert button.accessibleName() == "Add a max pooling above"
    qtbot.mouseClick(button, LEFT)
    assert said == [
        ("repair_requested", "max_unpool-1", Repair("Add a max pooling above", insert="max_pool"))
    ]


def test_the_reason_goes_with_its_cause(cards: LayerList) -> None:
    show(cards, broken())
    high = cards.card("max_unpool-1").height()
    show(cards, broken().with_item("max_unpool-1", enabled=False))
    assert (
        cards.findChild(QLabel, "card-max_unpool-1-problem") is None
        or not part(cards, QLabel, "card-max_unpool-1-problem").isVisible()
    )
    assert cards.card("max_unpool-1").height() < high
    assert text_of(cards, "card-activation-1-shape") == "3×48×64"


def test_a_failure_of_the_selected_layer_is_shown_on_its_card(cards: LayerList) -> None:
    project = broken().with_selected("max_unpool-1")
    cards.show_project(project)
    with pytest.raises(LayerError) as caught:
        Evaluator().evaluate(project)
    error = caught.value
    cards.show_failure(Failure(error.layer_id, str(error), repair=error.repair, layers=error.layers))
    assert text_of(cards, "card-conv-1-shape") == "3×48×64"
    assert text_of(cards, "card-max_unpool-1-problem") == str(error)
    assert text_of(cards, "card-activation-1-shape") == "not computed"


def test_a_cancelled_computation_blames_no_layer(cards: LayerList) -> None:
    show(cards, three())
    cards.show_failure(Failure(None, "Cancelled", cancelled=True))
    assert text_of(cards, "card-conv-1-shape") == "3×48×64"


@pytest.mark.parametrize("density", [COMFORTABLE, COMPACT])
def test_a_long_repair_is_read_in_full(cards: LayerList, density: Any) -> None:
    show(cards, three())
    if density is COMPACT:
        cards.set_room(150)
    text = "Set the taps close together and pad with zeros"
    cards.show_failure(Failure("conv-1", "Too small. " * 9, repair=Repair(text)))
    button = part(cards, QPushButton, "card-conv-1-repair")
    assert button.text().replace("\n", " ") == text
    metrics = button.fontMetrics()
    assert all(metrics.horizontalAdvance(line) < button.width() - 16 for line in button.text().split("\n"))
    assert button.height() >= metrics.lineSpacing() * len(button.text().split("\n"))
    card = cards.card("conv-1")
    assert button.mapTo(card, button.rect().bottomLeft()).y() < card.height()
    assert cards.card("activation-1").y() >= card.geometry().bottom()


# --- room ---


def test_cards_get_tight_before_they_scroll(cards: LayerList) -> None:
    evaluation = show(cards, many(6))
    wanted = cards.sizeHint().height()
    cards.set_room(wanted)
    assert cards.card(PHOTO).density is COMFORTABLE
    cards.set_room(wanted - 1)
    assert {cards.card(i).density for i in (PHOTO, *order(cards))} == {COMPACT}
    assert cards.sizeHint().height() < wanted
    assert evaluation.layers  # as long as a result is there, its picture fits the card
    assert pixmap_of(cards, "activation-1").size() == COMPACT.thumb
    cards.show_receptive({"activation-1": "RF 3"})
    assert text_of(cards, "card-activation-1-shape") == "3×48×64 · RF 3"
    cards.set_room(wanted)
    assert cards.card(PHOTO).density is COMFORTABLE
    assert text_of(cards, "card-activation-1-shape") == "3×48×64"
    assert text_of(cards, "card-activation-1-facts") == "RF 3"


@pytest.mark.parametrize("room", [0, 200])
@pytest.mark.parametrize("selected", ["activation-1", PHOTO])
def test_nothing_on_a_card_lies_over_anything_else(cards: LayerList, room: int, selected: str) -> None:
    show(cards, three(selected))
    cards.show_receptive({"activation-1": "RF 3"})
    cards.show_proof("✓", "")
    cards.set_room(room)
    card = cards.card(selected)
    kinds = (Thumb, CardLine, CardButton, QLabel)
    inner = {w for kind in kinds for w in card.findChildren(kind) if w.isVisible() and w.width()}
    for one in inner:
        assert card.rect().contains(one.geometry()), one.objectName()
        for other in inner - {one}:
            crossed = one.geometry().intersected(other.geometry())
            # the lines of text have room to spare above and below their letters
            assert crossed.width() <= 0 or crossed.height() <= 3, f"{one.objectName()} {other.objectName()}"


def test_64_layers_are_shown_again_in_no_time(cards: LayerList) -> None:
    project = many()
    evaluation = show(cards, project)
    changed = project.with_item("activation-40", name="another")
    best = 1.0
    for turn in range(5):
        start = time.perf_counter()
        cards.show_project(changed if turn % 2 else project)
        cards.show_stack(evaluation)
        best = min(best, time.perf_counter() - start)
    assert best < 0.03, f"{best * 1000:.1f} ms"


def test_thumbnails_of_large_results_are_cheap(cards: LayerList, qtbot: QtBot) -> None:
    values = np.random.default_rng(0).random((8, 1080, 1920), dtype=np.float32)
    best = 1.0
    for channel in range(5):
        start = time.perf_counter()
        value_thumbnail(values, Look("signed", channel), QSize(56, 42))
        best = min(best, time.perf_counter() - start)
    assert best < 0.004, f"{best * 1000:.1f} ms"
