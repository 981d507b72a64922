"""A widget that is panned and zoomed through a shared viewport, by mouse, trackpad and keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QHideEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from convstudio.ui.view_bitmap import Camera
from convstudio.ui.viewport import Viewport

_DRAG = 4.0  # pixels: a press that moves less is a click
_WHEEL = 360.0  # eighths of a degree that double the scale: a notch of 120 gives a factor of 1.26
_PAN = 0.125  # of the view, for an arrow key
_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class NavigableWidget(QWidget):
    """Wheel and pinch zoom about the cursor, a drag pans; + − 0 1 and the arrows do the same.

    Subclasses say what a click, a move over the view and leaving it mean.
    """

    def __init__(self, viewport: Viewport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewport = viewport
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleDescription(
            "Wheel or plus and minus to zoom, drag or arrow keys to move, 0 to fit, 1 for 100 percent."
        )
        self._pressed: QPointF | None = None
        self._dragging = False
        self._mouse: QPointF | None = None
        self._by_keyboard = False
        viewport.changed.connect(self._viewport_changed)

    # --- for subclasses ---

    def camera(self) -> Camera:
        """Return how this view sees the input, in real pixels."""
        ratio = self.devicePixelRatioF()
        centre = self.viewport.centre
        return Camera(
            centre.x(),
            centre.y(),
            self.viewport.scale * ratio,
            round(self.width() * ratio),
            round(self.height() * ratio),
        )

    def input_at(self, position: QPointF) -> QPointF:
        """Return the input coordinates at a position in this widget."""
        return self.viewport.to_input(position, self.width(), self.height())

    def grabs(self, _position: QPointF) -> bool:
        """Return whether a press there is the subclass's own and does not pan."""
        return False

    def clicked_at(self, position: QPointF) -> None:
        """React to a click that was not a drag."""

    def moved_to(self, position: QPointF | None) -> None:
        """React to the cursor's place, or to its leaving (None); also when the picture moves under it."""

    @property
    def shows_focus(self) -> bool:
        """Whether the focus came by the keyboard and is to be seen."""
        return self.hasFocus() and self._by_keyboard

    # --- the viewport ---

    def _offset(self, position: QPointF) -> QPointF:
        return position - QPointF(self.width() / 2.0, self.height() / 2.0)

    def _announce_size(self) -> None:
        if self.isVisible():
            self.viewport.set_view_size(self, self.width(), self.height(), self.devicePixelRatioF())

    @Slot()
    def _viewport_changed(self) -> None:
        if self._mouse is not None and not self._dragging:
            self.moved_to(self._mouse)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._announce_size()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._announce_size()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.viewport.forget_view(self)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._announce_size()
        if isinstance(event, QNativeGestureEvent):
            return self._gesture(event)
        return super().event(event)

    # --- mouse and trackpad ---

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn, pixels = event.angleDelta(), event.pixelDelta()
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        sideways = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        touchpad = event.device().type() == QInputDevice.DeviceType.TouchPad
        if control or not (touchpad or sideways or not turn.y()):
            self.viewport.zoom_by(2.0 ** (turn.y() / _WHEEL), self._offset(event.position()))
        elif touchpad and not pixels.isNull():
            self.viewport.pan_by(pixels.x(), pixels.y())
        else:
            across, down = (turn.x() or turn.y(), 0) if sideways else (turn.x(), turn.y())
            self.viewport.pan_by(across / 2.0, down / 2.0)
        event.accept()

    def _gesture(self, event: QNativeGestureEvent) -> bool:
        kind, offset = event.gestureType(), self._offset(event.position())
        if kind == Qt.NativeGestureType.ZoomNativeGesture:
            self.viewport.zoom_by(1.0 + event.value(), offset)
        elif kind == Qt.NativeGestureType.SmartZoomNativeGesture:
            self.viewport.toggle_fit(offset)
        else:
            return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            super().mousePressEvent(event)
            return
        if event.button() == Qt.MouseButton.LeftButton and self.grabs(event.position()):
            return
        self._pressed = event.position()
        self._dragging = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        self._mouse = position
        if self._pressed is not None:
            step = position - self._pressed
            if not self._dragging and step.manhattanLength() >= _DRAG:
                self._dragging = True
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
            if self._dragging:
                self._pressed = position
                self.viewport.pan_by(step.x(), step.y())
                return
        self.moved_to(position)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, dragged = self._pressed, self._dragging
        self._pressed, self._dragging = None, False
        if dragged:
            self.unsetCursor()
            self.moved_to(event.position())
        elif pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked_at(event.position())
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self.grabs(event.position()):
            self.viewport.toggle_fit(self._offset(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._mouse = None
        self.moved_to(None)

    # --- keyboard ---

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        if plain != Qt.KeyboardModifier.NoModifier or not self._navigate(event.key()):
            super().keyPressEvent(event)

    def _navigate(self, key: int) -> bool:
        across, down = self.width() * _PAN, self.height() * _PAN
        pans = {
            Qt.Key.Key_Left: (across, 0.0),
            Qt.Key.Key_Right: (-across, 0.0),
            Qt.Key.Key_Up: (0.0, down),
            Qt.Key.Key_Down: (0.0, -down),
        }
        if key in pans:
            self.viewport.pan_by(*pans[Qt.Key(key)])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.viewport.zoom_step(1)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.viewport.zoom_step(-1)
        elif key == Qt.Key.Key_0:
            self.viewport.fit()
        elif key == Qt.Key.Key_1:
            self.viewport.actual_size()
        else:
            return False
        return True

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._by_keyboard = event.reason() in _KEYBOARD
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()
