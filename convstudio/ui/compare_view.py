"""Before and after in one view, with a divider that is dragged across."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from convstudio.ui import view_overlay
from convstudio.ui.drop_surface import DropSurface
from convstudio.ui.image_view import DIMMED
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.view_picture import Pair, ViewPicture
from convstudio.ui.view_scene import Scene
from convstudio.ui.viewport import Viewport

_GRIP = 12.0  # the handle's radius
_REACH = 7.0  # how near to the line a press takes hold of it
_STEP = 0.02  # of the width, for a key


class CompareView(DropSurface):
    """Shows one picture left of a divider and another right of it, both at the same place.

    The divider is dragged, or moved with Shift and the left and right arrow keys.
    """

    cell_hovered = Signal(int, int)  # row, column of the picture on the right
    hover_left = Signal()
    divider_moved = Signal(float)  # 0 to 1 of the width

    def __init__(self, viewport: Viewport, parent: QWidget | None = None) -> None:
        super().__init__(viewport, parent)
        self.setAccessibleName("Before and after")
        self.setAccessibleDescription(
            self.accessibleDescription() + " Shift and the left and right arrows move the divider."
        )
        self.setMinimumSize(120, 90)
        self._pictures: tuple[ViewPicture, ViewPicture] | None = None
        self._scenes = (Scene(), Scene())
        self._divider = 0.5
        self._holding = False
        self._dimmed = False
        self._hovered: Pair | None = None
        self._names = ("", "")

    # --- what is shown ---

    @property
    def divider(self) -> float:
        """Where the divider stands: 0 at the left, 1 at the right."""
        return self._divider

    def show_pictures(self, before: ViewPicture, after: ViewPicture) -> None:
        """Show one picture left of the divider and one right of it."""
        self._pictures = (before, after)
        self._dimmed = False
        if self._hovered is not None and not after.contains(*self._hovered):
            self._hovered = None
        self.update()

    def show_names(self, before: str, after: str) -> None:
        """Say at the top of each side what it is; nothing where both are empty."""
        if (before, after) != self._names:
            self._names = (before, after)
            self.update()

    def show_dimmed(self, dimmed: bool) -> None:
        """Dim the picture on the right, which is then the last good one."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def show_divider(self, divider: float) -> None:
        """Put the divider at a part of the width, 0 to 1."""
        self._divider = min(max(divider, 0.0), 1.0)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(860, 430)

    # --- painting ---

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        if self._pictures is None or self._dimmed:
            painter.fillRect(self.rect(), QColor(theme.canvas))
        if self._pictures is not None:
            self._paint_sides(painter, self._pictures, theme)
            self._paint_divider(painter, theme)
            x = round(self._divider * self.width())
            view_overlay.side_name(painter, QRect(0, 0, x, self.height()), f"A  {self._names[0]}", theme, -1)
            right = QRect(x, 0, self.width() - x, self.height())
            view_overlay.side_name(painter, right, f"{self._names[1]}  B", theme, 1)
        self.paint_state(painter)
        painter.end()

    def _paint_sides(
        self, painter: QPainter, pictures: tuple[ViewPicture, ViewPicture], theme: Theme
    ) -> None:
        ratio, camera = self.devicePixelRatioF(), self.camera()
        split = round(self._divider * camera.width)
        sides = (
            QRect(0, 0, split, camera.height),
            QRect(split, 0, camera.width - split, camera.height),
        )
        painter.save()
        if ratio != 1.0:
            painter.scale(1.0 / ratio, 1.0 / ratio)
        for picture, scene, side in zip(pictures, self._scenes, sides, strict=True):
            if side.isEmpty():
                continue
            painter.setOpacity(DIMMED if self._dimmed and picture is pictures[1] else 1.0)
            painter.drawImage(side, scene.image(picture, camera, theme, self.font(), ratio), side)
        painter.setOpacity(1.0)
        if self._hovered is not None:
            cell = camera.rect(pictures[1].cells_extent(*self._hovered, 1, 1))
            view_overlay.outline(painter, cell, theme, ratio)
        painter.restore()

    def _paint_divider(self, painter: QPainter, theme: Theme) -> None:
        x, y = self._divider * self.width(), self.height() / 2.0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((QColor(0, 0, 0, 130), 4.0), (QColor(255, 255, 255), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, 0.0), QPointF(x, self.height()))
        painter.setPen(QPen(QColor(0, 0, 0, 130), 1.0))
        painter.setBrush(QColor(theme.accent if self._holding else "#ffffff"))
        painter.drawEllipse(QPointF(x, y), _GRIP, _GRIP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#ffffff" if self._holding else "#30343c"))
        for side in (-1.0, 1.0):
            near, far = x + side * 3.0, x + side * 8.0
            painter.drawPolygon(QPolygonF([QPointF(far, y), QPointF(near, y - 4.5), QPointF(near, y + 4.5)]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        for scene in self._scenes:
            scene.clear()  # or a hidden view would keep old pictures alive

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()

    # --- the divider ---

    def grabs(self, position: QPointF) -> bool:
        """Return whether the divider is there."""
        x = self._divider * self.width()
        grip = QRectF(x - _GRIP, self.height() / 2.0 - _GRIP, 2.0 * _GRIP, 2.0 * _GRIP)
        return self._pictures is not None and (abs(position.x() - x) <= _REACH or grip.contains(position))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.grabs(event.position()):
            self._holding = True
            self.update()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._holding:
            self._move_divider(event.position().x() / max(1, self.width()))
            return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._holding and event.button() == Qt.MouseButton.LeftButton:
            self._holding = False
            self.update()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -_STEP, Qt.Key.Key_Right: _STEP}
        if event.modifiers() == Qt.KeyboardModifier.ShiftModifier and event.key() in steps:
            self._move_divider(self._divider + steps[Qt.Key(event.key())])
            return
        super().keyPressEvent(event)

    def _move_divider(self, divider: float) -> None:
        self.show_divider(divider)
        self.divider_moved.emit(self._divider)

    # --- looking ---

    def moved_to(self, position: QPointF | None) -> None:
        if position is not None and self.grabs(position):
            self.setCursor(Qt.CursorShape.SplitHCursor)
        else:
            self.unsetCursor()
        cell = None
        if position is not None and self._pictures is not None:
            place, after = self.input_at(position), self._pictures[1]
            cell = (after.rows.cell(place.y()), after.columns.cell(place.x()))
            cell = cell if after.contains(*cell) else None
        if cell == self._hovered:
            return
        self._hovered = cell
        self.update()
        if cell is None:
            self.hover_left.emit()
        else:
            self.cell_hovered.emit(*cell)
