"""A stack on an array: the numbers of the engine, little memory, and layers that do not fit told by name."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import signal

from convstudio.core import Cancelled, Control
from convstudio.engine import memory
from convstudio.engine.evaluate import Evaluator
from convstudio.engine.run_stack import StackError, run_stack
from convstudio.kernels import Bank, preset
from convstudio.layers import Activation, Conv, Layer, MaxPool, MaxUnpool
from convstudio.layers.unknown import UnknownLayer
from convstudio.model import LayerItem, Picture, Project

VALUES = np.random.default_rng(1).random((3, 24, 30), np.float32)


def stack(*layers: Layer, off: tuple[int, ...] = ()) -> Project:
    items = tuple(
        LayerItem(f"{each.kind}-{n}", each, enabled=n not in off) for n, each in enumerate(layers, 1)
    )
    return Project(Picture(VALUES.copy(), "noise"), items)


def test_a_convolution_is_what_scipy_computes() -> None:
    kernel = preset("gaussian").make(size=5, sigma=1.0)
    found = run_stack(stack(Conv.of(kernel, padding="valid")), VALUES)
    expected = [signal.correlate(plane.astype(float), kernel.values, "valid") for plane in VALUES]
    np.testing.assert_allclose(found, expected, atol=1e-6)


NESTED = stack(
    Conv(bank=Bank.of(preset("sobel-x").make(), preset("sobel-y").make())),
    MaxPool(),
    Activation(),
    MaxPool(),
    Conv(padding="same"),
    MaxUnpool(),
    MaxUnpool(),
    Conv(),
    off=(8,),
)


def test_it_agrees_with_the_engine_poolings_undone_and_layers_off() -> None:
    evaluation = Evaluator().evaluate(NESTED)
    assert evaluation.problem is None
    assert_array_equal(run_stack(NESTED, VALUES), evaluation.layers[-1].output)
    for result in evaluation.layers:
        assert_array_equal(run_stack(NESTED, VALUES, until=result.item.id), result.output)


def test_nothing_is_kept_that_no_layer_below_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[Any] = []
    counts = []
    forward = Activation.forward

    def spy(self: Activation, x: Any, **how: Any) -> Any:
        gc.collect()
        counts.append(sum(ref() is not None for ref in alive))
        result = forward(self, x, **how)
        alive.append(weakref.ref(result))
        return result

    monkeypatch.setattr(Activation, "forward", spy)
    run_stack(stack(*[Activation()] * 6), VALUES)
    assert counts == [0, 1, 1, 1, 1, 1]
    alive.clear()
    counts.clear()
    run_stack(stack(Activation(), MaxPool(), Activation(), MaxUnpool(), Activation(), Activation()), VALUES)
    assert counts == [0, 1, 0, 1]  # what the pooling got goes once it is undone


def test_the_input_is_not_written_to_and_no_layer_is_no_change() -> None:
    before = VALUES.copy()
    assert run_stack(stack(Conv(), off=(1,)), VALUES) is VALUES
    run_stack(NESTED, VALUES)
    assert_array_equal(VALUES, before)


@pytest.mark.parametrize(
    ("project", "words"),
    [
        (stack(Activation(), Conv(padding="valid", dilation=(64, 64))), "layer 2 (Sobel x): "),
        (stack(MaxUnpool()), "layer 1 (Max unpool): a max unpooling needs"),
        (stack(UnknownLayer("fancy")), "layer 1 (fancy (unknown)): this program does not know"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(project: Project, words: str) -> None:
    with pytest.raises(StackError, match=re.escape(words)):
        run_stack(project, VALUES)


def test_a_result_larger_than_half_of_the_memory_is_refused_before_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = stack(Conv(bank=Bank.of(*[preset("sobel-x").make()] * 512)))
    monkeypatch.setattr(memory, "physical_memory", lambda: 8_000_000)
    monkeypatch.setattr(Conv, "forward", lambda *_, **__: pytest.fail("it was tried"))
    with pytest.raises(StackError, match=r"1536 channels of 24×30 cells need .* MB.*half"):
        run_stack(wide, VALUES)


def test_progress_rises_to_the_end_and_cancelling_ends_it() -> None:
    parts: list[float] = []
    run_stack(NESTED, VALUES, control=Control(parts.append))
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    control = Control(lambda part: control.cancel() if part > 0.4 else None)
    with pytest.raises(Cancelled):
        run_stack(NESTED, VALUES, control=control)
