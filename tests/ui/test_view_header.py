"""The line over a view: choices, legend, counts, and what is left out when it is narrow."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from convstudio.engine.display import VIEWS, render
from convstudio.ui.legend_bar import LegendBar, legend_number
from convstudio.ui.theme import apply_theme
from convstudio.ui.view_header import ViewHeader
from convstudio.ui.viewport import Viewport


@pytest.fixture
def header(qtbot: QtBot, qapp: QApplication) -> ViewHeader:
    apply_theme(qapp, "dark")
    viewport = Viewport()
    made = ViewHeader(viewport)
    viewport.setParent(made)
    viewport.set_view_size("view", 420, 420)
    viewport.set_content(QRectF(-0.5, -0.5, 800, 600))
    qtbot.addWidget(made)
    made.resize(620, made.height())
    made.show()
    return made


def label(header: ViewHeader, name: str) -> QLabel:
    found = header.findChild(QLabel, name)
    assert found is not None
    return found


def button(header: ViewHeader, name: str) -> QToolButton:
    found = header.findChild(QToolButton, name)
    assert found is not None
    return found


def legend(header: ViewHeader) -> LegendBar:
    found = header.findChild(LegendBar, "legend")
    assert found is not None
    return found


def entry(header: ViewHeader, name: str, text: str) -> QAction:
    menu = button(header, name).menu()
    return next(action for action in menu.actions() if action.text() == text)


def noise(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((channels, 20, 30)).astype(np.float32)


def test_an_input_has_title_detail_and_zoom_only(header: ViewHeader) -> None:
    header.show_title("Input", "after padding 602×802")
    assert label(header, "view-title").text() == "Input"
    assert label(header, "view-detail").text() == "after padding 602×802"
    assert button(header, "zoom-button").text() == "fit · 50% ▾"
    for hidden in ("view-button", "channel-button"):
        assert not button(header, hidden).isVisible()
    assert not legend(header).isVisible()


def test_the_zoom_follows_the_viewport_and_sets_it(header: ViewHeader) -> None:
    viewport = header.findChild(Viewport)
    assert viewport is not None
    entry(header, "zoom-button", "400%").trigger()
    assert viewport.zoom == 4.0
    assert button(header, "zoom-button").text() == "400% ▾"
    entry(header, "zoom-button", "fit").trigger()
    assert viewport.fitting


@pytest.mark.parametrize("kind", VIEWS, ids=lambda kind: kind.id)
def test_a_view_is_chosen_by_the_user_and_shown_without_a_word(
    qtbot: QtBot, header: ViewHeader, kind: object
) -> None:
    chosen = next(each for each in VIEWS if each is kind)
    with qtbot.assertNotEmitted(header.view_chosen), qtbot.assertNotEmitted(header.channel_chosen):
        header.show_rendered(render(noise(), chosen.id), channels=3)
    assert button(header, "view-button").text() == f"{chosen.title} ▾"
    assert entry(header, "view-button", chosen.title).isChecked()
    with qtbot.waitSignal(header.view_chosen) as told:
        entry(header, "view-button", chosen.title).trigger()
    assert told.args == [chosen.id]


@pytest.mark.parametrize(("text", "value"), [("all channels", None), ("red", 0), ("blue", 2)])
def test_a_channel_is_chosen(qtbot: QtBot, header: ViewHeader, text: str, value: int | None) -> None:
    header.show_rendered(render(noise(), "signed", channel=1), channels=3, channel=1)
    assert button(header, "channel-button").text() == "green ▾"
    with qtbot.waitSignal(header.channel_chosen) as told:
        entry(header, "channel-button", text).trigger()
    assert told.args == [value]


def test_one_channel_leaves_no_choice(header: ViewHeader) -> None:
    header.show_rendered(render(noise(1), "signed"), channels=1)
    assert not button(header, "channel-button").isVisible()
    assert button(header, "view-button").isVisible()


def test_many_channels_are_chosen_by_number(qtbot: QtBot, header: ViewHeader) -> None:
    header.show_rendered(render(noise(40), "signed", channel=7), channels=40, channel=7)
    actions = button(header, "channel-button").menu().actions()
    assert [each.text() for each in actions] == [f"channel {n}" for n in range(40)]
    assert [each.data() for each in actions if each.isChecked()] == [7]
    assert button(header, "channel-button").text() == "channel 7 ▾"
    with qtbot.waitSignal(header.channel_chosen) as told:
        actions[39].trigger()
    assert told.args == [39]


def test_channels_have_the_names_of_their_filters(header: ViewHeader) -> None:
    names = ("Sobel x", "salt & pepper", "a very long name that somebody gave to a filter")
    header.show_title("Convolution", "20×30")
    header.resize(620, header.height())
    header.show_rendered(render(noise(), "signed", channel=1), channels=3, channel=1, names=names)
    actions = button(header, "channel-button").menu().actions()
    assert [each.text() for each in actions] == [
        "all channels",
        "0 Sobel x",
        "1 salt && pepper",
        f"2 {names[2]}",
    ]
    assert button(header, "channel-button").text() == "1 salt && pepper ▾"
    header.show_rendered(render(noise(), "signed", channel=2), channels=3, channel=2, names=names)
    assert button(header, "channel-button").text() == "2 a very long nam… ▾"
    assert button(header, "channel-button").isVisible()
    assert legend(header).isVisible()
    header.show_rendered(render(noise(), "signed"), channels=3)
    assert [each.text() for each in button(header, "channel-button").menu().actions()][1:] == [
        "red",
        "green",
        "blue",
    ]


def test_the_menu_of_channels_is_filled_anew_only_when_they_change(header: ViewHeader) -> None:
    names = tuple(f"filter {n}" for n in range(300))
    menu = button(header, "channel-button").menu()
    header.show_rendered(render(noise(5), "signed", channel=0), channels=300, channel=0, names=names)
    before = menu.actions()
    header.show_rendered(render(noise(5), "absolute", channel=4), channels=300, channel=4, names=names)
    assert menu.actions() == before
    assert [each.data() for each in before if each.isChecked()] == [4]
    header.show_rendered(render(noise(5), "signed", channel=0), channels=2, channel=0)
    assert len(menu.actions()) == 2


def test_the_legend_has_the_ends_of_the_scale(header: ViewHeader) -> None:
    values = np.array([[[-0.35182, 0.1]]], np.float32)
    header.show_rendered(render(values, "signed"))
    assert (legend(header).low, legend(header).high) == ("−0.352", "+0.352")
    header.show_rendered(render(values, "absolute"))
    assert (legend(header).low, legend(header).high) == ("0", "0.352")
    header.show_rendered(render(values * 0 + 0.5, "minmax"))
    assert (legend(header).low, legend(header).high) == ("all 0.5", "")


def test_the_legend_is_drawn_in_the_colours_of_the_picture(header: ViewHeader) -> None:
    header.show_rendered(render(noise(1), "signed"))
    image = legend(header).grab().toImage()
    row = [image.pixelColor(x, image.height() // 2) for x in range(image.width())]
    blue = next(x for x, c in enumerate(row) if c.blue() > c.red() + 60)
    red = next(x for x, c in enumerate(row) if c.red() > c.blue() + 60)
    white = [x for x, c in enumerate(row) if min(c.red(), c.green(), c.blue()) > 240]
    assert blue < red
    assert any(blue < x < red for x in white)


def test_what_is_clipped_or_not_finite_is_said_and_otherwise_nothing(header: ViewHeader) -> None:
    values = np.full((1, 10, 100), 0.5, np.float32)
    header.show_rendered(render(values, "clamped"))
    assert not label(header, "clip-note").isVisible()
    assert not label(header, "nonfinite-note").isVisible()
    values[0, 0, :12] = 1.5
    values[0, 1, 0] = math.nan
    header.show_rendered(render(values, "clamped"))
    assert label(header, "clip-note").text() == "1.2 % clipped"
    assert "12 of 1,000 values" in label(header, "clip-note").toolTip()
    assert label(header, "nonfinite-note").text() == "1 not finite"
    values[0, 0, 1:12] = 0.5
    big = np.tile(values, (1, 10, 1))[:, 1:]
    big[0, 50, 0] = 1.5
    header.show_rendered(render(big, "clamped"))
    assert label(header, "clip-note").text().startswith(("0.", "<0.1 %"))


@pytest.mark.parametrize("width", [900, 620, 450, 380])
@pytest.mark.parametrize("view", ["signed", "clamped"])
def test_nothing_overlaps_or_is_cut_in_a_narrow_header(header: ViewHeader, width: int, view: str) -> None:
    values = noise()
    values[0, 0, 0] = math.nan
    header.show_title("Laplacian of Gaussian, a long title", "720×960")
    header.show_rendered(render(values, view), channels=3)
    header.resize(width, header.height())
    shown = [part for part in header.findChildren(QWidget) if part.isVisible() and part.parent() is header]
    assert {"view-button", "channel-button", "legend"} <= {part.objectName() for part in shown}
    spans = sorted((part.x(), part.x() + part.width()) for part in shown)
    assert spans[0][0] >= 0
    assert spans[-1][1] <= width
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start
    for part in shown:
        if isinstance(part, QLabel | QToolButton):
            assert part.width() >= part.fontMetrics().horizontalAdvance(part.text())
        assert part.width() >= part.minimumSizeHint().width() or isinstance(part, QToolButton | QLabel)


@pytest.mark.parametrize("width", [300, 237, 200, 160])
@pytest.mark.parametrize("view", ["signed", "clamped"])
def test_a_very_narrow_header_leaves_out_what_would_overlap(
    header: ViewHeader, width: int, view: str
) -> None:
    header.show_title("Sobel x", "720×960")
    header.show_rendered(render(noise() * 1000, view), channels=3)
    header.resize(width, header.height())
    shown = [part for part in header.findChildren(QWidget) if part.isVisible() and part.parent() is header]
    names = {part.objectName() for part in shown}
    assert {"view-button", "channel-button"} <= names, "what can be done outlasts what can be read"
    spans = sorted((part.x(), part.x() + part.width()) for part in shown if part.width())
    assert spans[0][0] >= 0
    assert spans[-1][1] <= width
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start
    header.resize(900, header.height())
    assert button(header, "channel-button").isVisible()
    assert label(header, "clip-note").isVisible()


def test_a_wide_header_shows_it_all_and_a_narrow_one_shortens_the_title(header: ViewHeader) -> None:
    header.show_title("Laplacian of Gaussian", "720×960")
    header.show_rendered(render(noise(), "signed"), channels=3)
    header.resize(900, header.height())
    assert label(header, "view-title").text() == "Laplacian of Gaussian"
    assert label(header, "view-detail").isVisible()
    assert button(header, "zoom-button").isVisible()
    header.resize(380, header.height())
    assert label(header, "view-title").text().endswith("…")
    assert "Laplacian of Gaussian" in label(header, "view-title").toolTip()
    assert not button(header, "zoom-button").isVisible()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.35182, "0.352"),
        (-12345.0, "−1.23e4"),
        (1.0, "1"),
        (255.0, "255"),
        (2e-5, "2.00e−5"),
        (0.0, "0"),
        (-0.0, "0"),
    ],
)
def test_legend_numbers(value: float, text: str) -> None:
    assert legend_number(value) == text
