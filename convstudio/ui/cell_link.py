"""What corresponds between input and output: windows and cells under the cursor, and a pinned cell."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent

from convstudio.engine.evaluate import Evaluation
from convstudio.engine.winners import winning_window
from convstudio.layers import MaxPool, MinPool
from convstudio.ui.cell_map import CellMap
from convstudio.ui.image_view import ImageView
from convstudio.ui.view_header import ViewHeader
from convstudio.ui.view_picture import Pair, ViewPicture

_ARROWS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class CellLink(QObject):
    """Hovering one view shows the counterpart on the other; a click on the output, or Enter, pins a cell.

    While a cell is pinned the photo stands in the place of the input. Arrow keys move the pin, Escape or a
    click on it takes it away.
    """

    cursor_moved = Signal(str)  # what the status bar says about the pixel under the cursor
    cell_pinned = Signal(int, int)  # asks for ``show_pin`` with what the cell sees
    pin_dropped = Signal()

    def __init__(self, given: ImageView, made: ImageView, header: ViewHeader, parent: QObject) -> None:
        super().__init__(parent)
        self._input, self._output, self._header = given, made, header
        self._map: CellMap | None = None
        self._evaluation: Evaluation | None = None
        self._hovered: tuple[str, int, int] | None = None  # side, row, column
        self._pin: Pair | None = None
        self._before: tuple[ViewPicture, str, str] | None = None  # the input, while the photo stands there
        given.cell_hovered.connect(self.hover_input)
        made.cell_hovered.connect(self.hover_output)
        made.cell_clicked.connect(self._click_output)
        for view in (given, made):
            view.hover_left.connect(self.hover_nothing)
        made.installEventFilter(self)

    # --- what is linked ---

    @property
    def input_picture(self) -> ViewPicture | None:
        """The picture of the input, also while the photo stands in its place."""
        return self._input.picture if self._before is None else self._before[0]

    def show_input(self, picture: ViewPicture) -> None:
        """Show a picture of the input; a photo in its place goes."""
        self._before = None
        self._input.show_receptive(None)
        if picture is not self._input.picture:  # most edits leave it as it is, and painting takes time
            self._input.show_picture(picture)

    def link(self, evaluation: Evaluation, cells: CellMap) -> None:
        """Link the cells of a result; the cursor may rest on one while the result changes."""
        self._evaluation, self._map = evaluation, cells
        self._hover_again()

    def unlink(self) -> None:
        """Say that nothing corresponds to what is shown."""
        self.drop_pin()
        self._evaluation = self._map = None
        self.hover_nothing()

    # --- a pinned cell ---

    @property
    def pin(self) -> Pair | None:
        """Row and column of the output cell that is pinned."""
        return self._pin

    def show_pin(self, row: int, column: int, photo: ViewPicture, box: QRect) -> None:
        """Show in the place of the input what an output cell sees of the photo, the rest dimmed.

        ``photo`` lies on the input's coordinates; ``box`` is in its own cells.
        """
        if self._before is None and self._input.picture is not None:
            self._before = (self._input.picture, *self._header.words())
        self._pin = (row, column)
        self.hover_nothing()
        self._input.show_picture(photo)
        self._input.show_receptive(box)
        self._header.show_title("Photo", f"what cell row {row}, column {column} sees")
        self._output.show_cell(row, column)

    @Slot()
    def drop_pin(self) -> None:
        """Show the input again."""
        if self._pin is None:
            return
        self._pin = None
        self._input.show_receptive(None)
        self._output.show_cell(None)
        if self._before is not None:
            picture, title, detail = self._before
            self._before = None
            self._input.show_picture(picture)
            self._header.show_title(title, detail)
        self.pin_dropped.emit()

    @Slot(int, int)
    def _click_output(self, row: int, column: int) -> None:
        if self._pin == (row, column):
            self.drop_pin()
        elif self._map is not None:
            self.cell_pinned.emit(row, column)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self._pressed(event):
            return True
        return super().eventFilter(watched, event)

    def _pressed(self, event: QKeyEvent) -> bool:
        """Carry out a key on the output view; return whether it was for the pin."""
        key, pin, cells = Qt.Key(event.key()), self._pin, self._map
        if cells is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        if key in _ENTER:
            height, width = cells.out
            hovered = self._hovered
            middle = hovered[1:] if hovered and hovered[0] == "output" else (height // 2, width // 2)
            self._click_output(*(pin or middle))
        elif pin is None:
            return False
        elif key == Qt.Key.Key_Escape:
            self.drop_pin()
        elif key in _ARROWS:
            row, column = (
                min(max(at + step, 0), n - 1)
                for at, step, n in zip(pin, _ARROWS[key], cells.out, strict=True)
            )
            if (row, column) != pin:
                self.cell_pinned.emit(row, column)
        else:
            return False
        return True

    # --- hovering ---

    @Slot(int, int)
    def hover_output(self, row: int, column: int) -> None:
        """Show the window of an output cell."""
        if self._map is not None and self._pin is None:
            self._hovered = ("output", row, column)
            self._input.show_cell(None)
            self._show_window(row, column)
            self._output.show_cell(row, column)
            self._tell(row, column)

    @Slot(int, int)
    def hover_input(self, row: int, column: int) -> None:
        """Show the output cell whose window is centred nearest to a cell of the input."""
        if self._map is None or self._pin is not None:
            return
        self._hovered = ("input", row, column)
        out_row, out_column = self._map.nearest_output(row, column)
        self._show_window(out_row, out_column)
        self._output.show_cell(out_row, out_column)
        self._tell(out_row, out_column, (row, column))

    @Slot()
    def hover_nothing(self) -> None:
        """Take away what was shown of the cell under the cursor."""
        self._hovered = None
        self._input.show_window(None)
        self._input.show_cell(None)
        self._input.show_winners(())
        if self._pin is None:
            self._output.show_cell(None)
        self.cursor_moved.emit("")

    def _hover_again(self) -> None:
        """Bring window, cell and read-out up to date under a cursor that rests while the result changes."""
        if self._hovered is None:
            return
        side, row, column = self._hovered
        picture = (self._input if side == "input" else self._output).picture
        if picture is None or not picture.contains(row, column):
            self.hover_nothing()
        elif side == "input":
            self.hover_input(row, column)
        else:
            self.hover_output(row, column)

    def _show_window(self, row: int, column: int) -> None:
        assert self._map is not None
        self._input.show_window(self._map.window(row, column), self._map.dilation)
        self._input.show_winners(self._winners(row, column))

    def _winners(self, row: int, column: int) -> tuple[Pair, ...]:
        """The cells that won a window of max or min pooling, one for each channel that is shown."""
        shown = None if self._evaluation is None else self._evaluation.shown
        if self._evaluation is None or shown is None or not shown.item.enabled:
            return ()
        layer, channel = shown.item.layer, self._evaluation.channel
        if not isinstance(layer, MaxPool | MinPool):
            return ()
        channels = range(shown.output.shape[0]) if channel is None else (channel,)
        return tuple(winning_window(layer, shown.source, c, row, column).winner for c in channels)

    def _tell(self, row: int, column: int, pixel: Pair | None = None) -> None:
        """Say both ends in the status bar: the pixel under the kernel's anchor and the output cell."""
        assert self._map is not None
        if pixel is None:
            rows, columns = self._map.axes
            # An even kernel has its middle between two pixels: the first of them is meant, as in the grid.
            pixel = (
                math.ceil(rows.origin + row * rows.pitch - 0.5),
                math.ceil(columns.origin + column * columns.pitch - 0.5),
            )
        value = self._input.value_text(*pixel) or "padding"
        result = self._output.value_text(row, column)
        text = f"x {pixel[1]}  y {pixel[0]}    {value}   →   x {column}  y {row}    {result}"
        winners = self._winners(row, column)
        if len(winners) == 1:
            text += f"    won by x {winners[0][1]}  y {winners[0][0]}"
        self.cursor_moved.emit(text)
