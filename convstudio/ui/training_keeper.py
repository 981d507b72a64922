"""What a run found: made a part of the project once it rests, offered later, and put into the stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from convstudio.model import PHOTO, Learned, Project
from convstudio.model.learned_text import learned_key
from convstudio.model.training import PairSetup
from convstudio.session.session import Session
from convstudio.ui.training_saved import SAVED, SAVED_CLOSED, saved_result

if TYPE_CHECKING:
    from convstudio.ui.training_control import TrainingControl

_REST_MILLISECONDS = 250
"""How long a step must be shown: looking through the run keeps the one that it ends at, not each."""


class TrainingKeeper(QObject):
    """Keeps what was learned, without a step for undo, and hands it on to the stack, as one."""

    def __init__(self, session: Session, control: TrainingControl) -> None:
        super().__init__(control)
        self._session, self._control = session, control
        self._own: Learned | None = None  # what was learned since the project was opened
        self._taken: object = None  # the stack with what was learned, while that is said
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MILLISECONDS)
        self._timer.timeout.connect(self.keep)

    # --- into the project ---

    @property
    def waiting(self) -> bool:
        """Whether there is something to keep soon."""
        return self._timer.isActive()

    def keep_soon(self) -> None:
        """Keep the step that is shown, once it has been for a while."""
        self._timer.start()

    @Slot()
    def keep(self) -> None:
        """Keep what is shown, of a run that plays too; one that has not begun leaves what there was."""
        self._timer.stop()
        project = self._session.project
        if self._control.result.report is None or not self._control.is_open(project):
            return
        learned = self._control.result.learned(learned_key(project), project.learned)
        if learned is not None:
            self._own = learned
            self._session.keep_learned(learned)  # which does nothing where it is the same again

    def offer(self, there: bool) -> None:
        """Show what was learned before, until another run takes its place; or nothing of it any more."""
        project, result = self._session.project, self._control.result
        learned = project.learned if there else None
        if learned is None:
            if result.saved is not None:
                result.saved = None
                self._control.panel.show_saved(None)
            return
        matches = learned.key == learned_key(project)
        result.saved = learned
        self._control.panel.show_saved(saved_result(learned, matches=matches, own=learned == self._own))

    # --- into the stack ---

    @Slot(str)
    def take(self, which: str = "") -> None:
        """Put what was learned into the stack, as ``TrainingResult`` names it; by default what is shown."""
        which = which or self._shown()
        result, before = self._control.result, self._session.project
        layers, ids = result.layers(which), result.ids(which)
        if layers is None:
            return
        self._control.edits.put_into_stack(layers, ids)
        if self._session.project is before:
            return  # why not was said
        self._control.go_on()
        what = (
            "The stack's layers have the learned weights" if ids else "The learned kernel is the first layer"
        )
        of = "" if which in (SAVED, SAVED_CLOSED) or ids else _origin(before.training.pair)
        self._control.panel.status.say(f"{what} now{of}; undo takes it back.", "good")
        self._taken = self._session.project.layers

    def take_into_layer(self) -> None:
        """Give the selected convolution the learned kernel."""
        layers, selected = self._control.result.layers(self._shown()), self._session.project.selected
        if layers is not None and selected != PHOTO:
            self._control.edits.put_into_layer(layers, selected)
            self._control.go_on()

    def _shown(self) -> str:
        """Return which weights are shown; where nothing could be opened, those that were learned before."""
        result = self._control.result
        if result.frame is not None:
            return self._control.panel.run.result
        return SAVED if result.layers(SAVED) is not None else SAVED_CLOSED

    def note_change(self, project: Project) -> None:
        """Say no longer that it is in the stack once it was taken back."""
        if self._taken is not None and project.layers != self._taken:
            self._taken = None
            self._control.panel.show_place()


def _origin(pair: PairSetup) -> str:
    """Return which files a kernel was learned from; a pair that was made needs no words."""
    if pair.source != "files":
        return ""
    before, after = (re.split(r"[/\\]", path)[-1] for path in (pair.before, pair.after))
    return f", learned from {before} → {after}"
