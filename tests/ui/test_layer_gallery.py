"""The layer gallery: what it offers, how it is searched, what it hands over, and its previews."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QListView, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels import Kernel
from convstudio.layers import LAYER_KINDS, Conv, Layer
from convstudio.layers.activation import Activation
from convstudio.layers.recipes import READY_MADE, RECIPES
from convstudio.model import PHOTO
from convstudio.ui.gallery_entries import NOT_OFFERED, Entry, entries, found, preview
from convstudio.ui.layer_gallery import LayerGallery
from tests.ui.window_hands import part

KEY, LEFT = Qt.Key, Qt.MouseButton.LeftButton


@pytest.fixture
def host(qtbot: QtBot) -> Iterator[QWidget]:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(1100, 700)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


@pytest.fixture
def gallery(host: QWidget) -> Iterator[LayerGallery]:
    anchor = QPushButton("+", host)
    anchor.setGeometry(10, 300, 204, 30)
    made = LayerGallery(host)
    made.open_beside(anchor, "conv-1")
    yield made
    made.close()


def field(gallery: LayerGallery) -> QLineEdit:
    return part(gallery, QLineEdit, "gallery-search")


def heard(gallery: LayerGallery) -> list[tuple[list[Layer], str]]:
    said: list[Any] = []
    gallery.chosen.connect(lambda layers, title: said.append((layers, title)))
    return said


def entry(entry_id: str) -> Entry:
    return next(each for each in entries() if each.id == entry_id)


# --- what is offered ---


def test_every_kind_and_every_recipe_is_offered_once() -> None:
    offered = entries()
    kinds = [each.id for each in offered if each.family != READY_MADE]
    assert sorted(kinds) == sorted(set(LAYER_KINDS) - NOT_OFFERED)
    assert [each.title for each in offered if each.family == READY_MADE] == [each.title for each in RECIPES]
    assert all(each.summary and each.title for each in offered)
    families = [each.family for each in offered]
    runs = [family for family, _ in itertools.groupby(families)]
    assert len(runs) == len(set(runs)), "each family stands together"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("conv", "conv"),
        ("relu", "activation"),
        ("maxpool", "max_pool"),
        ("mobilenet", "recipe-depthwise-separable"),
        ("edge bank", "recipe-edge-bank"),
        ("unpool", "max_unpool"),
        ("vgg", "recipe-two-3x3"),
    ],
)
def test_a_search_knows_other_names(query: str, first: str) -> None:
    assert found(query, entries())[0].id == first


def test_a_search_without_an_answer_is_empty() -> None:
    assert found("zzqq", entries()) == []


# --- previews ---


@pytest.mark.parametrize("each", entries(), ids=lambda each: each.id)
def test_every_entry_has_a_preview_that_shows_a_difference(each: Entry) -> None:
    made = preview(each)
    assert made is not None, "it does not work on a small colour picture"
    assert not made.before.isNull()
    assert not made.after.isNull()
    assert made.before != made.after


def test_an_unpooling_is_shown_with_its_pool() -> None:
    made = preview(entry("max_unpool"))
    assert made is not None
    assert made.after.width() == 2 * made.before.width()


def test_an_activation_is_shown_on_signed_values() -> None:
    made = preview(entry("activation"))
    assert made is not None
    places = [(x, y) for x in range(0, 64, 4) for y in range(0, 64, 4)]
    changed = [place for place in places if made.before.pixelColor(*place) != made.after.pixelColor(*place)]
    assert len(changed) > len(places) // 4


def test_what_does_not_fit_has_no_preview() -> None:
    too_large = Conv.of(Kernel.custom(np.ones((63, 63))), padding="valid", dilation=(4, 4))
    assert preview(Entry("x", "x", "x", "x", "", (too_large,))) is None


def test_previews_come_one_after_another_those_in_sight_first(gallery: LayerGallery, qtbot: QtBot) -> None:
    assert len(gallery.previewed()) <= 1, "the first paint does not wait"
    in_sight = gallery.titles()[:3]
    qtbot.waitUntil(lambda: len(gallery.previewed()) >= 3)
    assert gallery.previewed()[:3] == in_sight
    qtbot.waitUntil(lambda: len(gallery.previewed()) == len(entries()), timeout=20_000)


def test_previews_stop_when_the_gallery_closes(gallery: LayerGallery, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: len(gallery.previewed()) >= 1)
    gallery.close()
    known = len(gallery.previewed())
    qtbot.wait(60)
    assert len(gallery.previewed()) == known


def test_it_opens_at_once(host: QWidget) -> None:
    best = 1.0
    for _ in range(4):  # the machine may have something else to do
        start = time.perf_counter()
        made = LayerGallery(host)
        made.open_beside(host, PHOTO)
        made.grab()
        best = min(best, time.perf_counter() - start)
        made.close()
    assert best < 0.1, f"{best * 1000:.0f} ms"


# --- searching and choosing ---


def test_it_lists_everything_and_a_convolution_is_at_hand(gallery: LayerGallery) -> None:
    assert gallery.titles() == [each.title for each in entries()]
    highlighted = gallery.highlighted()
    assert highlighted is not None
    assert highlighted.id == "conv"
    assert field(gallery).hasFocus()


def test_typing_filters_and_enter_takes_the_best(gallery: LayerGallery) -> None:
    said = heard(gallery)
    QTest.keyClicks(field(gallery), "relu")
    assert 0 < len(gallery.titles()) < len(entries())
    QTest.keyClick(field(gallery), KEY.Key_Return)
    assert said == [([Activation()], "Activation")]
    assert not gallery.isVisible()
    assert gallery.after == "conv-1"


def test_a_recipe_hands_over_all_its_layers(gallery: LayerGallery) -> None:
    said = heard(gallery)
    QTest.keyClicks(field(gallery), "conv + relu")
    QTest.keyClick(field(gallery), KEY.Key_Return)
    recipe = next(each for each in RECIPES if each.id == "conv-relu-pool")
    assert said == [(list(recipe.layers), recipe.title)]


def test_arrows_move_over_headings_and_stop_at_the_ends(gallery: LayerGallery) -> None:
    seen = []
    for _ in range(len(entries()) + 2):
        QTest.keyClick(field(gallery), KEY.Key_Up)
    for _ in range(len(entries()) + 2):
        highlighted = gallery.highlighted()
        assert highlighted is not None
        seen.append(highlighted.title)
        QTest.keyClick(field(gallery), KEY.Key_Down)
    assert list(dict.fromkeys(seen)) == gallery.titles()
    QTest.keyClick(field(gallery), KEY.Key_PageUp)
    QTest.keyClick(field(gallery), KEY.Key_PageUp)
    highlighted = gallery.highlighted()
    assert highlighted is not None
    assert highlighted.title == gallery.titles()[-13]


def test_nothing_found_is_said_and_enter_chooses_nothing(gallery: LayerGallery) -> None:
    said = heard(gallery)
    QTest.keyClicks(field(gallery), "zzqq")
    assert gallery.titles() == []
    assert gallery.highlighted() is None
    assert part(gallery, QLabel, "gallery-nothing").isVisible()
    QTest.keyClick(field(gallery), KEY.Key_Return)
    QTest.keyClick(field(gallery), KEY.Key_Down)
    assert said == []
    assert gallery.isVisible()


def test_escape_closes_without_choosing(gallery: LayerGallery) -> None:
    said = heard(gallery)
    QTest.keyClick(field(gallery), KEY.Key_Escape)
    assert not gallery.isVisible()
    assert said == []


def test_a_click_chooses_and_a_heading_does_not(gallery: LayerGallery, qtbot: QtBot) -> None:
    said = heard(gallery)
    view = part(gallery, QListView, "gallery-list")
    for row, expected in ((0, 0), (1, 1)):
        box = view.visualRect(view.model().index(row, 0))
        qtbot.mouseClick(view.viewport(), LEFT, pos=box.center())
        assert len(said) == expected
    assert said[0][1] == gallery.titles()[0]


def test_pointing_highlights_but_a_list_under_a_resting_pointer_does_not(
    gallery: LayerGallery, qtbot: QtBot
) -> None:
    view = part(gallery, QListView, "gallery-list")
    first = gallery.highlighted()
    qtbot.mouseMove(view.viewport(), QPoint(50, 60))
    QApplication.processEvents()
    assert gallery.highlighted() == first
    qtbot.mouseMove(view.viewport(), QPoint(52, 62))
    QApplication.processEvents()
    highlighted = gallery.highlighted()
    assert highlighted is not None
    assert highlighted.title == gallery.titles()[0]


def test_it_opens_afresh(gallery: LayerGallery, host: QWidget) -> None:
    QTest.keyClicks(field(gallery), "pool")
    gallery.close()
    gallery.open_beside(host, PHOTO)
    assert field(gallery).text() == ""
    assert len(gallery.titles()) == len(entries())
    assert gallery.after == PHOTO


@pytest.mark.parametrize("y", [0, 300, 660])
def test_it_stays_within_the_window(host: QWidget, y: int) -> None:
    anchor = QPushButton("+", host)
    anchor.setGeometry(10, y, 204, 30)
    made = LayerGallery(host)
    made.open_beside(anchor, PHOTO)
    box, window = made.geometry(), host.geometry()
    made.close()
    assert window.contains(box)
    assert box.left() > anchor.mapToGlobal(anchor.rect().topRight()).x()


def test_every_row_is_told_in_words(gallery: LayerGallery) -> None:
    model = part(gallery, QListView, "gallery-list").model()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if index.flags() & Qt.ItemFlag.ItemIsSelectable:
            spoken = str(index.data(Qt.ItemDataRole.AccessibleTextRole))
            assert spoken.startswith(str(index.data()))
            assert len(spoken) > len(str(index.data())) + 10
            assert str(index.data(Qt.ItemDataRole.ToolTipRole))
    assert all(
        w.accessibleName() for w in (gallery, field(gallery), part(gallery, QListView, "gallery-list"))
    )
