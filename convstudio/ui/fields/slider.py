"""A slim horizontal slider: a click goes there, a drag follows, the fill starts at zero or at the left."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from convstudio.ui.theme import theme_of

_RADIUS = 6.0  # of the handle, px
_GROOVE = 4.0  # height, px


class SlimSlider(QSlider):
    """A slider over whole positions; ``origin`` is the position from which the fill is drawn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMinimumWidth(48)
        self._origin = 0

    def set_origin(self, position: int) -> None:
        """Draw the fill from this position to the handle."""
        self._origin = position
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(90, 22)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, 18)

    def position_x(self, position: int) -> float:
        """Return where the handle's centre is for a position, in widget pixels."""
        span = max(1, self.maximum() - self.minimum())
        part = (min(max(position, self.minimum()), self.maximum()) - self.minimum()) / span
        return _RADIUS + 1 + part * (self.width() - 2 * _RADIUS - 2)

    def _position_at(self, x: float) -> int:
        usable = max(1.0, self.width() - 2 * _RADIUS - 2)
        part = min(max((x - _RADIUS - 1) / usable, 0.0), 1.0)
        return round(self.minimum() + part * (self.maximum() - self.minimum()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self.setSliderDown(True)
        self.setSliderPosition(self._position_at(event.position().x()))
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setSliderPosition(self._position_at(event.position().x()))
            event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)
            event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        groove = QRectF(1, middle - _GROOVE / 2, self.width() - 2, _GROOVE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.border))
        painter.drawRoundedRect(groove, _GROOVE / 2, _GROOVE / 2)
        here, there = self.position_x(self.sliderPosition()), self.position_x(self._origin)
        if self.isEnabled():
            painter.setBrush(QColor(theme.accent))
            fill = QRectF(min(here, there), groove.top(), abs(here - there), _GROOVE)
            painter.drawRoundedRect(fill, _GROOVE / 2, _GROOVE / 2)
        rim = theme.accent if self.hasFocus() and self.isEnabled() else theme.text_dim
        painter.setPen(QPen(QColor(rim), 1.5))
        painter.setBrush(QColor(theme.text if self.isEnabled() and theme.name == "dark" else theme.button))
        painter.drawEllipse(QPointF(here, middle), _RADIUS - 0.5, _RADIUS - 0.5)
        painter.end()
