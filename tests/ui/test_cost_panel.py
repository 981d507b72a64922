"""The tool about cost agrees with the core and with hand-computed examples."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from convstudio.core import stack_cost
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.stack_facts import stack_facts
from convstudio.layers import Conv, MaxPool
from convstudio.model import PHOTO
from convstudio.ui.cost_panel import CostPanel
from convstudio.ui.cost_words import (
    COLUMNS,
    alternatives_of,
    fully_connected_sentence,
    measured_of,
    ratio_words,
    rows_of,
    size_words,
)
from tests.ui.tool_hands import bank, evaluated, project_of, teacher_stack

PARAMETERS, ADDS, MEMORY, TIME, SPEED, ALGORITHM = range(1, 7)


def slowed(evaluation: Evaluation, seconds: float) -> Evaluation:
    """The same results, each having taken so long."""
    layers = tuple(dataclasses.replace(each, seconds=seconds) for each in evaluation.layers)
    return dataclasses.replace(evaluation, layers=layers)


def test_the_teachers_stack_by_hand() -> None:
    """8 kernels over 3 channels on 30×44, then 4 over 8 channels on 15×22."""
    facts = stack_facts(project_of(teacher_stack()))
    rows = {row.id: row for row in rows_of(facts, {})}
    plain = {name: [row.cells[i].copied for i in (PARAMETERS, ADDS, MEMORY)] for name, row in rows.items()}
    assert plain == {
        "conv-1": ["224", str(8 * 3 * 9 * 30 * 44), str(4 * 8 * 30 * 44)],
        "activation-1": ["0", "0", str(4 * 8 * 30 * 44)],
        "max_pool-1": ["0", "0", str(4 * 8 * 15 * 22)],
        "conv-2": ["292", str(4 * 8 * 9 * 15 * 22), str(4 * 4 * 15 * 22)],
        "total": ["516", "380160", str(4 * (16 * 30 * 44 + 12 * 15 * 22))],
    }
    assert rows["conv-1"].cells[ADDS].share == pytest.approx(0.75)
    assert rows["conv-2"].cells[ADDS].share == pytest.approx(0.25)


def test_every_count_is_that_of_the_core() -> None:
    layers = [
        Conv(bank(6, 5), channels="all", stride=(2, 1)),
        MaxPool(window=(3, 3)),
        Conv(bank(4), channels="grouped", groups=2),
    ]
    facts = stack_facts(project_of(layers))
    core = stack_cost(facts.stages, (3, 30, 44))
    rows = rows_of(facts, {})
    for row, cost in zip(rows, (*core.stages, core.total), strict=True):
        assert row.cells[PARAMETERS].copied == str(cost.parameters)
        assert row.cells[ADDS].copied == str(cost.multiply_adds)
    assert facts.total.fully_connected == core.total.fully_connected


def test_times_and_speeds_are_those_that_were_measured() -> None:
    evaluation = slowed(evaluated(teacher_stack()), 0.002)
    facts = stack_facts(evaluation.project)
    rows = {row.id: row for row in rows_of(facts, measured_of(evaluation, facts))}
    assert rows["conv-1"].cells[TIME].text == "2.0 ms"
    assert rows["conv-1"].cells[TIME].share == pytest.approx(0.25)
    assert rows["total"].cells[TIME].text == "8.0 ms"
    assert float(rows["total"].cells[TIME].copied) == pytest.approx(0.008)
    assert rows["conv-1"].cells[SPEED].text == "0.143"  # 285,120 in 2 ms
    assert rows["total"].cells[SPEED].text == "0.0475"
    assert rows["max_pool-1"].cells[SPEED].text == ""
    assert rows["conv-1"].cells[ALGORITHM].text == evaluation.layers[0].algorithm != ""


def test_a_time_of_another_layer_is_not_shown() -> None:
    evaluation = slowed(evaluated(teacher_stack()), 0.002)
    changed = stack_facts(evaluation.project.with_param("conv-1", "padding_mode", "zeros"))
    rows = {row.id: row for row in rows_of(changed, measured_of(evaluation, changed))}
    assert rows["conv-1"].cells[TIME].text == "…"
    assert rows["total"].cells[TIME].text == "…"
    assert rows["total"].cells[SPEED].text == ""


def test_the_fully_connected_layer_by_hand() -> None:
    """The issue's example: 3×300×450 to 8×300×450 takes 437 billion weights, 1.75 TB."""
    facts = stack_facts(project_of([Conv(bank(8), channels="all")], 300, 450))
    assert fully_connected_sentence(facts, "conv-1") == (
        "A fully connected layer between the same shapes would need 437\N{NO-BREAK SPACE}billion weights "
        "(1.75 TB)."
    )
    assert "from the photo to the last output" in fully_connected_sentence(facts, PHOTO)
    assert fully_connected_sentence(facts, "gone") == ""


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (5_530_000, "5.53 MB"),
        (999_900, "1000 kB"),
        (1_749_600_000_000, "1.75 TB"),
    ],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert size_words(count) == words


@pytest.mark.parametrize(("ratio", "words"), [(0.2361, "0.24×"), (1.0, "1×"), (0.72, "0.72×"), (12.4, "12×")])
def test_ratios_in_words(ratio: float, words: str) -> None:
    assert ratio_words(ratio) == words


def test_alternatives_are_of_convolutions_only() -> None:
    facts = stack_facts(project_of([Conv(bank(8, 5), channels="all"), MaxPool()]))
    names = [each.name for each in alternatives_of(facts, "conv-1")]
    assert set(names) == {"Depthwise separable", "Pointwise", "2 layers of 3×3"}
    assert alternatives_of(facts, "max_pool-1") == ()
    assert alternatives_of(facts, PHOTO) == ()


# --- the widget ---


@pytest.fixture
def panel(qtbot: QtBot) -> CostPanel:
    made = CostPanel()
    qtbot.addWidget(made)
    evaluation = slowed(evaluated(teacher_stack()), 0.002)
    made.show_facts(stack_facts(evaluation.project), "conv-1")
    made.show_result(evaluation)
    made.resize(1100, 170)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_selected_convolution_has_alternatives(panel: CostPanel) -> None:
    title, others, dense = panel.texts()
    assert title.startswith("Instead of Conv")
    assert "Depthwise separable" in others
    # 3·9 + 8·3 = 51 weights for each of 1320 cells, of the 216 that the convolution has.
    assert "67.3 k mult-adds" in others
    assert "0.24×" in others
    assert "fully connected" in dense


def test_another_layer_has_none(panel: CostPanel) -> None:
    panel.show_selected("max_pool-1")
    title, others, _ = panel.texts()
    assert title.startswith("Max pool")
    assert others == ""
    panel.show_selected(PHOTO)
    assert panel.texts()[0] == "The whole stack"
    assert panel.table.currentRow() == -1


def test_a_row_asks_for_its_layer_and_the_total_does_not(panel: CostPanel, qtbot: QtBot) -> None:
    said: list[str] = []
    panel.layer_chosen.connect(said.append)
    for place in (2, 4):
        where = panel.table.visualRect(panel.table.model().index(place, 0)).center()
        qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert said == ["max_pool-1"]


def test_hidden_it_waits(panel: CostPanel) -> None:
    panel.hide()
    panel.show_facts(stack_facts(project_of([MaxPool()])), "max_pool-1")
    assert panel.table.rowCount() == 5
    panel.show()
    assert panel.table.rowCount() == 2


def test_a_stack_without_layers_is_an_empty_table(panel: CostPanel) -> None:
    panel.show_facts(stack_facts(project_of([])), PHOTO)
    assert panel.table.rowCount() == 0
    assert panel.texts() == ("", "", "")


def test_the_table_is_copied_with_plain_numbers(panel: CostPanel, qtbot: QtBot) -> None:
    panel.table.setFocus()
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[1][PARAMETERS : TIME + 1] == ["224", "285120", "42240", "0.002000000"]
    assert lines[-1][PARAMETERS : ADDS + 1] == ["516", "380160"]


@pytest.mark.parametrize("width", [826, 1380])
def test_no_number_is_cut_at_usual_widths(panel: CostPanel, width: int) -> None:
    panel.resize(width, 170)
    table = panel.table
    assert table.horizontalScrollBar().maximum() == 0
    for row in range(table.rowCount()):
        for column in range(1, table.columnCount()):
            item = table.item(row, column)
            need = table.fontMetrics().horizontalAdvance(item.text())
            assert table.columnWidth(column) >= need + 4, COLUMNS[column].title
