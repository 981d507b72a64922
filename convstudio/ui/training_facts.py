"""The numbers of a step: losses, distance to the teacher, rate, and how close pictures come to the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from convstudio.ui.legend_bar import legend_number
from convstudio.ui.loss_chart import line_colours
from convstudio.ui.theme import Theme, theme_of
from convstudio.ui.tips import tip

if TYPE_CHECKING:
    from convstudio.learn.lab import Comparison

_GAP = 8
_COLUMN = 62.0  # px of PSNR and of SSIM
_PENALTY = 15  # px of the line under the loss

TILES = (
    ("loss", "Loss"),
    ("validation", "Validation"),
    ("distance", "To teacher"),
    ("rate", "Rate"),
)
HELP = {
    "loss": "The error over the pixels that are learned from, counted as the method is set up. What L2 adds "
    "is told apart: it is no error, and is not in the curve.",
    "validation": "The same loss on the rows that are kept aside: where it stays above the training loss, "
    "what was learned holds for those pixels only.",
    "distance": "The largest difference of a weight to the teacher's.",
    "rate": "The learning rate of this step, as the schedule has it.",
}
QUALITY = (
    "PSNR: 10·log₁₀ of 1 over the mean squared error, in decibels; 20 dB is a tenth of white per pixel. "
    "SSIM: how alike structures are, 1 for the same picture (Wang et al., 2004)."
)


@dataclass(frozen=True)
class _Sizes:
    """Heights of a tile and of a line of the table, and letters of both, in px."""

    tile: int
    row: int
    number: int
    words: int


_DENSE, _ROOMY = _Sizes(38, 17, 13, 12), _Sizes(48, 23, 17, 13)


def fact_number(value: float | None) -> str:
    """Return a number with three digits, a dash for none."""
    if value is None or math.isnan(value):
        return "—"
    return legend_number(value) if math.isfinite(value) else "∞" if value > 0 else "−∞"


def penalty_text(penalty: float) -> str:
    """Return what L2 adds to the loss, in words."""
    return f"+ {legend_number(penalty)} from L2"


class TrainingFacts(QWidget):
    """Paints the numbers at fixed places: nothing moves when they change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training-facts")
        self.setAccessibleName("Numbers of this step")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._texts: dict[str, str] = {name: "—" for name, _ in TILES}
        self._lines: tuple[Comparison, ...] = ()
        self._penalty = ""
        self._denoised = self._decays = False
        self._sizes = _DENSE
        self._fix()

    def set_roomy(self, roomy: bool) -> None:
        """Use larger letters, where there is room for them."""
        self._sizes = _ROOMY if roomy else _DENSE
        self._fix()
        self.update()

    # --- what is shown ---

    def texts(self) -> dict[str, str]:
        """Return the tiles' numbers by name."""
        return dict(self._texts)

    @property
    def penalty(self) -> str:
        """What is written under the loss: what L2 adds to it."""
        return self._penalty

    @property
    def heading(self) -> str:
        """What is written over the table: what the pictures are compared with."""
        return "Compared with the target" + (" without noise" if self._denoised else "")

    @property
    def lines(self) -> tuple[Comparison, ...]:
        """The lines of the table."""
        return self._lines

    def show_numbers(
        self,
        *,
        loss: float | None,
        validation: float | None,
        distance: float | None,
        rate: float | None,
        penalty: float | None = None,
    ) -> None:
        """Show the numbers of a step; None is not known. What L2 adds to the loss stands under it."""
        self._penalty = "" if penalty is None or not self._decays else penalty_text(penalty)
        values = {"loss": loss, "validation": validation, "distance": distance, "rate": rate}
        self._texts = {name: fact_number(value) for name, value in values.items()}
        self._describe()
        self.update()

    def show_decay(self, decays: bool) -> None:
        """Keep a line under the loss free for what L2 adds to it, or not."""
        self._decays = decays
        self._fix()
        self.update()

    def show_comparisons(self, lines: Sequence[Comparison], *, denoised: bool = False) -> None:
        """Show how close pictures come to the target, or to what it is without noise."""
        several = len(lines) != len(self._lines)
        self._lines, self._denoised = tuple(lines), denoised
        if several:
            self._fix()
        self._describe()
        self.update()

    def _describe(self) -> None:
        said = [f"{title} {self._texts[name]}" for name, title in TILES]
        said += [self._penalty] if self._penalty else []
        said += [
            f"{each.name}: PSNR {_decibels(each.psnr)}, SSIM {_share(each.ssim)}" for each in self._lines
        ]
        self.setAccessibleDescription("; ".join(said))

    def _fix(self) -> None:
        table = (len(self._lines) + 1) * self._sizes.row + _GAP if self._lines else 0
        self.setFixedHeight(self._top + table)

    @property
    def _top(self) -> int:
        """Where the tiles, and the line under the first, end."""
        return self._sizes.tile + (_PENALTY if self._decays else 0)

    def sizeHint(self) -> QSize:
        return QSize(300, self.minimumHeight())

    # --- painting ---

    def _tile(self, place: int) -> QRectF:
        width = self.width() / len(TILES)
        return QRectF(place * width, 0, width, self._sizes.tile)

    def _line(self, place: int) -> QRectF:
        """Return where a line of the table lies, -1 for its head."""
        row = self._sizes.row
        return QRectF(0, self._top + _GAP + (place + 1) * row, self.width(), row)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        for place, (name, title) in enumerate(TILES):
            self._paint_tile(painter, theme, self._tile(place), name, title)
        if self._penalty:
            painter.setFont(self._font(11))
            painter.setPen(QColor(theme.text_dim))
            below = QRectF(0, self._sizes.tile - 3, self.width(), _PENALTY)
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._penalty)
        if self._lines:
            self._paint_table(painter, theme)
        painter.end()

    def _paint_tile(self, painter: QPainter, theme: Theme, box: QRectF, name: str, title: str) -> None:
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self._font(11))
        x = box.left()
        if name in ("loss", "validation"):  # the colour of its line in the chart
            colour = line_colours(theme)[name == "validation"]
            painter.fillRect(QRectF(x, box.top() + 7, 8, 3), colour)
            x += 12
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(QRectF(x, box.top(), box.right() - x, 17), left, title)
        font = self._font(self._sizes.number)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(box.adjusted(0, 17, 0, -2), left, self._texts[name])

    def _paint_table(self, painter: QPainter, theme: Theme) -> None:
        best = max(line.psnr for line in self._lines)
        head = self._line(-1)
        painter.setFont(self._font(11))
        painter.setPen(QColor(theme.text_dim))
        self._paint_line(painter, head, self.heading, "PSNR", "SSIM")
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.drawLine(head.bottomLeft(), head.bottomRight())
        for place, line in enumerate(self._lines):
            font = self._font(self._sizes.words)
            font.setWeight(QFont.Weight.DemiBold if line.psnr == best else QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(QColor(theme.text))
            self._paint_line(painter, self._line(place), line.name, _decibels(line.psnr), _share(line.ssim))

    def _paint_line(self, painter: QPainter, line: QRectF, name: str, psnr: str, ssim: str) -> None:
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        metrics = QFontMetricsF(painter.font())
        room = line.width() - _COLUMN - metrics.horizontalAdvance(psnr) - 4
        words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        painter.drawText(line.adjusted(0, 0, -_COLUMN, 0), right, psnr)
        painter.drawText(line, right, ssim)

    def _font(self, pixels: int) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(pixels)
        return font

    # --- what is under the pointer ---

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = int(event.pos().x() / max(1.0, self.width() / len(TILES)))
            on_tile = event.pos().y() < self._top
            words = HELP[TILES[min(max(place, 0), len(TILES) - 1)][0]] if on_tile else QUALITY
            QToolTip.showText(event.globalPos(), tip(words), self)
            return True
        return super().event(event)


def _decibels(psnr: float) -> str:
    if math.isnan(psnr):
        return "—"
    return f"{psnr:.1f} dB".replace("-", "−") if math.isfinite(psnr) else "∞"


def _share(ssim: float | None) -> str:
    return f"{ssim:.3f}".replace("-", "−") if ssim is not None and math.isfinite(ssim) else "—"
