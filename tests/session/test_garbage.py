"""Cyclic garbage is collected on the GUI thread, wherever it was made."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from convstudio.session import garbage
from convstudio.session.garbage import GuiThreadCollector


class Ring:
    """Notes the thread on which it is destroyed."""

    ends: list[int] = []  # noqa: RUF012  shared by all on purpose

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        self.ends.append(threading.get_ident())


@pytest.fixture
def collector(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[GuiThreadCollector]:
    monkeypatch.setattr(garbage, "INTERVAL_MILLISECONDS", 20)
    enabled = gc.isenabled()
    gc.enable()
    made = GuiThreadCollector()
    yield made
    made.deleteLater()
    gc.unfreeze()
    if not enabled:
        gc.disable()


def test_rings_made_on_a_worker_end_on_the_gui_thread(qtbot: QtBot, collector: GuiThreadCollector) -> None:
    Ring.ends.clear()
    qtbot.wait(50)

    def litter() -> None:
        for _ in range(20_000):
            Ring()

    worker = threading.Thread(target=litter)
    worker.start()
    worker.join()
    assert Ring.ends == []
    qtbot.waitUntil(lambda: len(Ring.ends) == 20_000)
    assert set(Ring.ends) == {threading.get_ident()}
