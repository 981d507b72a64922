"""The icons: every drawing renders in the colour that is asked for, sharp at twice the scale."""

from __future__ import annotations

import gc
import xml.etree.ElementTree as ET

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap

from convstudio.io.resources import resource_path
from convstudio.ui.icons import app_icon, icon

NAMES = sorted(path.stem for path in resource_path("icons").glob("*.svg") if path.stem != "convstudio")
NEEDED = [
    "open", "save", "copy", "paste", "samples", "undo", "redo", "find", "fit", "actual-size", "zoom-in",
    "zoom-out", "link", "unlink", "flip-horizontal", "flip-vertical", "rotate", "transpose", "negate",
    "normalize", "centre", "reset", "theme", "cancel", "check", "warning", "info", "error", "close",
    "chevron-down", "play", "pause", "step", "dice", "kernel", "grid", "compare", "photo", "help",
]  # fmt: skip


def ink(image: QImage) -> float:
    return sum(image.pixelColor(x, y).alphaF() for x in range(image.width()) for y in range(image.height()))


def test_every_icon_that_the_program_needs_is_drawn() -> None:
    assert set(NEEDED) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_icon_is_drawn_in_the_colour_asked_for_and_inside_its_frame(qapp: object, name: str) -> None:
    image = icon(name, "#3366cc").pixmap(QSize(20, 20)).toImage()
    assert image.size() == QSize(20, 20)
    assert ink(image) > 12
    for x in range(20):
        for y in range(20):
            colour = image.pixelColor(x, y)
            if colour.alpha() > 200:
                wanted = QColor("#3366cc")
                off = max(
                    abs(colour.red() - wanted.red()),
                    abs(colour.green() - wanted.green()),
                    abs(colour.blue() - wanted.blue()),
                )
                assert off <= 3
            if min(x, y) == 0 or max(x, y) == 19:
                assert colour.alpha() < 128, "the drawing runs into the edge of its frame"


@pytest.mark.parametrize("name", NAMES)
def test_drawings_share_one_style(name: str) -> None:
    root = ET.parse(resource_path("icons", f"{name}.svg")).getroot()
    assert root.get("viewBox") == "0 0 20 20"
    assert root.get("stroke") == "currentColor"
    assert root.get("stroke-width") == "1.5"


def test_twice_the_scale_is_drawn_and_not_enlarged(qapp: object) -> None:
    once = icon("kernel", "#000000")
    large = once.pixmap(QSize(20, 20), 2.0)
    assert large.size() == QSize(40, 40)
    assert large.devicePixelRatio() == 2.0
    blown_up = once.pixmap(QSize(20, 20), 1.0).toImage().scaled(40, 40)
    assert large.toImage().convertToFormat(blown_up.format()) != blown_up


def test_a_disabled_icon_is_fainter(qapp: object) -> None:
    both = icon("save", "#000000")
    normal = ink(both.pixmap(QSize(20, 20), QIcon.Mode.Normal).toImage())
    disabled = ink(both.pixmap(QSize(20, 20), QIcon.Mode.Disabled).toImage())
    assert 0.25 * normal < disabled < 0.45 * normal


def test_an_icon_may_be_copied_and_changed(qapp: object) -> None:
    copy = QIcon(icon("undo", "#ff0000"))
    gc.collect()
    copy.addPixmap(QPixmap(8, 8))
    assert copy.pixmap(QSize(20, 20)).size() == QSize(20, 20)


def test_an_unknown_name_says_what_is_missing(qapp: object) -> None:
    with pytest.raises(FileNotFoundError, match=r"icons/no-such-icon\.svg"):
        icon("no-such-icon", "#000000")


def test_the_program_icon_shows_teal_and_amber_even_when_tiny(qapp: object) -> None:
    image = app_icon().pixmap(QSize(16, 16)).toImage()
    left, right = image.pixelColor(3, 8), image.pixelColor(12, 8)
    assert left.green() > left.red() + 40
    assert right.red() > right.blue() + 60


def test_the_rendered_program_icon_is_the_drawn_one(qapp: object) -> None:
    kept = QImage(str(resource_path("icons", "convstudio.png")))
    drawn = app_icon().pixmap(QSize(256, 256)).toImage().convertToFormat(kept.format())
    assert kept.size() == QSize(256, 256)
    for x in range(4, 256, 12):
        for y in range(4, 256, 12):
            one, two = kept.pixelColor(x, y), drawn.pixelColor(x, y)
            assert abs(one.red() - two.red()) + abs(one.blue() - two.blue()) < 24
