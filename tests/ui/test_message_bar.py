"""The message bar and the progress strip: what is shown, for how long, and what the buttons do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QLineEdit, QProgressBar, QPushButton, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.ui.message_bar import INFO_MILLISECONDS, MOST_WAITING, MessageBar
from convstudio.ui.progress_strip import ProgressStrip


@pytest.fixture
def bar(qtbot: QtBot) -> Iterator[MessageBar]:
    host = QWidget()
    qtbot.addWidget(host)
    column = QVBoxLayout(host)
    made = MessageBar(host)
    column.addWidget(made)
    column.addWidget(QLineEdit(host))
    host.resize(400, 120)
    host.show()
    qtbot.waitExposed(host)
    host.activateWindow()
    yield made
    host.close()


def timer_of(bar: MessageBar) -> QTimer:
    timer = bar.findChild(QTimer)
    assert timer is not None
    return timer


def close_button(bar: MessageBar) -> QToolButton:
    button = bar.findChild(QToolButton, "message-close")
    assert button is not None
    return button


def test_it_is_hidden_until_there_is_something_to_say(bar: MessageBar) -> None:
    assert not bar.isVisible()
    bar.show_message("Saved cat.png.")
    assert bar.isVisible()
    label = bar.findChild(QLabel, "message-text")
    assert label is not None
    assert label.text() == "Saved cat.png."
    assert bar.accessibleName() == "Message: Saved cat.png."


def test_an_info_goes_by_itself(bar: MessageBar) -> None:
    bar.show_message("Saved cat.png.")
    timer = timer_of(bar)
    assert timer.isActive()
    assert timer.isSingleShot()
    assert timer.interval() == INFO_MILLISECONDS
    timer.timeout.emit()
    assert not bar.isVisible()
    assert bar.text() == ""


@pytest.mark.parametrize("level", ["warning", "error"])
def test_what_needs_attention_stays(bar: MessageBar, level: str) -> None:
    bar.show_message("Saved.", "info")
    bar.show_message("The file is damaged.", level)
    assert bar.text() == "The file is damaged."
    assert not timer_of(bar).isActive()


def test_closing_stops_the_clock(bar: MessageBar, qtbot: QtBot) -> None:
    bar.show_message("Saved.")
    qtbot.mouseClick(close_button(bar), Qt.MouseButton.LeftButton)
    assert not bar.isVisible()
    assert not timer_of(bar).isActive()


@pytest.mark.parametrize("level", ["info", "warning"])
def test_the_newest_is_shown_and_the_error_it_covers_comes_back(
    bar: MessageBar, qtbot: QtBot, level: str
) -> None:
    bar.show_message("The disk is full.", "error")
    bar.show_message("Nothing was pasted.", level)
    assert bar.text() == "Nothing was pasted."
    qtbot.mouseClick(close_button(bar), Qt.MouseButton.LeftButton)
    assert bar.text() == "The disk is full."
    assert bar.level() == "error"
    assert not timer_of(bar).isActive()


def test_a_newer_error_comes_first_and_the_older_waits(bar: MessageBar) -> None:
    bar.show_message("First.", "error")
    bar.show_message("Second.", "error")
    assert bar.text() == "Second."
    bar.close_message()
    assert bar.text() == "First."
    bar.close_message()
    assert not bar.isVisible()


def test_the_same_message_does_not_pile_up(bar: MessageBar) -> None:
    for _ in range(5):
        bar.show_message("The kernel does not fit.", "error")
        bar.show_message("Another.", "error")
    bar.close_message()
    bar.close_message()
    assert not bar.isVisible()


def test_messages_of_a_topic_replace_each_other_and_go_together(bar: MessageBar) -> None:
    bar.show_message("The disk is full.", "error")
    for size in (5, 7, 9):
        bar.show_message(f"The window spans {size} px.", "error", topic="compute")
    assert bar.text() == "The window spans 9 px."
    bar.clear("load")
    assert bar.text() == "The window spans 9 px."
    bar.clear("compute")
    assert bar.text() == "The disk is full."
    bar.clear()
    assert not bar.isVisible()


def test_only_a_few_messages_wait(bar: MessageBar) -> None:
    for each in range(30):
        bar.show_message(f"Error {each}.", "error")
    closed = 0
    while bar.isVisible():
        bar.close_message()
        closed += 1
    assert closed == 1 + MOST_WAITING


def test_its_action_runs_and_closes_it(bar: MessageBar, qtbot: QtBot) -> None:
    ran: list[str] = []
    bar.show_message("The file is gone.", "error", ("Open another…", lambda: ran.append("open")))
    button = bar.findChild(QPushButton, "message-action")
    assert button is not None
    assert button.text() == "Open another…"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert ran == ["open"]
    assert not bar.isVisible()
    bar.show_message("Saved.")
    assert not button.isVisible()


def test_it_does_not_take_the_focus(bar: MessageBar, qtbot: QtBot) -> None:
    edit = bar.window().findChild(QLineEdit)
    assert edit is not None
    edit.setFocus()
    qtbot.waitUntil(edit.hasFocus)
    bar.show_message("The disk is full.", "error", ("Retry", lambda: None))
    assert edit.hasFocus()
    qtbot.mouseClick(close_button(bar), Qt.MouseButton.LeftButton)
    assert edit.hasFocus()


def test_an_unknown_level_is_refused(bar: MessageBar) -> None:
    with pytest.raises(ValueError, match="'loud'"):
        bar.show_message("Hm.", "loud")


@pytest.fixture
def strip(qtbot: QtBot) -> ProgressStrip:
    made = ProgressStrip()
    qtbot.addWidget(made)
    return made


def test_the_strip_shows_how_far_the_work_is(strip: ProgressStrip) -> None:
    assert not strip.isVisible()
    strip.start("Convolving…")
    assert strip.isVisible()
    label, progress = strip.findChild(QLabel, "progress-text"), strip.findChild(QProgressBar)
    assert label is not None
    assert progress is not None
    assert label.text() == "Convolving…"
    assert progress.maximum() == 0, "the end is not known yet"
    strip.set_fraction(0.25)
    assert progress.value() / progress.maximum() == 0.25
    strip.set_fraction(7.0)
    assert progress.value() == progress.maximum()
    strip.finish()
    assert not strip.isVisible()


def test_cancel_is_told_once_and_says_that_it_was_heard(strip: ProgressStrip, qtbot: QtBot) -> None:
    heard: list[None] = []
    strip.cancelled.connect(lambda: heard.append(None))
    strip.start("Convolving…")
    button = strip.findChild(QPushButton)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard == [None]
    assert "Cancelling" in button.text()
    strip.finish()
    strip.start("Opening…")
    assert button.isEnabled()
    assert button.text() == "Cancel"
    strip.finish()
