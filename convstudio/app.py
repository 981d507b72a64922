"""The front door: the window, its screenshot without a display, or a command."""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import difflib
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from convstudio import __version__, cli, cpu
from convstudio.terminal import CommandError, Parser, guard

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from convstudio.ui.main_window import MainWindow

USAGE = """convstudio [IMAGE] [--theme dark|light] [--size WIDTHxHEIGHT]
       convstudio --screenshot OUT.png [IMAGE] [--theme dark|light] [--size WIDTHxHEIGHT]
       convstudio COMMAND …"""
NO_DISPLAY = (
    "there is no display to open a window on; "
    "convstudio --screenshot OUT.png [IMAGE] [--size 1440x900] [--theme dark|light] draws it into a file"
)
QT_PACKAGES = (
    "libglib2.0-0 libgl1 libegl1 libxkbcommon0 libfontconfig1 libfreetype6 libdbus-1-3 libxcb1 "
    "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)
"""What Qt needs of Debian and its kin."""

_log = logging.getLogger("convstudio")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ConvStudio and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return guard(lambda: _main(given))


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["help"]:  # convstudio help apply
        arguments = [*arguments[1:], "--help"]
    cpu.tune()  # before anything imports NumPy
    if arguments and arguments[0] in cli.COMMANDS:
        return cli.dispatch(arguments)
    _check_command(arguments)
    options = parser().read(arguments)
    if options.screenshot is not None:
        if not options.screenshot.lower().endswith(".png"):
            raise CommandError(f"--screenshot writes a .png, got {options.screenshot!r}")
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not has_display():
        raise CommandError(NO_DISPLAY)
    _check_libraries()
    return _run_window(options)


def parser() -> Parser:
    """Return the options of the window; the commands have their own."""
    commands = "\n".join(f"  {name:9} {what}" for name, what in cli.COMMANDS.items())
    options = Parser(
        prog="convstudio",
        usage=USAGE,
        description="A playground for image filters and convolution kernels.",
        epilog=f"commands that need no window (convstudio COMMAND --help tells more):\n{commands}",
    )
    options.add_argument("image", metavar="IMAGE", nargs="?", help="a picture or a project to open")
    options.add_argument(
        "--screenshot", metavar="OUT.png", help="draw the window into a file; needs no display"
    )
    options.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="of the window, such as 1440x900")
    options.add_argument("--theme", metavar="dark|light", type=_theme, help="instead of the remembered one")
    options.add_argument("--version", action="version", version=f"ConvStudio {__version__}")
    return options


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})[xX×]([0-9]{1,5})", text)
    if match is None:
        raise CommandError(f"--size must be WIDTHxHEIGHT such as 1440x900, got {text!r}")
    width, height = int(match[1]), int(match[2])
    if not (640 <= width <= 7680 and 480 <= height <= 4320):
        raise CommandError(f"--size must be from 640x480 to 7680x4320, got {text!r}")
    return width, height


def _theme(text: str) -> str:
    if text not in ("dark", "light"):
        raise CommandError(f"--theme must be dark or light, got {text!r}")
    return text


def _check_command(arguments: list[str]) -> None:
    """Tell a mistyped command from a picture; what else is wrong with a picture, the window tells."""
    if not arguments or arguments[0].startswith("-") or os.path.exists(arguments[0]):
        return
    close = difflib.get_close_matches(arguments[0], cli.COMMANDS, n=1)
    if close:
        raise CommandError(f"there is no command or picture {arguments[0]!r}; did you mean {close[0]}?")


# --- is there a display? ---


def has_display() -> bool:
    """Return whether a window can be opened: a display is named and answers."""
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] not in ("", "xcb", "wayland"):
        return True  # somebody knows better
    if not sys.platform.startswith("linux"):
        return True
    return _wayland_answers() or _x_answers()


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name or os.environ.get("QT_QPA_PLATFORM") == "xcb":
        return False
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), name))
        except OSError:
            return False
    return True


def _x_answers() -> bool:
    if not os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM") == "wayland":
        return False
    # Qt aborts the process when the X server does not answer; ask first and stay in charge.
    try:
        xcb = ctypes.CDLL(ctypes.util.find_library("xcb") or "libxcb.so.1")
    except OSError:
        return True  # _check_libraries says what is missing
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    answers = not xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return bool(answers)


def _check_libraries() -> None:
    """Name a system library that Qt lacks: it would end in a traceback or abort the process."""
    try:
        from PySide6 import QtWidgets  # noqa: F401  loading it is the test
        from PySide6.QtCore import QLibraryInfo

        plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath), "platforms", "libqxcb.so")
        if os.environ.get("QT_QPA_PLATFORM", "xcb") == "xcb" and _x_answers() and plugin.exists():
            ctypes.CDLL(str(plugin))
    except (ImportError, OSError) as error:
        missing = re.match(r"(\S+\.so[.0-9]*): cannot open", str(error))
        if missing is None:
            raise
        raise CommandError(
            f"Qt needs {missing[1]}, which this system lacks; on Debian or Ubuntu type: "
            f"sudo apt-get install {QT_PACKAGES}"
        ) from error


# --- the window ---


def make_application() -> QApplication:
    """Return the application object with its name and icon."""
    from PySide6.QtWidgets import QApplication

    from convstudio.session.garbage import GuiThreadCollector
    from convstudio.ui.icons import app_icon

    app = QApplication(sys.argv[:1])
    app.setOrganizationName("ConvStudio")
    app.setApplicationName("ConvStudio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("convstudio")  # Wayland finds the icon by this name
    app.setWindowIcon(app_icon())
    GuiThreadCollector(app)
    sys.setswitchinterval(5e-4)  # workers hand the interpreter back sooner, so the window never hitches
    return app


def _run_window(options: argparse.Namespace) -> int:
    app = make_application()  # noqa: F841  lives as long as the window
    from PySide6.QtCore import QSettings

    from convstudio.session.recovery import recovery_folder
    from convstudio.session.settings import Settings
    from convstudio.ui.interrupts import Interrupts
    from convstudio.ui.main_window import MainWindow
    from convstudio.ui.screenshot import ScreenshotError

    if options.screenshot is not None:
        settings, recovery = Settings.passing(), None
    else:
        ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        settings, recovery = Settings(QSettings(ini, user, "ConvStudio", "ConvStudio")), recovery_folder()
    window = MainWindow(settings, theme=options.theme, size=options.size, recovery=recovery)
    install_exception_hooks(window)
    interrupts = Interrupts(window)
    interrupts.closing.connect(window.projects.set_interrupted)
    try:
        _show(window, options)
    except ScreenshotError as error:
        if interrupts.caught is None:
            raise CommandError(str(error)) from error
    finally:
        interrupts.release()
    if interrupts.caught == signal.SIGINT:
        raise KeyboardInterrupt
    return 128 + interrupts.caught if interrupts.caught else 0


def _show(window: MainWindow, options: argparse.Namespace) -> None:
    """Take the screenshot that was asked for, else hand the window to the user until it is closed."""
    image = None if options.image is None else Path(options.image)
    if options.screenshot is not None:
        from convstudio.ui.screenshot import take_screenshot

        take_screenshot(window, image, Path(options.screenshot), size=options.size)
        return
    from PySide6.QtWidgets import QApplication

    window.show()
    if image is not None:
        window.exchange.open_path(image)
    QApplication.exec()


def install_exception_hooks(window: MainWindow) -> None:
    """Log what nobody caught and say it in the window; the program goes on."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _log.critical("an unexpected error", exc_info=(kind, error, trace))
        window.unexpected.emit(f"Something went wrong inside ConvStudio: {error or kind.__name__}")

    def report_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            report(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = report
    threading.excepthook = report_thread
