"""Progress and Cancel for what takes long, and nothing for what does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from convstudio.ui.progress_strip import ProgressStrip
from convstudio.ui.slow_work import SLOW_MILLISECONDS, SlowWork


@pytest.fixture
def strip(qtbot: QtBot) -> Iterator[ProgressStrip]:
    made = ProgressStrip()
    qtbot.addWidget(made)
    yield made
    made.close()


@pytest.fixture
def slow(strip: ProgressStrip) -> SlowWork:
    return SlowWork(strip, strip)


def text(strip: ProgressStrip) -> str:
    label = strip.findChild(QLabel, "progress-text")
    assert label is not None
    return label.text()


def time_is_up(slow: SlowWork) -> None:
    """Let the moment pass after which work counts as slow, without waiting for it."""
    timer = slow.findChild(QTimer)
    assert timer is not None
    assert timer.interval() == SLOW_MILLISECONDS == 200
    if timer.isActive():
        timer.stop()
        timer.timeout.emit()


def test_quick_work_shows_nothing(slow: SlowWork, strip: ProgressStrip) -> None:
    slow.started("compute", "Convolving…", lambda: None)
    slow.finished("compute")
    time_is_up(slow)
    assert not strip.isVisible()


def test_slow_work_shows_the_strip_until_it_ends(slow: SlowWork, strip: ProgressStrip) -> None:
    slow.started("compute", "Convolving…", lambda: None)
    assert not strip.isVisible()
    time_is_up(slow)
    assert strip.isVisible()
    assert text(strip) == "Convolving…"
    slow.progressed("compute", 0.25)
    bar = strip.findChild(QProgressBar)
    assert bar is not None
    assert bar.value() / bar.maximum() == 0.25
    slow.finished("compute")
    assert not strip.isVisible()


def test_the_moment_comes_by_itself(slow: SlowWork, strip: ProgressStrip, qtbot: QtBot) -> None:
    slow.started("compute", "Convolving…", lambda: None)
    qtbot.waitUntil(strip.isVisible, timeout=2000)
    slow.finished("compute")


def test_work_that_delivers_all_the_time_is_not_slow(
    slow: SlowWork, strip: ProgressStrip, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.started("compute", "Convolving…", lambda: None)
    timer = slow.findChild(QTimer)
    assert timer is not None
    starts: list[int] = []
    monkeypatch.setattr(timer, "start", lambda: starts.append(1), raising=False)
    slow.advanced("compute")
    assert starts == [1], "the moment begins anew"
    monkeypatch.undo()
    slow.finished("compute")
    slow.advanced("compute")
    assert not timer.isActive(), "what has ended does not go on"


def test_cancel_reaches_the_work_that_is_shown(slow: SlowWork, strip: ProgressStrip) -> None:
    cancelled: list[str] = []
    slow.started("load", "Opening a.png…", lambda: cancelled.append("load"))
    slow.started("compute", "Convolving…", lambda: cancelled.append("compute"))
    time_is_up(slow)
    assert text(strip) == "Opening a.png…"
    slow.progressed("compute", 0.5)
    bar = strip.findChild(QProgressBar)
    assert bar is not None
    assert bar.maximum() == 0, "the other one's progress is not this one's"
    button = strip.findChild(QPushButton)
    assert button is not None
    button.click()
    assert cancelled == ["load"]
    slow.finished("load")
    assert not strip.isVisible()
    time_is_up(slow)
    assert text(strip) == "Convolving…"
    assert button.isEnabled()
    button.click()
    assert cancelled == ["load", "compute"]
    slow.finished("compute")
    assert not strip.isVisible()


def test_another_file_is_named_on_the_strip(slow: SlowWork, strip: ProgressStrip) -> None:
    slow.started("load", "Opening a.png…", lambda: None)
    time_is_up(slow)
    slow.started("load", "Opening b.png…", lambda: None)
    assert text(strip) == "Opening b.png…"
    slow.finished("load")
    assert not strip.isVisible()


def test_ending_what_never_began_does_nothing(slow: SlowWork, strip: ProgressStrip) -> None:
    slow.finished("compute")
    slow.progressed("compute", 0.5)
    time_is_up(slow)
    assert not strip.isVisible()
