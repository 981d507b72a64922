"""The page “One step” of the training lab: the gradients of the present step, checked by differences."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from convstudio.session.step_apart import StepApart
from convstudio.ui import gradient_checks
from convstudio.ui import gradient_words as words
from convstudio.ui.gradient_flow import GradientFlow
from convstudio.ui.gradient_grid import mark_colour
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.training_planes import Array, Plane, planes_of

TITLE = "One step"

PLAYING = "Pause to see one step: what its gradient is made of, number by number."
COMPUTING = "Taking the step apart, and moving some numbers to check its slopes…"
CANCELLED = "This step was not taken apart."
_STEPS = 1000
_SLOW_MILLISECONDS = 250
"""What is done sooner shows no progress."""
_ROW = 24  # px
_NOTICE = 440  # px wide


class GradientPage(QWidget):
    """Shows one step of a training. Signals come from the user alone, but for ``visible_changed``.

    ``chosen(place, array, kernel)`` asks for another layer (its place in the network) or kernel of it.
    """

    chosen = Signal(int, str, tuple)
    compute_requested = Signal()
    cancel_requested = Signal()
    visible_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gradient-page")
        self.setAccessibleName(TITLE)
        self._apart: StepApart | None = None
        self._planes: tuple[Plane, ...] = ()
        self._number = 0
        self._make_head()
        self._make_notice()
        self.flow = GradientFlow(self)
        self._body = QStackedWidget(self)
        self._body.addWidget(self._notice)
        self._body.addWidget(self.flow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._head)
        column.addWidget(self._body, 1)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_SLOW_MILLISECONDS)
        self._slow.timeout.connect(self._show_slow)
        self.show_nothing()

    # --- its parts ---

    def _make_head(self) -> None:
        self._head = QWidget(self)
        self._head.setFixedHeight(_ROW)
        self._headline = self._label("gradient-headline", "title")
        self._layers = QComboBox(self._head)
        self._layers.setObjectName("gradient-layer")
        self._layers.setAccessibleName("Layer")
        self._layers.setToolTip(tip("Which of the layers that are learned is taken apart."))
        self._layers.setStyleSheet("QComboBox { padding: 0 6px; min-height: 0; }")
        self._layers.setFixedHeight(_ROW)
        self._back = self._arrow("‹", "gradient-back", "The kernel before this one")
        self._kernel = self._label("gradient-kernel", "caption")
        self._next = self._arrow("›", "gradient-next", "The next kernel")
        self._verdict = self._label("gradient-verdict", "caption")
        self._bar = self._progress("gradient-busy")
        self._bar.setFixedWidth(90)
        self._stop = QPushButton("Cancel", self._head)
        self._stop.setObjectName("gradient-busy-cancel")
        self._stop.setToolTip(tip("Stop taking this step apart."))
        self._stop.setStyleSheet("QPushButton { padding: 0 8px; }")
        self._stop.setFixedHeight(_ROW - 2)
        row = QHBoxLayout(self._head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._headline)
        row.addSpacing(6)
        choice: tuple[QWidget, ...] = (self._layers, self._back, self._kernel, self._next)
        for widget in choice:
            row.addWidget(widget)
        row.addStretch(1)
        state: tuple[QWidget, ...] = (self._bar, self._stop, self._verdict)
        for widget in state:
            row.addWidget(widget)
        self._layers.activated.connect(self._choose_layer)
        self._back.clicked.connect(self._go_back)
        self._next.clicked.connect(self._go_on)
        self._stop.clicked.connect(self.cancel_requested)

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel(self._head)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _arrow(self, text: str, name: str, help_text: str) -> QToolButton:
        button = QToolButton(self._head)
        button.setText(text)
        button.setObjectName(name)
        button.setAccessibleName(help_text)
        button.setProperty("role", "flat")
        button.setToolTip(tip(f"{help_text}: a gradient belongs to each."))
        button.setStyleSheet("QToolButton { padding: 0; font-size: 13px; }")
        button.setFixedSize(19, _ROW - 4)
        return button

    def _progress(self, name: str) -> QProgressBar:
        bar = QProgressBar(self)
        bar.setObjectName(name)
        bar.setAccessibleName("Progress")
        bar.setRange(0, _STEPS)
        bar.setTextVisible(False)
        bar.setFixedHeight(8)
        return bar

    def _make_notice(self) -> None:
        self._notice = QWidget(self)
        self._said = QLabel(self._notice)
        self._said.setObjectName("gradient-notice")
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._said.setWordWrap(True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._said.setFixedWidth(_NOTICE)
        self._long_bar = self._progress("gradient-progress")
        self._long_bar.setFixedWidth(260)
        self._button = QPushButton(self._notice)
        self._button.setObjectName("gradient-button")
        column = QVBoxLayout(self._notice)
        column.setSpacing(12)
        column.addStretch(1)
        for widget in (self._said, self._long_bar, self._button):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        self._button.clicked.connect(self._press)

    # --- what is shown ---

    @property
    def apart(self) -> StepApart | None:
        """The step that is shown."""
        return self._apart

    @property
    def notice(self) -> str:
        """What is said in the place of a step, "" while one is shown."""
        return "" if self._body.currentWidget() is self.flow else self._said.text()

    def show_nothing(self) -> None:
        """Let go of the step that was shown."""
        self._apart = None
        self._say("")

    def show_playing(self) -> None:
        """Say that there is nothing to see while steps follow each other."""
        self._say(PLAYING)

    def show_computing(self) -> None:
        """Say that the step is being taken apart; one that is shown stays until the new one comes."""
        if self._apart is None or self._body.currentWidget() is not self.flow:
            self._say(COMPUTING)
        self._set_progress(0.0)
        self._slow.start()

    @Slot(float)
    def show_progress(self, fraction: float) -> None:
        """Show how far that is, 0–1."""
        self._set_progress(fraction)

    @Slot(str)
    def show_failed(self, text: str) -> None:
        """Say why there are no gradients."""
        self._say(text)

    def show_cancelled(self) -> None:
        """Offer to take the step apart after all."""
        self._say(CANCELLED, "Take it apart")

    @Slot(object)
    def show_apart(self, apart: StepApart) -> None:
        """Show a step."""
        self._rest()
        self._apart = apart
        self._headline.setText(words.headline(apart))
        self._headline.setToolTip(tip(*words.headline_tip(apart)))
        self._show_choices(apart)
        self.flow.show_apart(apart)
        self._body.setCurrentWidget(self.flow)
        self._head.show()
        self._show_verdict()

    def _show_choices(self, apart: StepApart) -> None:
        self._layers.blockSignals(True)
        self._layers.clear()
        for place, name in apart.places:
            self._layers.addItem(name, place)
        self._layers.setCurrentIndex([place for place, _ in apart.places].index(apart.place))
        self._layers.blockSignals(False)
        self._layers.setVisible(len(apart.places) > 1)
        self._planes = planes_of([Array(each.name, each.shape, each.free) for each in apart.arrays])
        here = [each.name for each in apart.arrays].index(apart.array), apart.kernel
        places = [(plane.array, plane.place) for plane in self._planes]
        self._number = places.index(here) if here in places else 0
        for widget in (self._back, self._kernel, self._next):
            widget.setVisible(len(places) > 1)
        if len(places) > 1:
            title = self._planes[self._number].title
            self._kernel.setText(f"{title}   {self._number + 1}/{len(places)}")
        self._back.setEnabled(self._number > 0)
        self._next.setEnabled(self._number < len(places) - 1)

    def _show_verdict(self) -> None:
        if self._apart is None:
            return
        text, state = gradient_checks.verdict(self._apart)
        self._verdict.setText(text)
        self._verdict.setStyleSheet(f"color: {mark_colour(state, theme_of(self)).name()};")
        kink = gradient_checks.kink_help(self._apart) if self._apart.at_kinks else ""
        self._verdict.setToolTip(tip(gradient_checks.check_help(self._apart), kink))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_verdict()

    # --- waiting ---

    def _say(self, text: str, button: str = "") -> None:
        self._rest()
        self._said.setText(text)
        self._said.setFixedHeight(max(0, self._said.heightForWidth(_NOTICE)))
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self._long_bar.hide()
        self._head.hide()
        self._body.setCurrentWidget(self._notice)

    def _rest(self) -> None:
        self._slow.stop()
        self._bar.hide()
        self._stop.hide()

    @Slot()
    def _show_slow(self) -> None:
        if self._body.currentWidget() is self.flow:
            self._bar.show()
            self._stop.show()
            return
        self._long_bar.show()
        self._button.setText("Cancel")
        self._button.show()

    def _set_progress(self, fraction: float) -> None:
        for bar in (self._bar, self._long_bar):
            bar.setValue(round(fraction * _STEPS))

    # --- what the user does ---

    @Slot()
    def _press(self) -> None:
        (self.compute_requested if self._said.text() == CANCELLED else self.cancel_requested).emit()

    @Slot(int)
    def _choose_layer(self, index: int) -> None:
        self.chosen.emit(self._layers.itemData(index), "", ())

    @Slot()
    def _go_back(self) -> None:
        self._go(-1)

    @Slot()
    def _go_on(self) -> None:
        self._go(1)

    def _go(self, by: int) -> None:
        number = self._number + by
        if self._apart is not None and 0 <= number < len(self._planes):
            plane = self._planes[number]
            self.chosen.emit(self._apart.place, self._apart.arrays[plane.array].name, plane.place)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.visible_changed.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.visible_changed.emit(False)
