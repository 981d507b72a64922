"""The training lab in the window: made when it is first shown, and led to the session and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from convstudio.io.samples import load_sample
from convstudio.learn.experiments import EXPERIMENTS, experiment
from convstudio.model import Project
from convstudio.session.training_edits import TrainingEdits
from convstudio.ui.training_keeper import TrainingKeeper
from convstudio.ui.training_result import TrainingResult, refusal_of

if TYPE_CHECKING:
    from convstudio.learn.divergence import Stop
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.learn.stable import StableRate
    from convstudio.session.training import Training
    from convstudio.session.training_frame import TrainingFrame, TrainingReport
    from convstudio.ui.main_window import MainWindow
    from convstudio.ui.training_form import TrainingForm
    from convstudio.ui.training_panel import TrainingPanel

TOOL = "training"
REST_MILLISECONDS = 250
"""How long nothing may change before the lab is opened anew: not with every letter of a number."""
TOPIC = "training"


@dataclass(frozen=True)
class _Parts:
    """What is made when the lab is first shown."""

    training: Training
    panel: TrainingPanel
    form: TrainingForm


class TrainingControl(QObject):
    """Owns the training and its edits; panel, form and worker are made when the tab is first shown.

    ``changed()`` says that what can be done now may be something else.
    """

    changed = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._tabs = window.centre.tools
        self.edits = TrainingEdits(window.session)
        self.keeper = TrainingKeeper(window.session, self)
        self._place = QWidget(window)
        self._place.setObjectName("training-place")
        self._column = QVBoxLayout(self._place)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._made: _Parts | None = None
        self._result = TrainingResult()
        self._opened: list[object] = []  # what the lab that is open is as good for
        self._opening = self._finding_rate = self._then_play = self._playing = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MILLISECONDS)
        self._rest.timeout.connect(self._open)
        self._tabs.add_tool(
            TOOL,
            "Training",
            self._place,
            "Learn a kernel from a picture before and one after, and see whether they determine it.",
            tall=True,
        )
        self._tabs.shown.connect(self._tool_shown)

    # --- what is ---

    @property
    def busy(self) -> bool:
        """Whether the lab is about to be opened, or at work."""
        at_work = self._made is not None and self._made.training.busy
        return at_work or self._rest.isActive() or self.keeper.waiting

    @property
    def result(self) -> TrainingResult:
        """What there is of the training that is open."""
        return self._result

    @property
    def playing(self) -> bool:
        """Whether steps follow each other."""
        return self._playing

    @property
    def panel(self) -> TrainingPanel:
        """What shows the lab; it is there once there is anything to show."""
        return self._parts.panel

    def is_open(self, project: Project) -> bool:
        """Whether the training that is open is the one that a project is set up for."""
        return self._depends_on(project) in self._opened

    @property
    def shown(self) -> bool:
        """Whether the lab is on screen."""
        return self._tabs.shown_tool == TOOL

    def why_not_seed(self) -> str:
        """Return why another seed would change nothing, "" where it would."""
        if self._session.project.training.applies("student", "seed"):
            return self._result.why_not_run()
        return "Nothing is random here: neither the start nor what a step sees."

    # --- showing the lab ---

    def show_lab(self) -> None:
        """Bring the lab onto the screen, and the keyboard to it."""
        self._tabs.show_tool(TOOL)
        self._parts.panel.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str)
    def _tool_shown(self, tool: str) -> None:
        here = tool == TOOL
        if here and self._made is None:
            self._made = self._make()
        self._window.show_right(self._parts.form if here else None)
        if here:
            self.show_project(self._session.project)
            self._catch_up()  # nobody is typing
        elif self._made is not None:
            self._rest.stop()
            self._made.training.pause()
            self._window.message_bar.clear(TOPIC)
        self.changed.emit()

    def _make(self) -> _Parts:
        """Make panel, form and worker; importing them takes longer than all other tools together."""
        from convstudio.session.training import Training
        from convstudio.ui.gradient_control import GradientControl
        from convstudio.ui.training_form import TrainingForm
        from convstudio.ui.training_panel import TrainingPanel
        from convstudio.ui.training_welcome import Entry

        entries = [Entry(each.id, each.title, each.text) for each in EXPERIMENTS]
        panel, form = TrainingPanel(entries, self._place), TrainingForm(self._window)
        panel.transport.show_pace(self._window.settings.training_pace)
        self._column.addWidget(panel)
        form.files.folder = self._window.settings.last_folder
        made = _Parts(Training(self), panel, form)
        self._connect(made.training, panel, form)
        GradientControl(made.training, panel, self)
        return made

    @property
    def _parts(self) -> _Parts:
        assert self._made is not None
        return self._made

    def _connect(self, training: Training, panel: TrainingPanel, form: TrainingForm) -> None:
        training.opened.connect(self._show_opened)
        training.refused.connect(self._show_refused)
        training.frame.connect(self._show_frame)
        training.playing_changed.connect(self._show_playing)
        training.stopped.connect(self._show_stopped)
        training.solved.connect(self._show_solved)
        training.solve_failed.connect(self._show_unsolvable)
        training.rate_found.connect(self._show_rate)
        training.rate_failed.connect(self._show_no_rate)
        training.progressed.connect(panel.show_progress)
        training.busy_changed.connect(panel.show_busy)
        training.preparing_changed.connect(panel.show_preparing)
        panel.play_requested.connect(self.play)
        panel.pause_requested.connect(training.pause)
        panel.step_requested.connect(self.step)
        panel.reset_requested.connect(self.reset)
        panel.new_seed_requested.connect(self.edits.new_seed)
        panel.speed_chosen.connect(self._take_speed)
        panel.channel_chosen.connect(training.show_channel)
        panel.scrubbed.connect(training.go_to)
        panel.solve_requested.connect(self.solve)
        panel.solve_cancelled.connect(self._cancel_solving)
        panel.rate_chosen.connect(self.edits.take_rate)
        panel.take_requested.connect(self.keeper.take)
        panel.experiment_chosen.connect(self.begin_experiment)
        form.value_edited.connect(self.edits.set_value)
        form.merge_ended.connect(self._session.end_merge)
        form.files_chosen.connect(self._files_chosen)
        form.mark_toggled.connect(self.edits.mark)
        form.suggested_rate_taken.connect(self.edits.take_rate)

    # --- following the project ---

    def show_project(self, project: Project) -> None:
        """Follow the project: the lab is opened anew once what it depends on rests."""
        if self._made is None or not self.shown:
            return
        editor = self._window.editor.kernel() if self._window.control.bank_item() is not None else None
        self._parts.form.show_project(project, editor)
        self.keeper.note_change(project)
        if self.is_open(project):
            self._rest.stop()  # a change was taken back before it was taken up
            return
        if self._playing:
            self._parts.training.pause()
            text = "The training stopped: what it is set up to do has changed."
            self._session.message.emit(text, "info", TOPIC)
        self._result.is_stale = True  # what could not go on may be able to now
        self._parts.panel.show_stale()
        self._rest.start()
        self.changed.emit()

    def _depends_on(self, project: Project) -> object:
        """Return what a training of a project depends on: where that is equal, nothing need be opened."""
        from convstudio.session.training import training_key

        return training_key(project), self._base() if project.training.pair.source == "files" else None

    def _base(self) -> Path | None:
        """The folder that the paths of a project's pictures may be relative to."""
        path = self._window.projects.files.path
        return None if path is None else path.parent

    def _catch_up(self) -> None:
        """Open what waits for a rest at once."""
        if self._rest.isActive():
            self._open()

    @Slot()
    def _open(self) -> None:
        self._rest.stop()
        project = self._session.project
        self._opened, self._opening = [self._depends_on(project)], True
        self._result = TrainingResult()
        self._parts.form.show_rate(None, None)
        self._parts.training.open(project, self._base())
        self.changed.emit()

    # --- what the training tells ---

    @Slot(object)
    def _show_opened(self, report: TrainingReport) -> None:
        self._result, self._opening = TrainingResult(report), False
        panel = self._parts.panel
        panel.show_opened(report)
        self._parts.training.set_speed(panel.transport.speed)
        self._parts.training.show_channel(None)
        self.keeper.offer(True)
        self._parts.form.show_problem("", report.notes)
        if self._then_play:
            self._then_play = False
            self.play()
        self.changed.emit()

    @Slot(str)
    def _show_refused(self, text: str) -> None:
        if not self._opening:  # a step could not be taken; what was open stays
            self._session.message.emit(text, "error", TOPIC)
            return
        self._opening = self._then_play = False
        refusal = refusal_of(self._session.project.training, text)
        self._result = TrainingResult(refusal=refusal)
        self._parts.panel.show_refused(text, waiting=refusal.waiting, again=refusal.again)
        self.keeper.offer(True)
        self._parts.form.show_problem("" if refusal.waiting else text)
        self.changed.emit()

    @Slot(object)
    def _show_frame(self, frame: TrainingFrame) -> None:
        if self._result.report is None:
            return  # it is of the lab before, and what is asked for now was refused
        was_over = self._result.is_over
        before, self._result.frame = self._result.frame, frame
        if frame.last or (before is not None and before.last):  # else it stays at its start
            self.keeper.offer(not frame.last)
        self._parts.panel.show_frame(frame)
        if frame.last and not self._playing:
            self.keeper.keep_soon()
        if before is None or was_over != self._result.is_over:
            self.changed.emit()
        if before is None and not self._playing:  # the pictures first: this takes as long as several steps
            self._finding_rate = True
            self._parts.training.find_rate()

    @Slot(object)
    def _show_stopped(self, stop: Stop) -> None:
        self._parts.panel.show_stopped(stop)
        self.keeper.keep()

    @Slot(object)
    def _show_rate(self, rate: StableRate) -> None:
        self._finding_rate = False
        self._parts.form.show_rate(rate.limit, rate.suggested, rate.sentence)

    @Slot()
    def _show_no_rate(self) -> None:
        self._finding_rate = False

    @Slot(bool)
    def _show_playing(self, playing: bool) -> None:
        self._playing = playing
        self._parts.panel.show_playing(playing)
        if not playing:
            self.keeper.keep()
        self.changed.emit()

    @Slot(str)
    def _show_unsolvable(self, text: str) -> None:
        self._result.unsolvable = text
        self._parts.panel.show_solve_failed(text)
        self.changed.emit()

    @Slot(object)
    def _show_solved(self, solved: LeastSquares) -> None:
        self._result.solved = solved
        self._parts.panel.show_solved(solved)
        self.keeper.keep()
        self.changed.emit()

    # --- what the user asks for ---

    @Slot()
    def play(self) -> None:
        """Let steps follow each other; where the lab is not open yet, as soon as it is."""
        training = self._ready()
        self._window.message_bar.clear(TOPIC)
        if self._result.report is None:
            self._then_play = True
            if not self._opening:  # it was refused: perhaps what was wrong is right now
                self._open()
            return
        if self._finding_rate:
            self._finding_rate = False
            training.cancel()
        training.play()

    def play_or_pause(self) -> None:
        """Play, or pause what plays."""
        if self._playing:
            self._parts.training.pause()
        else:
            self.play()

    @Slot()
    def step(self) -> None:
        """Make one step."""
        self._ready().step_once()

    @Slot()
    def reset(self) -> None:
        """Go back to the start."""
        self._ready().reset()

    @Slot()
    def solve(self) -> None:
        """Compute the least squares answer."""
        self._ready().solve()
        self._parts.panel.show_solving(True)

    def _ready(self) -> Training:
        """Show the lab, as it is set up now."""
        if not self.shown:
            self.show_lab()
        self._catch_up()
        return self._parts.training

    @Slot()
    def _cancel_solving(self) -> None:
        self._parts.training.cancel()
        self._parts.panel.show_solving(False)

    @Slot(object)
    def _take_speed(self, steps_per_second: float | None) -> None:
        self._window.settings.training_pace = self._parts.panel.transport.pace
        self._parts.training.set_speed(steps_per_second)

    @Slot(str, str)
    def _files_chosen(self, before: str, after: str) -> None:
        self._window.settings.last_folder = self._parts.form.files.folder
        self.edits.set_files(before, after)

    def learn_from_files(self) -> None:
        """Show the lab for a kernel that is learned from two files, and ask for the first that is missing."""
        self.show_lab()
        pair = self.edits.learn_from_files()
        if not pair.before or not pair.after:
            self._parts.form.files.ask(1 if pair.before else 0)

    @Slot(str)
    def begin_experiment(self, name: str) -> None:
        """Take an experiment's picture, layers and setup, as one step; show the lab.

        Raises:
            KeyError: there is no such experiment.
        """
        chosen = experiment(name)
        self.show_lab()
        self._session.end_merge()
        project = chosen.onto(self._session.project, load_sample)
        self._session.push(project, f"experiment: {chosen.title}")
        self._session.end_merge()
        self._catch_up()

    def go_on(self) -> None:
        """Let the run go on after its own result changed the stack, and after undoing that."""
        project = self._session.project
        if project.training.pair.source != "stack":  # else the pair is another one now
            self._opened.append(self._depends_on(project))
            self._rest.stop()

    def close(self) -> None:
        """End the worker and wait for it."""
        self._rest.stop()
        if self._made is not None:
            self._made.training.close()
