"""The training lab in the middle of the window: transport on top, what is learned under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from convstudio.spec.params import Choice
from convstudio.ui.fields.segments import Segments
from convstudio.ui.training_run import TrainingRun
from convstudio.ui.training_status import TrainingStatus
from convstudio.ui.training_transport import AT_END, TrainingTransport
from convstudio.ui.training_welcome import Entry, TrainingWelcome

if TYPE_CHECKING:
    from convstudio.learn.divergence import Stop
    from convstudio.learn.least_squares import LeastSquares
    from convstudio.session.training_frame import TrainingFrame, TrainingReport
    from convstudio.ui.training_saved import SavedResult

RUN = "Run"
_MOVES = "Each step moves every weight against its gradient."
_ALL_DONE = "Raise “Steps” for a longer run, or reset."
_WAITING = "Waiting for the two pictures: choose them on the right, or take an experiment."
_REFUSED = "This cannot be trained as it is set up: change it on the right, or choose an experiment."


class TrainingPanel(QWidget):
    """Plays a training and shows it. Signals come from the user alone; ``show_*`` methods emit nothing.

    ``play_requested()`` also comes before anything was opened: it asks to open what is set up, and to play.
    ``speed_chosen`` carries steps per second or None, ``take_requested`` what ``TrainingResult`` calls it,
    ``rate_chosen`` the rate that a diverged run suggests. Space plays and pauses, the right arrow or a full
    stop makes one step, Home resets, N draws a new seed.
    """

    play_requested = Signal()
    pause_requested = Signal()
    step_requested = Signal()
    reset_requested = Signal()
    new_seed_requested = Signal()
    speed_chosen = Signal(object)
    channel_chosen = Signal(int)
    scrubbed = Signal(int)
    solve_requested = Signal()
    solve_cancelled = Signal()
    take_requested = Signal(str)
    rate_chosen = Signal(float)
    experiment_chosen = Signal(str)

    def __init__(self, experiments: Sequence[Entry] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-panel")
        self.setAccessibleName("Training")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.transport = TrainingTransport(self)
        self.status = TrainingStatus(experiments, self)
        self.welcome = TrainingWelcome(experiments, self)
        self.run = TrainingRun(self)
        self._pages = QStackedWidget(self)
        self._pages.setObjectName("training-pages")
        self._titles: list[str] = []
        self._switch: Segments | None = None
        self._body = QStackedWidget(self)
        self._body.setObjectName("training-body")
        self._opened = False
        self._frame: TrainingFrame | None = None
        self._stop: Stop | None = None
        self._ready = ""
        self._busy = False
        self._lay_out()
        self.add_page(RUN, self.run)
        self._connect()
        self.show_closed()

    def _lay_out(self) -> None:
        self._row = QHBoxLayout()
        self._row.setSpacing(10)
        self._row.addWidget(self.transport, 1)
        self._body.addWidget(self.welcome)
        self._body.addWidget(self._pages)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 10)
        column.setSpacing(6)
        column.addLayout(self._row)
        column.addWidget(self.status)
        column.addWidget(self._body, 1)

    def _connect(self) -> None:
        transport, verdict = self.transport, self.run.verdict
        transport.play_requested.connect(self.play_requested)
        transport.pause_requested.connect(self.pause_requested)
        transport.step_requested.connect(self.step_requested)
        transport.reset_requested.connect(self.reset_requested)
        transport.new_seed_requested.connect(self.new_seed_requested)
        transport.speed_chosen.connect(self.speed_chosen)
        transport.scrubbed.connect(self._scrub)
        self.run.scrubbed.connect(self._scrub)
        self.run.take_requested.connect(self.take_requested)
        self.run.channel_chosen.connect(self.channel_chosen)
        verdict.solve_requested.connect(self.solve_requested)
        verdict.cancel_requested.connect(self.solve_cancelled)
        self.welcome.start_requested.connect(self.play_requested)
        self.welcome.experiment_chosen.connect(self.experiment_chosen)
        self.status.experiment_chosen.connect(self.experiment_chosen)
        self.status.rate_chosen.connect(self.rate_chosen)

    # --- pages ---

    def add_page(self, title: str, widget: QWidget) -> None:
        """Add a page beside the run; two or more have a switch in front of the transport."""
        self._titles.append(title)
        self._pages.addWidget(widget)
        if len(self._titles) < 2:
            return
        if self._switch is not None:
            self._row.removeWidget(self._switch)
            self._switch.deleteLater()
        choices = [Choice(each, each, f"Show the page “{each}”.") for each in self._titles]
        self._switch = Segments(choices, "training-page", self)
        self._switch.setFixedWidth(self._switch.sizeHint().width())
        self._switch.show_choice(self.page)
        self._switch.chosen.connect(self.show_page)
        self._row.insertWidget(0, self._switch)
        self._switch.show()

    @property
    def page(self) -> str:
        """The title of the page that is shown."""
        return self._titles[self._pages.currentIndex()]

    @Slot(str)
    def show_page(self, title: str) -> None:
        """Show a page.

        Raises:
            ValueError: there is none of that title.
        """
        self._pages.setCurrentIndex(self._titles.index(title))
        if self._switch is not None:
            self._switch.show_choice(title)

    # --- what is shown ---

    @property
    def opened(self) -> bool:
        """Whether a training is shown, and not what to begin with."""
        return self._opened

    def show_closed(self) -> None:
        """Show that there is no training: what to begin with."""
        self._set_opened(False)
        self.welcome.show_about()
        self.status.say("Nothing is set in motion yet: start what is set up, or choose an experiment.")

    def show_refused(self, text: str, *, waiting: bool = False, again: bool = True) -> None:
        """Say why what is set up cannot be trained.

        Args:
            text: why.
            waiting: that is no problem, but says what is to be chosen first.
            again: whether trying it again could help.
        """
        self._set_opened(False)
        self.welcome.show_refused(text, waiting=waiting, again=again)
        self.status.say(_WAITING if waiting else _REFUSED)
        self.transport.show_why_not("" if again else text)

    def show_stale(self) -> None:
        """Let Play be pressed whatever was in its way: something else is set up by now."""
        self.transport.show_why_not("")
        self.transport.show_stale()

    def _set_opened(self, opened: bool) -> None:
        self._opened = opened
        self._frame, self._stop = None, None
        self.transport.show_why_not("")
        self._body.setCurrentIndex(int(opened))
        self.transport.set_ready(opened)
        if not opened:
            self.transport.show_playing(False)
            self.transport.show_step(0, 0)
            self.transport.show_speed(None)

    @Slot(object)
    def show_opened(self, report: TrainingReport) -> None:
        """Show a training at its start."""
        self._set_opened(True)
        self._ready = _ready_text(report)
        self.transport.show_randomness(report.setup.applies("student", "seed"))
        self.transport.show_planned(report.setup.method.steps)
        self.transport.show_step(0, 0)
        self.transport.show_speed(None)
        self.run.show_opened(report)
        self.status.say(self._ready)

    def show_saved(self, saved: SavedResult | None) -> None:
        """Show what was learned before, until a run takes its place; None for nothing."""
        if not self._opened:
            if saved is not None:
                words = saved.kernels[0].words
                self.status.say(f"{_REFUSED} F9 puts into the stack what was learned before: {words}.")
            return
        self.run.kernel.show_saved(saved)
        if saved is not None:
            self._ready = saved.words if saved.in_front else f"{self._ready} {saved.words}"
            self.status.say(self._ready)

    @Slot(object)
    def show_frame(self, frame: TrainingFrame) -> None:
        """Show a step: what is called up to thirty times a second."""
        self._frame = frame
        self.run.show_frame(frame)
        self.transport.show_step(frame.step, frame.last)
        self.transport.show_speed(frame.steps_per_second)
        if not self.transport.playing:
            self._say_place(frame)

    def show_place(self) -> None:
        """Say again where the training is, after something else was said."""
        if self._frame is not None and not self.transport.playing:
            self._say_place(self._frame)

    def _say_place(self, frame: TrainingFrame) -> None:
        if self._stop is not None and frame.step == self._stop.kept_step:
            self._say_stop(self._stop)  # until something else goes on
            return
        self._stop = None
        if self.transport.over:
            text = AT_END
        elif frame.step < frame.last:
            text = f"Looking back at step {frame.step:,}: playing on from here drops the steps after it."
        elif frame.last == 0:
            text = self._ready
        else:
            text = f"Paused after {frame.step:,} steps." if frame.step > 1 else "Paused after 1 step."
        self.status.say(text)

    @Slot(bool)
    def show_playing(self, playing: bool) -> None:
        """Show whether it plays."""
        if playing == self.transport.playing:
            return
        self.transport.show_playing(playing)
        self.transport.show_working(playing or self._busy)
        if playing:
            self._stop = None
            self.status.say(_MOVES)
        elif self._frame is not None:
            self._say_place(self._frame)

    @Slot(bool)
    def show_preparing(self, preparing: bool) -> None:
        """Show that no step comes yet, and why; afterwards what goes on then."""
        if preparing:
            self.status.say("Preparing: the picture is summed up once, then each step is quick.")
        elif self.transport.playing:
            self.status.say(_MOVES)
        elif self._stop is None and self._frame is not None:
            self._say_place(self._frame)

    @Slot(object)
    def show_stopped(self, stop: Stop) -> None:
        """Show why a run ended by itself."""
        self._stop = stop
        self.transport.show_playing(False)
        self._say_stop(stop)

    def _say_stop(self, stop: Stop) -> None:
        kind = "good" if stop.kind == "finished" else "bad"
        reason = f"{stop.reason} {_ALL_DONE}" if kind == "good" and self.transport.over else stop.reason
        self.status.say(reason, kind, stop.suggested_rate)

    @Slot(object)
    def show_solved(self, solved: LeastSquares) -> None:
        """Show the closed form's answer."""
        self.run.show_solved(solved)

    @Slot(str)
    def show_solve_failed(self, text: str) -> None:
        """Say why there is no closed form."""
        self.run.verdict.show_failed(text)

    def show_solving(self, solving: bool) -> None:
        """Show that it is being solved, with Cancel; False where that ended without an answer."""
        self.run.verdict.show_solving(solving)

    @Slot(float)
    def show_progress(self, fraction: float) -> None:
        """Show how far what goes on is, 0–1."""
        if self.run.verdict.is_solving:
            self.run.verdict.show_progress(fraction)
        else:
            self.transport.show_progress(fraction)

    @Slot(bool)
    def show_busy(self, busy: bool) -> None:
        """Show whether anything but playing goes on."""
        self._busy = busy
        self.transport.show_working(busy or self.transport.playing)

    def sizeHint(self) -> QSize:
        return QSize(826, 600)

    # --- scrubbing and keys ---

    @Slot(int)
    def _scrub(self, step: int) -> None:
        """Move cursor and slider together at once; the frame follows when it is there."""
        self.run.chart.show_step(step)
        self.transport.show_step(step, self.transport.slider.reached)
        self.scrubbed.emit(step)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        do = self._keys().get(Qt.Key(event.key()))
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if do is None or not plain:
            super().keyPressEvent(event)
        else:
            do()

    def _keys(self) -> dict[Qt.Key, Callable[[], object]]:
        """Return what keys do that no control in the panel wanted; steps need a training."""
        keys: dict[Qt.Key, Callable[[], object]] = {Qt.Key.Key_Space: self.transport.toggle}
        if self._opened:
            keys[Qt.Key.Key_Period] = self._step_on
            keys[Qt.Key.Key_Right] = self._one_on
            keys[Qt.Key.Key_Left] = self._one_back
            keys[Qt.Key.Key_Home] = self.reset_requested.emit
            if self.transport.random:
                keys[Qt.Key.Key_N] = self.new_seed_requested.emit
        return keys

    def _one_on(self) -> None:
        if self.transport.step < self.transport.slider.reached:
            self._scrub(self.transport.step + 1)
        else:
            self._step_on()

    def _step_on(self) -> None:
        if not self.transport.over:
            self.step_requested.emit()

    def _one_back(self) -> None:
        if self.transport.step > 0:
            self._scrub(self.transport.step - 1)

    def event(self, event: QEvent) -> bool:
        # The window's own shortcuts stand back for these keys while the lab has the keyboard.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.modifiers() == Qt.KeyboardModifier.NoModifier
            and Qt.Key(event.key()) in self._keys()
        ):
            event.accept()
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)


def _ready_text(report: TrainingReport) -> str:
    """Return what is about to be learned, in a line."""
    numbers = sum(parameter.count for parameter in report.parameters)
    _, rows, columns = report.out_shape
    cells = min(report.split, rows) * columns
    what = "1 number" if numbers == 1 else f"{numbers:,} numbers"
    said = f"Ready: {what} to learn from {cells:,} pixels"
    if report.split < rows:
        said += f", {(rows - report.split) * columns:,} kept aside to validate"
    return f"{said}."
