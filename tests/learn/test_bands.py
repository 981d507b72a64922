"""Work on whole pictures asks, band by band, whether it is still wanted."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstudio.core import Cancelled, Control
from convstudio.learn import bands, quality
from convstudio.learn.alignment import Grid, part
from convstudio.learn.anatomy import take_apart
from convstudio.learn.lab import Lab, comparisons, open_lab
from convstudio.learn.objectives import Objective
from convstudio.learn.pairs import Pair
from convstudio.learn.sources import check_numbers
from convstudio.model import Picture, Project
from convstudio.model.training import TrainingSetup
from tests.learn.training_pairs import CancelAt, picture

BAND = 80
X = picture(3, 40, 50)
"""Each of its 120 rows is a band."""
EVER = 1 << 30


@pytest.fixture(autouse=True)
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bands, quality):
        monkeypatch.setattr(module, "BAND_CELLS", BAND)


def asked(work: Callable[[Control], Any]) -> int:
    """How often it asks; one that was cancelled at any of these times ends there."""
    never = CancelAt(EVER)
    work(never)
    times = EVER - never.left
    for n in {0, times // 3, times - 1}:
        with pytest.raises(Cancelled):
            work(CancelAt(n))
    return times


def project(**values: Any) -> Project:
    setup = TrainingSetup()
    for key, value in values.items():
        part, name = key.split("__")
        setup = setup.with_value(part, name, value)
    return dataclasses.replace(Project.first(Picture(X, "a photo")), training=setup)


def opened(given: Project, control: Control | None = None) -> Lab:
    return open_lab(given.training, given, control=control)


def test_bands_are_every_cell_once() -> None:
    seen = np.zeros((2, 7, 50), int)
    for channel, rows in bands.bands(seen.shape):
        seen[channel, rows] += 1
        assert seen[channel, rows].size <= BAND
    assert (seen == 1).all()


def test_a_copy_is_made_in_bands() -> None:
    turned = X.transpose(0, 2, 1)
    assert asked(lambda control: bands.copied(turned, control)) == 3 * 50 // 2
    made = bands.contiguous(turned)
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made, turned)
    assert bands.contiguous(X) is X


def test_the_peak_is_the_largest_in_size() -> None:
    values = X - np.float32(0.5)
    values[1, 7, 9] = -3.0
    assert bands.peak_of(values) == (3.0, (40 + 7) * 50 + 9)
    values[2, 39, 49] = 3.0  # the first of equals
    assert bands.peak_of(values)[1] == (40 + 7) * 50 + 9
    assert asked(lambda control: bands.peak_of(values, control)) == 120


@pytest.mark.parametrize(
    "work",
    [
        lambda control: part(X, (0, 2), (40, 48), control),
        lambda control: check_numbers(X, "It", control),
        lambda control: quality.psnr(X, X, control=control),
        lambda control: Grid((0, 0), (1, 1), (40, 49)).read(X, control),
        lambda control: Grid((-1, 0), (1, 1), (40, 50)).read(X, control),
        lambda control: Grid((0, -1), (1, 1), (40, 50)).view(X, control),
    ],
)
def test_passes_over_a_picture_ask_in_each_band(work: Callable[[Control], Any]) -> None:
    assert asked(work) == 120


@pytest.mark.parametrize("first", [(0, 0), (-2, 3), (1, -1), (-3, -3)])
@pytest.mark.parametrize("step", [(1, 1), (2, 3)])
def test_a_grid_reads_the_edge_beyond_the_picture(first: tuple[int, int], step: tuple[int, int]) -> None:
    count = (-(-40 // step[0]), -(-50 // step[1]))
    rows, columns = (
        np.clip(first[axis] + step[axis] * np.arange(count[axis]), 0, X.shape[axis + 1] - 1)
        for axis in (0, 1)
    )
    made = Grid(first, step, count).read(X)
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made, X[:, rows][:, :, columns])


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        ({}, 5),  # two checks of numbers, one for the trainer of each picture, the target's pixels
        ({"pair__noise": 0.1, "pair__noise_on": "before"}, 6),
        ({"pair__noise": 0.1, "pair__noise_on": "after"}, 7),
        ({"student__stride": (2, 2)}, 3),
    ],
)
def test_opening_asks_in_each_pass(values: dict[str, Any], passes: int) -> None:
    assert asked(functools.partial(opened, project(**values))) >= passes * 114  # rows of a valid 3×3


def test_noise_is_the_same_in_any_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    given = project(pair__noise=0.1, pair__noise_on="before")
    cut = opened(given).pair
    monkeypatch.setattr(bands, "BAND_CELLS", 1 << 18)
    whole = opened(given).pair
    for name in ("before", "target"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
    noise = cut.before - X
    assert 0.095 < float(noise.std()) < 0.105


def test_what_is_asked_of_a_lab_asks_in_turn() -> None:
    lab = opened(project(pair__noise=0.1, pair__noise_on="before", pair__validation=0.0))
    prediction = lab.trainer.look().prediction
    # Five pictures: PSNR, and SSIM in bands that overlap.
    assert asked(lambda control: comparisons(lab, prediction, control)) >= 5 * (114 + 3 * 28)

    def apart(control: Control) -> object:
        return take_apart(lab.network, lab.trainer.values, lab.pair, Objective(), None, control)

    assert asked(apart) >= 120 + 8 * 120  # the largest slope of a pixel; a copy for each pixel that is moved


def test_the_masked_picture_may_hold_anything_where_it_does_not_count() -> None:
    lab = opened(project())
    keep = np.ones(lab.pair.target.shape, np.bool_)
    keep[1, 5, 6] = False
    target = lab.pair.target.copy()
    target[1, 5, 6] = np.nan
    pair: Pair = dataclasses.replace(lab.pair, target=target, keep=keep)
    trainer = type(lab.trainer)(lab.network, pair, lab.setup.method, start=lab.trainer.values, seed=0)
    trainer.advance()
    assert np.isfinite(trainer.look().loss)
