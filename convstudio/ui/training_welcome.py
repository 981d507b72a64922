"""What the training lab shows before there is a training: what it does, and what to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

ABOUT = (
    "A picture before and a picture after: which kernel makes one of the other? The student begins with "
    "weights that know nothing. At each step it makes a picture, compares it with the one after, and moves "
    "every weight a little to where the error falls. Pair, student and method are set on the right."
)
_WIDEST = 980  # px: longer lines are hard to read
_GAP = 10
_MARGINS, _TITLE, _LETTERS = (12, 7, -12, -6), 19, 12  # px inside a card, of its title, of its words
_CARD, _WIDE_CARD = 102, 60  # px of height: five lines of text, or two where they are twice as long


@dataclass(frozen=True)
class Entry:
    """An experiment to choose: its id, a title and two sentences."""

    id: str
    title: str
    text: str


class ExperimentCard(QAbstractButton):
    """An experiment's title and what to see in it."""

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        self.setObjectName(f"experiment-{entry.id}")
        self.setText(entry.title)
        self.setAccessibleName(entry.title)
        self.setAccessibleDescription(entry.text)
        self.setToolTip(tip(f"Set everything up for this experiment. {entry.text}"))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)  # drawn anew as the pointer comes and goes
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(56)
        self.setMaximumHeight(_CARD)

    def sizeHint(self) -> QSize:
        return QSize(360, min(_CARD, self.maximumHeight()))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self.underMouse() or self.hasFocus() or self.isDown()
        painter.setPen(QPen(QColor(theme.accent if lit else theme.border), 1))
        painter.setBrush(QColor(theme.button_hover if self.isDown() else theme.card))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        inner = QRectF(self.rect()).adjusted(*_MARGINS)
        font = self._font(13)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        top = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        title = QFontMetricsF(font).elidedText(self.text(), Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, top, title)
        painter.setFont(self._font(_LETTERS))
        painter.setPen(QColor(theme.text_dim))
        words = inner.adjusted(0, _TITLE, 0, 0)
        painter.drawText(words, int(top | Qt.TextFlag.TextWordWrap), self.shown_text())
        painter.end()

    def _font(self, pixels: int) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(pixels)
        return font

    def shown_text(self) -> str:
        """Return as many words as there is room for; the tooltip has them all."""
        box = QRectF(self.rect()).adjusted(*_MARGINS).adjusted(0, _TITLE, 0, 0)
        metrics = QFontMetricsF(self._font(_LETTERS))
        words = self.entry.text.split()
        wrap = int(Qt.TextFlag.TextWordWrap)
        for count in range(len(words), 0, -1):
            text = " ".join(words[:count]) + ("" if count == len(words) else " …")
            if metrics.boundingRect(QRectF(0, 0, box.width(), 1000), wrap, text).height() <= box.height() + 1:
                return text
        return ""


class TrainingWelcome(QWidget):
    """``start_requested()`` takes what is set up, ``experiment_chosen(id)`` one of the experiments."""

    start_requested = Signal()
    experiment_chosen = Signal(str)

    def __init__(self, entries: Sequence[Entry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-welcome")
        self._title = QLabel("Let a kernel learn", self)
        self._title.setObjectName("training-welcome-title")
        self._title.setStyleSheet("font-size: 19px; font-weight: 600;")
        self._about = QLabel(self)
        self._about.setObjectName("training-welcome-words")
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setWordWrap(True)
        self._about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._start = QPushButton("Start training", self)
        self._start.setObjectName("training-start")
        self._start.setProperty("role", "primary")
        self._start.setMinimumHeight(32)
        self._start.setToolTip(
            tip("Learn with the pair, the student and the method that are set on the right. Space.")
        )
        self._head = QLabel("EXPERIMENTS", self)
        self._head.setProperty("role", "section")
        self.cards = tuple(ExperimentCard(entry, self) for entry in entries)
        self._lay_out()
        self._start.clicked.connect(self.start_requested)
        for card in self.cards:
            card.clicked.connect(self._choose)
        self.show_about()

    def _lay_out(self) -> None:
        inner = QWidget(self)
        inner.setMaximumWidth(_WIDEST)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._start)
        grid = QGridLayout()
        grid.setSpacing(_GAP)
        for place, card in enumerate(self.cards):
            alone = place == len(self.cards) - 1 and place % 2 == 0
            if alone:
                card.setMaximumHeight(_WIDE_CARD)
            grid.addWidget(card, place // 2, place % 2, 1, 2 if alone else 1)
        for column in (0, 1):
            grid.setColumnStretch(column, 1)
        column_box = QVBoxLayout(inner)
        column_box.setContentsMargins(0, 0, 0, 0)
        column_box.setSpacing(10)
        column_box.addStretch(1)
        column_box.addLayout(head)
        column_box.addWidget(self._about)
        column_box.addWidget(self._head)
        column_box.addLayout(grid)
        column_box.addStretch(2)
        self._head.setVisible(bool(self.cards))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 2, 16, 2)
        row.addStretch(1)
        row.addWidget(inner, 100)
        row.addStretch(1)

    def words(self) -> tuple[str, str]:
        """Return the title and what is said under it."""
        return self._title.text(), self._about.text()

    def show_about(self) -> None:
        """Tell what the lab does."""
        self._say("Let a kernel learn", ABOUT, "")

    def show_refused(self, text: str, *, waiting: bool = False, again: bool = True) -> None:
        """Tell why this cannot be trained, or what it waits for; ``again`` offers to try it once more."""
        title = "Which filter made this?" if waiting else "This cannot be trained yet"
        self._say(title, text, "" if waiting else "problem", "Try again" if again else "")

    def _say(self, title: str, text: str, role: str, button: str = "Start training") -> None:
        self._title.setText(title)
        self._about.setText(text)
        self._about.setProperty("role", role)
        self._about.style().unpolish(self._about)
        self._about.style().polish(self._about)
        self._start.setText(button)
        self._start.setVisible(bool(button))

    @Slot()
    def _choose(self) -> None:
        card = self.sender()
        assert isinstance(card, ExperimentCard)
        self.experiment_chosen.emit(card.entry.id)
