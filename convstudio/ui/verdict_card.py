"""The closed form's answer: whether the pair determines the kernel, in words, numbers and small kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from convstudio.ui.legend_bar import legend_number
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.training_planes import Numbers
from convstudio.ui.weight_colours import draw_thumbnail, weight_image
from convstudio.ui.weights_view import thumbnail_box

if TYPE_CHECKING:
    from convstudio.learn.least_squares import Direction, LeastSquares

UNSOLVED = (
    "For one linear layer and squared errors the best kernel follows in one go, without steps. Solve it to "
    "see how near the descent comes, and whether this pair determines the kernel at all."
)
UNDETERMINED = (
    "Any multiple of one of these can be added to the kernel without changing what it makes of this picture: "
    "the pair says nothing about them."
)
WEAKEST = (
    "It is the pattern that this picture shows least of: more or less of it hardly changes what comes out."
)
_SOLVE_HELP = "Solve the normal equations: the kernel with the least squared error, without a single step."
_SMALL, _LARGE = 28, 44  # px of a small kernel, and where there is room
_STEPS = 1000


def numbers_text(solved: LeastSquares) -> str:
    """Return rank and condition, in a line."""
    condition = legend_number(solved.condition) if math.isfinite(solved.condition) else "∞"
    return f"rank {solved.rank} of {solved.unknowns} · condition {condition}"


def drawn(direction: Direction) -> Numbers:
    """Return a direction as one kernel to draw: its channels side by side, three at most."""
    planes: Numbers = np.hstack(list(np.atleast_3d(direction.kernel)[:3]))
    return planes


class _Mark(QWidget):
    """A dot in the colour of the verdict."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(10, 10)
        self._kind = ""

    def show_kind(self, kind: str) -> None:
        self._kind = kind
        self.setVisible(bool(kind))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        colour = {"determined": theme.good, "": theme.border}.get(self._kind, theme.warning)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour))
        painter.drawEllipse(QRectF(1, 1, 8, 8))
        painter.end()


class Directions(QWidget):
    """Small kernels in a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-directions")
        self.setAccessibleName("Patterns of weights")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._side = _SMALL
        self.setFixedHeight(_SMALL + 2)
        self._kernels: tuple[Numbers, ...] = ()
        self._all = 0
        self._caption = ""
        self.hide()

    @property
    def kernels(self) -> tuple[Numbers, ...]:
        """What is drawn."""
        return self._kernels

    def show_kernels(self, kernels: Sequence[Numbers], in_all: int, caption: str = "") -> None:
        """Draw kernels ``(rows, columns)``, each on its own scale, and words behind; ``in_all`` are there."""
        self._kernels, self._all, self._caption = tuple(kernels), in_all, caption
        self.setAccessibleDescription(caption or f"{in_all} directions")
        self.setToolTip(tip(caption or UNDETERMINED, WEAKEST if caption else ""))
        self.setVisible(bool(self._kernels))
        self.update()

    def set_roomy(self, roomy: bool) -> None:
        """Draw them larger, where there is room."""
        self._side = _LARGE if roomy else _SMALL
        self.setFixedHeight(self._side + 2)
        self.update()

    def _boxes(self) -> list[QRectF]:
        """Return where kernels lie, as many as there is room for; those of several channels are wider."""
        room = self.width() - (30 if self._all > len(self._kernels) else 0)
        boxes: list[QRectF] = []
        left = 0.0
        for values in self._kernels:
            width = self._side * min(max(values.shape[1] / values.shape[0], 1.0), 3.0)
            if left + width > room:
                break
            boxes.append(QRectF(left, 1, width, self._side))
            left += width + 5
        return boxes

    def sizeHint(self) -> QSize:
        return QSize(8 * (self._side + 5), self._side + 2)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        boxes = self._boxes()
        for box, values in zip(boxes, self._kernels, strict=False):
            draw_thumbnail(painter, box, weight_image(values, theme), 2.0)
            painter.setPen(QPen(QColor(theme.border), 1))  # or weights of 0 would look like holes
            painter.drawRect(thumbnail_box(box, values).adjusted(-0.5, -0.5, 0.5, 0.5))
        said = self._caption or (f"+{self._all - len(boxes)}" if self._all > len(boxes) else "")
        if said:
            font = QFont(self.font())
            font.setPixelSize(11)
            painter.setFont(font)
            painter.setPen(QColor(theme.text_dim))
            rest = QRectF(self.rect()).adjusted(boxes[-1].right() + 8 if boxes else 0, 0, 0, 0)
            flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(rest, flags, said)
        painter.end()


class VerdictCard(QFrame):
    """Solves on request and tells what came of it. ``show_*`` emits nothing."""

    solve_requested = Signal()
    cancel_requested = Signal()
    take_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdict-card")
        self.setProperty("role", "card")
        self.setAccessibleName("Closed form")
        self._title_before = ""
        self._mark = _Mark(self)
        self._title = QLabel(self)
        self._title.setObjectName("verdict-title")
        self._title.setProperty("role", "title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._solve = self._button(
            "Solve",
            "verdict-solve",
            _SOLVE_HELP,
        )
        self._take = self._button(
            "Put into the stack",
            "verdict-take",
            "Put the closed form's kernel into the stack of layers. Undo takes it back.",
        )
        self._words = QLabel(self)
        self._words.setObjectName("verdict-words")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setStyleSheet("font-size: 12px;")
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.directions = Directions(self)
        self._numbers = QLabel(self)
        self._numbers.setObjectName("verdict-numbers")
        self._numbers.setProperty("role", "caption")
        self._numbers.setTextFormat(Qt.TextFormat.PlainText)
        self._numbers.setWordWrap(True)
        self._numbers.setToolTip(
            tip(
                "Rank: how many independent combinations of the unknown numbers the pair tells about. "
                "Condition: how unevenly it does so; beyond a million, noise decides about some of them."
            )
        )
        self._bar = QProgressBar(self)
        self._bar.setObjectName("verdict-progress")
        self._bar.setAccessibleName("Progress of solving")
        self._bar.setToolTip(tip("How much of the picture has been read into the equations."))
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setRange(0, _STEPS)
        self._cancel = self._button("Cancel", "verdict-cancel", "Give the solving up; what was there stays.")
        self._lay_out()
        self._solve.clicked.connect(self.solve_requested)
        self._take.clicked.connect(self.take_requested)
        self._cancel.clicked.connect(self._on_cancel)
        self.show_nothing()

    def _button(self, text: str, name: str, help_text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setToolTip(tip(help_text))
        button.setStyleSheet("QPushButton { padding: 1px 9px; }")
        button.setFixedHeight(23)
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._mark)
        head.addWidget(self._title, 1)
        inner = QWidget(self)
        lines = self._lines = QVBoxLayout(inner)
        lines.setContentsMargins(0, 0, 4, 0)
        lines.setSpacing(5)
        lines.addWidget(self.directions)
        lines.addWidget(self._words)
        lines.addStretch(1)
        area = QScrollArea(self)
        area.setObjectName("verdict-area")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        solving = QWidget(self)
        row = QHBoxLayout(solving)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        self._solving = QStackedWidget(self)  # the bar takes the place of the words: nothing else moves
        self._solving.addWidget(area)
        holder = QWidget(self)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(solving)
        column.addStretch(1)
        self._solving.addWidget(holder)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self._numbers, 1)
        foot.addWidget(self._take, 0, Qt.AlignmentFlag.AlignBottom)
        foot.addWidget(self._solve, 0, Qt.AlignmentFlag.AlignBottom)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(10, 7, 8, 7)
        whole.setSpacing(5)
        whole.addLayout(head)
        whole.addWidget(self._solving, 1)
        whole.addLayout(foot)

    def set_roomy(self, roomy: bool) -> None:
        """Use larger letters and kernels, where there is room for them."""
        self.directions.set_roomy(roomy)
        self._words.setStyleSheet(f"font-size: {13 if roomy else 12}px;")

    # --- what is shown ---

    def words(self) -> tuple[str, str, str]:
        """Return title, sentences and numbers."""
        return self._title.text(), self._words.text(), self._numbers.text()

    @property
    def is_solving(self) -> bool:
        """Whether the progress is shown."""
        return self._solving.currentIndex() == 1

    def show_nothing(self) -> None:
        """Show that nothing has been solved yet."""
        self._show("", "Closed form", UNSOLVED)

    def show_solved(self, solved: LeastSquares) -> None:
        """Show what was solved."""
        verdict = solved.verdict
        self._show(verdict.kind, verdict.title, " ".join(verdict.sentences))
        self._numbers.setText(numbers_text(solved))
        directions, caption = [drawn(each) for each in solved.undetermined], ""
        if not directions and solved.weakest is not None:
            directions = [drawn(solved.weakest)]
            sure = solved.weakest.uncertainty
            known = f"known to ±{legend_number(sure)}" if sure > 0.0 else "but for rounding known exactly"
            caption = f"The least certain pattern of weights, {known}."
        self.directions.show_kernels(directions, solved.unknowns - solved.rank, caption)
        # What is not known comes before the words about it; where all is known, after.
        self._lines.removeWidget(self.directions)
        self._lines.insertWidget(1 if caption else 0, self.directions)
        self._take.show()
        self._solve.hide()

    def show_failed(self, text: str) -> None:
        """Say why nothing could be solved: asking again does not help before something else is set up."""
        self._show("failed", "No closed form", text)
        self._solve.setEnabled(False)
        self._solve.setToolTip(tip(_SOLVE_HELP, text))

    def _show(self, kind: str, title: str, text: str) -> None:
        self._solving.setCurrentIndex(0)
        self._mark.show_kind(kind)
        self._title.setText(title)
        self._title.setToolTip(tip(title))
        self._words.setText(text)
        self._numbers.setText("")
        self.directions.show_kernels((), 0)
        self._take.hide()
        self._solve.show()
        self._solve.setEnabled(True)
        self._solve.setToolTip(tip(_SOLVE_HELP))

    def show_solving(self, solving: bool) -> None:
        """Show progress and Cancel, or take them away."""
        if solving:
            self._title_before = self._title.text()
            self._title.setText("Solving the normal equations …")
            self._bar.setValue(0)
            self._cancel.setEnabled(True)
            self._cancel.setText("Cancel")
        elif self.is_solving:  # given up: what was there before still holds
            self._title.setText(self._title_before)
        self._solve.setEnabled(not solving)
        self._solving.setCurrentIndex(int(solving))

    def show_progress(self, fraction: float) -> None:
        """Show how far the solving is, 0–1."""
        self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))

    def set_ready(self, ready: bool) -> None:
        """Switch solving on or off."""
        self._solve.setEnabled(ready and not self.is_solving)

    @Slot()
    def _on_cancel(self) -> None:
        self._cancel.setEnabled(False)
        self._cancel.setText("Cancelling…")
        self.cancel_requested.emit()
