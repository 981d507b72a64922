"""The maps and the tools under the pictures: each is given what it shows, off the GUI thread.

Tools are made when they are first shown: the window opens without waiting for what nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import LayerFacts, StackFacts, stack_facts
from convstudio.model import Project
from convstudio.session.map_reader import FeatureMaps, MapReader
from convstudio.session.session import Failure
from convstudio.ui.pin_control import PinControl
from convstudio.ui.receptive_panel import ReceptivePanel
from convstudio.ui.training_control import TrainingControl

if TYPE_CHECKING:
    from convstudio.session.shift_runner import ShiftRunner
    from convstudio.session.sums_reader import SumsReader
    from convstudio.ui.cost_panel import CostPanel
    from convstudio.ui.main_window import MainWindow
    from convstudio.ui.map_statistics import MapStatistics
    from convstudio.ui.partial_sums_panel import PartialSumsPanel
    from convstudio.ui.shift_panel import ShiftPanel

LOW_WINDOW = 850
"""In a window lower than this, in px, the tools are folded away at first: the pictures need the room."""


class ToolControl(QObject):
    """Owns the tools and their workers and leads results to them."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._maps = window.centre.maps
        self._reader = MapReader(self)
        self._shifts: ShiftRunner | None = None
        self._sums: SumsReader | None = None
        self.histogram: MapStatistics | None = None
        self.sums: PartialSumsPanel | None = None
        self.cost: CostPanel | None = None
        self.shift: ShiftPanel | None = None
        self._evaluation: Evaluation | None = None  # what the pictures show
        self._read: FeatureMaps | str = (
            "The map comes with the first result."  # its maps, or why there are none
        )
        self._unmade: dict[str, tuple[QWidget, Callable[[], QWidget]]] = {}
        self.receptive = ReceptivePanel(window)
        window.centre.tools.add_tool(
            "receptive", "Receptive field", self.receptive, "What a cell of each layer sees of the photo."
        )
        self.training = TrainingControl(window)  # adds itself
        self._add("histogram", "Histogram", "The values of the map that is shown.", self._make_histogram)
        self._add("sum", "Sum", "What each input channel adds to the map that is shown.", self._make_sums)
        self._add(
            "cost", "Cost", "What each layer costs, and what others would cost instead.", self._make_cost
        )
        self._add("shift", "Shift", "How much of the output changes when the photo moves.", self._make_shift)
        self.pins = PinControl(window, self.receptive)
        self._connect()

    def _connect(self) -> None:
        session = self._session
        self._maps.maps_wanted.connect(self._reader.read)
        self._maps.channel_chosen.connect(session.set_channel)
        self._reader.maps_ready.connect(self._show_maps)
        self._reader.failed.connect(self._maps.show_nothing)
        self.receptive.layer_chosen.connect(session.select)
        session.stack_ready.connect(self._show_stack)
        session.computing_changed.connect(self._computing_changed)
        self._window.centre.tools.shown.connect(self._tool_shown)

    # --- tools that are made when they are first shown ---

    def _add(self, tool: str, title: str, help_text: str, make: Callable[[], QWidget]) -> None:
        place = QWidget(self._window)
        column = QVBoxLayout(place)
        column.setContentsMargins(0, 0, 0, 0)
        self._unmade[tool] = (place, make)
        self._window.centre.tools.add_tool(tool, title, place, help_text)

    @Slot(str)
    def _tool_shown(self, tool: str) -> None:
        if tool in self._unmade:
            place, make = self._unmade.pop(tool)
            made, layout = make(), place.layout()
            assert layout is not None
            layout.addWidget(made)
            made.show()  # Qt would only do so with the next events
        self._maps.set_watched(tool == "histogram")

    def _make_histogram(self) -> QWidget:
        from convstudio.ui.map_statistics import MapStatistics

        self.histogram = MapStatistics(self._window)
        if isinstance(self._read, str):
            self.histogram.show_nothing(self._read)
        else:
            self.histogram.show_maps(self._read)
        return self.histogram

    def _make_sums(self) -> QWidget:
        from convstudio.session.sums_reader import SumsReader
        from convstudio.ui.partial_sums_panel import PartialSumsPanel

        self._sums, self.sums = SumsReader(self), PartialSumsPanel(self._window)
        self.sums.sums_wanted.connect(self._sums.read)
        self._sums.sums_ready.connect(self.sums.show_sums)
        self._sums.failed.connect(self.sums.show_nothing)
        failure = self._session.failure
        if failure is not None and not failure.cancelled:
            self.sums.show_nothing(failure.message)
        elif self._evaluation is not None:
            self.sums.show_result(self._evaluation)
        return self.sums

    def _make_cost(self) -> QWidget:
        from convstudio.ui.cost_panel import CostPanel

        self.cost = CostPanel(self._window)
        self.cost.layer_chosen.connect(self._session.select)
        self.cost.show_facts(stack_facts(self._session.project), self._session.project.selected)
        self.cost.show_result(self._evaluation)
        return self.cost

    def _make_shift(self) -> QWidget:
        from convstudio.session.shift_runner import ShiftRunner
        from convstudio.ui.shift_panel import ShiftPanel

        self._shifts, self.shift = ShiftRunner(self), ShiftPanel(self._window)
        self.shift.shift_wanted.connect(self._ask_shift)
        self.shift.rested.connect(self._shifts.rest)
        self._shifts.stack_changed.connect(self.shift.show_stack)
        self._shifts.ready.connect(self.shift.show_report)
        self._shifts.failed.connect(self.shift.show_problem)
        self._shifts.busy_changed.connect(self.shift.show_busy)
        self._shifts.set_stack(self._session.project, self._session.project.selected)
        return self.shift

    @property
    def busy(self) -> bool:
        """Whether a map or a report is on its way."""
        workers = (self._reader, self._shifts, self._sums, self.training)
        return any(work is not None and work.busy for work in workers)

    # --- what the session tells ---

    def show_project(self, project: Project) -> None:
        """Follow the project."""
        if self._shifts is not None:
            self._shifts.set_stack(project, project.selected)
        self.pins.show_project(project)
        self.training.show_project(project)

    def show_result(self, evaluation: Evaluation) -> None:
        """Show what follows from a result, once its picture is on screen."""
        self._evaluation = evaluation
        facts, project = self._show_facts(), evaluation.project
        if project != self._session.project:  # a drag goes on: what is pinned lies on what is shown
            facts = stack_facts(project)
        self._maps.show_result(evaluation)
        self.receptive.show_result(evaluation)
        if self.cost is not None:
            self.cost.show_result(evaluation)
        if self.sums is not None:
            self.sums.show_result(evaluation)
        self.pins.show_result(evaluation, facts)

    @Slot(bool)
    def _computing_changed(self, busy: bool) -> None:
        if busy:  # the maps and sums of what was there before would only take the processor from it
            self._reader.cancel()
            if self._sums is not None:
                self._sums.cancel()

    @Slot(object)
    def _show_stack(self, evaluation: Evaluation) -> None:
        if evaluation.project.shows_the_same(self._session.project):
            self._evaluation = evaluation
            self.receptive.show_result(evaluation)
            if self.cost is not None:
                self.cost.show_result(evaluation)

    def show_failure(self, failure: Failure) -> None:
        """Show that there is nothing to show."""
        if not failure.cancelled:
            self._reader.cancel()
            self._maps.show_nothing(failure.message)
            self._read = failure.message
            if self.histogram is not None:
                self.histogram.show_nothing(failure.message)
            if self.sums is not None:
                self.sums.show_nothing(failure.message)
            self._show_facts()

    def _show_facts(self) -> StackFacts:
        project, sidebar = self._session.project, self._window.sidebar
        facts = stack_facts(project)
        sidebar.layers.show_receptive({each.item.id: _field_words(each) for each in facts.layers})
        self.receptive.show_facts(facts, project.selected)
        if self.cost is not None:
            self.cost.show_facts(facts, project.selected)
        if facts.layers:
            rows, columns = facts.layers[-1].fields
            sidebar.show_note(
                "Receptive field of the last layer",
                f"{rows.size}×{columns.size} px, jump {_either(str(rows.jump), str(columns.jump))}",
                "Click any output cell to see it on the photo.",
            )
        else:
            sidebar.show_note("", "", "")
        return facts

    # --- what the tools ask for ---

    @Slot(int, int)
    def _ask_shift(self, dx: int, dy: int) -> None:
        assert self._shifts is not None
        self._shifts.set_stack(self._session.project, self._session.project.selected)
        self._shifts.ask(dx, dy)

    @Slot(object)
    def _show_maps(self, maps: FeatureMaps) -> None:
        self._maps.show_maps(maps)
        self._read = maps
        if self.histogram is not None:
            self.histogram.show_maps(maps)

    def close(self) -> None:
        """End the workers and wait for them."""
        self.training.close()
        for worker in (self._reader, self._shifts, self._sums):
            if worker is not None:
                worker.close()


def _either(rows: str, columns: str) -> str:
    return rows if rows == columns else f"{rows}×{columns}"


def _field_words(layer: LayerFacts) -> str:
    rows, columns = layer.fields
    size, jump, start = (
        _either(str(getattr(rows, name)), str(getattr(columns, name))) for name in ("size", "jump", "start")
    )
    return f"RF {size} j{jump} s{start.replace('-', '−')}"
