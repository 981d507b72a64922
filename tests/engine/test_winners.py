"""Winners of pooling windows, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.engine.winners import Extreme, winning_window
from convstudio.layers import MaxPool, MinPool

ORDINARY = settings(max_examples=60)
PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Extreme, np.ndarray]:
    layer = draw(st.sampled_from([MaxPool, MinPool]))(
        window=draw(PAIR),
        stride=draw(PAIR),
        dilation=draw(PAIR),
        padding=draw(st.sampled_from(["valid", "same", ((1, 0), (0, 1))])),
        ceil_mode=draw(st.booleans()),
    )
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-3, 3, shape).astype(draw(st.sampled_from([np.float32, np.float64])))  # many are equal
    if draw(st.booleans()):
        x[rng.random(shape) < 0.2] = np.nan
    try:
        layer.out_shape(shape)
    except GeometryError:
        assume(False)
    return layer, x


def window_of(layer: Extreme, x: np.ndarray, row: int, column: int) -> list[tuple[int, int]]:
    """Return the cells of the input under a window, row by row."""
    (top, _), (left, _) = layer.geometry(x.shape).amounts
    cells = []
    for u in range(layer.window[0]):
        for v in range(layer.window[1]):
            i = row * layer.stride[0] + u * layer.dilation[0] - top
            j = column * layer.stride[1] + v * layer.dilation[1] - left
            if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                cells.append((i, j))
    return cells


def winner_of(layer: Extreme, plane: np.ndarray, cells: list[tuple[int, int]]) -> tuple[int, int]:
    best = cells[0]
    for cell in cells:
        value, record = plane[cell], plane[best]
        better = value > record if isinstance(layer, MaxPool) else value < record
        if np.isnan(value) or (better and not np.isnan(record)):
            best = cell
    return best


@ORDINARY
@given(job=jobs(), data=st.data())
def test_a_window_shows_its_cells_and_the_winner(
    job: tuple[Extreme, np.ndarray], data: st.DataObject
) -> None:
    layer, x = job
    channel, row, column = (data.draw(st.integers(0, n - 1)) for n in layer.out_shape(x.shape))
    found = winning_window(layer, x, channel, row, column)
    cells = window_of(layer, x, row, column)
    assert found.winner == winner_of(layer, x[channel], cells)
    np.testing.assert_equal(found.value, float(layer.forward(x)[channel, row, column]))
    inside = [(found.rows[u], found.columns[v]) for u, v in np.argwhere(found.inside).tolist()]
    assert inside == cells
    np.testing.assert_array_equal(found.values[found.inside], [x[channel][cell] for cell in cells])
    assert np.isnan(found.values[~found.inside]).all()
    assert found.values.shape == layer.window


def test_cells_that_are_not_there() -> None:
    with pytest.raises(GeometryError, match="1 channels of 2×3 cells, got channel 0, row 2, column 0"):
        winning_window(MaxPool(), np.zeros((1, 4, 6), np.float32), 0, 2, 0)
