"""How the layer gallery paints its rows: a family's heading, or an entry with before and after."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPolygonF, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from convstudio.ui.gallery_entries import Entry, Preview
from convstudio.ui.theme import Theme, theme_of

ENTRY = int(Qt.ItemDataRole.UserRole) + 1
ROW, HEADING, BOX, ARROW, LINES = 60, 26, 46, 18, 2

_Index = QModelIndex | QPersistentModelIndex


class GalleryRows(QStyledItemDelegate):
    """Keeps the previews by entry."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._previews: dict[str, Preview | None] = {}

    def show_preview(self, entry: Entry, preview: Preview | None) -> None:
        """Keep a preview, or that there is none."""
        self._previews[entry.id] = preview

    def knows(self, entry: Entry) -> bool:
        """Whether the entry has a preview."""
        return self._previews.get(entry.id) is not None

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, ROW if isinstance(index.data(ENTRY), Entry) else HEADING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        view = option.widget
        theme = theme_of(view)
        box: QRect = option.rect
        entry = index.data(ENTRY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(entry, Entry):
            chosen = bool(option.state & QStyle.StateFlag.State_Selected)
            if chosen:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(theme.accent))
                painter.drawRoundedRect(QRectF(box).adjusted(2, 1, -2, -1), 5, 5)
            self._paint_preview(painter, box, self._previews.get(entry.id), theme, chosen)
            left = 8 + 2 * BOX + ARROW + 12
            _paint_words(painter, box.adjusted(left, 6, -10, -4), entry, theme, chosen, view.font())
        else:
            font = QFont(view.font())
            font.setPixelSize(11)
            font.setWeight(QFont.Weight.Bold)
            painter.setFont(font)
            painter.setPen(QColor(theme.text_dim))
            middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
            painter.drawText(box.adjusted(8, 6, -8, 0), middle, str(index.data()).upper())
        painter.restore()

    def _paint_preview(
        self, painter: QPainter, box: QRect, preview: Preview | None, theme: Theme, chosen: bool
    ) -> None:
        """Paint both pictures at one scale, so that one sees what shrinks."""
        top = box.center().y() + 1 - BOX / 2
        frames = [QRectF(box.left() + 8 + x, top, BOX, BOX) for x in (0, BOX + ARROW)]
        if preview is not None:
            pictures = (preview.before, preview.after)
            scale = BOX / max(max(each.width(), each.height()) for each in pictures)
            for frame, picture in zip(frames, pictures, strict=True):
                _paint_picture(painter, frame, picture, scale, theme)
        x, y = frames[0].right() + ARROW / 2, frames[0].center().y()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent_text if chosen else theme.text_dim))
        painter.drawPolygon(QPolygonF((QPointF(x - 3, y - 4), QPointF(x - 3, y + 4), QPointF(x + 3, y))))


def _paint_picture(painter: QPainter, frame: QRectF, picture: QImage, scale: float, theme: Theme) -> None:
    wide, high = max(4.0, picture.width() * scale), max(4.0, picture.height() * scale)
    box = QRectF(0, 0, round(wide), round(high))
    box.moveCenter(frame.center())
    box.moveTopLeft(QPointF(round(box.left()), round(box.top())))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, picture.width() > wide)
    painter.drawImage(box, picture)
    painter.setPen(QColor(theme.border))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box.adjusted(-0.5, -0.5, 0.5, 0.5))


def _paint_words(
    painter: QPainter, box: QRect, entry: Entry, theme: Theme, chosen: bool, font: QFont
) -> None:
    title = QFont(font)
    title.setWeight(QFont.Weight.DemiBold)
    painter.setFont(title)
    painter.setPen(QColor(theme.accent_text if chosen else theme.text))
    high = painter.fontMetrics().height()
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.drawText(QRect(box.left(), box.top(), box.width(), high), middle, entry.title)
    small = QFont(font)
    small.setPixelSize(11)
    painter.setFont(small)
    painter.setPen(QColor(theme.accent_text if chosen else theme.text_dim))
    step = painter.fontMetrics().lineSpacing()
    for number, line in enumerate(_lines(entry.summary, small, box.width())):
        text = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, box.width())
        place = QRect(box.left(), box.top() + high + 1 + number * step, box.width(), step)
        painter.drawText(place, middle, text)


def _lines(text: str, font: QFont, width: int) -> list[str]:
    """Break a text into a few lines; the last one holds all the rest, to be elided."""
    layout = QTextLayout(text, font)
    layout.setTextOption(QTextOption())
    layout.beginLayout()
    starts: list[int] = []
    while len(starts) < LINES:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(width)
        starts.append(line.textStart())
    layout.endLayout()
    ends = [*starts[1:], len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
