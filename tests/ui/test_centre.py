"""The middle column: the maps take room as a grid and give it back as a strip; a project's view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import open_window, settle


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    window = open_window(qtbot, tmp_path / "settings.ini")
    yield window
    window.close()


def test_the_strip_gives_back_what_the_grid_took(window: MainWindow, qtbot: QtBot) -> None:
    centre = window.centre
    before = centre.views.height()
    centre.maps.set_grid(True)
    settle(qtbot, window)
    assert centre.views.height() < before - 50
    centre.maps.set_grid(False)
    settle(qtbot, window)
    assert abs(centre.views.height() - before) <= 2


def test_a_view_comes_back_as_far_as_it_is_known(window: MainWindow) -> None:
    centre = window.centre
    centre.maps.set_grid(True)
    centre.maps.choose_scale("shared")
    centre.maps.choose_sort("energy")
    centre.tools.show_tool("cost")
    state = centre.view_state()
    centre.maps.set_grid(False)
    centre.maps.choose_scale("individual")
    centre.tools.set_folded(True)
    centre.show_view_state(state)
    assert centre.view_state() == state
    centre.show_view_state({"grid": "yes", "tool": "none such", "sort": 3, "scale": None})
    assert centre.view_state() == state


def test_the_layout_is_remembered_and_nonsense_is_not(window: MainWindow) -> None:
    centre = window.centre
    centre.maps.set_grid(True)
    saved = centre.save_state()
    centre.maps.set_grid(False)
    centre.restore_state(saved)
    assert centre.maps.is_grid
    for nonsense in (b"", b"{", b"[]", b'{"grid": 1, "sizes": "x", "tools": 3}'):
        centre.restore_state(type(saved)(nonsense))


def test_a_tall_tool_takes_the_place_of_pictures_and_maps(window: MainWindow, qtbot: QtBot) -> None:
    centre = window.centre
    lab = QLabel("lab")
    centre.tools.add_tool("lab-of-the-test", "Lab", lab, tall=True)
    low, high = centre.tools.height(), centre.height()
    centre.tools.show_tool("lab-of-the-test")
    qtbot.waitUntil(lambda: centre.tools.height() == high)
    assert not centre.views.isVisible()
    assert not centre.maps.isVisible()
    assert lab.isVisible()
    centre.tools.show_tool("cost")
    qtbot.waitUntil(lambda: centre.tools.height() < high)
    assert centre.views.isVisible()
    assert centre.maps.isVisible()
    assert centre.tools.height() in (low, low + centre.tools.body_height)


def test_a_progress_that_comes_makes_no_window_wider(window: MainWindow) -> None:
    least = window.minimumSizeHint().width()
    window.centre.progress.start("Opening a photo with a very long name that somebody gave it.jpg…" * 3)
    window.centre.layout().activate()
    assert window.centre.minimumSizeHint().width() <= window.centre.width()
    assert window.minimumSizeHint().width() == least
    window.centre.progress.finish()
