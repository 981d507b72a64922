"""Networks: what is computed and what not, geometry, projects, and what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from convstudio.core import Cancelled, Control, cells_read
from convstudio.engine import memory
from convstudio.kernels import Bank, Filter
from convstudio.layers import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    GlobalPool,
    Involution,
    Layer,
    MaxPool,
    MaxUnpool,
    Normalize,
)
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network, network_of
from tests.learn.network_stacks import (
    MIXED,
    OWN,
    SHAPE,
    SHARED,
    STACKS,
    every_stack,
    facts_of,
    kernel,
    network,
    numbers,
    project_of,
)

# --- what is computed, and what not ---


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked of convolutions from now on: forward, or the gradients that are needed, by bank."""
    calls: list[Any] = []
    compute, gradients = Conv.compute, Conv.gradients

    def heard_compute(self: Conv, *args: Any, **more: Any) -> Any:
        calls.append((self.bank.filters[0].name, "forward"))
        return compute(self, *args, **more)

    def heard_gradients(self: Conv, *args: Any, **more: Any) -> Any:
        calls.append((self.bank.filters[0].name, *sorted(more["needs"])))
        return gradients(self, *args, **more)

    monkeypatch.setattr(Conv, "compute", heard_compute)
    monkeypatch.setattr(Conv, "gradients", heard_gradients)
    return calls


def named(name: str) -> Conv:
    return Conv(bank=Bank((Filter((kernel(3, 3),), 0.1, name),)))


LINE = (named("below"), Activation(), named("lowest"), named("frozen"), named("top"))
MARKS = [("l2", "weight"), ("l4", "bias"), ("l4", "weight")]


def test_the_way_back_asks_for_what_is_needed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network_of(project_of(LINE), MARKS, SHAPE)
    assert [(each.layer, each.name) for each in net.parameters] == [(2, "weight"), (4, "weight"), (4, "bias")]
    x, values = numbers(*SHAPE), net.values()
    calls = recorded(monkeypatch)
    tape = net.forward(x, values)
    assert [name for name, _ in calls] == ["below", "lowest", "frozen", "top"]
    calls.clear()
    net.backward(np.ones(net.out_shape), tape, values)
    assert calls == [("top", "bias", "weight", "x"), ("frozen", "x"), ("lowest", "weight")]
    calls.clear()
    net.input_gradient(np.ones(net.out_shape), tape, values)
    assert calls[0] == ("below", "forward"), "what backward has no need of was not kept"
    assert calls[1:] == [("top", "x"), ("frozen", "x"), ("lowest", "x"), ("below", "x")]


def test_a_frozen_layer_keeps_its_own_arrays() -> None:
    net = network_of(project_of(LINE), [("l4", "bias")], SHAPE)
    (start,) = net.values()
    layers = net.with_values((start + 1.0,))
    assert layers[:4] == LINE[:4]
    np.testing.assert_array_equal(layers[4].weights(2)["weight"], LINE[4].weights(2)["weight"])
    np.testing.assert_array_equal(layers[4].weights(2)["bias"], start + 1.0)


def test_what_lies_below_is_not_computed_again_for_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = (named("below"), MaxPool(), named("lowest"), MaxUnpool())
    net = network_of(project_of(layers), [("l2", "weight")], SHAPE)
    x, start = numbers(*SHAPE), net.values()
    tape = net.forward(x, start)
    moved = tuple(2 * w for w in start)
    expected = net.forward(x, moved)
    calls = recorded(monkeypatch)
    found = net.forward(x, moved, reuse=tape)
    assert calls == [("lowest", "forward")]
    np.testing.assert_array_equal(found.output, expected.output)
    grad = numbers(*net.out_shape, seed=7)
    for one, other in zip(net.backward(grad, found, moved), net.backward(grad, expected, moved), strict=True):
        np.testing.assert_array_equal(one, other)
    calls.clear()
    again = net.forward(x.copy(), moved, reuse=tape)
    assert [name for name, _ in calls] == ["below", "lowest"], "an equal array may have been written to"
    np.testing.assert_array_equal(again.output, expected.output)


@pytest.mark.parametrize("size", [(8, 9), (90, 110)])
def test_the_bits_do_not_depend_on_who_listens(size: tuple[int, int]) -> None:
    net = network(LINE, (2, *size))
    x, values = numbers(2, *size).astype(np.float32), net.values()
    grad = numbers(*net.out_shape, seed=7).astype(np.float32)
    heard: list[float] = []
    results = []
    for control in (None, Control(heard.append), None):
        tape = net.forward(x, values, control)
        assert heard == sorted(heard)
        heard.clear()
        found = net.backward(grad, tape, values, control)
        assert heard == sorted(heard)
        results.append([tape.output, *found, net.input_gradient(grad, tape, values, control)])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("size", [(8, 9), (90, 110)])
def test_a_cancelled_control_stops_each_way(size: tuple[int, int]) -> None:
    net = network(LINE, (2, *size))
    x, values, control = numbers(2, *size), net.values(), Control()
    tape = net.forward(x, values)
    control.cancel()
    grad = np.ones(net.out_shape)
    for work in (
        lambda: net.forward(x, values, control),
        lambda: net.backward(grad, tape, values, control),
        lambda: net.input_gradient(grad, tape, values, control),
    ):
        with pytest.raises(Cancelled):
            work()


def test_float32_gradients_are_those_of_float64_rounded() -> None:
    net, x = network(STACKS["deep"]), numbers(*SHAPE)
    grad, values = numbers(*net.out_shape, seed=7), net.values()
    exact = net.backward(grad, net.forward(x, values), values)
    single = net.backward(grad.astype(np.float32), net.forward(x.astype(np.float32), values), values)
    for one, other in zip(exact, single, strict=True):
        assert other.dtype == np.float64
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-3)


# --- geometry ---


@every_stack
def test_fields_are_those_of_the_stack(layers: tuple[Layer, ...]) -> None:
    facts = facts_of(layers, SHAPE)
    assert facts.problem is None
    assert network(layers).fields() == facts.layers[-1].fields


CROPPED: dict[str, tuple[Layer, ...]] = {
    "one": (Conv(bank=OWN, channels="all"),),
    "strided": (Conv(bank=OWN, channels="all", stride=(2, 3)), Conv(bank=MIXED, channels="all")),
    "down-and-up": (
        Conv(bank=OWN, channels="all", stride=(2, 2), padding="same_lower"),
        Activation(),
        ConvTranspose(bank=SHARED, channels="all", stride=(2, 2)),
    ),
    "pooled": (
        MaxPool(window=(3, 3), padding="same"),
        Conv(bank=OWN, channels="all", padding="full"),
        AvgPool(padding="same"),
    ),
    "unpooled": (MaxPool(), Conv(bank=OWN, channels="all"), MaxUnpool()),
    "involution": (Involution(), Conv(bank=OWN, channels="all")),
}


@pytest.mark.parametrize("layers", CROPPED.values(), ids=CROPPED)
def test_inside_a_part_of_the_picture_the_cells_are_the_same(layers: tuple[Layer, ...]) -> None:
    """All cells whose windows lie in the part, cut out at each multiple of the grid."""
    shape, side = (2, 31, 34), 19
    net = network(layers, shape)
    x, values = numbers(*shape), net.values()
    whole = net.forward(x, values).output
    plain = net.explicit()
    np.testing.assert_array_equal(plain.forward(x, values).output, whole)
    stages = facts_of(layers, shape).stages
    windows = [
        [
            cells_read(stages, shape[1:], (cell, 0) if axis == 0 else (0, cell))[0].window[axis]
            for cell in range(whole.shape[axis + 1])
        ]
        for axis in (0, 1)
    ]
    compared = 0
    for corner in itertools.product(
        *(range(0, n - side, step) for n, step in zip(shape[1:], net.grid(), strict=True))
    ):
        part = x[:, corner[0] : corner[0] + side, corner[1] : corner[1] + side]
        found = plain.forward(np.ascontiguousarray(part), values).output
        inside = [
            [cell for cell, (first, stop) in enumerate(axis) if first >= at and stop <= at + side]
            for axis, at in zip(windows, corner, strict=True)
        ]
        rows, columns = np.ix_(*inside)
        down, right = (int(at / field.jump) for at, field in zip(corner, net.fields(), strict=True))
        same = whole[:, rows, columns]
        np.testing.assert_allclose(found[:, rows - down, columns - right], same, rtol=1e-12, atol=1e-12)
        compared += same.size
    assert compared > 100


def test_where_a_layer_shrinks_and_the_next_enlarges_the_grid_is_coarser_than_the_jump() -> None:
    net = network(CROPPED["down-and-up"], (2, 32, 32))
    assert [field.jump for field in net.fields()] == [1, 1]
    assert net.grid() == (2, 2)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (GlobalPool(), "sees the whole picture"),
        (Normalize(), "sees the whole picture"),
        (Involution(stride=(2, 2)), "at a stride"),
        (
            Conv(bank=Bank.of(kernel(1, 63)), dilation=(1, 64), padding="same", padding_mode="zeros"),
            "more padding",
        ),
    ],
)
def test_layers_that_need_the_whole_picture_say_so(layer: Layer, words: str) -> None:
    net = network((named("first"), layer), (1, 40, 40))
    with pytest.raises(LearnError, match=rf"^Layer 2 \(.*\) .*{words}.*whole picture.*\.$"):
        net.explicit()


# --- projects ---


def test_layers_that_are_off_and_marks_that_are_stale_are_left_out() -> None:
    layers = (Activation(), named("off"), named("first"), named("second"))
    project = project_of(layers, off=(1,))
    marks = [("l3", "weight"), ("l1", "weight"), ("l2", "tail"), ("gone", "weight"), ("l0", "weight")]
    net = network_of(project, marks)
    assert net.layers == (layers[0], layers[2], layers[3])
    assert [(each.layer, each.name) for each in net.parameters] == [(2, "weight")]
    assert net.in_shape == project.picture.shape
    assert network_of(project, marks, (1, 5, 9)).out_shape == (1, 5, 9)


@pytest.mark.parametrize("marks", [[], [("gone", "weight")], [("l1", "weight")]])
def test_a_stack_without_a_mark_is_refused(marks: list[tuple[str, str]]) -> None:
    with pytest.raises(LearnError, match="mark the weights or the bias that should be learned"):
        network_of(project_of((named("one"), Activation())), marks)


def test_a_stack_without_layers_is_refused() -> None:
    with pytest.raises(LearnError, match="no layer that is switched on"):
        network_of(project_of((named("off"),), off=(0,)), [("l0", "weight")])


def test_a_layer_that_does_not_fit_is_named_with_what_helps() -> None:
    layers = (named("off"), named("ok"), Conv(bank=Bank.of(kernel(9, 9)), padding="valid"))
    with pytest.raises(LearnError) as caught:
        network_of(project_of(layers, off=(0,)), [("l1", "weight")], (1, 5, 5))
    text = str(caught.value)
    assert text.startswith("Layer 3 (Custom) does not fit: ")
    assert text.endswith(". “Pad to the same size” would help.")
    with pytest.raises(LearnError, match=r"Layer 1 .* does not fit"):
        Network([layers[2]], (1, 5, 5), [(0, "weight")])


def test_results_that_need_too_much_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 8 * 4 * 20 * 20)
    project = project_of((named("one"), named("two"), named("three")))
    assert network_of(project, [("l0", "weight")], (1, 20, 20)).out_shape == (1, 20, 20)
    with pytest.raises(LearnError, match=r"Layer 2 \(two\) is too large: .* need"):
        network_of(project, [("l0", "weight")], (3, 20, 20))


@pytest.mark.parametrize(
    ("trainable", "words"),
    [
        ([], "Nothing is to be learned"),
        ([(0, "tail")], 'Layer 1 .* has no "tail"'),
        ([(0, "weight"), (1, "weight")], 'Layer 2 .* has no "weight"'),
        ([(7, "bias")], 'Layer 8 has no "bias"'),
    ],
)
def test_arrays_that_cannot_be_learned_are_said(trainable: list[tuple[int, str]], words: str) -> None:
    with pytest.raises(LearnError, match=words):
        Network([named("one"), Activation()], SHAPE, trainable)


def test_pictures_and_values_that_do_not_belong_are_refused() -> None:
    net = network((Conv(bank=OWN, channels="all", padding="valid"),))
    with pytest.raises(LearnError, match="2 channels, but the picture's shape is 3×9×8"):
        net.forward(numbers(3, 9, 8), net.values())
    with pytest.raises(LearnError, match=r"Layer 1 .* does not fit"):
        net.forward(numbers(2, 2, 2), net.values())
    with pytest.raises(ValueError, match="values must have the shapes"):
        net.forward(numbers(*SHAPE), net.values()[::-1])


def test_numbers_that_no_kernel_can_have_are_said() -> None:
    net = network((named("one"),))
    weight, bias = net.values()
    with pytest.raises(LearnError, match="take a lower rate"):
        net.with_values((weight * np.nan, bias))
    with pytest.raises(LearnError, match="take a lower rate"):
        net.with_values((weight, bias + 1e300))


def test_values_are_the_callers_own() -> None:
    net = network((named("one"),))
    net.values()[0][:] = 5.0
    assert not (net.values()[0] == 5.0).any()
