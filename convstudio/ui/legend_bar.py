"""The legend of a rendered picture: its colours between the numbers at their ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from convstudio.ui.theme import theme_of

_GAP = 4
_WIDE, _NARROW, _TALL = 66, 26, 10


def legend_number(value: float, *, sign: bool = False) -> str:
    """Return a number with three significant digits, with its sign also when positive if so wished.

    >>> legend_number(0.35182, sign=True), legend_number(-12345.0), legend_number(-0.0)
    ('+0.352', '−1.23e4', '0')
    """
    value += 0.0  # a negative zero, as a weight below zero makes of black, has no sign to show
    if 1e-3 <= abs(value) < 1e4 or value == 0.0:
        text = f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return ("+" if sign and value > 0.0 else "") + text.replace("-", "−")


class LegendBar(QWidget):
    """Draws low number, colours, high number in one line; shrinks its bar when there is little room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._low, self._high = "", ""
        self._colours: NDArray[np.uint8] = np.zeros((1, 4), np.uint8)

    @property
    def low(self) -> str:
        """The text at the low end."""
        return self._low

    @property
    def high(self) -> str:
        """The text at the high end; empty when all values are the same."""
        return self._high

    def show_legend(self, low: float, high: float, colours: NDArray[np.float32]) -> None:
        """Show ``(n, 3)`` colours in 0–1 from the low number to the high one."""
        if low == high:
            self._low, self._high = f"all {legend_number(low)}", ""
        else:
            signed = low < 0.0
            self._low, self._high = legend_number(low), legend_number(high, sign=signed)
        pixels = np.full((len(colours), 4), 255, np.uint8)
        pixels[:, :3] = np.rint(colours * 255.0)
        self._colours = pixels
        self.setAccessibleName(f"Legend from {self._low} to {self._high}" if self._high else self._low)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._text_width() + (_WIDE if self._high else _NARROW), 22)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._text_width() + _NARROW, 22)

    def _numbers_font(self) -> QFont:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(12)
        return font

    def _text_width(self) -> int:
        metrics = QFontMetrics(self._numbers_font())
        texts = [text for text in (self._low, self._high) if text]
        return sum(metrics.horizontalAdvance(text) + _GAP for text in texts)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setFont(self._numbers_font())
        metrics = painter.fontMetrics()
        low, high = (metrics.horizontalAdvance(text) for text in (self._low, self._high))
        bar = self.rect().adjusted(low + _GAP, 0, -(high + _GAP if self._high else 0), 0)
        bar = QRect(bar.left(), (self.height() - _TALL) // 2, bar.width(), _TALL)
        painter.setPen(QColor(theme.text))
        side = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), side | Qt.AlignmentFlag.AlignLeft, self._low)
        painter.drawText(self.rect(), side | Qt.AlignmentFlag.AlignRight, self._high)
        steps = len(self._colours)
        strip = QImage(self._colours.data, steps, 1, 4 * steps, QImage.Format.Format_RGBX8888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(bar, strip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.drawRect(bar.adjusted(0, 0, -1, -1))
        painter.end()
