"""A column of controls that scrolls without its width ever changing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QScrollBar, QVBoxLayout, QWidget

MINIMUM_WIDTH = 290
USUAL_WIDTH = 320
_MARGIN = 10
_BESIDE_BAR = 4  # px between the cards and the place of the scroll bar


class _ScrollBar(QScrollBar):
    """A scroll bar that shows nothing while there is nothing to scroll."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.maximum() > self.minimum():
            super().paintEvent(event)


class SidePanel(QScrollArea):
    """The right column of the window: its widgets go into ``column``."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """``name`` is the object name; the panel inside is called so with "-panel" behind."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Its place is always kept: the kernel's grid grows with the width, so that a bar that comes makes
        # the panel low enough to go again, and Qt would lay both out in turn until the stack is used up.
        self.setVerticalScrollBar(_ScrollBar(Qt.Orientation.Vertical, self))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMinimumWidth(MINIMUM_WIDTH)
        self.panel = QWidget(self)
        self.panel.setObjectName(f"{name}-panel")
        self.panel.setProperty("role", "panel")
        self.column = QVBoxLayout(self.panel)
        self.column.setContentsMargins(_MARGIN, _MARGIN, _BESIDE_BAR, _MARGIN)
        self.column.setSpacing(6)

    def show_panel(self) -> None:
        """Put the panel into the scrolled area, once its widgets are in the column."""
        self.setWidget(self.panel)
        self.viewport().setAutoFillBackground(False)

    def sizeHint(self) -> QSize:
        return QSize(USUAL_WIDTH, 700)
