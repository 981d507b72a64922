"""The tools under the views: turning from one to another, folding them away, remembering."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QByteArray, QPoint, Qt
from PySide6.QtWidgets import QLabel, QTabBar, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.ui.tool_tabs import BAR_HEIGHT, BODY_HEIGHT, HIGHEST, LOWEST, ToolTabs


@pytest.fixture
def tabs(qtbot: QtBot) -> Iterator[ToolTabs]:
    """Three tools, on screen under something that takes the rest."""
    window = QWidget()
    column = QVBoxLayout(window)
    column.setContentsMargins(0, 0, 0, 0)
    made = ToolTabs(window)
    for tool in ("field", "cost", "shift"):
        made.add_tool(tool, tool.title(), QLabel(tool))
    column.addWidget(QLabel("views"), 1)
    column.addWidget(made)
    window.resize(800, 500)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield made
    window.close()  # which also keeps it alive until here


def bar_of(tabs: ToolTabs) -> QTabBar:
    bar = tabs.findChild(QTabBar, "tool-bar")
    assert isinstance(bar, QTabBar)
    return bar


def press(qtbot: QtBot, tabs: ToolTabs, index: int) -> None:
    bar = bar_of(tabs)
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())


def heard(tabs: ToolTabs) -> list[str]:
    said: list[str] = []
    tabs.shown.connect(said.append)
    return said


def tool(tabs: ToolTabs, name: str) -> QLabel:
    return next(label for label in tabs.findChildren(QLabel) if label.text() == name)


def test_the_first_tool_is_shown_and_the_others_are_hidden(tabs: ToolTabs) -> None:
    assert tabs.shown_tool == "field"
    assert tabs.tools == ("field", "cost", "shift")
    assert tool(tabs, "field").isVisible()
    assert not tool(tabs, "cost").isVisible()


def test_a_tab_shows_its_tool(tabs: ToolTabs, qtbot: QtBot) -> None:
    said = heard(tabs)
    press(qtbot, tabs, 2)
    assert said == ["shift"]
    assert tool(tabs, "shift").isVisible()
    assert not tool(tabs, "field").isVisible()


def test_the_current_tab_folds_the_tools_away_and_brings_them_back(tabs: ToolTabs, qtbot: QtBot) -> None:
    said = heard(tabs)
    open_height = tabs.height()
    assert open_height - BODY_HEIGHT < BAR_HEIGHT + 10
    press(qtbot, tabs, 0)
    qtbot.waitUntil(lambda: tabs.height() == open_height - BODY_HEIGHT)
    assert tabs.folded
    assert tabs.current == "field"
    assert tabs.shown_tool == ""
    assert not tool(tabs, "field").isVisible()
    press(qtbot, tabs, 0)
    qtbot.waitUntil(lambda: tabs.height() == open_height)
    assert tool(tabs, "field").isVisible()
    assert said == ["", "field"]


def test_another_tab_unfolds(tabs: ToolTabs, qtbot: QtBot) -> None:
    tabs.set_folded(True)
    said = heard(tabs)
    press(qtbot, tabs, 1)
    assert said == ["cost"]
    assert tool(tabs, "cost").isVisible()


def test_other_buttons_do_not_fold(tabs: ToolTabs, qtbot: QtBot) -> None:
    bar = bar_of(tabs)
    qtbot.mouseClick(bar, Qt.MouseButton.RightButton, pos=bar.tabRect(0).center())
    assert not tabs.folded


def test_by_keyboard(tabs: ToolTabs, qtbot: QtBot) -> None:
    bar = bar_of(tabs)
    bar.setFocus()
    qtbot.keyClick(bar, Qt.Key.Key_Right)
    assert tabs.shown_tool == "cost"
    qtbot.keyClick(bar, Qt.Key.Key_Space)
    assert tabs.folded
    qtbot.keyClick(bar, Qt.Key.Key_Return)
    assert tabs.shown_tool == "cost"


def test_the_chevron_folds_and_says_so(tabs: ToolTabs, qtbot: QtBot) -> None:
    fold = tabs.findChild(QToolButton, "tool-fold")
    assert isinstance(fold, QToolButton)
    assert fold.accessibleName() == "Fold the tools away"
    qtbot.mouseClick(fold, Qt.MouseButton.LeftButton)
    assert tabs.folded
    assert fold.accessibleName() == "Bring the tools back"


def test_a_tool_asked_for_by_name_is_shown_once(tabs: ToolTabs) -> None:
    said = heard(tabs)
    tabs.show_tool("shift")
    tabs.show_tool("shift")
    assert said == ["shift"]
    tabs.set_folded(True)
    tabs.show_tool("shift")
    assert said == ["shift", "", "shift"]
    with pytest.raises(ValueError, match="nothing"):
        tabs.show_tool("nothing")
    with pytest.raises(ValueError, match="shift"):
        tabs.add_tool("shift", "Again", QLabel())


def test_the_grip_makes_the_tools_higher_within_bounds(tabs: ToolTabs, qtbot: QtBot) -> None:
    grip = tabs.childAt(QPoint(400, 1))
    assert grip is not None
    qtbot.mousePress(grip, Qt.MouseButton.LeftButton, pos=QPoint(400, 1))
    qtbot.mouseMove(grip, QPoint(400, -59))
    qtbot.mouseRelease(grip, Qt.MouseButton.LeftButton, pos=QPoint(400, 1))
    assert tabs.body_height == BODY_HEIGHT + 60
    tabs.set_body_height(5000)
    assert tabs.body_height == HIGHEST
    tabs.set_body_height(1)
    assert tabs.body_height == LOWEST


def test_a_state_comes_back(tabs: ToolTabs, qtbot: QtBot) -> None:
    tabs.show_tool("cost")
    tabs.set_body_height(222)
    tabs.set_folded(True)
    state = tabs.save_state()
    tabs.show_tool("field")
    tabs.set_body_height(150)
    tabs.restore_state(state)
    assert (tabs.current, tabs.folded, tabs.body_height) == ("cost", True, 222)
    tabs.set_folded(False)
    assert tool(tabs, "cost").isVisible()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "\xff", json.dumps({"tool": []}), '{"height": "x", "folded": 3, "tool": "gone"}'],
)
def test_a_damaged_state_changes_nothing(tabs: ToolTabs, text: str) -> None:
    before = (tabs.current, tabs.folded, tabs.body_height)
    tabs.restore_state(QByteArray(text.encode("latin-1")))
    tabs.restore_state(None)
    assert (tabs.current, tabs.folded, tabs.body_height) == before


def test_a_wide_tool_does_not_widen_the_window(tabs: ToolTabs) -> None:
    wide = QLabel("wide")
    wide.setMinimumWidth(5000)
    tabs.add_tool("wide", "Wide", wide)
    assert tabs.minimumSizeHint().width() < 800


# --- tall tools ---


@pytest.fixture
def column(qtbot: QtBot) -> Iterator[ToolTabs]:
    """A low and a tall tool; the views over them give way as the window's middle column has them do."""
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    views, made = QLabel("views"), ToolTabs(window)
    made.add_tool("cost", "Cost", QLabel("cost"))
    made.add_tool("lab", "Lab", QLabel("lab"), tall=True)
    made.tall_changed.connect(views.setHidden)
    layout.addWidget(views, 1)
    layout.addWidget(made)
    window.resize(800, 500)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield made
    window.close()


def test_a_tall_tool_has_the_column_until_another_one_is_shown(column: ToolTabs, qtbot: QtBot) -> None:
    said: list[bool] = []
    column.tall_changed.connect(said.append)
    low = column.height()
    press(qtbot, column, 1)
    qtbot.waitUntil(lambda: column.height() == 500)
    assert column.tall
    press(qtbot, column, 0)
    qtbot.waitUntil(lambda: column.height() == low)
    assert not column.tall
    assert said == [True, False]


def test_the_chevron_brings_the_pictures_back(column: ToolTabs, qtbot: QtBot) -> None:
    column.show_tool("lab")
    qtbot.waitUntil(lambda: column.height() == 500)
    fold = column.findChild(QToolButton, "tool-fold")
    assert isinstance(fold, QToolButton)
    assert fold.accessibleName() == "Bring the pictures back"
    qtbot.mouseClick(fold, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: column.height() < 60)
    assert (column.shown_tool, column.tall, column.current) == ("", False, "lab")
    press(qtbot, column, 1)
    qtbot.waitUntil(lambda: column.height() == 500)
    assert column.tall


def test_a_tall_tool_has_no_grip_and_keeps_the_others_height(column: ToolTabs, qtbot: QtBot) -> None:
    column.set_body_height(222)
    column.show_tool("lab")
    qtbot.waitUntil(lambda: column.height() == 500)
    grip = column.childAt(QPoint(400, 1))
    assert grip is not None
    qtbot.mousePress(grip, Qt.MouseButton.LeftButton, pos=QPoint(400, 1))
    qtbot.mouseMove(grip, QPoint(400, 80))
    assert column.body_height == 222
    column.show_tool("cost")
    qtbot.waitUntil(lambda: column.height() < 300)
    assert tool(column, "cost").height() == 222


def test_a_window_opens_on_its_pictures(column: ToolTabs) -> None:
    column.show_tool("lab")
    state = column.save_state()
    column.show_tool("cost")
    column.restore_state(state)
    assert (column.current, column.folded, column.tall) == ("lab", True, False)
