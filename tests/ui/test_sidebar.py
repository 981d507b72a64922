"""The left panel: who gets the room, the notes, the gallery, and the bundled pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QScrollArea, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator
from convstudio.io.samples import SAMPLES
from convstudio.kernels import PRESETS, Kernel, preset
from convstudio.layers import Conv
from convstudio.layers.max_pool import MaxPool
from convstudio.model import PHOTO
from convstudio.ui.sidebar import WIDTH, Sidebar
from convstudio.ui.stack_card import COMFORTABLE, COMPACT
from convstudio.ui.theme import apply_theme
from tests.ui.layer_hands import many, order, stack, three
from tests.ui.window_hands import part, text_of

SMALL = 672  # px that a window of 768 leaves


@pytest.fixture
def sidebar(undressed: None, qapp: QApplication, qtbot: QtBot) -> Iterator[Sidebar]:
    apply_theme(qapp, "dark")
    made = Sidebar()
    qtbot.addWidget(made)
    made.resize(WIDTH, 900)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made
    made.gallery.close()
    made.close()


def show(sidebar: Sidebar, project: Any) -> None:
    sidebar.layers.show_project(project)
    sidebar.layers.show_stack(Evaluator().evaluate(project))
    QApplication.processEvents()
    QApplication.processEvents()


def note(sidebar: Sidebar) -> None:
    sidebar.show_note("Receptive field of the last layer", "4×4 px, jump 2", "Click any cell.")


# --- notes ---


def words(sidebar: Sidebar) -> str:
    return " ".join(label.text() for label in sidebar.note.findChildren(QLabel) if not label.isHidden())


@pytest.mark.parametrize("preset_id", list(PRESETS)[::5])
def test_the_kernels_story_is_told(sidebar: Sidebar, preset_id: str) -> None:
    show(sidebar, three())
    sidebar.show_kernel(PRESETS[preset_id].make())
    QApplication.processEvents()
    assert sidebar.note.isVisible()
    assert PRESETS[preset_id].summary in words(sidebar)
    assert PRESETS[preset_id].source in words(sidebar)
    sidebar.show_kernel(Kernel.custom(np.ones((3, 3))))
    assert PRESETS[preset_id].source not in words(sidebar)
    assert "Weights that were entered or learned" in words(sidebar)


def test_a_layer_without_a_kernel_has_no_story(sidebar: Sidebar) -> None:
    show(sidebar, three())
    sidebar.show_kernel(preset("sobel-x").make())
    sidebar.show_kernel(None)
    QApplication.processEvents()
    assert not sidebar.note.isVisible()
    assert "THIS KERNEL" not in {label.text() for label in sidebar.findChildren(QLabel) if label.isVisible()}


def test_the_receptive_field_is_told_once_it_is_known(sidebar: Sidebar) -> None:
    assert not sidebar.receptive.isVisible()
    note(sidebar)
    assert text_of(sidebar, "receptive-title") == "<b>Receptive field</b> of the last layer"
    assert text_of(sidebar, "receptive-numbers") == "4×4 px, jump 2"
    assert text_of(sidebar, "receptive-hint") == "Click any cell."
    sidebar.show_note("", "", "")
    assert not sidebar.receptive.isVisible()


def test_words_in_a_note_are_no_markup(sidebar: Sidebar) -> None:
    sidebar.show_note("Receptive field of <i>mine</i>", "1 < 2", "")
    assert "&lt;i&gt;" in text_of(sidebar, "receptive-title")
    assert text_of(sidebar, "receptive-hint") == ""


# --- room ---


def test_six_layers_fit_a_small_window_with_the_note_and_the_pictures(sidebar: Sidebar) -> None:
    sidebar.resize(WIDTH, SMALL)
    note(sidebar)
    sidebar.show_kernel(preset("sobel-x").make())
    show(sidebar, many(6))
    assert not sidebar.verticalScrollBar().isVisible()
    assert not part(sidebar, QScrollArea, "layer-scroll").verticalScrollBar().isVisible()
    assert not sidebar.note.isVisible(), "the layers come first"
    assert sidebar.layers.card(PHOTO).density is COMPACT
    inside = sidebar.viewport().rect()
    named = [f"card-{layer_id}" for layer_id in (PHOTO, *order(sidebar.layers))]
    for name in (*named, "add-layer", "receptive-note", "sample-gallery"):
        widget = part(sidebar, QWidget, name)
        assert inside.contains(widget.rect().translated(widget.mapTo(sidebar.viewport(), QPoint()))), name


def test_few_layers_are_roomy_and_leave_room_for_the_story(sidebar: Sidebar) -> None:
    sidebar.resize(WIDTH, SMALL)
    note(sidebar)
    sidebar.show_kernel(preset("sobel-x").make())
    show(sidebar, stack(Conv()))
    assert sidebar.layers.card(PHOTO).density is COMFORTABLE
    assert sidebar.note.isVisible()
    assert not sidebar.verticalScrollBar().isVisible()


def test_the_story_comes_back_with_the_room(sidebar: Sidebar) -> None:
    note(sidebar)
    sidebar.show_kernel(preset("sobel-x").make())
    sidebar.resize(WIDTH, SMALL)
    show(sidebar, many(6))
    assert not sidebar.note.isVisible()
    show(sidebar, many(1))
    assert sidebar.note.isVisible()
    show(sidebar, many(6))
    assert not sidebar.note.isVisible()
    sidebar.resize(WIDTH, 1100)
    QApplication.processEvents()
    assert sidebar.note.isVisible()
    assert sidebar.layers.card(PHOTO).density is COMFORTABLE


def test_many_layers_scroll_by_themselves(sidebar: Sidebar) -> None:
    sidebar.resize(WIDTH, SMALL)
    note(sidebar)
    sidebar.show_kernel(preset("sobel-x").make())
    show(sidebar, many())
    assert not sidebar.verticalScrollBar().isVisible()
    inside = sidebar.viewport().rect()
    for name in ("add-layer", "sample-gallery"):
        widget = part(sidebar, QWidget, name)
        assert inside.contains(widget.rect().translated(widget.mapTo(sidebar.viewport(), QPoint()))), name


# --- adding ---


def test_the_button_opens_the_gallery_and_hands_on_what_is_chosen(sidebar: Sidebar, qtbot: QtBot) -> None:
    show(sidebar, three("conv-1"))
    chosen: list[Any] = []
    sidebar.layers_requested.connect(lambda *given: chosen.append(given))
    qtbot.mouseClick(part(sidebar, QPushButton, "add-layer"), Qt.MouseButton.LeftButton)
    assert sidebar.gallery.isVisible()
    search = part(sidebar.gallery, QLineEdit, "gallery-search")
    QTest.keyClicks(search, "max pooling")
    QTest.keyClick(search, Qt.Key.Key_Return)
    assert chosen == [([MaxPool()], "max_pool-1", "Max pooling")]


def test_the_gallery_opens_for_the_selected_layer(sidebar: Sidebar) -> None:
    show(sidebar, three("conv-1"))
    sidebar.open_gallery()
    assert sidebar.gallery.after == "conv-1"
    sidebar.gallery.close()
    sidebar.layers.setFocus()
    QTest.keyClick(sidebar.layers, Qt.Key.Key_Insert)
    assert sidebar.gallery.isVisible()
    assert sidebar.gallery.after == "conv-1"


# --- pictures ---


def test_every_bundled_picture_has_a_button(sidebar: Sidebar, qtbot: QtBot) -> None:
    chosen: list[str] = []
    sidebar.samples.sample_chosen.connect(chosen.append)
    for sample in SAMPLES:
        button = part(sidebar, QToolButton, f"sample-{sample.id}")
        assert sample.note in button.toolTip()
        assert sample.title in button.accessibleName()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert chosen == [sample.id for sample in SAMPLES]


def test_the_thumbnails_come_one_after_another(sidebar: Sidebar, qtbot: QtBot) -> None:
    buttons = [part(sidebar, QToolButton, f"sample-{sample.id}") for sample in SAMPLES]
    sidebar.samples.load_icons()
    assert not all(not button.icon().isNull() for button in buttons), "the first paint does not wait"
    qtbot.waitUntil(lambda: all(not button.icon().isNull() for button in buttons))
