"""Hands and ears for tests of the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from convstudio.engine.evaluate import Evaluation
from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.model import Picture
from convstudio.session.session import MERGE_SECONDS, Session

LAYER = "conv-1"


def picture(channels: int = 3, height: int = 24, width: int = 32, name: str = "random") -> Picture:
    rng = np.random.default_rng(channels * height * width)
    return Picture(rng.random((channels, height, width), dtype=np.float32), name)


class Ear:
    """Hears everything a session says."""

    def __init__(self, session: Session) -> None:
        self.results: list[Evaluation] = []
        self.stacks: list[Evaluation] = []
        self.failures: list[str] = []
        self.messages: list[tuple[str, str, str]] = []
        self.proofs: list[Any] = []
        self.proof_failures: list[str] = []
        self.opened: list[Picture] = []
        self.loads: list[tuple[bool, str]] = []
        self.load_failures: list[str] = []
        self.saved: list[Path] = []
        session.result_ready.connect(self.results.append)
        session.stack_ready.connect(self.stacks.append)
        session.result_failed.connect(lambda failure: self.failures.append(failure.message))
        session.message.connect(lambda *words: self.messages.append(words))
        session.proof_ready.connect(self.proofs.append)
        session.proof_failed.connect(self.proof_failures.append)
        session.picture_opened.connect(self.opened.append)
        session.loading_changed.connect(lambda busy, what: self.loads.append((busy, what)))
        session.load_failed.connect(self.load_failures.append)
        session.saved.connect(self.saved.append)


def settle(qtbot: QtBot, session: Session) -> None:
    qtbot.waitUntil(lambda: not session.busy)


def conv_of(session: Session, layer_id: str = LAYER) -> Conv:
    """Return a layer that is known to be a convolution."""
    layer = session.project.layer(layer_id)
    assert isinstance(layer, Conv)
    return layer


def kernel_of(session: Session, index: int = 0, channel: int | None = None) -> Kernel:
    """Return the kernel of a filter of the first convolution."""
    return conv_of(session).bank.filters[index].kernel(channel)


def bias_of(session: Session, index: int = 0) -> float:
    """Return the bias of a filter of the first convolution."""
    return conv_of(session).bank.filters[index].bias


def output(session: Session) -> np.ndarray[Any, Any]:
    evaluation = session.evaluation
    assert evaluation is not None
    assert evaluation.project == session.project
    return evaluation.output


def let_a_second_pass(session: Session) -> None:
    """Let the time run out in which edits of one parameter merge, without waiting for it."""
    (timer,) = (each for each in session.findChildren(QTimer) if each.interval() == MERGE_SECONDS * 1000)
    if timer.isActive():
        timer.stop()
        timer.timeout.emit()
