"""Between layers: what a pinned cell sees of the photo, and the map that others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from convstudio.core import alignment
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import StackFacts, stack_facts
from convstudio.model import PHOTO, Project, Side
from convstudio.ui.receptive_overlay import overlay_of
from convstudio.ui.receptive_panel import ReceptivePanel
from convstudio.ui.view_area import side_words
from convstudio.ui.view_picture import Axis, ViewPicture

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow


class PinControl(QObject):
    """Knows how the cells of all layers lie on the photo."""

    def __init__(self, window: MainWindow, receptive: ReceptivePanel) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._link = window.views.link
        self._receptive = receptive
        self._evaluation: Evaluation | None = None
        self._facts: StackFacts | None = None
        receptive.cell_dropped.connect(self._link.drop_pin)
        self._link.cell_pinned.connect(self._pin)
        self._link.pin_dropped.connect(self._pin_dropped)
        window.centre.maps.compare_requested.connect(self._compare)
        window.centre.maps.compare_cleared.connect(self._end_comparing)
        window.views.show_side_axes(self._side_axes)

    def show_result(self, evaluation: Evaluation, facts: StackFacts) -> None:
        """Follow a result: a pinned cell of the same layer stays pinned, as long as there is such a cell."""
        before, self._evaluation, self._facts = self._evaluation, evaluation, facts
        same = before is not None and before.project.selected == evaluation.project.selected
        pin = self._link.pin
        if pin is None:
            return
        self._link.drop_pin()
        if same and all(at < n for at, n in zip(pin, evaluation.output.shape[1:], strict=True)):
            self._pin(*pin)

    def show_project(self, project: Project) -> None:
        """Show whether a map is pinned as side A."""
        side = project.compared
        maps = self._window.centre.maps
        if side is None:
            maps.show_pinned(None)
        else:
            maps.show_pinned(side.layer_id, side.channel, side_words(project, side))

    # --- a pinned cell ---

    @Slot(int, int)
    def _pin(self, row: int, column: int) -> None:
        facts, evaluation = self._facts, self._evaluation
        if facts is None or evaluation is None:
            return
        project = evaluation.project
        if project.selected != self._session.project.selected:
            return
        place = level_of(project, facts, project.selected)
        seen = PHOTO if place < 0 else facts.layers[place].item.id
        box = overlay_of(facts, seen, row, column)[PHOTO]
        rows, columns = axes_on_input(project, facts, PHOTO, project.selected)
        photo = ViewPicture.of(evaluation.photo_view, project.picture.values, rows=rows, columns=columns)
        self._link.show_pin(row, column, photo, box)
        self._receptive.show_cell(seen, row, column)

    @Slot()
    def _pin_dropped(self) -> None:
        self._receptive.show_cell(None)

    # --- comparing two maps ---

    @Slot(str, object)
    def _compare(self, layer_id: str, channel: int | None) -> None:
        self._session.compare(Side(layer_id, channel))
        action = self._window.actions_table["compare"]
        if not action.isChecked():
            action.trigger()

    @Slot()
    def _end_comparing(self) -> None:
        self._session.compare(None)

    @staticmethod
    def _side_axes(evaluation: Evaluation) -> tuple[Axis, Axis]:
        project, side = evaluation.project, evaluation.project.compared
        assert side is not None
        return axes_on_input(project, stack_facts(project), side.layer_id, project.selected)


def level_of(project: Project, facts: StackFacts, layer_id: str) -> int:
    """Return the place among the facts of a layer, or of the one whose output it hands on; -1: the photo."""
    found = -1
    if layer_id != PHOTO:
        for item in project.layers[: project.index(layer_id) + 1]:
            place = facts.find(item.id)
            found = found if place is None else place
    return found


def axes_on_input(project: Project, facts: StackFacts, level: str, layer_id: str) -> tuple[Axis, Axis]:
    """Return where the cells of one layer's output, or the photo's pixels, lie on the input of another."""
    inside = level_of(project, facts, layer_id)
    if inside >= 0 and facts.layers[inside].item.id == layer_id:
        inside -= 1
    at, on = (photo_axes(facts, place) for place in (level_of(project, facts, level), inside))
    rows, columns = (
        Axis((a.origin - b.origin) / b.pitch, a.pitch / b.pitch) for a, b in zip(at, on, strict=True)
    )
    return rows, columns


def photo_axes(facts: StackFacts, place: int) -> tuple[Axis, Axis]:
    """Return where the cells of a layer's output lie on the photo; -1 is the photo itself."""
    axes = [Axis(), Axis()]
    for layer in facts.layers[: place + 1]:
        for axis, (origin, pitch) in enumerate(alignment(layer.stage, layer.in_shape[1:])):
            above = axes[axis]
            axes[axis] = Axis(above.origin + origin * above.pitch, pitch * above.pitch)
    return axes[0], axes[1]
