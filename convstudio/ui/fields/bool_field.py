"""The field of yes or no: a switch."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from convstudio.spec.params import Declared
from convstudio.ui.fields.base import Field
from convstudio.ui.theme import theme_of


class Switch(QAbstractButton):
    """A switch that slides right for on. A check box to the keyboard and to assistive tools."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(36, 20)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        on = self.isChecked()
        painter.setPen(QPen(QColor(theme.accent if on or self.hasFocus() else theme.text_dim), 1))
        painter.setBrush(QColor(theme.accent if on and self.isEnabled() else theme.field))
        painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
        radius = track.height() / 2 - 3
        x = track.right() - radius - 3 if on else track.left() + radius + 3
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent_text if on else theme.text_dim))
        painter.drawEllipse(QPointF(x, track.center().y()), radius, radius)
        painter.end()


class BoolField(Field):
    """Yes or no."""

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(declared, parent)
        self.switch = Switch()
        self.switch.toggled.connect(self._on_toggled)
        self.add_control(self.switch)
        self.row.addStretch(1)
        self._show(declared.default)

    def _show(self, value: bool) -> None:
        with QSignalBlocker(self.switch):
            self.switch.setChecked(value)
        self.switch.update()

    def _on_toggled(self, on: bool) -> None:
        self._enter(on)
        self.finished.emit()
