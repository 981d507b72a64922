"""The strip of small pictures with the window on each."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.layers import MaxPool
from convstudio.model import PHOTO
from convstudio.ui.level_strip import LevelSampler, LevelStrip, box_words
from tests.ui.tool_hands import evaluated, teacher_stack


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (QRect(56, 20, 10, 10), "rows 20–29, columns 56–65"),
        (QRect(4, 3, 1, 1), "row 3, column 4"),
        (QRect(-2, -1, 4, 3), "rows −1 to 1, columns −2 to 1"),
    ],
)
def test_a_block_of_cells_in_words(box: QRect, words: str) -> None:
    assert box_words(box) == words


def test_each_level_is_shown_as_its_look_says() -> None:
    evaluation = evaluated(teacher_stack())
    boxes = {PHOTO: QRect(3, 4, 6, 6), "conv-1": QRect(4, 5, 4, 4), "max_pool-1": QRect(2, 2, 1, 1)}
    levels = LevelSampler(evaluation).pictures(boxes)
    assert [level.id for level in levels] == [PHOTO, "conv-1", "max_pool-1"]
    assert levels[0].title == "Photo"
    assert [level.box for level in levels] == list(boxes.values())
    assert np.array_equal(levels[0].pixels, render(evaluation.project.picture.values, "clamped").pixels)
    output = evaluation.layers[0].output
    assert np.array_equal(levels[1].pixels, render(output, "signed", channel=0).pixels)


def test_a_large_level_is_shown_by_every_nth_pixel() -> None:
    evaluation = evaluated([MaxPool()], 1000, 1400)
    (photo,) = LevelSampler(evaluation).pictures({PHOTO: QRect(0, 0, 2, 2)})
    assert max(photo.pixels.shape[:2]) < 500
    assert photo.cells == QRect(0, 0, 1400, 1000)


def test_a_close_up_shows_the_surroundings_in_the_same_colours() -> None:
    evaluation = evaluated(teacher_stack(), 200, 300)
    box = QRect(100, 120, 10, 8)
    far, near = (
        LevelSampler(evaluation).pictures({"conv-1": box}, close=close)[0] for close in (False, True)
    )
    assert far.region == QRect(0, 0, 300, 200)
    assert near.region == QRect(80, 100, 50, 48)
    assert near.cells == near.region
    there = far.pixels[100:148, 80:130]
    assert np.array_equal(near.pixels, there)


def test_a_close_up_at_the_edge_stays_inside() -> None:
    evaluation = evaluated(teacher_stack(), 200, 300)
    (near,) = LevelSampler(evaluation).pictures({PHOTO: QRect(-2, -1, 10, 10)}, close=True)
    assert near.region == QRect(-2, -1, 50, 50)
    assert near.cells == QRect(0, 0, 48, 49)
    (corner,) = LevelSampler(evaluation).pictures({PHOTO: QRect(295, 195, 5, 5)}, close=True)
    assert corner.region == QRect(275, 175, 25, 25)


def test_padding_alone_is_an_empty_picture(qtbot: QtBot) -> None:
    evaluation = evaluated(teacher_stack(), 200, 300)
    levels = LevelSampler(evaluation).pictures({PHOTO: QRect(-500, -500, 1, 1)}, close=True)
    assert levels[0].pixels.size == 0
    strip = LevelStrip()
    qtbot.addWidget(strip)
    strip.show_levels(levels)
    strip.grab()


@pytest.fixture
def strip(qtbot: QtBot) -> LevelStrip:
    made = LevelStrip()
    qtbot.addWidget(made)
    evaluation = evaluated(teacher_stack())
    made.show_levels(
        LevelSampler(evaluation).pictures({PHOTO: QRect(22, 15, 11, 8), "conv-1": QRect(0, 0, 44, 30)})
    )
    made.resize(made.wide(140), 140)
    return made


def test_the_window_is_drawn_where_it_lies(strip: LevelStrip) -> None:
    frame, box = strip.frames()[0], strip.box_of(0)
    assert frame.contains(box)
    assert (box.left() - frame.left()) / frame.width() == pytest.approx(22 / 44, abs=0.02)
    assert box.width() / frame.width() == pytest.approx(11 / 44, abs=0.02)
    image = strip.grab().toImage()
    line = image.pixelColor(round(box.left()) - 2, round(box.center().y()))
    assert line.lightness() > 130
    assert line.hue() == pytest.approx(QColor("#ffe27a").hue(), abs=12)


def test_a_press_asks_for_the_layer(strip: LevelStrip, qtbot: QtBot) -> None:
    said: list[str] = []
    strip.level_chosen.connect(said.append)
    for frame in strip.frames():
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=frame.center().toPoint())
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(2, 138))
    assert said == [PHOTO, "conv-1"]


def test_the_strip_says_what_it_shows(strip: LevelStrip) -> None:
    assert strip.accessibleName().startswith("The window on every level: Photo → Conv")
    assert strip.wide(140) == pytest.approx(strip.frames()[-1].right() + 1, abs=2)
    strip.show_levels(())
    assert strip.accessibleName() == "No cell is picked"
