"""The shift experiment in the background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.engine.shift_test import ShiftExperiment
from convstudio.kernels import Bank, Kernel
from convstudio.layers import Conv, MaxPool
from convstudio.model import PHOTO, Picture, Project
from convstudio.session.shift_runner import ShiftReport, ShiftRunner, shift_key


def project(side: int = 40) -> Project:
    rng = np.random.default_rng(side)
    picture = Picture(rng.random((3, side, side), dtype=np.float32), "noise")
    kernels = (Kernel.custom(rng.normal(size=(3, 3)).round(2)) for _ in range(2))
    layers = [Conv(Bank.of(*kernels), channels="all"), MaxPool(), MaxPool()]
    return Project(picture, ()).with_layers(layers, PHOTO)


@pytest.fixture
def runner(qtbot: QtBot) -> Iterator[ShiftRunner]:
    made = ShiftRunner()
    yield made
    made.close()


def heard(runner: ShiftRunner) -> list[ShiftReport]:
    reports: list[ShiftReport] = []
    runner.ready.connect(reports.append)
    return reports


def settle(qtbot: QtBot, runner: ShiftRunner) -> None:
    qtbot.waitUntil(lambda: not runner.busy)


def test_a_report_is_that_of_the_engine(runner: ShiftRunner, qtbot: QtBot) -> None:
    reports = heard(runner)
    made = project()
    runner.set_stack(made, "max_pool-1")
    runner.ask(2, 1)
    settle(qtbot, runner)
    (report,) = reports
    expected = ShiftExperiment(made, "max_pool-1").run((1, 2))
    assert report.layer_id == "max_pool-1"
    assert report.result.shift == (1, 2)
    tolerance, wanted = report.result.with_pooling.tolerance, expected.with_pooling.tolerance
    assert tolerance.everywhere == wanted.everywhere
    assert report.picture.pixels.shape == (20, 20, 4)
    assert report.picture.view == "signed"


def test_nothing_runs_before_it_is_asked_for_or_after_it_rests(runner: ShiftRunner, qtbot: QtBot) -> None:
    reports = heard(runner)
    runner.set_stack(project(), "conv-1")
    assert not runner.busy
    runner.ask(1, 0)
    settle(qtbot, runner)
    runner.rest()
    runner.set_stack(project(30), "conv-1")
    assert not runner.busy
    assert not runner.wanted
    assert len(reports) == 1


def test_asking_before_there_is_a_stack_waits_for_it(runner: ShiftRunner, qtbot: QtBot) -> None:
    reports = heard(runner)
    runner.ask(1, 0)
    assert not runner.busy
    runner.set_stack(project(), "conv-1")
    settle(qtbot, runner)
    assert len(reports) == 1


def test_a_changed_stack_runs_again_and_the_same_one_does_not(runner: ShiftRunner, qtbot: QtBot) -> None:
    reports, stacks = heard(runner), []
    runner.stack_changed.connect(lambda _project, layer_id: stacks.append(layer_id))
    made = project()
    runner.set_stack(made, "max_pool-1")
    runner.ask(1, 0)
    settle(qtbot, runner)
    same: list[Any] = [
        made.with_item("max_pool-1", name="renamed"),
        made.with_param("max_pool-2", "window", (3, 3)),  # below the layer that is watched
        made.with_selected(PHOTO),
    ]
    for each in same:
        runner.set_stack(each, "max_pool-1")
        assert not runner.busy
    assert len(reports) == 1
    for changed in (made.with_param("conv-1", "stride", (2, 2)), made.with_item("max_pool-1", enabled=False)):
        runner.set_stack(changed, "max_pool-1")
        settle(qtbot, runner)
    assert len(reports) == 3
    assert stacks == ["max_pool-1"] * 3


def test_only_the_newest_shift_counts(runner: ShiftRunner, qtbot: QtBot) -> None:
    reports = heard(runner)
    runner.set_stack(project(), "max_pool-2")
    for dx in range(8):
        runner.ask(dx, 0)
    settle(qtbot, runner)
    assert reports[-1].result.shift == (0, 7)
    assert len(reports) <= 2


def test_a_stack_that_does_not_fit_is_told_in_words(runner: ShiftRunner, qtbot: QtBot) -> None:
    said: list[str] = []
    runner.failed.connect(said.append)
    made = project(6).with_param("max_pool-1", "window", (9, 9))
    runner.set_stack(made, "max_pool-1")
    runner.ask(1, 0)
    settle(qtbot, runner)
    assert len(said) == 1
    assert "window" in said[0]
    assert said[0].endswith(".")
    assert said[0][0].isupper()


def test_the_key_says_what_matters() -> None:
    made = project()
    assert shift_key(made, "conv-1") == shift_key(made.with_param("max_pool-1", "ceil_mode", True), "conv-1")
    assert shift_key(made, "conv-1") != shift_key(made, "max_pool-1")
    assert shift_key(made, PHOTO) != shift_key(project(), PHOTO)
