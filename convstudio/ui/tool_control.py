"""The maps and the tools under the pictures: each is given what it shows, off the GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import LayerFacts, StackFacts, stack_facts
from convstudio.model import Project
from convstudio.session.map_reader import FeatureMaps, MapReader
from convstudio.session.session import Failure
from convstudio.session.shift_runner import ShiftRunner
from convstudio.session.sums_reader import SumsReader
from convstudio.ui.cost_panel import CostPanel
from convstudio.ui.map_statistics import MapStatistics
from convstudio.ui.partial_sums_panel import PartialSumsPanel
from convstudio.ui.pin_control import PinControl
from convstudio.ui.receptive_panel import ReceptivePanel
from convstudio.ui.shift_panel import ShiftPanel
from convstudio.ui.training_control import TrainingControl

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

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
        self._shifts = ShiftRunner(self)
        self._sums = SumsReader(self)
        self.receptive = ReceptivePanel(window)
        self.histogram = MapStatistics(window)
        self.sums = PartialSumsPanel(window)
        self.cost = CostPanel(window)
        self.shift = ShiftPanel(window)
        tabs = window.centre.tools
        tabs.add_tool(
            "receptive", "Receptive field", self.receptive, "What a cell of each layer sees of the photo."
        )
        self.training = TrainingControl(window)  # adds itself
        tabs.add_tool("histogram", "Histogram", self.histogram, "The values of the map that is shown.")
        tabs.add_tool("sum", "Sum", self.sums, "What each input channel adds to the map that is shown.")
        tabs.add_tool("cost", "Cost", self.cost, "What each layer costs, and what others would cost instead.")
        tabs.add_tool("shift", "Shift", self.shift, "How much of the output changes when the photo moves.")
        self.pins = PinControl(window, self.receptive)
        self._connect()

    def _connect(self) -> None:
        session, tabs = self._session, self._window.centre.tools
        self._maps.maps_wanted.connect(self._reader.read)
        self._maps.channel_chosen.connect(session.set_channel)
        self._reader.maps_ready.connect(self._show_maps)
        self._reader.failed.connect(self._maps.show_nothing)
        self.receptive.layer_chosen.connect(session.select)
        self.cost.layer_chosen.connect(session.select)
        self.shift.shift_wanted.connect(self._ask_shift)
        self.shift.rested.connect(self._shifts.rest)
        self._shifts.stack_changed.connect(self.shift.show_stack)
        self._shifts.ready.connect(self.shift.show_report)
        self._shifts.failed.connect(self.shift.show_problem)
        self._shifts.busy_changed.connect(self.shift.show_busy)
        self.sums.sums_wanted.connect(self._sums.read)
        self._sums.sums_ready.connect(self.sums.show_sums)
        self._sums.failed.connect(self.sums.show_nothing)
        session.stack_ready.connect(self._show_stack)
        session.computing_changed.connect(self._computing_changed)
        tabs.shown.connect(self._tool_shown)

    @property
    def busy(self) -> bool:
        """Whether a map or a report is on its way."""
        return any(work.busy for work in (self._reader, self._shifts, self._sums, self.training))

    # --- what the session tells ---

    def show_project(self, project: Project) -> None:
        """Follow the project."""
        self._shifts.set_stack(project, project.selected)
        self.pins.show_project(project)
        self.training.show_project(project)

    def show_result(self, evaluation: Evaluation) -> None:
        """Show what follows from a result, once its picture is on screen."""
        facts, project = self._show_facts(), evaluation.project
        if project != self._session.project:  # a drag goes on: what is pinned lies on what is shown
            facts = stack_facts(project)
        self._maps.show_result(evaluation)
        self.receptive.show_result(evaluation)
        self.cost.show_result(evaluation)
        self.sums.show_result(evaluation)
        self.pins.show_result(evaluation, facts)

    @Slot(bool)
    def _computing_changed(self, busy: bool) -> None:
        if busy:  # the maps and sums of what was there before would only take the processor from it
            self._reader.cancel()
            self._sums.cancel()

    @Slot(object)
    def _show_stack(self, evaluation: Evaluation) -> None:
        if evaluation.project == self._session.project:
            self.receptive.show_result(evaluation)
            self.cost.show_result(evaluation)

    def show_failure(self, failure: Failure) -> None:
        """Show that there is nothing to show."""
        if not failure.cancelled:
            self._reader.cancel()
            self._maps.show_nothing(failure.message)
            self.histogram.show_nothing(failure.message)
            self.sums.show_nothing(failure.message)
            self._show_facts()

    def _show_facts(self) -> StackFacts:
        project, sidebar = self._session.project, self._window.sidebar
        facts = stack_facts(project)
        sidebar.layers.show_receptive({each.item.id: _field_words(each) for each in facts.layers})
        self.receptive.show_facts(facts, project.selected)
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
        self._shifts.set_stack(self._session.project, self._session.project.selected)
        self._shifts.ask(dx, dy)

    @Slot(object)
    def _show_maps(self, maps: FeatureMaps) -> None:
        self._maps.show_maps(maps)
        self.histogram.show_maps(maps)

    @Slot(str)
    def _tool_shown(self, tool: str) -> None:
        self._maps.set_watched(tool == "histogram")

    def close(self) -> None:
        """End the workers and wait for them."""
        self.training.close()
        self._reader.close()
        self._shifts.close()
        self._sums.close()


def _either(rows: str, columns: str) -> str:
    return rows if rows == columns else f"{rows}×{columns}"


def _field_words(layer: LayerFacts) -> str:
    rows, columns = layer.fields
    size, jump, start = (
        _either(str(getattr(rows, name)), str(getattr(columns, name))) for name in ("size", "jump", "start")
    )
    return f"RF {size} j{jump} s{start.replace('-', '−')}"
