"""The feature maps to look at and to pick from: one row that scrolls sideways, or a grid."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QMenu,
    QWidget,
)

from convstudio.engine.feature_maps import grid_shape
from convstudio.ui.map_cells import LINE, RIM, MapDelegate
from convstudio.ui.map_model import CHANNEL_ROLE, MapModel
from convstudio.ui.tips import tip

_Index = QModelIndex | QPersistentModelIndex

STRIP_PICTURE = 58
"""Px of a map's height in the strip."""
_NARROWEST, _WIDEST = 72, 104  # px of a cell's picture in the strip
_SMALLEST, _LARGEST = 120, 420  # px of a cell's picture in the grid
_LOWEST = 40  # px that a picture keeps where rows are squeezed to fit the height
_BAR = 10  # px of a scroll bar


class MapView(QListView):
    """Shows a ``MapModel``. A click, Enter or the arrows choose a map, Ctrl+click one to compare with."""

    channel_chosen = Signal(object)  # int, or None for all together
    compare_requested = Signal(object)  # the same
    box_changed = Signal()  # the pictures are of another size from now on

    def __init__(self, model: MapModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._maps = model
        self._grid = False
        self._silent = False
        self._channel: int | None = None
        self.cell = QSize(96, STRIP_PICTURE + 2 * RIM + LINE)
        self.box = QSize(88, STRIP_PICTURE)
        self.setObjectName("map-view")
        self.setAccessibleName("Feature maps")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QListView { border: none; background: palette(window); }")
        self.setModel(model)
        self._delegate = MapDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # so that Qt shifts what it has
        model.modelReset.connect(self._reset)
        model.dataChanged.connect(self._delegate.forget)
        self._apply()

    # --- what is shown ---

    @property
    def grid(self) -> bool:
        """Whether the maps fill a grid, rather than one row."""
        return self._grid

    @property
    def spatial(self) -> tuple[int, int]:
        """Rows and columns of each map."""
        maps = self._maps.maps
        return (1, 1) if maps is None else maps.head.shape[1:]

    def set_grid(self, grid: bool) -> None:
        """Show a grid, or one row."""
        self._grid = grid
        self._apply()
        self.show_channel(self._channel)
        self.scrollTo(self.currentIndex())

    def arrange(self) -> None:
        """Fit the cells to the maps that are shown now."""
        self._measure()

    def show_channel(self, channel: int | None) -> None:
        """Frame a map as the chosen one, and bring it into sight."""
        self._channel = channel
        row = self._maps.row_of(channel)
        index = self._maps.index(row, 0) if row >= 0 else QModelIndex()
        if index == self.currentIndex() and (row < 0 or self.selectionModel().isSelected(index)):
            return
        self._silent = True
        self.setCurrentIndex(index)
        self._silent = False
        if row >= 0:
            self.scrollTo(index)

    def wanted_box(self, ratio: float) -> tuple[int, int]:
        """Return the most rows and columns of a picture, in real pixels of a screen of that scale."""
        return max(1, round(self.box.height() * ratio)), max(1, round(self.box.width() * ratio))

    def channel_at(self, row: int) -> int | None:
        """Return the channel that a row shows, None for all together."""
        return self._maps.channels[row]

    def _reset(self) -> None:
        self._delegate.forget()
        self.show_channel(self._channel)

    def _apply(self) -> None:
        self.setWrapping(self._grid)
        off, needed = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setHorizontalScrollBarPolicy(off if self._grid else needed)
        self.setVerticalScrollBarPolicy(needed if self._grid else off)
        self._measure()

    def _measure(self) -> None:
        before = self.box
        if self._grid:
            self.box, self.cell = self._grid_cell()
        else:
            rows, columns = self.spatial
            wide = min(max(round(STRIP_PICTURE * columns / rows), _NARROWEST), _WIDEST)
            self.box = QSize(wide, STRIP_PICTURE)
            self.cell = self.box + QSize(2 * RIM, 2 * RIM + LINE)
        self._delegate.forget()
        self.scheduleDelayedItemsLayout()
        if self.box != before:
            self.box_changed.emit()

    def _grid_cell(self) -> tuple[QSize, QSize]:
        """Return the size of a picture's box and of its cell that fill the view, within reason."""
        bar = self.verticalScrollBar().sizeHint().width() + 1
        room = QSize(max(_SMALLEST, self.width() - bar), max(_LOWEST, self.height()))
        count = max(1, self._maps.rowCount())
        aspect = min(max(self.spatial[1] / self.spatial[0], 0.25), 4.0)
        words = 2 * LINE + 3
        _, across = grid_shape(count, room.width() / room.height(), 200.0 / (200.0 / aspect + words))
        most = min(count, max(1, room.width() // (_SMALLEST + 2 * RIM)))
        tried = {min(max(1, each), most) for each in (across - 1, across, across + 1)}
        fitting = {}
        for columns in tried:  # the largest pictures that need no scrolling
            wide = min(room.width() // columns - 2 * RIM, _LARGEST)
            high = min(round(wide / aspect), room.height() // -(-count // columns) - 2 * RIM - words)
            fitting[columns] = (min(wide, high * aspect), wide, high)
        columns = max(fitting, key=lambda each: fitting[each])
        _, wide, high = fitting[columns]
        if fitting[columns][0] < _SMALLEST:  # too small to see much: rather scroll
            wide = room.width() // most - 2 * RIM
            high, columns = round(wide / aspect), most
        broad = room.width() // columns if wide < _LARGEST else wide + 2 * RIM
        return QSize(broad - 2 * RIM, high), QSize(broad, high + 2 * RIM + words)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self.palette().color(QPalette.ColorRole.Window))
        painter.end()
        super().paintEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._grid:
            self._measure()
        super().resizeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(600, 360 if self._grid else self.cell.height() + _BAR + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(_SMALLEST, self.cell.height() + _BAR + 2)

    # --- what the user chooses ---

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:  # type: ignore[override]
        super().currentChanged(current, previous)
        if not self._silent and current.isValid():
            self._choose(current)

    def _choose(self, index: QModelIndex) -> None:
        self._channel = index.data(CHANNEL_ROLE)
        self.channel_chosen.emit(self._channel)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if (
            event.button() == Qt.MouseButton.LeftButton
            and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            if index.isValid():
                self.compare_requested.emit(index.data(CHANNEL_ROLE))
            event.accept()
            return
        if not index.isValid() or event.button() != Qt.MouseButton.LeftButton:
            event.accept()  # a press beside the maps must not take the choice away
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() == Qt.MouseButton.NoButton:
            super().mouseMoveEvent(event)  # dragging over maps would choose each of them

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
            and self.currentIndex().isValid()
        ):
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.compare_requested.emit(self.currentIndex().data(CHANNEL_ROLE))
            else:
                self._choose(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if not index.isValid():
            return
        place = self.viewport().mapToGlobal(self.visualRect(index).center()) if by_key else event.globalPos()
        self.menu_for(index).popup(place)

    def menu_for(self, index: QModelIndex) -> QMenu:
        """Return the menu of one map; it goes away by itself once it is closed."""
        channel = index.data(CHANNEL_ROLE)
        menu = QMenu(self)
        menu.setObjectName("map-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        show = menu.addAction("Show in the main view")
        show.triggered.connect(
            lambda _checked=False: self.setCurrentIndex(self._maps.index(self._maps.row_of(channel), 0))
        )
        compare = menu.addAction("Compare with…")
        compare.setObjectName("map-compare")
        compare.setToolTip(
            tip("Keeps this map as side A; the next one that you choose, of any layer, is side B.")
        )
        compare.triggered.connect(lambda _checked=False: self.compare_requested.emit(channel))
        return menu

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.DevicePixelRatioChange) and hasattr(
            self, "_delegate"
        ):
            self._delegate.forget()
            self.viewport().update()

    def cell_rect(self, channel: int | None) -> QRectF:
        """Return where a channel's cell is, in the coordinates of the viewport."""
        return QRectF(self.visualRect(self._maps.index(self._maps.row_of(channel), 0)))
