"""Pictures that lie shifted on each other are found out, and filters are not taken for shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage

from convstudio.core import Cancelled, Control
from convstudio.io.samples import SAMPLES, load_sample
from convstudio.kernels import preset
from convstudio.learn.errors import LearnError
from convstudio.learn.lab import Lab, open_lab, solve_lab
from convstudio.learn.shifts import found_shift, shift_text
from convstudio.model import Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup

PHOTO: np.ndarray = load_sample("still-life").values[:, 100:420, 150:530]
SEEMS = "seems to be shifted"


def rounded(values: np.ndarray) -> np.ndarray:
    """As an 8-bit file holds it."""
    stored: np.ndarray = (np.rint(np.clip(values, 0, 1) * 255) / 255).astype(np.float32)
    return stored


def blurred(before: np.ndarray, sigma: float = 0.8) -> np.ndarray:
    made: np.ndarray = ndimage.gaussian_filter(before, (0, sigma, sigma), mode="mirror", radius=(0, 2, 2))
    return made


def lab(before: np.ndarray, after: np.ndarray, **student: Any) -> Lab:
    files = [Picture(rounded(each), "photo.png", source_depth="8-bit") for each in (before, after)]
    setup = TrainingSetup(PairSetup(source="files"), StudentSetup(**student))
    return open_lab(setup, Project(files[0], ()), files[0], files[1])


FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blur": blurred,
    "soft blur": lambda x: ndimage.gaussian_filter(x, (0, 2.5, 2.5)),
    "wide blur": lambda x: ndimage.gaussian_filter(x, (0, 4, 4)),
    "Sobel": lambda x: ndimage.sobel(x, axis=2),
    "emboss": lambda x: 0.5 + x - np.roll(x, (1, 1), (1, 2)),
    "motion": lambda x: ndimage.uniform_filter1d(x, 15, axis=2),
    "long motion": lambda x: ndimage.uniform_filter1d(x, 31, axis=1),
    "mean": lambda x: ndimage.uniform_filter(x, (0, 9, 9)),
    "median": lambda x: ndimage.median_filter(x, (1, 5, 5)),
    "noise": lambda x: np.random.default_rng(2).random(x.shape),
    "noise on it": lambda x: x + np.random.default_rng(2).normal(size=x.shape) * 0.1,
    "flat": lambda x: np.full(x.shape, 0.5),
    "less contrast": lambda x: 0.9 - 0.5 * x,
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("sample", [each.id for each in SAMPLES])
def test_filters_are_no_shifts(sample: str, name: str) -> None:
    before = rounded(load_sample(sample).values[:, :400, :400])
    found = found_shift(before, rounded(FILTERS[name](before)))
    assert found is None or max(map(abs, found)) <= 1
    cycle = np.tile(before[:, :20, :20], (1, 10, 10))  # where it lies cannot be told
    assert found_shift(cycle, np.roll(cycle, (7, 5), (1, 2))) is None


@pytest.mark.parametrize("name", ["blur", "soft blur", "Sobel", "emboss", "noise on it", "less contrast"])
@pytest.mark.parametrize("shift", [(3, -2), (-25, 30), (0, 11)])
@pytest.mark.parametrize("sample", ["still-life", "landscape", "page", "texture"])
def test_shifts_are_found_through_filters(sample: str, shift: tuple[int, int], name: str) -> None:
    before = rounded(load_sample(sample).values[:, :400, :500])
    after = np.roll(rounded(FILTERS[name](before)), shift, (1, 2))
    found = found_shift(before, after)
    assert found is not None
    assert_allclose(found, (-shift[0], -shift[1]), atol=1)


def test_large_pictures_are_seen_in_part_and_small_ones_not_at_all() -> None:
    large = np.random.default_rng(0).random((1, 1500, 2100)).astype(np.float32)
    assert found_shift(large, np.roll(large, (64, -64), (1, 2))) == (-64, 64)
    assert found_shift(large[:, :31, :60], np.roll(large, (3, 3), (1, 2))[:, :31, :60]) is None
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        found_shift(large, large, control)


def test_a_picture_cut_off_centre_is_laid_where_it_was() -> None:
    after = blurred(PHOTO)[:, 10:-14, 6:-20]
    opened = lab(PHOTO, after, size=(5, 5))
    (note,) = opened.pair.notes
    assert "the picture after lies 10 px down and 6 px to the right in the one before" in note
    assert opened.pair.before.shape == after.shape
    found = solve_lab(opened)
    assert found.verdict.kind == "determined"
    row = ndimage.gaussian_filter1d(np.eye(5)[2], 0.8, radius=2, mode="constant")
    assert_allclose(found.weights[0, 0], np.outer(row, row), atol=0.01)
    middle = lab(PHOTO, blurred(PHOTO)[:, 10:-11, 6:-7], size=(5, 5))
    assert "the middle of" in middle.pair.notes[0]


def test_shifted_pictures_of_one_size_are_told_and_left_alone() -> None:
    after = np.roll(blurred(PHOTO), (3, -2), (1, 2))
    opened = lab(PHOTO, after, size=(5, 5))
    assert len(opened.pair.notes) == 1
    assert (
        f"{SEEMS} by 3 px down and 2 px to the left, farther than the kernel reaches" in opened.pair.notes[0]
    )
    assert_allclose(opened.pair.target, rounded(after)[:, 2:-2, 2:-2])
    assert lab(PHOTO, after, size=(7, 5)).pair.notes == ()
    assert lab(PHOTO, after, size=(3, 3), dilation=(3, 2)).pair.notes == ()
    cut = lab(PHOTO, after[:, 2:-2, 2:-2], size=(5, 5))  # of the size that the student makes
    assert f"{SEEMS} by 3 px down" in cut.pair.notes[0]


@pytest.mark.parametrize("sides", [(359, 360), (360, 359), (358, 361)])
def test_a_stride_may_round_otherwise(sides: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    before = rng.random((1, 360 * 2 - 1, 360 * 2)).astype(np.float32)
    made = np.stack([ndimage.correlate(plane, preset("gaussian").make(size=3).values) for plane in before])
    whole = np.pad(made[:, ::2, ::2], ((0, 0), (0, 2), (0, 2)))
    student: dict[str, Any] = {"size": (3, 3), "stride": (2, 2), "padding": "same"}
    wanted = lab(before, whole[:, :360, :360], **student)
    assert wanted.pair.notes == ()
    after = whole[:, : sides[0], : sides[1]]
    opened = lab(before, after, **student)
    (note,) = opened.pair.notes
    rows, columns = sides
    assert f"the one after {columns}×{rows}, where this student makes 360×360" in note
    assert opened.pair.target.shape == (1, min(rows, 360), min(columns, 360))
    assert_allclose(opened.pair.target, rounded(after[:, :360, :360]))
    assert_allclose(solve_lab(opened).weights, solve_lab(wanted).weights, atol=1e-3)


def test_sizes_that_a_stride_needs_are_named() -> None:
    before = np.random.default_rng(1).random((1, 478, 720))
    with pytest.raises(LearnError) as caught:
        lab(before, before[:, :230, :360], size=(3, 3), stride=(2, 2), padding="same")
    assert "720×478 px and the one after 360×230: the one after must have the 360×239 px" in str(caught.value)
    assert "give or take 2" in str(caught.value)


@pytest.mark.parametrize(
    ("shift", "text"),
    [((1, 0), "1 px down"), ((-2, 3), "2 px up and 3 px to the right"), ((0, -4), "4 px to the left")],
)
def test_shifts_have_words(shift: tuple[int, int], text: str) -> None:
    assert shift_text(shift) == text
