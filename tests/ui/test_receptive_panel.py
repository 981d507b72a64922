"""The tool about receptive fields agrees with the core, with hand-computed examples, and says it in words."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from convstudio.core import cells_read, receptive_fields
from convstudio.engine.evaluate import Evaluator
from convstudio.engine.stack_facts import StackFacts, stack_facts
from convstudio.layers import Conv, ConvTranspose, Layer, MaxPool
from convstudio.model import PHOTO, Look, Picture, Project
from convstudio.ui.level_strip import LevelStrip
from convstudio.ui.pool_winners import winners_of
from convstudio.ui.receptive_overlay import overlay_of
from convstudio.ui.receptive_panel import ReceptivePanel
from convstudio.ui.receptive_words import COLUMNS, cell_sentence, layer_sentence, rows_of
from tests.ui.tool_hands import bank, evaluated, project_of, teacher_stack

SIZE, JUMP, START, FORMULA = (
    next(i for i, column in enumerate(COLUMNS) if column.title == title)
    for title in ("r", "j", "start", "Formula")
)


def facts_of(layers: list[Layer], height: int = 30, width: int = 44) -> StackFacts:
    return stack_facts(project_of(layers, height, width))


def texts(facts: StackFacts, column: int) -> list[str]:
    return [row.cells[column].text for row in rows_of(facts)]


def test_the_teachers_stack_by_hand() -> None:
    """3×3, ReLU, 2×2 with stride 2, 3×3: sizes 3, 3, 4, 8 and jumps 1, 1, 2, 2; "same" padding moves by 1."""
    facts = facts_of(teacher_stack())
    assert texts(facts, SIZE) == ["1×1", "3×3", "3×3", "4×4", "8×8"]
    assert texts(facts, JUMP) == ["1", "1", "1", "2", "2"]
    assert texts(facts, START) == ["0", "−1", "−1", "−1", "−3"]
    assert texts(facts, FORMULA)[1:] == [
        "r = 1 + (3 − 1)·1 = 3",
        "r = 3 + (1 − 1)·1 = 3",
        "r = 3 + (2 − 1)·1 = 4",
        "r = 4 + (3 − 1)·2 = 8",
    ]


STACKS: dict[str, list[Layer]] = {
    "teacher": teacher_stack(),
    "dilated": [Conv(bank(2, 3), channels="all", dilation=(2, 3)), MaxPool(window=(3, 2), stride=(2, 1))],
    "strided": [Conv(bank(2, 5), channels="all", stride=(2, 3), padding="valid"), MaxPool()],
    "transposed": [
        Conv(bank(2, 3), channels="all"),
        ConvTranspose(bank(2, 3), channels="all", stride=(2, 2)),
    ],
}


@pytest.mark.parametrize("name", STACKS)
def test_every_number_is_that_of_the_core(name: str) -> None:
    facts = facts_of(STACKS[name])
    levels = receptive_fields(facts.stages, (30, 44))
    for row, level in zip(rows_of(facts), levels, strict=True):
        down, across = level.fields
        assert row.cells[SIZE].text == f"{down.size}×{across.size}"
        jumps = [str(each.jump) for each in level.fields]
        assert row.cells[JUMP].text == (jumps[0] if jumps[0] == jumps[1] else "×".join(jumps))
        starts = [str(each.start).replace("-", "−") for each in level.fields]
        assert row.cells[START].text == (starts[0] if starts[0] == starts[1] else ", ".join(starts))
        assert row.cells[1].text.split("×")[1:] == [str(n) for n in level.spatial]


def test_axes_that_differ_have_a_formula_each() -> None:
    formula = texts(facts_of(STACKS["dilated"]), FORMULA)[1]
    assert formula == "rows r = 1 + (3 − 1)·2·1 = 5; columns r = 1 + (3 − 1)·3·1 = 7"


@pytest.mark.parametrize("name", STACKS)
def test_the_overlay_is_what_the_core_reads(name: str) -> None:
    facts = facts_of(STACKS[name])
    last = facts.layers[-1].item.id
    boxes = overlay_of(facts, last, 3, 4)
    assert list(boxes) == [PHOTO, *(layer.item.id for layer in facts.layers)]
    assert boxes[last] == QRect(4, 3, 1, 1)
    readings = cells_read(facts.stages, (30, 44), (3, 4))
    for box, reading in zip(boxes.values(), readings, strict=True):
        (top, bottom), (left, right) = reading.window
        assert (box.top(), box.left(), box.height(), box.width()) == (top, left, bottom - top, right - left)


def test_the_overlay_of_the_teachers_stack_by_hand() -> None:
    """Pooled cell (5, 7) reads rows 10, 11 and columns 14, 15 of the maps, one pixel more all around."""
    boxes = overlay_of(facts_of(teacher_stack()), "max_pool-1", 5, 7)
    assert boxes[PHOTO] == QRect(13, 9, 4, 4)
    assert boxes["conv-1"] == boxes["activation-1"] == QRect(14, 10, 2, 2)
    with pytest.raises(KeyError):
        overlay_of(facts_of(teacher_stack()), "gone", 0, 0)


def test_a_cell_in_words() -> None:
    facts = facts_of(teacher_stack())
    assert cell_sentence(facts, "max_pool-1", 5, 7) == (
        "Cell (5, 7) of Max pool 2×2 /2 sees 4×4 px of the photo, rows 9–12, columns 13–16."
    )
    assert cell_sentence(facts, PHOTO, 5, 7) == "Pixel (5, 7) of the photo."


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ((0, 0), "rows −1 to 2, columns −1 to 2; 1 row and 1 column lie in the padding."),
        ((0, 7), "rows −1 to 2, columns 13–16; 1 row lies in the padding."),
        ((14, 21), "rows 27–30, columns 41–44; 1 row and 1 column lie in the padding."),
    ],
)
def test_what_lies_in_the_padding_is_said(cell: tuple[int, int], words: str) -> None:
    assert cell_sentence(facts_of(teacher_stack()), "max_pool-1", *cell).endswith(words)


def test_gaps_are_said() -> None:
    layers: list[Layer] = [Conv(bank(1), channels="all", dilation=(2, 1), padding="valid")]
    words = cell_sentence(facts_of(layers), "conv-1", 4, 4)
    assert words.endswith("sees 5×3 px of the photo, rows 4–8, columns 4–6; it reads 3 of 5 rows.")


def test_a_layer_in_words() -> None:
    facts = facts_of(teacher_stack())
    said = layer_sentence(facts, "max_pool-1")
    assert said == "Each cell of Max pool 2×2 /2 sees 4×4 px of the photo, its neighbour 2 px further."
    assert layer_sentence(facts, "gone") == ""


# --- the widget ---


@pytest.fixture
def panel(qtbot: QtBot) -> ReceptivePanel:
    made = ReceptivePanel()
    qtbot.addWidget(made)
    evaluation = evaluated(teacher_stack())
    made.show_facts(stack_facts(evaluation.project), "conv-2")
    made.show_result(evaluation)
    made.resize(1100, 170)
    made.show()
    qtbot.waitExposed(made)
    return made


def strip_of(panel: ReceptivePanel) -> LevelStrip:
    strip = panel.findChild(LevelStrip, "level-strip")
    assert isinstance(strip, LevelStrip)
    return strip


def button(panel: ReceptivePanel, name: str) -> QToolButton:
    found = panel.findChild(QToolButton, name)
    assert isinstance(found, QToolButton)
    return found


def test_a_row_asks_for_its_layer(panel: ReceptivePanel, qtbot: QtBot) -> None:
    said: list[str] = []
    panel.layer_chosen.connect(said.append)
    assert panel.table.currentRow() == 4
    where = panel.table.visualRect(panel.table.model().index(3, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.keyClick(panel.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    assert said == ["max_pool-1", PHOTO]


def test_a_picked_cell_is_told_and_drawn_on_every_level(panel: ReceptivePanel) -> None:
    assert "Click a cell" in panel.words()
    assert not strip_of(panel).isVisible()
    panel.show_cell("max_pool-1", 5, 7)
    assert panel.words().startswith("Cell (5, 7) of Max pool")
    levels = strip_of(panel).levels
    assert [level.id for level in levels] == [PHOTO, "conv-1", "activation-1", "max_pool-1"]
    assert levels[0].box == QRect(13, 9, 4, 4)
    assert strip_of(panel).isVisible()
    panel.show_cell(None)
    assert "Click a cell" in panel.words()
    assert strip_of(panel).levels == ()


def test_the_winner_of_a_pooling_is_told_and_marked(panel: ReceptivePanel) -> None:
    evaluation = evaluated(teacher_stack())
    relu = evaluation.layers[1].output[0]  # more channels than can be shown together: the first one is
    window = relu[10:12, 14:16]
    row, column = divmod(int(window.argmax()), 2)
    panel.show_cell("max_pool-1", 5, 7)
    assert panel.words().endswith(f" Row {10 + row}, column {14 + column} of ReLU won.")
    marks = {level.id: level.marks for level in strip_of(panel).levels}
    assert marks == {PHOTO: (), "conv-1": (), "activation-1": ((10 + row, 14 + column),), "max_pool-1": ()}
    panel.show_cell("conv-2", 5, 7)
    assert "won" not in panel.words()
    assert not any(level.marks for level in strip_of(panel).levels)


def test_winners_by_hand() -> None:
    values = np.zeros((3, 4, 4), np.float32)
    values[0, 1, 2], values[1, 0, 3], values[2, 1, 2] = 5.0, 5.0, 5.0
    project = Project(Picture(values, "dots"), ()).with_layers([MaxPool()], PHOTO)
    for look, winners in ((Look(), [(1, 2), (0, 3)]), (Look(channel=1), [(0, 3)])):
        evaluation = Evaluator().evaluate(project.with_item("max_pool-1", look=look))
        assert winners_of(evaluation, "max_pool-1", 0, 1) == winners
    assert winners_of(evaluation, "max_pool-1", 0, 2) == []
    assert winners_of(evaluation, PHOTO, 0, 1) == []
    off = Evaluator().evaluate(project.with_item("max_pool-1", enabled=False))
    assert winners_of(off, "max_pool-1", 0, 1) == []


def test_a_close_up_shows_less(panel: ReceptivePanel, qtbot: QtBot) -> None:
    panel.show_cell("max_pool-1", 5, 7)
    whole = strip_of(panel).levels[0].region
    qtbot.mouseClick(button(panel, "receptive-close"), Qt.MouseButton.LeftButton)
    assert strip_of(panel).levels[0].region.width() < whole.width()


def test_the_cell_can_be_dropped(panel: ReceptivePanel, qtbot: QtBot) -> None:
    panel.show_cell("max_pool-1", 5, 7)
    with qtbot.waitSignal(panel.cell_dropped):
        qtbot.mouseClick(button(panel, "receptive-drop"), Qt.MouseButton.LeftButton)


def test_a_cell_that_is_gone_with_its_layer_is_forgotten(panel: ReceptivePanel) -> None:
    panel.show_cell("conv-2", 10, 20)
    panel.show_facts(facts_of(teacher_stack()[:2]), "conv-1")
    assert panel.boxes() == {}
    assert "Each cell of" in panel.words()
    panel.show_facts(facts_of(teacher_stack(), 8, 8), "conv-1")  # the cell lies outside
    assert panel.boxes() == {}


def test_hidden_it_waits(panel: ReceptivePanel) -> None:
    panel.hide()
    panel.show_facts(facts_of(teacher_stack()[:2]), "conv-1")
    panel.show_cell("conv-1", 2, 2)
    assert panel.table.rowCount() == 5
    assert panel.words().startswith("Each cell")
    panel.show()
    assert panel.table.rowCount() == 3
    assert panel.words().startswith("Cell (2, 2)")


def test_a_layer_that_does_not_fit_is_told(panel: ReceptivePanel) -> None:
    layers = [*teacher_stack(), Conv(bank(1, 63), channels="all", padding="valid")]
    panel.show_facts(facts_of(layers), "conv-1")
    last = panel.table.rowCount() - 1
    assert last == 5
    assert "does not fit" in panel.table.item(last, FORMULA).text()


def test_a_stack_without_layers(panel: ReceptivePanel) -> None:
    project = project_of([])
    panel.show_facts(stack_facts(project), PHOTO)
    panel.show_result(Evaluator().evaluate(project))
    panel.show_cell(PHOTO, 3, 4)
    assert panel.words() == "Pixel (3, 4) of the photo."
    assert [level.id for level in strip_of(panel).levels] == [PHOTO]


def test_the_table_is_copied(panel: ReceptivePanel, qtbot: QtBot) -> None:
    panel.table.setFocus()
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0][0] == "Layer"
    assert [line[SIZE] for line in lines[1:]] == ["1×1", "3×3", "3×3", "4×4", "8×8"]
    assert [line[START] for line in lines[1:]] == ["0", "-1", "-1", "-1", "-3"]


@pytest.mark.parametrize("width", [826, 1380])
def test_no_number_is_cut_at_usual_widths(panel: ReceptivePanel, width: int) -> None:
    panel.resize(width, 170)
    panel.show_cell("max_pool-1", 5, 7)
    table = panel.table
    assert table.horizontalScrollBar().maximum() == 0
    for row in range(table.rowCount()):
        for column in range(1, table.columnCount()):
            need = table.fontMetrics().horizontalAdvance(table.item(row, column).text())
            assert table.columnWidth(column) >= need + 4, COLUMNS[column].title
