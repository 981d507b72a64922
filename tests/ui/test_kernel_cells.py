"""Cells on screen, steps of a value, lines between cells."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, Qt

from convstudio.ui.kernel_cells import CellGrid, anchor_of, cells_between, merge_key, step_size, stepped

side = st.integers(1, 63)


@given(rows=side, columns=side, data=st.data())
def test_a_cell_is_found_at_its_centre(rows: int, columns: int, data: st.DataObject) -> None:
    grid = CellGrid(rows, columns, 11.0, 2.0, 20.0, 12.0, 3.0)
    cell = data.draw(st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)))
    assert grid.at(grid.rect(cell).center()) == cell
    assert grid.bounds().contains(grid.rect(cell))


def test_outside_there_is_no_cell_but_a_nearest_one() -> None:
    grid = CellGrid(3, 4, 10.0, 2.0, 20.0, 12.0, 3.0)
    assert grid.at(QPointF(-5, 5)) is None
    assert grid.nearest(QPointF(-50, 5)) == (0, 0)
    assert grid.nearest(QPointF(900, 900)) == (2, 3)


@pytest.mark.parametrize(("shape", "cell"), [((3, 3), (1, 1)), ((4, 4), (1, 1)), ((1, 2), (0, 0))])
def test_the_anchor_leaves_the_odd_element_after_it(shape: tuple[int, int], cell: tuple[int, int]) -> None:
    assert anchor_of(shape) == cell


cells = st.tuples(st.integers(0, 62), st.integers(0, 62))


@given(cells, cells)
def test_a_line_has_no_holes(start: tuple[int, int], end: tuple[int, int]) -> None:
    path = [start, *cells_between(start, end)]
    assert path[-1] == end
    steps = [max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in itertools.pairwise(path)]
    assert all(step == 1 for step in steps)


@pytest.mark.parametrize(("limit", "step"), [(1.0, 0.1), (2.0, 0.1), (8.0, 0.1), (1 / 9, 0.01), (50.0, 1.0)])
def test_steps_suit_the_weights(limit: float, step: float) -> None:
    assert step_size(limit) == pytest.approx(step)
    assert step_size(limit, Qt.KeyboardModifier.ShiftModifier) == pytest.approx(step / 10)
    assert step_size(limit, Qt.KeyboardModifier.ControlModifier) == pytest.approx(step * 10)


def test_a_step_lands_on_tidy_numbers() -> None:
    assert stepped(0.1, 2, 0.1) == 0.3
    assert stepped(1 / 9, 1, 0.01) == 0.12
    assert stepped(1 / 9, -1, 0.01) == 0.11
    assert stepped(-0.1, 1, 0.1) == 0.0
    assert math.copysign(1.0, stepped(-0.1, 1, 0.1)) == 1.0


@given(st.integers(-1000, 1000), st.integers(-20, 20), st.sampled_from([1.0, 0.1, 0.01, 0.001]))
def test_steps_there_and_back_meet(place: int, ticks: int, step: float) -> None:
    value = stepped(0.0, place, step)
    assert stepped(stepped(value, ticks, step), -ticks, step) == value


def test_every_gesture_has_its_own_key() -> None:
    assert merge_key("scrub") != merge_key("scrub")
