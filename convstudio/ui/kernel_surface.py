"""What the grid of numbers and the paintable picture share: values, current cell, keys, wheel, clipboard."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QEnterEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from convstudio.kernels.text import format_grid, format_number, parse_grid
from convstudio.spec.params import ParamError
from convstudio.ui.kernel_cells import Cell, CellGrid, anchor_of, merge_key, step_size, stepped
from convstudio.ui.weight_colours import weight_limit

Values = NDArray[np.float64]
WHEEL_BURST = 1.0  # s without a turn of the wheel that ends a burst
MENU_FRACTIONS = (2, 3, 4, 5, 6, 8, 9, 16, 25)
_MEANT = 3  # px of real pointer movement over the cells after which the wheel is for them
_STEPS = {Qt.Key.Key_PageUp: 1, Qt.Key.Key_PageDown: -1}
_ARROWS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_OWN_KEYS = {*_ARROWS, *_STEPS, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Delete, Qt.Key.Key_Backspace}


class KernelSurface(QWidget):
    """A kernel's weights as cells that can be walked, stepped, copied and pasted.

    ``edited(values, merge_key)`` carries a new float64 array, of another shape after a paste; the key is
    the same during one gesture and empty for a discrete act. ``hovered`` carries a ``Cell`` or ``None``.
    ``problem`` is a sentence for the message bar. ``show_values`` emits nothing.
    """

    edited = Signal(object, str)
    current_changed = Signal(int, int)
    hovered = Signal(object)
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: Values = np.zeros((1, 1))
        self._limit = 1.0
        self._current: Cell = (0, 0)
        self._hover: Cell | None = None
        self._wheel_key = ("", (-1, -1), 0.0)  # merge key, cell, when the wheel last turned
        self._wheel_rest = 0
        self._wheel_step = (0.1, Qt.KeyboardModifier.NoModifier)
        self._entered: QPointF | None = None
        self._wheel_meant = False
        self._fit()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.installEventFilter(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    # What a kind of surface decides

    def _lay_out(self) -> CellGrid:
        """Return where the cells lie for the present shape and width."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Bring what is derived from the values up to date before they are painted."""

    # State

    def values(self) -> Values:
        """Return the weights as they are shown."""
        return self._values

    def current(self) -> Cell:
        """Return the current cell."""
        return self._current

    def cells(self) -> CellGrid:
        """Return where the cells lie, in widget pixels."""
        return self._grid

    def show_values(self, values: Values) -> None:
        """Show other weights; the current cell stays where the new shape still has it."""
        if np.array_equal(values, self._values):
            return
        reshaped = values.shape != self._values.shape
        if reshaped:
            self._wheel_key = ("", (-1, -1), 0.0)
        self._values = values
        self._limit = weight_limit(values)
        if reshaped:
            row, column = self._current
            self._current = (min(row, values.shape[0] - 1), min(column, values.shape[1] - 1))
            self._hover = None
            self._fit()
        self._refresh()
        self._describe()
        self.update()

    def _fit(self) -> None:
        self._grid = self._lay_out()
        self.setFixedHeight(round(self._grid.bounds().bottom() + self._grid.top))

    def set_current(self, cell: Cell) -> None:
        """Make a cell the current one."""
        if cell == self._current:
            return
        self._current = cell
        self._describe()
        self.update()
        self.current_changed.emit(*cell)

    def anchor(self) -> Cell:
        """Return the cell that lies on the output pixel."""
        rows, columns = self._values.shape
        return anchor_of((rows, columns))

    def _describe(self) -> None:
        row, column = self._current
        self.setAccessibleDescription(
            f"row {row}, column {column}: {format_number(float(self._values[row, column]))}"
        )

    # Editing

    def set_cell(self, cell: Cell, value: float, key: str = "") -> None:
        """Give one cell a value, as if the user had entered it."""
        self._write([cell], value, key)

    def step_cell(self, cell: Cell, ticks: int, step: float, key: str = "") -> None:
        """Move one cell's value by ``ticks`` steps."""
        self._write([cell], stepped(float(self._values[cell]), ticks, step), key)

    def _write(self, cells: list[Cell], value: float, key: str) -> None:
        values = self._values.copy()
        for cell in cells:
            values[cell] = value
        self._take(values, key)

    def _take(self, values: Values, key: str) -> None:
        if values.shape == self._values.shape and np.array_equal(values, self._values):
            return
        self.show_values(values)
        self.edited.emit(values, key)

    def copy_text(self) -> None:
        """Put the whole kernel on the clipboard, columns separated by tabs."""
        QGuiApplication.clipboard().setText(format_grid(self._values))

    def paste_text(self) -> None:
        """Take the kernel on the clipboard; a single number goes into the current cell."""
        try:
            values = parse_grid(QGuiApplication.clipboard().text())
        except ParamError as error:
            self.problem.emit(f"Nothing was pasted: {error}")
            return
        if values.shape == (1, 1):
            self.set_cell(self._current, float(values[0, 0]))
        else:
            self._take(values, "")

    # Keyboard

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The window's shortcuts (Ctrl+C copies the result, F fits) stand back for the grid's own keys.
        # A filter on itself, not event(): that would wrap the exceptions of every handler in its own.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            ours = event.key() in _OWN_KEYS or self._starts_typing(event)
            if ours or event.matches(QKeySequence.StandardKey.Copy) or _is_paste(event):
                event.accept()
                return True
        return super().eventFilter(watched, event)

    def _starts_typing(self, event: QKeyEvent) -> bool:
        """Return whether this key begins a number."""
        plain = not event.modifiers() & (
            Qt.KeyboardModifier.ControlModifier
            | Qt.KeyboardModifier.AltModifier
            | Qt.KeyboardModifier.MetaModifier
        )
        return plain and len(event.text()) == 1 and event.text() in "0123456789.,-+−"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text()
        elif _is_paste(event):
            self.paste_text()
        elif key in _ARROWS:
            self.move_current(*_ARROWS[Qt.Key(key)])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            last = key == Qt.Key.Key_End
            row = (self._values.shape[0] - 1 if last else 0) if control else self._current[0]
            self.set_current((row, self._values.shape[1] - 1 if last else 0))
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.set_cell(self._current, 0.0)
        elif key in _STEPS:
            self._turn(self._current, _STEPS[Qt.Key(key)], event.modifiers())
        elif key == Qt.Key.Key_Menu:
            self.open_menu(self.mapToGlobal(self._grid.rect(self._current).center().toPoint()))
        else:
            super().keyPressEvent(event)

    def move_current(self, rows: int, columns: int) -> None:
        """Move the current cell, stopping at the rim."""
        row, column = self._current[0] + rows, self._current[1] + columns
        height, width = self._values.shape
        self.set_current((min(max(row, 0), height - 1), min(max(column, 0), width - 1)))

    # Pointer and wheel

    def enterEvent(self, event: QEnterEvent) -> None:
        self._entered = event.globalPosition()
        self._wheel_meant = False
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._entered = None
        self._wheel_meant = False
        self._set_hover(None)
        super().leaveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        # A panel that scrolls under a resting pointer also sends moves; only the pointer's own count.
        if self._entered is not None:
            moved = event.globalPosition() - self._entered
            self._wheel_meant = self._wheel_meant or moved.manhattanLength() >= _MEANT
        self._set_hover(self._grid.at(event.position()))

    def _set_hover(self, cell: Cell | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.hovered.emit(cell)
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        cell = self._grid.at(event.position())
        if cell is None or not (self.hasFocus() or self._wheel_meant):
            event.ignore()
            return
        event.accept()
        turned = event.angleDelta().y() or event.angleDelta().x()  # Shift turns it sideways on macOS
        self._wheel_rest += turned
        ticks, self._wheel_rest = int(self._wheel_rest / 120), int(np.fmod(self._wheel_rest, 120))
        if ticks:
            self._turn(cell, ticks, event.modifiers())

    def _turn(self, cell: Cell, ticks: int, modifiers: Qt.KeyboardModifier) -> None:
        """Step a cell by wheel or key; turns that follow quickly on the same cell are one gesture."""
        key, last_cell, last = self._wheel_key
        now = time.monotonic()
        fresh = not key or cell != last_cell or now - last > WHEEL_BURST
        if fresh:
            key = merge_key("step")
        # The step stays the same while one value runs through the tens.
        if fresh or self._wheel_step[1] != modifiers:
            self._wheel_step = (step_size(self._limit, modifiers), modifiers)
        self._wheel_key = (key, cell, now)
        self.set_current(cell)
        self.step_cell(cell, ticks, self._wheel_step[0], key)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._grid = self._lay_out()
        self._refresh()
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._refresh()
            self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._wheel_key = ("", (-1, -1), 0.0)
        self.update()
        super().focusOutEvent(event)

    # Menu

    def open_menu(self, where: QPoint) -> None:
        """Open the menu of the current cell and of the whole kernel at a global position."""
        menu = QMenu(self)
        menu.setObjectName("kernel-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_action(menu, "Zero", "zero", 0.0)
        self._add_action(menu, "One", "one", 1.0)
        fractions = menu.addMenu("Fraction")
        fractions.setObjectName("kernel-menu-fractions")
        for whole in MENU_FRACTIONS:
            self._add_action(fractions, f"1/{whole}", f"fraction-{whole}", 1.0 / whole)
        menu.addSeparator()
        value = format_number(float(self._values[self._current]))
        self._add_action(menu, f"Fill all cells with {value}", "fill").triggered.connect(self.fill)
        menu.addSeparator()
        copy = self._add_action(menu, "Copy kernel", "copy")
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.triggered.connect(self.copy_text)
        paste = self._add_action(menu, "Paste kernel", "paste")
        paste.setShortcut(QKeySequence.StandardKey.Paste)
        paste.triggered.connect(self.paste_text)
        menu.popup(where)

    def fill(self) -> None:
        """Give every cell the current cell's value."""
        self._take(np.full_like(self._values, float(self._values[self._current])), "")

    def _add_action(self, menu: QMenu, text: str, name: str, value: float | None = None) -> QAction:
        """Add an action; one with a value gives it to the current cell."""
        action = menu.addAction(text)
        action.setObjectName(f"kernel-menu-{name}")
        action.setShortcutVisibleInContextMenu(True)
        if value is not None:
            action.setData(value)
            action.triggered.connect(self._on_value_chosen)
        return action

    def _on_value_chosen(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        self.set_cell(self._current, float(action.data()))


def _is_paste(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Paste)
