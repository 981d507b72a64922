"""Every test runs on Qt's offscreen platform and fails on what it leaves behind."""

from __future__ import annotations

import gc
import itertools
import os
import threading
from collections.abc import Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from hypothesis import HealthCheck, settings
from PySide6.QtCore import QCoreApplication, QEvent, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

settings.register_profile(
    "convstudio",
    deadline=None,  # a busy machine is no defect
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("convstudio")

# What Qt says about the machine and not about us.
HARMLESS = (
    "propagateSizeHints",
    "This plugin does not support",
    "XDG_RUNTIME_DIR",
    "Could not connect to any X11 session manager",
)


@pytest.fixture(autouse=True)
def no_qt_warnings() -> Iterator[None]:
    """Fail a test in which Qt warned."""
    said: list[str] = []

    def hear(kind: QtMsgType, context: object, text: str | None) -> None:
        serious = kind in (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
        if serious and text and not any(word in text for word in HARMLESS):
            said.append(text)

    previous = qInstallMessageHandler(hear)
    yield
    qInstallMessageHandler(previous)
    assert not said, f"Qt warned: {said}"


def _open_windows(app: QApplication) -> list[str]:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    app.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return [f"{type(w).__name__} {w.objectName()!r}" for w in app.topLevelWidgets() if w.isVisible()]


# As in the program: a collection that happens to run on a worker would destroy widgets there.
gc.disable()
_tests_done = itertools.count(1)


def _collect() -> None:
    """Collect as often as Python would, young objects more often than old ones."""
    done = next(_tests_done)
    gc.collect(2 if done % 250 == 0 else 1 if done % 10 == 0 else 0)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a widget or one of our worker threads alive."""
    yield
    _collect()
    app = QApplication.instance()
    if isinstance(app, QApplication):
        leaked = _open_windows(app)
        if leaked:
            gc.collect()  # slow, so only where something is there to be collected
            leaked = _open_windows(app)
        assert not leaked, f"left open: {leaked}"
    # These belong to one window; the pool of the core is shared by the process and stays.
    names = [t.name for t in threading.enumerate()]
    workers = [n for n in names if n.startswith("convstudio-") and not n.startswith("convstudio-core")]
    assert not workers, f"left running: {workers}"
