"""Cards from top to bottom with arrows between them, and dragging one to another place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QGraphicsOpacityEffect, QLabel, QScrollArea, QWidget

from convstudio.ui.layer_card import LayerCard
from convstudio.ui.stack_card import COMFORTABLE, Density, StackCard
from convstudio.ui.theme import theme_of

_EDGE = 28  # px from the upper and lower end where a drag scrolls
_TICK = 25  # ms
_FADED = 0.35


class CardColumn(QWidget):
    """Places cards itself: with 64 of them a layout would be asked for every change of a word."""

    resized = Signal()  # it wants another height than before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer-column")
        self._cards: list[StackCard] = []
        self._density = COMFORTABLE
        self._drop: int | None = None

    @property
    def cards(self) -> list[StackCard]:
        """The cards from the photo down."""
        return self._cards

    def set_cards(self, cards: Sequence[StackCard], density: Density) -> None:
        """Show these cards in this order."""
        self._cards = list(cards)
        self._density = density
        for card in cards:
            card.set_density(density)
            card.show()
        self.arrange()

    def arrange(self) -> None:
        """Put the cards where they belong; to be called when one became higher or lower."""
        width, top = self.width(), 0
        for card in self._cards:
            height = card.height_for(width)
            card.setGeometry(0, top, width, height)
            top += height + self._density.arrow
        height = max(0, top - self._density.arrow)
        if height != self.minimumHeight():
            self.setMinimumHeight(height)
            self.resized.emit()
        self.update()

    def height_in(self, density: Density) -> int:
        """Return how high the column would be with its cards roomy or tight."""
        if not self._cards:
            return 0
        width = self.width()
        spare = sum(card.height_for(width) - card.density.height for card in self._cards)
        count = len(self._cards)
        return count * density.height + (count - 1) * density.arrow + spare

    def sizeHint(self) -> QSize:
        return QSize(200, self.minimumHeight())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.arrange()

    # --- dropping ---

    def gap_at(self, y: int) -> int:
        """Return the gap between layers that is nearest: 0 is below the photo, 1 below the first layer."""
        middles = [card.geometry().center().y() for card in self._cards[1:]]
        return sum(1 for middle in middles if y > middle)

    def show_drop(self, gap: int | None) -> None:
        """Draw a line where a card would land, or none."""
        if gap != self._drop:
            self._drop = gap
            self.update()

    @property
    def drop_gap(self) -> int | None:
        """Where the line is drawn."""
        return self._drop

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = self.width() / 2
        for place, card in enumerate(self._cards):
            y = card.geometry().bottom() + 1 + self._density.arrow / 2
            if place == self._drop:
                painter.setBrush(QColor(theme.accent))
                y = min(y, self.height() - 1.5)
                painter.drawRoundedRect(2, round(y - 1.5), self.width() - 4, 3, 1.5, 1.5)
            elif place + 1 < len(self._cards):
                painter.setBrush(QColor(theme.text_dim))
                corners = (QPointF(middle - 4, y - 3), QPointF(middle + 4, y - 3), QPointF(middle, y + 3))
                painter.drawPolygon(QPolygonF(corners))
        painter.end()


class CardDrag(QObject):
    """One card on its way; ``moved(card, place)`` when it is let go, the place counted without it.

    The pointer's card follows it, a line shows where it would land, and near the ends the list scrolls.
    """

    moved = Signal(object, int)

    def __init__(self, column: CardColumn, scroll: QScrollArea) -> None:
        super().__init__(scroll)
        self._column = column
        self._scroll = scroll
        self._card: LayerCard | None = None
        self._ghost: QLabel | None = None
        self._pointer = QPoint()  # on the screen
        self._grip = QPoint()  # where the card is held
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._scroll_on)

    @property
    def active(self) -> bool:
        """Whether a card is on its way."""
        return self._card is not None

    def follow(self, card: LayerCard, pointer: QPoint) -> None:
        """Take a card along with the pointer, given on the screen."""
        if self._card is None:
            self._begin(card, pointer)
        self._pointer = pointer
        self._show()

    def _begin(self, card: LayerCard, pointer: QPoint) -> None:
        self._card = card
        self._grip = card.mapFromGlobal(pointer)
        ghost = self._ghost = QLabel(self._column)
        ghost.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        ghost.setPixmap(card.grab())
        ghost.resize(card.size())
        seen = QGraphicsOpacityEffect(ghost)
        seen.setOpacity(0.8)
        ghost.setGraphicsEffect(seen)
        ghost.show()
        faded = QGraphicsOpacityEffect(card)
        faded.setOpacity(_FADED)
        card.setGraphicsEffect(faded)
        self._timer.start()

    def _show(self) -> None:
        if self._ghost is None:
            return
        where = self._column.mapFromGlobal(self._pointer)
        lowest = max(0, self._column.height() - self._ghost.height())
        self._ghost.move(0, min(max(0, where.y() - self._grip.y()), lowest))
        self._column.show_drop(self._column.gap_at(where.y()))

    def _scroll_on(self) -> None:
        """Scroll while the pointer rests near an end, the faster the nearer it is."""
        view = self._scroll.viewport()
        y = view.mapFromGlobal(self._pointer).y()
        below, above = y - (view.height() - _EDGE), _EDGE - y
        step = min(_EDGE, below) if below > 0 else -min(_EDGE, above) if above > 0 else 0
        bar = self._scroll.verticalScrollBar()
        before = bar.value()
        bar.setValue(before + step // 2)
        if bar.value() != before:
            self._show()

    def drop(self) -> None:
        """Let the card go where the line is."""
        card, gap = self._card, self._column.drop_gap
        self.cancel()
        if card is None or gap is None:
            return
        present = self._column.cards.index(card) - 1  # the photo has no place
        place = gap if gap <= present else gap - 1
        if place != present:
            self.moved.emit(card, place)

    def cancel(self) -> None:
        """Leave everything where it was."""
        self._timer.stop()
        self._column.show_drop(None)
        card, self._card = self._card, None
        if card is not None:
            card.setGraphicsEffect(None)  # type: ignore[arg-type]  # Qt takes null to remove it
            card.end_press()
        if self._ghost is not None:
            self._ghost.hide()
            self._ghost.deleteLater()
            self._ghost = None
