"""The tools under the views: one of them at a time under a bar of tabs, or only the bar.

A tall tool has the whole column for itself while it is shown: whoever holds the tools puts the rest away.
"""

from __future__ import annotations

import contextlib
import json

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from convstudio.ui.fields.quiet import draw_chevron
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

BAR_HEIGHT = 30  # px
BODY_HEIGHT = 172  # px of the tool under the bar, at first
LOWEST, HIGHEST = 110, 480  # px that the grip leaves the body
_GRIP = 4
_QWIDGETSIZE_MAX = (1 << 24) - 1  # Qt's own number for "as high as there is room"

_STYLE = """
QTabBar { background: transparent; border: none; }
QTabBar::tab { background: transparent; color: palette(placeholder-text); border: none;
  border-bottom: 2px solid transparent; padding: 4px 12px; min-height: 20px; }
QTabBar::tab:hover { color: palette(window-text); }
QTabBar::tab:selected { background: palette(base); color: palette(window-text);
  border-bottom-color: palette(highlight); }
QTabBar[folded="true"]::tab:selected { background: transparent; color: palette(placeholder-text);
  border-bottom-color: transparent; }
"""


class _Bar(QTabBar):
    """Tabs of which the current one can be pressed too."""

    current_pressed = Signal()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        here = self.tabAt(event.position().toPoint())
        again = here >= 0 and here == self.currentIndex()
        super().mousePressEvent(event)
        if again and event.button() == Qt.MouseButton.LeftButton:
            self.current_pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.current_pressed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus() and self.currentIndex() >= 0:  # style sheets take Qt's own focus line away
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme_of(self.window()).accent), 1.5))
            painter.drawRoundedRect(self.tabRect(self.currentIndex()).adjusted(2, 2, -2, -4), 4, 4)
            painter.end()


class _Grip(QWidget):
    """The upper edge: dragging it makes the tools higher or lower."""

    dragged = Signal(int)  # px up since the press
    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_GRIP)
        self.setCursor(Qt.CursorShape.SplitVCursor)
        self._from: float | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._from = event.globalPosition().y()
            self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            self.dragged.emit(round(self._from - event.globalPosition().y()))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._from = None

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(QRectF(0, 0, self.width(), 1), QColor(theme_of(self).border))
        painter.end()


class _Fold(QToolButton):
    """A chevron that points to where the tools go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "flat")
        self.setObjectName("tool-fold")
        self.setFixedSize(28, 24)
        self.folded = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        colour = QColor(theme_of(self).text_dim)
        draw_chevron(painter, QPointF(self.rect().center()), colour, up=self.folded)
        painter.end()


class ToolTabs(QWidget):
    """Shows one tool of several under their tabs; a press on the current tab folds it away.

    ``shown`` tells which tool is visible from now on, "" when all are folded away: the others need not work.
    A tool's own show and hide events come with it. ``tall_changed`` tells whether what is shown is tall.
    """

    shown = Signal(str)
    tall_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tool-tabs")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._ids: list[str] = []
        self._tall_ids: set[str] = set()
        self._tall = False
        self._folded = False
        self._height = self._height_before = BODY_HEIGHT
        self._bar = _Bar(self)
        self._bar.setObjectName("tool-bar")
        self._bar.setAccessibleName("Tools")
        self._bar.setDrawBase(False)
        self._bar.setExpanding(False)
        self._bar.setUsesScrollButtons(True)
        self._bar.setStyleSheet(_STYLE)
        self._fold = _Fold(self)
        self._stack = QStackedWidget(self)
        self._stack.setObjectName("tool-stack")
        # A tool never makes the window wider or the views lower.
        self._stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._grip = _Grip(self)
        self._lay_out()
        self._bar.currentChanged.connect(self._turn_to)
        self._bar.current_pressed.connect(self.toggle)
        self._fold.clicked.connect(self.toggle)
        self._grip.pressed.connect(self._begin_drag)
        self._grip.dragged.connect(self._drag)
        self._apply()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 6, 0)
        row.setSpacing(4)
        row.addWidget(self._bar, 1)
        row.addWidget(self._fold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._grip)
        column.addLayout(row)
        column.addWidget(self._stack, 1)

    # --- what is there ---

    def add_tool(
        self, tool_id: str, title: str, widget: QWidget, help_text: str = "", *, tall: bool = False
    ) -> None:
        """Add a tool behind the others; the first one is shown. A tall one takes the whole column.

        Raises:
            ValueError: there is a tool of that name.
        """
        if tool_id in self._ids:
            raise ValueError(f"there is a tool {tool_id!r} already")
        self._ids.append(tool_id)
        if tall:
            self._tall_ids.add(tool_id)
        self._stack.addWidget(widget)
        index = self._bar.addTab(title)
        again = "bring the pictures back" if tall else "fold the tools away"
        self._bar.setTabToolTip(index, tip(help_text, f"Press the tab again to {again}."))

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools in their order."""
        return tuple(self._ids)

    @property
    def current(self) -> str:
        """The tool whose tab is marked, folded away or not; "" where there is none."""
        index = self._bar.currentIndex()
        return self._ids[index] if 0 <= index < len(self._ids) else ""

    @property
    def shown_tool(self) -> str:
        """The tool that is visible, "" when it is folded away."""
        return "" if self._folded else self.current

    @property
    def folded(self) -> bool:
        """Whether only the bar is there."""
        return self._folded

    @property
    def tall(self) -> bool:
        """Whether the tool that is shown wants the whole column."""
        return self._tall

    # --- what is shown ---

    def show_tool(self, tool_id: str) -> None:
        """Show a tool, unfolding the tools if need be.

        Raises:
            ValueError: there is no such tool.
        """
        self._go(self._ids.index(tool_id), folded=False)

    def set_folded(self, folded: bool) -> None:
        """Fold the tools away to the bar, or bring them back."""
        self._go(self._bar.currentIndex(), folded=folded)

    @Slot()
    def toggle(self) -> None:
        """Fold the tools away, or bring them back."""
        self.set_folded(not self._folded)

    @Slot(int)
    def _turn_to(self, index: int) -> None:
        if len(self._ids) > 1 or index < 0:
            self._folded = False
        self._stack.setCurrentIndex(index)
        self._apply()
        self.shown.emit(self.shown_tool)

    def _go(self, index: int, *, folded: bool) -> None:
        before = self.shown_tool
        self._folded = folded
        with QSignalBlocker(self._bar):
            self._bar.setCurrentIndex(index)
        self._stack.setCurrentIndex(index)
        self._apply()
        if self.shown_tool != before:
            self.shown.emit(self.shown_tool)

    def _apply(self) -> None:
        folded = self._folded
        tall = self.shown_tool in self._tall_ids
        self._stack.setVisible(not folded)
        self._grip.setEnabled(not (folded or tall))
        fixed = folded or tall
        self._grip.setCursor(Qt.CursorShape.ArrowCursor if fixed else Qt.CursorShape.SplitVCursor)
        if tall:
            self.setMinimumHeight(_GRIP + BAR_HEIGHT + LOWEST)
            self.setMaximumHeight(_QWIDGETSIZE_MAX)
        else:
            self.setFixedHeight(_GRIP + BAR_HEIGHT + (0 if folded else self._height))
        self._describe_fold(folded=folded, tall=tall)
        if self._bar.property("folded") != folded:
            self._bar.setProperty("folded", folded)
            self._bar.style().unpolish(self._bar)
            self._bar.style().polish(self._bar)
        if tall != self._tall:
            self._tall = tall
            self.tall_changed.emit(tall)

    def _describe_fold(self, *, folded: bool, tall: bool) -> None:
        if tall:
            words, help_text = "Bring the pictures back", "Bring the pictures and their maps back."
        else:
            words = "Bring the tools back" if folded else "Fold the tools away"
            help_text = f"{words}: the pictures get their room."
        self._fold.folded = folded
        self._fold.setAccessibleName(words)
        self._fold.setToolTip(tip(help_text))
        self._fold.update()

    # --- their height ---

    @Slot()
    def _begin_drag(self) -> None:
        self._height_before = self._height

    @Slot(int)
    def _drag(self, up: int) -> None:
        self.set_body_height(self._height_before + up)

    @property
    def body_height(self) -> int:
        """Px of the tool under the bar."""
        return self._height

    def set_body_height(self, height: int) -> None:
        """Make the tools as high as that, within bounds; they come back so after folding."""
        self._height = min(max(height, LOWEST), HIGHEST)
        self._apply()

    # --- remembering ---

    def save_state(self) -> QByteArray:
        """Return which tool is shown, how high, and whether folded, for ``restore_state``."""
        state = {"tool": self.current, "height": self._height, "folded": self._folded}
        return QByteArray(json.dumps(state).encode())

    def restore_state(self, state: QByteArray | None) -> None:
        """Be as ``save_state`` found it; what is not there any more or not readable is left as it is.

        A tall tool comes back folded away: a window opens on its pictures.
        """
        if state is None:
            return
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            known = json.loads(bytes(state.data()))
            height, folded, tool = known["height"], known["folded"], known["tool"]
            if isinstance(height, int):
                self.set_body_height(height)
            index = self._ids.index(tool) if tool in self._ids else self._bar.currentIndex()
            self._go(index, folded=folded is True or tool in self._tall_ids)
