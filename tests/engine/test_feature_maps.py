"""Thumbnails of feature maps: block means against plain loops, colours against the main view's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control
from convstudio.engine import feature_maps as module
from convstudio.engine.channel_statistics import channel_statistics
from convstudio.engine.display import VIEWS, render
from convstudio.engine.feature_maps import (
    channel_scale,
    colour_thumbnails,
    grid_shape,
    thumbnail_shape,
    thumbnails,
)

VIEW_IDS = [kind.id for kind in VIEWS]
SIDES = st.integers(1, 60)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 256)


@given(
    shape=st.tuples(st.integers(1, 4), SIDES, SIDES),
    box=st.tuples(SIDES, SIDES),
    magnitudes=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 9),
)
def test_every_cell_is_the_mean_of_its_block(
    shape: tuple[int, int, int], box: tuple[int, int], magnitudes: bool, dtype: type, seed: int
) -> None:
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    small = thumbnails(values, box, magnitudes=magnitudes)
    _, height, width = shape
    rows, columns = small.shape[1:]
    assert small.dtype == np.float32
    assert rows <= min(box[0], height)
    assert columns <= min(box[1], width)
    source = np.abs(values) if magnitudes else values
    covered = np.zeros((height, width), int)
    for i, j in itertools.product(range(rows), range(columns)):
        block = (
            slice(i * height // rows, (i + 1) * height // rows),
            slice(j * width // columns, (j + 1) * width // columns),
        )
        covered[block] += 1
        expected = source[(slice(None), *block)].astype(np.float64).mean(axis=(1, 2))
        np.testing.assert_allclose(small[:, i, j], expected, rtol=0, atol=1e-5)
    assert (covered == 1).all()


def test_a_thumbnail_keeps_the_proportions() -> None:
    assert thumbnail_shape((1080, 1920), (84, 112)) == (63, 112)
    assert thumbnail_shape((4000, 3000), (84, 112)) == (84, 63)
    assert thumbnail_shape((20, 30), (84, 112)) == (20, 30)
    assert thumbnail_shape((1, 5000), (84, 112)) == (1, 112)


def test_a_fine_checkerboard_becomes_its_mean() -> None:
    board = (np.indices((600, 800)).sum(axis=0) % 2).astype(np.float32)[None]
    small = thumbnails(board, (84, 112))
    assert abs(small - 0.5).max() < 0.02  # blocks of an odd number of cells have one more of a kind


def test_nan_stays_in_its_block() -> None:
    values = np.ones((1, 40, 40), np.float32)
    values[0, 13, 27] = np.nan
    small = thumbnails(values, (4, 4))
    assert np.isnan(small).sum() == 1
    assert np.isnan(small[0, 1, 2])


def blocks(seed: int, spoilt: bool = False) -> np.ndarray:
    """Return three channels of 8 × 10 blocks, each of 5 × 5 equal cells."""
    rng = np.random.default_rng(seed)
    small = rng.standard_normal((3, 8, 10)) * np.array([0.1, 1.0, 20.0])[:, None, None]
    small[1] = np.abs(small[1])
    if spoilt:
        small[:, 2, 3] = np.nan
    small = small.astype(np.float32)
    return small.repeat(5, axis=1).repeat(5, axis=2)


def same(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether colours agree but for the last of 8 bits, which a mean's rounding may turn."""
    return int(np.abs(got.astype(int) - expected.astype(int)).max()) <= 1


@pytest.mark.parametrize("view", VIEW_IDS)
@pytest.mark.parametrize("spoilt", [False, True])
def test_colours_are_those_of_the_main_view(view: str, spoilt: bool) -> None:
    large = blocks(1, spoilt)
    stats = channel_statistics(large)
    thumbs = thumbnails(large, (8, 10), magnitudes=view == "absolute")
    pixels = colour_thumbnails(thumbs, stats, view, shared=False)
    for channel in range(3):
        shown = render(large, view, channel=channel)
        scale = channel_scale(stats, view, channel)
        assert (scale.low, scale.high) == pytest.approx((shown.low, shown.high))
        assert same(pixels[channel], shown.pixels[::5, ::5])


@pytest.mark.parametrize("view", ["signed", "absolute"])
def test_a_shared_scale_is_the_limit_of_the_main_view(view: str) -> None:
    large = blocks(2)
    stats = channel_statistics(large)
    limit = channel_scale(stats, view, None).high
    assert limit > channel_scale(stats, view, 0).high
    thumbs = thumbnails(large, (8, 10), magnitudes=view == "absolute")
    pixels = colour_thumbnails(thumbs, stats, view, shared=True)
    for channel in range(3):
        assert same(pixels[channel], render(large, view, channel=channel, limit=limit).pixels[::5, ::5])


def test_a_shared_stretch_runs_from_the_least_to_the_greatest_of_all() -> None:
    large = blocks(3)
    stats = channel_statistics(large)
    pixels = colour_thumbnails(thumbnails(large, (8, 10)), stats, "minmax", shared=True)
    together = large.reshape(1, -1, large.shape[2])
    expected = render(together, "minmax").pixels[::5, ::5].reshape(pixels.shape)
    assert same(pixels, expected)


@pytest.mark.parametrize("view", VIEW_IDS)
@pytest.mark.parametrize("value", [0.0, 0.4, -3.0, np.nan])
def test_a_flat_channel_has_the_main_views_colour(view: str, value: float) -> None:
    values = np.full((1, 20, 20), value, np.float32)
    thumbs = thumbnails(values, (4, 4), magnitudes=view == "absolute")
    pixels = colour_thumbnails(thumbs, channel_statistics(values), view, shared=False)
    assert same(pixels[0], render(values, view).pixels[:4, :4])


def test_few_extremes_do_not_pale_the_rest() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (1, 100, 100)).astype(np.float32)
    values[0, 0, 0] = 5.0
    scale = channel_scale(channel_statistics(values), "signed", 0)
    assert 0.9 < scale.high < 1.0
    assert scale.high == pytest.approx(render(values, "signed").high)


def test_wrong_arguments_are_named() -> None:
    values = np.zeros((2, 4, 4), np.float32)
    stats = channel_statistics(values)
    with pytest.raises(ValueError, match="no view 'loud'"):
        channel_scale(stats, "loud", 0)
    with pytest.raises(ValueError, match="2 channels do not belong to 1"):
        colour_thumbnails(values[:1], stats, "signed", shared=True)
    with pytest.raises(ValueError, match="a box must have"):
        thumbnails(values, (0, 4))


def test_a_cancelled_control_stops_the_work() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        thumbnails(np.zeros((2, 50, 50), np.float32), (4, 4), control)


@given(count=st.integers(1, 600), aspect=st.floats(0.2, 5.0), cell=st.floats(0.5, 2.0))
def test_a_grid_holds_all_and_no_empty_row_or_column(count: int, aspect: float, cell: float) -> None:
    rows, columns = grid_shape(count, aspect, cell)
    assert rows * columns >= count
    assert (rows - 1) * columns < count
    assert rows * (columns - 1) < count


def test_a_grid_comes_close_to_the_room() -> None:
    assert grid_shape(256, 1.0) == (16, 16)
    assert grid_shape(8, 2.0) == (2, 4)
    assert grid_shape(3, 100.0) == (1, 3)
