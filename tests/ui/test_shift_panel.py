"""The tool about shifts: what it asks for, what it says, when it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from convstudio.engine.display import render
from convstudio.engine.shift_test import ShiftExperiment, ShiftResult
from convstudio.kernels import Bank, Kernel
from convstudio.layers import Conv, Layer, MaxPool
from convstudio.model import PHOTO, Picture, Project
from convstudio.session.shift_runner import ShiftReport, ShiftRunner
from convstudio.ui.fields.quiet import QuietSpinBox
from convstudio.ui.fields.slider import SlimSlider
from convstudio.ui.shift_panel import LAST, ShiftPanel, link
from convstudio.ui.shift_words import (
    bars_of,
    equivariance_sentence,
    moved_words,
    points_of,
    tolerance_sentence,
)
from tests.ui.tool_hands import project_of

SOBEL = Kernel.custom(np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]))


def edges(*more: Layer) -> Project:
    """Edges, pooled or not, of a picture with large smooth areas."""
    y, x = np.mgrid[0:64, 0:64]
    plane = ((x // 12 + y // 16) % 2).astype(np.float32)
    return Project(Picture(plane[None], "blocks"), ()).with_layers(
        [Conv(Bank.of(SOBEL), channels="all"), *more], PHOTO
    )


def result_of(project: Project, dx: int, dy: int = 0) -> ShiftResult:
    return ShiftExperiment(project, project.layers[-1].id).run((dy, dx))


# --- what it says ---


def test_a_whole_number_of_cells_only_moves_along() -> None:
    result = result_of(edges(MaxPool()), 4)
    assert bars_of(result)[2].label == "moved back by 2 cells"
    assert bars_of(result)[2].change == 0.0
    said = equivariance_sentence(result)
    assert said.startswith("One cell is 2 px wide, the shift is 2 cells: moved back, the output is the same")
    assert "Goodfellow" in said


def test_half_a_cell_cannot_be_moved_back() -> None:
    result = result_of(edges(MaxPool()), 3)
    assert moved_words(result.with_pooling) == "3/2 cells"
    assert bars_of(result)[2].change is None
    assert "no whole number" in equivariance_sentence(result)


def test_the_bars_are_the_engines_numbers() -> None:
    result = result_of(edges(MaxPool()), 1)
    whole, bare = result.with_pooling.tolerance, result.without_pooling
    assert bare is not None
    assert whole.inside is not None
    assert bare.tolerance.inside is not None
    bars = bars_of(result)
    assert bars[0].change == whole.inside.relative > 0.0
    assert bars[1].change == bare.tolerance.inside.relative
    assert points_of(result) == {"with": bars[0].change, "without": bars[1].change}
    assert "Zhang" in tolerance_sentence(result)


def test_without_pooling_there_is_nothing_to_compare() -> None:
    result = result_of(edges(), 1)
    assert [bar.series for bar in bars_of(result)] == ["with", "with"]
    assert bars_of(result)[1].change == 0.0
    assert "No layer pools" in tolerance_sentence(result)


def test_both_axes_are_told() -> None:
    assert moved_words(result_of(edges(MaxPool()), 4, -2).with_pooling) == "1 row and 2 columns"


def test_no_shift_says_what_to_do() -> None:
    result = result_of(edges(MaxPool()), 0)
    assert "Nothing is moved yet" in equivariance_sentence(result)
    assert bars_of(result)[0].change == 0.0


# --- the widget ---


@dataclass
class Asked:
    """What a panel asked for."""

    shifts: list[tuple[int, int]]
    rested: int = 0

    def rest(self) -> None:
        self.rested += 1


@pytest.fixture
def panel(qtbot: QtBot) -> ShiftPanel:
    made = ShiftPanel()
    qtbot.addWidget(made)
    made.resize(826, 172)
    return made


def listen(panel: ShiftPanel) -> Asked:
    asked = Asked([])
    panel.shift_wanted.connect(lambda dx, dy: asked.shifts.append((dx, dy)))
    panel.rested.connect(asked.rest)
    return asked


def report_of(project: Project, dx: int, dy: int = 0) -> ShiftReport:
    result = result_of(project, dx, dy)
    picture = render(result.with_pooling.tolerance.difference[:1], "signed")
    return ShiftReport(project.layers[-1].id, result, picture)


def spin(panel: ShiftPanel, axis: str) -> QuietSpinBox:
    found = panel.findChild(QuietSpinBox, f"shift-{axis}-spin")
    assert isinstance(found, QuietSpinBox)
    return found


def slider(panel: ShiftPanel, axis: str) -> SlimSlider:
    found = panel.findChild(SlimSlider, f"shift-{axis}-slider")
    assert isinstance(found, SlimSlider)
    return found


def press(qtbot: QtBot, panel: ShiftPanel, name: str) -> None:
    found = panel.findChild(QPushButton, name)
    assert isinstance(found, QPushButton)
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def test_it_asks_only_while_it_is_seen(panel: ShiftPanel, qtbot: QtBot) -> None:
    asked = listen(panel)
    spin(panel, "dx").setValue(3)
    assert asked.shifts == []
    panel.show()
    assert asked.shifts == [(3, 0)]
    panel.hide()
    assert asked.rested == 1


def test_spin_boxes_and_sliders_ask_and_follow_one_another(panel: ShiftPanel, qtbot: QtBot) -> None:
    panel.show()
    asked = listen(panel)
    spin(panel, "dx").setValue(5)
    assert slider(panel, "dx").value() == 5
    slider(panel, "dy").setValue(-7)
    assert spin(panel, "dy").value() == -7
    qtbot.keyClick(slider(panel, "dy"), Qt.Key.Key_Right)
    assert asked.shifts == [(5, 0), (5, -7), (5, -6)]
    press(qtbot, panel, "shift-reset")
    assert asked.shifts[-1] == (0, 0)
    assert (spin(panel, "dx").minimum(), spin(panel, "dx").maximum()) == (-16, 16)


def test_a_report_is_shown(panel: ShiftPanel) -> None:
    project = edges(MaxPool())
    asked = listen(panel)
    panel.show_stack(project, "max_pool-1")
    report = report_of(project, 4)
    panel.show_report(report)
    assert panel.bars.bars[0].label == "with pooling"
    assert panel.curve.points["with"] == {4: points_of(report.result)["with"]}
    assert panel.picture.pixels is report.picture.pixels
    assert "translation equivariance" in panel.words()
    panel.show_problem("It does not fit.")
    assert panel.words() == "It does not fit."
    assert panel.picture.pixels is None
    assert asked.shifts == []


def test_points_of_another_stack_or_row_go(panel: ShiftPanel) -> None:
    project = edges(MaxPool())
    panel.show_report(report_of(project, 1))
    panel.show_report(report_of(project, 2))
    assert set(panel.curve.points["with"]) == {1, 2}
    panel.show_report(report_of(project, 3, 1))
    assert set(panel.curve.points["with"]) == {3}
    panel.show_report(report_of(project, -3, 1))
    assert set(panel.curve.points["with"]) == {3}
    panel.show_stack(project, "conv-1")
    assert panel.curve.points == {}


@pytest.fixture
def linked(panel: ShiftPanel) -> Iterator[tuple[ShiftPanel, ShiftRunner]]:
    runner = ShiftRunner()
    link(panel, runner)
    yield panel, runner
    runner.close()


def test_the_sweep_draws_the_curve(linked: tuple[ShiftPanel, ShiftRunner], qtbot: QtBot) -> None:
    panel, runner = linked
    project = edges(MaxPool())
    runner.set_stack(project, "max_pool-1")
    panel.show()
    spin(panel, "dx").setValue(-4)
    press(qtbot, panel, "shift-play")
    assert panel.sweeping
    qtbot.waitUntil(lambda: not panel.sweeping, timeout=15000)
    points = panel.curve.points
    assert set(points["with"]) == set(points["without"]) == set(range(LAST + 1))
    assert points["with"][0] == 0.0
    assert points["with"][3] == points_of(result_of(project, 3))["with"]
    assert panel.shift == (LAST, 0)


def test_hiding_ends_the_sweep_and_the_work(linked: tuple[ShiftPanel, ShiftRunner], qtbot: QtBot) -> None:
    panel, runner = linked
    runner.set_stack(edges(MaxPool()), "max_pool-1")
    panel.show()
    panel.start_sweep()
    panel.hide()
    assert not panel.sweeping
    assert not runner.wanted
    assert not runner.busy


def test_moving_a_slider_ends_the_sweep(linked: tuple[ShiftPanel, ShiftRunner], qtbot: QtBot) -> None:
    panel, runner = linked
    runner.set_stack(edges(MaxPool()), "max_pool-1")
    panel.show()
    panel.start_sweep()
    slider(panel, "dx").setValue(-9)
    assert not panel.sweeping
    qtbot.waitUntil(lambda: not runner.busy)
    assert panel.shift == (-9, 0)


def test_a_changed_stack_goes_on_by_itself(linked: tuple[ShiftPanel, ShiftRunner], qtbot: QtBot) -> None:
    panel, runner = linked
    runner.set_stack(edges(MaxPool()), "max_pool-1")
    panel.show()
    spin(panel, "dx").setValue(2)
    qtbot.waitUntil(lambda: not runner.busy)
    runner.set_stack(edges(), "conv-1")
    qtbot.waitUntil(lambda: not runner.busy)
    assert "No layer pools" in panel.words()


@pytest.mark.parametrize("layers", [[], [MaxPool()]], ids=["photo", "pool alone"])
def test_it_works_without_convolutions(
    linked: tuple[ShiftPanel, ShiftRunner], qtbot: QtBot, layers: Sequence[Layer]
) -> None:
    panel, runner = linked
    project = project_of(layers)
    runner.set_stack(project, project.selected)
    panel.show()
    spin(panel, "dx").setValue(2)
    qtbot.waitUntil(lambda: not runner.busy)
    assert panel.words()


@pytest.mark.parametrize("width", [800, 1250])
def test_nothing_is_cut_at_usual_widths(panel: ShiftPanel, qtbot: QtBot, width: int) -> None:
    panel.resize(width, 172)
    panel.show_stack(edges(MaxPool()), "max_pool-1")
    panel.show_report(report_of(edges(MaxPool()), 3))
    panel.show()
    qtbot.waitExposed(panel)
    words = panel.findChild(type(panel._words), "shift-words")
    assert words is not None
    assert words.height() >= words.heightForWidth(words.width())
    assert panel.bars.geometry().bottom() <= words.geometry().top()
    assert panel.curve.width() >= panel.curve.minimumWidth()
