"""The middle of the window: input and output side by side under their headers, or one over the other."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from convstudio.engine.display import Rendered
from convstudio.engine.evaluate import Evaluation, shown_channel
from convstudio.layers import BankLayer, Layer
from convstudio.layers.base import FloatArray
from convstudio.model import PHOTO, Look, Picture, Project, Side
from convstudio.session.session import Failure
from convstudio.ui.cell_link import CellLink
from convstudio.ui.cell_map import CellMap, border_of
from convstudio.ui.compare_view import CompareView
from convstudio.ui.image_view import ImageView
from convstudio.ui.view_header import ViewHeader
from convstudio.ui.view_picture import Axis, Border, ViewPicture
from convstudio.ui.viewport import Viewport


class ViewArea(QWidget):
    """Shows a result and what it was computed from; hovering one side shows its counterpart on the other."""

    view_chosen = Signal(str)
    channel_chosen = Signal(object)  # int, or None for all
    cursor_moved = Signal(str)  # what the status bar says about the pixel under the cursor
    result_painted = Signal()  # the newest result is on screen: what a benchmark waits for
    files_dropped = Signal(list)
    image_dropped = Signal(QImage)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("view-area")
        self.painted_results = 0
        """How many results the output view has painted: what a benchmark waits for."""
        self._unpainted = False
        self._border: tuple[Rendered, FloatArray, tuple[object, ...], Border | None] | None = None
        self._picture: Picture | None = None
        self._side_axes: Callable[[Evaluation], tuple[Axis, Axis]] = lambda _: (Axis(), Axis())
        self._viewport = Viewport(self)
        self._input = ImageView(self._viewport, self)
        self._output = ImageView(self._viewport, self)
        self._both = CompareView(self._viewport, self)
        self._input_header = ViewHeader(self._viewport, self)
        self._output_header = ViewHeader(self._viewport, self)
        for widget, name, title in (
            (self._input, "input-view", "Input picture"),
            (self._output, "output-view", "Output picture"),
            (self._both, "compare-view", "Output laid over the input"),
            (self._input_header, "input-header", "About the input"),
            (self._output_header, "output-header", "About the output"),
        ):
            widget.setObjectName(name)
            widget.setAccessibleName(title)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName("view-splitter")
        self.splitter.setChildrenCollapsible(False)
        self._left = self._side(self._input_header, self._input)
        right = self._side(self._output_header, self._output, self._both)
        for side in (self._left, right):
            self.splitter.addWidget(side)
            self.splitter.setStretchFactor(self.splitter.count() - 1, 1)
        self._both.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.splitter)

    def _side(self, header: ViewHeader, *views: QWidget) -> QWidget:
        side = QWidget(self)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        for view in views:
            column.addWidget(view, 1)
        return side

    def _connect(self) -> None:
        for view in (self._input, self._output, self._both):
            view.files_dropped.connect(self.files_dropped)
            view.image_dropped.connect(self.image_dropped)
        self.link = CellLink(self._input, self._output, self._input_header, self)
        self._both.cell_hovered.connect(self.link.hover_output)
        self._both.hover_left.connect(self.link.hover_nothing)
        self.link.cursor_moved.connect(self.cursor_moved)
        self._output_header.view_chosen.connect(self.view_chosen)
        self._output_header.channel_chosen.connect(self.channel_chosen)
        self._output.installEventFilter(self)

    # --- what is shown ---

    def show_result(self, evaluation: Evaluation) -> None:
        """Show what a layer was given and what it made of it."""
        height, width = evaluation.source.shape[1:]
        cells = CellMap.of(evaluation.shown, (height, width))
        rows, columns = cells.axes
        before = self._given(evaluation, cells)
        after = ViewPicture.of(
            evaluation.output_view,
            evaluation.output,
            rows=rows,
            columns=columns,
            channel=evaluation.channel,
        )
        self._viewport.set_content(before.padded_extent)
        if evaluation.project.picture is not self._picture:
            self._picture = evaluation.project.picture
            self._viewport.fit()  # the place that was looked at belongs to another picture
        self.link.show_input(before)
        self._output.show_picture(after)
        self._both.show_pictures(self._side_a(evaluation) or before, after)
        self._show_headers(evaluation, cells)
        self.link.link(evaluation, cells)
        self._unpainted = True

    def show_failure(self, failure: Failure, picture: Picture | None = None) -> None:
        """Show what the layer was given, and the last good output dimmed: it is not what was asked for.

        If that is of another picture than the present one, it is not shown.
        """
        if picture is None or picture is self._picture:
            self._output.show_dimmed(True)
            self._output_header.show_detail("last good result")
        else:
            self._output.show_message("There is no result for this picture.")
            self._output_header.show_title("No result")
            self._viewport.fit()
        self._both.show_dimmed(True)
        if failure.source is None or failure.source_view is None:
            return
        self.link.unlink()  # nothing corresponds to the cells of the old output
        channel = None if failure.source.shape[0] in (1, 3) else 0
        given = ViewPicture.of(failure.source_view, failure.source, channel=channel)
        self._viewport.set_content(given.extent)
        self._input.show_picture(given)
        if self._output.picture is not None:
            self._both.show_pictures(given, self._output.picture)
            self._both.show_dimmed(True)
        height, width = given.size
        self._input_header.show_title("Input", f"{height}×{width}")

    def _given(self, evaluation: Evaluation, cells: CellMap) -> ViewPicture:
        """Return the picture of what the layer was given: the one that is shown, if nothing changed."""
        shown = self.link.input_picture
        border = self._padding(evaluation, cells)
        if (
            shown is not None
            and shown.pixels is evaluation.source_view.pixels
            and shown.values is evaluation.source
            and (shown.border is border and shown.unread == cells.unread)
            and shown.channel == evaluation.source_channel
        ):
            return shown
        return ViewPicture.of(
            evaluation.source_view,
            evaluation.source,
            border=border,
            unread=cells.unread,
            channel=evaluation.source_channel,
        )

    def show_side_axes(self, axes: Callable[[Evaluation], tuple[Axis, Axis]]) -> None:
        """Tell how to find where the cells of the compared map lie on the selected layer's input."""
        self._side_axes = axes

    def _side_a(self, evaluation: Evaluation) -> ViewPicture | None:
        """The picture of the map that the output is compared with, None for the input."""
        view, side = evaluation.compared_view, evaluation.project.compared
        if view is None or side is None:
            return None
        result = evaluation.result(side.layer_id)
        values = evaluation.project.picture.values if result is None else result.output
        rows, columns = self._side_axes(evaluation)
        channel = shown_channel(Look(channel=side.channel), values.shape[0])
        return ViewPicture.of(view, values, rows=rows, columns=columns, channel=channel)

    def _padding(self, evaluation: Evaluation, cells: CellMap) -> Border | None:
        result, view = evaluation.shown, evaluation.source_view
        if result is None:
            return None
        layer = result.item.layer
        key = (cells.amounts, getattr(layer, "padding_mode", ""), getattr(layer, "padding_value", 0.0))
        known = self._border
        if known is None or known[0] is not view or known[1] is not result.source or known[2] != key:
            border = border_of(result, cells.amounts, view, evaluation.source_channel)
            known = self._border = (view, result.source, key, border)
        return known[3]

    def _show_headers(self, evaluation: Evaluation, cells: CellMap) -> None:
        result, project = evaluation.shown, evaluation.project
        (top, bottom), (left, right) = cells.amounts
        height, width = cells.spatial
        detail = f"{height}×{width}"
        if top or bottom or left or right:
            detail = f"after padding {height + top + bottom}×{width + left + right}"
        above = [] if result is None else project.layers[: project.index(result.item.id)]
        above = [item for item in above if item.enabled]
        title = f"Input · {above[-1].title}" if above else "Input"
        if evaluation.source_channel is not None and above:
            title += f" {evaluation.source_channel}"
        self._input_header.show_title(title, detail)
        side = project.compared
        a = title if side is None or evaluation.compared_view is None else side_words(project, side)
        self._both.show_names(a, project.picture.name if result is None else result.item.title)
        self._output_header.show_title(
            project.picture.name if result is None else result.item.title, f"{cells.out[0]}×{cells.out[1]}"
        )
        channels = evaluation.output.shape[0]
        names = () if result is None else channel_names(result.item.layer, result.source.shape[0], channels)
        self._output_header.show_rendered(
            evaluation.output_view,
            channels=channels,
            channel=evaluation.channel,
            names=names,
        )

    # --- zooming ---

    def fit(self) -> None:
        """Show all of the picture."""
        self._viewport.fit()

    def actual_size(self) -> None:
        """Show one picture pixel on one screen pixel."""
        self._viewport.actual_size()

    def zoom_in(self) -> None:
        """Look closer."""
        self._viewport.zoom_step(1)

    def zoom_out(self) -> None:
        """Step back."""
        self._viewport.zoom_step(-1)

    def set_compare(self, on: bool) -> None:
        """Lay the output over the input with a divider, or show them side by side."""
        self._left.setVisible(not on)
        self._output.setVisible(not on)
        self._both.setVisible(on)

    # --- for those who measure ---

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._unpainted and watched is self._output and event.type() == QEvent.Type.Paint:
            self._unpainted = False
            QTimer.singleShot(0, self, self._count_paint)  # once this paint event is through
        return super().eventFilter(watched, event)

    @Slot()
    def _count_paint(self) -> None:
        self.painted_results += 1
        self.result_painted.emit()


def channel_names(layer: Layer, in_channels: int, out_channels: int) -> tuple[str, ...]:
    """Return what a layer's output channels are called, as far as they have names of their own."""
    if isinstance(layer, BankLayer):
        if layer.channels == "each" and len(layer.bank.filters) == 1:
            return ()
        names = layer.channel_names(in_channels)
        return names if len(names) == out_channels else ()
    return ()


def side_words(project: Project, side: Side) -> str:
    """Return what a map is called: its layer and its channel."""
    title = "Photo" if side.layer_id == PHOTO else project.item(side.layer_id).title
    return title if side.channel is None else f"{title} · {side.channel}"
