"""Receptive fields against impulses sent through real layers, published sizes, and costs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import (
    Stage,
    alignment,
    cells_read,
    conv,
    conv_transpose,
    max_pool,
    receptive_fields,
    stack_cost,
)

ORDINARY = settings(deadline=None, max_examples=60)


@st.composite
def stacks(draw: st.DrawFn, kinds: tuple[str, ...]) -> tuple[list[Stage], tuple[int, ...]]:
    """A short stack that fits, and the shape of its input."""
    rank = draw(st.sampled_from([1, 1, 2]))
    spatial = draw(st.tuples(*[st.integers(3, 24 if rank == 1 else 7)] * rank))
    stages: list[Stage] = []
    for _ in range(draw(st.integers(0, 4))):
        kernel, stride = (draw(st.tuples(*[st.integers(1, 4)] * rank)) for _ in range(2))
        kind = draw(st.sampled_from(kinds))
        if kind == "transposed":
            stride = tuple(min(s, 3) for s in stride)
            padding: Any = draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * rank))
        else:
            padding = draw(st.sampled_from([0, 1, 2, "same", "same_lower", "full"]))
        ceil = kind == "pool" and draw(st.booleans())
        stage = Stage(kernel, stride, draw(st.sampled_from([1, 1, 2, 3])), padding, kind, ceil_mode=ceil)
        try:
            shape = receptive_fields([*stages, stage], spatial)[-1].spatial
        except ValueError:
            continue
        if max(shape) <= 40:
            stages.append(stage)
    return stages, spatial


def response(stages: list[Stage], impulses: np.ndarray) -> np.ndarray:
    """What the stack makes of them with every weight 1: nothing cancels, and padding is 0."""
    rank = impulses.ndim - 2
    for stage in stages:
        kernel = stage.kernel if isinstance(stage.kernel, tuple) else (stage.kernel,) * rank
        weight = np.ones((1, 1, *kernel))
        geometry: Any = {"stride": stage.stride, "dilation": stage.dilation, "padding": stage.padding}
        if stage.kind == "transposed":
            impulses = conv_transpose(impulses, weight, output_padding=stage.output_padding, **geometry)
        elif stage.kind == "pool":
            impulses = max_pool(impulses, stage.kernel, ceil_mode=stage.ceil_mode, **geometry)
        else:
            impulses = conv(impulses, weight, algorithm="taps", **geometry)
        impulses = (impulses > 0).astype(np.float64)  # keeps numbers small and exact
    return impulses


@ORDINARY
@given(stack=stacks(("conv", "pool", "transposed")), data=st.data())
def test_just_these_cells_matter(stack: tuple[list[Stage], tuple[int, ...]], data: st.DataObject) -> None:
    """An impulse in each cell of the input: those that the output answers to are those it reads."""
    stages, spatial = stack
    count = int(np.prod(spatial))
    answers = response(stages, np.eye(count).reshape(count, 1, *spatial))
    output = receptive_fields(stages, spatial)[-1].spatial
    assert answers.shape[2:] == output
    cells = []
    for n in output:
        first = data.draw(st.integers(0, n - 1))
        cells.append(data.draw(st.sampled_from([first, (first, data.draw(st.integers(first + 1, n)))])))
    area = tuple(slice(*c) if isinstance(c, tuple) else slice(c, c + 1) for c in cells)
    matters = answers[(slice(None), 0, *area)].reshape(count, -1).any(axis=1).reshape(spatial)
    readings = cells_read(stages, spatial, cells)
    assert len(readings) == len(stages) + 1
    expected = np.zeros(spatial, bool)
    expected[np.ix_(*readings[0].cells)] = True
    np.testing.assert_array_equal(matters, expected)
    for reading in readings:
        for (first, stop), read in zip(reading.window, reading.cells, strict=True):
            assert not read or first <= read[0] <= read[-1] < stop


@ORDINARY
@given(stack=stacks(("conv", "pool")))
def test_recurrence(stack: tuple[list[Stage], tuple[int, ...]]) -> None:
    """size += (k − 1)·d·jump, start −= before·jump, jump *= s; and each cell's window is where it says."""
    stages, spatial = stack
    levels = receptive_fields(stages, spatial)
    rank = len(spatial)
    size, jump, start = [1] * rank, [1] * rank, [0] * rank
    for stage, before, after in zip(stages, levels[:-1], levels[1:], strict=True):
        for axis in range(rank):
            k, s, d = stage.kernel[axis], stage.stride[axis], stage.dilation
            words = {"same": 0, "same_lower": 1}
            if stage.padding in words:
                total = max(
                    (-(-before.spatial[axis] // s) - 1) * s + d * (k - 1) + 1 - before.spatial[axis], 0
                )
                pad = (total + words[stage.padding]) // 2
            else:
                pad = d * (k - 1) if stage.padding == "full" else stage.padding
            size[axis] += (k - 1) * d * jump[axis]
            start[axis] -= pad * jump[axis]
            jump[axis] *= s
            assert tuple(after.fields[axis]) == (size[axis], jump[axis], start[axis])
    last = [n - 1 for n in levels[-1].spatial]
    window = cells_read(stages, spatial, last)[0].window
    assert window == tuple(
        (start[a] + last[a] * jump[a], start[a] + last[a] * jump[a] + size[a]) for a in range(rank)
    )


@ORDINARY
@given(stack=stacks(("conv", "transposed", "transposed")))
def test_enlarging_stages(stack: tuple[list[Stage], tuple[int, ...]]) -> None:
    """The size is the largest window of any cell, and windows move by the jump over a period."""
    stages, spatial = stack
    level = receptive_fields(stages, spatial)[-1]
    for axis, field in enumerate(level.fields):
        period = 1
        for stage in stages:
            period *= stage.stride[axis] if stage.kind == "transposed" else 1
        n = level.spatial[axis]
        cells = [[0] * len(spatial) for _ in range(n)]
        for i in range(n):
            cells[i][axis] = i
        windows = [cells_read(stages, spatial, cell)[0].window[axis] for cell in cells]
        assert windows[0][0] == field.start
        sizes = [stop - first for first, stop in windows]
        assert max(sizes) <= field.size
        if n > period:
            assert max(sizes) == field.size
            assume(0 not in sizes)
            assert windows[period][0] - windows[0][0] == field.jump * period


def test_bilinear_upsampling_by_two() -> None:
    """A transposed 4-tap stage of stride 2: two cells each, half a cell apart."""
    level = receptive_fields([Stage(4, 2, padding=1, kind="transposed")], (10,))[-1]
    assert level.spatial == (20,)
    assert level.fields == ((2, Fraction(1, 2), -1),)
    read = [cells_read([Stage(4, 2, padding=1, kind="transposed")], (10,), [i])[0].cells[0] for i in range(4)]
    assert read == [(0,), (0, 1), (0, 1), (1, 2)]


def test_two_threes_see_what_a_five_sees() -> None:
    """Simonyan and Zisserman, VGG (2015), section 2.3: two see 5×5, three 7×7; 27C² weights against 49C²."""
    two = receptive_fields([Stage(3, padding=1)] * 2, (20, 20))[-1].fields
    assert two == receptive_fields([Stage(5, padding=2)], (20, 20))[-1].fields == ((5, 1, -2),) * 2
    assert receptive_fields([Stage(3)] * 3, (20, 20))[-1].fields[0].size == 7
    channels = 64
    threes = stack_cost([Stage(3, padding=1, channels=channels)] * 3, (channels, 20, 20)).total
    seven = stack_cost([Stage(7, padding=3, channels=channels)], (channels, 20, 20)).total
    assert threes.parameters == 27 * channels**2
    assert seven.parameters == 49 * channels**2
    assert threes.multiply_adds == 27 * channels**2 * 400
    assert threes.fully_connected == seven.fully_connected == (channels * 400) ** 2


ALEXNET = [
    Stage(11, 4, padding=2), Stage(3, 2, kind="pool"), Stage(5, padding=2), Stage(3, 2, kind="pool"),
    Stage(3, padding=1), Stage(3, padding=1), Stage(3, padding=1), Stage(3, 2, kind="pool"),
]  # fmt: skip
VGG16 = [
    stage for depth in (2, 2, 3, 3, 3) for stage in [*[Stage(3, padding=1)] * depth, Stage(2, kind="pool")]
]


@pytest.mark.parametrize(
    ("stages", "size", "jump"),
    [(ALEXNET, 195, 32), (VGG16, 212, 32)],
    ids=["AlexNet", "VGG-16"],
)
def test_published_sizes(stages: list[Stage], size: int, jump: int) -> None:
    """Araujo, Norris and Sim (2019), table 1: 195 for AlexNet, 212 for VGG-16, both at stride 32."""
    field = receptive_fields(stages, (224, 224))[-1].fields[0]
    assert (field.size, field.jump) == (size, jump)


def test_pooling_by_default_and_over_the_end() -> None:
    """Windows side by side; with `ceil_mode` one more, which sees what there is."""
    assert receptive_fields([Stage(3, kind="pool")], (10,))[-1] == ((3,), ((3, 3, 0),))
    hanging = [Stage(3, kind="pool", ceil_mode=True)]
    assert receptive_fields(hanging, (10,))[-1] == ((4,), ((3, 3, 0),))
    last = cells_read(hanging, (10,), [3])[0]
    assert last == (((9, 12),), ((9,),))


def test_centre() -> None:
    """A same-padded odd kernel looks straight ahead; an even one half a cell to the side."""
    odd, even = (receptive_fields([Stage(k, padding="same")], (9,))[-1].fields[0] for k in (5, 4))
    assert odd.centre == 0
    assert even.centre == 0.5


def test_no_stages_see_themselves() -> None:
    levels = receptive_fields([], (5, 6))
    assert levels == (((5, 6), ((1, 1, 0), (1, 1, 0))),)
    assert cells_read([], (5, 6), [2, (3, 5)])[0].cells == ((2,), (3, 4))
    assert stack_cost([], (3, 5, 6)).total.parameters == 0


def test_costs_of_a_classic() -> None:
    """LeNet-5's features for 32×32: 156 and 2,416 weights (with the second layer connected fully)."""
    stages = [
        Stage(5, channels=6, bias=True),
        Stage(2, 2, kind="pool"),
        Stage(5, channels=16, bias=True),
        Stage(2, 2, kind="pool"),
    ]
    cost = stack_cost(stages, (1, 32, 32))
    assert [c.parameters for c in cost.stages] == [156, 0, 2416, 0]
    assert [c.multiply_adds for c in cost.stages] == [25 * 6 * 28 * 28, 0, 150 * 16 * 100, 0]
    assert cost.total.parameters == 2572
    assert cost.total.fully_connected == 1024 * 16 * 25
    assert cost.stages[1].fully_connected == 6 * 28 * 28 * 6 * 14 * 14


def test_depthwise_separable_against_standard() -> None:
    """MobileNets (2017), equation 5: 1/N + 1/k² of the multiply-adds; here 32 to 64 channels, 3×3, 56×56."""
    standard = stack_cost([Stage(3, padding=1, channels=64)], (32, 56, 56)).total
    separable = stack_cost([Stage(3, padding=1, groups=32), Stage(1, channels=64)], (32, 56, 56)).total
    assert standard.parameters == 18432
    assert separable.parameters == 288 + 2048
    assert standard.multiply_adds == 57802752
    assert separable.multiply_adds == 7325696
    assert separable.multiply_adds / standard.multiply_adds == pytest.approx(1 / 64 + 1 / 9)


def test_transposed_costs_what_its_adjoint_costs() -> None:
    up = stack_cost([Stage(4, 2, padding=1, kind="transposed", channels=8, bias=True)], (16, 10, 10)).total
    down = stack_cost([Stage(4, 2, padding=1, channels=16)], (8, 20, 20)).total
    assert up.multiply_adds == down.multiply_adds == 16 * 8 * 16 * 100
    assert up.parameters == down.parameters + 8
    assert up.fully_connected == down.fully_connected


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: receptive_fields([Stage(9)], (5,)), ["kernel spans 9 px", "5 px wide"]),
        (lambda: receptive_fields([Stage(3, kind="dense")], (5,)), ["kind", "'dense'", "'transposed'"]),
        (lambda: receptive_fields([Stage(3, stride=0)], (5,)), ["stride", "0"]),
        (lambda: receptive_fields([Stage(2, padding=2, kind="pool")], (5,)), ["padding", "2"]),
        (lambda: receptive_fields([Stage((3, 3))], (5,)), ["kernel", "(3, 3)"]),
        (lambda: receptive_fields([], ()), ["spatial", "()"]),
        (lambda: receptive_fields([], (0,)), ["spatial", "0"]),
        (
            lambda: receptive_fields([Stage(2, 2, kind="transposed", output_padding=2)], (5,)),
            ["output_padding"],
        ),
        (lambda: cells_read([Stage(3)], (5,), [3]), ["cells", "(3,)", "[3]"]),
        (lambda: cells_read([Stage(3)], (5,), [(2, 2)]), ["cells", "(2, 2)"]),
        (lambda: cells_read([Stage(3)], (5,), [0, 0]), ["cells", "[0, 0]"]),
        (lambda: cells_read([Stage(3)], (5,), [-1]), ["cells", "-1"]),
        (lambda: stack_cost([Stage(3, groups=3)], (4, 9, 9)), ["groups", "4", "3"]),
        (lambda: stack_cost([Stage(3, channels=0)], (4, 9, 9)), ["channels", "0"]),
        (lambda: stack_cost([], (4,)), ["in_shape", "(4,)"]),
    ],
)
def test_wrong_arguments_are_named(call: Any, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage(3, padding=1), (0.0, 1.0)),
        (Stage(3), (1.0, 1.0)),
        (Stage(2, kind="pool"), (0.5, 2.0)),
        (Stage(5, 3, 2, padding=[(1, 0)]), (3.0, 3.0)),
        (Stage(2, 2, kind="transposed"), (-0.25, 0.5)),  # nearest: two cells share one of the input
        (Stage(3, 2, padding=1, kind="transposed"), (0.0, 0.5)),
    ],
)
def test_output_cells_lie_over_the_middle_of_what_they_read(
    stage: Stage, expected: tuple[float, float]
) -> None:
    assert alignment(stage, (20,)) == (expected,)


@given(stacks(("conv", "pool")))
@ORDINARY
def test_the_alignment_is_the_middle_of_the_window(stack: tuple[list[Stage], tuple[int, ...]]) -> None:
    stages, spatial = stack
    assume(stages)
    output = receptive_fields(stages[:1], spatial)[-1].spatial
    for axis, (origin, pitch) in enumerate(alignment(stages[0], spatial)):
        for cell in (0, output[axis] - 1):
            place = [0] * len(spatial)
            place[axis] = cell
            first, stop = cells_read(stages[:1], spatial, place)[0].window[axis]
            assert origin + cell * pitch == (first + stop - 1) / 2
