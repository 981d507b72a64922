"""Students: which numbers they have, which are shared, and where they start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import Activation, Conv, ConvTranspose, Layer
from convstudio.learn.errors import LearnError
from convstudio.learn.network import Network
from convstudio.learn.students import make_student
from convstudio.model import LayerItem, Picture, Project
from convstudio.model.training import StudentSetup

SHAPE = (3, 40, 50)


def project(*layers: Layer) -> Project:
    items = tuple(LayerItem(f"layer-{n}", layer) for n, layer in enumerate(layers, 1))
    return Project(Picture(np.zeros(SHAPE, np.float32), "photo"), items)


def student(
    outputs: int = 3, of: Project | None = None, inputs: int = 3, **values: Any
) -> tuple[Network, tuple[np.ndarray, ...]]:
    return make_student(StudentSetup(**values), (inputs, 40, 50), outputs, of or project())


@pytest.mark.parametrize(
    ("channels", "inputs", "outputs", "shape", "free"),
    [
        ("shared", 3, 3, (3, 1, 2, 5), 10),
        ("shared", 1, 1, (1, 1, 2, 5), 10),
        ("each", 3, 3, (3, 1, 2, 5), 30),
        ("all", 3, 3, (3, 3, 2, 5), 90),
        ("all", 3, 1, (1, 3, 2, 5), 30),
        ("all", 1, 3, (3, 1, 2, 5), 30),
        ("grouped", 3, 3, (3, 1, 2, 5), 30),
    ],
)
def test_the_numbers_of_a_student(
    channels: str, inputs: int, outputs: int, shape: tuple[int, ...], free: int
) -> None:
    network, start = student(
        outputs, inputs=inputs, channels=channels, groups=3, size=(2, 5), bias=True, start="random"
    )
    weight, bias = network.parameters
    assert (weight.name, weight.shape, weight.count) == ("weight", shape, free)
    assert (bias.name, bias.shape) == ("bias", (outputs,))
    assert bias.count == (1 if channels == "shared" else outputs)
    assert len(np.unique(start[0])) == free
    assert_array_equal(start[1], 0.0)
    assert network.out_shape == (outputs, 39, 46)


def test_groups_that_read_several_channels() -> None:
    network, start = student(2, inputs=4, channels="grouped", groups=2, start="preset")
    assert network.parameters[0].shape == (2, 2, 3, 3)
    assert_allclose(start[0], np.full((2, 2, 3, 3), 1 / 18))  # the mean, shared out over two channels


def test_geometry_is_the_setups() -> None:
    geometry: dict[str, Any] = {
        "padding": ((1, 2), (3, 4)),
        "padding_mode": "circular",
        "stride": (2, 3),
        "dilation": (3, 2),
    }
    network, _ = student(size=(3, 4), **geometry)
    (layer,) = network.layers
    assert isinstance(layer, Conv)
    assert {name: getattr(layer, name) for name in geometry} == geometry
    assert not layer.flips
    assert [parameter.name for parameter in network.parameters] == ["weight"]


def test_the_same_seed_draws_the_same_and_another_others() -> None:
    for start in ("random", "xavier", "he"):
        one, again, other = (student(start=start, seed=seed)[1][0] for seed in (4, 4, 5))
        assert_array_equal(one, again)
        assert not np.isclose(one, other).any()


@pytest.mark.parametrize(
    ("channels", "inputs", "fan_in", "fan_out"),
    [("shared", 3, 31 * 31, 31 * 31), ("each", 3, 31 * 31, 31 * 31), ("all", 3, 3 * 31 * 31, 3 * 31 * 31)],
)
def test_starts_have_the_spread_of_their_papers(
    channels: str, inputs: int, fan_in: int, fan_out: int
) -> None:
    def drawn(start: str) -> np.ndarray:
        return student(inputs=inputs, channels=channels, size=(31, 31), start=start, seed=2)[1][0]

    limit = math.sqrt(6 / (fan_in + fan_out))
    assert np.abs(drawn("xavier")).max() == pytest.approx(limit, rel=0.01)
    assert np.abs(drawn("xavier")).max() <= limit
    assert drawn("xavier").std() == pytest.approx(limit / math.sqrt(3), rel=0.06)
    assert drawn("he").std() == pytest.approx(math.sqrt(2 / fan_in), rel=0.06)
    assert drawn("random").std() == pytest.approx(0.1, rel=0.06)
    assert abs(drawn("he").mean()) < 4 * math.sqrt(2 / fan_in) / 31


def test_a_start_at_zeros_and_at_a_kernel() -> None:
    assert_array_equal(student()[1][0], 0.0)
    sobel = preset("sobel-x").make()
    _, (weights,) = student(start="preset", first=sobel, size=(4, 5), channels="all")
    expected = np.zeros((3, 3, 4, 5))
    for channel in range(3):  # where "same" padding lays it
        expected[channel, channel, 0:3, 1:4] = sobel.values
    assert_array_equal(weights, expected)


def stack_student(*layers: Layer, marks: tuple[tuple[str, str], ...], **values: Any) -> Any:
    return student(of=project(*layers), kind="stack", marks=marks, **values)


MIXED = Bank(
    (
        Filter((Kernel.custom([[1.0, 2.0]]),), 0.5),
        Filter((Kernel.custom(np.arange(9.0).reshape(3, 3)),), -1.0),
    )
)


def test_a_stack_starts_as_it_is() -> None:
    network, start = stack_student(
        Conv(bank=MIXED, channels="all"),
        Activation(),
        marks=(("layer-1", "weight"), ("layer-1", "bias"), ("gone", "weight")),
        start="present",
    )
    assert len(network.layers) == 2
    assert_array_equal(start[0], MIXED.weights(3))
    assert_array_equal(start[1], [0.5, -1.0])


@pytest.mark.parametrize("start", ["random", "xavier", "he", "preset", "zeros"])
def test_a_stack_keeps_what_is_shared_and_the_sizes_of_its_kernels(start: str) -> None:
    network, (weights, bias) = stack_student(
        Conv(bank=MIXED, channels="all"),
        marks=(("layer-1", "weight"), ("layer-1", "bias")),
        start=start,
        first=Kernel.custom([[7.0]]),
    )
    assert network.parameters[0].count == 11
    for channel in (1, 2):
        assert_array_equal(weights[:, channel], weights[:, 0])
    frame = np.ones((3, 3), bool)
    frame[1, 1:] = False  # a 1×2 kernel begins at the middle of a window of 3×3
    assert_array_equal(weights[0, 0][frame], 0.0)
    if start == "preset":
        assert weights[0, 0, 1, 1] == weights[1, 0, 1, 1] == 7.0
        assert np.count_nonzero(weights) == 6
    elif start != "zeros":
        assert np.count_nonzero(weights[0, 0]) == 2
        assert np.count_nonzero(weights[1, 0]) == 9
    assert_array_equal(bias, 0.0)


def test_transposed_convolutions_draw_for_their_own_fans() -> None:
    tall = Bank.from_weights(np.ones((4, 3, 25, 25)))
    _, (weights,) = stack_student(
        ConvTranspose(bank=tall, channels="all"), marks=(("layer-1", "weight"),), start="he"
    )
    assert weights.shape == (3, 4, 25, 25)
    assert weights.std() == pytest.approx(math.sqrt(2 / (3 * 25 * 25)), rel=0.05)


def test_what_a_stack_cannot_start_from_is_told() -> None:
    marks = (("layer-1", "weight"),)
    with pytest.raises(LearnError, match="9×9 weights and does not fit into 3×3"):
        stack_student(Conv(), marks=marks, start="preset", first=preset("mean").make(size=9))
    with pytest.raises(LearnError, match="No layer of the stack is marked"):
        stack_student(Conv(), marks=())
