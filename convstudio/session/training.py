"""The training of a project in the background: opened, played, paused, scrubbed, asked."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from convstudio.core import Control
from convstudio.io.images import load_picture
from convstudio.learn.lab import Lab, open_lab, solve_lab
from convstudio.learn.least_squares import LeastSquares
from convstudio.learn.stable import StableRate
from convstudio.model import Picture, Project
from convstudio.session.training_bench import Opened, Opener, Question
from convstudio.session.training_frame import report_of
from convstudio.session.training_loop import TrainingLoop
from convstudio.session.training_outbox import Event

SOLVE = "solve"
RATE = "rate"

_MOST_KEPT = 4  # pictures of files that were read for earlier openings

Key = tuple[object, ...]


def training_key(project: Project) -> Key:
    """Return what a training depends on, but for the content of files; the same key, the same run.

    That is the setup, and where they have a part in it the picture and the layers that are switched on.
    """
    setup = project.training
    source, stack = setup.pair.source, setup.student.kind == "stack"
    picture = project.picture if source in ("kernel", "stack") else None
    layers = (
        tuple((item.id, item.layer) for item in project.layers if item.enabled)
        if stack or source == "stack"
        else ()
    )
    return setup, picture, layers


class Training(QObject):
    """Owns the thread that trains. Requests return at once; what comes of them is told by signals.

    A project is opened before anything else, and again whenever its ``training_key`` is another; where it is
    not, the run that there is goes on. Opening another one, or going to a step, pauses.
    """

    opened = Signal(object)  # TrainingReport; a frame follows
    refused = Signal(str)  # why it cannot be opened, or a step not be taken; what was open stays to be seen
    frame = Signal(object)  # TrainingFrame
    moving = Signal()  # another step, or another lab, is asked for: a question that can wait gives way
    playing_changed = Signal(bool)
    busy_changed = Signal(bool)  # with anything but playing on
    preparing_changed = Signal(bool)  # what steps go by is made, once: no step and no frame comes before
    progressed = Signal(float)  # 0–1, of opening, preparing, a step that takes long, going to one, an answer
    stopped = Signal(object)  # Stop, after the frame of the step where the training stands now
    solved = Signal(object)  # LeastSquares
    solve_failed = Signal(str)
    rate_found = Signal(object)  # StableRate
    rate_failed = Signal(str)
    answered = Signal(str, object)  # topic of another question, what it returned
    unanswered = Signal(str, str)  # topic, why
    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._files = PictureFiles()
        self._told_playing = self._told_busy = self._told_preparing = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._loop = TrainingLoop(self._arrived.emit, "convstudio-training")

    @property
    def playing(self) -> bool:
        """Whether one step follows the other."""
        return self._loop.playing

    @property
    def busy(self) -> bool:
        """Whether something that was asked for, other than playing, is not done or not told yet."""
        return self._loop.busy

    # --- requests ---

    def open(self, project: Project, base: Path | None = None) -> None:
        """Open the training that a project is set up for, at its start.

        Args:
            project: it stays as it is.
            base: the folder that paths of the pair's files start from, where they are not absolute.
        """
        self.moving.emit()
        self._loop.open(self.opener(project, base))
        self._tell()

    def opener(self, project: Project, base: Path | None) -> Opener:
        """Return what opens the training of a project on the worker."""
        files = self._files

        def work(known: Opened | None, control: Control) -> Opened:
            before = after = None
            pair = project.training.pair
            if pair.source == "files":
                before, after = (files.read(path, base, control) for path in (pair.before, pair.after))
            key = (training_key(project), before, after)
            if known is not None and known.key == key:
                return known
            lab = open_lab(project.training, project, before, after, control)
            notes = [f"{each.name}: {note}" for each in (before, after) if each for note in each.notes]
            return Opened(lab, report_of(lab, project, tuple(notes)), key)

        return work

    @Slot()
    def play(self) -> None:
        """Take one step after the other, until the run ends or something else is asked for."""
        self.moving.emit()
        self._loop.play()
        self._tell()

    @Slot()
    def pause(self) -> None:
        """Stay at the present step; one that has begun is given up."""
        self._loop.pause()
        self._tell()

    @Slot()
    def cancel(self) -> None:
        """Give up whatever goes on, opening and answering too; what is open stays as it is."""
        self._loop.cancel()
        self._tell()

    @Slot()
    def step_once(self) -> None:
        """Take one step more, and stay there."""
        self.moving.emit()
        self._loop.step_once()
        self._tell()

    @Slot()
    def reset(self) -> None:
        """Go back to exactly the start, and forget the run."""
        self.moving.emit()
        self._loop.reset()
        self._tell()

    @Slot(int)
    def go_to(self, step: int) -> None:
        """Go to a step of the run so far, and stay there."""
        self.moving.emit()
        self._loop.go_to(step)
        self._tell()

    @Slot(object)
    def set_speed(self, steps_per_second: float | None) -> None:
        """Play at so many steps a second, or as fast as possible (None).

        Raises:
            ValueError: not a positive number.
        """
        self._loop.set_speed(steps_per_second)

    @Slot(object)
    def show_channel(self, channel: int | None) -> None:
        """Show one channel of target, prediction and residual in frames, or all (None)."""
        self._loop.show_channel(channel)
        self._tell()

    @Slot()
    def solve(self) -> None:
        """Ask for the closed form's answer: ``solved`` or ``solve_failed`` tells."""
        self.ask(SOLVE, _solution)

    @Slot()
    def find_rate(self) -> None:
        """Ask which learning rates are stable: ``rate_found`` or ``rate_failed`` tells."""
        self.ask(RATE, _rate)

    def ask(self, topic: str, question: Question) -> None:
        """Ask something else about the lab: ``answered`` or ``unanswered`` tells, with the topic.

        Of several questions under a topic that wait, the last one counts.

        Args:
            topic: a name for it.
            question: called on the worker with the lab and a control; it raises LearnError with a sentence
                where there is no answer, and leaves the lab as it is.
        """
        self._loop.ask(topic, question)
        self._tell()

    def close(self) -> None:
        """End the worker and wait for it."""
        self._loop.close()

    # --- what is told ---

    @Slot()
    def _deliver(self) -> None:
        events, progress = self._loop.take()
        errors = [event.payload for event in events if event.kind == "error"]
        for event in events:
            if event.kind == "stopped":
                self._tell()  # that it does not play any more comes before why
            self._emit(event)
        self._tell()
        if (self._told_busy or self._told_playing) and not events:
            self.progressed.emit(progress)
        if errors:
            raise errors[0]  # a defect of ours: the exception hook logs it with its traceback

    def _emit(self, event: Event) -> None:
        if event.kind == "answered":
            if event.topic == SOLVE:
                self.solved.emit(event.payload)
            elif event.topic == RATE:
                self.rate_found.emit(event.payload)
            else:
                self.answered.emit(event.topic, event.payload)
        elif event.kind == "unanswered":
            if event.topic == SOLVE:
                self.solve_failed.emit(event.payload)
            elif event.topic == RATE:
                self.rate_failed.emit(event.payload)
            else:
                self.unanswered.emit(event.topic, event.payload)
        elif event.kind != "error":
            getattr(self, event.kind).emit(event.payload)

    def _tell(self) -> None:
        playing, busy = self._loop.playing, self._loop.busy
        if playing != self._told_playing:
            self._told_playing = playing
            self.playing_changed.emit(playing)
        if busy != self._told_busy:
            self._told_busy = busy
            self.busy_changed.emit(busy)
        preparing = self._loop.preparing
        if preparing != self._told_preparing:
            self._told_preparing = preparing
            self.preparing_changed.emit(preparing)


def _solution(lab: Lab, control: Control) -> LeastSquares:
    return solve_lab(lab, control)


def _rate(lab: Lab, control: Control) -> StableRate:
    return lab.trainer.stable_rate(control)


class PictureFiles:
    """Reads the pictures of pairs, and keeps the last ones as long as their files stay as they were."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], Picture]] = {}

    def read(self, path: str, base: Path | None, control: Control | None = None) -> Picture | None:
        """Return the picture of a file, the same object as long as the file is the same; None for no path.

        Raises:
            PictureError: it cannot be read; a sentence.
            Cancelled: by the control.
        """
        if not path:
            return None
        place = Path(os.path.abspath(path if base is None else base / path))
        try:
            info = place.stat()
            stamp = (info.st_mtime_ns, info.st_size)
        except (OSError, ValueError):  # the loader says what is wrong
            stamp = (0, -1)
        known = self._known.pop(place, None)
        if known is None or known[0] != stamp:
            known = (stamp, load_picture(place, control=control))
        self._known[place] = known
        while len(self._known) > _MOST_KEPT:
            del self._known[next(iter(self._known))]
        return known[1]
