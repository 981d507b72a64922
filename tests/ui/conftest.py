"""The whole window, for the tests that work through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import open_window


@pytest.fixture
def undressed(qapp: QApplication) -> Iterator[None]:
    """Give the application back without the theme that a window put on it."""
    palette, sheet = qapp.palette(), qapp.styleSheet()
    yield
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)


@pytest.fixture
def window(undressed: None, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """The window on its first picture, computed and proven."""
    made = open_window(qtbot, tmp_path / "settings.ini")
    yield made
    made.close()
