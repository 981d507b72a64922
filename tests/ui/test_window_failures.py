"""What fails is told in the window, and stays told until it is over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from convstudio.kernels import Kernel
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import LAYER, random_picture, settle, text_of


def test_closing_stays_to_tell_of_a_file_that_was_not_saved(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window.session.save(tmp_path / "nowhere" / "r.png")
    assert not window.close()
    assert window.isVisible()
    assert "r.png was not saved" in window.message_bar.text()
    assert window.close()
    assert not window.isVisible()


def test_an_older_result_does_not_hide_a_failure(window: MainWindow, qtbot: QtBot) -> None:
    older = window.session.evaluation
    window.session.set_kernel(LAYER, Kernel.custom(np.ones((63, 63))))
    window.session.set_param(LAYER, "padding", "valid")
    window.session.set_picture(random_picture(1, 5, 5))
    settle(qtbot, window)
    names = [f"card-{LAYER}-{name}" for name in ("shape", "problem")]
    words = [text_of(window, name) for name in names]
    assert words[0] == "no result"
    assert "63" in words[1]
    failure = window.session.failure
    # As with patience: a result that an edit overtook comes first, and the failure right behind it.
    window.session.result_ready.emit(older)
    window.session.result_failed.emit(failure)
    qtbot.wait(30)
    assert [text_of(window, name) for name in names] == words
    assert text_of(window, f"card-{LAYER}-proof") == ""


def test_a_file_that_cannot_be_looked_at_is_told_like_any(window: MainWindow, qtbot: QtBot) -> None:
    told: list[str] = []
    window.unexpected.connect(told.append)
    path = Path("/" + "x" * 5000 + ".png")
    window.settings.add_recent(path)
    window.exchange.open_path(path)
    settle(qtbot, window)
    assert "too long" in window.message_bar.text()
    assert window.settings.recent == [path]
