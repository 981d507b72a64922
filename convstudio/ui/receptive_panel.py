"""The tool about receptive fields: a row a layer, and what the picked cell sees on every level."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from convstudio.core import GeometryError
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import StackFacts
from convstudio.ui.fact_table import FactTable
from convstudio.ui.icons import icon
from convstudio.ui.level_strip import LevelSampler, StripArea
from convstudio.ui.pool_winners import winner_sentence, winners_of
from convstudio.ui.receptive_overlay import overlay_of
from convstudio.ui.receptive_words import COLUMNS, cell_sentence, layer_sentence, rows_of, title_of
from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

_HINT = "Click a cell of a layer's output to see on the photo what it looks at."
_MOST_TABLE = 0.7  # of the width


class ReceptivePanel(QWidget):
    """Size, jump and start of every layer, and the windows of one cell; ``show_*`` emits nothing.

    ``layer_chosen(id)`` asks for another layer, ``cell_dropped()`` for no cell to be picked any more.
    Hidden, it keeps what it is told and works when it is shown.
    """

    layer_chosen = Signal(str)
    cell_dropped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("receptive-panel")
        self.setAccessibleName("Receptive fields")
        self._facts: StackFacts | None = None
        self._shown_facts: StackFacts | None = None
        self._evaluation: Evaluation | None = None
        self._sampler: LevelSampler | None = None
        self._boxes: dict[str, QRect] = {}
        self._won: dict[str, list[tuple[int, int]]] = {}  # by level, the cells that won a pooling
        self._selected = ""
        self._cell: tuple[str, int, int] | None = None
        self._stale = True
        self.table = FactTable(COLUMNS, self)
        self.table.setObjectName("receptive-table")
        self.table.setAccessibleName("Receptive field of each layer")
        self._words = QLabel(self)
        self._words.setObjectName("receptive-words")
        self._words.setWordWrap(True)
        self._words.setStyleSheet("font-size: 12px;")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._close = self._button("receptive-close", "Close-up", "Show the surroundings of the window only.")
        self._close.setCheckable(True)
        self._drop = self._button("receptive-drop", "Clear", "Pick no cell: the photo is no longer dimmed.")
        self._area = StripArea(self)
        self._paint_icons()
        self._lay_out()
        self.table.row_chosen.connect(self._layer_chosen)
        self._area.strip.level_chosen.connect(self.layer_chosen)
        self._close.toggled.connect(self._close_toggled)
        self._drop.clicked.connect(self.cell_dropped)

    def _button(self, name: str, title: str, help_text: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setStyleSheet("padding: 2px;")
        button.setFixedSize(26, 24)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setToolTip(tip(f"{title}. {help_text}"))
        button.setAccessibleName(title)
        return button

    def _paint_icons(self) -> None:
        theme = theme_of(self.window())
        close = theme.accent_text if self._close.isChecked() else theme.text
        self._close.setIcon(icon("zoom-in", close))
        self._drop.setIcon(icon("close", theme.text))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._words, 1, Qt.AlignmentFlag.AlignTop)
        buttons = QVBoxLayout()
        buttons.setSpacing(4)
        for button in (self._close, self._drop):
            buttons.addWidget(button)
        buttons.addStretch(1)
        head.addLayout(buttons)
        right = QVBoxLayout()
        right.setSpacing(2)
        right.addLayout(head)
        right.addWidget(self._area, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 6)
        row.setSpacing(14)
        row.addWidget(self.table)
        row.addLayout(right, 1)

    # --- what is shown ---

    def show_facts(self, facts: StackFacts, selected: str) -> None:
        """Show a stack, one of its layers selected."""
        self._facts, self._selected = facts, selected
        self._refresh()

    def show_selected(self, layer_id: str) -> None:
        """Mark another layer's row."""
        self._selected = layer_id
        self._refresh()

    def show_cell(self, layer_id: str | None, row: int = 0, column: int = 0) -> None:
        """Show what a cell of a layer's output sees; None for no cell."""
        self._cell = None if layer_id is None else (layer_id, row, column)
        self._refresh()

    def show_result(self, evaluation: Evaluation | None) -> None:
        """Show the windows on these results."""
        self._evaluation = evaluation
        self._sampler = None if evaluation is None else LevelSampler(evaluation)
        self._refresh()

    def words(self) -> str:
        """Return what is said about the picked cell, or about the selected layer."""
        return self._words.text()

    def boxes(self) -> dict[str, QRect]:
        """Return what the picked cell reads of every level; nothing where there is none."""
        return dict(self._boxes)

    def _find_boxes(self) -> dict[str, QRect]:
        if self._facts is None or self._cell is None:
            return {}
        try:
            return overlay_of(self._facts, *self._cell)
        except (KeyError, GeometryError):  # the stack changed under the cell
            return {}

    def _refresh(self) -> None:
        self._stale = True
        if self.isVisible():
            self._show_now()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_out()

    def _share_out(self) -> None:
        """Give the table what it needs, but leave a part of the width to the pictures."""
        wide = self.width() - 34
        self.table.setFixedWidth(round(min(max(self.table.needed_width, 0.5 * wide), _MOST_TABLE * wide)))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._show_now()

    def _show_now(self) -> None:
        self._stale = False
        if self._facts is None:
            return
        if self._facts is not self._shown_facts:
            self._shown_facts = self._facts
            self.table.show_rows(rows_of(self._facts), self._selected)
            self._share_out()
        self.table.show_selected(self._selected)
        boxes = self._boxes = self._find_boxes()
        self._won = self._winners(boxes)
        self._drop.setVisible(bool(boxes))
        self._close.setVisible(bool(boxes))
        self._area.setVisible(bool(boxes))
        if boxes and self._cell is not None:
            won = [winner_sentence(title_of(self._facts, level), cells) for level, cells in self._won.items()]
            self._words.setText("".join([cell_sentence(self._facts, *self._cell), *won]))
        else:
            said = (layer_sentence(self._facts, self._selected), _HINT)
            self._words.setText("\n\n".join(text for text in said if text))
        self._show_levels()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_icons()

    def _show_levels(self) -> None:
        boxes = self._boxes
        if self._sampler is None or not boxes:
            self._area.strip.show_levels(())
            return
        close = self._close.isChecked()
        self._area.strip.show_levels(self._sampler.pictures(boxes, close=close, marks=self._won))

    def _winners(self, boxes: dict[str, QRect]) -> dict[str, list[tuple[int, int]]]:
        """The cells that won the picked cell's pooling window, on the level above."""
        if self._evaluation is None or self._cell is None or len(boxes) < 2:
            return {}
        layer_id, row, column = self._cell
        above = list(boxes)[-2]
        return {above: winners_of(self._evaluation, layer_id, row, column)}

    # --- what the user does ---

    @Slot()
    def _close_toggled(self) -> None:
        self._paint_icons()
        self._show_levels()

    @Slot(str)
    def _layer_chosen(self, layer_id: str) -> None:
        self._selected = layer_id
        self.layer_chosen.emit(layer_id)
