"""Drawings of the shift experiment: how much changes, as bars and as a curve over the shift."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from convstudio.ui.theme import Theme, theme_of

_BAR = 11.0  # px of a bar's height
_ROW = 30  # px of a bar with its words over it
_SMALL = 11  # px of the letters
_LEFT, _BELOW, _ABOVE, _RIGHT = 38.0, 18.0, 8.0, 10.0  # px around the curve

SERIES = ("with", "without")
"""With the stack's poolings, and with their windows left out."""


def series_colour(theme: Theme, series: str) -> QColor:
    """Return the colour of a series: the accent and the highlight, told apart by colour-blind eyes too."""
    return QColor(theme.accent if series == "with" else theme.highlight)


TOP = 1.5
"""The end of the scales: two pictures that have nothing to do with one another differ by √2 = 141 %."""


def percent(change: float) -> str:
    """Return a change in per cent with two digits that count: "0 %", "0.4 %", "12 %", "141 %"."""
    if math.isinf(change):
        return "∞"
    value = 100.0 * change
    if value == 0.0:
        return "0 %"
    if value < 0.05:
        return "<0.1 %"
    if value < 9.95:
        return f"{value:.1f} %"
    return "<100 %" if change < 1.0 and value >= 99.5 else f"{value:.0f} %"


@dataclass(frozen=True)
class Bar:
    """A line of the bars: what changes, by which part of itself, in the colour of a series."""

    label: str
    change: float | None
    series: str = "with"


class ChangeBars(QWidget):
    """Horizontal bars with their numbers; a change that is not known has an empty one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shift-bars")
        self._bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_bars(())

    @property
    def bars(self) -> tuple[Bar, ...]:
        """What is shown."""
        return self._bars

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show bars from the top down."""
        self._bars = tuple(bars)
        self.setFixedHeight(max(1, len(self._bars)) * _ROW)
        said = (f"{b.label}: {'not known' if b.change is None else percent(b.change)}" for b in self._bars)
        self.setAccessibleName("How much changes. " + "; ".join(said))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, max(1, len(self._bars)) * _ROW)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPixelSize(12)
        painter.setFont(font)
        for place, bar in enumerate(self._bars):
            top = place * _ROW
            words = QRectF(0, top, self.width(), _ROW - _BAR - 4)
            number = "—" if bar.change is None else percent(bar.change)
            painter.setPen(QColor(theme.text))
            painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
            room = words.width() - QFontMetricsF(font).horizontalAdvance(number) - 10
            label = QFontMetricsF(font).elidedText(bar.label, Qt.TextElideMode.ElideRight, room)
            painter.setPen(QColor(theme.text_dim))
            painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
            track = QRectF(0.5, top + _ROW - _BAR - 3, self.width() - 1, _BAR)
            painter.fillRect(track, QColor(theme.field))
            if bar.change:
                filled = QRectF(track)
                filled.setWidth(max(2.0, track.width() * min(bar.change / TOP, 1.0)))
                painter.fillRect(filled, series_colour(theme, bar.series))
            painter.setPen(QPen(QColor(theme.border), 1))
            painter.drawRect(track)
        painter.end()


class ShiftCurve(QWidget):
    """The change over the shift, a line for each series; points come one by one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shift-curve")
        self._points: dict[str, dict[int, float]] = {}
        self._last = 8
        self._here: int | None = None
        self.setMinimumSize(150, 80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.show_points({})

    @property
    def points(self) -> Mapping[str, Mapping[int, float]]:
        """Change by shift, for each series."""
        return self._points

    def show_points(
        self, points: Mapping[str, Mapping[int, float]], here: int | None = None, last: int = 8
    ) -> None:
        """Show changes by shift from 0 to ``last`` px, for each series; ``here`` is marked."""
        self._points = {series: dict(line) for series, line in points.items() if line}
        self._here, self._last = here, max(1, last)
        said = "; ".join(
            f"{series} pooling "
            + ", ".join(f"{dx} px {percent(share)}" for dx, share in sorted(line.items()))
            for series, line in self._points.items()
        )
        self.setAccessibleName(f"Change against shift. {said}" if said else "Change against shift, empty")
        self.update()

    def place(self, shift: float, change: float) -> QPointF:
        """Return where a point is drawn."""
        box = self._box()
        return QPointF(
            box.left() + box.width() * shift / self._last,
            box.bottom() - box.height() * min(change / TOP, 1.0),
        )

    def _box(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _ABOVE, -_RIGHT, -_BELOW)

    def sizeHint(self) -> QSize:
        return QSize(260, 130)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(_SMALL)
        painter.setFont(font)
        self._paint_axes(painter, theme)
        for series, line in self._points.items():
            self._paint_line(painter, series_colour(theme, series), line, dashed=series == "without")
        painter.end()

    def _paint_axes(self, painter: QPainter, theme: Theme) -> None:
        box = self._box()
        thin = QPen(QColor(theme.border), 1)
        for share, text in ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %"), (1.5, "150 %")):
            y = round(self.place(0, share).y()) + 0.5
            painter.setPen(thin)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(theme.text_dim))
            room = QRectF(0, y - 8, _LEFT - 5, 16)
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        step = 1 if box.width() / self._last >= 26 else 2
        for shift in range(0, self._last + 1, step):
            x = self.place(shift, 0).x()
            if shift == self._here:
                painter.setPen(QPen(QColor(theme.text_dim), 1, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            painter.setPen(QColor(theme.text if shift == self._here else theme.text_dim))
            text = f"{shift} px" if shift == self._last else str(shift)
            room = QRectF(x - 20, box.bottom() + 2, 40 if shift < self._last else 20 + _RIGHT, _BELOW - 2)
            side = Qt.AlignmentFlag.AlignHCenter if shift < self._last else Qt.AlignmentFlag.AlignRight
            painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_line(
        self, painter: QPainter, colour: QColor, line: Mapping[int, float], *, dashed: bool
    ) -> None:
        places = [self.place(shift, share) for shift, share in sorted(line.items())]
        pen = QPen(colour, 2)
        if dashed:
            pen.setDashPattern([4.0, 2.5])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(places))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for place in places:
            painter.drawEllipse(place, 3, 3)
