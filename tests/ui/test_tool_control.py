"""The tools under the pictures: made when they are first shown, with what there was to see before."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import LAYER, random_picture, settle

MADE = {"histogram": "histogram", "sum": "sums", "cost": "cost", "shift": "shift"}


def made(window: MainWindow, tool: str) -> QWidget | None:
    found = getattr(window.tools, MADE[tool])
    assert found is None or isinstance(found, QWidget)
    return found


def show(qtbot: QtBot, window: MainWindow, tool: str) -> QWidget:
    window.centre.tools.show_tool(tool)
    widget = made(window, tool)
    assert widget is not None
    assert widget.isVisible()
    qtbot.waitUntil(lambda: not window.busy, timeout=20_000)
    QApplication.processEvents()
    return widget


def said(widget: QWidget) -> str:
    return " ".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())


def test_no_tool_is_made_before_it_is_shown(window: MainWindow, qtbot: QtBot) -> None:
    assert [tool for tool in MADE if made(window, tool)] == []
    first = show(qtbot, window, "cost")
    assert [tool for tool in MADE if made(window, tool)] == ["cost"]
    window.centre.tools.show_tool("receptive")
    assert show(qtbot, window, "cost") is first


def test_a_tool_shows_what_was_computed_before_it_was_made(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_param(LAYER, "channels", "all")
    settle(qtbot, window)
    assert "Sobel" in said(show(qtbot, window, "histogram"))
    assert "over 3 input channels" in said(show(qtbot, window, "sum"))
    assert "mult-adds" in said(show(qtbot, window, "cost"))
    assert "Change of the output of Sobel x" in said(show(qtbot, window, "shift"))


@pytest.mark.parametrize("tool", ["histogram", "sum"])
def test_a_tool_that_is_made_after_a_failure_says_it(window: MainWindow, qtbot: QtBot, tool: str) -> None:
    window.session.set_picture(random_picture(3, 24, 32))
    window.session.set_param(LAYER, "padding", "valid")
    window.session.set_param(LAYER, "dilation", (64, 64))
    settle(qtbot, window)
    failure = window.session.failure
    assert failure is not None
    assert failure.message in said(show(qtbot, window, tool))


def test_a_tool_follows_the_project_once_it_is_made(window: MainWindow, qtbot: QtBot) -> None:
    cost = show(qtbot, window, "cost")
    before = said(cost)
    window.session.set_param(LAYER, "stride", (2, 2))
    settle(qtbot, window)
    qtbot.waitUntil(lambda: said(cost) != before)
    window.session.select("photo")
    shift = show(qtbot, window, "shift")
    assert "the photo" in said(shift)
