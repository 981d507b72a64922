"""Projects in and out of files: saving, opening, whether there is anything to save, and work kept safe."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from convstudio.core import Control
from convstudio.engine.display import VIEWS
from convstudio.io.project_file import LoadedProject, Origin, ProjectError, load_project, save_project
from convstudio.model import Look, Project
from convstudio.model.serialize import plain
from convstudio.session.recovery import (
    Recovery,
    RecoveryStore,
    Whereabouts,
    load_recovery,
    recovery_folder,
)
from convstudio.session.runner import LatestWins

AUTOSAVE_SECONDS = 45.0
"""How long after a change the work is kept safe; with the writing that stays below a minute."""

State = Callable[[], tuple[Project, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class _Saved:
    """A file that was written, and what went into it."""

    path: Path
    project: Project
    embed: bool
    notes: tuple[str, ...]
    epoch: int


@dataclass(frozen=True, eq=False)
class _Opened:
    """A file that was read, and the safe copy that it was, if any."""

    loaded: LoadedProject
    path: Path | None
    recovery: Recovery | None


@dataclass(frozen=True, eq=False)
class _Request:
    """Something to do on the worker."""

    name: str
    work: Callable[[Control], _Saved | _Opened]
    saves: bool


class ProjectFiles(QObject):
    """Owns the project's file: where it is, what it held, and the copy that survives a crash.

    A file that is to be written is always written: what is asked for meanwhile waits. Of several files to
    open only the last is opened, and none if the present project is saved after all. The owner connects its
    own signal of a changed project to ``note_change``.

    Args:
        state: returns the present project and the window's view, on this object's thread.
        parent: of the object.
        folder: for safe copies; the user's own by default.
        autosave_seconds: after a change; tests are less patient.
    """

    saved = Signal(object)  # Path
    opened = Signal(object, object)  # LoadedProject, Path or None for recovered work that was never saved
    failed = Signal(str)  # why, in the user's words
    noted = Signal(str)  # what is not as the user may think, a sentence
    dirty_changed = Signal(bool)
    busy_changed = Signal(bool, str)  # busy, the file's name

    def __init__(
        self,
        state: State,
        parent: QObject | None = None,
        *,
        folder: Path | None = None,
        autosave_seconds: float = AUTOSAVE_SECONDS,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._path: Path | None = None
        self._embed = True
        self._origin: Origin | None = None
        self._baseline: Project | None = state()[0]
        self._baseline_embed = True
        self._dirty = False
        self._epoch = 0  # a new number for each project that takes the place of another
        self._request: _Request | None = None
        self._waiting: deque[_Request] = deque()
        self._went_well = True
        self._worker = LatestWins("convstudio-project", self)
        self._worker.done.connect(self._done)
        self._worker.failed.connect(self._not_done)
        self._store = RecoveryStore(folder or recovery_folder())
        self._safe: Project | None = None
        self._replaced: Recovery | None = None
        self._complained = False
        self._keeper = LatestWins("convstudio-autosave", self)
        self._keeper.done.connect(self._kept)
        self._keeper.failed.connect(self._not_kept)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(int(autosave_seconds * 1000))
        self._timer.timeout.connect(self.autosave)

    # --- what is ---

    @property
    def path(self) -> Path | None:
        """Where the project was opened from or saved to last; None for a new one."""
        return self._path

    @property
    def dirty(self) -> bool:
        """Whether the project differs from its file: in picture, layers, names, switches or the training.

        Which layer is selected and how results are looked at is saved too, but is no reason to ask.
        """
        return self._dirty

    @property
    def busy(self) -> bool:
        """Whether a file is being written or read."""
        return self._worker.busy or bool(self._waiting)

    @property
    def embed(self) -> bool:
        """Whether the picture is put into the project's file, rather than where it lies."""
        return self._embed

    @embed.setter
    def embed(self, embed: bool) -> None:
        self._embed = embed
        self.note_change()

    # --- changes ---

    @Slot()
    def note_change(self) -> None:
        """Look at the present project: is there anything to save, and to keep safe?"""
        project, _ = self._state()
        dirty = not _same(project, self._baseline) or self._embed != self._baseline_embed
        if dirty and not _same(project, self._safe):
            if not self._timer.isActive():  # so that a steady stream of changes does not put it off
                self._timer.start()
        else:
            self._timer.stop()
        if self._dirty and not dirty:
            self._forget_copy()
        if dirty != self._dirty:
            self._dirty = dirty
            self.dirty_changed.emit(dirty)

    def start(self, project: Project) -> None:
        """Begin a new project, which has no file yet."""
        self._take_over(project, None, True, None)

    def _take_over(
        self, project: Project | None, path: Path | None, embed: bool, origin: Origin | None
    ) -> None:
        self._path, self._embed, self._origin = path, embed, origin
        self._baseline, self._baseline_embed = project, embed
        self._safe = None
        self._epoch += 1

    # --- saving and opening ---

    def save(self, path: Path | None = None) -> None:
        """Write the present project, to where it was if no other place is given.

        Raises:
            ValueError: it has no place yet.
        """
        target = path or self._path
        if target is None:
            raise ValueError("a new project needs a path to be saved to")
        project, view = self._state()
        fixed, embed, origin, epoch = plain(view), self._embed, self._origin, self._epoch

        def work(_control: Control) -> _Saved:
            notes = save_project(target, project, fixed, embed=embed, origin=origin)
            return _Saved(target, project, embed, notes, epoch)

        self._ask(_Request(target.name, work, saves=True))

    def open(self, path: Path) -> None:
        """Read a project; ``opened`` hands it over, or ``failed`` says why not and nothing changes."""

        def work(control: Control) -> _Opened:
            return _Opened(_with_known_views(load_project(path, control=control)), path, None)

        self._ask(_Request(path.name, work, saves=False))

    def recoverable(self) -> list[Recovery]:
        """Return the work that programs left which were not closed, newest first."""
        return self._store.leftovers()

    def recover(self, recovery: Recovery) -> None:
        """Open work that was left; it counts as not saved, and its copy goes once there is a new one."""

        def work(control: Control) -> _Opened:
            loaded, path = load_recovery(recovery.path, control)
            return _Opened(_with_known_views(loaded), path, recovery)

        self._ask(_Request(recovery.title, work, saves=False))

    def discard(self, recovery: Recovery) -> None:
        """Delete work that was left."""
        self._store.discard(recovery)

    def finish(self) -> bool:
        """Wait for the files that are being written or read; return whether the last one went well."""
        while self._worker.busy:
            self._worker.finish()
        return self._went_well

    def close(self, *, keep: bool = False) -> None:
        """Finish what is being written and end the workers.

        The safe copy goes: the user has decided. With ``keep`` nobody was asked; unsaved work is kept safe
        to be offered the next time.
        """
        self._timer.stop()
        if keep:
            self.autosave()
        while self._request is not None and self._request.saves:
            self._worker.finish()
        self._worker.close()
        self._keeper.close(finish=keep)
        if keep and self._dirty:
            self._store.close(keep=True)
            return
        if self._replaced is not None:
            self._store.discard(self._replaced)
        self._store.close()

    def _ask(self, request: _Request) -> None:
        dropped = [each for each in self._waiting if not each.saves]
        self._waiting = deque(each for each in self._waiting if each.saves)
        if self._request is not None and self._request.saves:
            self._waiting.append(request)
        else:
            dropped += [] if self._request is None else [self._request]
            self._begin(request)
        if request.saves:
            for each in dropped:
                self.noted.emit(f"{each.name} was not opened: the present project is saved first.")

    def _begin(self, request: _Request) -> None:
        self._request = request
        self._worker.submit(request.work)
        self.busy_changed.emit(True, request.name)

    def _next(self) -> None:
        """Go on to what waits, after what was asked is done."""
        self._request = None
        if self._waiting:
            self._begin(self._waiting.popleft())
        else:
            self.busy_changed.emit(False, "")

    @Slot(object)
    def _done(self, result: _Saved | _Opened) -> None:
        self._went_well = True
        self._next()
        if isinstance(result, _Saved):
            if result.epoch == self._epoch:  # else another project was begun meanwhile
                self._path, self._baseline, self._baseline_embed = result.path, result.project, result.embed
                self.note_change()
            self.saved.emit(result.path)
            notes = result.notes
        else:
            loaded, recovery = result.loaded, result.recovery
            project = loaded.project if recovery is None else None
            self._take_over(project, result.path, loaded.embedded, loaded.origin)
            self.opened.emit(loaded, result.path)
            self.note_change()
            if recovery is not None:
                self._replaced = recovery
                self.autosave()
            notes = loaded.notes
        for note in notes:
            self.noted.emit(note)

    @Slot(object)
    def _not_done(self, error: Exception) -> None:
        self._went_well = False
        name = "" if self._request is None else self._request.name
        self._next()
        if isinstance(error, ProjectError):
            self.failed.emit(str(error))
            return
        self.failed.emit(f"{name} could not be saved or opened: {error}")
        raise error  # a defect of ours: the exception hook logs it with its traceback

    # --- keeping safe ---

    @Slot()
    def autosave(self) -> None:
        """Keep the present work safe now, if it is not saved."""
        if not self._dirty:
            return
        project, view = self._state()
        fixed, where, origin = plain(view), Whereabouts(self._path, self._embed), self._origin
        store = self._store

        def work(_control: Control) -> Project:
            store.write(project, fixed, where, origin)
            return project

        self._keeper.submit(work)

    @Slot(object)
    def _kept(self, project: Project | None) -> None:
        self._safe = project
        self._complained = False
        if project is not None and self._replaced is not None:
            self._store.discard(self._replaced)
            self._replaced = None
        self.note_change()

    @Slot(object)
    def _not_kept(self, error: Exception) -> None:
        if not self._complained:  # once, and not every minute
            self._complained = True
            self.failed.emit(f"The work cannot be kept safe meanwhile: {error}")
        self._timer.start()
        if not isinstance(error, ProjectError):
            raise error

    def _forget_copy(self) -> None:
        """Delete the safe copy, after one that may just be written."""
        store = self._store

        def work(_control: Control) -> None:
            store.remove()

        self._keeper.submit(work)


def _same(project: Project, other: Project | None) -> bool:
    """Whether two projects have the same content, however they are looked at."""
    if other is None or project.picture is not other.picture or len(project.layers) != len(other.layers):
        return False
    return (project.training, project.learned) == (other.training, other.learned) and all(
        (ours.id, ours.name, ours.enabled) == (theirs.id, theirs.name, theirs.enabled)
        and ours.layer == theirs.layer
        for ours, theirs in zip(project.layers, other.layers, strict=True)
    )


def _with_known_views(loaded: LoadedProject) -> LoadedProject:
    """Return a project whose layers are looked at in ways that there are."""
    known = {view.id for view in VIEWS}
    wrong = [item for item in loaded.project.layers if item.look.view not in known]
    if not wrong:
        return loaded
    project = loaded.project
    for item in wrong:
        project = project.with_item(item.id, look=Look(Look().view, item.look.channel))
    note = f"There is no display view “{wrong[0].look.view}” in this program; the layer is shown signed."
    return dataclasses.replace(loaded, project=project, notes=(*loaded.notes, note))
