"""The action finder (Ctrl+K): any action by a few letters of its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from convstudio.ui.fuzzy import score
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

ENTRY = int(Qt.ItemDataRole.UserRole) + 1
_WIDTH, _ROW, _ROWS = 560, 40, 9
_RECENT = 6  # how many used actions stand on top


@dataclass(frozen=True, eq=False)
class Entry:
    """What the finder shows of an action."""

    action: QAction
    name: str
    place: str  # the menu it stands in
    shortcut: str
    enabled: bool
    reason: str  # why it is switched off, or what it does


def entry_of(action: QAction) -> Entry:
    """Read an action; its properties ``menuPath`` and ``whyDisabled`` are used where they are set."""
    name = action.text().replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…. ")
    why = str(action.property("whyDisabled") or "")
    return Entry(
        action=action,
        name=name,
        place=str(action.property("menuPath") or ""),
        shortcut=action.shortcut().toString(QKeySequence.SequenceFormat.NativeText),
        enabled=action.isEnabled(),
        reason=action.statusTip() if action.isEnabled() else why or "Not possible at the moment.",
    )


def matches(query: str, entries: Iterable[Entry], recent: list[str]) -> list[Entry]:
    """Return the entries that answer a query, best first; without a query the last used ones lead."""
    found: list[tuple[float, int, Entry]] = []
    for place, entry in enumerate(entries):
        value = score(query, entry.name, f"{entry.place} {entry.reason}")
        if value is None:
            continue
        name = entry.action.objectName()
        if not query.strip():
            value = float(_RECENT - recent.index(name)) if name in recent else 0.0
        found.append((-value, place, entry))
    return [
        entry
        for *_, entry in sorted(found, key=lambda each: (not each[2].enabled and bool(query), *each[:2]))
    ]


class _RowPainter(QStyledItemDelegate):
    """Two lines to a row: name and shortcut, then menu and what it does."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        entry = index.data(ENTRY)
        view = self.parent()
        assert isinstance(entry, Entry)
        assert isinstance(view, QListView)
        theme = theme_of(view)
        rect = QRect(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.accent if entry.enabled else theme.button_hover))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(rect.adjusted(2, 1, -2, -1), 5, 5)
        lit = chosen and entry.enabled
        bright = theme.accent_text if lit else theme.text if entry.enabled else theme.text_dim
        dim = theme.accent_text if lit else theme.text_dim
        inner = rect.adjusted(12, 4, -12, -4)
        below = " · ".join(filter(None, (entry.place, entry.reason)))
        lines = 2 if below else 1
        top = QRect(inner.left(), inner.top(), inner.width(), inner.height() // lines)
        low = QRect(inner.left(), top.bottom() + 1, inner.width(), inner.height() // 2)
        self._write(painter, top, entry.shortcut, dim, Qt.AlignmentFlag.AlignRight)
        used = painter.fontMetrics().horizontalAdvance(entry.shortcut) + 12
        self._write(painter, top.adjusted(0, 0, -used, 0), entry.name, bright)
        small = painter.font()
        small.setPixelSize(11)
        painter.setFont(small)
        self._write(painter, low, below, dim)
        painter.restore()

    @staticmethod
    def _write(
        painter: QPainter,
        rect: QRect,
        text: str,
        colour: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setPen(QColor(colour))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, shown)


class ActionFinder(QDialog):
    """A search field over the window's actions. Arrows choose, Enter runs, Esc closes."""

    def __init__(self, actions: Iterable[QAction] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("action-finder")
        self.setWindowTitle("Find an action")
        self.setStyleSheet("#action-finder { background: palette(window); }")  # stands out from the window
        self._actions = list(actions)
        self._entries: list[Entry] = []
        self._recent: list[str] = []
        self._field = QLineEdit(self)
        self._field.setObjectName("finder-query")
        self._field.setPlaceholderText("Find an action: type a few letters of its name")
        self._field.setAccessibleName("Find an action")
        self._field.setToolTip(tip("Arrows choose, Enter runs, Esc closes."))
        self._field.setClearButtonEnabled(True)
        self._field.textChanged.connect(self._search)
        self._field.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self._list = QListView(self)
        self._list.setObjectName("finder-list")
        self._list.setAccessibleName("Actions found")
        self._list.setToolTip(tip("The actions that answer what is typed, the last used ones first."))
        self._list.setModel(self._model)
        self._list.setItemDelegate(_RowPainter(self._list))
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setUniformItemSizes(True)
        self._list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.clicked.connect(self._run)
        self._nothing = QLabel("No action has these letters.", self)
        self._nothing.setObjectName("finder-nothing")
        self._nothing.setProperty("role", "caption")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setMinimumHeight(_ROW)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self._field)
        column.addWidget(self._list)
        column.addWidget(self._nothing)

    def recent(self) -> list[str]:
        """Return the object names of the last used actions, newest first."""
        return list(self._recent)

    def set_recent(self, names: Iterable[str]) -> None:
        """Take over what ``recent`` returned in an earlier run."""
        self._recent = list(names)[:_RECENT]

    def found(self) -> list[str]:
        """Return the names that are listed, in order."""
        return [entry.name for entry in self._listed()]

    def open(self) -> None:
        """Show the finder near the top of its window with an empty field."""
        self._entries = [
            entry_of(action)
            for action in self._actions
            if action.isVisible() and not action.isSeparator() and action.menu() is None and action.text()
        ]
        self._field.blockSignals(True)
        self._field.clear()
        self._field.blockSignals(False)
        self._search("")
        self._place()
        self.show()
        self.raise_()
        self.activateWindow()
        self._field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _place(self) -> None:
        rows = min(_ROWS, max(1, len(self._entries)))
        self._list.setFixedHeight(rows * _ROW + 6)
        parent = self.parentWidget()
        width = _WIDTH if parent is None else min(_WIDTH, parent.window().width() - 40)
        self.setFixedWidth(width)
        self.adjustSize()
        if parent is not None:
            window = parent.window()
            corner = window.mapToGlobal(window.rect().topLeft())
            self.move(corner.x() + (window.width() - width) // 2, corner.y() + 70)

    def _listed(self) -> list[Entry]:
        return [self._model.item(row).data(ENTRY) for row in range(self._model.rowCount())]

    def _search(self, query: str) -> None:
        self._model.clear()
        for entry in matches(query, self._entries, self._recent):
            item = QStandardItem(entry.name)
            item.setData(entry, ENTRY)
            item.setData(entry.reason, Qt.ItemDataRole.AccessibleDescriptionRole)
            item.setToolTip(tip(entry.reason))
            self._model.appendRow(item)
        some = self._model.rowCount() > 0
        self._list.setVisible(some)
        self._nothing.setVisible(not some)
        if some:
            self._list.setCurrentIndex(self._model.index(0, 0))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(QColor(theme_of(self).border))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._on_key(event.key())
        return super().eventFilter(watched, event)

    def _on_key(self, key: int) -> bool:
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: _ROWS,
            Qt.Key.Key_PageUp: -_ROWS,
        }
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self._list.currentIndex())
            return True
        for each, step in steps.items():
            if key == each:
                self._step(step)
                return True
        return False

    def _step(self, step: int) -> None:
        rows = self._model.rowCount()
        if rows == 0:
            return
        row = self._list.currentIndex().row() + step
        row = row % rows if abs(step) == 1 else min(max(row, 0), rows - 1)
        self._list.setCurrentIndex(self._model.index(row, 0))

    def _run(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY) if index.isValid() else None
        if not isinstance(entry, Entry) or not entry.enabled:
            return
        name = entry.action.objectName()
        self._recent = [name, *(each for each in self._recent if each != name)][:_RECENT]
        # Closed first: the action may open a dialog or look at what has the focus.
        self.accept()
        entry.action.trigger()
