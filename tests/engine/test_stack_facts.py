"""Facts of a stack against what its layers really compute and read."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError, stack_cost
from convstudio.engine import memory
from convstudio.engine.stack_facts import StackFacts, receptive_boxes, stack_facts
from convstudio.kernels import Bank
from convstudio.layers import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    GlobalPool,
    Layer,
    MaxPool,
    MaxUnpool,
    Pad,
    Upsample,
)
from convstudio.model import PHOTO, LayerItem, Picture, Project


def project(*layers: Layer, shape: tuple[int, int, int] = (1, 20, 24), off: tuple[int, ...] = ()) -> Project:
    items = tuple(
        LayerItem(f"layer-{place}", layer, enabled=place not in off) for place, layer in enumerate(layers)
    )
    values = np.random.default_rng(0).random(shape, np.float32)
    return Project(Picture(values, "test"), items)


def ones(filters: int, inputs: int, rows: int, columns: int, **values: Any) -> Conv:
    """Return a convolution whose answers are sums of what it reads, so that nothing it reads cancels out."""
    bank = Bank.from_weights(np.ones((filters, inputs, rows, columns)))
    return Conv(bank=bank, channels="all", **{"padding_mode": "zeros", **values})


def run(facts: StackFacts, x: np.ndarray) -> np.ndarray:
    for each in facts.layers:
        x = each.item.layer.forward(x)
    return x


@st.composite
def plain_stacks(draw: st.DrawFn) -> Project:
    """Return one to four convolutions, poolings and enlargements that fit one channel of a small photo."""
    layers = []
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    for _ in range(draw(st.integers(1, 4))):
        common = {"stride": draw(pair), "dilation": draw(pair)}
        padding = draw(st.sampled_from(["valid", "same", "same_lower", ((1, 0), (0, 1))]))
        kind = draw(st.sampled_from(["conv", "pool", "transposed", "upsample", "pad"]))
        if kind == "conv":
            layers.append(ones(1, 1, *draw(pair), padding=padding, **common))
        elif kind == "pool":
            layers.append(AvgPool(window=draw(pair), padding=padding, **common))
        elif kind == "transposed":
            bank = Bank.from_weights(np.ones((1, 1, *draw(pair))))
            layers.append(ConvTranspose(bank=bank, channels="all", padding="valid", **common))
        elif kind == "upsample":
            method = draw(st.sampled_from(["nearest", "bilinear"]))
            layers.append(Upsample(factor=draw(pair), method=method))
        else:
            layers.append(Pad(vertical=(1, 2), horizontal=(0, 1), padding_mode="zeros"))
    made = project(*layers, shape=(1, draw(st.integers(4, 8)), draw(st.integers(4, 8))))
    assume(stack_facts(made).problem is None)
    return made


@settings(max_examples=25)
@given(stack=plain_stacks(), data=st.data())
def test_a_cell_reads_what_its_boxes_say(stack: Project, data: st.DataObject) -> None:
    """A change of a photo cell moves the output exactly where the photo's box has that cell."""
    facts = stack_facts(stack)
    x = np.zeros(facts.photo)
    last = facts.layers[-1]
    assert run(facts, x).shape == last.out_shape
    row, column = (data.draw(st.integers(0, n - 1)) for n in last.out_shape[1:])
    boxes = receptive_boxes(facts, last.item.id, row, column)
    assert [box.layer_id for box in boxes] == [PHOTO, *(each.item.id for each in facts.layers)]
    assert [box.spatial for box in boxes] == [facts.photo[1:], *(each.out_shape[1:] for each in facts.layers)]
    assert (boxes[-1].rows, boxes[-1].columns) == ((row, row + 1), (column, column + 1))
    reads = np.zeros(facts.photo[1:], bool)
    for i, j in np.ndindex(*facts.photo[1:]):
        x[0, i, j] = 1.0
        reads[i, j] = run(facts, x)[0, row, column] != 0
        x[0, i, j] = 0.0
    expected = np.zeros_like(reads)
    expected[np.ix_(boxes[0].read_rows, boxes[0].read_columns)] = True
    np.testing.assert_array_equal(reads, expected)
    for read, (first, stop) in (
        (boxes[0].read_rows, boxes[0].rows),
        (boxes[0].read_columns, boxes[0].columns),
    ):
        assert all(first <= cell < stop for cell in read)


def value_of(text: str) -> Fraction:
    """Return the number that an arithmetic text comes to."""
    plain = text.replace("−", "-").replace("·", "*")
    return Fraction(eval(re.sub(r"\d+", r"Fraction(\g<0>)", plain), {"Fraction": Fraction}))


@given(stack=plain_stacks())
def test_formulas_come_to_the_numbers_beside_them(stack: Project) -> None:
    facts = stack_facts(stack)
    enlarged = False
    for each in facts.layers:
        enlarged = enlarged or each.stage.kind == "transposed"
        for field, recurrence in zip(each.fields, each.recurrences, strict=True):
            for text, number in (
                (recurrence.size, Fraction(field.size)),
                (recurrence.jump, field.jump),
                (recurrence.start, Fraction(field.start)),
            ):
                terms = text.split(",")[0].split(" = ")[1:]
                assert all(value_of(term) == number for term in terms), text
                assert "where" in text or len(terms) == 2 or enlarged


def test_the_formula_reads_as_in_a_textbook() -> None:
    facts = stack_facts(project(ones(1, 1, 3, 3), MaxPool(), ones(1, 1, 3, 3, dilation=(2, 1))))
    rows, columns = facts.layers[2].recurrences
    assert rows.size == "r = 4 + (3 − 1)·2·2 = 12"
    assert rows.jump == "j = 2·1 = 2"
    assert rows.start == "s = −1 − 2·2 = −5"
    assert columns.size == "r = 4 + (3 − 1)·2 = 8"
    assert facts.layers[0].recurrences[0].size == "r = 1 + (3 − 1)·1 = 3"
    assert facts.layers[1].recurrences[0].jump == "j = 1·2 = 2"


def test_shapes_costs_and_bytes_add_up() -> None:
    facts = stack_facts(
        project(ones(4, 1, 3, 3), Activation(), MaxPool(), ones(6, 4, 5, 5), off=(1,), shape=(1, 20, 24))
    )
    assert [each.item.id for each in facts.layers] == ["layer-0", "layer-2", "layer-3"]
    assert [each.in_shape for each in facts.layers] == [(1, 20, 24), (4, 20, 24), (4, 10, 12)]
    assert [each.out_shape for each in facts.layers] == [(4, 20, 24), (4, 10, 12), (6, 10, 12)]
    assert [each.output_bytes for each in facts.layers] == [4 * 4 * 480, 4 * 4 * 120, 4 * 6 * 120]
    assert facts.output_bytes == 4 * (4 * 480 + 4 * 120 + 6 * 120)
    assert facts.total == stack_cost(facts.stages, facts.photo).total
    assert facts.total.parameters == 4 * 9 + 4 + 6 * 4 * 25 + 6
    assert facts.problem is None
    assert facts.find("layer-2") == 1
    assert facts.find("layer-1") is None


def test_an_empty_stack_costs_nothing() -> None:
    facts = stack_facts(project())
    assert facts.layers == ()
    assert dataclasses.astuple(facts.total) == (0, 0, 0)
    boxes = receptive_boxes(facts, PHOTO, 3, 4)
    assert [(box.layer_id, box.rows, box.columns) for box in boxes] == [(PHOTO, (3, 4), (4, 5))]


def test_an_unpooling_reads_the_windows_of_its_pooling() -> None:
    facts = stack_facts(project(MaxPool(), ones(1, 1, 3, 3), MaxUnpool()))
    assert facts.problem is None
    assert facts.layers[2].out_shape == (1, 20, 24)
    assert facts.layers[2].fields[0].jump == 1
    assert "sees most" in facts.layers[2].recurrences[0].size


def test_it_stops_at_the_first_layer_that_does_not_fit() -> None:
    large = ones(1, 1, 30, 3, padding="valid")
    facts = stack_facts(project(MaxPool(), large, Activation()))
    assert [each.item.id for each in facts.layers] == ["layer-0"]
    assert facts.problem is not None
    assert facts.problem.item.id == "layer-1"
    assert facts.problem.in_shape == (1, 10, 12)
    assert facts.problem.reason == "kernel spans 30 px but the input is 10 px high"
    repair = facts.problem.repair
    assert repair is not None
    assert stack_facts(project(MaxPool(), large.replace(**repair.changes))).problem is None


def test_an_unpooling_without_its_pooling_says_so() -> None:
    facts = stack_facts(project(MaxUnpool()))
    assert facts.problem is not None
    assert "needs the max pooling" in facts.problem.reason
    assert facts.problem.repair is not None
    assert facts.problem.repair.insert == "max_pool"


def test_what_would_not_fit_into_memory_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 20_000)
    facts = stack_facts(project(ones(4, 1, 3, 3), ones(4, 4, 3, 3)))
    assert len(facts.layers) == 1
    assert facts.problem is not None
    assert facts.problem.reason.startswith("4 channels of 20×24 cells need 0.00768 MB")


def test_a_global_pooling_sees_the_whole_photo() -> None:
    facts = stack_facts(project(ones(1, 1, 3, 3, padding="valid"), GlobalPool()))
    assert [field.size for field in facts.layers[-1].fields] == [20, 24]
    box = receptive_boxes(facts, "layer-1", 0, 0)[0]
    assert (box.rows, box.columns) == ((0, 20), (0, 24))


def test_cells_and_layers_that_are_not_there() -> None:
    facts = stack_facts(project(MaxPool(), Activation(), off=(1,)))
    with pytest.raises(KeyError):
        receptive_boxes(facts, "layer-1", 0, 0)
    with pytest.raises(GeometryError):
        receptive_boxes(facts, "layer-0", 10, 0)
