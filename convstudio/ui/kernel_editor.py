"""The kernel editor: preset and size, the weights, transforms, and what the kernel does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from convstudio.kernels import PRESETS, Kernel, preset, transform
from convstudio.kernels.text import format_number
from convstudio.spec.params import Declared, IntParam, ParamError
from convstudio.ui.fields.quiet import FIELD_STYLE
from convstudio.ui.insight_panel import InsightPanel
from convstudio.ui.kernel_brush import KernelBrush
from convstudio.ui.kernel_canvas import KernelCanvas
from convstudio.ui.kernel_cells import NUMBERS_UP_TO, Cell, merge_key
from convstudio.ui.kernel_grid import KernelGrid
from convstudio.ui.kernel_header import KernelHeader
from convstudio.ui.kernel_library import KernelLibrary
from convstudio.ui.kernel_surface import KernelSurface
from convstudio.ui.kernel_tools import KernelTools
from convstudio.ui.param_form import ParamForm
from convstudio.ui.weight_colours import weight_limit

Values = NDArray[np.float64]
SIDE = "size"  # what the square presets call their side
INSIGHT_MILLISECONDS = 50
"""How far the analysis stays behind an edit: the picture comes first, and a drag is analysed as it goes."""


class KernelEditor(QWidget):
    """Shows one kernel and lets the user change it in every way.

    ``edited(kernel, merge_key)`` carries a new kernel; the key is the same during one drag, scrub, turn of
    the wheel or change of a parameter, and empty for a discrete act. ``problem(sentence)`` is for the
    message bar; the kernel has then stayed as it was. ``show_kernel`` emits nothing.
    """

    edited = Signal(object, str)
    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("kernel-editor")
        self.setStyleSheet(FIELD_STYLE)
        self.setMinimumWidth(268)
        self._kernel = preset("identity").make()
        self._form: ParamForm | None = None
        self._form_preset: str | None = None
        self._param_key = ("", "")  # parameter, merge key of its present burst
        self._cut_from: Values | None = None  # what a run of resizes began with
        self._cut_to: Kernel | None = None  # what its last one made
        self._library: KernelLibrary | None = None
        self._header = KernelHeader(self)
        self._grid = KernelGrid(self)
        self._canvas = KernelCanvas(self)
        self._brush = KernelBrush(self)
        self._tools = KernelTools(self)
        self._insight = InsightPanel(self)
        self._where = self._line("caption", "kernel-where")
        self._wrong = self._line("problem", "kernel-problem")
        # The analysis waits until the edit has gone out and the events of a fast drag are through.
        self._analysis = QTimer(self)
        self._analysis.setSingleShot(True)
        self._analysis.setInterval(INSIGHT_MILLISECONDS)
        self._analysis.timeout.connect(self._show_insight)
        self._arrange()
        self._connect()
        self._display()

    def _line(self, role: str, name: str) -> QLabel:
        line = QLabel(self)
        line.setProperty("role", role)
        line.setObjectName(name)
        line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        line.setWordWrap(role == "problem")
        return line

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._form_place = QVBoxLayout()
        self._form_place.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._header)
        column.addLayout(self._form_place)
        for widget in (
            self._grid,
            self._canvas,
            self._brush,
            self._where,
            self._wrong,
            self._tools,
            self._insight,
        ):
            column.addWidget(widget)
        self._wrong.hide()

    def _connect(self) -> None:
        self._header.library_requested.connect(self.open_library)
        self._header.resize_requested.connect(self._on_resize_requested)
        for surface in (self._grid, self._canvas):
            surface.edited.connect(self._on_values_edited)
            surface.problem.connect(self.problem)
            surface.current_changed.connect(self._show_cell)
            surface.hovered.connect(self._on_hovered)
        self._grid.typing_problem.connect(self._show_wrong)
        self._canvas.brush_picked.connect(self._brush.show_brush)
        self._canvas.typing_started.connect(self._brush.start_typing)
        self._brush.brush_changed.connect(self._canvas.set_brush)
        self._brush.cell_entered.connect(self._on_cell_entered)
        self._brush.refused.connect(self._show_wrong)
        self._tools.pressed.connect(self._on_tool_pressed)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Not by a focus proxy: Tab would then enter at the weights and pass over preset and size.
        self.surface().setFocus(event.reason())

    # Showing

    def kernel(self) -> Kernel:
        """Return the kernel that is shown."""
        return self._kernel

    def surface(self) -> KernelSurface:
        """Return what shows the weights: the grid of numbers or, for a big kernel, the picture."""
        return self._grid if max(self._kernel.shape) <= NUMBERS_UP_TO else self._canvas

    def show_kernel(self, kernel: Kernel) -> None:
        """Show a kernel; one that is shown already disturbs nothing, typing in progress included."""
        if kernel == self._kernel:
            return
        self._kernel = kernel
        self._display()

    def _display(self) -> None:
        kernel, surface = self._kernel, self.surface()
        self._header.show_kernel(kernel, _side_of(kernel))
        self._show_form()
        big = surface is self._canvas
        other = self._grid if big else self._canvas
        surface.show_values(kernel.values)
        if other.isVisibleTo(self):
            self._take_over(surface, other)
        had_focus = other.hasFocus()
        self._grid.setVisible(not big)
        self._canvas.setVisible(big)
        self._brush.setVisible(big)
        self._where.setVisible(not big)
        if had_focus:
            surface.setFocus(Qt.FocusReason.OtherFocusReason)
        self._brush.show_limit(weight_limit(kernel.values))
        self._show_cell()
        if not self._analysis.isActive():
            self._analysis.start()

    def _take_over(self, surface: KernelSurface, other: KernelSurface) -> None:
        """Go on in another kind of surface: at the same cell, with a brush that suits the kernel."""
        (row, column), (rows, columns) = other.current(), self._kernel.shape
        surface.set_current((min(row, rows - 1), min(column, columns - 1)))
        if surface is self._canvas:
            brush = float(f"{weight_limit(self._kernel.values):.3g}")
            self._canvas.set_brush(brush)
            self._brush.show_brush(brush)

    def _show_insight(self) -> None:
        self._insight.show_kernel(self._kernel.values)

    def _show_form(self) -> None:
        """Keep the preset's form in step; it is built anew only when the preset is another one."""
        kernel = self._kernel
        if kernel.preset != self._form_preset:
            self._form_preset = kernel.preset
            if self._form is not None:
                self._form.hide()
                self._form_place.removeWidget(self._form)
                self._form.deleteLater()
                self._form = None
            # The side of a square preset is set in the header, beside that of every other kernel.
            params = tuple(each for each in _params_of(kernel) if each.name != SIDE)
            if params:
                self._form = ParamForm(params, self)
                self._form.setObjectName("kernel-params")
                self._form.edited.connect(self._on_param_edited)
                self._form.merge_key_ended.connect(self._on_param_ended)
                self._form_place.addWidget(self._form)
        if self._form is not None:
            self._form.show_values(dict(kernel.params))

    def _show_cell(self) -> None:
        surface = self.surface()
        self._brush.show_cell(surface.current(), float(self._kernel.values[surface.current()]))
        self._on_hovered(None)

    def _on_hovered(self, cell: Cell | None) -> None:
        """Say which cell is under the pointer, else which is the current one, with its full number."""
        row, column = cell or self.surface().current()
        value = float(self._kernel.values[row, column])
        decimal = f"{value:.6g}".replace("-", "−")
        fraction = f"{format_number(value)} = " if "/" in format_number(value) else ""
        self._where.setText(f"row {row}, column {column}:  {fraction}{decimal}")

    def _show_wrong(self, sentence: str) -> None:
        self._wrong.setText(sentence[:1].upper() + sentence[1:])
        self._wrong.setVisible(bool(sentence))
        self._where.setVisible(not sentence and self.surface() is self._grid)

    # Edits

    def _take(self, kernel: Kernel, key: str) -> None:
        """Show a kernel that the user made and pass it on, the message first: every millisecond counts."""
        if kernel == self._kernel:
            return
        self._kernel = kernel
        self.edited.emit(kernel, key)
        self._display()

    def _on_values_edited(self, values: Values, key: str) -> None:
        """Fork to a custom kernel, unless nothing changes: a symmetric preset survives its transpose."""
        if np.array_equal(values, self._kernel.values):
            return
        try:
            kernel = self._kernel.edited(values)
        except ParamError as error:
            self.problem.emit(f"The kernel stays as it was: {error}")
            self.surface().show_values(self._kernel.values)
        else:
            self._take(kernel, key)

    def _on_cell_entered(self, value: float) -> None:
        self._canvas.set_cell(self._canvas.current(), value)

    def _on_tool_pressed(self, change: Any) -> None:
        self._on_values_edited(change(self._kernel.values), "")

    def _on_resize_requested(self, rows: int, columns: int) -> None:
        """Make a preset that has a side anew at that side, else keep the weights and grow or crop."""
        side = _side_of(self._kernel)
        if side is not None and rows == columns and _allows(side, rows):
            self._remake(SIDE, rows, "")
        else:
            # Growing again brings back what the same run of resizes cut off.
            if self._cut_from is None or self._cut_to != self._kernel:
                self._cut_from = self._kernel.values
            self._on_values_edited(transform.resize(self._cut_from, rows, columns), "")
            self._cut_to = self._kernel

    def _on_param_edited(self, name: str, value: object) -> None:
        assert self._form is not None
        if self._param_key[0] != name:
            self._param_key = (name, merge_key(f"param-{name}"))
        try:
            self._remake(name, value, self._param_key[1])
        except ParamError as error:
            self._form.show_problem(name, f"{error}.")
        else:
            self._form.show_problem(name, None)

    def _remake(self, name: str, value: object, key: str) -> None:
        """Take the present preset with one parameter changed. Raises ParamError."""
        assert self._kernel.preset is not None
        self._take(preset(self._kernel.preset).make(**dict(self._kernel.params) | {name: value}), key)

    def _on_param_ended(self, _name: str) -> None:
        self._param_key = ("", "")

    # Library

    def open_library(self) -> None:
        """Open the library under the preset button, its search ready to be typed into."""
        if self._library is None:
            self._library = KernelLibrary(self)
            self._library.setWindowFlag(Qt.WindowType.Popup)
            self._library.chosen.connect(self._on_preset_chosen)
            self._library.dismissed.connect(self._library.close)
        library, button = self._library, self._header.preset
        library.resize(library.sizeHint())
        corner = button.mapToGlobal(QPoint(button.width() - library.width(), button.height() + 4))
        screen = button.screen().availableGeometry()
        x = min(max(corner.x(), screen.left() + 4), screen.right() - library.width() - 4)
        y = min(max(corner.y(), screen.top() + 4), screen.bottom() - library.height() - 4)
        library.move(x, y)
        library.show()
        library.show_kernel(self._kernel)

    def _on_preset_chosen(self, kernel: Kernel) -> None:
        if self._library is not None:
            self._library.close()
        self._take(kernel, "")
        self.surface().setFocus(Qt.FocusReason.OtherFocusReason)


def _params_of(kernel: Kernel) -> tuple[Declared, ...]:
    """Return the parameters of a kernel's preset; none for one that this version does not know."""
    known = PRESETS.get(kernel.preset) if kernel.preset else None
    return known.params if known else ()


def _side_of(kernel: Kernel) -> IntParam | None:
    """Return the parameter that sets the side of a square preset, ``None`` for other kernels."""
    found = next((each.param for each in _params_of(kernel) if each.name == SIDE), None)
    return found if isinstance(found, IntParam) else None


def _allows(param: IntParam, value: int) -> bool:
    try:
        param.check(value)
    except ParamError:
        return False
    return True
