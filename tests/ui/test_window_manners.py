"""The window's manners: names and tips on every control, room at every size, a clean end, no silent error."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from convstudio.app import install_exception_hooks
from convstudio.kernels import PRESETS, Kernel
from convstudio.ui.main_window import MainWindow
from tests.ui.window_hands import LAYER, open_window, proofs, random_picture, settle


def controls(window: QWidget) -> list[QWidget]:
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider, QLineEdit)
    return [
        each
        for kind in kinds
        for each in window.findChildren(kind)
        if not each.objectName().startswith("qt_")
        and not isinstance(each.parent(), QAbstractSpinBox | QComboBox)
    ]


def test_every_control_has_a_name_and_teaches(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_param(LAYER, "padding_mode", "constant")
    window.actions_table["find-action"].trigger()
    window.finder.close()
    for preset in ("sobel-x", "gabor", "motion-blur"):
        window.session.set_kernel(LAYER, PRESETS[preset].make())
        settle(qtbot, window)
        seen = [each for each in controls(window) if each.isVisibleTo(window)]
        assert len(seen) > 40
        for each in seen:
            what = f"{type(each).__name__} {each.objectName()!r} in {type(each.parent()).__name__}"
            assert each.accessibleName() or (isinstance(each, QAbstractButton) and each.text()), what
            assert each.toolTip(), what
            assert each.objectName(), what


def test_nothing_is_wider_than_its_place(window: MainWindow, qtbot: QtBot) -> None:
    assert window.minimumSizeHint().width() <= 1366
    assert window.minimumSizeHint().height() <= 768 - 60, "task bar and title bar take their share"
    window.session.set_kernel(LAYER, PRESETS["gabor"].make())
    window.session.set_param(LAYER, "padding", ((10, 11), (12, 13)))
    window.session.set_param(LAYER, "padding_mode", "constant")
    for size in ((1366, 768 - 60), (1440, 900), (3840, 2160)):
        window.resize(*size)
        settle(qtbot, window)
        QGuiApplication.processEvents()
        assert (window.width(), window.height()) == size
        check_places(window)


def check_places(window: MainWindow) -> None:
    for each in window.findChildren(QWidget):
        parent = each.parentWidget()
        if not each.isVisible() or each.isWindow() or parent is None or not each.width():
            continue
        what = (
            f"{type(each).__name__} {each.objectName()!r} in {type(parent).__name__} {parent.objectName()!r}"
        )
        assert each.x() + each.width() <= parent.width() + 1, what
        assert each.x() >= -1, what


def test_closing_ends_every_worker(undressed: None, qtbot: QtBot, tmp_path: Path) -> None:
    window = open_window(qtbot, tmp_path / "settings.ini")
    window.session.set_picture(random_picture(3, 700, 700))
    window.session.set_kernel(LAYER, Kernel.custom(np.random.default_rng(0).random((31, 31))))
    window.session.open_sample("noise")
    window.close()
    workers = [each.name for each in threading.enumerate() if each.name.startswith("convstudio-")]
    assert [name for name in workers if not name.startswith("convstudio-core")] == []


@pytest.fixture
def hooks() -> Iterator[None]:
    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before


def test_an_unexpected_error_is_said_in_the_window(window: MainWindow, qtbot: QtBot, hooks: None) -> None:
    install_exception_hooks(window)

    def slip() -> None:
        raise RuntimeError("a slip of ours")

    with qtbot.captureExceptions():  # pytest-qt's hook gives way to the program's
        install_exception_hooks(window)
        QTimer.singleShot(0, slip)
        qtbot.waitUntil(lambda: "a slip of ours" in window.message_bar.text())
    assert window.message_bar.level() == "error"
    window.message_bar.close_message()
    with qtbot.captureExceptions():
        install_exception_hooks(window)
        thread = threading.Thread(target=slip)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: "a slip of ours" in window.message_bar.text())
    window.session.set_bias(LAYER, 0.5)
    settle(qtbot, window)
    assert proofs(window)[2] == "✓", "the program goes on"
