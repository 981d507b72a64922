"""Hands and ears for tests of the training in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from convstudio.core import Control
from convstudio.kernels import preset
from convstudio.learn.divergence import Stop
from convstudio.learn.lab import Lab, open_lab
from convstudio.learn.network import Values
from convstudio.model import Picture, Project, TrainingSetup
from convstudio.session.training import Training
from convstudio.session.training_frame import TrainingFrame, TrainingReport

STEPS = 12


def project(side: int = 24, channels: int = 1, **method: Any) -> Project:
    """A small noisy picture, a hidden Sobel kernel, and a short run."""
    rng = np.random.default_rng(side)
    picture = Picture(rng.random((channels, side, side + 4), dtype=np.float32), "noise")
    setup = TrainingSetup()
    for name, value in ({"steps": STEPS} | method).items():
        setup = setup.with_value("method", name, value)
    return replace(Project.first(picture), training=setup)


def with_value(of: Project, part: str, name: str, value: Any) -> Project:
    return replace(of, training=of.training.with_value(part, name, value))


def diverging() -> Project:
    """A descent whose rate is far too large, from a start that is not the minimum."""
    made = project(optimizer="gd", rate=100.0, steps=500)
    return with_value(
        with_value(made, "student", "start", "preset"), "student", "first", preset("mean").make()
    )


def run(of: Project, steps: int) -> Lab:
    """The same training on this thread, so many steps on."""
    lab = open_lab(of.training, of)
    for _ in range(steps):
        lab.trainer.advance()
    return lab


def same_bits(ours: Values, theirs: Values) -> bool:
    """Whether two sets of weights are the very same numbers."""
    return len(ours) == len(theirs) and all(
        np.array_equal(a.view(np.uint64), b.view(np.uint64)) for a, b in zip(ours, theirs, strict=True)
    )


class Ear:
    """Hears everything a training says, and in which order."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.said: list[tuple[str, Any]] = []
        for name in (
            "opened",
            "refused",
            "frame",
            "playing_changed",
            "stopped",
            "solved",
            "solve_failed",
            "rate_found",
            "rate_failed",
        ):
            getattr(training, name).connect(lambda value, name=name: self.said.append((name, value)))
        for name in ("answered", "unanswered"):
            getattr(training, name).connect(
                lambda topic, value, name=name: self.said.append((name, (topic, value)))
            )

    def of(self, kind: str) -> list[Any]:
        return [value for name, value in self.said if name == kind]

    @property
    def kinds(self) -> list[str]:
        return [name for name, _ in self.said]

    @property
    def frame(self) -> TrainingFrame:
        """The newest one."""
        found: TrainingFrame = self.of("frame")[-1]
        return found

    @property
    def report(self) -> TrainingReport:
        found: TrainingReport = self.of("opened")[-1]
        return found

    @property
    def stop(self) -> Stop:
        (found,) = self.of("stopped")
        assert isinstance(found, Stop)
        return found


def settle(qtbot: QtBot, training: Training) -> None:
    """Wait until nothing goes on but comparing."""
    qtbot.waitUntil(lambda: not training.playing and not training.busy, timeout=20_000)


def nothing_comes(training: Training) -> None:
    """Let what the worker may still have to say arrive."""
    for _ in range(20):
        QCoreApplication.processEvents()
        threading.Event().wait(0.002)


def without_delivering(condition: Callable[[], bool]) -> None:
    """Wait for the worker while this thread's event loop stands still."""
    end = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < end, "the worker did not come to it"
        time.sleep(0.002)


class Gate:
    """Holds up every call of a function that is given a control, until it opens or the control is cancelled.

    Attributes:
        cancelled: how many calls were given up here.
        passed: how many got through.
    """

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._once = threading.Event()
        self.cancelled = 0
        self.passed = 0

    def pass_through(self, control: Control | None) -> None:
        assert control is not None, "work on the worker must be given a control"
        self._entered.set()
        while not self._open.wait(0.001):
            if self._once.is_set():
                self._once.clear()
                break
            if control.cancelled:
                self.cancelled += 1
            control.check()
        self.passed += 1

    def wait(self, qtbot: QtBot) -> None:
        """Wait until a call is held up."""
        qtbot.waitUntil(self._entered.is_set, timeout=20_000)

    def close(self) -> None:
        """Hold up the next call."""
        self._open.clear()
        self._entered.clear()

    def open(self) -> None:
        """Let whatever comes get through."""
        self._open.set()

    def open_once(self, qtbot: QtBot) -> None:
        """Let one call through."""
        self._once.set()
        qtbot.waitUntil(lambda: not self._once.is_set())
