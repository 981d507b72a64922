"""Pictures of a training: what is wanted, what the kernel makes, and the difference, each with its legend."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from convstudio.engine.display import Rendered, view_kind
from convstudio.io.resample import shrink
from convstudio.ui.fields.quiet import FIELD_STYLE, QuietComboBox
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.tips import tip

HEAD, FOOT = 22, 26  # px over and under a picture
_LETTERS, _SMALL = 12, 11  # px
_BAR = 8  # px of the legend's height
_LONGEST_BAR = 120.0
_GAP = 10  # px between pictures
_BELOW, _ABOVE = "≤ ", "≥ "
_CHANNEL_BOX = QSize(94, HEAD - 3)


class TrainingPicture(QWidget):
    """A title, a picture as large as it fits, and the legend of its colours.

    With ``also`` it holds two pictures, of which a click or Enter shows the other: ``turned(bool)`` tells
    which, and comes from the user alone.
    """

    turned = Signal(bool)

    def __init__(self, name: str, title: str, help_text: str, also: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._titles, self._help = (title, also), help_text
        self._pictures: list[Rendered | None] = [None, None]
        self._shown = 0
        self._inside = False
        self._halved: tuple[Rendered, int, NDArray[np.uint8]] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(80, 80)
        if also:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._describe()

    # --- what is shown ---

    @property
    def picture(self) -> Rendered | None:
        """What is on screen."""
        return self._pictures[self._shown]

    @property
    def title(self) -> str:
        """What is written over it."""
        return self._titles[self._shown]

    @property
    def is_turned(self) -> bool:
        """Whether the other picture is shown."""
        return bool(self._shown)

    def show_picture(self, picture: Rendered | None, also: Rendered | None = None) -> None:
        """Show a picture, and keep the other one for when it is turned to."""
        before = self.picture
        self._pictures = [picture, also]
        if self.picture is not before:
            self._describe()
            self.update()

    def turn(self) -> None:
        """Show the other of two pictures, as if the user had asked for it."""
        if self._titles[1] and self._pictures[1] is not None:
            self._shown = 1 - self._shown
            self._describe()
            self.update()
            self.turned.emit(bool(self._shown))

    def _describe(self) -> None:
        shown = self.picture
        other = self._titles[1 - self._shown]
        more = f"Click to see the picture {other.lower()} in its place." if self._titles[1] else ""
        self.setToolTip(tip(self._help, more, view_kind(shown.view).help if shown is not None else ""))
        if shown is not None:
            rows, columns = shown.pixels.shape[:2]
            low, high = legend_ends(shown, legend_number(shown.low), legend_number(shown.high))
            ends = f"{low} to {high}"
            self.setAccessibleDescription(f"{self.title}, {columns}×{rows} pixels, {ends}")

    def sizeHint(self) -> QSize:
        return QSize(200, 200)

    # --- painting ---

    def _room(self) -> QRectF:
        return QRectF(self.rect()).adjusted(0, HEAD, 0, -FOOT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        self._paint_head(painter, theme)
        room = self._room()
        painter.fillRect(room, QColor(theme.canvas))
        shown = self.picture
        if shown is not None and shown.pixels.size:
            self._paint_picture(painter, shown, room)
            self._paint_legend(painter, shown, theme)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRect(room.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint_head(self, painter: QPainter, theme: Theme) -> None:
        font = QFont(self.font())
        font.setPixelSize(_LETTERS)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        line = QRectF(0, 0, self.width(), HEAD - 4)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, self.title)
        if self._titles[1] and self._pictures[1] is not None:
            font.setWeight(QFont.Weight.Normal)
            font.setPixelSize(_SMALL)
            painter.setFont(font)
            painter.setPen(QColor(theme.text if self._inside else theme.text_dim))
            other = f"{self._titles[1 - self._shown].lower()} ⇄"
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, other)

    def _paint_picture(self, painter: QPainter, shown: Rendered, room: QRectF) -> None:
        rows, columns = shown.pixels.shape[:2]
        ratio = self.devicePixelRatioF()
        factor = min(room.width() / columns, room.height() / rows)
        width, height = max(1, round(columns * factor * ratio)), max(1, round(rows * factor * ratio))
        target = QRectF(0, 0, width / ratio, height / ratio)
        target.moveCenter(room.center())
        target.moveTopLeft(target.topLeft().toPoint().toPointF())
        # Enlarged, every pixel is a crisp square.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=width < columns)
        painter.drawImage(target, _image_of(self._reduced(shown, width)))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)

    def _reduced(self, shown: Rendered, width: int) -> NDArray[np.uint8]:
        """Return the picture halved as often as it stays larger than it is drawn.

        Means of 2×2 pixels are taken ten times as fast as those of any other area, and this is done for
        every frame; Qt does the rest of the way between neighbours.
        """
        times = max(0, math.floor(math.log2(shown.pixels.shape[1] / width)))
        if self._halved is None or self._halved[0] is not shown or self._halved[1] != times:
            pixels = shown.pixels
            for _ in range(times):
                rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
                if not (rows and columns):
                    break
                pixels = shrink(pixels[: 2 * rows, : 2 * columns], columns, rows)
            self._halved = (shown, times, pixels)
        return self._halved[2]

    def _paint_legend(self, painter: QPainter, shown: Rendered, theme: Theme) -> None:
        font = QFont(self.font())
        font.setPixelSize(_SMALL)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        low, high = legend_number(shown.low), legend_number(shown.high, sign=shown.low < 0.0)
        if shown.low == shown.high:
            low, high = f"all {low}", ""
        # Room for both texts of a picture's ends: the bar does not move from frame to frame.
        longest = (f"{_BELOW}{low}", f"{_ABOVE}{high}") if shown.view == "clamped" else (low, high)
        lefts, rights = (metrics.horizontalAdvance(text) + 6 for text in longest)
        low, high = legend_ends(shown, low, high)
        line = QRectF(0, self.height() - FOOT + 3, self.width(), FOOT - 3)
        bar_width = min(_LONGEST_BAR, line.width() - lefts - rights)
        whole = lefts + bar_width + rights
        line.setLeft((self.width() - whole) / 2)
        line.setWidth(whole)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(theme.text_dim))
        left = QRectF(line.left(), line.top(), lefts - 6, line.height())
        right = QRectF(line.right() - rights + 6, line.top(), rights - 6, line.height())
        painter.drawText(left, Qt.AlignmentFlag.AlignRight | middle, low)
        painter.drawText(right, Qt.AlignmentFlag.AlignLeft | middle, high)
        if bar_width < 8:
            return
        top = round(line.center().y() - _BAR / 2)
        bar = QRect(round(line.left() + lefts), top, round(bar_width), _BAR)
        colours = np.full((len(shown.legend), 4), 255, np.uint8)
        colours[:, :3] = np.rint(shown.legend * 255.0)
        strip = QImage(colours.data, len(colours), 1, 4 * len(colours), QImage.Format.Format_RGBX8888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(bar, strip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.drawRect(bar.adjusted(0, 0, -1, -1))

    # --- turning to the other picture ---

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._titles[1]:
            self.turn()
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._titles[1]:
            self.turn()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._inside = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._inside = False
        self.update()


class ChannelBox(QuietComboBox):
    """Chooses the channel that is shown of maps that are neither grey nor colour; else it is not there."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("training-channel")
        self.setAccessibleName("Channel that is shown")
        self.setToolTip(tip("Which channel of target, prediction and residual is shown."))
        self.setStyleSheet(FIELD_STYLE + "QComboBox { padding: 0 4px; font-size: 11px; }")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(_CHANNEL_BOX)
        self.hide()

    def show_channels(self, count: int) -> None:
        """Offer so many channels, where they are not shown all at once."""
        self.clear()
        self.addItems([f"channel {n}" for n in range(count)])
        self.setVisible(count not in (1, 3))

    def show_channel(self, channel: int | None) -> None:
        """Show which channel is on screen."""
        if channel is not None and channel != self.currentIndex() and not self.view().isVisible():
            self.setCurrentIndex(channel)


class PictureRow(QWidget):
    """Target, prediction and residual side by side."""

    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-pictures")
        self.target = TrainingPicture(
            "training-target", "Target", "What the student is to make: the picture after.", also="Before"
        )
        self.prediction = TrainingPicture(
            "training-prediction",
            "Prediction",
            "What the student makes of the picture before, with the weights that it has at this step.",
        )
        self.residual = TrainingPicture(
            "training-residual",
            "Residual",
            "Prediction minus target: in grey pictures blue where it is too small and red where it is too "
            "large, in colour ones mid-grey where it is right. What looks like noise cannot be learned.",
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_GAP)
        for picture in (self.target, self.prediction, self.residual):
            row.addWidget(picture, 1)
        self.channel = ChannelBox(self)
        self.channel.activated.connect(self.channel_chosen)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_box()

    def show_channels(self, count: int) -> None:
        """Offer the channels of what is predicted beside the prediction's title."""
        self.channel.show_channels(count)
        self._place_box()

    def show_channel(self, channel: int | None) -> None:
        """Show which channel is on screen."""
        self.channel.show_channel(channel)

    def _place_box(self) -> None:
        width = (self.width() - 2 * _GAP) / 3
        right = 2 * width + _GAP  # of the prediction
        self.channel.move(round(right) - self.channel.width(), 0)

    def show_pictures(
        self,
        target: Rendered | None,
        before: Rendered | None,
        prediction: Rendered | None,
        residual: Rendered | None,
    ) -> None:
        """Show what there is; None is an empty place."""
        self.target.show_picture(target, before)
        self.prediction.show_picture(prediction)
        self.residual.show_picture(residual)


def legend_ends(shown: Rendered, low: str, high: str) -> tuple[str, str]:
    """Return the ends of a legend in words: whether a picture has values beyond black and white."""
    if shown.view != "clamped" or shown.low == shown.high:
        return low, high
    return (f"{_BELOW}{low}" if shown.below else low), (f"{_ABOVE}{high}" if shown.above else high)


def _image_of(pixels: NDArray[np.uint8]) -> QImage:
    """Return an image over the pixels' own memory."""
    rows, columns = pixels.shape[:2]
    return QImage(pixels.data, columns, rows, pixels.strides[0], QImage.Format.Format_RGB32)
