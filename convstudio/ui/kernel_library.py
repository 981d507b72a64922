"""The preset library: search, families, a picture of each kernel, and what the highlighted one does."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from convstudio.kernels import FAMILIES, PRESETS, Kernel, Preset, search
from convstudio.ui.theme import theme_of
from convstudio.ui.weight_colours import draw_thumbnail, weight_image

_ROW = 34  # px
_HEADING = 26
_THUMB = 24
KERNEL_ROLE = Qt.ItemDataRole.UserRole + 1
PRESET_ROLE = Qt.ItemDataRole.UserRole + 2
_Index = QModelIndex | QPersistentModelIndex
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class _RowDelegate(QStyledItemDelegate):
    """Paints a family's heading or a preset's thumbnail and title."""

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, _ROW if index.data(KERNEL_ROLE) is not None else _HEADING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        view = option.widget
        theme = theme_of(view)
        box: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        kernel = index.data(KERNEL_ROLE)
        font = QFont(view.font())
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if kernel is None:
            font.setPixelSize(11)
            font.setWeight(QFont.Weight.Bold)
            painter.setFont(font)
            painter.setPen(QColor(theme.text_dim))
            painter.drawText(box.adjusted(8, 6, -8, 0), middle, str(index.data()).upper())
        else:
            chosen = bool(option.state & QStyle.StateFlag.State_Selected)
            hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
            if chosen or hovered:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(theme.accent if chosen else theme.button_hover))
                painter.drawRoundedRect(QRectF(box).adjusted(2, 1, -2, -1), 5, 5)
            frame = QRectF(box.left() + 8, box.center().y() + 0.5 - _THUMB / 2, _THUMB, _THUMB)
            draw_thumbnail(painter, frame, weight_image(kernel.values, theme))
            painter.setFont(font)
            painter.setPen(QColor(theme.accent_text if chosen else theme.text))
            painter.drawText(box.adjusted(8 + _THUMB + 9, 0, -8, 0), middle, str(index.data()))
        painter.restore()


class _BigPicture(QWidget):
    """The highlighted kernel, large."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._kernel: Kernel | None = None
        self.setFixedHeight(112)

    def show_kernel(self, kernel: Kernel | None) -> None:
        self._kernel = kernel
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._kernel is not None:
            painter = QPainter(self)
            box = QRectF(self.rect())
            box.setWidth(min(box.width(), box.height() * 1.6))
            box.moveCenter(QRectF(self.rect()).center())
            draw_thumbnail(painter, box, weight_image(self._kernel.values, theme_of(self)), 6.0)
            painter.end()


class KernelLibrary(QFrame):
    """Type to filter, arrows to move, Enter or a click to choose, Esc to leave.

    ``chosen(kernel)`` carries the preset with its default parameters; ``dismissed()`` asks to be closed.
    """

    chosen = Signal(object)
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-library")
        self.setProperty("role", "card")
        self.setAccessibleName("Kernel library")
        self._kernels = {preset.id: preset.make() for preset in PRESETS.values()}
        self._present = ""
        self._pointer: QPointF | None = None  # where the pointer last was, on the screen
        self._model = QStandardItemModel(self)
        self._search = QLineEdit(self)
        self._search.setObjectName("kernel-library-search")
        self._search.setPlaceholderText("Search kernels: blur, edges, emboss…")
        self._search.setAccessibleName("Search kernels")
        self._search.setToolTip(
            "Type a part of a name or of what the kernel does; Enter takes the highlighted one."
        )
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._fill)
        self._search.installEventFilter(self)
        self._list = self._make_list()
        self._nothing = QLabel("No kernel by that name. Try “edge”, “blur” or “sharpen”.", self)
        self._nothing.setObjectName("kernel-library-nothing")
        self._nothing.setProperty("role", "caption")
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self._picture = _BigPicture(self)
        self._title = self._label("title", "title")
        self._summary = self._label("", "summary")
        self._shape = self._label("caption", "shape")
        self._source = self._label("caption", "source")
        self._arrange()
        self._fill("")

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setObjectName("kernel-library-list")
        view.setAccessibleName("Kernels")
        view.setModel(self._model)
        view.setItemDelegate(_RowDelegate(view))
        view.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setMouseTracking(True)
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.setToolTip("Click a kernel to take it.")
        view.clicked.connect(self._on_clicked)
        view.viewport().installEventFilter(self)
        view.selectionModel().currentChanged.connect(self._on_current_changed)
        return view

    def _label(self, role: str, name: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(f"kernel-library-{name}")
        label.setProperty("role", role)
        label.setWordWrap(True)
        return label

    def _arrange(self) -> None:
        about = QVBoxLayout()
        about.setSpacing(7)
        for widget in (self._picture, self._title, self._summary, self._shape, self._source):
            about.addWidget(widget)
        about.addStretch(1)
        below = QHBoxLayout()
        below.setSpacing(12)
        left = QVBoxLayout()
        left.addWidget(self._list, 1)
        left.addWidget(self._nothing)
        below.addLayout(left, 5)
        below.addLayout(about, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(9)
        column.addWidget(self._search)
        column.addLayout(below, 1)

    def sizeHint(self) -> QSize:
        return QSize(470, 430)

    # Content

    def show_kernel(self, kernel: Kernel) -> None:
        """Highlight the preset that this kernel is, if it is one, and start with an empty search."""
        self._present = kernel.preset or ""
        self._search.clear()
        self._fill("")
        self._search.setFocus(Qt.FocusReason.PopupFocusReason)

    def highlighted(self) -> Preset | None:
        """Return the preset under the highlight, ``None`` when the search finds nothing."""
        found = self._list.currentIndex().data(PRESET_ROLE)
        return PRESETS[found] if found else None

    def titles(self) -> list[str]:
        """Return the titles of the presets in the list, in order, without the families' headings."""
        rows = [self._model.index(row, 0) for row in range(self._model.rowCount())]
        return [str(index.data()) for index in rows if index.data(PRESET_ROLE)]

    def _fill(self, text: str) -> None:
        self._model.clear()
        if text.strip():
            for preset in search(text):
                self._model.appendRow(self._item(preset))
        else:
            for family in FAMILIES:
                heading = QStandardItem(family)
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
                self._model.appendRow(heading)
                for preset in PRESETS.values():
                    if preset.family == family:
                        self._model.appendRow(self._item(preset))
        self._nothing.setVisible(self._model.rowCount() == 0)
        self._list.setVisible(self._model.rowCount() > 0)
        present = "" if text.strip() else self._present
        rows = self._preset_rows()
        first = next(iter(rows), -1)
        self._highlight(next((row for row in rows if self._id_at(row) == present), first))

    def _item(self, preset: Preset) -> QStandardItem:
        item = QStandardItem(preset.title)
        item.setData(self._kernels[preset.id], KERNEL_ROLE)
        item.setData(preset.id, PRESET_ROLE)
        item.setData(f"{preset.title}: {preset.summary}", Qt.ItemDataRole.AccessibleTextRole)
        return item

    def _id_at(self, row: int) -> str:
        return str(self._model.index(row, 0).data(PRESET_ROLE) or "")

    def _preset_rows(self) -> list[int]:
        return [row for row in range(self._model.rowCount()) if self._id_at(row)]

    def _highlight(self, row: int) -> None:
        self._list.setCurrentIndex(self._model.index(row, 0))
        if row >= 0:
            self._list.scrollTo(self._model.index(max(0, row - 1), 0))
            self._list.scrollTo(self._model.index(row, 0))
        else:
            self._describe(None)

    def _on_current_changed(self, current: QModelIndex) -> None:
        found = current.data(PRESET_ROLE)
        self._describe(PRESETS[found] if found else None)

    def _describe(self, preset: Preset | None) -> None:
        kernel = self._kernels[preset.id] if preset else None
        self._picture.show_kernel(kernel)
        self._title.setText(preset.title if preset else "")
        self._summary.setText(preset.summary if preset else "")
        self._source.setText(preset.source if preset else "")
        if kernel is None or preset is None:
            self._shape.setText("")
            return
        size = "{}×{}".format(*kernel.shape)
        names = ", ".join(each.param.label.lower() for each in preset.params)
        self._shape.setText(f"{size}, set by {names}" if names else size)

    # Choosing

    def _point_at(self, event: QMouseEvent) -> None:
        """Highlight what the pointer moves onto; a list that scrolls under a resting one does not count."""
        here = event.globalPosition()
        moved = self._pointer is not None and here != self._pointer
        self._pointer = here
        index = self._list.indexAt(event.position().toPoint())
        if moved and index.data(PRESET_ROLE):
            self._list.setCurrentIndex(index)

    def _on_clicked(self, index: QModelIndex) -> None:
        self._choose(str(index.data(PRESET_ROLE) or ""))

    def _choose(self, found: str) -> None:
        if found:
            self.chosen.emit(self._kernels[found])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _LIST_KEYS:
                self._step(Qt.Key(event.key()))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose(str(self._list.currentIndex().data(PRESET_ROLE) or ""))
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.dismissed.emit()
                return True
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            self._point_at(event)
        return super().eventFilter(watched, event)

    def _step(self, key: Qt.Key) -> None:
        """Move the highlight over presets, past the headings, stopping at the ends."""
        rows = self._preset_rows()
        if not rows:
            return
        page = max(1, self._list.viewport().height() // _ROW - 1)
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -page, Qt.Key.Key_PageDown: page}[key]
        here = rows.index(self._list.currentIndex().row()) if self._list.currentIndex().row() in rows else 0
        self._highlight(rows[min(max(here + by, 0), len(rows) - 1)])
