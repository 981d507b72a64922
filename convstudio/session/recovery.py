"""Work kept safe beside the user's own files: one file for each running program, offered back after a crash.

A program holds a lock on its file for as long as it runs. A file whose lock nobody alive holds was left by a
crash; who finds it takes the lock over, so that of two windows only one offers it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile, QStandardPaths

from convstudio.core import Control
from convstudio.io.project_file import (
    SUFFIX,
    LoadedProject,
    Origin,
    ProjectError,
    load_project,
    peek_project,
    save_project,
)
from convstudio.model import Project

_OLD_TEMPORARY = 3600.0  # seconds after which an unfinished file is nobody's any more


def recovery_folder() -> Path:
    """Return where the program keeps work safe, for this user."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
    return Path(place) / "recovery"


@dataclass(frozen=True)
class Recovery:
    """Work that a program left when it ended without being closed.

    Attributes:
        path: of the file that holds it.
        project_path: where the user had saved it before, if anywhere.
        when: it was last kept safe.
    """

    path: Path
    project_path: Path | None
    when: datetime

    @property
    def title(self) -> str:
        """What the user knows it as."""
        return "Unsaved project" if self.project_path is None else self.project_path.name


@dataclass(frozen=True)
class Whereabouts:
    """What a safe copy remembers of the project beside its content."""

    path: Path | None = None
    embed: bool = True

    def wrapped(self, project: Project, view: Mapping[str, Any]) -> dict[str, Any]:
        """Return the view of the safe copy, which carries this along."""
        picture = project.picture.path
        return {
            "recovery": {
                "path": None if self.path is None else str(self.path),
                "embed": self.embed,
                "picture": None if picture is None else str(picture),
            },
            "view": view,
        }


class RecoveryStore:
    """The folder of safe copies: this program's own, which may be written on a worker, and those left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self._lock: QLockFile | None = None
        self._claimed: dict[Path, QLockFile] = {}

    @property
    def path(self) -> Path:
        """The file that this program keeps its work in, whether it is there or not."""
        return self._own

    # --- this program's ---

    def write(
        self, project: Project, view: Mapping[str, Any], where: Whereabouts, origin: Origin | None
    ) -> None:
        """Keep work safe; the picture goes into the file, since the original may vanish.

        Raises:
            ProjectError: the copy cannot be written.
        """
        if self._lock is None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ProjectError(f"{self._folder} cannot be made: {error.strerror}.") from error
            self._lock = _try_lock(self._own)
            if self._lock is None:
                raise ProjectError(f"no file can be written in {self._folder}.")
        save_project(self._own, project, where.wrapped(project, view), embed=True, origin=origin)

    def remove(self) -> None:
        """Delete this program's copy: the work is saved, or not wanted."""
        with contextlib.suppress(OSError):
            self._own.unlink(missing_ok=True)

    def close(self, *, keep: bool = False) -> None:
        """Delete this program's copy and let go of all locks; what others left stays for the next time.

        With ``keep`` the copy stays too.
        """
        if not keep:
            self.remove()
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None
        for lock in self._claimed.values():
            lock.unlock()
        self._claimed.clear()

    # --- what was left ---

    def leftovers(self) -> list[Recovery]:
        """Return the work that was left, newest first; it is this program's to offer from now on."""
        found: list[Recovery] = []
        with contextlib.suppress(OSError):
            self._sweep()
            others = [path for path in self._folder.glob(f"*{SUFFIX}") if path != self._own]
            found += [_described(path) for path in others if self._claim(path)]
        return sorted(found, key=lambda each: each.when, reverse=True)

    def discard(self, recovery: Recovery) -> None:
        """Delete work that was left."""
        with contextlib.suppress(OSError):
            recovery.path.unlink(missing_ok=True)
        lock = self._claimed.pop(recovery.path, None)
        if lock is not None:
            lock.unlock()

    def _claim(self, path: Path) -> bool:
        """Take over the lock of a file unless somebody alive holds it."""
        if path in self._claimed:
            return True
        lock = _try_lock(path)
        if lock is None:
            return False
        if not path.exists():  # another window discarded it just now
            lock.unlock()
            return False
        self._claimed[path] = lock
        return True

    def _sweep(self) -> None:
        """Remove what crashes leave besides: locks without a file, files that were not finished."""
        for each in self._folder.glob("*.lock"):
            path = each.with_suffix(SUFFIX)
            if path != self._own and not path.exists():
                lock = _try_lock(path)
                if lock is not None:
                    lock.unlock()
        for each in self._folder.glob(".convstudio-*.tmp"):
            if time.time() - each.stat().st_mtime > _OLD_TEMPORARY:
                each.unlink(missing_ok=True)


def _try_lock(path: Path) -> QLockFile | None:
    lock = QLockFile(str(path.with_suffix(".lock")))
    lock.setStaleLockTime(0)  # however long the program runs; a dead one's lock is taken over all the same
    return lock if lock.tryLock(0) else None


def _described(path: Path) -> Recovery:
    when = datetime.fromtimestamp(path.stat().st_mtime)
    try:
        view = peek_project(path).get("view")
    except ProjectError:  # opening it will say what is wrong with it
        view = None
    return Recovery(path, _unwrapped(view)[0].path, when)


def _unwrapped(view: Any) -> tuple[Whereabouts, Path | None, dict[str, Any]]:
    """Return what a safe copy's view carries: where the project was, and its picture, and the real view."""
    known = view.get("recovery") if isinstance(view, dict) else None
    known = known if isinstance(known, dict) else {}
    path, picture = known.get("path"), known.get("picture")
    inner = view.get("view") if isinstance(view, dict) else None
    where = Whereabouts(Path(path) if isinstance(path, str) else None, known.get("embed") is not False)
    return (
        where,
        Path(picture) if isinstance(picture, str) else None,
        inner if isinstance(inner, dict) else {},
    )


def load_recovery(path: Path, control: Control | None = None) -> tuple[LoadedProject, Path | None]:
    """Read a safe copy as the project that it is a copy of, and where that was saved.

    Raises:
        ProjectError: it cannot be read.
        Cancelled: by the control.
    """
    loaded = load_project(path, control=control)
    where, picture_path, view = _unwrapped(loaded.view)
    project = loaded.project
    if loaded.embedded and picture_path is not None:
        picture = dataclasses.replace(project.picture, path=picture_path)
        project = project.with_picture(picture)
    return dataclasses.replace(loaded, project=project, view=view, embedded=where.embed), where.path
