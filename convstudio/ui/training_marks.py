"""Which of the stack's numbers are learned: a check box for the weights and for the bias of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPoint, QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from convstudio.core import GeometryError
from convstudio.learn.errors import LearnError
from convstudio.learn.network import network_of
from convstudio.model import Project
from convstudio.model.training import Mark
from convstudio.ui.fields.hint_line import HintLine
from convstudio.ui.param_form import LABEL_WIDTH
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

WORDS = {"weight": "weights", "bias": "bias"}
NOTHING = "No layer that is switched on has weights. Add a convolution to the stack."


@dataclass(frozen=True)
class Markable:
    """A layer that has something to learn.

    Attributes:
        layer_id: its id.
        title: its place in the stack and what its card says.
        arrays: name of each trainable array, and how many numbers in it are free; 0 where that is not known.
    """

    layer_id: str
    title: str
    arrays: tuple[tuple[str, int], ...]


def markables(project: Project) -> tuple[Markable, ...]:
    """Return the layers of a stack that are computed and have something to learn, from the photo down."""
    found = []
    for number, item in enumerate(project.layers, start=1):
        shape = project.in_shapes.get(item.id)
        if not item.enabled or shape is None:
            continue
        try:
            names = tuple(item.layer.weights(shape[0]))
        except GeometryError:  # it does not fit, and nothing comes into those below
            break
        if names:
            found.append((item.id, f"{number}. {item.title}", names))
    everything = [(layer_id, name) for layer_id, _, names in found for name in names]
    free: dict[Mark, int] = {}
    try:
        network = network_of(project, everything)
    except LearnError:  # a layer does not fit: the lab says which, here only the numbers are missing
        pass
    else:
        places = [item.id for item in project.layers if item.enabled]
        free = {(places[each.layer], each.name): each.count for each in network.parameters}
    return tuple(
        Markable(layer_id, title, tuple((name, free.get((layer_id, name), 0)) for name in names))
        for layer_id, title, names in found
    )


class TickBox(QCheckBox):
    """A check box that can be seen in both themes, ticked or not."""

    _SIDE = 16  # px

    def sizeHint(self) -> QSize:
        return QSize(self._SIDE + 7 + self.fontMetrics().horizontalAdvance(self.text()) + 2, 22)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, place: QPoint) -> bool:
        return self.rect().contains(place)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(0.5, (self.height() - self._SIDE) / 2 + 0.5, self._SIDE - 1, self._SIDE - 1)
        on = self.isChecked()
        rim = (
            theme.text
            if on and self.hasFocus()
            else theme.accent
            if on or self.hasFocus()
            else theme.text_dim
        )
        painter.setPen(QPen(QColor(rim), 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(theme.accent if on else theme.field))
        painter.drawRoundedRect(box, 3, 3)
        if on:
            pen = QPen(QColor(theme.accent_text), 1.8)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            middle = box.center()
            tick = (QPointF(-3.6, 0.2), QPointF(-1.0, 2.8), QPointF(3.8, -2.8))
            painter.drawPolyline([middle + point for point in tick])
        room = QRectF(self.rect()).adjusted(self._SIDE + 7, 0, 0, 0)
        painter.setPen(QColor(theme.text))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.end()


class StackMarks(QWidget):
    """A line a layer. ``toggled(layer_id, name, on)`` comes only from the user."""

    toggled = Signal(str, str, bool)

    def __init__(self, before: QWidget, parent: QWidget | None = None) -> None:
        """``before`` is the control from which the Tab key comes here."""
        super().__init__(parent)
        self.setObjectName("training-marks")
        self._before = before
        self._shown: tuple[Markable, ...] | None = None
        self._boxes: dict[Mark, TickBox] = {}
        self._rows: QWidget | None = None
        self._label = QLabel("Learned", self)
        self._label.setToolTip(tip("The numbers that are learned; all others stay as they are."))
        self._nothing = QLabel(NOTHING, self)
        self._nothing.setObjectName("training-marks-nothing")
        self._nothing.setProperty("role", "caption")
        self._nothing.setWordWrap(True)
        self._total = HintLine(self)
        self._total.setObjectName("training-marks-total")
        self._column = QVBoxLayout()
        self._column.setSpacing(4)
        self._column.addWidget(self._nothing)
        self._column.addWidget(self._total)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._label, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(self._column, 0, 1)

    def show_marks(self, layers: Sequence[Markable], marks: Sequence[Mark]) -> None:
        """Show what there is to learn and what of it is marked; marks of layers that are gone are ignored."""
        if tuple(layers) != self._shown:
            self._shown = tuple(layers)
            self._make_rows()
        total = 0
        for layer in layers:
            for name, count in layer.arrays:
                box = self._boxes[layer.layer_id, name]
                on = (layer.layer_id, name) in marks
                with QSignalBlocker(box):
                    box.setChecked(on)
                total += count * on
        self._nothing.setVisible(not layers)
        self._total.setVisible(bool(layers))
        self._total.setText(_total_words(total) if total else "Mark what is to be learned.")

    def _make_rows(self) -> None:
        assert self._shown is not None
        if self._rows is not None:
            self._rows.hide()
            self._column.removeWidget(self._rows)
            self._rows.deleteLater()
        focus = self._focused()
        self._boxes.clear()
        self._rows = QWidget(self)
        grid = QGridLayout(self._rows)
        grid.setContentsMargins(0, 4, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for number, layer in enumerate(self._shown):
            title = HintLine(self._rows)
            title.setText(layer.title)
            grid.addWidget(title, 2 * number, 0, 1, 2)
            for place, (name, count) in enumerate(layer.arrays):
                grid.addWidget(self._box(layer, name, count), 2 * number + 1, place)
        self._column.insertWidget(0, self._rows)
        for first, second in pairwise([self._before, *self._boxes.values()]):
            QWidget.setTabOrder(first, second)
        self._rows.show()
        if focus in self._boxes:
            self._boxes[focus].setFocus(Qt.FocusReason.OtherFocusReason)

    def _focused(self) -> Mark | None:
        return next((mark for mark, box in self._boxes.items() if box.hasFocus()), None)

    def _box(self, layer: Markable, name: str, count: int) -> TickBox:
        word = WORDS.get(name, name)
        box = TickBox(f"{word} ({count})" if count else word, self._rows)
        box.setObjectName(f"training-mark-{layer.layer_id}-{name}")
        box.setAccessibleName(f"Learn {word} of {layer.title}")
        box.setToolTip(
            tip(f"Learn the {word} of {layer.title}.", f"{count} free numbers." if count > 1 else "")
        )
        box.toggled.connect(lambda on: self.toggled.emit(layer.layer_id, name, on))
        self._boxes[layer.layer_id, name] = box
        return box


def _total_words(total: int) -> str:
    return (
        "One number is learned." if total == 1 else f"{total:,} numbers are learned.".replace(",", "\u202f")
    )
