"""A table of facts: one row a layer, chosen by mouse or arrows, copied as text that a spreadsheet takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSignalBlocker,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QAction, QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from convstudio.ui.theme import theme_of
from convstudio.ui.tips import tip

ROW_HEIGHT = 22
_SHARE = Qt.ItemDataRole.UserRole
_ROOM = 2  # px beside the text of a column
_WIDEST_NAME, _LEAST_NAME = 190, 76

_STYLE = """
QTableWidget { background: palette(window); border: none; font-size: 12px; outline: none;
  selection-background-color: palette(highlight); selection-color: palette(highlighted-text); }
QTableWidget::item { padding: 0 3px; border: none; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: palette(placeholder-text); border: none;
  border-bottom: 1px solid palette(mid); padding: 0 5px; font-size: 11px; font-weight: 400; }
"""


@dataclass(frozen=True)
class Column:
    """A column: its title, what it means, and whether it holds numbers, which stand at the right."""

    title: str
    help: str = ""
    number: bool = True


@dataclass(frozen=True)
class Cell:
    """What a cell says; ``plain`` is what is copied where that differs, ``share`` 0–1 draws a bar."""

    text: str
    plain: str | None = None
    tip: str = ""
    share: float | None = None

    @property
    def copied(self) -> str:
        """The text for a spreadsheet."""
        return (self.text if self.plain is None else self.plain).replace("−", "-").replace("\t", " ")


@dataclass(frozen=True)
class Row:
    """A row under an id; a ``total`` row stands apart in bold letters and cannot be chosen."""

    id: str
    cells: tuple[Cell, ...]
    total: bool = False
    dim: bool = False


def as_text(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return the table as lines of cells with tabs between them, the titles first."""
    lines = [[column.title for column in columns], *([cell.copied for cell in row.cells] for row in rows)]
    return "\n".join("\t".join(line) for line in lines) + "\n"


class FactTable(QTableWidget):
    """Shows rows; ``row_chosen`` asks for the one that the user went to. ``show_*`` emits nothing."""

    row_chosen = Signal(str)

    def __init__(self, columns: Sequence[Column], parent: QWidget | None = None) -> None:
        self._rows: tuple[Row, ...] = ()  # Qt tells of a change already while the table is being made
        super().__init__(0, len(columns), parent)
        self._columns = tuple(columns)
        self._selected = ""
        self._needed: list[int] = []
        for place, column in enumerate(columns):
            head = QTableWidgetItem(column.title)
            head.setToolTip(tip(column.help))
            head.setTextAlignment(_side(column))
            self.setHorizontalHeaderItem(place, head)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setFixedHeight(ROW_HEIGHT)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(20)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setItemDelegate(_Bars(self))
        self.setStyleSheet(_STYLE)
        keys = QKeySequence(QKeySequence.StandardKey.Copy).toString(QKeySequence.SequenceFormat.NativeText)
        self._copy = QAction(f"Copy table\t{keys}", self)
        self.installEventFilter(self)
        self._copy.triggered.connect(self.copy)
        self.addAction(self._copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.currentCellChanged.connect(self._went_to)

    # --- what is shown ---

    def show_rows(self, rows: Sequence[Row], selected: str = "") -> None:
        """Show rows, one of them selected; the place that was scrolled to stays."""
        rows = tuple(rows)
        if rows != self._rows:
            self._rows = rows
            with QSignalBlocker(self):
                self._fill()
            self._fit()
        self.show_selected(selected)

    def show_selected(self, row_id: str) -> None:
        """Mark a row; none where there is no such row."""
        self._selected = row_id
        place = next((i for i, row in enumerate(self._rows) if row.id == row_id and not row.total), -1)
        with QSignalBlocker(self):
            if place < 0:
                self.setCurrentCell(-1, -1)
            elif place != self.currentRow():
                self.setCurrentCell(place, max(0, self.currentColumn()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and any(row.dim for row in self._rows):
            with QSignalBlocker(self):
                self._fill()
            self.show_selected(self._selected)

    def _fill(self) -> None:
        self.clearContents()
        self.setRowCount(len(self._rows))
        for place, row in enumerate(self._rows):
            for across, (cell, column) in enumerate(zip(row.cells, self._columns, strict=True)):
                item = QTableWidgetItem(cell.text)
                item.setTextAlignment(_side(column))
                item.setToolTip(tip(cell.tip))
                item.setData(_SHARE, cell.share)
                if row.total:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                if row.dim:
                    item.setForeground(QColor(theme_of(self).text_dim))
                self.setItem(place, across, item)

    def _fit(self) -> None:
        """Give each column the room of its longest text; the names give way where there is too little."""
        self.ensurePolished()
        header = self.horizontalHeader()
        self._needed = [
            max(self.sizeHintForColumn(i), header.sectionSizeHint(i)) + _ROOM
            for i in range(len(self._columns))
        ]
        self._needed[0] = min(self._needed[0], _WIDEST_NAME)
        self._share_out()

    def _share_out(self) -> None:
        missing = max(0, sum(self._needed) - self.viewport().width())
        for across, wide in enumerate(self._needed):
            least = min(wide, _LEAST_NAME)
            self.setColumnWidth(across, wide if across else max(wide - missing, least))

    @property
    def needed_width(self) -> int:
        """How wide the table would have to be to show everything."""
        return sum(self._needed) + 2

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_out()

    # --- what the user does ---

    @Slot(int, int, int, int)
    def _went_to(self, row: int, _column: int, _row_before: int, _column_before: int) -> None:
        if not 0 <= row < len(self._rows) or self._rows[row].total:
            return
        chosen = self._rows[row].id
        if chosen != self._selected:
            self._selected = chosen
            self.row_chosen.emit(chosen)

    def text(self) -> str:
        """Return the table as text for a spreadsheet."""
        return as_text(self._columns, self._rows)

    @Slot()
    def copy(self) -> None:
        """Put the table on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The window's own action of these keys stands back: of two shortcuts Qt would take neither.
        wanted = isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy)
        if wanted and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()  # the whole table: Qt's own would copy nothing or one cell
        else:
            super().keyPressEvent(event)


def _side(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class _Bars(QStyledItemDelegate):
    """Draws a bar behind the cells that have a share, and no focus line around single cells."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(_SHARE)
        table = self.parent()
        if isinstance(share, float) and isinstance(table, FactTable):
            theme = theme_of(table)
            state: QStyle.StateFlag = option.state
            box = QRectF(option.rect).adjusted(3, 3, -3, -3)
            chosen = bool(state & QStyle.StateFlag.State_Selected)
            if chosen:
                painter.fillRect(option.rect, QColor(theme.accent))
            colour = QColor("#000000" if chosen else theme.accent)  # the words stay readable on it
            colour.setAlpha(80 if chosen else 90)
            if share > 0.0:
                box.setWidth(max(1.0, box.width() * min(share, 1.0)))
                painter.fillRect(box, colour)
            painter.setPen(QColor(theme.accent_text if chosen else theme.text))
            words = QRectF(option.rect).adjusted(6, 0, -6, 0)
            painter.setFont(option.font)
            painter.drawText(words, index.data(Qt.ItemDataRole.TextAlignmentRole), str(index.data()))
            return
        super().paint(painter, option, index)
