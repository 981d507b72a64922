"""Project files: plain JSON text where that is enough, else a zip file of text, picture and arrays."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.io.atomic import Bytes, atomic_write
from convstudio.io.errors import PictureError, cannot_open, cannot_save, shown
from convstudio.io.npy_numbers import numbers_of, numbers_pieces
from convstudio.io.project_picture import (
    FoundPicture,
    StandIn,
    embedded_entry,
    find_picture,
    moved_entry,
    reference_entry,
    stand_in,
)
from convstudio.io.project_zip import MAX_TOTAL, SIGNATURE, ProjectZip, zip_pieces
from convstudio.io.sniff import sniff
from convstudio.model import Picture, Project
from convstudio.model.json_text import JsonError, clipped, read_json
from convstudio.model.serialize import (
    Kept,
    ProjectError,
    check_header,
    holds_unknown,
    read_project,
    write_project,
)

__all__ = [
    "SUFFIX",
    "LoadedProject",
    "Origin",
    "ProjectError",
    "load_project",
    "peek_project",
    "save_project",
]

SUFFIX = ".convstudio"
MAX_TEXT = 1 << 26
"""Bytes of the document's text."""

_DOCUMENT = "project.json"


@dataclass(frozen=True, eq=False)
class Origin:
    """What the file that a project was read from holds beyond the project; saving writes it again.

    Attributes:
        kept: what this program does not understand of the document.
        parts: members of the zip file that nothing of the known refers to.
        stand_in: the grey picture in place of one that was not found, and what the file says of that one.
    """

    kept: Kept = field(default_factory=Kept)
    parts: Mapping[str, bytes] = field(default_factory=dict)
    stand_in: StandIn | None = None


@dataclass(frozen=True, eq=False)
class LoadedProject:
    """A project that was read from a file.

    Attributes:
        project: its picture is an even grey if the real one was not found.
        view: what the window handed over when the project was saved.
        origin: to be handed back when it is saved again.
        embedded: whether the file holds the picture, rather than where it lies.
        picture_problem: why the picture is missing, a sentence; None if it is there.
        notes: whole sentences about what this program does not know or what has changed.
    """

    project: Project
    view: dict[str, Any]
    origin: Origin
    embedded: bool
    picture_problem: str | None = None
    notes: tuple[str, ...] = ()


# --- saving ---


def save_project(
    path: str | os.PathLike[str],
    project: Project,
    view: Mapping[str, Any],
    *,
    embed: bool,
    origin: Origin | None = None,
) -> tuple[str, ...]:
    """Write a project in one step; on any failure what was there before stays whole.

    Args:
        path: of the file; pictures are named as seen from its folder.
        project: what is written; files of a training's pair that lie in the folder of ``path``, or below,
            are named as seen from there, and all others by their whole paths.
        view: JSON-able, for the window that opens the file.
        embed: whether the picture is put into the file; one that lies in no file is in any case.
        origin: of the file that the project was read from.

    Returns:
        Whole sentences about what is not as it was asked for.

    Raises:
        ProjectError: it cannot be written; the text says why and what to do.
    """
    name = shown(path)
    try:
        pieces, notes = _pieces(project, view, Path(os.path.abspath(path)).parent, embed, origin or Origin())
        atomic_write(path, pieces)
    except OSError as error:
        raise ProjectError(str(cannot_save(name, error))) from error
    except MemoryError:
        raise ProjectError(f"{name} was not saved: there is not enough memory.") from None
    except (ProjectError, PictureError) as error:
        raise ProjectError(f"{name} was not saved: {error}".rstrip(".") + ".") from error
    except ValueError as error:
        if "\0" in os.fspath(path):
            raise ProjectError(f"{name} was not saved: this is not a possible name of a file.") from error
        raise
    return notes


def _pieces(
    project: Project, view: Mapping[str, Any], folder: Path, embed: bool, origin: Origin
) -> tuple[Iterator[Bytes], tuple[str, ...]]:
    """Return the content of a project's file, and what is to be told about it."""
    entry, members, notes = _picture_entry(project.picture, folder, embed, origin.stand_in)
    project = _with_pair_files(project, lambda file: _inside(file, folder))
    keeps = holds_unknown(project, origin.kept)
    kept_parts: dict[str, Sequence[Bytes]] = {
        name: [data] for name, data in origin.parts.items() if keeps and name not in members
    }
    taken = {_array_of(name) for name in kept_parts}
    text, arrays = write_project(project, view, entry, origin.kept, taken)
    data = text.encode("utf-8")
    if len(data) > MAX_TEXT:
        raise ProjectError(f"its text would be longer than {MAX_TEXT >> 20} MB")
    members.update((_member_of(name), numbers_pieces(values)) for name, values in arrays.items())
    members.update(kept_parts)
    if not members:
        return iter((data,)), notes
    return zip_pieces({_DOCUMENT: [data], **members}), notes


def _picture_entry(
    picture: Picture, folder: Path, embed: bool, missing: StandIn | None
) -> tuple[dict[str, Any], dict[str, Sequence[Bytes]], tuple[str, ...]]:
    if missing is not None and missing.picture is picture:
        return moved_entry(missing, folder), {}, ()
    reference = None if embed else reference_entry(picture, folder)
    if reference is not None:
        return reference, {}, ()
    notes: tuple[str, ...] = ()
    if not embed:
        why = "lies in no file" if picture.path is None else "is no longer where it was"
        notes = (f"{picture.name} {why}, so it was put into the project.",)
    entry, part, pieces = embedded_entry(picture)
    return entry, {part: pieces}, notes


def _with_pair_files(project: Project, change: Callable[[str], str]) -> Project:
    """Return a project in which the files of its training's pair are named in another way."""
    pair = project.training.pair
    if not pair.before and not pair.after:
        return project
    before, after = (file and change(file) for file in (pair.before, pair.after))
    changed = replace(pair, before=before, after=after)
    return replace(project, training=replace(project.training, pair=changed))


def _inside(file: str, folder: Path) -> str:
    """Return the path of a file from a folder that it lies in, else the whole path."""
    whole = os.path.normpath(os.path.join(folder, file))
    try:
        relative = os.path.relpath(whole, folder)
    except ValueError:  # on another drive
        return Path(whole).as_posix()
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return Path(whole if outside else relative).as_posix()


def _member_of(array: str) -> str:
    return f"arrays/{array}.npy"


def _array_of(member: str) -> str:
    return member.removeprefix("arrays/").removesuffix(".npy")


# --- loading ---


def load_project(
    path: str | os.PathLike[str], *, with_picture: bool = True, control: Control | None = None
) -> LoadedProject:
    """Read a project; what kind of file it is, its content decides.

    Without its picture, which then is a single grey pixel, the layers are read alone; such a project is for
    computing, not for saving again.

    Raises:
        ProjectError: it cannot be read; the text says why and what to do.
        Cancelled: by the control.
    """
    name, folder = shown(path), Path(os.path.abspath(path)).parent
    with _telling(name), _opened(path) as (file, size):
        content = _Content(file, size)
        found: list[FoundPicture] = []

        def picture(entry: dict[str, Any]) -> Picture:
            if with_picture:
                found.append(find_picture(entry, folder, content.part, control))
            else:
                found.append(FoundPicture(stand_in("", (1, 1, 1))))
            return found[0].picture

        document = read_project(content.text, picture, content.array)
        keeps = with_picture and holds_unknown(document.project, document.kept)
        return LoadedProject(
            _with_pair_files(document.project, lambda file: os.path.normpath(os.path.join(folder, file))),
            document.view,
            Origin(document.kept, content.rest() if keeps else {}, found[0].stand_in),
            found[0].embedded,
            found[0].problem,
            document.notes + found[0].notes,
        )


def peek_project(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a project's document alone, as JSON; only that it is one is checked.

    Raises:
        ProjectError: it cannot be read.
    """
    with _telling(shown(path)), _opened(path) as (file, size):
        document: dict[str, Any] = read_json(_Content(file, size).text)
        check_header(document)
        return document


@contextmanager
def _telling(name: str) -> Iterator[None]:
    try:
        yield
    except (ProjectError, JsonError) as error:
        raise ProjectError(f"{name} cannot be opened: {error}".rstrip(".") + ".") from error
    except MemoryError:
        raise ProjectError(f"{name} cannot be opened: there is not enough memory.") from None
    except OSError as error:
        raise ProjectError(str(cannot_open(name, error))) from error


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """Open an ordinary file of a possible size."""
    try:
        info = os.stat(path)
    except ValueError:  # a zero byte in the path
        raise ProjectError("this is not a possible name of a file") from None
    if stat.S_ISDIR(info.st_mode):
        raise ProjectError("it is a folder; choose a project inside it")
    if not stat.S_ISREG(info.st_mode):
        raise ProjectError("it is a device or a pipe, not a file")
    if info.st_size > MAX_TOTAL:
        raise ProjectError(f"it is {info.st_size / 1e9:.1f} GB large, more than a project can be")
    with open(path, "rb") as file:
        yield file, info.st_size


class _Content:
    """The text of an open project file and its parts; it remembers which of these were asked for."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.used: set[str] = set()
        start = file.read(4096)
        if not start:
            raise ProjectError("it is empty (0 bytes)")
        self._zip = ProjectZip(file, size) if start.startswith(SIGNATURE) else None
        if self._zip is not None:
            data = self.part(_DOCUMENT, MAX_TEXT)
        else:
            _check_start(start)
            if size > MAX_TEXT:
                raise ProjectError(f"its text is longer than {MAX_TEXT >> 20} MB")
            data = start + file.read(size - len(start))
        try:
            self.text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ProjectError("its text is damaged: it is not UTF-8") from None

    def part(self, name: str, most: int = MAX_TOTAL) -> bytes:
        if self._zip is None:
            raise ProjectError(f"its part {clipped(name)} is missing")
        self.used.add(name)
        return self._zip.read(name, most)

    def array(self, name: str) -> NDArray[Any]:
        try:
            return numbers_of(self.part(_member_of(name)), f"its part {clipped(name)}")
        except PictureError as error:
            raise ProjectError(str(error).rstrip(".")) from error

    def rest(self) -> dict[str, bytes]:
        """Return the parts that nobody asked for."""
        names = [] if self._zip is None else self._zip.names
        return {name: self.part(name) for name in names if name not in self.used}


def _check_start(start: bytes) -> None:
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return
    try:
        kind = sniff(start, "it")
    except PictureError:
        raise ProjectError("it is not a ConvStudio project") from None
    raise ProjectError(f"it is a picture ({kind}) and not a project; open it as a picture")
