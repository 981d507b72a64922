"""The maps and the tools under the pictures: each is given what it shows, off the GUI thread."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from convstudio.core import ReceptiveField
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import LayerFacts, StackFacts, stack_facts
from convstudio.model import PHOTO, Side
from convstudio.session.map_reader import FeatureMaps, MapReader
from convstudio.session.session import Failure
from convstudio.ui.receptive_overlay import overlay_of
from convstudio.ui.receptive_panel import ReceptivePanel
from convstudio.ui.view_area import side_words
from convstudio.ui.view_picture import Axis, ViewPicture

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow


class ToolControl(QObject):
    """Owns the workers of the maps and tools and leads results to them."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._session = window.session
        self._maps = window.centre.maps
        self._tools = window.centre.tools
        self._reader = MapReader(self)
        self._maps.maps_wanted.connect(self._reader.read)
        self._maps.channel_chosen.connect(self._session.set_channel)
        self._maps.compare_requested.connect(self._compare)
        self._maps.compare_cleared.connect(self._end_comparing)
        window.views.show_side_axes(self._side_axes)
        self._reader.maps_ready.connect(self._show_maps)
        self._reader.failed.connect(self._maps.show_nothing)
        self._facts: StackFacts | None = None
        self._evaluation: Evaluation | None = None
        self._window = window
        self.receptive = ReceptivePanel(window)
        self._tools.add_tool(
            "receptive", "Receptive field", self.receptive, "What a cell of each layer sees of the photo."
        )
        self.receptive.layer_chosen.connect(self._session.select)
        self.receptive.cell_dropped.connect(window.views.link.drop_pin)
        window.views.link.cell_pinned.connect(self._pin)
        window.views.link.pin_dropped.connect(self._pin_dropped)

    @property
    def busy(self) -> bool:
        """Whether maps are being read."""
        return self._reader.busy

    def show_result(self, evaluation: Evaluation) -> None:
        """Show what follows from a result, once its picture is on screen."""
        same = (
            self._evaluation is not None and self._evaluation.project.selected == evaluation.project.selected
        )
        pin = self._window.views.link.pin if same else None
        self._evaluation = evaluation
        self._maps.show_result(evaluation)
        self.receptive.show_result(evaluation)
        self._show_facts()
        self._window.views.link.drop_pin()
        if pin is not None and all(at < n for at, n in zip(pin, evaluation.output.shape[1:], strict=True)):
            self._pin(*pin)

    def _show_facts(self) -> None:
        project = self._session.project
        facts = self._facts = stack_facts(project)
        sidebar = self._window.sidebar
        sidebar.layers.show_receptive({each.item.id: _field_words(each) for each in facts.layers})
        self.receptive.show_facts(facts, project.selected)
        if not facts.layers:
            sidebar.show_note("", "", "")
            return
        rows, columns = facts.layers[-1].fields
        sidebar.show_note(
            "Receptive field of the last layer",
            f"{rows.size}×{columns.size} px, jump {_either(str(rows.jump), str(columns.jump))}",
            "Click any output cell to see it on the photo.",
        )

    # --- a pinned cell ---

    @Slot(int, int)
    def _pin(self, row: int, column: int) -> None:
        facts, evaluation = self._facts, self._evaluation
        layer_id = self._session.project.selected
        if facts is None or evaluation is None or evaluation.project.selected != layer_id:
            return
        place = self._place(facts, layer_id)
        seen = PHOTO if place < 0 else facts.layers[place].item.id
        box = overlay_of(facts, seen, row, column)[PHOTO]
        rows, columns = self._axes_on_input(facts, PHOTO, layer_id)
        photo = ViewPicture.of(
            evaluation.photo_view, evaluation.project.picture.values, rows=rows, columns=columns
        )
        self._window.views.link.show_pin(row, column, photo, box)
        self.receptive.show_cell(seen, row, column)

    def _place(self, facts: StackFacts, layer_id: str) -> int:
        """The place of a layer, or of what it hands on, among those switched on; -1 for the photo."""
        if layer_id == PHOTO:
            return -1
        ids = [PHOTO, *(item.id for item in self._session.project.layers)]
        above = ids[: ids.index(layer_id) + 1]
        found = [facts.find(each) for each in above if each != PHOTO]
        return max((place for place in found if place is not None), default=-1)

    def _axes_on_input(self, facts: StackFacts, level: str, layer_id: str) -> tuple[Axis, Axis]:
        """Where the cells of a layer's output, or the photo's pixels, lie on the input of another layer."""
        shown = self._session.project.shown
        inside = self._place(facts, layer_id)
        if shown is not None and inside >= 0 and facts.layers[inside].item.id == layer_id:
            inside -= 1
        level_place = self._place(facts, level)
        still = ReceptiveField(1, Fraction(1), 0)
        fields = facts.layers[level_place].fields if level_place >= 0 else (still, still)
        below = facts.layers[inside].fields if inside >= 0 else (still, still)
        rows, columns = (
            Axis((at.centre - on.centre) / float(on.jump), float(at.jump) / float(on.jump))
            for at, on in zip(fields, below, strict=True)
        )
        return rows, columns

    # --- comparing two maps ---

    @Slot(str, object)
    def _compare(self, layer_id: str, channel: int | None) -> None:
        side = Side(layer_id, channel)
        self._session.compare(side)
        self._maps.show_pinned(layer_id, channel, side_words(self._session.project, side))
        action = self._window.actions_table["compare"]
        if not action.isChecked():
            action.trigger()

    @Slot()
    def _end_comparing(self) -> None:
        self._session.compare(None)
        self._maps.show_pinned(None)

    def _side_axes(self, evaluation: Evaluation) -> tuple[Axis, Axis]:
        project, side = evaluation.project, evaluation.project.compared
        assert side is not None
        return self._axes_on_input(stack_facts(project), side.layer_id, project.selected)

    @Slot()
    def _pin_dropped(self) -> None:
        self.receptive.show_cell(None)

    def show_failure(self, failure: Failure) -> None:
        """Show that there is nothing to show."""
        if not failure.cancelled:
            self._reader.cancel()
            self._maps.show_nothing(failure.message)

    @Slot(object)
    def _show_maps(self, maps: FeatureMaps) -> None:
        self._maps.show_maps(maps)

    def close(self) -> None:
        """End the workers and wait for them."""
        self._reader.close()


def _either(rows: str, columns: str) -> str:
    return rows if rows == columns else f"{rows}×{columns}"


def _field_words(layer: LayerFacts) -> str:
    rows, columns = layer.fields
    return f"RF {_either(str(rows.size), str(columns.size))}"
