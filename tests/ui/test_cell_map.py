"""Which input cells belong to an output cell on the screen, for every layer kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QRect

from convstudio.core import Stage, cells_read
from convstudio.core.padding import pad
from convstudio.engine.evaluate import Evaluator, LayerResult
from convstudio.kernels import Kernel
from convstudio.layers import LAYER_KINDS, Conv, ConvTranspose, Layer, MaxPool, MaxUnpool
from convstudio.model import LayerItem, Picture, Project
from convstudio.ui.cell_map import CellMap, border_of
from tests.contracts.random_layers import Case, fitting


def result_of(case: Case) -> LayerResult:
    output = case.forward()
    cost = case.layer.cost(case.shape, case.mate)
    return LayerResult(LayerItem("a", case.layer), case.x, output, cost, mate=case.mate)


def last_result(*layers: Layer, height: int = 9, width: int = 11, enabled: bool = True) -> LayerResult:
    values = np.random.default_rng(0).random((3, height, width), dtype=np.float32)
    items = tuple(LayerItem(f"layer-{n}", layer) for n, layer in enumerate(layers))
    project = Project(Picture(values, "noise"), items, items[-1].id)
    return Evaluator().evaluate(project.with_item(items[-1].id, enabled=enabled)).last


def map_of(result: LayerResult) -> CellMap:
    return CellMap.of(result, (result.source.shape[1], result.source.shape[2]))


@pytest.mark.parametrize("kind", LAYER_KINDS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_the_window_and_its_steps_are_the_cells_that_are_read(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    result = result_of(case)
    cells = map_of(result)
    assert cells.out == result.output.shape[1:]
    for _ in range(3):
        cell = tuple(data.draw(st.integers(0, n - 1)) for n in cells.out)
        window = cells.window(*cell)  # type: ignore[call-arg]
        read, _ = cells_read([cells.stage], cells.spatial, cell)
        spans = (
            (window.top(), window.height(), cells.dilation[0], cells.spatial[0]),
            (window.left(), window.width(), cells.dilation[1], cells.spatial[1]),
        )
        for (first, count, step, n), exact in zip(spans, read.cells, strict=True):
            assert tuple(i for i in range(first, first + count, step) if 0 <= i < n) == exact


@pytest.mark.parametrize("kind", LAYER_KINDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_the_nearest_output_cell_is_none_nearer(kind: str, data: st.DataObject) -> None:
    cells = map_of(result_of(data.draw(fitting(kind))))
    spot = tuple(data.draw(st.integers(-2, n + 1)) for n in cells.spatial)
    found = cells.nearest_output(*spot)  # type: ignore[call-arg]
    for where, axis, n, place in zip(spot, cells.axes, cells.out, found, strict=True):
        away = [abs(axis.origin + i * axis.pitch - where) for i in range(n)]
        assert away[place] <= min(away) + 1e-9


def test_an_output_cell_lies_over_the_middle_of_what_it_reads() -> None:
    for layer in (
        Conv.of(Kernel.custom(np.ones((4, 3))), stride=(2, 3), dilation=(1, 2), padding="full"),
        MaxPool(window=(3, 2), stride=(2, 2)),
    ):
        cells = map_of(last_result(layer, height=12, width=15))
        rows, columns = cells.axes
        for row, column in ((0, 0), (2, 1), (cells.out[0] - 1, cells.out[1] - 1)):
            window = cells.window(row, column)
            assert rows.origin + row * rows.pitch == window.top() + (window.height() - 1) / 2
            assert columns.origin + column * columns.pitch == window.left() + (window.width() - 1) / 2


def test_the_photo_and_what_is_switched_off_show_cells_as_they_are() -> None:
    for cells in (
        CellMap.of(None, (9, 11)),
        map_of(last_result(Conv.of(Kernel.custom(np.ones((5, 5))), stride=(2, 2)), enabled=False)),
        map_of(last_result(MaxUnpool(), enabled=False)),
    ):
        assert cells.out == cells.spatial == (9, 11)
        assert cells.stage == Stage(1)
        assert cells.window(3, 4) == QRect(4, 3, 1, 1)
        assert cells.nearest_output(3, 4) == (3, 4)
        assert cells.amounts == ((0, 0), (0, 0))
        assert cells.unread == (0, 0)


def test_padding_and_unread_cells_are_the_layers() -> None:
    conv = Conv.of(Kernel.custom(np.ones((3, 3))), stride=(4, 4), padding=((1, 0), (0, 2)))
    cells = map_of(last_result(conv))
    assert cells.amounts == ((1, 0), (0, 2))
    assert cells.unread == (3, 2)
    pool = map_of(last_result(MaxPool(window=(2, 2), stride=(2, 2))))
    assert pool.unread == (1, 1)
    padded = map_of(last_result(MaxPool(window=(3, 3), stride=(1, 1), padding="same")))
    assert padded.amounts == ((0, 0), (0, 0)), "what never wins has no values to show"
    assert padded.window(0, 0) == QRect(-1, -1, 3, 3)


def test_an_unpooled_cell_comes_from_the_window_that_covers_it() -> None:
    cells = map_of(last_result(MaxPool(), MaxUnpool()))
    assert cells.out == (9, 11)
    assert cells.window(2, 5) == QRect(2, 1, 1, 1)
    assert cells.window(3, 4) == QRect(2, 1, 1, 1)


def test_a_cell_between_the_stamps_reads_nothing() -> None:
    layer = ConvTranspose.of(Kernel.custom([[1.0]]), stride=(3, 3), padding="valid")
    cells = map_of(last_result(layer))
    assert cells.window(3, 6) == QRect(2, 1, 1, 1)
    assert cells.window(1, 1).isEmpty()


@pytest.mark.parametrize("mode", ["zeros", "constant", "reflect", "circular"])
@pytest.mark.parametrize("channel", [None, 1])
def test_the_border_is_that_of_the_convolution(mode: str, channel: int | None) -> None:
    conv = Conv(padding_mode=mode, padding_value=0.25)
    values = np.random.default_rng(0).random((3, 9, 11), dtype=np.float32)
    project = Project(Picture(values, "noise"), (LayerItem("a", conv),), "a")
    evaluation = Evaluator().evaluate(project)
    result, view = evaluation.last, evaluation.source_view
    border = border_of(result, map_of(result).amounts, view, channel)
    assert border is not None
    value = 0.25 if mode == "constant" else 0.0
    padded = pad(values[None], ((1, 1), (1, 1)), padding_mode=mode, padding_value=value)[0]
    for patch in border.patches:
        rows, columns = patch.values.shape[1:]
        expected = padded[:, patch.row + 1 :, patch.column + 1 :][:, :rows, :columns]
        np.testing.assert_array_equal(patch.values, expected)
        assert patch.pixels.shape[:2] == (rows, columns)


@pytest.mark.parametrize(
    ("layer", "more"),
    [(MaxPool(padding="same"), {}), (Conv(padding="valid"), {}), (Conv(), {"enabled": False})],
)
def test_what_is_not_padded_has_no_border(layer: Layer, more: dict[str, Any]) -> None:
    result = last_result(layer, **more)
    view = Evaluator().evaluate(Project(Picture(result.source, "same"), ())).source_view
    assert border_of(result, map_of(result).amounts, view, None) is None
