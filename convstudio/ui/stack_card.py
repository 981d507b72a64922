"""A card of the stack: a small picture, a title, two lines of facts, a proof mark, and buttons."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFont,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QWidget

from convstudio.ui.card_parts import CardButton, CardLine, Thumb
from convstudio.ui.theme import theme_of

SIDE, BETWEEN, MARK = 8, 9, 15  # px: at the sides, beside the picture, for the proof mark


@dataclass(frozen=True)
class Density:
    """How much room the cards take, in px."""

    thumb: QSize
    pad: int  # above and below the picture
    lines: int  # of facts
    button: int
    arrow: int  # between two cards

    @property
    def height(self) -> int:
        """Of a card that has nothing to complain about."""
        return self.thumb.height() + 2 * self.pad


COMFORTABLE = Density(QSize(56, 42), pad=6, lines=2, button=17, arrow=15)
COMPACT = Density(QSize(44, 33), pad=4, lines=1, button=18, arrow=10)


class StackCard(QFrame):
    """What the photo's card and the layers' have in common: how they look, and what the mouse asks of them.

    ``clicked()`` comes when the button is let go on the card; a press that moves is a drag instead, whose
    ``dragged(QPoint)`` and ``dropped()`` tell where the pointer is on the screen.
    """

    clicked = Signal()
    pressed = Signal()
    opened = Signal()  # by a double click
    menu_requested = Signal(QPoint)
    dragged = Signal(QPoint)
    dropped = Signal()

    draggable = False

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "card")
        self._density = COMFORTABLE
        self._selected = False
        self._focused = False
        self._hovered = False
        self._press: QPoint | None = None
        self._dragging = False
        self.thumb = Thumb(self)
        self._title = CardLine(self)
        self._title.setObjectName(f"{name}-title")
        self._title.setProperty("role", "title")
        self._shape = CardLine(self, quiet=True)
        self._shape.setObjectName(f"{name}-shape")
        self._facts = CardLine(self, quiet=True)
        self._facts.setObjectName(f"{name}-facts")
        numbers = QFont()  # as the theme's numbers, a little smaller
        numbers.setFamilies(["DejaVu Sans Mono", "Consolas", "Menlo", "monospace"])
        numbers.setPixelSize(11)
        for line in (self._shape, self._facts):
            line.setFont(numbers)
        self._mark = QLabel(self)
        self._mark.setObjectName(f"{name}-proof")
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._menu = CardButton("more", f"{name}-menu", self)
        self._menu.clicked.connect(self._ask_menu)
        self._menu.hide()

    # --- what is shown ---

    @property
    def density(self) -> Density:
        """How much room the card takes."""
        return self._density

    def set_density(self, density: Density) -> None:
        """Make the card roomy or tight; its picture has to be shown again."""
        if density is not self._density:
            self._density = density
            self._place()

    def set_selected(self, selected: bool, focused: bool) -> None:
        """Draw the card as the one that the rest of the window shows, and that the keys are for."""
        if (selected, focused) != (self._selected, self._focused):
            self._selected, self._focused = selected, focused
            self._show_buttons()
            self.update()

    def show_proof(self, mark: str, why: str) -> None:
        """Show the proof's mark, such as ✓."""
        self._mark.setText(mark)
        self._mark.setToolTip(why)
        self._mark.setVisible(bool(mark))
        role = "good" if mark == "✓" else "problem"
        if self._mark.property("role") != role:
            self._mark.setProperty("role", role)
            self._mark.style().polish(self._mark)
        self._place()

    # --- where things are ---

    def height_for(self, _width: int) -> int:
        """Return how high the card is at some width."""
        return self._density.height

    def buttons(self) -> list[CardButton]:
        """The buttons from left to right."""
        return [self._menu]

    def _show_buttons(self) -> None:
        self._menu.setVisible(self._hovered or self._selected)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        d, right = self._density, self.width() - SIDE
        self.thumb.setGeometry(QRect(QPoint(SIDE, d.pad), d.thumb))
        left = SIDE + d.thumb.width() + BETWEEN
        title = self._title.fontMetrics().height()
        line = self._shape.fontMetrics().height()
        two = d.lines > 1 and bool(self._facts.text())
        top = d.pad + (d.thumb.height() - title - line * (2 if two else 1)) // 2
        marked = MARK if self._mark.text() else 0
        self._title.setGeometry(left, top, max(0, right - marked - left), title)
        self._mark.setGeometry(right - marked, top, marked, title)
        end = self._place_buttons(right + 3, d)
        room = max(0, end - left)
        self._shape.setGeometry(left, top + title, room, line)
        if two:
            self._facts.setGeometry(left, top + title + line, room, line)
        self._facts.setVisible(two)

    def _place_buttons(self, right: int, density: Density) -> int:
        """Put the visible buttons into the lower right corner, above one another where there is room.

        Return where the text beside them has to end.
        """
        shown = [button for button in self.buttons() if not button.isHidden()]
        size, above = density.button, density.lines > 1
        left, top = right - size, density.height - 2 - size
        for button in reversed(shown):
            button.setGeometry(left, top, size, size)
            left, top = (left, top - size) if above else (left - size, top)
        if not shown:
            return right - 3
        return right - size - 1 if above else left + size - 1

    # --- the mouse ---

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._hovered = True
        self._show_buttons()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = False
        self._show_buttons()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # or the release would go to the panel
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position().toPoint()
            self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None or not self.draggable:
            return
        way = event.position().toPoint() - self._press
        if self._dragging or way.manhattanLength() >= QApplication.startDragDistance():
            self._dragging = True
            self.dragged.emit(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            return
        dragging = self._dragging
        self.end_press()
        if dragging:
            self.dropped.emit()
        elif self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit()

    def end_press(self) -> None:
        """Forget the press, as when a drag is given up: letting go does nothing then."""
        self._press = None
        self._dragging = False

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.accept()
        self.menu_requested.emit(event.globalPos())

    def _ask_menu(self) -> None:
        self.menu_requested.emit(self.menu_place())

    def menu_place(self) -> QPoint:
        """Return where on the screen the menu opens."""
        box = self._menu.geometry() if not self._menu.isHidden() else self.rect()
        return self.mapToGlobal(QPoint(box.left(), box.bottom() + 2))

    # --- painting ---

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._selected:
            return
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.accent), 2))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)
        if self._focused:
            painter.setPen(QPen(QColor(theme.text), 1, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(self.rect().adjusted(3, 3, -4, -4), 4, 4)
        painter.end()
