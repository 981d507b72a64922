"""What is drawn for a deep cell: the box, the dimmed rest, a line that shows on every colour."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from convstudio.ui.receptive_overlay import paint_receptive, paint_window
from convstudio.ui.theme import DARK, LIGHT, Theme

SCALE = 10
PICTURE = QRect(0, 0, 20, 15)
COLOURS = ("#000000", "#ffffff", "#808080", "#ffd75e", "#ff0000", "#0000ff", "#00ff00", "#7f6a30")


def to_widget(cells: QRect) -> QRectF:
    """The picture's first cell is at (20, 30)."""
    x, y = 20 + cells.x() * SCALE, 30 + cells.y() * SCALE
    return QRectF(x, y, cells.width() * SCALE, cells.height() * SCALE)


def canvas(colour: str) -> QImage:
    image = QImage(260, 220, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    return image


def luminance(colour: QColor) -> float:
    """Of the web content guidelines."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a: QColor, b: QColor) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda t: t.name)
def test_the_box_keeps_its_colours_and_the_rest_is_dimmed(theme: Theme) -> None:
    image = canvas("#c0a080")
    painter = QPainter(image)
    paint_receptive(painter, to_widget, QRect(5, 4, 3, 2), PICTURE, theme)
    painter.end()
    plain = QColor("#c0a080")
    for x, y in ((70, 70), (99, 89), (85, 80)):  # the corners and the middle of the box's cells
        assert image.pixelColor(x, y) == plain
    for x, y in ((20, 30), (219, 179), (50, 80), (120, 80), (85, 60), (85, 100)):
        assert image.pixelColor(x, y).lightness() < plain.lightness() * 0.6
    for x, y in ((10, 80), (230, 80), (85, 10), (85, 200)):  # beside the picture
        assert image.pixelColor(x, y) == plain


def test_what_is_seen_beyond_the_edge_is_framed_and_not_dimmed_beside_the_picture() -> None:
    image = canvas("#c0a080")
    painter = QPainter(image)
    frame = paint_receptive(painter, to_widget, QRect(-2, -1, 4, 3), PICTURE, DARK)
    painter.end()
    assert frame.left() < 0 + 1
    assert frame.top() < 20
    plain = QColor("#c0a080")
    assert image.pixelColor(10, 25) == plain
    assert image.pixelColor(30, 40) == plain
    assert image.pixelColor(60, 40) != plain


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("width", [1, 40])
def test_the_line_shows_on_every_colour(colour: str, width: int) -> None:
    """Nowhere around the box is the line without a part that differs from the picture under it."""
    image = canvas(colour)
    painter = QPainter(image)
    frame = paint_window(painter, lambda r: QRectF(100, 100, width, width), QRect(0, 0, 1, 1))
    painter.end()
    behind = QColor(colour)
    for y in range(round(frame.top()) + 2, round(frame.bottom()) - 1):
        across = [image.pixelColor(x, y) for x in range(round(frame.left()) - 3, round(frame.left()) + 4)]
        assert max(contrast(behind, pixel) for pixel in across) >= 3.0


def test_a_small_box_gets_a_frame_that_can_be_seen() -> None:
    image = canvas("#404040")
    painter = QPainter(image)
    frame = paint_window(painter, lambda r: QRectF(100, 100, 0.5, 0.5), QRect(0, 0, 1, 1))
    painter.end()
    assert frame.width() >= 9
    assert frame.center().x() == pytest.approx(100.25)


def test_the_line_covers_no_cell_of_the_box() -> None:
    image = canvas("#ffffff")
    painter = QPainter(image)
    paint_window(painter, to_widget, QRect(3, 3, 4, 4), 2.0)
    painter.end()
    box = to_widget(QRect(3, 3, 4, 4)).toRect()
    inside = {
        image.pixel(x, y) for x in range(box.left(), box.right() + 1) for y in (box.top(), box.bottom())
    }
    assert inside == {QColor("#ffffff").rgb()}


def test_the_painter_is_left_as_it_was() -> None:
    image = canvas("#ffffff")
    painter = QPainter(image)
    before = (painter.pen(), painter.brush(), painter.renderHints())
    paint_receptive(painter, to_widget, QRect(3, 3, 4, 4), PICTURE, DARK)
    assert (painter.pen(), painter.brush(), painter.renderHints()) == before
    painter.end()
