"""Tables of facts: choosing a row, copying, bars."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from convstudio.ui.fact_table import Cell, Column, FactTable, Row
from convstudio.ui.theme import ThemeChoice, apply_theme

COLUMNS = (Column("Layer", number=False), Column("Count", "How many."), Column("Share", number=False))


def row(row_id: str, count: int, share: float | None = None, total: bool = False) -> Row:
    cells = (Cell(row_id.title()), Cell(f"{count:,} k", str(count)), Cell(f"{share}", share=share))
    return Row(row_id, cells, total=total)


ROWS = (row("photo", 0), row("conv", 1000, 1.0), row("pool", -2, 0.25), row("total", 998, total=True))


@pytest.fixture
def table(qtbot: QtBot) -> FactTable:
    made = FactTable(COLUMNS)
    qtbot.addWidget(made)
    made.resize(420, 160)
    made.show_rows(ROWS, "conv")
    made.show()
    qtbot.waitExposed(made)
    return made


def chosen(table: FactTable) -> list[str]:
    said: list[str] = []
    table.row_chosen.connect(said.append)
    return said


def press(qtbot: QtBot, table: FactTable, place: int) -> None:
    where = table.visualRect(table.model().index(place, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def test_a_press_and_the_arrows_choose_a_row(table: FactTable, qtbot: QtBot) -> None:
    said = chosen(table)
    press(qtbot, table, 2)
    assert said == ["pool"]
    qtbot.keyClick(table, Qt.Key.Key_Up)
    qtbot.keyClick(table, Qt.Key.Key_Up)
    assert said == ["pool", "conv", "photo"]


def test_the_selected_row_is_not_chosen_again(table: FactTable, qtbot: QtBot) -> None:
    said = chosen(table)
    press(qtbot, table, 1)
    assert said == []


def test_a_total_cannot_be_chosen(table: FactTable, qtbot: QtBot) -> None:
    said = chosen(table)
    press(qtbot, table, 3)
    assert said == []


def test_showing_emits_nothing(table: FactTable) -> None:
    said = chosen(table)
    table.show_selected("photo")
    assert table.currentRow() == 0
    table.show_rows(ROWS[:2], "conv")
    assert table.currentRow() == 1
    table.show_selected("gone")
    assert table.currentRow() == -1
    assert said == []


def test_the_table_is_copied_as_text_with_plain_numbers(table: FactTable, qtbot: QtBot) -> None:
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines == [
        "Layer\tCount\tShare",
        "Photo\t0\tNone",
        "Conv\t1000\t1.0",
        "Pool\t-2\t0.25",
        "Total\t998\tNone",
    ]


def test_a_minus_sign_is_one_that_spreadsheets_read() -> None:
    assert Cell("−3").copied == "-3"


def test_a_share_is_drawn_as_a_bar_of_that_length(table: FactTable) -> None:
    def coloured(place: int) -> int:
        box = table.visualRect(table.model().index(place, 2))
        image = table.viewport().grab().toImage()
        y = box.bottom() - 5  # under the letters
        bare = image.pixelColor(box.right() - 2, y)
        return sum(image.pixelColor(x, y) != bare for x in range(box.left(), box.right() - 3))

    table.show_selected("")
    full, quarter = coloured(1), coloured(2)
    assert full > 20
    assert quarter == pytest.approx(full / 4, abs=2)
    assert coloured(0) == 0


def test_numbers_stand_at_the_right(table: FactTable) -> None:
    item = table.item(1, 1)
    assert item.textAlignment() & Qt.AlignmentFlag.AlignRight
    assert not table.item(1, 0).textAlignment() & Qt.AlignmentFlag.AlignRight


def test_no_number_is_cut(table: FactTable) -> None:
    for place in range(4):
        item = table.item(place, 1)
        assert table.columnWidth(1) >= table.fontMetrics().horizontalAdvance(item.text()) + 12


def test_a_dim_row_has_the_dim_colour_of_the_theme(
    undressed: None, table: FactTable, qapp: QApplication
) -> None:
    table.show_rows([Row("a", ROWS[0].cells, dim=True)], "a")
    for choice in ("dark", "light"):
        theme = apply_theme(qapp, choice)
        assert table.item(0, 0).foreground().color() == QColor(theme.text_dim)
        assert table.currentRow() == 0


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_numbers_on_bars_can_be_read(
    undressed: None, table: FactTable, qapp: QApplication, choice: ThemeChoice
) -> None:
    """The letters and what is behind them are far apart in lightness, in a chosen row too."""
    apply_theme(qapp, choice)
    box = table.visualRect(table.model().index(1, 2)).adjusted(4, 4, -4, -4)
    for selected in ("", "conv"):
        table.show_selected(selected)
        image = table.viewport().grab(box).toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        lightness = sorted(pixel.lightness() for pixel in pixels)
        assert lightness[-1] - lightness[0] > 110
