"""The action finder: letters to actions, keys to running them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QLineEdit, QListView, QMainWindow
from pytestqt.qtbot import QtBot

from convstudio.ui.action_finder import ActionFinder
from convstudio.ui.fuzzy import score

ACTIONS = (
    ("open", "&Open…", "File", "Ctrl+O", True),
    ("save", "&Save result as…", "File", "Ctrl+S", True),
    ("undo", "Undo stride", "Edit", "Ctrl+Z", True),
    ("redo", "Redo", "Edit", "Ctrl+Shift+Z", False),
    ("flip", "Flip horizontally", "Kernel", "", True),
    ("theme-light", "Light", "View ▸ Theme", "", True),
)


@dataclass
class Desk:
    window: QMainWindow
    finder: ActionFinder
    ran: list[str] = field(default_factory=list)

    @property
    def query(self) -> QLineEdit:
        found = self.finder.findChild(QLineEdit, "finder-query")
        assert found is not None
        return found


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(900, 600)
    ran: list[str] = []
    actions = []
    for name, text, menu, keys, enabled in ACTIONS:
        action = QAction(text, window)
        action.setObjectName(name)
        action.setShortcut(keys)
        action.setEnabled(enabled)
        action.setProperty("menuPath", menu)
        action.triggered.connect(lambda _checked=False, name=name: ran.append(name))
        actions.append(action)
    actions[3].setProperty("whyDisabled", "Nothing was undone.")
    separator = QAction(window)
    separator.setSeparator(True)
    window.show()
    qtbot.waitExposed(window)
    made = Desk(window, ActionFinder([*actions, separator], window), ran)
    yield made
    made.finder.close()
    window.close()


def test_it_opens_on_every_action_near_the_top_of_the_window(desk: Desk) -> None:
    desk.finder.open()
    assert desk.finder.isVisible()
    names = [text.replace("&", "").rstrip("…") for _, text, *_ in ACTIONS]
    assert desk.finder.found() == names
    middle = desk.window.mapToGlobal(desk.window.rect().center())
    assert abs(desk.finder.geometry().center().x() - middle.x()) <= 1
    assert desk.finder.geometry().top() < middle.y()


def test_letters_then_enter_run_the_action(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClicks(desk.query, "flip")
    assert desk.finder.found()[0] == "Flip horizontally"
    qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    assert desk.ran == ["flip"]
    assert not desk.finder.isVisible()


def test_arrows_choose_and_wrap_around(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClick(desk.query, Qt.Key.Key_Down)
    qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    desk.finder.set_recent([])
    desk.finder.open()
    qtbot.keyClick(desk.query, Qt.Key.Key_Up)
    qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    assert desk.ran == ["save", "theme-light"]


def test_a_click_runs_the_action(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    view = desk.finder.findChild(QListView, "finder-list")
    assert view is not None
    place = view.visualRect(view.model().index(2, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert desk.ran == ["undo"]


def test_escape_closes_without_running(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClick(desk.query, Qt.Key.Key_Escape)
    assert not desk.finder.isVisible()
    assert desk.ran == []


def test_what_is_switched_off_is_found_but_does_not_run(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClicks(desk.query, "redo")
    assert desk.finder.found() == ["Redo"]
    view = desk.finder.findChild(QListView, "finder-list")
    assert view is not None
    told = view.model().index(0, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert told == "Nothing was undone."
    qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    assert desk.finder.isVisible()
    assert desk.ran == []


def test_the_last_used_stands_on_top(desk: Desk, qtbot: QtBot) -> None:
    for word in ("light", "undo"):
        desk.finder.open()
        qtbot.keyClicks(desk.query, word)
        qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    desk.finder.open()
    assert desk.finder.found()[:2] == ["Undo stride", "Light"]
    assert desk.finder.recent() == ["undo", "theme-light"]


def test_the_menu_is_searched_too_but_counts_less(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClicks(desk.query, "theme")
    assert desk.finder.found() == ["Light"]


def test_nothing_found_is_said(desk: Desk, qtbot: QtBot) -> None:
    desk.finder.open()
    qtbot.keyClicks(desk.query, "qqq")
    label = desk.finder.findChild(QLabel, "finder-nothing")
    assert label is not None
    assert label.isVisible()
    qtbot.keyClick(desk.query, Qt.Key.Key_Return)
    assert desk.ran == []


def best(query: str, names: list[str]) -> str:
    scores = {name: score(query, name) for name in names}
    return max((name for name in names if scores[name] is not None), key=lambda name: scores[name] or 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fl ver", "Flip vertically"),
        ("hor flip", "Flip horizontally"),
        ("rot", "Rotate by 90°"),
        ("sv res", "Save result as"),
        ("zoom", "Zoom in"),
    ],
)
def test_the_closest_name_wins(query: str, expected: str) -> None:
    names = [
        "Rotate by 90°",
        "Flip horizontally",
        "Flip vertically",
        "Save result as",
        "Zoom in",
        "Zoom to fit",
    ]
    assert best(query, names) == expected


@pytest.mark.parametrize("query", ["xyz", "flip xyz", "yllatnoziroh"])
def test_what_is_not_there_is_not_found(query: str) -> None:
    assert score(query, "Flip horizontally") is None
