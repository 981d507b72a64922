"""The command ``run``: a saved stack applied to many pictures, one at a time."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from convstudio.terminal import CommandError, Parser, complain, tell

# NumPy and what needs it are imported where they are used, as in cli.py.
if TYPE_CHECKING:
    from convstudio.layers.base import FloatArray
    from convstudio.model import LayerItem, Project

DESCRIPTION = (
    "Apply the layers of a saved project to pictures, or to all pictures in folders, and write the results\n"
    "into a folder: .png as the window shows them, .tif or .npy with the float values. Results of 1 or 3\n"
    "channels are one file NAME.png, others a file for each channel, NAME_ch00.png, or one .npy. A picture\n"
    "that cannot be read or computed is told and passed over; the exit code then is 2."
)
EXAMPLES = (
    "convstudio run edges.convstudio photos -o results\n"
    '  convstudio run edges.convstudio a.jpg b.jpg --layer "Max pool 2×2 /2" --format npy -o results'
)

_FORMATS = ("png", "tif", "npy")


@dataclass(frozen=True)
class _Job:
    """What is done with every picture."""

    project: Project
    last: LayerItem
    format: str
    view: str
    bits: int
    folder: Path


def add_options(parser: Parser) -> None:
    """Add the options of the command."""
    from convstudio.engine.display import VIEWS

    parser.usage = "convstudio run PROJECT IMAGE… [options] -o FOLDER"
    parser.add_argument("project", metavar="PROJECT", help="a .convstudio file")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="pictures, or folders of pictures")
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="made if it is not there")
    parser.add_argument("--format", metavar="|".join(_FORMATS), help="what to write (default: png)")
    parser.add_argument(
        "--layer",
        metavar="NAME|N",
        help="the layer whose result is written: its name, or its place from 1 (default: the last one)",
    )
    views = ", ".join(view.id for view in VIEWS)
    parser.add_argument("--view", metavar="VIEW", help=f"of a .png: {views} (default: as saved)")
    parser.add_argument("--bits", metavar="8|16", help="of a .png, per channel (default: 8)")


def work(options: argparse.Namespace) -> int:
    """Do the command and return its exit code.

    Raises:
        CommandError: nothing was done: the project, an option or the folder is wrong, or names collide.
    """
    job = _job(options)
    images = _expanded(options.images)
    _check_names(images, job)
    _make_folder(job.folder)
    protected = [os.path.realpath(each) for each in (options.project, *images)]
    failed = 0
    written = _Written(protected)
    with _Bar(len(images)) as bar:
        for image in images:
            bar.next(image.name)
            done = _run_one(image, job, written, bar)
            failed += not done.told
            bar.clear()
            for text in done.complaints:
                complain(text)
            if done.told:
                tell(done.told)
    if failed:
        complain(f"{failed} of {len(images)} pictures could not be done")
    return 2 if failed else 0


# --- before the work ---


def _job(options: argparse.Namespace) -> _Job:
    from convstudio.engine.display import VIEWS
    from convstudio.io.project_file import ProjectError, load_project

    kind = options.format or "png"
    if kind not in _FORMATS:
        raise CommandError(f"--format must be one of {', '.join(_FORMATS)}, got {options.format!r}")
    views = [each.id for each in VIEWS]
    if options.view not in (None, *views):
        raise CommandError(f"--view must be one of {', '.join(views)}, got {options.view!r}")
    if options.bits not in (None, "8", "16"):
        raise CommandError(f"--bits must be 8 or 16, got {options.bits!r}")
    for option in ("view", "bits"):
        if kind != "png" and getattr(options, option) is not None:
            complain(f"--{option} makes no difference: a .{kind} file holds the float values themselves")
    try:
        loaded = load_project(options.project, with_picture=False)
    except ProjectError as error:
        raise CommandError(str(error)) from error
    for note in loaded.notes:
        complain(note)
    last = _layer(loaded.project, options.layer)
    view = options.view or (last.look.view if last.look.view in views else "signed")
    return _Job(loaded.project, last, kind, view, int(options.bits or 8), Path(options.output))


def _layer(project: Project, wanted: str | None) -> LayerItem:
    """Return the layer that is meant by its name, its place or its id; without a word the last one."""
    active = [item for item in project.layers if item.enabled]
    if not active:
        raise CommandError("the project has no layer that is switched on")
    if wanted is None:
        return active[-1]
    named = [
        each for each in project.layers if wanted.casefold() in (each.title.casefold(), each.id.casefold())
    ]
    place = int(wanted) if wanted.isdecimal() and len(wanted) < 4 else 0
    if not named and 1 <= place <= len(project.layers):
        named = [project.layers[place - 1]]
    if len(named) != 1:
        there = ", ".join(f"{n} {each.title}" for n, each in enumerate(project.layers, 1))
        what = "several layers have the name" if named else "there is no layer"
        raise CommandError(f"{what} {wanted!r}; give its place: {there}")
    if not named[0].enabled:
        raise CommandError(f"the layer {named[0].title} is switched off in the project")
    return named[0]


def _expanded(names: Iterable[str]) -> list[Path]:
    """Return the pictures: those that are named, and those in folders that are named, by their endings."""
    from convstudio.io.sniff import SUFFIXES

    found: dict[str, Path] = {}
    for name in names:
        path = Path(name)
        inside = [path]
        if path.is_dir():
            try:
                inside = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
            except OSError as error:
                raise CommandError(f"{name} cannot be read: {error.strerror}") from error
            if not inside:
                raise CommandError(f"there are no pictures in the folder {name}")
        for each in inside:
            found.setdefault(os.path.realpath(each), each)  # a picture that is named twice is done once
    return list(found.values())


def _check_names(images: list[Path], job: _Job) -> None:
    """Tell of results that would have the same name, or that of a picture, before the work."""
    originals = {os.path.realpath(each): each for each in images}
    names: dict[str, Path] = {}
    for image in images:
        target = job.folder / f"{image.stem}.{job.format}"
        before = names.setdefault(target.name.casefold(), image)
        if before is not image:
            raise CommandError(
                f"{before} and {image} would both be written as {target.name}; run them into two folders"
            )
        original = originals.get(os.path.realpath(target))
        if original is not None:
            raise CommandError(f"{original} would be overwritten by a result; choose another folder")


def _make_folder(folder: Path) -> None:
    """Make the folder and try to write there, so that a wrong one is told before the work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise CommandError(f"{folder} is a file, not a folder; choose another name") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is not a possible name"
        raise CommandError(f"the folder {folder} cannot be written: {reason}") from error


# --- the work ---


@dataclass
class _Written:
    """What must not be overwritten: the pictures, the project, and results of this run."""

    protected: list[str]
    names: set[str] = field(default_factory=set)

    def claim(self, path: Path) -> None:
        """Take a name for a result.

        Raises:
            CommandError: it is taken.
        """
        if os.path.realpath(path) in self.protected or path.name.casefold() in self.names:
            raise CommandError(f"its result {path.name} would overwrite another file")
        self.names.add(path.name.casefold())


@dataclass
class _Done:
    """What became of a picture: a line about its result, empty if there is none, and what to complain of."""

    told: str = ""
    complaints: list[str] = field(default_factory=list)


def _run_one(image: Path, job: _Job, written: _Written, bar: _Bar) -> _Done:
    """Do one picture."""
    from convstudio.core import Control
    from convstudio.engine.run_stack import StackError, run_stack
    from convstudio.io.errors import PictureError
    from convstudio.io.images import load_picture

    done = _Done()
    try:
        picture = load_picture(image)
        done.complaints += [f"{image}: {note}" for note in picture.notes]
        output = run_stack(job.project, picture.values, until=job.last.id, control=Control(bar))
        files = list(_targets(image, output, job))
        for path, _ in files:
            written.claim(path)
        for path, values in files:
            _write(path, values, job)
    except PictureError as error:  # which names the file
        done.complaints.append(str(error))
    except (StackError, CommandError) as error:
        done.complaints.append(f"{image}: {error}")
    except MemoryError:
        done.complaints.append(f"{image}: there is not enough memory")
    else:
        channels, height, width = output.shape
        count = f"{channels} channel" + ("s" if channels != 1 else "")
        names = files[0][0].name if len(files) == 1 else f"{files[0][0].name} to {files[-1][0].name}"
        done.told = f"{image}: {names}, {width}×{height} pixels, {count}"
    return done


def _targets(image: Path, output: FloatArray, job: _Job) -> Iterator[tuple[Path, FloatArray]]:
    """Yield the files of a result with their values."""
    channels = output.shape[0]
    if channels in (1, 3) or job.format == "npy":
        yield job.folder / f"{image.stem}.{job.format}", output
        return
    digits = max(2, len(str(channels - 1)))
    for channel in range(channels):
        path = job.folder / f"{image.stem}_ch{channel:0{digits}}.{job.format}"
        yield path, output[channel : channel + 1]


def _write(path: Path, values: FloatArray, job: _Job) -> None:
    from convstudio.engine.display import render_rgb
    from convstudio.io.save import save_result

    def rendered() -> Any:
        return render_rgb(values, job.view, bits=job.bits)

    save_result(path, values, rendered=rendered, bits=job.bits)


class _Bar:
    """A bar on the terminal: how many pictures are done, and which one it is."""

    WIDTH = 24

    def __init__(self, count: int) -> None:
        self._count = count
        self._at = -1
        self._name = ""
        self._seen = sys.stderr is not None and sys.stderr.isatty()
        self._drawn = ""
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def next(self, name: str) -> None:
        """Go on to the next picture."""
        self._at += 1
        self._name = "".join(c if c.isprintable() else "?" for c in name)[:40]
        self._draw(0.0)

    def __call__(self, part: float) -> None:
        """Tell how much of the present picture is done."""
        if time.monotonic() - self._last > 0.05:
            self._draw(part)

    def _draw(self, part: float) -> None:
        filled = int(self.WIDTH * (self._at + part) / self._count)
        text = f"[{'#' * filled}{'.' * (self.WIDTH - filled)}] {self._at + 1}/{self._count} {self._name}"
        if self._seen and text != self._drawn:
            _put(f"\r\033[K{text}")
            self._drawn, self._last = text, time.monotonic()

    def clear(self) -> None:
        """Take the bar away, so that a line can be told."""
        if self._drawn:
            _put("\r\033[K")
            self._drawn = ""


def _put(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
