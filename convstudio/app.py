"""The front door: the window, its screenshot without a display, or a command."""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from convstudio import __version__, cpu

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from convstudio.ui.main_window import MainWindow

NO_DISPLAY = (
    "convstudio: there is no display to open a window on; "
    "convstudio --screenshot OUT.png [IMAGE] [--size 1440x900] [--theme dark|light] draws it into a file"
)

_log = logging.getLogger("convstudio")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ConvStudio and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    cpu.tune()  # before anything imports NumPy
    from convstudio import cli

    if arguments and arguments[0] in cli.COMMANDS:
        return cli.run(arguments)
    options = _parser().parse_args(arguments)
    if options.screenshot is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return 2
    return _run_window(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convstudio",
        description="A playground for image filters and convolution kernels.",
        epilog="Commands without a window: convstudio apply | kernels | prove, each with --help.",
    )
    parser.add_argument("image", nargs="?", type=Path, help="a picture to open")
    parser.add_argument("--screenshot", metavar="OUT.png", type=Path, help="draw the window into a file")
    parser.add_argument("--size", type=_size, default=None, metavar="WxH", help="of the window")
    parser.add_argument("--theme", choices=("dark", "light"), help="instead of the remembered one")
    parser.add_argument("--version", action="version", version=f"ConvStudio {__version__}")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"a size is WIDTHxHEIGHT such as 1440x900, got {text!r}")
    size = int(width), int(height)
    if not (640 <= size[0] <= 7680 and 480 <= size[1] <= 4320):
        raise argparse.ArgumentTypeError(f"a window is 640x480 to 7680x4320, got {text!r}")
    return size


def has_display() -> bool:
    """Return whether a window can be opened: a display is named and, on X, it answers."""
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] not in ("", "xcb", "wayland"):
        return True
    if not sys.platform.startswith("linux"):
        return True
    if os.environ.get("WAYLAND_DISPLAY"):
        return True
    return bool(os.environ.get("DISPLAY")) and _x_answers()


def _x_answers() -> bool:
    # Qt aborts the process when the X server does not answer; ask first and stay in charge.
    library = ctypes.util.find_library("xcb") or "libxcb.so.1"
    try:
        xcb = ctypes.CDLL(library)
    except OSError:
        return True  # Qt will say what is missing
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    answers = not xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return bool(answers)


def make_application() -> QApplication:
    """Return the application object with its name and icon."""
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from convstudio.io.resources import resource_path

    app = QApplication(sys.argv[:1])
    app.setOrganizationName("ConvStudio")
    app.setApplicationName("ConvStudio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("convstudio")  # Wayland finds the icon by this name
    app.setWindowIcon(QIcon(str(resource_path("icons", "convstudio.png"))))
    sys.setswitchinterval(5e-4)  # workers hand the interpreter back sooner, so the window never hitches
    return app


def _run_window(options: argparse.Namespace) -> int:
    app = make_application()
    from PySide6.QtCore import QSettings

    from convstudio.session.settings import Settings
    from convstudio.ui.main_window import MainWindow

    if options.screenshot is not None:
        store = QSettings(os.devnull, QSettings.Format.IniFormat)
    else:
        store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "ConvStudio", "ConvStudio")
    window = MainWindow(Settings(store), theme=options.theme, size=options.size)
    install_exception_hooks(window)
    if options.screenshot is not None:
        from convstudio.io.images import PictureError
        from convstudio.ui.screenshot import take_screenshot

        try:
            take_screenshot(window, options.image, options.screenshot)
        except PictureError as error:
            print(f"convstudio: {error}", file=sys.stderr)
            return 2
        return 0
    window.show()
    if options.image is not None:
        window.session.open_path(options.image)
    return app.exec()


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
