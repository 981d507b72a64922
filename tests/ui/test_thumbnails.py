"""Small pictures of large ones: they cover their box, whatever they are of."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from convstudio.model import Look
from convstudio.ui.thumbnails import thumbnail, value_thumbnail

BOX = QSize(56, 42)
SHAPES = [(1, 1), (1, 60_000), (60_000, 1), (3, 40), (500, 700), (42, 56)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thumbnail_covers_its_box_whatever_the_shape(qtbot: QtBot, shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 4), 255, np.uint8)
    pixels[:, : shape[1] // 2] = (0, 0, 255, 255)  # the left half red
    for ratio in (1.0, 1.5):
        picture = thumbnail(pixels, BOX, ratio)
        assert picture.size() == QSize(round(56 * ratio), round(42 * ratio))
        image = picture.toImage()
        assert image.pixelColor(image.width() - 1, image.height() // 2) == QColor("white")
        if shape[1] >= 40:
            assert image.pixelColor(0, image.height() // 2) == QColor("red")


@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_shown_by_their_look(qtbot: QtBot, shape: tuple[int, int]) -> None:
    values = np.zeros((4, *shape), np.float32)
    values[2] = 0.5
    for channel, grey in ((2, 128), (3, 0), (None, 0)):
        image = value_thumbnail(values, Look("clamped", channel), BOX).toImage()
        assert image.size() == BOX
        for x, y in ((0, 0), (55, 41), (28, 21)):
            assert image.pixelColor(x, y) == QColor(grey, grey, grey)


def test_three_channels_are_a_colour(qtbot: QtBot) -> None:
    values = np.zeros((3, 100, 100), np.float32)
    values[1] = 1.0
    assert value_thumbnail(values, Look("clamped"), BOX).toImage().pixelColor(9, 9) == QColor("#00ff00")


def test_what_is_sampled_is_what_is_there(qtbot: QtBot) -> None:
    values = np.zeros((1, 1080, 1920), np.float32)
    values[:, :, 960:] = 1.0  # the right half white
    image = value_thumbnail(values, Look("clamped"), BOX).toImage()
    assert image.pixelColor(10, 20) == QColor("black")
    assert image.pixelColor(45, 20) == QColor("white")
