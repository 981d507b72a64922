"""The left panel: cards that follow the project, the kernel's story, and the bundled pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluator
from convstudio.io.samples import SAMPLES
from convstudio.kernels import PRESETS, Kernel
from convstudio.layers import Conv
from convstudio.model import LayerItem, Picture, Project
from convstudio.ui.layer_list import thumbnail
from convstudio.ui.sidebar import Sidebar
from tests.ui.window_hands import part, random_picture, text_of


@pytest.fixture
def sidebar(qtbot: QtBot) -> Iterator[Sidebar]:
    made = Sidebar()
    qtbot.addWidget(made)
    made.resize(240, 900)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


def project_of(picture: Picture, **values: Any) -> Project:
    return Project(picture, (LayerItem("a", Conv(**values)),))


def test_the_cards_follow_the_project_and_its_result(sidebar: Sidebar) -> None:
    project = project_of(random_picture(3, 20, 30, "mine.png"), stride=(2, 3))
    sidebar.layers.show_project(project)
    assert text_of(sidebar, "card-photo-shape") == "3×20×30"
    assert part(sidebar, QWidget, "card-photo").accessibleName() == "mine.png, 3×20×30"
    assert text_of(sidebar, "card-layer-shape") == "…"
    sidebar.layers.show_result(Evaluator().evaluate(project))
    assert text_of(sidebar, "card-layer-shape") == "3×10×10"
    assert "Sobel" in part(sidebar, QWidget, "card-layer").accessibleName()


def test_the_proof_has_its_mark(sidebar: Sidebar) -> None:
    label = part(sidebar, QLabel, "card-layer-proof")
    for mark, role in (("✓", "good"), ("✗", "problem")):
        sidebar.layers.show_proof(mark, "why")
        assert (label.text(), label.property("role"), label.toolTip()) == (mark, role, "why")
    sidebar.layers.show_problem("does not fit")
    assert (label.text(), label.toolTip()) == ("!", "does not fit")


def test_a_click_on_a_card_asks(sidebar: Sidebar, qtbot: QtBot) -> None:
    asked: list[str] = []
    sidebar.layers.photo_clicked.connect(lambda: asked.append("photo"))
    sidebar.layers.layer_clicked.connect(lambda: asked.append("layer"))
    photo = part(sidebar, QWidget, "card-photo")
    qtbot.mouseClick(photo, Qt.MouseButton.RightButton)
    assert asked == []
    qtbot.mousePress(photo, Qt.MouseButton.LeftButton)
    qtbot.mouseRelease(photo, Qt.MouseButton.LeftButton, pos=QPoint(-20, -20))
    assert asked == [], "whoever moves away before letting go did not mean it"
    qtbot.mouseClick(photo, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(part(sidebar, QWidget, "card-layer"), Qt.MouseButton.LeftButton)
    assert asked == ["photo", "layer"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 60_000), (60_000, 1), (3, 40), (500, 700), (42, 56)])
def test_a_thumbnail_covers_its_box_whatever_the_shape(qtbot: QtBot, shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 4), 255, np.uint8)
    pixels[:, : shape[1] // 2] = (0, 0, 255, 255)  # the left half red
    box = QSize(56, 42)
    for ratio in (1.0, 1.5):
        picture = thumbnail(pixels, box, ratio)
        assert picture.size() == QSize(round(56 * ratio), round(42 * ratio))
        image = picture.toImage()
        assert image.pixelColor(image.width() - 1, image.height() // 2) == QColor("white")
        if shape[1] >= 40:
            assert image.pixelColor(0, image.height() // 2) == QColor("red")


@pytest.mark.parametrize("preset", list(PRESETS)[::5])
def test_the_kernels_story_is_told(sidebar: Sidebar, preset: str) -> None:
    sidebar.note.show_kernel(PRESETS[preset].make())
    words = " ".join(label.text() for label in sidebar.note.findChildren(QLabel) if label.isVisible())
    assert PRESETS[preset].summary in words
    assert PRESETS[preset].source in words
    sidebar.note.show_kernel(Kernel.custom(np.ones((3, 3))))
    words = " ".join(label.text() for label in sidebar.note.findChildren(QLabel) if label.isVisible())
    assert PRESETS[preset].source not in words
    assert "Your own weights" in words


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
