"""The chain between numbers: closed, they change together; open, each goes its own way."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from convstudio.ui.theme import theme_of


class LinkButton(QAbstractButton):
    """A small toggle drawn as two links of a chain; checked means linked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(24, 24)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QColor(theme.accent) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.button_hover))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        linked = self.isChecked()
        # The accent is made for fills; on a panel the text colour is what stays readable in both themes.
        colour = QColor(theme.text if linked and self.isEnabled() else theme.text_dim)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.translate(self.width() / 2, self.height() / 2)
        painter.rotate(-45)
        apart = 0.0 if linked else 2.2
        painter.drawRoundedRect(QRectF(-8 - apart, -2.6, 8.6, 5.2), 2.6, 2.6)
        painter.drawRoundedRect(QRectF(-0.6 + apart, -2.6, 8.6, 5.2), 2.6, 2.6)
        if linked:
            painter.drawLine(-3, 0, 3, 0)
        painter.end()
