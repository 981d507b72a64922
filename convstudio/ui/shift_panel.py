"""The tool about shifts: the input is moved by a few pixels, and how much of the output changes is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from convstudio.model import PHOTO, Project
from convstudio.session.shift_runner import ShiftReport, ShiftRunner
from convstudio.ui.fields.quiet import FIELD_STYLE, QuietSpinBox
from convstudio.ui.fields.slider import SlimSlider
from convstudio.ui.shift_chart import ChangeBars, ShiftCurve
from convstudio.ui.shift_words import (
    SOURCES,
    bars_of,
    detail_tip,
    equivariance_sentence,
    points_of,
    tolerance_sentence,
)
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

FARTHEST = 16  # px, either way
LAST = 8  # px, where the sweep ends
STEP_MILLISECONDS = 160  # of the sweep: slow enough to follow


class ShiftPanel(QWidget):
    """Moves the input and shows what comes of it; ``show_*`` emits nothing.

    ``shift_wanted(dx, dy)`` asks for a shift in pixels to the right and down, ``rested()`` says that nobody
    looks any more: the panel is hidden.
    """

    shift_wanted = Signal(int, int)
    rested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shift-panel")
        self.setAccessibleName("Shift experiment")
        self.setStyleSheet(FIELD_STYLE)
        self._points: dict[str, dict[int, float]] = {}
        self._dy_of_points = 0
        self._sweeping = False
        self._spins: list[QuietSpinBox] = []
        self._sliders: list[SlimSlider] = []
        self._step = QTimer(self)
        self._step.setSingleShot(True)
        self._step.setInterval(STEP_MILLISECONDS)
        self._step.timeout.connect(self._go_on)
        self.bars = ChangeBars(self)
        self.curve = ShiftCurve(self)
        self.picture = DifferencePicture(self)
        self._title = self._label("shift-title", "caption")
        self._words = self._label("shift-words", "")
        self._words.setStyleSheet("font-size: 12px;")
        self._words.setToolTip(tip(SOURCES))
        self._play = QPushButton(self)
        self._play.setObjectName("shift-play")
        self._home = QPushButton("Reset", self)
        self._home.setObjectName("shift-reset")
        self._home.setToolTip(tip("Move the input back to where it was."))
        self._lay_out()
        self._play.clicked.connect(self.toggle_sweep)
        self._home.clicked.connect(self._reset)
        self._show_playing()

    # --- putting together ---

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    def _lay_out(self) -> None:
        controls = QGridLayout()
        controls.setHorizontalSpacing(6)
        controls.setVerticalSpacing(5)
        for place, (text, way) in enumerate((("→ dx", "to the right"), ("↓ dy", "down"))):
            self._add_axis(controls, place, text, way)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self._play, 1)
        buttons.addWidget(self._home)
        controls.addLayout(buttons, 2, 0, 1, 3)
        controls.setRowStretch(3, 1)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._title)
        middle.addWidget(self.bars)
        middle.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addLayout(controls, 0)
        row.addLayout(middle, 5)
        row.addWidget(self.curve, 5)
        row.addWidget(self.picture, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 12, 6)
        column.setSpacing(4)
        column.addLayout(row, 1)
        column.addWidget(self._words)

    def _add_axis(self, grid: QGridLayout, place: int, text: str, way: str) -> None:
        name = text[-2:]
        label = QLabel(text, self)
        spin, slider = QuietSpinBox(self), SlimSlider(self)
        spin.setSuffix(" px")
        spin.setFixedWidth(66)
        slider.setFixedWidth(92)
        help_text = (
            f"How far the input is moved {way}, in pixels; what leaves it on one side comes in on the other."
        )
        for each, kind in ((spin, "spin"), (slider, "slider")):
            each.setRange(-FARTHEST, FARTHEST)
            each.setObjectName(f"shift-{name}-{kind}")
            each.setAccessibleName(f"Shift {way}")
            each.setToolTip(tip(help_text))
        slider.set_origin(0)
        slider.setPageStep(4)
        label.setBuddy(spin)
        spin.valueChanged.connect(self._spun)
        slider.valueChanged.connect(self._slid)
        self._spins.append(spin)
        self._sliders.append(slider)
        for across, widget in enumerate((label, slider, spin)):
            grid.addWidget(widget, place, across)

    # --- what is shown ---

    @property
    def shift(self) -> tuple[int, int]:
        """The pixels to the right and down that are set."""
        return self._spins[0].value(), self._spins[1].value()

    @property
    def sweeping(self) -> bool:
        """Whether the sweep plays."""
        return self._sweeping

    @Slot(object, str)
    def show_stack(self, project: Project, layer_id: str) -> None:
        """Say which layer's output is watched; what is known of another one goes."""
        name = "the photo" if layer_id == PHOTO else project.item(layer_id).title
        self._title.setText(f"Change of the output of {name}")
        self._title.setToolTip(
            tip(
                "The root of the summed squares of the differences, over that of the output itself; 141 % is "
                "as far apart as two pictures that have nothing to do with one another.",
                "Cells that see the border or the seam of the moved picture are left aside, as padding does "
                "not move along; at most 512×512 px from the middle of the photo are moved.",
            )
        )
        self._points = {}
        self.bars.show_bars(())
        self.curve.show_points({}, self.shift[0], LAST)
        self.picture.show_pixels(None)
        self._words.setText("")

    @Slot(object)
    def show_report(self, report: ShiftReport) -> None:
        """Show what a shift did."""
        dy, dx = report.result.shift
        if dy != self._dy_of_points:
            self._points, self._dy_of_points = {}, dy
        for series, change in points_of(report.result).items():
            if 0 <= dx <= LAST:
                self._points.setdefault(series, {})[dx] = change
        self.bars.show_bars(bars_of(report.result))
        self.bars.setToolTip(tip(*detail_tip(report.result)))
        self.curve.show_points(self._points, dx, LAST)
        self.picture.show_pixels(report.picture.pixels)
        self._say((equivariance_sentence(report.result), tolerance_sentence(report.result)))
        if self._sweeping and (dx, dy) == self.shift:
            self._step.start()

    @Slot(str)
    def show_problem(self, text: str) -> None:
        """Say why there is no answer."""
        self._stop()
        self.bars.show_bars(())
        self.picture.show_pixels(None)
        self._say((text,))

    @Slot(bool)
    def show_busy(self, busy: bool) -> None:
        """Show that an answer is on its way: the numbers are those of the shift before."""
        self.picture.show_waiting(busy)

    def words(self) -> str:
        """Return the sentences that are shown."""
        return self._words.text()

    def _say(self, sentences: Sequence[str]) -> None:
        self._words.setText(" ".join(sentences))

    # --- what the user does ---

    @Slot()
    def _spun(self) -> None:
        self._set(*self.shift)

    @Slot()
    def _slid(self) -> None:
        self._set(self._sliders[0].value(), self._sliders[1].value())

    def _set(self, dx: int, dy: int) -> None:
        self._stop()
        self._show_shift(dx, dy)
        self._want()

    def _show_shift(self, dx: int, dy: int) -> None:
        for value, spin, slider in zip((dx, dy), self._spins, self._sliders, strict=True):
            for each in (spin, slider):
                with QSignalBlocker(each):
                    each.setValue(value)

    def _want(self) -> None:
        if self.isVisible():
            self.shift_wanted.emit(*self.shift)

    @Slot()
    def _reset(self) -> None:
        self._set(0, 0)

    # --- the sweep ---

    @Slot()
    def toggle_sweep(self) -> None:
        """Play the sweep from the start, or stop it."""
        if self._sweeping:
            self._stop()
        else:
            self.start_sweep()

    def start_sweep(self) -> None:
        """Move the input from 0 to 8 px to the right, a step for each answer."""
        self._sweeping = True
        self._show_playing()
        self._show_shift(0, self.shift[1])
        self._want()

    @Slot()
    def _go_on(self) -> None:
        dx, dy = self.shift
        if not self._sweeping or dx >= LAST:
            self._stop()
            return
        self._show_shift(dx + 1, dy)
        self._want()

    def _stop(self) -> None:
        self._step.stop()
        if self._sweeping:
            self._sweeping = False
            self._show_playing()

    def _show_playing(self) -> None:
        self._play.setText("■ Stop" if self._sweeping else f"▶ Sweep 0–{LAST} px")
        self._play.setAccessibleName("Stop the sweep" if self._sweeping else "Play the sweep")
        self._play.setToolTip(tip("Move the input pixel by pixel and draw the change against the shift."))

    # --- work only while somebody looks ---

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._want()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._stop()
        self.rested.emit()


class DifferencePicture(QWidget):
    """The output for the moved input minus the output as it was, small."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shift-difference")
        self.setAccessibleName("Difference of the outputs")
        self.setToolTip(tip("The output for the moved input minus the output as it was: white is no change."))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFixedWidth(132)
        self._pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None = None
        self._waiting = False

    @property
    def pixels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
        """What is shown, uint8 ``(H, W, 4)``."""
        return self._pixels

    def show_pixels(self, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None) -> None:
        """Show a rendered picture ``(H, W, 4)``; None for nothing."""
        self._pixels = pixels
        self.update()

    def show_waiting(self, waiting: bool) -> None:
        """Dim the picture while a newer one is made."""
        self._waiting = waiting
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(132, 110)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        words = QRectF(0, self.height() - 15, self.width(), 15)
        room = QRectF(0.5, 0.5, self.width() - 1, self.height() - 18)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, "moved − unmoved")
        painter.fillRect(room, QColor(theme.canvas))
        if self._pixels is not None and self._pixels.size:
            rows, columns = self._pixels.shape[:2]
            image = QImage(
                self._pixels.data, columns, rows, self._pixels.strides[0], QImage.Format.Format_RGB32
            )
            size = QSize(columns, rows).scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRectF(0, 0, size.width(), size.height())
            target.moveCenter(room.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=columns > target.width())
            painter.drawImage(target, image)
        painter.setPen(QPen(QColor(theme.accent if self._waiting else theme.border), 1))
        painter.drawRect(room)
        painter.end()


def link(panel: ShiftPanel, runner: ShiftRunner) -> None:
    """Lead the panel's requests to the runner, and its answers back."""
    panel.shift_wanted.connect(runner.ask)
    panel.rested.connect(runner.rest)
    runner.stack_changed.connect(panel.show_stack)
    runner.ready.connect(panel.show_report)
    runner.failed.connect(panel.show_problem)
    runner.busy_changed.connect(panel.show_busy)
