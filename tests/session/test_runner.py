"""The latest-wins worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from convstudio.core import Control
from convstudio.session.runner import LatestWins


class Listener:
    def __init__(self, runner: LatestWins) -> None:
        self.done: list[object] = []
        self.failed: list[Exception] = []
        self.busy: list[bool] = []
        self.parts: list[float] = []
        self.threads: set[int] = set()
        runner.done.connect(self._on_done)
        runner.failed.connect(self.failed.append)
        runner.busy_changed.connect(self.busy.append)
        runner.progressed.connect(self.parts.append)

    def _on_done(self, value: object) -> None:
        self.threads.add(threading.get_ident())
        self.done.append(value)


@pytest.fixture
def runner(qtbot: QtBot) -> Iterator[LatestWins]:
    made = LatestWins("convstudio-test")
    yield made
    made.close()


def wait_for(control: Control, gate: threading.Event) -> None:
    """Work until the gate opens, as a band loop would."""
    while not gate.wait(0.002):
        control.check()


def test_a_result_comes_back_on_the_thread_of_its_owner(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    runner.submit(lambda _control: threading.get_ident())
    qtbot.waitUntil(lambda: bool(heard.done))
    assert heard.threads == {threading.get_ident()}
    assert heard.done != [threading.get_ident()]
    assert heard.busy == [True, False]


def test_only_the_newest_of_many_is_delivered(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    gate = threading.Event()

    def work(number: int, control: Control) -> int:
        wait_for(control, gate)
        return number

    for number in range(20):
        runner.submit(lambda control, number=number: work(number, control))
    gate.set()
    qtbot.waitUntil(lambda: bool(heard.done))
    qtbot.wait(30)
    assert heard.done == [19]
    assert not runner.busy


def test_a_newer_request_stops_the_running_one(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    never = threading.Event()
    runner.submit(lambda control: wait_for(control, never))
    qtbot.wait(20)
    runner.submit(lambda _control: "new")
    qtbot.waitUntil(lambda: heard.done == ["new"])


def test_a_stale_result_in_the_mailbox_is_dropped(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    finished = threading.Event()

    def first(control: Control) -> str:
        finished.set()
        return "old"

    runner.submit(first)
    finished.wait(1.0)
    time.sleep(0.02)  # the worker has posted its result, and this thread has not looked yet
    gate = threading.Event()
    runner.submit(lambda control: wait_for(control, gate) or "new")
    qtbot.wait(30)
    assert heard.done == []
    gate.set()
    qtbot.waitUntil(lambda: heard.done == ["new"])


def test_with_patience_a_slider_that_never_rests_shows_live_results(qtbot: QtBot) -> None:
    runner = LatestWins("convstudio-test", patience=0.5)
    heard = Listener(runner)

    def work(number: int, control: Control) -> int:
        time.sleep(0.01)
        control.check()
        return number

    for number in range(40):
        runner.submit(lambda control, number=number: work(number, control))
        qtbot.wait(3)
    qtbot.waitUntil(lambda: not runner.busy)
    assert heard.done[-1] == 39
    assert len(heard.done) > 3
    assert heard.done == sorted(heard.done)
    runner.close()


def test_patience_ends_for_a_long_computation(qtbot: QtBot) -> None:
    runner = LatestWins("convstudio-test", patience=0.05)
    heard = Listener(runner)

    def long(control: Control) -> str:
        for _ in range(10_000):
            time.sleep(0.001)
            control.report(1, 2)
        return "long"

    runner.submit(long)
    qtbot.wait(10)
    runner.submit(lambda _control: "new")
    qtbot.waitUntil(lambda: bool(heard.done), timeout=3000)
    assert heard.done == ["new"]
    runner.close()


def test_cancel_delivers_nothing(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    runner.submit(lambda control: wait_for(control, threading.Event()))
    qtbot.wait(10)
    runner.cancel()
    assert heard.busy == [True, False]
    runner.submit(lambda _control: "after")
    qtbot.waitUntil(lambda: heard.done == ["after"])
    assert heard.failed == []


def test_an_error_is_delivered_and_the_worker_lives_on(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)

    def broken(control: Control) -> None:
        raise ValueError("no such thing")

    runner.submit(broken)
    qtbot.waitUntil(lambda: bool(heard.failed))
    assert str(heard.failed[0]) == "no such thing"
    runner.submit(lambda _control: "fine")
    qtbot.waitUntil(lambda: heard.done == ["fine"])


def test_progress_arrives_and_never_piles_up(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)

    def work(control: Control) -> str:
        for done in range(5000):
            control.report(done + 1, 5000)
            if done == 2500:
                time.sleep(0.05)
        return "done"

    runner.submit(work)
    qtbot.waitUntil(lambda: heard.done == ["done"])
    assert heard.parts
    assert heard.parts == sorted(heard.parts)
    assert len(heard.parts) < 1000


def test_closing_finishes_what_must_not_be_lost(qtbot: QtBot) -> None:
    runner = LatestWins("convstudio-test")
    written: list[str] = []
    runner.submit(lambda _control: written.append("file"))
    runner.close(finish=True)
    assert written == ["file"]


def test_closing_drops_the_rest(qtbot: QtBot) -> None:
    runner = LatestWins("convstudio-test")
    heard = Listener(runner)
    runner.submit(lambda control: wait_for(control, threading.Event()))
    runner.close()
    runner.submit(lambda _control: "too late")
    qtbot.wait(20)
    assert heard.done == []


def test_what_still_waits_can_be_asked_to_end_early(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)
    gate = threading.Event()
    runner.submit(lambda _control: gate.wait(5.0))
    runner.submit(lambda control: control.cancelled)
    runner.stop()
    gate.set()
    qtbot.waitUntil(lambda: heard.done == [True])


def test_an_outcome_can_be_waited_for(qtbot: QtBot, runner: LatestWins) -> None:
    heard = Listener(runner)

    def broken(_control: Control) -> None:
        time.sleep(0.02)
        raise ValueError("no such thing")

    runner.submit(broken)
    runner.finish()
    assert [str(error) for error in heard.failed] == ["no such thing"]
    assert heard.busy == [True, False]
    qtbot.wait(20)
    assert len(heard.failed) == 1, "delivered once"
    runner.finish()
