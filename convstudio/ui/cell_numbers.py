"""The numbers in the cells of an enlarged picture, readable on every colour."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFont, QGlyphRun, QPainter, QRawFont

from convstudio.ui.view_picture import Values

SMALLEST_CELL = 28.0  # device-independent pixels: below, no number fits
THREE_LINES = 37.0  # from here red, green and blue stand under one another

_MARKS = "0123456789.−e∞aN"
_ROUNDING = "0.000"  # not quite the 0 of an exact zero

# Text in the colour it speaks of, light for dark cells and dark for light ones; see ``pen``.
_TINTS = {
    "grey": (QColor(255, 255, 255), QColor(0, 0, 0)),
    "red": (QColor(255, 220, 215), QColor(82, 0, 0)),
    "green": (QColor(210, 252, 213), QColor(0, 46, 0)),
    "blue": (QColor(217, 227, 255), QColor(0, 0, 112)),
}
_PLAIN = _TINTS["grey"]
_SPLIT = 0.179  # relative luminance at which black and white text are equally readable (WCAG 2)
# Between these luminances some tint has less than the contrast of 4.5 that WCAG 2 asks of small text;
# white below the split and black above it always have that much.
_MIDDLE = (0.132, 0.264)


@lru_cache(maxsize=8192)
def short_number(value: float, room: int) -> str:
    """Return a number in about ``room`` characters (five or more), with at most three decimals.

    >>> short_number(0.4901, 5), short_number(-0.4901, 5), short_number(-12.34, 5), short_number(1e-7, 5)
    ('0.490', '−.490', '−12.3', '1e−7')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    if value == 0.0:
        return "0"
    if value.is_integer() and abs(value) < 1e5:
        return _minus(f"{value:.0f}")
    if 5e-4 <= abs(value) < 1e5:
        text = f"{value:.3f}"
        if len(text) > room and abs(value) < 1.0:  # "−.490" rather than a digit less
            text = text.replace("0.", ".", 1)
        decimals = 2
        while len(text) > room and decimals >= 0 and abs(value) >= 1.0:
            text = f"{value:.{decimals}f}"
            decimals -= 1
        return _minus(text)
    mantissa, exponent = f"{value:.0e}".split("e")
    return _minus(f"{mantissa}e{int(exponent)}")


def exact_number(value: float) -> str:
    """Return a number for a read-out: three decimals, more for small ones.

    >>> exact_number(0.5654), exact_number(-1.5e-5)
    ('0.565', '−1.50e−5')
    """
    if not math.isfinite(value) or value == 0.0:
        return "0.000" if value == 0.0 else short_number(value, 5)
    if 1e-3 <= abs(value) < 1e5:
        return _minus(f"{value:.3f}")
    mantissa, exponent = f"{value:.2e}".split("e")
    return _minus(f"{mantissa}e{int(exponent)}")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def luminance(red: float, green: float, blue: float) -> float:
    """Return the relative luminance of an sRGB colour in 0–255, as WCAG 2 defines it: 0 to 1."""

    def linear(level: float) -> float:
        part = level / 255.0
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


@lru_cache(maxsize=4096)
def _tone(word: int) -> int:
    """Return 0 for a dark cell, 1 and 2 for the middle tones below and above the split, 3 for a light one."""
    return bisect((_MIDDLE[0], _SPLIT, _MIDDLE[1]), luminance(word >> 16 & 255, word >> 8 & 255, word & 255))


def pen(tint: str, tone: int) -> QColor:
    """Return the colour of a text of a tint on a cell of a tone: in the middle tones plain white or black."""
    light, dark = _PLAIN if tone in (1, 2) else _TINTS[tint]
    return light if tone < 2 else dark


class _Face:
    """A font of one size, with the glyphs of the texts that it wrote."""

    def __init__(self, font: QFont) -> None:
        self.raw = QRawFont.fromFont(font)
        glyphs = self.raw.glyphIndexesForString(_MARKS)
        advances = [point.x() for point in self.raw.advancesForGlyphIndexes(glyphs)]
        self._glyphs = dict(zip(_MARKS, zip(glyphs, advances, strict=True), strict=True))
        self._layouts: dict[str, tuple[list[int], list[float]]] = {}
        self.digit = self._glyphs["0"][1]
        self.line = self.raw.ascent() + self.raw.descent() * 0.35
        self.rise = self.raw.capHeight() / 2.0

    def layout(self, text: str) -> tuple[list[int], list[float]]:
        """Return the text's glyphs and where each begins, from the middle of the text."""
        known = self._layouts.get(text)
        if known is not None:
            return known
        if len(self._layouts) > 8192:
            self._layouts.clear()
        glyphs = [self._glyphs[mark] for mark in text]
        x = -sum(advance for _, advance in glyphs) / 2.0
        starts = []
        for _, advance in glyphs:
            starts.append(x)
            x += advance
        self._layouts[text] = ([glyph for glyph, _ in glyphs], starts)
        return self._layouts[text]


class _Run:
    """Glyphs of one colour and where they stand."""

    def __init__(self) -> None:
        self.glyphs: list[int] = []
        self.places: list[QPointF] = []


class NumberPainter:
    """Writes the numbers of cells, one size at a time.

    All glyphs of one colour are drawn at once: hundreds of single texts would take tens of milliseconds.
    """

    def __init__(self) -> None:
        self._key: tuple[str, int] | None = None
        self._face: _Face | None = None

    def write(
        self,
        painter: QPainter,
        font: QFont,
        block: NumberBlock,
        ratio: float,
    ) -> None:
        """Write the numbers of a block; ``ratio`` is how many real pixels make an independent one."""
        size = max(1, round(min(max(block.cell / ratio / 4.7, 8.0), 13.0) * ratio))
        key = (font.key(), size)
        if self._face is None or key != self._key:
            own = QFont(font)
            own.setPixelSize(size)
            self._key, self._face = key, _Face(own)
        face, values = self._face, block.values
        room = max(5, int((block.cell - 2.0 * ratio) / face.digit))
        tints: tuple[str, ...] = ("grey",)
        if values.shape[0] == 3:
            if block.cell >= THREE_LINES * ratio:
                tints = ("red", "green", "blue")
            else:
                values = np.tensordot([0.299, 0.587, 0.114], values, axes=1)[None]  # luma of ITU-R BT.601
        tones = [[_tone(word) for word in row] for row in block.words]
        for line, (tint, plane) in enumerate(zip(tints, values, strict=True)):
            lower = (line - (len(tints) - 1) / 2.0) * face.line + face.rise
            runs = _runs(face, block, tones, plane.astype(np.float64).tolist(), lower, room)
            for tone, run in enumerate(runs):
                _draw(painter, face, run, pen(tint, tone))


@dataclass(frozen=True, eq=False)
class NumberBlock:
    """Cells to be numbered: ``values`` (C, rows, columns), pixels as words, middles and smaller side ``cell``
    in real pixels. What is smaller than ``least`` is rounding, not worth an exponent: written as 0.000.
    """

    values: Values
    words: list[list[int]]
    middles_x: Sequence[float]
    middles_y: Sequence[float]
    cell: float
    least: float = 0.0


def _runs(
    face: _Face,
    block: NumberBlock,
    tones: list[list[int]],
    rows: list[list[float]],
    lower: float,
    room: int,
) -> tuple[_Run, ...]:
    """Return the glyphs by the tone of the cells they stand on."""
    runs = (_Run(), _Run(), _Run(), _Run())
    for middle, row, below in zip(block.middles_y, rows, tones, strict=True):
        y = middle + lower
        for x, value, tone in zip(block.middles_x, row, below, strict=True):
            text = short_number(value, room) if value == 0.0 or not abs(value) < block.least else _ROUNDING
            glyphs, starts = face.layout(text)
            run = runs[tone]
            run.glyphs += glyphs
            run.places += [QPointF(x + start, y) for start in starts]
    return runs


def _draw(painter: QPainter, face: _Face, run: _Run, colour: QColor) -> None:
    if run.glyphs:
        glyphs = QGlyphRun()
        glyphs.setRawFont(face.raw)
        glyphs.setGlyphIndexes(run.glyphs)
        glyphs.setPositions(run.places)
        painter.setPen(colour)
        painter.drawGlyphRun(QPointF(), glyphs)
