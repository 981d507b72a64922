"""What the cards of the stack are put together from: a picture, lines of text, small buttons."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

DIMMED = 0.4  # how much of a picture is left where its layer is switched off


class Thumb(QWidget):
    """A small picture; without one an empty frame, with a mark where something went wrong."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._pixmap: QPixmap | None = None
        self._mark = ""
        self._dim = False

    def show_pixmap(self, pixmap: QPixmap | None, mark: str = "") -> None:
        """Show a picture, or that there is none."""
        self._pixmap = pixmap
        self._mark = mark
        self.update()

    @property
    def pixmap(self) -> QPixmap | None:
        """The picture that is shown."""
        return self._pixmap

    def set_dim(self, dim: bool) -> None:
        """Show that the picture is only what passes through."""
        if dim != self._dim:
            self._dim = dim
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        if self._pixmap is None:
            painter.setPen(QPen(QColor(theme.error if self._mark else theme.border), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            painter.setPen(QColor(theme.error))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._mark)
        else:
            clip = QPainterPath()
            clip.addRoundedRect(box, 3, 3)
            painter.setClipPath(clip)
            painter.fillRect(box, QColor(theme.canvas))
            painter.setOpacity(DIMMED if self._dim else 1.0)
            painter.drawPixmap(box, self._pixmap, QRectF(self._pixmap.rect()))
        painter.end()


class CardLine(QLabel):
    """One line of text that gives way: a long text is elided, of several facts the last ones are left out."""

    def __init__(self, parent: QWidget, *, quiet: bool = False) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._quiet = quiet
        self._dim = False
        self._struck = False
        self._facts: tuple[str, ...] = ()

    def show_facts(self, facts: Sequence[str]) -> None:
        """Show facts side by side, as many as there is room for; the text holds them all."""
        self._facts = tuple(facts)
        self.setText(" · ".join(facts))

    def set_state(self, *, dim: bool = False, struck: bool = False) -> None:
        """Show the line as one of something that is out of use."""
        if (dim, struck) != (self._dim, self._struck):
            self._dim, self._struck = dim, struck
            self.update()

    def fitting(self) -> str:
        """Return what there is room for."""
        metrics = self.fontMetrics()
        for count in range(len(self._facts), 0, -1):
            text = " · ".join(self._facts[:count])
            if metrics.horizontalAdvance(text) <= self.width():
                return text
        text = self._facts[0] if self._facts else self.text()
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width())

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setPen(QColor(theme.text_dim if self._quiet or self._dim else theme.text))
        text = self.fitting()
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        if self._struck:
            y = self.height() // 2 + 1
            painter.drawLine(0, y, self.fontMetrics().horizontalAdvance(text), y)
        painter.end()


class CardButton(QAbstractButton):
    """A small button on a card, drawn as an ``"eye"`` or as ``"more"``: three dots.

    It takes no focus: the keyboard has a key for each of these, and the menu.
    """

    def __init__(self, drawing: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._drawing = drawing
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def say(self, text: str, keys: str = "") -> None:
        """Set the accessible name and the tooltip."""
        self.setAccessibleName(text)
        self.setToolTip(tip(f"{text} ({keys})" if keys else text))

    def sizeHint(self) -> QSize:
        return QSize(20, 20)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.border if self.isDown() else theme.button_hover))
            painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        colour = QColor(theme.text if self.underMouse() else theme.text_dim)
        painter.translate(self.width() / 2, self.height() / 2)
        if self._drawing == "eye":
            _draw_eye(painter, colour, open_=not self.isCheckable() or self.isChecked())
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            for x in (-5.0, 0.0, 5.0):
                painter.drawEllipse(QPointF(x, 0.0), 1.5, 1.5)
        painter.end()


def _draw_eye(painter: QPainter, colour: QColor, *, open_: bool) -> None:
    painter.setPen(QPen(colour, 1.4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    lids = QPainterPath(QPointF(-6.5, 0.0))
    lids.quadTo(QPointF(0.0, -7.5), QPointF(6.5, 0.0))
    lids.quadTo(QPointF(0.0, 7.5), QPointF(-6.5, 0.0))
    painter.drawPath(lids)
    painter.drawEllipse(QPointF(0.0, 0.0), 1.9, 1.9)
    if not open_:
        painter.drawLine(QPointF(-5.5, 5.5), QPointF(5.5, -5.5))
