"""The numbers in the inspector are those of the layer and of its result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.engine.evaluate import Evaluator
from convstudio.kernels import Kernel
from convstudio.layers import LAYER_KINDS, Activation, Conv, ConvTranspose, Layer, MaxPool
from convstudio.layers.pooling import Pooling
from convstudio.model import LayerItem, Picture, Project
from convstudio.ui.layer_facts import axes_of, facts_of, result_facts
from tests.contracts.random_layers import fitting

SLIDING = (Conv, Pooling, ConvTranspose)


@pytest.mark.parametrize("kind", LAYER_KINDS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_sizes_and_cost_are_the_layers(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    facts, cost = facts_of(case.layer, case.shape, case.mate), case.layer.cost(case.shape, case.mate)
    assert (facts.multiply_adds, facts.parameters, facts.fully_connected) == (
        cost.multiply_adds,
        cost.parameters,
        cost.fully_connected,
    )
    assert facts.plan is None
    assert facts.seconds is None
    assert facts.algorithm == ""
    assert (facts.axes is not None) == isinstance(case.layer, SLIDING)
    if facts.axes is not None:
        assert tuple(axis.out for axis in facts.axes) == case.out_shape()[1:]  # type: ignore[index]
        assert tuple(axis.n for axis in facts.axes) == case.shape[1:]


def test_the_rule_is_the_kinds() -> None:
    shape = (1, 9, 9)
    for layer, rule in (
        (Conv(), "floor"),
        (MaxPool(), "floor"),
        (MaxPool(ceil_mode=True), "ceil"),
        (ConvTranspose(), "transposed"),
    ):
        axes = axes_of(layer, shape)
        assert axes is not None
        assert {axis.rule for axis in axes} == {rule}


def test_an_uneven_window_has_numbers_for_each_axis() -> None:
    layer = Conv.of(Kernel.custom(np.ones((2, 5))), stride=(2, 3), dilation=(1, 2), padding=((1, 0), (2, 3)))
    axes = axes_of(layer, (1, 10, 21))
    assert axes is not None
    rows, columns = axes
    assert (rows.n, rows.before, rows.after, rows.kernel, rows.stride, rows.dilation) == (10, 1, 0, 2, 2, 1)
    assert (columns.n, columns.before, columns.after, columns.kernel) == (21, 2, 3, 5)
    assert (columns.stride, columns.dilation) == (3, 2)
    assert (rows.unread, columns.unread) == (1, 2)


def test_what_does_not_fit_has_no_numbers() -> None:
    with pytest.raises(GeometryError):
        facts_of(Conv.of(Kernel.custom(np.ones((7, 7))), padding="valid"), (1, 5, 5))


@pytest.mark.parametrize("layer", [Conv(), MaxPool(), Activation(), ConvTranspose()])
def test_a_result_adds_what_was_measured(layer: Layer) -> None:
    values = np.random.default_rng(0).random((3, 20, 30), dtype=np.float32)
    project = Project(Picture(values, "noise"), (LayerItem("a", layer),), "a")
    result = Evaluator().evaluate(project).last
    facts = result_facts(result)
    assert facts.seconds == result.seconds > 0.0
    assert facts.algorithm == result.algorithm
    assert facts.plan is result.plan
    assert replace(facts, seconds=None, algorithm="", plan=None) == facts_of(layer, (3, 20, 30))
