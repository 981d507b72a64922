"""The manners of both front doors: one line for bad input, exit codes, options as people type them."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Self

EXIT_CODES = (
    "exit codes: 0 done, 1 a result differs from SciPy or from the best fit, 2 bad input, 130 interrupted"
)
FLAGS = ("--convolution", "--prove", "--grey", "--closed-form")
"""The options that take no value."""

_NEGATIVE = re.compile(r"-(?:[\d.]|inf|nan)", re.IGNORECASE)


class CommandError(Exception):
    """What was asked cannot be done; the message is the one line that the user reads."""


def guard(work: Callable[[], int]) -> int:
    """Do a front door's work and return its exit code: for bad input 2, after one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # Where a terminal's encoding has no “×”, a “?” stands, rather than an end with a traceback.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    try:
        try:
            code = work()
        except SystemExit as stop:  # how argparse ends after --help and --version
            code = stop.code if isinstance(stop.code, int) else 0
        tell("", end="")
    except CommandError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:  # `convstudio kernels | head`: the reader has had enough
        return 141
    return code


def tell(text: str, end: str = "\n") -> None:
    """Print on standard output at once; end the program if that cannot be."""
    if sys.stdout is None:
        return
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        # What is still buffered must not fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"standard output cannot be written: {error.strerror}") from error


def complain(text: str) -> None:
    """Print one line on standard error, whatever line ends and control characters a file's name holds."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    if sys.stderr is None:  # closed, or a Windows program without a console
        return
    with contextlib.suppress(OSError):
        print(f"convstudio: {line}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    """Wants options by their whole names, takes negative numbers as values, and raises what is wrong."""

    def __init__(self, **settings: Any) -> None:
        width = min(shutil.get_terminal_size().columns - 2, 100)

        def layout(prog: str) -> argparse.HelpFormatter:
            return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=width)

        super().__init__(allow_abbrev=False, formatter_class=layout, **settings)

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message.removeprefix('argument ')} ({self.prog} --help tells more)")

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments.

        Raises:
            CommandError: they are not understood.
        """
        # A mistyped option is to be named before argparse misses what it should have given.
        known = re.findall(r"--[a-z][a-z0-9-]*", self.format_help())
        for name in (text.partition("=")[0] for text in arguments if re.match(r"--[^\W\d]", text)):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                self.error(f"there is no option {name}" + (f"; did you mean {close[0]}?" if close else ""))
        return self.parse_args(_joined(arguments))


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write ``--bias -1e-3`` as ``--bias=-1e-3``: argparse knows only some negative numbers for values."""
    joined: list[str] = []
    for text in arguments:
        before = joined[-1] if joined else ""
        if before.startswith("--") and "=" not in before and before not in FLAGS and _NEGATIVE.match(text):
            joined[-1] = f"{before}={text}"
        else:
            joined.append(text)
    return joined


class Progress:
    """A percentage on the terminal for what takes longer than half a second."""

    def __enter__(self) -> Self:
        self._seen = sys.stderr is not None and sys.stderr.isatty()
        self._start = time.monotonic()
        self._last = ""
        return self

    def __call__(self, part: float) -> None:
        text = f"\r{part:4.0%}"
        if self._seen and text != self._last and time.monotonic() - self._start > 0.5:
            print(text, end="", file=sys.stderr, flush=True)
            self._last = text

    def __exit__(self, *_: object) -> None:
        if self._last:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
