"""The grid of numbers, through real mouse and key events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAction, QColor, QEnterEvent, QKeyEvent, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from convstudio.kernels.text import format_number, parse_grid
from convstudio.ui.kernel_cells import Cell
from convstudio.ui.kernel_grid import KernelGrid
from tests.ui.kernel_hands import (
    NONE,
    RIGHT,
    Ear,
    click,
    context_menu,
    drag,
    focused,
    hover,
    put_on_clipboard,
    spot,
    type_into,
    wheel,
)

SOBEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
KEY = Qt.Key


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[KernelGrid]:
    host = QWidget()
    qtbot.addWidget(host)
    column = QVBoxLayout(host)
    grid = KernelGrid(host)
    column.addWidget(grid)
    column.addWidget(QLineEdit(host))
    grid.show_values(SOBEL)
    host.resize(300, 260)
    host.show()
    qtbot.waitExposed(host)
    host.activateWindow()
    grid.setFocus()
    yield grid
    host.close()


def changed(cell: Cell, value: float, values: np.ndarray = SOBEL) -> np.ndarray:
    copy = values.copy()
    copy[cell] = value
    return copy


class TestTyping:
    def test_a_fraction_and_enter_goes_down(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        click(grid, (0, 1))
        type_into(grid, "1/9", KEY.Key_Return)
        np.testing.assert_array_equal(ear.last(), changed((0, 1), 1 / 9))
        assert ear.edits[-1][1] == ""
        assert len(ear.edits) == 1
        assert grid.current() == (1, 1)
        assert grid.hasFocus()

    def test_tab_goes_right_and_into_the_next_row(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        click(grid, (0, 2))
        type_into(grid, "-0,5", KEY.Key_Tab)
        assert grid.current() == (1, 0)
        type_into(grid, "3", KEY.Key_Tab)
        np.testing.assert_array_equal(ear.last(), changed((1, 0), 3.0, changed((0, 2), -0.5)))
        assert grid.current() == (1, 1)

    def test_tab_leaves_after_the_last_cell(self, grid: KernelGrid) -> None:
        grid.set_current((2, 1))
        QTest.keyClick(grid, KEY.Key_Tab)
        assert grid.current() == (2, 2)
        assert grid.hasFocus()
        QTest.keyClick(grid, KEY.Key_Tab)
        assert not grid.hasFocus()

    def test_letters_are_refused_in_words_and_the_value_stays(self, grid: KernelGrid) -> None:
        ear, said = Ear(grid), []
        grid.typing_problem.connect(said.append)
        click(grid, (1, 2))
        type_into(grid, "2x", KEY.Key_Return)
        edit = grid.findChild(QLineEdit, "kernel-cell-edit")
        assert edit is not None
        assert edit.isVisible()
        assert edit.property("invalid") is True
        assert said[-1]
        assert not ear.edits
        QTest.keyClick(edit, KEY.Key_Backspace)
        assert said[-1] == ""
        assert edit.property("invalid") is False
        QTest.keyClick(edit, KEY.Key_Escape)
        assert not ear.edits
        assert grid.values()[1, 2] == 2.0

    def test_half_a_fraction_is_not_yet_a_mistake(self, grid: KernelGrid) -> None:
        said: list[str] = []
        grid.typing_problem.connect(said.append)
        type_into(grid, "1/")
        assert not any(said)

    def test_leaving_a_bad_text_keeps_the_value_and_says_so(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        click(grid, (1, 2))
        type_into(grid, "1/0")
        click(grid, (0, 0))
        assert len(ear.problems) == 1
        assert "2" in ear.problems[0]
        assert not ear.edits
        assert grid.current() == (0, 0)

    def test_clicking_elsewhere_commits(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        click(grid, (0, 0))
        type_into(grid, "7")
        click(grid, (2, 2))
        np.testing.assert_array_equal(ear.last(), changed((0, 0), 7.0))
        assert grid.current() == (2, 2)

    def test_double_click_and_enter_open_the_present_number(self, grid: KernelGrid) -> None:
        QTest.mouseDClick(grid, Qt.MouseButton.LeftButton, NONE, spot(grid, (0, 0)))
        grid.set_current((1, 0))
        QTest.keyClick(grid, KEY.Key_Return)
        edit = focused(grid)
        assert isinstance(edit, QLineEdit)
        assert edit.text() == format_number(-2.0)
        assert edit.selectedText() == edit.text()

    def test_showing_values_during_typing_leaves_the_text(self, grid: KernelGrid) -> None:
        click(grid, (0, 1))
        type_into(grid, "12")
        grid.show_values(changed((2, 2), 9.0))
        edit = focused(grid)
        assert isinstance(edit, QLineEdit)
        assert edit.text() == "12"


class TestKeys:
    def test_arrows_home_and_end(self, grid: KernelGrid) -> None:
        grid.set_current((0, 0))
        for key in (KEY.Key_Right, KEY.Key_Down, KEY.Key_Left, KEY.Key_Left):
            QTest.keyClick(grid, key)
        assert grid.current() == (1, 0)
        QTest.keyClick(grid, KEY.Key_End)
        assert grid.current() == (1, 2)
        QTest.keyClick(grid, KEY.Key_Home, Qt.KeyboardModifier.ControlModifier)
        assert grid.current() == (0, 0)

    def test_delete_zeroes(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        grid.set_current((1, 0))
        QTest.keyClick(grid, KEY.Key_Delete)
        np.testing.assert_array_equal(ear.last(), changed((1, 0), 0.0))

    def test_page_keys_step_as_one_gesture(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        grid.set_current((0, 1))
        for _ in range(3):
            QTest.keyClick(grid, KEY.Key_PageUp)
        assert [edit[0][0, 1] for edit in ear.edits] == [0.1, 0.2, 0.3]
        assert len(ear.keys()) == 1
        assert ear.keys() != {""}

    def test_its_keys_come_before_the_windows_shortcuts(self, grid: KernelGrid) -> None:
        copy = QKeyEvent(QEvent.Type.ShortcutOverride, KEY.Key_C, Qt.KeyboardModifier.ControlModifier, "c")
        save = QKeyEvent(QEvent.Type.ShortcutOverride, KEY.Key_S, Qt.KeyboardModifier.ControlModifier, "s")
        for event in (copy, save):
            event.ignore()
            QApplication.sendEvent(grid, event)
        assert copy.isAccepted()
        assert not save.isAccepted()


class TestDragging:
    def test_up_and_down_scrub_in_steps_under_one_key(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        start = spot(grid, (1, 1))
        drag(grid, [start + QPoint(0, -dy) for dy in range(0, 41, 4)])
        assert grid.values()[1, 1] == pytest.approx(1.0)
        assert len(ear.keys()) == 1
        assert ear.keys() != {""}
        drag(grid, [start, start + QPoint(0, 8), start + QPoint(0, 20)])
        assert grid.values()[1, 1] == pytest.approx(0.5)
        assert len(ear.keys()) == 2

    def test_shift_scrubs_finer(self, grid: KernelGrid) -> None:
        start = spot(grid, (1, 1))
        drag(grid, [start, start + QPoint(0, -8)], keys=Qt.KeyboardModifier.ShiftModifier)
        assert grid.values()[1, 1] == pytest.approx(0.02)

    def test_a_scrub_stays_on_its_cell(self, grid: KernelGrid) -> None:
        start = spot(grid, (1, 1))
        drag(grid, [start, start + QPoint(0, -8), start + QPoint(90, -12)])
        assert np.array_equal(grid.values()[:, 2], SOBEL[:, 2])
        assert grid.current() == (1, 1)

    def test_sideways_paints_the_first_cells_value(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        drag(grid, [spot(grid, (1, 0)), spot(grid, (1, 1)), spot(grid, (1, 2)), spot(grid, (2, 2))])
        expected = SOBEL.copy()
        expected[1, :] = expected[2, 2] = -2.0
        np.testing.assert_array_equal(ear.last(), expected)
        assert len(ear.keys()) == 1
        assert ear.keys() != {""}

    def test_a_fast_stroke_leaves_no_holes(self, grid: KernelGrid) -> None:
        start = spot(grid, (1, 0))
        drag(grid, [start, spot(grid, (1, 2))])
        np.testing.assert_array_equal(grid.values()[1], [-2.0, -2.0, -2.0])

    def test_the_cursor_shows_the_gesture(self, grid: KernelGrid) -> None:
        start = spot(grid, (1, 1))
        QTest.mousePress(grid, Qt.MouseButton.LeftButton, NONE, start)
        QTest.mouseMove(grid, start + QPoint(0, -9))
        shapes = {grid.cursor().shape()}
        QTest.mouseRelease(grid, Qt.MouseButton.LeftButton, NONE, start)
        assert shapes <= {Qt.CursorShape.SizeVerCursor, Qt.CursorShape.ArrowCursor}
        assert grid.cursor().shape() == Qt.CursorShape.ArrowCursor

    def test_a_click_alone_changes_nothing(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        click(grid, (2, 0))
        assert grid.current() == (2, 0)
        assert not ear.edits


class TestWheel:
    def test_it_steps_the_cell_under_the_pointer_as_one_gesture(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        grid.set_current((0, 0))
        assert wheel(grid, (2, 1), 1)
        wheel(grid, (2, 1), 1)
        np.testing.assert_array_equal(ear.last(), changed((2, 1), 0.2))
        assert len(ear.keys()) == 1
        wheel(grid, (0, 1), -1)
        np.testing.assert_array_equal(ear.last(), changed((0, 1), -0.1, changed((2, 1), 0.2)))
        assert len(ear.keys()) == 2

    def test_small_turns_of_a_touchpad_add_up(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        wheel(grid, (1, 1), 0.5)
        assert not ear.edits
        wheel(grid, (1, 1), 0.5)
        assert ear.last()[1, 1] == 0.1

    def test_control_is_coarse(self, grid: KernelGrid) -> None:
        wheel(grid, (1, 1), 1, Qt.KeyboardModifier.ControlModifier)
        assert grid.values()[1, 1] == 1.0

    def test_scrolling_past_a_grid_without_focus_changes_nothing(self, grid: KernelGrid) -> None:
        grid.window().findChildren(QLineEdit)[-1].setFocus()
        ear = Ear(grid)
        here = spot(grid, (1, 1))
        where = grid.mapToGlobal(here).toPointF()
        QApplication.sendEvent(grid, QEnterEvent(here.toPointF(), here.toPointF(), where))
        assert not wheel(grid, (1, 1), 1)
        assert not ear.edits

    def test_pointing_at_a_cell_is_enough(self, grid: KernelGrid) -> None:
        grid.window().findChildren(QLineEdit)[-1].setFocus()
        hover(grid, (1, 1))
        assert wheel(grid, (1, 1), 1)
        assert grid.values()[1, 1] == 0.1


class TestClipboard:
    def test_a_spreadsheet_is_pasted_whole(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        put_on_clipboard("1\t2\t1\r\n0\t0\t0\r\n-1\t-2\t-1\r\n")
        QTest.keyClick(grid, KEY.Key_V, Qt.KeyboardModifier.ControlModifier)
        np.testing.assert_array_equal(ear.last(), [[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
        assert ear.keys() == {""}

    def test_a_number_alone_goes_into_the_cell(self, grid: KernelGrid) -> None:
        ear = Ear(grid)
        grid.set_current((0, 1))
        put_on_clipboard("1/4")
        QTest.keyClick(grid, KEY.Key_V, Qt.KeyboardModifier.ControlModifier)
        np.testing.assert_array_equal(ear.last(), changed((0, 1), 0.25))

    @pytest.mark.parametrize("text", ["hello world", "1 2\n3", "", "1\t" * 63 + "1", "1 nan\n2 3"])
    def test_what_is_no_kernel_changes_nothing_and_is_explained(self, grid: KernelGrid, text: str) -> None:
        ear = Ear(grid)
        put_on_clipboard(text)
        QTest.keyClick(grid, KEY.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert len(ear.problems) == 1
        assert not ear.edits
        np.testing.assert_array_equal(grid.values(), SOBEL)

    def test_a_copy_comes_back_exactly(self, grid: KernelGrid) -> None:
        values = np.array([[1 / 3, -2e-7], [0.1, 5.0]])
        grid.show_values(values)
        QTest.keyClick(grid, KEY.Key_C, Qt.KeyboardModifier.ControlModifier)
        np.testing.assert_array_equal(parse_grid(QApplication.clipboard().text()), values)


def open_menu(grid: KernelGrid, cell: Cell) -> QMenu:
    context_menu(grid, cell)
    menu = grid.findChild(QMenu, "kernel-menu")
    assert menu is not None
    return menu


@pytest.mark.parametrize(
    ("name", "value"), [("zero", 0.0), ("one", 1.0), ("fraction-9", 1 / 9), ("fraction-16", 1 / 16)]
)
def test_the_menu_sets_the_cell(grid: KernelGrid, name: str, value: float) -> None:
    ear = Ear(grid)
    menu = open_menu(grid, (1, 2))
    action = menu.findChild(QAction, f"kernel-menu-{name}")
    assert action is not None
    action.trigger()
    menu.close()
    np.testing.assert_array_equal(ear.last(), changed((1, 2), value))


def test_the_menu_fills(grid: KernelGrid) -> None:
    menu = open_menu(grid, (1, 2))
    action = menu.findChild(QAction, "kernel-menu-fill")
    assert action is not None
    action.trigger()
    menu.close()
    np.testing.assert_array_equal(grid.values(), np.full((3, 3), 2.0))


def test_a_right_click_selects_and_does_not_scrub(grid: KernelGrid) -> None:
    ear = Ear(grid)
    start = spot(grid, (2, 2))
    drag(grid, [start, start + QPoint(0, -30)], RIGHT)
    assert not ear.edits
    assert grid.current() == (2, 2)


def test_the_current_cell_stays_where_it_can(grid: KernelGrid) -> None:
    grid.set_current((2, 1))
    grid.show_values(np.zeros((5, 5)))
    assert grid.current() == (2, 1)
    grid.show_values(np.zeros((2, 1)))
    assert grid.current() == (1, 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 9), (9, 9)])
def test_a_shortened_number_is_rounded_not_cut(grid: KernelGrid, shape: tuple[int, int]) -> None:
    values = np.random.default_rng(5).normal(size=shape) * np.logspace(-4, 1, shape[1])
    grid.show_values(values)
    for row in range(shape[0]):
        for column in range(shape[1]):
            text = grid.cell_text((row, column))
            assert len(text) <= (7 if shape[1] < 5 else 5)
            shown = float(text.replace("−", "-"))
            assert abs(shown - values[row, column]) <= 0.5001 * 10.0 ** -decimals(text)


def test_small_cells_agree_on_their_decimals(grid: KernelGrid) -> None:
    bell = np.exp(-(np.arange(-4.0, 5.0) ** 2) / 6.0)
    grid.show_values(np.outer(bell, bell) / bell.sum() ** 2)
    texts = {grid.cell_text((row, column)) for row in range(9) for column in range(9)}
    assert len({decimals(text) for text in texts}) == 1


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def test_the_cell_is_described_to_a_screen_reader(grid: KernelGrid) -> None:
    grid.set_current((1, 0))
    assert "row 1, column 0" in grid.accessibleDescription()
    assert format_number(-2.0) in grid.accessibleDescription()


def test_another_theme_repaints_the_cells(grid: KernelGrid) -> None:
    colours = []
    for window in ("#1e2128", "#f6f7f9"):
        palette = grid.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(window))
        grid.setPalette(palette)
        corner = grid.cells().rect((0, 1)).topLeft().toPoint() + QPoint(12, 6)
        colours.append(grid.grab().toImage().pixelColor(corner).lightness())
    assert colours[0] < 100 < 200 < colours[1]
