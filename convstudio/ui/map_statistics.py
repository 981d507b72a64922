"""The numbers of one feature map in words, and how often each value occurs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from convstudio.engine.channel_statistics import Histograms
from convstudio.engine.colormaps import lookup_table
from convstudio.engine.rasterize import Scale
from convstudio.session.map_reader import FeatureMaps
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.map_model import MapWords, number, percent
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 8, 20  # px around the bars
_COLOURS = ("#e5484d", "#3fae5a", "#4a86f0")  # red, green, blue, of all channels together
_SHADE = 40

ROWS = (
    ("min", "Minimum", "The least finite value."),
    ("max", "Maximum", "The greatest finite value."),
    ("mean", "Mean", "The average of the finite values."),
    ("std", "Std deviation", "How far values lie from the mean: the root of the mean squared distance."),
    ("zeros", "Zeros", "The share of values that are exactly 0, as ReLU makes them."),
    ("clipped", "Clipped", "Values beyond the ends of the present view's scale, shown in its last colours."),
    ("nonfinite", "Not finite", "Values that are infinite or no number at all; they are drawn in magenta."),
)


class Histogram(QWidget):
    """Bars in the colours that the view gives their values, a line at zero and marks at the scale's ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map-histogram")
        self.setAccessibleName("Histogram")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self._found: Histograms | None = None
        self._scale: Scale | None = None
        self._log = False

    def show_histogram(self, found: Histograms | None, scale: Scale | None) -> None:
        """Show the counts of one channel in the colours of its scale, or of three together."""
        self._found, self._scale = found, scale
        if found is not None:
            low, high = (legend_number(end) for end in found.ranges[0])
            self.setAccessibleDescription(f"{found.counts.shape[1]} bars from {low} to {high}")
        self.update()

    def set_logarithmic(self, log: bool) -> None:
        """Draw the logarithms of the counts, so that rare values show beside frequent ones."""
        self._log = log
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 150)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 80)

    # --- where things are ---

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _across(self, value: float) -> float:
        """Return the x of a value; one that lies outside is cut to an end."""
        assert self._found is not None
        low, high = self._found.ranges[0].tolist()
        part = 0.5 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)
        area = self._area()
        return area.left() + min(max(part, 0.0), 1.0) * area.width()

    def heights(self) -> NDArray[np.float64]:
        """Return the bars' heights, 0 to 1, a row for each channel."""
        assert self._found is not None
        counts = self._found.counts.astype(np.float64)
        if self._log:
            counts = np.log1p(counts)
        scaled: NDArray[np.float64] = counts / max(1e-12, counts.max(initial=0.0))
        return scaled

    def colours(self) -> list[QColor]:
        """Return what the view paints the middle of each bar with."""
        assert self._found is not None
        assert self._scale is not None
        low, high = self._found.ranges[0].tolist()
        bins = self._found.counts.shape[1]
        middles = low + (np.arange(bins) + 0.5) / bins * (high - low)
        scale = self._scale
        if scale.magnitude:
            places = np.abs(middles) * scale.factor
        else:
            places = (middles - scale.base) * scale.factor + scale.offset
        table = lookup_table("signed" if scale.coloured else "grey", 255)
        rgb = table[np.rint(np.clip(np.nan_to_num(places), 0.0, 1.0) * 254.0).astype(np.intp)]
        return [QColor.fromRgbF(*colour) for colour in rgb.tolist()]

    # --- painting ---

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._found is None or self._scale is None:
            return
        painter = QPainter(self)
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        theme, area = theme_of(self), self._area()
        # Pale and dark bars alike stand out on a middle tone.
        painter.fillRect(area, QColor(theme.canvas))
        if len(self._found.counts) == 1:
            self._paint_bars(painter, area)
        else:
            self._paint_areas(painter, area)
        self._paint_marks(painter, area)
        painter.setPen(QColor(theme.border))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(QColor(theme.text_dim))
        most = f"{int(self._found.counts.max(initial=0)):,}"
        beside = QRectF(0, area.top() - 4, _LEFT - 5, 16)
        if painter.fontMetrics().horizontalAdvance(most) > beside.width():
            most = legend_number(float(self._found.counts.max()))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(beside, right, most)
        painter.drawText(QRectF(0, area.bottom() - 12, _LEFT - 5, 16), right, "log" if self._log else "0")
        painter.end()

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        heights = self.heights()[0].tolist()
        edges = np.rint(np.linspace(area.left(), area.right(), len(heights) + 1)).tolist()
        outline = QPen(QColor(theme_of(self).text_dim), 1)
        points = []
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for i, (height, colour) in enumerate(zip(heights, self.colours(), strict=True)):
            top = area.bottom() - (max(1.0, height * area.height()) if height > 0.0 else 0.0)
            painter.fillRect(QRectF(edges[i], top, edges[i + 1] - edges[i], area.bottom() - top), colour)
            points += [QPointF(edges[i], top), QPointF(edges[i + 1], top)]
        painter.setPen(outline)  # a white bar on a light panel, or a dark one on a dark one, has an edge too
        painter.drawPolyline(QPolygonF(points))

    def _paint_areas(self, painter: QPainter, area: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for heights, name in zip(self.heights().tolist(), _COLOURS, strict=False):
            xs = np.linspace(area.left(), area.right(), len(heights)).tolist()
            points = [
                QPointF(x, area.bottom() - height * area.height())
                for x, height in zip(xs, heights, strict=True)
            ]
            colour = QColor(name)
            painter.setPen(QPen(colour, 1.5))
            colour.setAlpha(_SHADE)
            painter.setBrush(colour)
            painter.drawPolygon(QPolygonF([area.bottomLeft(), *points, area.bottomRight()]))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_marks(self, painter: QPainter, area: QRectF) -> None:
        """Draw the line at zero, the scale's ends, and the numbers under them and under the ends."""
        assert self._found is not None
        assert self._scale is not None
        theme = theme_of(self)
        low, high = self._found.ranges[0].tolist()
        first = -self._scale.high if self._scale.magnitude else self._scale.low
        marks = [
            (low, theme.text_dim, None),
            (high, theme.text_dim, None),
            (0.0, theme.text, Qt.PenStyle.SolidLine),
            (first, theme.text_dim, Qt.PenStyle.DashLine),
            (self._scale.high, theme.text_dim, Qt.PenStyle.DashLine),
        ]
        taken: list[QRectF] = []
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for value, colour, style in marks:
            if not low <= value <= high or (style == Qt.PenStyle.DashLine and value in (low, high)):
                continue
            x = self._across(value)
            if style is not None:
                painter.setPen(QPen(QColor(colour), 1, style))
                painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            text = legend_number(value)
            width = painter.fontMetrics().horizontalAdvance(text) + 4
            left = min(max(x - width / 2, 0.0), self.width() - width)
            place = QRectF(left, area.bottom() + 3, width, 14)
            if any(place.adjusted(-3, 0, 3, 0).intersects(each) for each in taken):
                continue
            taken.append(place)
            painter.setPen(QColor(colour))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos().x()), self)
            return True
        return super().event(event)

    def words_at(self, x: float) -> str:
        """Return what the bar at an x of the widget says."""
        area = self._area()
        if self._found is None or not area.left() <= x <= area.right():
            return ""
        bins = self._found.counts.shape[1]
        low, high = self._found.ranges[0].tolist()
        place = min(bins - 1, int((x - area.left()) / max(1.0, area.width()) * bins))
        ends = [legend_number(low + (place + i) / bins * (high - low)) for i in (0, 1)]
        counts = self._found.counts[:, place].tolist()
        names = ("red", "green", "blue") if len(counts) > 1 else ("values",)
        said = ", ".join(f"{count:,} {name}" for count, name in zip(counts, names, strict=False))
        return tip(f"{ends[0]} to {ends[1]}: {said}.")


class MapStatistics(QWidget):
    """The selected map's numbers beside its histogram."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map-statistics")
        self.setAccessibleName("Statistics of the selected map")
        self._title = QLabel("The numbers come with the first result.", self)
        self._title.setObjectName("statistics-title")
        self._title.setProperty("role", "title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._log = QToolButton(self)
        self._log.setText("log counts")
        self._log.setObjectName("histogram-log")
        self._log.setAccessibleName("Logarithmic counts")
        self._log.setCheckable(True)
        self._log.setStyleSheet("QToolButton { padding: 1px 8px; }")
        self._log.setToolTip(tip("Rare values show beside frequent ones: bars grow with the logarithm."))
        self.histogram = Histogram(self)
        self._log.toggled.connect(self.histogram.set_logarithmic)
        self._lines: dict[str, QLabel] = {}
        self._lay_out()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(1)
        for row, (key, label, explained) in enumerate(ROWS):
            name, value = QLabel(label, self), QLabel("", self)
            name.setProperty("role", "caption")
            value.setProperty("role", "numbers")
            value.setObjectName(f"statistics-{key}")
            value.setAccessibleName(label)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for each in (name, value):
                each.setToolTip(tip(explained))
            grid.addWidget(name, row, 0)
            grid.addWidget(value, row, 1)
            self._lines[key] = value
        grid.setColumnMinimumWidth(1, 130)
        grid.setRowStretch(len(ROWS), 1)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._log)
        body = QHBoxLayout()
        body.setSpacing(16)
        body.addLayout(grid)
        body.addWidget(self.histogram, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 10, 6)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(body, 1)

    @Slot(object)
    def show_maps(self, maps: FeatureMaps) -> None:
        """Show the numbers and the histogram of the channel that the maps were asked for."""
        words = MapWords(maps, maps.channel)
        numbers = words.numbers()
        below, above = words.clipped
        shape = f"{maps.head.shape[1]}×{maps.head.shape[2]}"
        title = f"{maps.head.label(maps.channel)} · {maps.head.title} · {shape}"
        self._title.setText(title)
        self._title.setToolTip(tip(title))
        texts = {
            "min": number(numbers["low"]),
            "max": number(numbers["high"]),
            "mean": number(numbers["mean"]),
            "std": number(numbers["deviation"]),
        }
        texts["zeros"] = percent(numbers["zeros"])
        texts["clipped"] = f"{below + above:,} ({percent((below + above) / words.cells)})"
        texts["nonfinite"] = f"{words.nonfinite:,}"
        for key, text in texts.items():
            self._lines[key].setText(text)
        self._lines["clipped"].setToolTip(tip(words.clipped_sentence()))
        whole = maps.channel is None and maps.head.has_composite
        self.histogram.show_histogram(
            maps.histogram, maps.shared_scale if whole else maps.scales[maps.channel or 0]
        )

    @Slot(str)
    def show_nothing(self, reason: str) -> None:
        """Show a sentence instead of numbers."""
        self._title.setText(reason)
        self._title.setToolTip("")
        for line in self._lines.values():
            line.setText("")
        self.histogram.show_histogram(None, None)
