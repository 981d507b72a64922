"""A printed page, as a flat-bed scanner would see it: two columns of text about convolution, and a figure."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from drawing.noise import cloudy, normal

SIZE = (1056, 816)  # 96 dots an inch of a letter page
FINER = 4  # drawn this much larger, then averaged: even edges without hinting

LEFT = """
<h2>1&nbsp; A window that slides</h2>
<p>Take a small table of numbers and lay it on a picture. Multiply each number by the pixel under it,
add the products, and write the sum down where the middle of the table lies. Then move one pixel to the
right and do it again, until every place has had its turn. That is all; yet this one rule blurs,
sharpens, finds edges and counts stripes, and it depends on nothing but the numbers in the table, which
we call the <i>kernel</i>.</p>
<p>If all nine numbers of a square kernel are one ninth, each pixel becomes the mean of its
neighbourhood and fine detail fades. If they sum to zero, flat regions turn to nothing and only change
is left. A kernel with &minus;1 on its left and 1 on its right answers wherever the picture brightens
from left to right.</p>
<h2>2&nbsp; Two names, one sum</h2>
<p>Read as it stands, the rule is called <i>correlation</i>. Turn the kernel by half a circle first and
it is <i>convolution</i>. The turn costs nothing and buys a good deal: the order in which two kernels
are applied no longer matters, and a single bright pixel prints the kernel itself. For a symmetric
kernel both are the same.</p>
<p>So much follows from one plain sum that it pays to do a few by hand: write down nine grey values,
choose a kernel, and see what comes out. On a flat patch the answer is the sum of the weights times the
grey; on an edge it tells you which way the edge faces, and how steep it is.</p>
<p>Networks that learn their kernels do not care, for they would simply learn the turned one; their
layers compute correlation and keep the older name.</p>
"""

RIGHT = """
<h2>3&nbsp; At the border</h2>
<p>Near the edge of the picture a part of the window hangs over nothing. We may leave those places out,
and the result shrinks; or we may invent what lies outside: zeros, a mirror image, the last pixel over
and over, or the opposite side, as on a wheel. Each choice leaves its mark, and none is right for every
task.</p>
<h2>4&nbsp; Saving work</h2>
<p>A window of <i>k</i> by <i>k</i> costs <i>k</i><sup>2</sup> products a pixel. When the kernel is a
column times a row, two passes of <i>k</i> do the same: 30 products instead of 225 for a kernel 15 wide.
The Gaussian can be split in this way, and so can Sobel&rsquo;s; the Laplacian cannot.</p>
<p>For a very large kernel one goes by way of frequencies, where the sliding sum becomes one product for
each wave, and the price hardly grows with the size of the window at all.</p>
<h2>5&nbsp; To try</h2>
<p>Blur this page until the words are gone but the lines are still there. Which kernel brings
them back? Its margin lies in shadow: take away a wide mean, and the print stays while the shadow leaves.</p>
"""

CSS = "p { margin: 0 0 6px 0; text-indent: 12px; } h2 { font-size: 16px; margin: 9px 0 5px 0; }"
KERNEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def draw() -> npt.NDArray[np.uint8]:
    """Return the page as grey of 8 bits (height, width): paper near 0.93, ink near 0.1, uneven light."""
    ink = 1.0 - _print().reshape(SIZE[0], FINER, SIZE[1], FINER).mean(axis=(1, 3)) / 255.0
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / np.array(SIZE).reshape(2, 1, 1)
    paper = 0.945 + 0.006 * cloudy(SIZE, 401, slope=1.2) - 0.17 * np.exp(-x / 0.10) * (0.5 + 0.5 * y)
    paper = paper - 0.10 * np.clip(x + y - 1.2, 0, 1) ** 1.5
    grey = paper * (1.0 - 0.90 * ink) + 0.006 * normal(SIZE, 402)
    return np.floor(np.clip(grey, 0, 1) * 255 + 0.5).astype(np.uint8)


def _print() -> npt.NDArray[np.uint8]:
    """Print the page black on white, FINER times larger, without a screen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

    app = QGuiApplication.instance() or QGuiApplication([])
    image = QImage(SIZE[1] * FINER, SIZE[0] * FINER, QImage.Format.Format_Grayscale8)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    painter.scale(FINER, FINER)
    _lay_out(painter)
    painter.end()
    del app
    rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].copy()


def _lay_out(painter: object) -> None:
    from PySide6.QtCore import QLineF, QRectF, Qt
    from PySide6.QtGui import QPainter

    assert isinstance(painter, QPainter)
    painter.setFont(_font(31, bold=True))
    centre = Qt.AlignmentFlag.AlignHCenter
    painter.drawText(QRectF(70, 58, 676, 44), centre, "The Sliding Window")
    painter.setFont(_font(13, italic=True))
    painter.drawText(QRectF(70, 104, 676, 24), centre, "What a small table of numbers can do to a picture")
    painter.drawLine(QLineF(70, 142, 746, 142))
    _column(painter, LEFT, 70, 156)
    _figure(painter, 424, 160)
    _column(painter, RIGHT, 424, 372)
    painter.setFont(_font(11))
    painter.drawText(QRectF(70, 1004, 676, 20), centre, "17")


def _font(pixels: int, *, bold: bool = False, italic: bool = False) -> object:
    from PySide6.QtGui import QFont

    font = QFont("DejaVu Serif")
    font.setPixelSize(pixels)
    font.setBold(bold)
    font.setItalic(italic)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def _column(painter: object, html: str, x: float, y: float) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QPainter, QTextDocument, QTextOption

    assert isinstance(painter, QPainter)
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setDefaultFont(_font(14))
    document.setDefaultStyleSheet(CSS)
    document.setDefaultTextOption(QTextOption(Qt.AlignmentFlag.AlignJustify))
    document.setHtml(html)
    document.setTextWidth(322)
    painter.save()
    painter.translate(x, y)
    document.drawContents(painter)
    painter.restore()


def _figure(painter: object, x: float, y: float) -> None:
    """A kernel as a table, and the profile of an edge with the derivative's answer under it."""
    from PySide6.QtCore import QPointF, QRectF, Qt
    from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

    assert isinstance(painter, QPainter)
    painter.save()
    painter.setPen(QPen(QColor("black"), 1.2))
    painter.setFont(_font(17))
    for i, row in enumerate(KERNEL):
        for j, value in enumerate(row):
            cell = QRectF(x + 8 + 40 * j, y + 22 + 40 * i, 40, 40)
            painter.fillRect(cell, QColor(225, 225, 225) if value == 0 else QColor("white"))
            painter.drawRect(cell)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, str(value).replace("-", "−"))
    across = np.linspace(0, 150, 151)
    edge = 1 / (1 + np.exp(-(across - 75) / 6))
    answer = 4 * edge * (1 - edge)
    for curve, base, name in ((edge, 72, "picture"), (answer, 150, "answer")):
        painter.setPen(QPen(QColor("black"), 0.8))
        painter.drawLine(QPointF(x + 164, y + base), QPointF(x + 318, y + base))
        painter.setFont(_font(10, italic=True))
        painter.drawText(QPointF(x + 168, y + base - 46), name)
        painter.setPen(QPen(QColor("black"), 2.0))
        points = [QPointF(x + 166 + u, y + base - 4 - 48 * v) for u, v in zip(across, curve, strict=True)]
        painter.drawPolyline(QPolygonF(points))
    painter.setPen(QColor("black"))
    painter.setFont(_font(10))
    caption = "Fig. 1. Sobel’s kernel, and what it makes of an edge."
    painter.drawText(QRectF(x, y + 172, 322, 20), Qt.AlignmentFlag.AlignHCenter, caption)
    painter.restore()
