"""The loss over the steps on a logarithmic axis; its cursor is dragged to look back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from convstudio.ui.legend_bar import legend_number
from convstudio.ui.loss_axes import LogAxis, Numbers, axis_end, spans, step_text, step_ticks
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.tips import tip

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 70.0, 22.0, 20.0  # px around the curves; labels stand on the right
_LETTERS = 11  # px
_APART = 14.0  # px between two labels at least
_COLOURS = {"dark": ("#6ea8ff", "#ffb454"), "light": ("#1f5fd0", "#b45309")}
"""Of training and validation: blue and orange, told apart by colour-blind eyes too."""

_NAMES, _WIDTHS = ("training", "validation"), (1.4, 2.6)  # of the lines, in px

_EMPTY = np.empty(0)
_Label = tuple[float, float, str, QColor]  # where a line ends, what it is called, its colour


def _height(label: _Label) -> float:
    return label[1]


def line_colours(theme: Theme) -> tuple[QColor, QColor]:
    """Return the colours of the training loss and of the validation loss."""
    training, validation = _COLOURS[theme.name]
    return QColor(training), QColor(validation)


class LossChart(QWidget):
    """Draws two losses by step, a floor and a cursor. ``scrubbed(step)`` comes from mouse and keys alone."""

    scrubbed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("loss-chart")
        self.setAccessibleName("Loss chart")
        self.setToolTip(
            tip(
                "The loss at each step, on a logarithmic axis: an even slope falls by the same factor again "
                "and again. Drag to look back at an earlier step; the arrow keys go step by step.",
                "Training is the loss on the pixels that are learned from, validation the loss on those "
                "that are kept aside. The dashed line is the least that any kernel of this kind can reach.",
            )
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 110)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._steps: Numbers = _EMPTY
        self._lines: tuple[Numbers, Numbers] = (_EMPTY, _EMPTY)
        self._step, self._planned = 0, 1000
        self._floor: float | None = None
        self._axis = LogAxis.around(_EMPTY)
        self._ground: tuple[object, QPixmap] | None = None  # axes, kept as long as they are the same
        self._drawn: QPixmap | None = None
        self._dragging = False

    # --- what is shown ---

    @property
    def last(self) -> int:
        """The furthest step there is a loss of."""
        return int(self._steps[-1]) if self._steps.size else 0

    @property
    def step(self) -> int:
        """Where the cursor stands."""
        return self._step

    @property
    def floor(self) -> float | None:
        """The loss of the closed form."""
        return self._floor

    @property
    def axis(self) -> LogAxis:
        """The logarithmic axis."""
        return self._axis

    def show_losses(
        self, steps: npt.ArrayLike, training: npt.ArrayLike, validation: npt.ArrayLike, step: int
    ) -> None:
        """Show the losses at each of the steps, NaN where none was measured, and the cursor at ``step``."""
        self._steps = np.asarray(steps, dtype=np.float64)
        self._lines = (np.asarray(training, np.float64), np.asarray(validation, np.float64))
        self._step = step
        self._refresh()

    def show_step(self, step: int) -> None:
        """Move the cursor."""
        if step != self._step:
            self._step = step
            self._describe()
            self.update()

    def show_floor(self, loss: float | None) -> None:
        """Draw the loss of the closed form as a dashed line, or none."""
        self._floor = loss
        self._refresh()

    def show_planned(self, steps: int) -> None:
        """Say after how many steps the run ends by itself."""
        self._planned = steps
        self._refresh()

    def _refresh(self) -> None:
        floor = () if self._floor is None else (self._floor,)
        self._axis = LogAxis.around(np.concatenate([*self._lines, floor]))
        self._drawn = None
        self._describe()
        self.update()

    def _describe(self) -> None:
        training, validation = self.at(self._step)
        said = [f"step {self._step:,}"]
        said += [
            f"{name} loss {legend_number(value)}"
            for name, value in (("training", training), ("validation", validation))
            if value is not None
        ]
        self.setAccessibleDescription(", ".join(said) if self._steps.size else "no steps yet")

    def at(self, step: int) -> tuple[float | None, float | None]:
        """Return the training and the validation loss at a step, None where nothing was measured.

        Between the points of a curve that was spans out they lie on its line.
        """
        found: list[float | None] = []
        for line in self._lines:
            fine = np.isfinite(line)
            there = fine.any() and self._steps[fine][0] <= step <= self._steps[fine][-1]
            found.append(float(np.interp(step, self._steps[fine], line[fine])) if there else None)
        return found[0], found[1]

    # --- where things are ---

    def _box(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _end(self) -> int:
        return axis_end(self.last, self._planned)

    def x_of(self, step: float) -> float:
        """Return where a step lies, in widget pixels."""
        box = self._box()
        return box.left() + box.width() * step / self._end()

    def y_of(self, loss: float) -> float:
        """Return where a loss lies, in widget pixels."""
        box = self._box()
        return box.bottom() - box.height() * float(self._axis.place(np.asarray(loss, np.float64)))

    def step_at(self, x: float) -> int:
        """Return the step at a widget pixel, one that there is."""
        box = self._box()
        part = (x - box.left()) / max(1.0, box.width())
        return min(max(round(part * self._end()), 0), self.last)

    def sizeHint(self) -> QSize:
        return QSize(480, 260)

    # --- painting ---

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(_LETTERS)
        return font

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._drawn is None:  # the curves are drawn once, the cursor over them as often as it moves
            self._drawn = QPixmap(self._axes_drawn(theme_of(self)))
            curves = QPainter(self._drawn)
            curves.setFont(self._font())
            self._paint_curves(curves, theme_of(self))
            curves.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn)
        painter.setFont(self._font())
        self._paint_cursor(painter, theme_of(self))
        painter.end()

    def _axes_drawn(self, theme: Theme) -> QPixmap:
        ratio = self.devicePixelRatioF()
        key = (self._axis, self._end(), self.size(), ratio, theme, self.font())
        if self._ground is None or self._ground[0] != key:
            ground = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
            ground.setDevicePixelRatio(ratio)
            ground.fill(QColor(theme.panel))
            painter = QPainter(ground)
            painter.setFont(self._font())
            self._paint_axes(painter, theme)
            painter.end()
            self._ground = (key, ground)
        return self._ground[1]

    def _paint_curves(self, painter: QPainter, theme: Theme) -> None:
        self._paint_floor(painter, theme)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The wider line first: where both are alike its rims are still seen.
        ends = [self._paint_line(painter, theme, which) for which in (1, 0)]
        labels = [end for end in ends if end is not None]
        right = self._box().right()
        if self._floor is not None:
            floor = (right, self.y_of(self._floor), "least sq.", QColor(theme.text_dim))
            if max((x for x, _, _, _ in labels), default=0.0) > right - 60:
                labels.append(floor)
            else:
                self._paint_labels(painter, [floor])
        self._paint_labels(painter, labels)

    def _paint_line(self, painter: QPainter, theme: Theme, which: int) -> _Label | None:
        """Draw one of the two losses, and return its label; None where nothing was measured."""
        line, colour = self._lines[which], line_colours(theme)[which]
        fine = np.isfinite(line)
        if not fine.any():
            return None
        xs, ys = self._places(self._steps[fine], line[fine])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if len(xs) == 1:
            painter.drawEllipse(QPointF(xs[0], ys[0]), 2.5, 2.5)
        else:
            lefts, tops, heights = (each.tolist() for each in spans(xs, ys, _WIDTHS[which]))
            painter.setClipRect(self._box().adjusted(-2, -2, 2, 2))  # what explodes leaves the chart
            painter.drawRects(list(map(QRectF, lefts, tops, [1.0] * len(lefts), heights)))
            painter.setClipping(False)
        return float(xs[-1]), max(float(ys[-1]), self._box().top()), _NAMES[which], colour

    def _places(self, steps: Numbers, losses: Numbers) -> tuple[Numbers, Numbers]:
        box = self._box()
        xs: Numbers = box.left() + box.width() / self._end() * steps
        ys: Numbers = box.bottom() - box.height() * self._axis.place(losses)
        return xs, ys

    def _paint_axes(self, painter: QPainter, theme: Theme) -> None:
        box = self._box()
        thin, words = QPen(QColor(theme.border), 1), QColor(theme.text_dim)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value, text in self._axis.ticks(int(box.height() / 22)):
            y = round(self.y_of(value)) + 0.5
            painter.setPen(thin)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(words)
            painter.drawText(QRectF(0, y - 8, _LEFT - 6, 16), right, text)
        painter.setPen(thin)
        painter.drawLine(QPointF(box.left(), box.bottom() + 0.5), QPointF(box.right(), box.bottom() + 0.5))
        painter.setPen(words)
        for step in step_ticks(self._end(), box.width() / 60):
            x = self.x_of(step)
            room = QRectF(x - 30, box.bottom() + 3, 60, 16)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, step_text(step))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(box.right() + 24, box.bottom() + 3, _RIGHT - 24, 16), right, "steps")
        painter.drawText(QRectF(2, 2, 60, 16), left, "Loss")

    def _paint_floor(self, painter: QPainter, theme: Theme) -> None:
        if self._floor is None:
            return
        box, y = self._box(), round(self.y_of(self._floor)) + 0.5
        pen = QPen(QColor(theme.text_dim), 1)
        pen.setDashPattern([5.0, 4.0])
        painter.setPen(pen)
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))

    def _paint_labels(self, painter: QPainter, labels: list[_Label]) -> None:
        """Write each line's name behind its end, one under the other where they end together."""
        metrics = QFontMetricsF(painter.font())
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        labels = sorted(labels, key=_height)
        lowest = self._box().bottom() - _APART * (len(labels) - 1)
        above = -_APART
        x = max((x for x, _, _, _ in labels), default=0.0)  # of the line that goes furthest
        for place, (_, wanted, text, colour) in enumerate(labels):
            y = above = max(min(wanted, lowest + place * _APART), above + _APART)
            width = metrics.horizontalAdvance(text) + 2
            left = min(x + 7, self.width() - width)
            painter.setPen(colour)
            painter.drawText(QRectF(left, y - 8, width, 16), side, text)

    def _paint_cursor(self, painter: QPainter, theme: Theme) -> None:
        if not self._steps.size:
            return
        box, x = self._box(), round(self.x_of(min(self._step, self.last))) + 0.5
        painter.setPen(QPen(QColor(theme.accent if self.hasFocus() else theme.text_dim), 1))
        painter.drawLine(QPointF(x, box.top() - 2), QPointF(x, box.bottom()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        said = f"{self._step:,}"
        for loss, colour in zip(self.at(self._step), line_colours(theme), strict=True):
            if loss is not None and self.y_of(loss) >= box.top():
                painter.setPen(QPen(QColor(theme.panel), 1.5))
                painter.setBrush(colour)
                painter.drawEllipse(QPointF(x, self.y_of(loss)), 4, 4)
        width = QFontMetricsF(painter.font()).horizontalAdvance(said) + 12
        left = min(max(x - width / 2, box.left()), box.right() + _RIGHT - width)
        handle = QRectF(left, 2, width, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent))
        painter.drawRoundedRect(handle, 4, 4)
        painter.setPen(QColor(theme.accent_text))
        painter.drawText(handle, Qt.AlignmentFlag.AlignCenter, said)

    # --- scrubbing ---

    def _scrub(self, step: int) -> None:
        step = min(max(step, 0), self.last)
        if step != self._step:
            self.show_step(step)
            self.scrubbed.emit(step)

    @property
    def dragging(self) -> bool:
        """Whether the cursor is held."""
        return self._dragging

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._steps.size:
            self._dragging = True
            self._scrub(self.step_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._scrub(self.step_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, page = event.key(), max(1, self._end() // 10)
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_PageUp: page, Qt.Key.Key_PageDown: -page}
        if self._step < self.last:  # at the end the key asks for one more step, which others hear
            steps[Qt.Key.Key_Right] = 1
        if key == Qt.Key.Key_End:
            self._scrub(self.last)
        elif key in steps:
            self._scrub(self._step + steps[Qt.Key(key)])
        else:
            super().keyPressEvent(event)

    # --- what makes the curves be drawn again ---

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._drawn = None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._drawn = None
            self.update()
