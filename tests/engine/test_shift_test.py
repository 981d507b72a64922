"""The shift experiment on stacks whose answer is known, and its masks against the windows themselves."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.engine import shift_test as module
from convstudio.engine.shift_test import ShiftExperiment
from convstudio.engine.stack_facts import receptive_boxes, stack_facts
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
    Upsample,
)
from convstudio.model import PHOTO, LayerItem, Picture, Project

RNG = np.random.default_rng(5)
SIDES = (24, 32)


def project(*layers: Layer, shape: tuple[int, int, int] = (1, *SIDES)) -> Project:
    items = tuple(LayerItem(f"layer-{place}", layer) for place, layer in enumerate(layers))
    values = np.random.default_rng(0).random(shape, np.float32)
    return Project(Picture(values, "test"), items, items[-1].id if items else PHOTO)


def conv(outputs: int = 2, inputs: int = 1, side: int = 3, **values: Any) -> Conv:
    bank = Bank.from_weights(RNG.standard_normal((outputs, inputs, side, side)))
    return Conv(bank=bank, channels="all", **values)


def experiment(*layers: Layer, **values: Any) -> ShiftExperiment:
    made = project(*layers)
    return ShiftExperiment(made, made.selected, **values)


def test_convolution_with_a_circular_border_merely_moves_along() -> None:
    layers = (conv(padding_mode="circular"), Activation(), conv(3, 2, 5, padding_mode="circular"))
    result = experiment(*layers).run((3, -2))
    assert result.without_pooling is None
    outcome = result.with_pooling
    assert outcome.moved == (3, -2)
    assert outcome.equivariance is not None
    assert outcome.equivariance.everywhere.share == 0.0
    assert outcome.equivariance.everywhere.relative < 1e-5
    assert outcome.equivariance.everywhere.cells == 3 * 24 * 32
    assert outcome.tolerance.everywhere.share > 0.9
    assert outcome.tolerance.everywhere.relative > 0.3


def test_with_another_border_it_does_so_inside() -> None:
    outcome = experiment(conv(padding_mode="zeros"), conv(1, 2)).run((0, 4)).with_pooling
    assert outcome.equivariance is not None
    assert outcome.equivariance.everywhere.share > 0.0
    inside = outcome.equivariance.inside
    assert inside is not None
    assert inside.share == 0.0
    assert inside.cells == (24 - 4) * (32 - 4 - 4)


@pytest.mark.parametrize(
    ("shift", "whole"), [((2, 0), True), ((1, 0), False), ((2, 1), False), ((-4, 2), True)]
)
def test_pooling_moves_along_for_multiples_of_its_step(shift: tuple[int, int], whole: bool) -> None:
    outcome = experiment(MaxPool()).run(shift).with_pooling
    assert outcome.jump == (2, 2)
    assert outcome.moved == (Fraction(shift[0], 2), Fraction(shift[1], 2))
    assert (outcome.equivariance is not None) == whole
    if outcome.equivariance is not None:
        assert outcome.equivariance.everywhere.relative == 0.0


def test_what_changes_is_counted_as_numpy_does() -> None:
    made = project(MaxPool(), AvgPool(window=(3, 3), stride=(1, 1)))
    x = made.picture.values
    before, after = x, np.roll(x, (0, 1), axis=(1, 2))
    for item in made.layers:
        before, after = item.layer.forward(before), item.layer.forward(after)
    found = ShiftExperiment(made, "layer-1").run((0, 1)).with_pooling.tolerance
    np.testing.assert_array_equal(found.difference, after - before)
    apart = np.linalg.norm((after - before).ravel()) / np.linalg.norm(before.ravel())
    assert found.everywhere.relative == pytest.approx(apart, rel=1e-5)
    assert found.everywhere.share == pytest.approx(np.mean(np.abs(after - before) > 1e-5 * before.max()))
    assert found.everywhere.cells == before.size


def test_pooling_layers_are_left_out_for_comparison_with_what_undoes_them() -> None:
    made = project(conv(), MaxPool(), Activation(), MaxUnpool(), conv(1, 2))
    bare = project(made.layers[0].layer, Activation(), made.layers[4].layer)
    result = ShiftExperiment(made, "layer-4").run((1, 1))
    alone = ShiftExperiment(bare, "layer-2").run((1, 1))
    assert result.without_pooling is not None
    assert result.without_pooling.tolerance.everywhere == alone.with_pooling.tolerance.everywhere
    assert result.with_pooling.tolerance.everywhere != alone.with_pooling.tolerance.everywhere


def test_max_pooling_tolerates_a_shift_better_than_none() -> None:
    """Of points far apart, a window twice as wide as the shift often keeps what it has."""
    values = np.zeros((1, 64, 64), np.float32)
    values[0, 3::8, 3::8] = 1.0
    made = project(MaxPool(window=(4, 4), stride=(4, 4)))
    made = made.with_picture(Picture(values, "points"))
    tolerance = ShiftExperiment(made, "layer-0").run((-1, 0))
    assert tolerance.with_pooling.tolerance.everywhere.relative == 0.0
    assert tolerance.without_pooling is not None
    assert tolerance.without_pooling.tolerance.everywhere.relative == pytest.approx(2**0.5)


def test_a_global_pooling_does_not_care() -> None:
    outcome = experiment(conv(padding_mode="circular"), GlobalPool()).run((5, 7)).with_pooling
    assert outcome.tolerance.everywhere.relative < 1e-5
    assert outcome.equivariance is None
    assert outcome.tolerance.inside is None


def test_no_shift_changes_nothing() -> None:
    outcome = experiment(conv(), MaxPool()).run((0, 0)).with_pooling
    assert outcome.tolerance.everywhere.relative == 0.0
    assert outcome.equivariance is not None
    assert outcome.equivariance.everywhere.share == 0.0


def test_layers_that_are_off_or_below_have_no_part() -> None:
    made = project(conv(1), MaxPool(), Upsample())
    made = made.with_item("layer-1", enabled=False)
    outcome = ShiftExperiment(made, "layer-1").run((1, 0))
    assert outcome.with_pooling.jump == (1, 1)
    assert outcome.without_pooling is None
    photo = ShiftExperiment(made, PHOTO).run((1, 0)).with_pooling
    assert photo.equivariance is not None
    assert photo.equivariance.everywhere.relative == 0.0
    assert photo.tolerance.difference.shape == (1, *SIDES)


@st.composite
def stacks(draw: st.DrawFn) -> Project:
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "pool", "transposed", "upsample"]))
        step = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
        if kind == "conv":
            layers.append(conv(1, 1, draw(st.integers(1, 4)), stride=step, padding_mode="zeros"))
        elif kind == "pool":
            layers.append(
                AvgPool(window=(2, 3), stride=step, padding=draw(st.sampled_from(["valid", "same"])))
            )
        elif kind == "transposed":
            layers.append(ConvTranspose(channels="all", stride=step))
        else:
            layers.append(Upsample(factor=step, method=draw(st.sampled_from(["nearest", "bilinear"]))))
    made = project(*layers, shape=(1, draw(st.integers(9, 20)), draw(st.integers(9, 20))))
    assume(stack_facts(made).problem is None)
    return made


@settings(max_examples=25)
@given(made=stacks(), shift=st.tuples(st.integers(-5, 5), st.integers(-5, 5)))
def test_inside_is_where_borders_and_seam_are_not_seen(made: Project, shift: tuple[int, int]) -> None:
    """Inside cells equal those of a picture that goes on in all directions, moved without a seam."""
    whole = ShiftExperiment(made, made.selected)
    outcome = whole.run(shift).with_pooling
    facts = stack_facts(made)
    # A stride that is undone further down still sees other cells unless all of its steps are whole ones.
    steps = [shift[axis] / level.fields[axis].jump for level in facts.layers for axis in (0, 1)]
    in_steps = all(step.denominator == 1 for step in steps)
    if in_steps and outcome.equivariance is not None and outcome.equivariance.inside is not None:
        assert outcome.equivariance.inside.share == 0.0
    height, width = facts.photo[1:]
    axes = whole._whole._placed
    assert axes is not None
    assert [axis.cells for axis in axes] == list(facts.layers[-1].out_shape[1:])
    still = axes[0].still(shift[0]), axes[1].still(shift[1])
    moved = axes[0].moved(shift[0]), axes[1].moved(shift[1])
    for axis, n in enumerate((height, width)):
        seam = shift[axis] % n
        for cell in range(axes[axis].cells):
            place = (cell, 0) if axis == 0 else (0, cell)
            box = receptive_boxes(facts, made.selected, *place)[0]
            first, stop = box.rows if axis == 0 else box.columns
            if first >= stop:
                continue  # a cell that reads nothing
            if still[axis][cell]:
                assert first >= 0
                assert stop <= n
                assert not first < seam < stop
            if moved[axis][cell]:
                assert first >= 0
                assert stop <= n
                assert first + shift[axis] >= 0
                assert stop + shift[axis] <= n


def test_without_enlarging_no_cell_inside_is_missed() -> None:
    made = project(conv(1, 1, 3, stride=(2, 1)), AvgPool(window=(2, 2), stride=(1, 2)))
    run = ShiftExperiment(made, made.selected)
    run.run((3, -2))
    facts = stack_facts(made)
    axes = run._whole._placed
    assert axes is not None
    for axis, (n, shift) in enumerate(zip(SIDES, (3, -2), strict=True)):
        still = []
        for cell in range(axes[axis].cells):
            box = receptive_boxes(facts, made.selected, *((cell, 0) if axis == 0 else (0, cell)))[0]
            first, stop = box.rows if axis == 0 else box.columns
            still.append(first >= 0 and stop <= n and not first < shift % n < stop)
        assert axes[axis].still(shift).tolist() == still


# --- manners ---


def test_it_works_on_the_middle_of_a_large_picture() -> None:
    made = project(conv(1), shape=(1, 50, 40))
    small = ShiftExperiment(made, "layer-0", crop=30)
    assert small.spatial == (30, 30)
    cropped = made.with_picture(Picture(made.picture.values[:, 10:40, 5:35].copy(), "middle"))
    expected = ShiftExperiment(cropped, "layer-0").run((2, 1)).with_pooling.tolerance
    assert small.run((2, 1)).with_pooling.tolerance.everywhere == expected.everywhere
    assert ShiftExperiment(made, "layer-0", crop=None).spatial == (50, 40)


def test_the_input_as_it_is_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    real = module._Stack._run
    monkeypatch.setattr(
        module._Stack, "_run", lambda self, x, control: runs.append(1) or real(self, x, control)
    )
    run = experiment(conv(), MaxPool())
    first = run.run((1, 0)).with_pooling.tolerance.everywhere
    run.run((2, 0))
    assert len(runs) == 2 * 2 + 2
    assert run.run((1, 0)).with_pooling.tolerance.everywhere == first


def test_progress_and_cancelling() -> None:
    heard: list[float] = []
    run = experiment(conv(), MaxPool())
    run.run((1, 0), Control(heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        run.run((2, 0), control)
    assert run.run((0, 0)).with_pooling.tolerance.everywhere.relative == 0.0


def test_a_layer_that_does_not_fit_says_so() -> None:
    run = experiment(conv(1, 1, 3), MaxUnpool())
    with pytest.raises(GeometryError, match="needs the max pooling"):
        run.run((1, 0))


def test_numbers_that_are_none_count_as_changed() -> None:
    values = np.ones((1, 12, 12), np.float32)
    values[0, 5, 5] = np.nan
    made = project(Activation()).with_picture(Picture(values, "hole"))
    outcome = ShiftExperiment(made, "layer-0").run((1, 0)).with_pooling
    assert outcome.tolerance.everywhere.share == 2 / 144
    assert outcome.equivariance is not None
    assert outcome.equivariance.everywhere.share == 0.0
