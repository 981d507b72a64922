"""A convolution's output channel as the sum that it is: a picture for each input channel, then the bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from convstudio.engine.colormaps import lookup_table
from convstudio.engine.evaluate import Evaluation
from convstudio.kernels.text import format_number
from convstudio.session.sums_reader import SumPictures, SumRequest, Term, sum_request
from convstudio.ui.legend_bar import LegendBar
from convstudio.ui.map_cells import picture_size
from convstudio.ui.map_model import image_of, number, percent
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip
from convstudio.ui.weight_colours import draw_thumbnail, weight_image

_KERNEL = 28  # px
_SIGN = 26  # px between pictures
_LINE = 15
_EDGE = 10
_TOP, _GAP = 2, 4
_LOWEST, _HIGHEST = 40, 150  # px of a picture
_ROOM_FOR_MORE = 165  # px of a row that has a third line of words
_NARROWEST = 116
_HEAD, _SPACE = 24, 3  # px of the line above, and around and under it
_RESIZE_MILLISECONDS = 150


def cropped(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a kernel without the rings of zeros that larger ones of its bank put around it."""
    while min(kernel.shape) > 3:
        rim = (kernel[0], kernel[-1], kernel[:, 0], kernel[:, -1])
        if any(edge.any() for edge in rim):
            break
        kernel = kernel[1:-1, 1:-1]
    return np.ascontiguousarray(kernel)


class _Row(QWidget):
    """Paints kernels, pictures and the signs between them; only what is in sight."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sum-row")
        self._sums: SumPictures | None = None
        self._running = False
        self._kernels: list[QImage] = []
        self._small = QFont(self.font())
        self._small.setPixelSize(11)
        self._sign = QFont(self.font())
        self._sign.setPixelSize(18)
        self.picture = QSize(_NARROWEST, 64)
        self._lines = 2
        self.fit(140)

    def fit(self, height: int) -> None:
        """Make the pictures as large as the height allows."""
        self._lines = 3 if height >= _ROOM_FOR_MORE else 2
        room = height - _TOP - _KERNEL - 2 * _GAP - self._lines * _LINE
        high = min(max(room, _LOWEST), _HIGHEST)
        self.picture = QSize(max(_NARROWEST, round(1.5 * high)), high)
        self.setFixedHeight(_TOP + _KERNEL + 2 * _GAP + high + self._lines * _LINE)
        self._fit_width()

    def show_sums(self, sums: SumPictures | None) -> None:
        """Show another sum."""
        self._sums = sums
        self._paint_kernels()
        self._fit_width()
        if sums is not None:
            self.setAccessibleDescription(" ".join(_sentence(term) for term in sums.terms[:16]))
        self.update()

    def _fit_width(self) -> None:
        count = 0 if self._sums is None else len(self._sums.terms)
        parts = count * (self.picture.width() + _SIGN)
        self.setFixedWidth(2 * _EDGE + parts + self._bias_width() + self.picture.width())
        self.update()

    def set_running(self, running: bool) -> None:
        """Show the sum up to each input channel, instead of what that channel adds."""
        self._running = running
        self.update()

    def _paint_kernels(self) -> None:
        """Draw each kernel on a scale of its own: the pictures show how strong it is."""
        terms = () if self._sums is None else self._sums.terms
        self._kernels = [weight_image(cropped(term.kernel), theme_of(self)) for term in terms]

    # --- where things are ---

    def _bias_text(self) -> str:
        return "" if self._sums is None else f"+ {format_number(self._sums.bias)}".replace("+ −", "− ")

    def _bias_width(self) -> int:
        return max(40, QFontMetrics(self._sign).horizontalAdvance(self._bias_text()) + 16)

    def place(self, index: int) -> QRect:
        """Return where a term's picture goes; the total comes behind the last one and the bias."""
        left = _EDGE + index * (self.picture.width() + _SIGN)
        if self._sums is not None and index == len(self._sums.terms):
            left += self._bias_width()
        return QRect(QPoint(left, _TOP + _KERNEL + _GAP), self.picture)

    # --- painting ---

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._sums is None:
            return
        painter = QPainter(self)
        seen = event.rect()
        count = len(self._sums.terms)
        pitch = self.picture.width() + _SIGN
        first = max(0, (seen.left() - _EDGE) // pitch)
        last = min(count - 1, (seen.right() - _EDGE) // pitch)
        for index in range(first, last + 1):
            self._paint_term(painter, index)
        if seen.right() > self.place(count - 1).right():
            self._paint_end(painter, count)
        painter.end()

    def _paint_end(self, painter: QPainter, count: int) -> None:
        """Paint the bias, the equals sign and the total."""
        assert self._sums is not None
        theme, place = theme_of(self), self.place(count)
        end, middle = self.place(count - 1).right(), place.center().y()
        bias = QRect(end, middle - 16, place.left() - _SIGN - end, 32)
        painter.setFont(self._sign)
        painter.setPen(QColor(theme.text))
        painter.drawText(bias, Qt.AlignmentFlag.AlignCenter, self._bias_text())
        self._paint_sign(painter, count, "=")
        painter.setFont(self._small)
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(bias.translated(0, 20), Qt.AlignmentFlag.AlignCenter, "bias")
        self._paint_picture(painter, place, self._sums.total, theme.accent, 2)
        self._say(painter, place, (self._sums.name, f"mean {number(self._sums.mean)}"), theme.text)

    def _paint_term(self, painter: QPainter, index: int) -> None:
        assert self._sums is not None
        term, place, theme = self._sums.terms[index], self.place(index), theme_of(self)
        above = QRectF(place.left(), _TOP, place.width(), _KERNEL)
        draw_thumbnail(painter, above, self._kernels[index], 2.0)
        pixels = term.running if self._running else term.pixels
        self._paint_picture(painter, place, pixels, theme.border, 1)
        if index:
            self._paint_sign(painter, index, "→" if self._running else "+")
        if self._running:
            # Means add up exactly as the pictures do.
            so_far = sum(each.mean for each in self._sums.terms[: index + 1])
            lines: tuple[str, ...] = (f"up to {term.name}" if index else term.name, f"mean {number(so_far)}")
        elif self._lines == 2:
            both = f"{number(term.mean)} · E {percent(term.share)}"
            wide = QFontMetrics(self._small).horizontalAdvance(f"mean {both}") > place.width() + 20
            lines = (term.name, both if wide else f"mean {both}")
        else:
            lines = (term.name, f"mean {number(term.mean)}", f"{percent(term.share)} of energy")
        self._say(painter, place, lines, theme.text)

    def _paint_picture(
        self, painter: QPainter, box: QRect, pixels: NDArray[np.uint8], colour: str, width: int
    ) -> None:
        image = image_of(pixels)
        place = QRect(QPoint(0, 0), picture_size((image.height(), image.width()), box.size()))
        place.moveCenter(box.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=image.width() > place.width())
        painter.drawImage(place, image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        pen = painter.pen()
        pen.setColor(QColor(colour))
        pen.setWidth(width)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        grow = width - 1
        painter.drawRect(place.adjusted(-1 - grow, -1 - grow, grow * 2, grow * 2))

    def _paint_sign(self, painter: QPainter, index: int, sign: str) -> None:
        place = self.place(index)
        painter.setFont(self._sign)
        painter.setPen(QColor(theme_of(self).text))
        box = QRect(place.left() - _SIGN, place.top(), _SIGN, place.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, sign)

    def _say(self, painter: QPainter, place: QRect, lines: tuple[str, ...], colour: str) -> None:
        painter.setFont(self._small)
        metrics, theme = painter.fontMetrics(), theme_of(self)
        line = QRect(place.left() - 10, place.bottom() + 3, place.width() + 20, _LINE)
        for i, text in enumerate(lines):
            painter.setPen(QColor(theme.text_dim if i else colour))
            cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, cut)
            line.translate(0, _LINE)

    # --- words ---

    def words_at(self, point: QPoint) -> str:
        """Return what is said about the part under a point."""
        if self._sums is None:
            return ""
        sign = "∗" if self._sums.flips else "⋆"
        for index in range(len(self._sums.terms) + 1):
            place = self.place(index)
            if not place.left() - 4 <= point.x() <= place.right() + 4:
                continue
            if index == len(self._sums.terms):
                return tip(
                    f"{self._sums.name}: all parts and the bias added up, mean {number(self._sums.mean)}.",
                    f"The largest difference from the layer's own result is {number(self._sums.apart)}.",
                )
            term = self._sums.terms[index]
            return tip(
                f"Input channel {term.name} {sign} its kernel, which is drawn above.",
                _sentence(term),
                "Its share of the energy, E, is its mean square, of the sum of those of all parts.",
            )
        return ""

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos()), self)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_kernels()
            self.update()


def _sentence(term: Term) -> str:
    return (
        f"{term.name} adds {number(term.low)} to {number(term.high)}, mean {number(term.mean)}, "
        f"{percent(term.share)} of the energy."
    )


class PartialSumsPanel(QWidget):
    """Asks for the sum behind the selected channel by ``sums_wanted`` while it is visible, and draws it."""

    sums_wanted = Signal(object)  # SumRequest

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("partial-sums")
        self.setAccessibleName("The sum behind the selected map")
        self._wanted: SumRequest | str = ""
        self._shown: tuple[str, int] | None = None  # of which layer and channel there is a sum to see
        self._asked = False
        self._title = QLabel(self)
        self._title.setObjectName("sum-title")
        self._title.setProperty("role", "title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._legend = LegendBar(self)
        self._legend.setToolTip(tip("The scale of all pictures, so that they add up by eye as well."))
        self._running = QToolButton(self)
        self._running.setText("running sum")
        self._running.setObjectName("sum-running")
        self._running.setAccessibleName("Show the running sum")
        self._running.setCheckable(True)
        self._running.setStyleSheet("QToolButton { padding: 1px 8px; }")
        self._running.setToolTip(tip("Show what the sum is after each input channel, as it grows."))
        self._row = _Row(self)
        self._running.toggled.connect(self._row.set_running)
        self._scroll = QScrollArea(self)
        self._scroll.setObjectName("sum-scroll")
        self._scroll.setAccessibleName("Parts of the sum")
        self._scroll.setWidget(self._row)
        self._nothing = QLabel(self)
        self._nothing.setObjectName("sum-nothing")
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_RESIZE_MILLISECONDS)
        self._later.timeout.connect(self._ask)
        self._lay_out()
        self.show_nothing("The sum comes with the first result.")

    def _lay_out(self) -> None:
        line = QWidget(self)
        line.setFixedHeight(_HEAD)  # also while nothing stands in it
        head = QHBoxLayout(line)
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._title, 1)
        head.addWidget(self._legend)
        head.addWidget(self._running)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._scroll)
        self._stack.addWidget(self._nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, _SPACE, 10, _SPACE)
        column.setSpacing(_SPACE)
        column.addWidget(line)
        column.addLayout(self._stack, 1)

    # --- what is shown ---

    def show_result(self, evaluation: Evaluation) -> None:
        """Note what is selected now, and ask for its sum if anybody can see it."""
        self._wanted = sum_request(evaluation, self._box())
        self._asked = False
        if isinstance(self._wanted, SumRequest) and self._shown != (self._wanted.title, self._wanted.channel):
            self._say("The parts of the sum are being computed…")
        self._ask()

    def _box(self) -> tuple[int, int]:
        ratio, size = self.devicePixelRatioF(), self._row.picture
        return round(size.height() * ratio), round(size.width() * ratio)

    @Slot(object)
    def show_sums(self, sums: SumPictures) -> None:
        """Draw a sum that was read."""
        if isinstance(self._wanted, str):
            return  # another layer is selected by now, which is no sum
        self._row.show_sums(sums)
        self._shown = (sums.title, sums.channel)
        sign = "∗" if sums.flips else "⋆"
        formula = f"{sums.name} = Σ X {sign} W + bias, over {len(sums.terms)} input channels"
        self._title.setText(f"{formula} · {sums.title}")
        self._title.setToolTip(tip(f"{formula} of {sums.title}."))
        scale = sums.scale
        self._legend.show_legend(scale.low, scale.high, lookup_table("signed" if scale.coloured else "grey"))
        self._show_row(True)

    @Slot(str)
    def show_nothing(self, reason: str) -> None:
        """Show a sentence instead: there is no sum to see."""
        self._wanted = reason
        self._say(reason)

    def _say(self, words: str) -> None:
        self._shown = None
        self._row.show_sums(None)
        self._title.setText("")
        self._title.setToolTip("")
        self._nothing.setText(words)
        self._show_row(False)

    def _show_row(self, there: bool) -> None:
        self._stack.setCurrentWidget(self._scroll if there else self._nothing)
        for each in (self._legend, self._running, self._title):
            each.setVisible(there)

    @Slot()
    def _ask(self) -> None:
        if isinstance(self._wanted, str):
            self.show_nothing(self._wanted)
            return
        if self._wanted.box != self._box():
            self._wanted, self._asked = replace(self._wanted, box=self._box()), False
        if self.isVisible() and not self._asked:
            self._asked = True
            self.sums_wanted.emit(self._wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        bar = self._scroll.horizontalScrollBar()
        self._row.fit(self.height() - _HEAD - 3 * _SPACE - bar.sizeHint().height())
        bar.setSingleStep(self._row.picture.width() + _SIGN)
        self._later.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()
