"""The line under the transport: where the training is, why it stopped, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from convstudio.ui.legend_bar import legend_number
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.training_welcome import Entry

HEIGHT = 30  # px


class _Words(QWidget):
    """One line of text, the end left out where there is no room; the tooltip has it whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-status-words")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self._text, self._kind = "", ""

    @property
    def text(self) -> str:
        return self._text

    def show_text(self, text: str, kind: str) -> None:
        if (text, kind) != (self._text, self._kind):
            self._text, self._kind = text, kind
            self.setToolTip(tip(text))
            self.setAccessibleName(text)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(100, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPixelSize(12)
        painter.setFont(font)
        box = QRectF(self.rect())
        if self._kind:
            colour = {"good": theme.good, "bad": theme.error}[self._kind]
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawEllipse(QRectF(1, box.center().y() - 4, 8, 8))
            box.setLeft(15)
        bad = self._kind == "bad"
        painter.setPen(QColor(theme.error if bad else theme.text if self._kind else theme.text_dim))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if QFontMetricsF(font).horizontalAdvance(self._text) <= box.width():
            painter.drawText(box, left, self._text)
        else:  # two lines of smaller letters; what is beyond is in the tooltip
            font.setPixelSize(11)
            painter.setFont(font)
            for place, line in enumerate(_in_two(self._text, QFontMetricsF(font), box.width())):
                half = QRectF(box.left(), place * HEIGHT / 2, box.width(), HEIGHT / 2)
                painter.drawText(half, left, line)
        painter.end()


class TrainingStatus(QWidget):
    """Says what state the training is in; the rate that a diverged run suggests is one click away."""

    rate_chosen = Signal(float)
    experiment_chosen = Signal(str)

    def __init__(self, entries: Sequence[Entry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-status")
        self.setFixedHeight(HEIGHT)
        self._words = _Words(self)
        self._suggested = 0.0
        self._use = QPushButton(self)
        self._use.setObjectName("training-use-rate")
        self._use.setAccessibleName("Use the suggested rate")
        self._use.setFixedHeight(22)
        self._use.setStyleSheet("QPushButton { padding: 1px 9px; }")
        self._use.setToolTip(
            tip("Set the learning rate to this and begin again: below it the steps do not overshoot.")
        )
        self._use.hide()
        self._experiments = QToolButton(self)
        self._experiments.setObjectName("training-experiments")
        self._experiments.setText("Experiments ▾")
        self._experiments.setProperty("role", "flat")
        self._experiments.setStyleSheet("QToolButton { padding: 1px 3px; }")
        self._experiments.setFixedHeight(22)
        self._experiments.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._experiments.setToolTip(tip("Trainings that are set up ready, each with something to see."))
        menu = QMenu(self._experiments)
        menu.setToolTipsVisible(True)
        for entry in entries:
            action = menu.addAction(entry.title.replace("&", "&&"))
            action.setData(entry.id)
            action.setToolTip(tip(entry.text))
            action.setObjectName(f"experiment-action-{entry.id}")
        menu.triggered.connect(self._choose)
        self._experiments.setMenu(menu)
        self._experiments.setVisible(bool(entries))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._words, 1)
        row.addWidget(self._use)
        row.addWidget(self._experiments)
        self._use.clicked.connect(self._on_use)

    @property
    def text(self) -> str:
        """What is said."""
        return self._words.text

    def say(self, text: str, kind: str = "", suggested_rate: float | None = None) -> None:
        """Say something: "good" news, "bad" ones, or "" for neither; a suggested rate gets a button."""
        self._words.show_text(text, kind)
        if suggested_rate is not None:
            self._suggested = suggested_rate
            self._use.setText(f"Use rate {legend_number(suggested_rate)}")
        self._use.setVisible(suggested_rate is not None)

    @Slot()
    def _on_use(self) -> None:
        self.rate_chosen.emit(self._suggested)

    @Slot(object)
    def _choose(self, action: object) -> None:
        self.experiment_chosen.emit(str(action.data()))  # type: ignore[attr-defined]  # a QAction


def _in_two(text: str, metrics: QFontMetricsF, room: float) -> tuple[str, str]:
    """Return as many words as fit into the first line, and the rest, cut at its end."""
    words = text.split(" ")
    count = len(words)
    while count > 1 and metrics.horizontalAdvance(" ".join(words[:count])) > room:
        count -= 1
    rest = metrics.elidedText(" ".join(words[count:]), Qt.TextElideMode.ElideRight, room)
    return " ".join(words[:count]), rest
