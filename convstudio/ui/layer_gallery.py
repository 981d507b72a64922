"""The layer gallery: every kind of layer and the ready-made stacks, with what each does to a picture."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPointF,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from convstudio.model import PHOTO
from convstudio.ui.gallery_entries import Entry, entries, found, preview
from convstudio.ui.gallery_rows import ENTRY, GalleryRows
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

WIDTH, HEIGHT = 540, 520
_GAP = 8
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -6, Qt.Key.Key_PageDown: 6}


class LayerGallery(QDialog):
    """Type to search, arrows to move, Enter or a click to choose, Esc to leave.

    ``chosen(layers, title)`` carries new layers from top to bottom; ``after`` is where they were asked for.
    """

    chosen = Signal(list, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("layer-gallery")
        self.setWindowTitle("Add a layer")
        self.setAccessibleName("Layer gallery")
        self.setStyleSheet("#layer-gallery { background: palette(window); }")  # stands out from the window
        self.after = PHOTO
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []  # whose previews are to be computed
        self._pointer: QPointF | None = None
        self._rows = GalleryRows(self)
        self._model = QStandardItemModel(self)
        self._field = self._make_field()
        self._list = self._make_list()
        self._nothing = QLabel("No layer by that name. Try “edge”, “pool” or “relu”.", self)
        self._nothing.setObjectName("gallery-nothing")
        self._nothing.setProperty("role", "caption")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self._timer = QTimer(self)  # one preview in each turn of the event loop: nobody waits for them
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw_next)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self._field)
        column.addWidget(self._list, 1)
        column.addWidget(self._nothing, 1)

    def _make_field(self) -> QLineEdit:
        field = QLineEdit(self)
        field.setObjectName("gallery-search")
        field.setPlaceholderText("Search layers: edge, pool, relu, blur…")
        field.setAccessibleName("Search layers")
        field.setToolTip(
            tip("Type a part of a name or of what it does. Arrows choose, Enter adds, Esc closes.")
        )
        field.setClearButtonEnabled(True)
        field.textChanged.connect(self._fill)
        field.installEventFilter(self)
        return field

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setObjectName("gallery-list")
        view.setAccessibleName("Layers to add")
        view.setModel(self._model)
        view.setItemDelegate(self._rows)
        view.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setMouseTracking(True)
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.clicked.connect(self._choose)
        view.viewport().installEventFilter(self)
        return view

    # --- opening ---

    def open_beside(self, anchor: QWidget, after: str) -> None:
        """Open to the right of a widget; what is chosen is meant to stand below the layer ``after``."""
        self.after = after
        if not self._entries:
            self._entries = entries()
            self._waiting = list(self._entries)
        self._pointer = None
        self._field.clear()
        self._fill("")
        self.setGeometry(self._place(anchor))
        self.show()
        self.activateWindow()
        self._field.setFocus(Qt.FocusReason.PopupFocusReason)
        if self._waiting:
            self._timer.start()

    def _place(self, anchor: QWidget) -> QRect:
        """Beside the anchor and as near to its height as the window allows."""
        window = anchor.window()
        room = QRect(window.mapToGlobal(window.rect().topLeft()), window.size()).adjusted(6, 6, -6, -6)
        if room.height() < HEIGHT // 2 or room.width() < WIDTH // 2:  # the anchor stands alone, as in a test
            room = anchor.screen().availableGeometry()
        box = QRect(0, 0, min(WIDTH, room.width()), min(HEIGHT, room.height()))
        corner = anchor.mapToGlobal(anchor.rect().topRight())
        box.moveTopLeft(corner)
        box.translate(_GAP, anchor.height() - box.height() // 2)
        box.moveLeft(max(room.left(), min(box.left(), room.right() - box.width() + 1)))
        box.moveTop(max(room.top(), min(box.top(), room.bottom() - box.height() + 1)))
        return box

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # --- content ---

    def titles(self) -> list[str]:
        """Return the titles of what is listed, in order, without the families' headings."""
        return [entry.title for _, entry in self._listed()]

    def highlighted(self) -> Entry | None:
        """Return the entry under the highlight, None when the search finds nothing."""
        entry = self._list.currentIndex().data(ENTRY)
        return entry if isinstance(entry, Entry) else None

    def previewed(self) -> list[str]:
        """Return the titles of the entries whose previews are there."""
        return [entry.title for entry in self._entries if self._rows.knows(entry)]

    def _listed(self) -> list[tuple[int, Entry]]:
        rows = ((row, self._model.index(row, 0).data(ENTRY)) for row in range(self._model.rowCount()))
        return [(row, entry) for row, entry in rows if isinstance(entry, Entry)]

    def _fill(self, query: str) -> None:
        self._model.clear()
        family, searching = "", bool(query.strip())
        for entry in found(query, self._entries):
            if entry.family != family and not searching:
                family = entry.family
                heading = QStandardItem(family)
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
                self._model.appendRow(heading)
            self._model.appendRow(_item(entry))
        listed = self._listed()
        self._nothing.setVisible(not listed)
        self._list.setVisible(bool(listed))
        # Without a search the plainest thing is at hand: a convolution.
        kinds = [row for row, entry in listed if entry.id == "conv" and not searching]
        self._highlight((kinds or [row for row, _ in listed] or [-1])[0])
        if not searching:
            self._list.scrollToTop()

    def _highlight(self, row: int) -> None:
        self._list.setCurrentIndex(self._model.index(row, 0))
        if row >= 0:
            self._list.scrollTo(self._model.index(max(0, row - 1), 0))  # a heading above belongs to it
            self._list.scrollTo(self._model.index(row, 0))

    @Slot()
    def _draw_next(self) -> None:
        """Compute one preview, those in sight first."""
        if not self._waiting:
            self._timer.stop()
            return
        entry = next((each for each in self._in_sight() if each in self._waiting), self._waiting[0])
        self._waiting.remove(entry)
        self._rows.show_preview(entry, preview(entry))
        self._list.viewport().update()

    def _in_sight(self) -> list[Entry]:
        seen = self._list.viewport().rect()
        index = self._model.index
        return [e for row, e in self._listed() if self._list.visualRect(index(row, 0)).intersects(seen)]

    # --- choosing ---

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose(self._list.currentIndex())
                return True
            if key in _STEPS:
                self._step(_STEPS[key])
                return True
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            self._point_at(event)
        return super().eventFilter(watched, event)

    def _point_at(self, event: QMouseEvent) -> None:
        """Highlight what the pointer moves onto; a list that scrolls under a resting one does not count."""
        here = event.globalPosition()
        moved = self._pointer is not None and here != self._pointer
        self._pointer = here
        index = self._list.indexAt(event.position().toPoint())
        if moved and isinstance(index.data(ENTRY), Entry):
            self._list.setCurrentIndex(index)

    def _step(self, by: int) -> None:
        rows = [row for row, _ in self._listed()]
        present = self._list.currentIndex().row()
        if present in rows:
            self._highlight(rows[min(max(rows.index(present) + by, 0), len(rows) - 1)])

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY) if index.isValid() else None
        if isinstance(entry, Entry):
            self.accept()  # closed first: what is asked for may look at what has the focus
            self.chosen.emit(list(entry.layers), entry.title)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(QColor(theme_of(self).border))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


def _item(entry: Entry) -> QStandardItem:
    item = QStandardItem(entry.title)
    item.setData(entry, ENTRY)
    item.setData(f"{entry.title}: {entry.summary}", Qt.ItemDataRole.AccessibleTextRole)
    item.setToolTip(tip(entry.title, entry.summary))
    return item
