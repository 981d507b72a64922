"""One picture on screen: its cells, their numbers, what pads it and which cell is looked at."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from convstudio.ui import view_overlay
from convstudio.ui.cell_numbers import exact_number
from convstudio.ui.drop_surface import DropSurface
from convstudio.ui.receptive_overlay import paint_receptive
from convstudio.ui.theme import theme_of
from convstudio.ui.view_bitmap import Camera
from convstudio.ui.view_picture import Pair, ViewPicture
from convstudio.ui.view_scene import Scene
from convstudio.ui.viewport import Viewport

DIMMED = 0.4
_LEAST_TAP = 3.0  # real pixels a cell: below, the taps of a dilated window run into one another


class ImageView(DropSurface):
    """Shows a ``ViewPicture`` through a viewport that other views may share.

    Cells are counted in the picture's own rows and columns; negative ones and those beyond its end are
    padded cells.
    """

    cell_hovered = Signal(int, int)  # row, column of the picture
    hover_left = Signal()  # the cursor left the picture
    cell_clicked = Signal(int, int)

    def __init__(self, viewport: Viewport, parent: QWidget | None = None) -> None:
        super().__init__(viewport, parent)
        self.setAccessibleName("Picture")
        self.setMinimumSize(120, 90)
        self._picture: ViewPicture | None = None
        self._scene = Scene()
        self._message = ""
        self._dimmed = False
        self._hovered: Pair | None = None
        self._cell: Pair | None = None
        self._window: QRect | None = None
        self._dilation: Pair = (1, 1)
        self._winners: tuple[Pair, ...] = ()
        self._seen: QRect | None = None  # cells that a deep cell sees, the rest dimmed

    # --- what is shown ---

    @property
    def picture(self) -> ViewPicture | None:
        """What is shown."""
        return self._picture

    @property
    def hovered(self) -> Pair | None:
        """Row and column of the cell under the cursor."""
        return self._hovered

    @property
    def dimmed(self) -> bool:
        """Whether the picture is shown as no longer up to date."""
        return self._dimmed

    def show_picture(self, picture: ViewPicture) -> None:
        """Show a picture; a dimmed one or a message before it are over."""
        self._picture = picture
        self._message, self._dimmed = "", False
        if self._hovered is not None and not picture.contains(*self._hovered):
            self._hovered = None
        self.update()

    def show_message(self, text: str) -> None:
        """Show words instead of a picture."""
        self._picture, self._hovered, self._message = None, None, text
        self._scene.clear()
        self.update()

    def show_dimmed(self, dimmed: bool) -> None:
        """Dim the picture, which is then the last good one and not what was asked for."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def show_cell(self, row: int | None, column: int | None = None) -> None:
        """Outline a cell; None takes the outline away."""
        cell = None if row is None or column is None else (row, column)
        if cell != self._cell:
            self._cell = cell
            self.update()

    def show_window(self, window: QRect | None, dilation: Pair = (1, 1)) -> None:
        """Draw a dashed line around the cells of a window; None takes it away.

        ``window`` is in cells: left column, top row, columns, rows. With a dilation (rows, columns)
        above 1 the cells that are read are marked.
        """
        if (window, dilation) != (self._window, self._dilation):
            self._window, self._dilation = window, dilation
            self.update()

    def show_winners(self, cells: tuple[Pair, ...]) -> None:
        """Mark the cells that won a window, one or one for each channel."""
        if cells != self._winners:
            self._winners = cells
            self.update()

    def show_receptive(self, box: QRect | None) -> None:
        """Dim all of the picture but the cells of a box; None takes that away."""
        if box != self._seen:
            self._seen = box
            self.update()

    def value_text(self, row: int, column: int) -> str:
        """Return the numbers of a cell for a read-out, ``"R 0.565  G 0.521  B 0.443"``.

        Those of a padded cell are followed by "(padding)"; where there is no cell it is "".
        """
        numbers = self._picture.numbers(row, column) if self._picture is not None else ()
        if self._picture is None or not numbers:
            return ""
        texts = [exact_number(value) for value in numbers]
        if len(texts) == 3:
            texts = [f"{name} {text}" for name, text in zip("RGB", texts, strict=True)]
        padding = () if self._picture.contains(row, column) else ("(padding)",)
        return "  ".join((*texts, *padding))

    def cell_at(self, position: QPointF) -> Pair | None:
        """Return row and column of the picture's cell at a position in this widget."""
        if self._picture is None:
            return None
        place = self.input_at(position)
        cell = (self._picture.rows.cell(place.y()), self._picture.columns.cell(place.x()))
        return cell if self._picture.contains(*cell) else None

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Return where a cell, padded or not, is drawn in this widget; empty without a picture."""
        if self._picture is None:
            return QRectF()
        ratio = self.devicePixelRatioF()
        real = self.camera().rect(self._picture.cells_extent(row, column, 1, 1))
        return QRectF(real.x() / ratio, real.y() / ratio, real.width() / ratio, real.height() / ratio)

    def sizeHint(self) -> QSize:
        return QSize(430, 430)

    # --- painting ---

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        if self._picture is None or self._dimmed:
            painter.fillRect(self.rect(), QColor(theme.canvas))
        if self._picture is not None:
            ratio = self.devicePixelRatioF()
            painter.save()
            if ratio != 1.0:
                painter.scale(1.0 / ratio, 1.0 / ratio)
            painter.setOpacity(DIMMED if self._dimmed else 1.0)
            camera = self.camera()
            painter.drawImage(0, 0, self._scene.image(self._picture, camera, theme, self.font(), ratio))
            painter.setOpacity(1.0)
            self._paint_marks(painter, self._picture, ratio)
            painter.restore()
        elif not self._dropping:
            view_overlay.message(painter, self.rect(), self._message, theme, self.font())
        self.paint_state(painter)
        painter.end()

    def _paint_marks(self, painter: QPainter, picture: ViewPicture, ratio: float) -> None:
        theme, camera = theme_of(self), self.camera()
        if self._seen is not None:
            height, width = picture.size

            def place(cells: QRect) -> QRect:
                block = cells.top(), cells.left(), cells.height(), cells.width()
                return camera.rect(picture.cells_extent(*block))

            paint_receptive(painter, place, self._seen, QRect(0, 0, width, height), theme, ratio)
        if self._window is not None and not self._window.isEmpty():
            self._paint_window(painter, picture, camera, self._window, ratio)
        for row, column in {cell for cell in (self._hovered, self._cell, *self._winners) if cell is not None}:
            cell = camera.rect(picture.cells_extent(row, column, 1, 1))
            view_overlay.outline(painter, cell, theme, ratio)

    def _paint_window(
        self, painter: QPainter, picture: ViewPicture, camera: Camera, window: QRect, ratio: float
    ) -> None:
        theme, (down, across) = theme_of(self), self._dilation
        if max(across, down) > 1 and camera.scale * picture.columns.pitch >= _LEAST_TAP:
            read = [
                camera.rect(picture.cells_extent(row, column, 1, 1))
                for row in range(window.top(), window.bottom() + 1, down)
                for column in range(window.left(), window.right() + 1, across)
            ]
            view_overlay.taps(painter, read, theme, ratio)
        extent = picture.cells_extent(window.top(), window.left(), window.height(), window.width())
        view_overlay.outline(painter, camera.rect(extent), theme, ratio, dashed=True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._scene.clear()  # or a hidden view would keep an old picture alive

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()

    # --- looking and clicking ---

    def moved_to(self, position: QPointF | None) -> None:
        cell = None if position is None else self.cell_at(position)
        if cell is None:
            self.unsetCursor()
        else:
            self.setCursor(Qt.CursorShape.CrossCursor)
        if cell == self._hovered:
            return
        self._hovered = cell
        self.update()
        if cell is None:
            self.hover_left.emit()
        else:
            self.cell_hovered.emit(*cell)

    def clicked_at(self, position: QPointF) -> None:
        cell = self.cell_at(position)
        if cell is not None:
            self.cell_clicked.emit(*cell)
