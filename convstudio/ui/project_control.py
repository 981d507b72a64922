"""The project's file in the window: opening, saving, the title, unsaved changes, work left by a crash."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTemporaryDir, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox

from convstudio.io.project_file import SUFFIX, LoadedProject
from convstudio.io.samples import load_sample
from convstudio.model import Project
from convstudio.session.project_files import ProjectFiles
from convstudio.session.recovery import Recovery

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

FILTER = f"ConvStudio projects (*{SUFFIX})"
UNTITLED = "Untitled"
FIRST_SAMPLE = "still-life"


class ProjectControl(QObject):
    """Owns the project's file; asks where to, and whether to save what would be lost."""

    def __init__(self, window: MainWindow, folder: Path | None) -> None:
        """``folder`` is for what is kept safe; without one nothing is, and nothing is asked about."""
        super().__init__(window)
        self._temporary = None if folder else QTemporaryDir()
        self._window = window
        self._session = window.session
        self.asks = folder is not None
        """Whether unsaved changes are asked about."""
        self._interrupted = False
        self._leaving = False  # the window closes once the project is saved
        self._then: Callable[[], object] | None = None  # what waits for the project to be saved
        self.files = ProjectFiles(self._state, self, folder=folder or self._scratch())
        self._session.project_changed.connect(self.files.note_change)
        self.files.opened.connect(self._opened)
        self.files.saved.connect(self._saved)
        self.files.failed.connect(self._failed)
        self.files.noted.connect(lambda text: self._session.message.emit(text, "warning", "project-note"))
        self.files.dirty_changed.connect(self.show_title)
        self.files.busy_changed.connect(self._tell_busy)

    def _scratch(self) -> Path:
        assert self._temporary is not None
        return Path(self._temporary.path())

    # --- what is ---

    @property
    def title(self) -> str:
        """What the project is called: its file's name."""
        return UNTITLED if self.files.path is None else self.files.path.name

    def _state(self) -> tuple[Project, dict[str, Any]]:
        return self._session.project, self._window.centre.view_state()

    @Slot()
    def show_title(self) -> None:
        """Show the project's name in the window's title, marked while there is something to save."""
        picture = self._session.project.picture.name
        name = picture if self.files.path is None else f"{self.title} · {picture}"
        self._window.setWindowTitle(f"{name}[*] — ConvStudio")
        self._window.setWindowModified(self.files.dirty)

    @Slot(bool)
    def set_interrupted(self, interrupted: bool) -> None:
        """Say that a signal ends the program: nobody is asked, and unsaved work is kept safe."""
        self._interrupted = interrupted

    # --- saving ---

    def save(self) -> None:
        """Write the project to its file, or ask for one."""
        if self.files.path is None:
            self.ask_save_as()
        else:
            self._window.training.keeper.keep()
            self.files.save()

    def ask_save_as(self) -> None:
        """Ask for the file to write the project to."""
        dialog = QFileDialog(self._window, "Save the project", self._window.settings.last_folder)
        dialog.setObjectName("save-project-dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(FILTER)
        dialog.setDefaultSuffix(SUFFIX[1:])
        stem = Path(self._session.project.picture.name).stem
        dialog.selectFile(str(self.files.path or f"{stem}{SUFFIX}"))
        dialog.fileSelected.connect(self._save_to)
        dialog.rejected.connect(self._stay)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _save_to(self, name: str) -> None:
        path = Path(name)
        self._window.settings.last_folder = str(path.parent)
        self._window.training.keeper.keep()
        self.files.save(path)

    @Slot(object)
    def _saved(self, path: Path) -> None:
        self._window.settings.add_recent(path.absolute())
        self.show_title()
        then, self._then = self._then, None
        if then is not None and not self.files.dirty:
            then()
            return
        self._session.message.emit(f"Saved {path.name}.", "info", "project")

    @Slot()
    def _stay(self) -> None:
        self._then = None

    @Slot(str)
    def _failed(self, text: str) -> None:
        self._stay()
        self._session.message.emit(text, "error", "project")

    # --- opening ---

    def new(self) -> None:
        """Begin again with what the program opens with."""
        self._unless_lost(self._begin)

    def _begin(self) -> None:
        project = Project.first(load_sample(FIRST_SAMPLE))
        self.files.start(project)
        self._session.start(project)
        self.show_title()

    def ask_open(self) -> None:
        """Ask for a project's file and open it."""
        dialog = QFileDialog(self._window, "Open a project", self._window.settings.last_folder)
        dialog.setObjectName("open-project-dialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([FILTER, "All files (*)"])
        dialog.fileSelected.connect(lambda name: self.open(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def open(self, path: Path) -> None:
        """Open a project's file, after what would be lost is saved or given up."""
        self._window.settings.last_folder = str(path.parent)
        self._unless_lost(partial(self.files.open, path))

    @Slot(object, object)
    def _opened(self, loaded: LoadedProject, path: Path | None) -> None:
        self._session.start(loaded.project)
        self._window.centre.show_view_state(loaded.view)
        if path is not None and path.exists():
            self._window.settings.add_recent(path.absolute())
        self.show_title()
        for topic in ("open", "note", "project", "project-note"):  # of what was there before
            self._window.message_bar.clear(topic)
        if loaded.picture_problem is not None:
            choose = ("Choose a picture…", self._window.exchange.ask_open)
            text = f"{loaded.picture_problem} A grey one stands in for it; saving keeps where it was."
            self._window.message_bar.show_message(text, "warning", choose, topic="project-picture")

    # --- where the picture is ---

    def embed(self, embed: bool) -> None:
        """Put the picture into the project's file, or only where it lies."""
        self.files.embed = embed

    # --- what would be lost ---

    def _unless_lost(self, go_on: Callable[[], object]) -> None:
        """Go on at once if nothing is lost by it, else after the user has decided."""
        if not self.files.dirty or not self.asks:
            go_on()
            return
        box = QMessageBox(self._window)
        box.setObjectName("unsaved-changes")
        box.setWindowTitle("ConvStudio")
        box.setText(f"Save the changes to {self.title}?")
        box.setInformativeText("Without saving they are lost.")
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        box.button(buttons.Save).clicked.connect(lambda: self._save_first(go_on))
        box.button(buttons.Discard).clicked.connect(go_on)
        box.finished.connect(box.deleteLater)
        box.open()

    def _save_first(self, go_on: Callable[[], object]) -> None:
        self._then = go_on
        self.save()

    def may_close(self) -> bool:
        """Return whether the window may close now; if not, it is closed again once that is decided."""
        if self._leaving or self._interrupted or not self.asks or not self.files.dirty:
            return True
        if self._window.findChild(QMessageBox, "unsaved-changes") is None:
            self._unless_lost(self._leave)
        return False

    def _leave(self) -> None:
        self._leaving = True
        self._window.close()

    # --- work that was left ---

    def offer_recovery(self) -> None:
        """Offer work that a program left which was not closed in order."""
        left = self.files.recoverable()
        if not left:
            return
        text = f"ConvStudio ended unexpectedly. “{left[0].title}”, as of {_time(left[0])}, was kept safe."
        if len(left) > 1:
            text += f" {len(left) - 1} more are in the menu File, Unsaved Work."
        back = ("Bring it back", partial(self.recover, left[0]))
        self._window.message_bar.show_message(text, "warning", back, topic="recovery")

    def recover(self, recovery: Recovery) -> None:
        """Open work that was left; the present project is asked about first."""
        self._window.message_bar.clear("recovery")
        self._unless_lost(partial(self.files.recover, recovery))

    def fill_menu(self, menu: Any) -> None:
        """List the work that was left in a menu, and what deletes it."""
        menu.clear()
        left = self.files.recoverable()
        for recovery in left:
            text = f"{recovery.title.replace('&', '&&')}, {_time(recovery)}"
            menu.addAction(text, partial(self.recover, recovery))
        if left:
            menu.addSeparator()
            menu.addAction("Delete All of It", partial(self._discard, left))
        else:
            menu.addAction("There is none").setEnabled(False)

    def _discard(self, left: list[Recovery]) -> None:
        for recovery in left:
            self.files.discard(recovery)

    @Slot(bool, str)
    def _tell_busy(self, busy: bool, name: str) -> None:
        if busy:
            self._window.slow.started("project", f"{name}…", None)
        else:
            self._window.slow.finished("project")

    def close(self) -> None:
        """Finish the file that is being written, and end the workers."""
        self.files.close(keep=self._interrupted)


def _time(recovery: Recovery) -> str:
    return f"{recovery.when:%d %b %Y, %H:%M}"


def is_project(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is a project."""
    return Path(path).suffix.lower() == SUFFIX
