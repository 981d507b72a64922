"""Weights as colours: teal below zero, the panel's neutral at zero, amber above, on a symmetric scale."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath

from convstudio.engine.colormaps import Scale, lookup_table
from convstudio.ui.theme import Theme, ThemeName

Paint = tuple[QColor, QColor]
"""A weight's colour, and a colour in which text is readable on it."""

_STEPS = 513  # odd, so that zero gets exactly the neutral colour
_SCALES: dict[ThemeName, Scale] = {"dark": "weights-dark", "light": "weights-light"}


def weight_limit(values: NDArray[np.float64]) -> float:
    """Return the largest magnitude, the value at both ends of the scale; 1 where all weights are zero."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest if largest > 0.0 else 1.0


@lru_cache(maxsize=4)
def _table(theme: ThemeName) -> NDArray[np.uint8]:
    """Return a ``(513, 4)`` uint8 table in the memory order of ``QImage.Format_RGB32``: B, G, R, 255."""
    rgb = np.rint(lookup_table(_SCALES[theme], _STEPS) * 255.0).astype(np.uint8)
    alpha = np.full((_STEPS, 1), 255, dtype=np.uint8)
    return np.hstack([rgb[:, ::-1], alpha])


def _positions(values: NDArray[np.float64], limit: float) -> NDArray[np.intp]:
    half = _STEPS // 2
    positions: NDArray[np.intp] = np.clip(np.rint(values / limit * half) + half, 0, _STEPS - 1).astype(
        np.intp
    )
    return positions


def weight_colour(value: float, limit: float, theme: Theme) -> QColor:
    """Return the colour of a weight on the scale from ``-limit`` to ``limit``; beyond it the end's colour."""
    return _paint(theme.name, int(_positions(np.asarray(value), limit)))[0]


def weight_paints(
    values: NDArray[np.float64], limit: float, theme: Theme
) -> list[list[tuple[QColor, QColor]]]:
    """Return what to paint each weight with, row by row."""
    return [[_paint(theme.name, p) for p in row] for row in _positions(values, limit).tolist()]


@lru_cache(maxsize=2 * _STEPS)
def _paint(theme: ThemeName, position: int) -> Paint:
    blue, green, red, _ = _table(theme)[position]
    back = QColor(int(red), int(green), int(blue))
    return back, readable_on(back)


def weight_image(values: NDArray[np.float64], theme: Theme, limit: float | None = None) -> QImage:
    """Return a picture of a kernel, one pixel a weight, scaled to its own largest magnitude or to a limit."""
    limit = weight_limit(values) if limit is None else limit
    pixels = np.ascontiguousarray(_table(theme.name)[_positions(values, limit)])
    rows, columns = values.shape
    # copy(): the QImage would otherwise outlive the buffer that it looks into.
    return QImage(pixels.data, columns, rows, columns * 4, QImage.Format.Format_RGB32).copy()


def luminance(colour: QColor) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""

    def linear(part: float) -> float:
        return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(back: QColor) -> QColor:
    """Return near-black or near-white, whichever stands out more on ``back``; the ratio is at least 4.3."""
    dark, light = QColor("#0d0f12"), QColor("#ffffff")
    return dark if contrast(dark, back) >= contrast(light, back) else light


def draw_thumbnail(painter: QPainter, box: QRectF, image: QImage, radius: float = 3.0) -> None:
    """Draw a kernel's picture as large as it fits into ``box``, centred, every weight a crisp square."""
    side = min(box.width() / image.width(), box.height() / image.height())
    width, height = max(1.0, image.width() * side), max(1.0, image.height() * side)
    target = QRectF(box.center().x() - width / 2, box.center().y() - height / 2, width, height)
    outline = QPainterPath()
    outline.addRoundedRect(target, radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipPath(outline, Qt.ClipOperation.IntersectClip)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
    painter.drawImage(target, image)
    painter.restore()
