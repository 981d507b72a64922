"""The ready-made filter banks: a list, their parameters, and the kernels that come of them."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from convstudio.kernels import Bank
from convstudio.kernels.banks import BANKS
from convstudio.spec.params import ParamError
from convstudio.ui.param_form import ParamForm
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import draw_thumbnail, weight_image

_THUMB, _GAP = 30, 6  # px
_MOST_DRAWN = 27


class _Kernels(QWidget):
    """The kernels of a bank in rows, as many as there is room for."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._bank: Bank | None = None
        self.setFixedHeight(3 * (_THUMB + _GAP))

    def show_bank(self, bank: Bank) -> None:
        self._bank = bank
        self.setAccessibleName(f"{len(bank.filters)} filters: {', '.join(f.title for f in bank.filters)}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._bank is None:
            return
        painter, theme = QPainter(self), theme_of(self)
        across = max(1, (self.width() + _GAP) // (_THUMB + _GAP))
        for place, each in enumerate(self._bank.filters[: min(_MOST_DRAWN, 3 * across)]):
            row, column = divmod(place, across)
            box = QRectF(column * (_THUMB + _GAP), row * (_THUMB + _GAP), _THUMB, _THUMB)
            draw_thumbnail(painter, box, weight_image(each.kernels[0].values, theme))
        painter.end()


class BankPicker(QFrame):
    """A popup: choose a bank, set its numbers, take it with the button, Enter or a double click.

    ``chosen(bank, title)`` carries what was taken.
    """

    chosen = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bank-picker")
        self.setProperty("role", "card")
        self.setAccessibleName("Ready-made filter banks")
        self.setWindowFlag(Qt.WindowType.Popup)
        self._inputs = 3
        self._values: dict[str, dict[str, object]] = {name: {} for name in BANKS}
        self._bank: Bank | None = None
        self._form: ParamForm | None = None
        self._list = QListWidget(self)
        self._list.setObjectName("bank-list")
        self._list.setAccessibleName("Filter banks")
        self._list.addItems([kind.title for kind in BANKS.values()])
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._list.setStyleSheet("QListWidget::item { padding: 4px 6px; }")
        self._list.currentRowChanged.connect(self._show_kind)
        self._list.itemDoubleClicked.connect(self._take)
        self._summary = self._words("bank-summary", "")
        self._source = self._words("bank-source", "caption")
        self._kernels = _Kernels(self)
        self._use = QPushButton(self)
        self._use.setObjectName("bank-use")
        self._use.setProperty("role", "primary")
        self._use.setToolTip(tip("Put these filters in the place of the layer's. Undo brings them back."))
        self._use.clicked.connect(self._take)
        self._arrange()

    def _words(self, name: str, role: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _arrange(self) -> None:
        self._list.setFixedWidth(176)
        self._right = QVBoxLayout()
        self._right.setSpacing(8)
        for widget in (self._summary, self._kernels, self._source):
            self._right.addWidget(widget)
        self._right.addStretch(1)
        self._right.addWidget(self._use)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 10, 10)
        row.setSpacing(12)
        row.addWidget(self._list)
        row.addLayout(self._right, 1)

    def sizeHint(self) -> QSize:
        return QSize(520, 340)

    def open_under(self, button: QWidget, inputs: int) -> None:
        """Open under a button, for filters that read so many channels."""
        self._inputs = max(1, inputs)
        self.resize(self.sizeHint())
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + 4))
        screen = button.screen().availableGeometry()
        x = min(max(corner.x(), screen.left() + 4), screen.right() - self.width() - 4)
        y = min(max(corner.y(), screen.top() + 4), screen.bottom() - self.height() - 4)
        self.move(x, y)
        self._list.setCurrentRow(max(0, self._list.currentRow()))
        self._show_kind(self._list.currentRow())
        self.show()
        self._list.setFocus()

    def _show_kind(self, row: int) -> None:
        kind = list(BANKS.values())[row]
        self._summary.setText(kind.summary)
        self._source.setText(f"Source: {kind.source}.")
        self._drop_form()
        if kind.params:
            self._form = ParamForm(kind.params, self)
            self._form.setObjectName("bank-params")
            self._form.show_values({p.name: p.default for p in kind.params} | self._values[kind.id])
            self._form.edited.connect(self._on_edited)
            self._right.insertWidget(1, self._form)
        self._make()

    def _drop_form(self) -> None:
        if self._form is not None:
            self._right.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
            self._form = None

    def _kind(self) -> str:
        return list(BANKS)[self._list.currentRow()]

    def _on_edited(self, name: str, value: object) -> None:
        self._values[self._kind()][name] = value
        self._make()

    def _make(self) -> None:
        kind = BANKS[self._kind()]
        try:
            self._bank = kind.make(self._inputs, **self._values[kind.id])
        except ParamError as error:  # numbers that do not go together
            self._bank = None
            self._use.setEnabled(False)
            self._use.setText(f"{error}")
            return
        self._kernels.show_bank(self._bank)
        count = len(self._bank.filters)
        self._use.setEnabled(True)
        self._use.setText("Use this filter" if count == 1 else f"Use these {count} filters")

    def _take(self) -> None:
        if self._bank is not None:
            title = BANKS[self._kind()].title
            self.close()
            self.chosen.emit(self._bank, title)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._drop_form()
