"""The front door: what it says without a display, and the window it draws into a file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from convstudio import __version__, app
from convstudio.session.settings import Settings
from convstudio.ui.interrupts import Interrupts
from convstudio.ui.main_window import MainWindow
from convstudio.ui.screenshot import ScreenshotError, take_screenshot

ROOT = Path(__file__).resolve().parents[1]
ROSE = (200, 30, 160)  # a colour that the window has nowhere else


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a display, without a hint for Qt."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def rose(tmp_path: Path) -> Path:
    """A picture of one colour."""
    path = tmp_path / "rose.png"
    assert cv2.imwrite(str(path), np.full((60, 90, 3), ROSE[::-1], np.uint8))
    return path


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("convstudio: ")
    assert err.count("\n") == 1
    return err


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "convstudio", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# --- words ---


def test_the_version_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ConvStudio {__version__}\n"


def test_the_version_and_the_complaint_need_neither_numpy_nor_qt() -> None:
    check = (
        "import sys; from convstudio.app import main; main(['--version']); main(['--size', '1']); "
        "print(sorted({'numpy', 'PySide6', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_the_commands_and_the_screenshot(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--help"]) == 0
    out = capsys.readouterr().out
    for word in ("apply", "kernels", "prove", "--screenshot", "--theme", "--size"):
        assert word in out


def test_help_can_be_asked_for_by_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["help", "apply"]) == 0
    assert "--kernel NAME" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "1440"], ["--size", "1440x900"]),
        (["--size", "10x10"], ["--size", "10x10"]),
        (["--size", "²x²"], ["--size"]),
        (["--size", "99999x1"], ["--size"]),
        (["--theme", "blue"], ["--theme", "dark", "light"]),
        (["x" * 5000, "--theme", "blue"], ["--theme"]),
        (["--screenshot"], ["--screenshot"]),
        (["--screenshot", "out.jpg"], [".png", "out.jpg"]),
        (["--screen", "out.png"], ["--screen", "--screenshot"]),
        (["a.png", "b.png"], ["b.png"]),
        (["kernel"], ["kernel", "did you mean kernels"]),
        (["aply", "photo.png"], ["did you mean apply"]),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str], words: list[str], nowhere: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(arguments) == 2
    line = complaint(capsys)
    assert all(word in line for word in words), line


def test_a_file_may_be_called_like_a_command_misspelt(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kernel").write_bytes(b"")
    assert app.main(["kernel"]) == 2
    assert "display" in complaint(capsys)


def test_a_library_that_is_missing_is_named_with_what_to_type(
    nowhere: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "PySide6.QtWidgets":
                raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "PySide6.QtWidgets")
    monkeypatch.delattr("PySide6.QtWidgets")
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    assert app.main(["--screenshot", str(tmp_path / "out.png")]) == 2
    line = complaint(capsys)
    assert "libEGL.so.1" in line
    assert "apt-get install" in line
    assert "libegl1" in line


# --- displays ---


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":987"}, {"WAYLAND_DISPLAY": "nobody-0"}], ids=str)
def test_without_a_display_one_line_names_the_screenshot(display: dict[str, str]) -> None:
    done = start(**display)
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.count("\n") == 1
    assert "no display" in done.stderr
    assert "convstudio --screenshot OUT.png [IMAGE] [--size 1440x900] [--theme dark|light]" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_a_wayland_display_that_answers_is_one(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    assert not app.has_display()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-7"))
        server.listen()
        assert app.has_display()


# --- the window in a file ---


@pytest.mark.parametrize(("theme", "size"), [("dark", (1366, 768)), ("light", (1920, 1080))])
def test_the_real_window_is_drawn_with_the_picture_given(
    theme: str, size: tuple[int, int], rose: Path, tmp_path: Path
) -> None:
    target = tmp_path / "window.png"
    width, height = size
    done = start("--screenshot", str(target), str(rose), "--theme", theme, "--size", f"{width}x{height}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    window = cv2.imread(str(target))
    assert window is not None
    assert window.shape == (height, width, 3)
    corner = window[-3, 3].mean()
    assert corner < 60 if theme == "dark" else corner > 200
    rosy = (np.abs(window.astype(int) - ROSE[::-1]).max(axis=2) < 3).mean()
    assert rosy > 0.04  # the input view, not just its thumbnail
    assert len(np.unique(window.reshape(-1, 3), axis=0)) > 500  # text, icons, kernel: a whole window
    assert sorted(os.listdir(tmp_path)) == ["rose.png", "window.png"]


def test_a_picture_that_cannot_be_opened_leaves_no_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    done = start("--screenshot", str(tmp_path / "window.png"), str(bad))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "bad.png" in done.stderr
    assert os.listdir(tmp_path) == ["bad.png"]


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    made = MainWindow(Settings.passing(), size=(1000, 700))
    qtbot.addWidget(made)
    return made


def test_a_folder_that_is_missing_is_said(window: MainWindow, tmp_path: Path) -> None:
    with pytest.raises(ScreenshotError, match=r"window\.png was not saved: the folder does not exist"):
        take_screenshot(window, None, tmp_path / "nowhere" / "window.png")


def test_what_cannot_be_drawn_keeps_the_old_file(window: MainWindow, tmp_path: Path) -> None:
    target = tmp_path / "window.png"
    target.write_bytes(b"old")
    with pytest.raises(ScreenshotError, match=r"nothing\.png"):
        take_screenshot(window, tmp_path / "nothing.png", target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["window.png"]


def test_a_size_that_the_window_cannot_have_is_refused(window: MainWindow, tmp_path: Path) -> None:
    window.resize(320, 240)
    with pytest.raises(ScreenshotError, match="cannot be 320x240"):
        take_screenshot(window, None, tmp_path / "window.png", size=(320, 240))
    assert os.listdir(tmp_path) == []


# --- Ctrl-C ---


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_window(number: signal.Signals, qtbot: QtBot) -> None:
    before = signal.getsignal(number)
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    interrupts = Interrupts(widget)
    try:
        os.kill(os.getpid(), number)
        qtbot.waitUntil(lambda: not widget.isVisible())
    finally:
        interrupts.release()
    assert interrupts.caught == number
    assert signal.getsignal(number) is before


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
def test_a_window_that_stays_to_tell_something_was_not_interrupted(qtbot: QtBot) -> None:
    asked: list[QCloseEvent] = []

    class Staying(QWidget):
        def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
            event.ignore()
            asked.append(event)

    widget = Staying()
    qtbot.addWidget(widget)
    widget.show()
    interrupts = Interrupts(widget)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        qtbot.waitUntil(lambda: bool(asked))
        assert interrupts.caught is None
    finally:
        interrupts.release()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
@pytest.mark.window
def test_ctrl_c_in_the_terminal_ends_the_program_with_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convstudio"]
    settings = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    running = subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 60
        stat = Path(f"/proc/{running.pid}/status")
        # The signal is caught once the window is made; before that, Python itself answers it the same way.
        while "SigCgt" in stat.read_text() and running.poll() is None and time.monotonic() < end:
            caught = int(stat.read_text().split("SigCgt:")[1].split()[0], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert err == "convstudio: interrupted\n"
    assert running.returncode == 130
