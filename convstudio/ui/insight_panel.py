"""What a kernel does, at a glance: its frequency response, rank, sum and symmetry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from convstudio.engine.colormaps import lookup_table
from convstudio.kernels.insight import Insight, analyse
from convstudio.kernels.text import format_number
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

_SIDE = 64  # px of the response, one a sample
_RIM = 12  # px beside and under it for the axes' labels


def response_image(response: NDArray[np.float32]) -> QImage:
    """Return the magnitudes ``(H, W)``, zero frequency centred, as a picture, white-hot at the largest.

    An all-zero response is all dark.
    """
    largest = float(response.max(initial=0.0))
    scaled = response / largest if largest > 0.0 else response
    table = np.rint(lookup_table("spectrum") * 255.0).astype(np.uint8)
    rgb = table[np.clip(np.rint(scaled * 255.0), 0, 255).astype(np.intp)]
    height, width = response.shape
    pixels = np.dstack([rgb[..., ::-1], np.full((height, width), 255, dtype=np.uint8)])
    pixels = np.ascontiguousarray(pixels)
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()


class ResponsePicture(QWidget):
    """The frequency response with its axes named."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self.setObjectName("kernel-response")
        self.setAccessibleName("Frequency response")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            tip(
                "How strongly each pattern passes: flat areas in the centre, ever finer stripes outwards up "
                "to one stripe every two pixels at the rim. Bright passes, dark is blocked.",
                "To the right the stripes stand upright (they vary along x), downwards they lie flat "
                "(they vary along y).",
            )
        )

    def show_response(self, response: NDArray[np.float32]) -> None:
        """Show magnitudes ``(64, 64)``, zero frequency centred."""
        self._image = response_image(response)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_SIDE + _RIM, _SIDE + _RIM)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(_RIM, 0, _SIDE, _SIDE)
        outline = QPainterPath()
        outline.addRoundedRect(box, 4, 4)
        painter.save()
        painter.setClipPath(outline)
        painter.drawImage(box, self._image)
        painter.restore()
        font = QFont(self.font())
        font.setPixelSize(9)
        painter.setFont(font)
        painter.setPen(QColor(theme_of(self).text_dim))
        under = QRectF(box.left(), box.bottom(), box.width(), _RIM)
        painter.drawText(under, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "−½")
        painter.drawText(under, Qt.AlignmentFlag.AlignCenter, "x")
        painter.drawText(under, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "½")
        painter.drawText(QRectF(0, 0, _RIM - 2, _SIDE), Qt.AlignmentFlag.AlignCenter, "y")
        painter.end()


class InsightPanel(QFrame):
    """A card with the response on the left and its properties beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-insight")
        self.setProperty("role", "card")
        self.setAccessibleName("What this kernel does")
        self._picture = ResponsePicture(self)
        self._rank = self._line(
            "rank",
            "The number of row-times-column products that the kernel is a sum of. With rank 1 a pass along "
            "the rows and one along the columns do the work of the whole window.",
        )
        self._facts = self._line(
            "facts",
            "Multiplications for one output pixel, over the whole window and, where that is fewer, as "
            "separable passes.",
            "The sum is what a flat area is multiplied by: 1 keeps it, 0 answers to changes only.",
        )
        self._symmetry = self._line(
            "symmetry", "Symmetric kernels smooth or sharpen in place, anti-symmetric ones measure a slope."
        )
        self._passband = self._line(
            "passband", "Which patterns pass: smooth areas (low), edges (band) or the finest grain (high)."
        )
        lines = QVBoxLayout()
        lines.setSpacing(2)
        lines.addStretch(1)
        for line in (self._rank, self._facts, self._symmetry, self._passband):
            lines.addWidget(line)
        lines.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 9, 9, 6)
        row.setSpacing(10)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(lines, 1)

    def _line(self, name: str, *help_texts: str) -> QLabel:
        line = QLabel(self)
        line.setObjectName(f"kernel-insight-{name}")
        line.setWordWrap(True)
        if name != "rank":
            line.setStyleSheet("font-size: 12px;")
        line.setToolTip(tip(*help_texts))
        return line

    def show_kernel(self, values: NDArray[np.float64]) -> None:
        """Analyse and show a kernel's weights, float64 ``(rows, columns)``."""
        insight = analyse(values)
        self._picture.show_response(insight.response)
        self._rank.setText(f"<b>Rank {insight.rank}</b>{_separable(insight)}")
        full, fewer = insight.full_mults, insight.separable_mults
        mults = f"{full} → {fewer} mults" if fewer < full else f"{full} mult{'s' * (full > 1)}"
        self._facts.setText(f"{mults} · sum {format_number(_tidy(insight.total))}")
        self._symmetry.setText(insight.symmetry)
        self._passband.setText(insight.passband)

    def texts(self) -> tuple[str, ...]:
        """Return the lines as they are shown, the first with its markup."""
        return tuple(line.text() for line in (self._rank, self._facts, self._symmetry, self._passband))


def _separable(insight: Insight) -> str:
    if insight.rank == 0:
        return ", all weights are zero"
    if insight.separable_mults >= insight.full_mults:
        return ""
    return ", separable" if insight.rank == 1 else f": {insight.rank} separable parts"


def _tidy(total: float) -> float:
    """Return the sum to four digits, without the dust of floating-point addition."""
    return 0.0 if abs(total) < 1e-12 else float(f"{total:.4g}")
