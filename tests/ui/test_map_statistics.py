"""The statistics of a map and its histogram."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QToolButton
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.ui.map_statistics import MapStatistics
from tests.ui.map_hands import maps_of


@pytest.fixture
def tool(qtbot: QtBot) -> MapStatistics:
    made = MapStatistics()
    qtbot.addWidget(made)
    made.resize(826, 200)
    made.show()
    return made


def said(tool: MapStatistics, name: str) -> str:
    label = tool.findChild(QLabel, f"statistics-{name}")
    assert label is not None
    return label.text()


def ramp() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    values = np.zeros((2, 4, 25), np.float32)
    values[1].ravel()[:] = np.linspace(-1.0, 3.0, 100)
    return values


def test_the_numbers_are_those_of_the_channel(tool: MapStatistics) -> None:
    tool.show_maps(maps_of(ramp(), channel=1, view="clamped"))
    assert (said(tool, "min"), said(tool, "max"), said(tool, "mean")) == ("−1", "3", "1")
    assert said(tool, "std") == f"{np.linspace(-1, 3, 100).std():.3g}"
    assert said(tool, "zeros") == "0 %"
    outside = int(((ramp()[1] < 0) | (ramp()[1] > 1)).sum())
    assert said(tool, "clipped") == f"{outside} ({outside} %)"
    assert said(tool, "title") == "1 b · Conv · 4×25"


def test_a_channel_of_zeros(tool: MapStatistics) -> None:
    tool.show_maps(maps_of(ramp(), channel=0))
    assert (said(tool, "min"), said(tool, "zeros"), said(tool, "clipped")) == ("0", "100 %", "0 (0 %)")
    assert not tool.grab().isNull()


def test_values_that_are_no_numbers(tool: MapStatistics) -> None:
    values = np.full((1, 3, 3), math.nan, np.float32)
    tool.show_maps(maps_of(values, channel=None))
    assert (said(tool, "min"), said(tool, "nonfinite")) == ("—", "9")
    assert not tool.grab().isNull()


def test_bars_are_in_the_colours_of_the_view(tool: MapStatistics) -> None:
    values = np.linspace(-1.0, 1.0, 1000, dtype=np.float32).reshape(1, 10, 100)
    for view in ("signed", "minmax", "absolute", "clamped"):
        tool.show_maps(maps_of(values, channel=None, view=view))
        colours = tool.histogram.colours()
        pixels = render(values, view).pixels.view(np.uint32).reshape(-1)
        for bar in (0, 40, 90, 127):
            shown = QColor(int(pixels[int((bar + 0.5) / 128 * 1000)]))
            for one, other in zip(colours[bar].getRgb(), shown.getRgb(), strict=True):
                assert abs(one - other) <= 6, (view, bar)


def test_bars_are_as_high_as_their_counts(tool: MapStatistics) -> None:
    values = np.zeros((1, 1, 111), np.float32)
    values[0, 0, 100:110] = 0.5
    values[0, 0, 110] = 1.0
    tool.show_maps(maps_of(values, channel=None))
    plain = tool.histogram.heights()[0]
    assert sorted(plain[plain > 0].tolist()) == pytest.approx([0.01, 0.1, 1.0])
    button = tool.findChild(QToolButton, "histogram-log")
    assert button is not None
    button.click()
    logarithmic = tool.histogram.heights()[0]
    low = math.log(2) / math.log(101)
    assert sorted(logarithmic[logarithmic > 0].tolist())[0] == pytest.approx(low)


def test_the_pointer_reads_a_bar(tool: MapStatistics) -> None:
    values = np.zeros((1, 1, 10), np.float32)
    values[0, 0, 0] = 1.0
    tool.show_maps(maps_of(values, channel=None))
    histogram = tool.histogram
    assert "9 values" in histogram.words_at(46.0)
    assert "1 values" in histogram.words_at(histogram.width() - 14.0)
    assert histogram.words_at(2.0) == ""


def test_three_channels_have_three_counts(tool: MapStatistics) -> None:
    values = np.random.default_rng(0).random((3, 20, 20), dtype=np.float32)
    tool.show_maps(maps_of(values, channel=None, view="clamped"))
    assert tool.histogram.heights().shape[0] == 3
    words = tool.histogram.words_at(100.0)
    assert all(name in words for name in ("red", "green", "blue"))
    assert said(tool, "title").startswith("all · ")
    assert not tool.grab().isNull()


def test_without_a_result_it_says_why(tool: MapStatistics) -> None:
    tool.show_maps(maps_of(ramp()))
    tool.show_nothing("There is no result.")
    assert said(tool, "title") == "There is no result."
    assert said(tool, "min") == ""
    assert not tool.grab().isNull()
