"""Draws the real window into a file, without a display."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QEventLoop,
    QIODevice,
    QMessageLogContext,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)

from convstudio.io.atomic import atomic_write
from convstudio.io.errors import cannot_save, shown
from convstudio.ui.main_window import MainWindow

PATIENCE_SECONDS = 120.0
_LOOK_MILLISECONDS = 20
_PAINT_MILLISECONDS = 60

_log = logging.getLogger("convstudio")


class ScreenshotError(Exception):
    """The window could not be drawn or not be saved; the message says why."""


def take_screenshot(
    window: MainWindow, image: Path | None, target: Path, *, size: tuple[int, int] | None = None
) -> None:
    """Show the window offscreen, wait for its result and the proof, and save what it shows.

    Args:
        window: is closed afterwards.
        image: the picture to open first, the bundled one if None.
        target: the PNG to write; what was there stays whole if anything fails.
        size: width and height that the window was asked to have.

    Raises:
        ScreenshotError: the picture cannot be opened, the file not be written, the window cannot be so
            small, or it was closed.
    """
    problems: list[str] = []

    def hear(text: str, level: str = "error", _topic: str = "") -> None:
        if level == "error":
            problems.append(text)

    before = qInstallMessageHandler(_hear_qt)
    window.session.message.connect(hear)
    window.unexpected.connect(hear)
    window.show()
    try:
        if image is not None:
            window.exchange.open_path(image)
        _settle(window)
        if problems:
            raise ScreenshotError(problems[0])
        width, height = window.width(), window.height()
        if size is not None and size != (width, height):
            raise ScreenshotError(
                f"the window cannot be {size[0]}x{size[1]}; the nearest it can be is {width}x{height}"
            )
        _save(window, target)
    finally:
        window.close()
        qInstallMessageHandler(before)


def _hear_qt(_kind: QtMsgType, _context: QMessageLogContext, text: str | None) -> None:
    """Pass on what Qt says, but for its word that nobody moves windows here."""
    if text and "propagateSizeHints" not in text:
        _log.warning("Qt: %s", text)


def _settle(window: MainWindow) -> None:
    """Let events run until everything asked for is there, the proof too, and then until it is painted."""
    loop = QEventLoop()
    end = time.monotonic() + PATIENCE_SECONDS

    def look_again() -> None:
        # Loading hands over to computing and that to proving within one event: in between, nothing is idle.
        if not (window.busy and window.isVisible() and time.monotonic() < end):
            loop.quit()

    look = QTimer()
    look.timeout.connect(look_again)
    look.start(_LOOK_MILLISECONDS)
    loop.exec()
    look.stop()
    if not window.isVisible():
        raise ScreenshotError("the window was closed")
    if window.busy:
        raise ScreenshotError(f"no result within {PATIENCE_SECONDS:.0f} seconds")
    QTimer.singleShot(_PAINT_MILLISECONDS, loop.quit)
    loop.exec()


def _save(window: MainWindow, target: Path) -> None:
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    try:
        atomic_write(target, bytes(store.data()))
    except OSError as error:
        raise ScreenshotError(str(cannot_save(shown(target), error))) from error
