"""The feature maps to look at and to pick from: one row that scrolls sideways, or a grid."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from convstudio.engine.feature_maps import grid_shape
from convstudio.ui.map_model import CHANNEL_ROLE, IMAGE_ROLE, PINNED_ROLE, RANGE_ROLE, ZEROS_ROLE, MapModel
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

_Index = QModelIndex | QPersistentModelIndex

STRIP_PICTURE = 58
"""Px of a map's height in the strip."""
_RIM = 4  # px around a picture, where the frame is drawn
_LINE = 16  # px of a line of text
_NARROWEST, _WIDEST = 72, 104  # px of a cell's picture in the strip
_SMALLEST, _LARGEST = 120, 420  # px of a cell's picture in the grid
_LOWEST = 40  # px that a picture keeps where rows are squeezed to fit the height
_BAR = 10  # px of a scroll bar
_BADGE = 16
_KEPT_PIXELS = 8 << 20  # of painted cells: 32 MB


def picture_size(spatial: tuple[int, int], box: QSize) -> QSize:
    """Return the largest size of a picture's proportions within a box; no side is thinner than 2 px.

    Args:
        spatial: rows and columns of the picture.
    """
    rows, columns = spatial
    scale = min(box.width() / columns, box.height() / rows)
    wide, high = max(2, round(columns * scale)), max(2, round(rows * scale))
    return QSize(min(wide, box.width()), min(high, box.height()))


class _MapDelegate(QStyledItemDelegate):
    """Paints a map with its label, in the grid also with its range and its share of zeros.

    Cells are kept as they were painted: scrolling past many then costs little more than copying them.
    """

    def __init__(self, view: MapView) -> None:
        super().__init__(view)
        self._view = view
        self._cells: dict[int | None, QPixmap] = {}
        self._font = QFont(view.font())
        self._font.setPixelSize(11)
        self._metrics = QFontMetrics(self._font)

    def forget(self) -> None:
        """Paint every cell anew: what they show, their size or the theme is another."""
        self._cells.clear()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return self._view.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        corner, state = option.rect.topLeft(), option.state
        if state & QStyle.StateFlag.State_Selected:
            focused = bool(state & QStyle.StateFlag.State_HasFocus)
            self._paint_cell(painter, corner, index, chosen=True, focused=focused)
            return
        channel = self._view.channel_at(index.row())
        cell = self._cells.get(channel)
        if cell is None:
            cell = self._painted(index)
            if len(self._cells) * self._view.cell.width() * self._view.cell.height() > _KEPT_PIXELS:
                self._cells.pop(next(iter(self._cells)))
            self._cells[channel] = cell
        painter.drawPixmap(corner, cell)
        if state & QStyle.StateFlag.State_MouseOver:
            _draw_frame(painter, self._place(corner), theme_of(self._view).text_dim, chosen=False)

    def _painted(self, index: _Index) -> QPixmap:
        ratio = self._view.devicePixelRatioF()
        cell = QPixmap(self._view.cell * ratio)
        cell.setDevicePixelRatio(ratio)
        cell.fill(self._view.palette().color(QPalette.ColorRole.Window))
        painter = QPainter(cell)
        self._paint_cell(painter, QPoint(0, 0), index)
        painter.end()
        return cell

    def _place(self, corner: QPoint) -> QRect:
        """Return where the picture goes in a cell."""
        box = QRect(corner + QPoint(_RIM, _RIM), self._view.box)
        place = QRect(QPoint(0, 0), picture_size(self._view.spatial, box.size()))
        place.moveCenter(box.center())
        return place

    def _paint_cell(
        self, painter: QPainter, corner: QPoint, index: _Index, *, chosen: bool = False, focused: bool = False
    ) -> None:
        theme, cell, place = theme_of(self._view), QRect(corner, self._view.cell), self._place(corner)
        _draw_picture(painter, place, index.data(IMAGE_ROLE))
        _draw_frame(painter, place, theme.accent if chosen else theme.border, chosen=chosen)
        if index.data(PINNED_ROLE):
            _draw_badge(painter, place, QColor(theme.accent), QColor(theme.accent_text))
        painter.setFont(self._font)
        painter.setPen(QColor(theme.text if chosen else theme.text_dim))
        top = corner.y() + 2 * _RIM + self._view.box.height() - 1
        below = QRect(cell.left() + 2, top, cell.width() - 4, _LINE)
        text = self._metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        if self._view.grid:
            painter.setPen(QColor(theme.text_dim))
            small = self._small(index, below)
            painter.drawText(below.translated(0, _LINE), Qt.AlignmentFlag.AlignCenter, small)
        if focused:
            painter.setPen(QPen(QColor(theme.accent), 1, Qt.PenStyle.DotLine))
            width = min(below.width(), self._metrics.horizontalAdvance(text) + 6)
            line = QRect(0, 0, width, _LINE - 1)
            line.moveCenter(below.center())
            painter.drawRect(line)

    def _small(self, index: _Index, room: QRect) -> str:
        """Return the range, and the share of zeros where there is room for it."""
        reach, zeros = index.data(RANGE_ROLE), index.data(ZEROS_ROLE)
        both = f"{reach} · {zeros}"
        return both if self._metrics.horizontalAdvance(both) <= room.width() else reach


def _draw_picture(painter: QPainter, place: QRect, image: QImage) -> None:
    enlarged = image.width() < place.width() * painter.device().devicePixelRatioF() - 1
    if not enlarged and image.size() != place.size() * painter.device().devicePixelRatioF():
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(place, image)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)


def _draw_frame(painter: QPainter, place: QRect, colour: str, chosen: bool) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if chosen:
        painter.setPen(QPen(QColor(colour), 2, j=Qt.PenJoinStyle.MiterJoin))
        painter.drawRect(place.adjusted(-2, -2, 2, 2))
    else:
        painter.setPen(QPen(QColor(colour), 1))
        painter.drawRect(place.adjusted(-1, -1, 0, 0))


def _draw_badge(painter: QPainter, place: QRect, back: QColor, front: QColor) -> None:
    """Draw an A into a corner: the side that others are compared with."""
    corner = QRect(place.topLeft(), QSize(_BADGE, _BADGE))
    painter.fillRect(corner, back)
    font = QFont(painter.font())
    font.setPixelSize(11)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(front)
    painter.drawText(corner, Qt.AlignmentFlag.AlignCenter, "A")


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
        self.cell = QSize(96, STRIP_PICTURE + 2 * _RIM + _LINE)
        self.box = QSize(88, STRIP_PICTURE)
        self.setObjectName("map-view")
        self.setAccessibleName("Feature maps")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QListView { border: none; background: palette(window); }")
        self.setModel(model)
        self._delegate = _MapDelegate(self)
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
            self.cell = self.box + QSize(2 * _RIM, 2 * _RIM + _LINE)
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
        words = 2 * _LINE + 3
        _, across = grid_shape(count, room.width() / room.height(), 200.0 / (200.0 / aspect + words))
        most = min(count, max(1, room.width() // (_SMALLEST + 2 * _RIM)))
        tried = {min(max(1, each), most) for each in (across - 1, across, across + 1)}
        fitting = {}
        for columns in tried:  # the largest pictures that need no scrolling
            wide = min(room.width() // columns - 2 * _RIM, _LARGEST)
            high = min(round(wide / aspect), room.height() // -(-count // columns) - 2 * _RIM - words)
            fitting[columns] = (min(wide, high * aspect), wide, high)
        columns = max(fitting, key=lambda each: fitting[each])
        _, wide, high = fitting[columns]
        if wide < _SMALLEST or high < 0.6 * _SMALLEST / aspect:
            wide = room.width() // most - 2 * _RIM
            high, columns = round(wide / aspect), most
        broad = room.width() // columns if wide < _LARGEST else wide + 2 * _RIM
        return QSize(broad - 2 * _RIM, high), QSize(broad, high + 2 * _RIM + words)

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
