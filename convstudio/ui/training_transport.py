"""The row that plays a training: play, one step, reset, new seed, speed, looking back, how fast it goes."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QRectF, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from convstudio.ui.fields.quiet import FIELD_STYLE, ROW_HEIGHT, QuietComboBox
from convstudio.ui.fields.slider import SlimSlider
from convstudio.ui.icons import icon
from convstudio.ui.loss_axes import axis_end
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

RUN_SECONDS = 4.0
"""How long a whole run takes at the usual pace: slow enough to see the kernel take shape."""
RUN = "run"
PACES: tuple[tuple[str, str, float | None], ...] = (
    (RUN, f"run in {RUN_SECONDS:g} s", None),  # steps per second follow from the number of steps
    ("1", "1 step/s", 1.0),
    ("5", "5 steps/s", 5.0),
    ("20", "20 steps/s", 20.0),
    ("60", "60 steps/s", 60.0),
    ("200", "200 steps/s", 200.0),
    ("full", "full speed", None),
)
"""Name, text and steps per second; None is as fast as it goes."""
_PLAY_WIDTH = 84
_STRIP = 3  # px of the progress of a step that takes long
SLOW_MILLISECONDS = 300
"""What is done sooner shows no progress."""
AT_END = "The run is at its last step: raise “Steps” for a longer one, or reset."
_STEP_HELP = "Make one step of the method. Right arrow, or full stop."
_SEED_HELP = "Draw other random numbers for the start and for what a step sees, and begin there. N."
_LEFT_TO_PANEL = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)


class _Button(QPushButton):
    """A button that leaves the arrow keys to the panel, where they step."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _LEFT_TO_PANEL:
            event.ignore()
        else:
            super().keyPressEvent(event)


class ScrubSlider(SlimSlider):
    """A slider over all steps, of which those up to ``reached`` have been made: it goes no further."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-scrub")
        self.setAccessibleName("Step that is shown")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setPageStep(10)
        self._reached = 0

    @property
    def reached(self) -> int:
        """The furthest step that has been made."""
        return self._reached

    def show_step(self, step: int, reached: int, end: int) -> None:
        """Show a step of those made so far, on a slider that ends at ``end``; emits nothing."""
        self._reached = reached
        with QSignalBlocker(self):
            self.setRange(0, max(1, end))
            if not self.isSliderDown():
                self.setValue(step)
        self.update()

    def sliderChange(self, change: SlimSlider.SliderChange) -> None:
        if change == SlimSlider.SliderChange.SliderValueChange and self.value() > self._reached:
            self.setValue(self._reached)
        super().sliderChange(change)

    def _position_at(self, x: float) -> int:
        return min(super()._position_at(x), self._reached)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Right and self.value() >= self._reached:
            event.ignore()  # one more step is to be made: the panel hears it
        elif event.key() == Qt.Key.Key_Home:
            event.ignore()
        elif event.key() == Qt.Key.Key_End:
            self.setValue(self._reached)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        ahead, here = self.position_x(self._reached), self.position_x(self.sliderPosition())
        if ahead - here > 8:  # steps that were made and are behind the one that is shown
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            colour = QColor(theme_of(self).accent)
            colour.setAlphaF(0.45)
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(here + 7, self.height() / 2 - 2, ahead - here - 7, 4), 2, 2)
            painter.end()


class Steady(QLabel):
    """A line of numbers as wide as its widest text: a new one never moves what stands beside it."""

    def __init__(self, name: str, widest: str, help_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "numbers")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setToolTip(tip(help_text))
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._widest = widest
        self._fix()

    def set_widest(self, text: str) -> None:
        """Be as wide as another text."""
        if text != self._widest:
            self._widest = text
            self._fix()

    def _fix(self) -> None:
        self.ensurePolished()
        size = QSize(QFontMetrics(self.font()).horizontalAdvance(self._widest) + 4, ROW_HEIGHT)
        self.setFixedSize(size)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fix()


class TrainingTransport(QWidget):
    """Asks and shows; ``show_*`` emits nothing."""

    play_requested = Signal()
    pause_requested = Signal()
    step_requested = Signal()
    reset_requested = Signal()
    new_seed_requested = Signal()
    speed_chosen = Signal(object)  # steps per second, None for as fast as it goes
    scrubbed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-transport")
        self.setStyleSheet(FIELD_STYLE)
        self._playing = False
        self._planned = 1000
        self._random = True
        self._step = 0
        self._ready = self._over = False
        self._why_not = ""
        self._play = _Button(self)
        self._play.setObjectName("training-play")
        self._play.setProperty("role", "primary")
        self._play.setFixedSize(_PLAY_WIDTH, ROW_HEIGHT)
        self._buttons = {
            "step": self._small(
                "step",
                "One step",
                _STEP_HELP,
            ),
            "reset": self._small(
                "reset",
                "Reset",
                "Go back to the very same start, before the first step, and forget what came after. Home.",
            ),
            "seed": self._small("dice", "New seed", _SEED_HELP),
        }
        self._speed = QuietComboBox(self)
        self._speed.setObjectName("training-speed")
        self._speed.setAccessibleName("Speed")
        self._speed.setFixedWidth(100)
        for name, text, _ in PACES:
            self._speed.addItem(text, name)
        self._speed.setToolTip(
            tip(
                f"How fast it plays: the whole run in {RUN_SECONDS:g} seconds, some steps a second to watch "
                "each one, or as fast as the computer goes."
            )
        )
        self.slider = ScrubSlider(self)
        self.slider.setToolTip(
            tip(
                "The step that is shown. Drag back to see kernel, pictures and loss as they were; playing on "
                "from there drops the steps that came after."
            )
        )
        self._place = Steady(
            "training-step-text", _place_text(1000, 1000), "The step that is shown, and the last one.", self
        )
        self._rate = Steady(
            "training-steps-per-second", "9,999 steps/s", "How many steps a second the computer makes.", self
        )
        self._strip = QProgressBar(self)
        self._strip.setObjectName("training-strip")
        self._strip.setAccessibleName("Progress of the step")
        self._strip.setTextVisible(False)
        self._strip.setRange(0, 1000)
        self._strip.setStyleSheet("QProgressBar { min-height: 0; }")
        self._strip.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._strip.hide()
        self._since = QElapsedTimer()
        self._working = False
        self._lay_out()
        self._play.clicked.connect(self.toggle)
        self._buttons["step"].clicked.connect(self.step_requested)
        self._buttons["reset"].clicked.connect(self.reset_requested)
        self._buttons["seed"].clicked.connect(self.new_seed_requested)
        self._speed.activated.connect(self._choose_speed)
        self.slider.valueChanged.connect(self._scrub)
        self.show_playing(False)
        self.show_step(0, 0)

    def _small(self, drawing: str, words: str, help_text: str) -> _Button:
        button = _Button(self)
        button.setObjectName(f"training-{words.lower().replace(' ', '-')}")
        button.setAccessibleName(words)
        button.setToolTip(tip(words, help_text))
        button.setProperty("icon-name", drawing)
        button.setStyleSheet("QPushButton { padding: 2px; }")
        button.setIconSize(QSize(18, 18))
        button.setFixedSize(30, ROW_HEIGHT)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(self._play)
        for button in self._buttons.values():
            row.addWidget(button)
        row.addSpacing(3)
        row.addWidget(self._speed)
        row.addSpacing(5)
        row.addWidget(self.slider, 1)
        row.addWidget(self._place)
        row.addSpacing(6)
        row.addWidget(self._rate)

    # --- what is shown ---

    @property
    def playing(self) -> bool:
        """Whether it is shown as playing."""
        return self._playing

    @property
    def random(self) -> bool:
        """Whether another seed would make a difference."""
        return self._random

    @property
    def step(self) -> int:
        """The step that is shown."""
        return self._step

    @property
    def pace(self) -> str:
        """The name of the pace that is chosen."""
        return str(self._speed.currentData())

    @property
    def speed(self) -> float | None:
        """Steps per second of the pace that is chosen, None for as fast as it goes."""
        if self.pace == RUN:
            return self._planned / RUN_SECONDS
        return next(speed for name, _, speed in PACES if name == self.pace)

    def show_pace(self, name: str) -> None:
        """Show a pace as chosen; the usual one for a name that there is not."""
        self._speed.setCurrentIndex(max(0, self._speed.findData(name)))

    def words(self) -> tuple[str, str]:
        """Return what is said of the step and of the speed."""
        return self._place.text(), self._rate.text()

    def show_playing(self, playing: bool) -> None:
        """Show whether it plays."""
        self._playing = playing
        words = "Pause" if playing else "Play"
        self._play.setText(f" {words}")
        self._play.setAccessibleName(words)
        self._colour_icons()
        self._allow()

    def show_planned(self, steps: int) -> None:
        """Say after how many steps the run ends by itself."""
        self._planned = steps
        self._over = False
        self._place.set_widest(_place_text(steps, steps))

    def show_step(self, step: int, reached: int) -> None:
        """Show where the training stands and how far it has been."""
        self._step, self._over = step, self._ready and step >= self._planned
        self.slider.show_step(step, reached, axis_end(reached, self._planned))
        self._place.setText(_place_text(step, max(self._planned, reached)))
        self._buttons["reset"].setEnabled(reached > 0)
        self._allow()
        self._strip.hide()
        self._since.start()

    @property
    def over(self) -> bool:
        """Whether the step that is shown is the last one of the run."""
        return self._over

    def show_stale(self) -> None:
        """Forget that the run is at its end: another one is about to take its place."""
        self._over = False
        self._allow()

    def show_why_not(self, why_not: str) -> None:
        """Switch Play off for a reason, or on again ("")."""
        self._why_not = why_not
        self._allow()

    def _allow(self) -> None:
        """Switch off what could do nothing now, and say why."""
        why = self._why_not or (AT_END if self._over else "")
        help_text = "Hold the training where it is." if self._playing else "Make steps, one after the other."
        if self._play.isEnabled() == bool(why and not self._playing):
            self._play.setEnabled(self._playing or not why)
            self._colour_icons()
        self._play.setToolTip(tip(f"{help_text} Space.", "" if self._playing else why))
        self._buttons["step"].setEnabled(self._ready and not why)
        self._buttons["step"].setToolTip(tip("One step", _STEP_HELP, why))

    def show_working(self, working: bool) -> None:
        """Show whether anything goes on: what takes long shows its progress."""
        if working != self._working:
            self._working = working
            self._since.start()
            self._strip.hide()

    def show_progress(self, fraction: float) -> None:
        """Show how far what goes on is, 0–1, once it has taken a while."""
        if self._working and self._since.elapsed() >= SLOW_MILLISECONDS:
            self._strip.setValue(round(1000 * min(max(fraction, 0.0), 1.0)))
            self._strip.setGeometry(self.slider.x(), self.height() - _STRIP, self.slider.width(), _STRIP)
            self._strip.show()

    def show_speed(self, steps_per_second: float | None) -> None:
        """Show how fast it goes; None while it does not."""
        if steps_per_second is None or steps_per_second <= 0.0:
            self._rate.setText("")
        elif steps_per_second < 0.95:
            self._rate.setText(f"{1 / steps_per_second:.1f} s a step")
        elif steps_per_second < 9.95:
            self._rate.setText(f"{steps_per_second:.1f} steps/s")
        elif steps_per_second < 9999.5:
            self._rate.setText(f"{steps_per_second:,.0f} steps/s")
        else:
            self._rate.setText(f"{steps_per_second / 1000:,.1f}k steps/s")

    def show_randomness(self, random: bool) -> None:
        """Switch the new seed off where nothing is random, and say so."""
        self._random = random
        button = self._buttons["seed"]
        button.setEnabled(random)
        why = "" if random else "Nothing is random here: neither the start nor what a step sees."
        button.setToolTip(tip("New seed", _SEED_HELP, why))

    def set_ready(self, ready: bool, *, scrub: bool = True) -> None:
        """Switch on or off what needs an opened training; Play stays: it opens one."""
        self._ready = ready
        self._over = self._over and ready
        self._allow()
        self._buttons["seed"].setEnabled(ready and self._random)
        self.slider.setEnabled(ready and scrub)
        if not ready:
            self._buttons["reset"].setEnabled(False)

    # --- what the user does ---

    @Slot()
    def toggle(self) -> None:
        """Ask for the other of play and pause, where that can be."""
        if self._play.isEnabled():
            (self.pause_requested if self._playing else self.play_requested).emit()

    @Slot()
    def _choose_speed(self) -> None:
        self.speed_chosen.emit(self.speed)

    @Slot(int)
    def _scrub(self, step: int) -> None:
        step = min(step, self.slider.reached)  # Qt still tells the value that the slider did not take
        if step != self._step:
            self._step = step
            self._place.setText(_place_text(step, max(self._planned, self.slider.reached)))
            self.scrubbed.emit(step)

    # --- the icons' colours ---

    def _colour_icons(self) -> None:
        theme = theme_of(self)
        colour = theme.accent_text if self._play.isEnabled() else theme.text_dim
        self._play.setIcon(icon("pause" if self._playing else "play", colour))
        for button in self._buttons.values():
            button.setIcon(icon(str(button.property("icon-name")), theme.text))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour_icons()


def _place_text(step: int, last: int) -> str:
    return f"step {step:,} of {last:,}"
