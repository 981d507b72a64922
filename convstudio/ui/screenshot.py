"""Draws the real window into a file, without a display."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QEventLoop, QIODevice, QTimer

from convstudio.io.atomic import atomic_write
from convstudio.io.images import PictureError
from convstudio.ui.main_window import MainWindow

PATIENCE_MILLISECONDS = 60_000


def take_screenshot(window: MainWindow, image: Path | None, target: Path) -> None:
    """Show the window offscreen, wait for its result and the proof, and save what it shows.

    Raises:
        PictureError: the picture cannot be opened or the file not be written.
    """
    problems: list[str] = []

    def hear(text: str, level: str, _topic: str) -> None:
        if level == "error":
            problems.append(text)

    window.session.message.connect(hear)
    window.show()
    try:
        _settle(window)
        if image is not None and not problems:
            window.session.open_path(image)
            _settle(window, loading=True)
        if problems:
            raise PictureError(problems[0])
        _save(window, target)
    finally:
        window.close()


def _settle(window: MainWindow, *, loading: bool = False) -> None:
    """Let events run until the newest result is proven, or something failed."""
    loop = QEventLoop()
    session = window.session
    wait = QTimer()
    wait.setSingleShot(True)
    wait.timeout.connect(loop.quit)
    wait.start(PATIENCE_MILLISECONDS)

    def finish(*_: object) -> None:
        QTimer.singleShot(50, loop.quit)  # one more round, for the paints that follow

    ends = [session.proof_ready, session.proof_failed, session.result_failed]
    if loading:
        ends.append(session.load_failed)
    for signal in ends:
        signal.connect(finish)
    loop.exec()
    wait.stop()
    for signal in ends:
        signal.disconnect(finish)


def _save(window: MainWindow, target: Path) -> None:
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    atomic_write(target, bytes(store.data()))
