"""A strip of small pictures, from the photo to a layer, each with the window that a deep cell reads on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QToolTip, QWidget

from convstudio.engine.display import Rendered, render
from convstudio.engine.evaluate import Evaluation, shown_channel
from convstudio.layers.base import FloatArray
from convstudio.model import PHOTO
from convstudio.ui.receptive_overlay import DARK_LINE, LIGHT_LINE, dim_around, double_line
from convstudio.ui.receptive_words import span_words
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

Pair = tuple[int, int]

_TALL = 110  # px, if nothing else decides
_CAPTION = 16  # px under a picture
_ARROW = 18  # px between two
_WIDEST = 1.9  # times the height
_SAMPLES = 200  # cells a side that are rendered: more than the screen shows
_AROUND = 2  # windows of room on each side of a close-up
_THIN = 0.7  # of the usual line's width
_DIM = 90  # of 255: small pictures must stay to be made out
_LEAST_CLOSE = 12  # cells that a close-up shows at least


@dataclass(frozen=True, eq=False)
class LevelPicture:
    """One picture of the strip; everything in cells of its level.

    Attributes:
        region: what the picture shows, which may reach beyond the level's edges.
        cells: the part of it that exists, of which ``pixels`` are every n-th.
        box: the window, None where there is none.
        marks: (row, column) of cells to mark in it, such as the one that won a pooling.
    """

    id: str
    title: str
    region: QRect
    cells: QRect
    pixels: NDArray[np.uint8]
    box: QRect | None = None
    marks: tuple[Pair, ...] = ()


class LevelSampler:
    """Makes the pictures of one evaluation; what does not depend on the cell is kept from one to the next."""

    def __init__(self, evaluation: Evaluation) -> None:
        photo = evaluation.project.picture.values
        self._levels: list[tuple[str, str, FloatArray, str]] = [(PHOTO, "Photo", photo, "clamped")]
        for result in evaluation.layers:
            look, values = result.item.look, result.output
            channel = shown_channel(look, values.shape[0])
            planes = values if channel is None else values[channel : channel + 1]
            self._levels.append((result.item.id, result.item.title, planes, look.view))
        self._known: dict[str, Rendered] = {}

    def pictures(
        self,
        boxes: Mapping[str, QRect],
        *,
        close: bool = False,
        marks: Mapping[str, Sequence[Pair]] | None = None,
    ) -> tuple[LevelPicture, ...]:
        """Return the photo and the layers that have a box, each as its own look shows it.

        ``marks`` are cells to mark, by level. ``close`` shows the surroundings of the window instead of the
        whole. Layers without a result are left out.
        """
        made = []
        for level_id, title, planes, view in self._levels:
            box = boxes.get(level_id)
            if box is None:
                continue
            whole = QRect(0, 0, planes.shape[2], planes.shape[1])
            if level_id not in self._known:
                self._known[level_id] = _sampled(planes, whole, view)
            known = self._known[level_id]
            region = whole.united(box)
            if close:
                region = _near(box, region)
            cells = region & whole
            if cells == whole:
                pixels = known.pixels
            elif cells.isEmpty():  # nothing but padding is near
                pixels = np.empty((0, 0, 4), np.uint8)
            else:
                pixels = _sampled(planes, cells, view, like=known).pixels
            marked = tuple((marks or {}).get(level_id, ()))
            made.append(LevelPicture(level_id, title, region, cells, pixels, box, marked))
        return tuple(made)


def _near(box: QRect, region: QRect) -> QRect:
    """The surroundings of a window, as far as there is something in the region."""
    side = max(box.width(), box.height())
    room = max(_AROUND * side, (_LEAST_CLOSE - side) // 2)
    near = box.adjusted(-room, -room, room, room)
    near.moveLeft(_inside(near.left(), near.width(), region.left(), region.width()))
    near.moveTop(_inside(near.top(), near.height(), region.top(), region.height()))
    return near & region


def _inside(first: int, count: int, start: int, length: int) -> int:
    """Move a range so that it shows more of the picture rather than what lies beyond its edge."""
    return min(max(first, start), max(start + length - count, start))


def _sampled(planes: FloatArray, cells: QRect, view: str, like: Rendered | None = None) -> Rendered:
    """Render every n-th cell of a part; a cut-out ``like`` the whole picture, that colours mean the same."""
    step = max(1, min(cells.width(), cells.height()) // _SAMPLES)
    rows = slice(cells.top(), cells.bottom() + 1, step)
    columns = slice(cells.left(), cells.right() + 1, step)
    return render(np.ascontiguousarray(planes[:, rows, columns]), view, like=like)


class LevelStrip(QWidget):
    """Shows level pictures side by side; a press asks for the layer."""

    level_chosen = Signal(str)
    levels_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("level-strip")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._levels: tuple[LevelPicture, ...] = ()
        self.show_levels(())

    @property
    def levels(self) -> tuple[LevelPicture, ...]:
        """What is shown."""
        return self._levels

    def show_levels(self, levels: Sequence[LevelPicture]) -> None:
        """Show pictures from the photo on."""
        self._levels = tuple(levels)
        names = " → ".join(level.title for level in self._levels)
        self.setAccessibleName(f"The window on every level: {names}" if names else "No cell is picked")
        self.levels_changed.emit()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.wide(_TALL), _TALL)

    def wide(self, height: int) -> int:
        """Return how wide the strip is at a height."""
        sizes = [self._size(level, height) for level in self._levels]
        return round(sum(size.width() for size in sizes)) + _ARROW * max(0, len(sizes) - 1) + 2

    def _size(self, level: LevelPicture, height: int) -> QRectF:
        tall = float(height - _CAPTION - 8)
        wide = min(max(tall * level.region.width() / level.region.height(), tall * 0.7), tall * _WIDEST)
        return QRectF(0, 0, max(wide, 56.0), tall)

    def frames(self) -> list[QRectF]:
        """Return where each picture stands."""
        x, found = 1.0, []
        for level in self._levels:
            size = self._size(level, self.height())
            found.append(QRectF(x, 4, size.width(), size.height()))
            x += size.width() + _ARROW
        return found

    def box_of(self, place: int) -> QRectF:
        """Return where a level's window is drawn."""
        level = self._levels[place]
        return QRectF() if level.box is None else _mapped(level, self.frames()[place], level.box)

    # --- painting ---

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self.window())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        frames = self.frames()
        for place, (level, frame) in enumerate(zip(self._levels, frames, strict=True)):
            painter.fillRect(frame, QColor(theme.canvas))
            self._paint_picture(painter, level, frame)
            painter.setPen(QPen(QColor(theme.border), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(frame.adjusted(-0.5, -0.5, 0.5, 0.5))
            under = QRectF(frame.left() - 4, frame.bottom() + 2, frame.width() + 8, _CAPTION)
            text = QFontMetricsF(font).elidedText(level.title, Qt.TextElideMode.ElideRight, under.width())
            painter.setPen(QColor(theme.text_dim))
            painter.drawText(under, Qt.AlignmentFlag.AlignCenter, text)
            if place:
                _arrow(painter, frames[place - 1].right(), frame, QColor(theme.text_dim))
        painter.end()

    def _paint_picture(self, painter: QPainter, level: LevelPicture, frame: QRectF) -> None:
        rows, columns = level.pixels.shape[:2]
        if not rows or not columns:
            return
        image = QImage(level.pixels.data, columns, rows, level.pixels.strides[0], QImage.Format.Format_RGB32)
        target = _mapped(level, frame, level.cells)
        painter.save()
        painter.setClipRect(frame.adjusted(-4, -4, 4, 4))
        smooth = columns > target.width()  # enlarged cells stay crisp
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=smooth)
        painter.drawImage(target, image)
        if level.box is not None:
            box = _mapped(level, frame, level.box)
            dim_around(painter, box, target, _DIM)
            double_line(painter, QRectF(box.toAlignedRect()), _THIN)
        for row, column in level.marks:
            _dot(painter, _mapped(level, frame, QRect(column, row, 1, 1)))
        painter.restore()

    # --- pressing ---

    def _at(self, position: QPointF) -> LevelPicture | None:
        found = zip(self._levels, self.frames(), strict=True)
        return next((level for level, frame in found if frame.contains(position)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        level = self._at(event.position())
        if level is not None and event.button() == Qt.MouseButton.LeftButton:
            self.level_chosen.emit(level.id)

    def event(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return super().event(event)
        level = self._at(QPointF(event.pos()))
        if level is not None:
            words = tip(level.title, "" if level.box is None else box_words(level.box))
            QToolTip.showText(event.globalPos(), words, self)
        return True


class StripArea(QScrollArea):
    """A strip as high as the room it has, to be scrolled where it is too wide."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("level-strip-area")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the arrows scroll
        self.setAccessibleName("Pictures of the levels")
        self.setMinimumHeight(64)
        self.strip = LevelStrip()
        self.setWidget(self.strip)
        self.viewport().setAutoFillBackground(False)
        self.strip.setAutoFillBackground(False)
        self.strip.levels_changed.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        height = self.maximumViewportSize().height()
        if self.strip.wide(height) > self.width():  # a bar takes some of the height
            height -= self.horizontalScrollBar().sizeHint().height()
        self.strip.resize(self.strip.wide(height), height)


def box_words(box: QRect) -> str:
    """Return "rows 20–29, columns 56–65" for a block of cells."""
    rows = span_words("row", box.top(), box.top() + box.height())
    return f"{rows}, {span_words('column', box.left(), box.left() + box.width())}"


def _mapped(level: LevelPicture, frame: QRectF, cells: QRect) -> QRectF:
    """Where cells of a level lie in its frame: as large as it allows, in the middle."""
    region = level.region
    scale = min(frame.width() / region.width(), frame.height() / region.height())
    left = frame.center().x() - region.width() * scale / 2
    top = frame.center().y() - region.height() * scale / 2
    return QRectF(
        left + (cells.left() - region.left()) * scale,
        top + (cells.top() - region.top()) * scale,
        cells.width() * scale,
        cells.height() * scale,
    )


def _dot(painter: QPainter, cell: QRectF) -> None:
    """Mark a cell so that it shows on every colour."""
    dot = QRectF(0, 0, max(4.0, cell.width() * 0.5), max(4.0, cell.height() * 0.5))
    dot.moveCenter(cell.center())
    painter.setPen(QPen(QColor(DARK_LINE), 1.5))
    painter.setBrush(QColor(LIGHT_LINE))
    painter.drawEllipse(dot)


def _arrow(painter: QPainter, left: float, frame: QRectF, colour: QColor) -> None:
    middle, y = (left + frame.left()) / 2, frame.center().y()
    painter.setPen(QPen(colour, 1.5))
    painter.drawPolyline([QPointF(middle - 2, y - 4), QPointF(middle + 2, y), QPointF(middle - 2, y + 4)])
