"""The tool about cost: what each layer and the stack take, and what other ways would take."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from convstudio.engine.alternatives import Alternative
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import StackFacts
from convstudio.model import PHOTO
from convstudio.ui.cost_words import (
    COLUMNS,
    alternative_line,
    alternatives_of,
    fully_connected_sentence,
    measured_of,
    rows_of,
)
from convstudio.ui.fact_table import FactTable

_MOST_TABLE = 0.7  # of the width


class CostPanel(QWidget):
    """Parameters, multiply-adds, memory and time by layer; ``show_*`` emits nothing.

    ``layer_chosen(id)`` asks for another layer. Hidden, it keeps what it is told and works when it is shown.
    """

    layer_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("cost-panel")
        self.setAccessibleName("Cost")
        self._facts: StackFacts | None = None
        self._evaluation: Evaluation | None = None
        self._selected = ""
        self._stale = True
        self.table = FactTable(COLUMNS, self)
        self.table.setObjectName("cost-table")
        self.table.setAccessibleName("Cost of each layer")
        self._title = QLabel(self)
        self._title.setObjectName("cost-alternatives-title")
        self._title.setProperty("role", "title")
        self._others = self._label("cost-alternatives")
        self._others.setTextFormat(Qt.TextFormat.RichText)
        self._dense = self._label("cost-fully-connected")
        self._lay_out()
        self.table.row_chosen.connect(self._layer_chosen)

    def _label(self, name: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setStyleSheet("font-size: 12px;")
        label.setWordWrap(True)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        return label

    def _lay_out(self) -> None:
        inner = QWidget(self)
        lines = QVBoxLayout(inner)
        lines.setContentsMargins(0, 2, 6, 0)
        lines.setSpacing(5)
        for label in (self._title, self._dense, self._others):
            lines.addWidget(label)
        lines.addStretch(1)
        area = QScrollArea(self)
        area.setObjectName("cost-area")
        area.setAccessibleName("What other ways would cost")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 6, 6)
        row.setSpacing(16)
        row.addWidget(self.table)
        row.addWidget(area, 1)

    # --- what is shown ---

    def show_facts(self, facts: StackFacts, selected: str) -> None:
        """Show a stack, one of its layers selected."""
        self._facts, self._selected = facts, selected
        self._refresh()

    def show_selected(self, layer_id: str) -> None:
        """Mark another layer's row and show what could replace it."""
        self._selected = layer_id
        self._refresh()

    def show_result(self, evaluation: Evaluation | None) -> None:
        """Show how long the layers took."""
        self._evaluation = evaluation
        self._refresh()

    def texts(self) -> tuple[str, str, str]:
        """Return what is said beside the table: title, alternatives, the fully connected layer."""
        return self._title.text(), self._others.text(), self._dense.text()

    def _refresh(self) -> None:
        self._stale = True
        if self.isVisible():
            self._show_now()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._show_now()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_out()

    def _share_out(self) -> None:
        """Give the table what it needs, but leave a part of the width to the words."""
        wide = self.width() - 32
        self.table.setFixedWidth(round(min(max(self.table.needed_width, 0.5 * wide), _MOST_TABLE * wide)))

    def _show_now(self) -> None:
        self._stale = False
        facts = self._facts
        if facts is None:
            return
        self.table.show_rows(rows_of(facts, measured_of(self._evaluation, facts)), self._selected)
        self._share_out()
        others = alternatives_of(facts, self._selected)
        place = facts.find(self._selected)
        if others and place is not None:
            self._title.setText(f"Instead of {facts.layers[place].item.title}")
        elif place is not None:
            self._title.setText(facts.layers[place].item.title)
        else:
            self._title.setText("The whole stack" if self._selected == PHOTO and facts.layers else "")
        self._others.setText("".join(_paragraph(each) for each in others))
        self._dense.setText(fully_connected_sentence(facts, self._selected))
        for label in (self._title, self._dense, self._others):
            label.setVisible(bool(label.text()))

    # --- what the user does ---

    @Slot(str)
    def _layer_chosen(self, layer_id: str) -> None:
        self._selected = layer_id
        self.layer_chosen.emit(layer_id)


def _paragraph(each: Alternative) -> str:
    lead = f"<b>{escape(each.name)}</b> {escape(alternative_line(each))}"
    return f"<p style='margin: 0 0 5px 0'>{lead}<br>{escape(each.text)}</p>"
