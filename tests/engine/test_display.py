"""The named views against a naive float64 version, and what they count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convstudio.engine.colormaps import lookup_table
from convstudio.engine.display import VIEWS, render, render_rgb

MAGENTA = (255, 0, 255)


def positions(values: NDArray[np.floating], view: str, limit: float | None = None) -> NDArray[np.float64]:
    """Where each value of (C, H, W) lies on its view's scale, 0-1, written as plainly as possible."""
    v = values.astype(np.float64)
    if view == "clamped":
        return np.clip(v, 0.0, 1.0)
    if view == "minmax":
        return (v - v.min()) / (v.max() - v.min())
    largest = limit or np.abs(v).max()
    if view == "absolute":
        return np.clip(np.abs(v) / largest, 0.0, 1.0)
    if not limit:  # the magnitude that all but the largest 0.5 % stay within
        inside = sorted(np.abs(v).ravel())[math.ceil(0.995 * v.size) - 1]
        largest = max(inside, largest / 8.0)
    return np.clip(0.5 + 0.5 * v / largest, 0.0, 1.0)


def shown(values: NDArray[np.floating], view: str, **options: object) -> NDArray[np.uint8]:
    """The red, green, blue that the preview shows, (H, W, 3)."""
    words = render(values, view, **options).pixels.view(np.uint32)[:, :, 0]  # type: ignore[arg-type]
    assert ((words >> 24) == 255).all()
    return np.stack([words >> 16 & 255, words >> 8 & 255, words & 255], axis=-1).astype(np.uint8)


def near_a_tie(scaled: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where float32 arithmetic may round to the other side."""
    return np.abs(scaled - np.floor(scaled) - 0.5) < 1e-3


def noise(shape: tuple[int, ...], seed: int = 0, spread: float = 1.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(shape) * spread).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    view=st.sampled_from(["signed", "absolute", "clamped", "minmax"]),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 50),
    seed=st.integers(0, 1000),
    spread=st.sampled_from([1e-35, 1e-6, 0.3, 1.0, 300.0, 1e33]),
    double=st.booleans(),
)
def test_pixels_equal_a_naive_float64_version(
    view: str, channels: int, height: int, width: int, seed: int, spread: float, double: bool
) -> None:
    values = noise((channels, height, width), seed, spread)
    values = values.astype(np.float64) if double else values
    if view == "signed" and channels == 1:
        return  # a colour scale: tested by itself
    if view == "minmax" and values.min() == values.max():
        return  # a constant picture: tested by itself
    wanted = positions(values, view) * 255.0
    got = np.moveaxis(shown(values, view), -1, 0).astype(np.float64)
    exact = (got == np.rint(wanted)) | near_a_tie(wanted)
    assert exact.all()
    assert np.abs(got - wanted).max() < 0.502


def test_values_of_an_8_bit_file_come_back_unchanged() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert (shown(levels.astype(np.float32) / np.float32(255.0), "clamped") == levels[0][:, :, None]).all()


def test_signed_single_channel_runs_through_the_scale_with_zero_white() -> None:
    values = np.linspace(-0.5, 0.5, 1001, dtype=np.float32).reshape(1, 1, -1)
    row = shown(values, "signed", limit=0.5)[0].astype(np.float64)
    anchors = lookup_table("signed", 1001).astype(np.float64) * 255.0
    assert np.abs(row - anchors).max() < 1.5
    assert tuple(row[500]) == (255, 255, 255)
    assert row[0][2] > row[0][0]  # blue below
    assert row[-1][0] > row[-1][2]  # red above


def test_signed_legend_is_symmetric_and_is_the_colours_of_the_picture() -> None:
    values = np.array([[[-0.2, 0.0, 0.7]]], np.float32)
    rendered = render(values, "signed")
    assert rendered.high == pytest.approx(0.7)
    assert rendered.low == -rendered.high
    assert np.allclose(rendered.legend[-1] * 255, shown(values, "signed")[0, 2], atol=0.6)


@pytest.mark.parametrize("limit", [0.37, 1.0, 12.3, 1e-6, 3e7])
def test_zero_is_neutral_in_signed_colour_pictures_whatever_the_limit(limit: float) -> None:
    values = np.zeros((3, 2, 3), np.float32)
    values[:, 0, 0] = limit
    pixels = shown(values, "signed")
    assert (pixels[1] == 128).all()
    assert (pixels[0, 0] == 255).all()


@pytest.mark.parametrize("size", [(3, 5), (700, 600)])
def test_clamped_counts_what_it_clips(size: tuple[int, int]) -> None:
    values = np.random.default_rng(3).random((3, *size), dtype=np.float32)
    values[0, 0, 0] = -0.001
    values[1, -1, -1] = 1.001
    values[2, 1, 1:4] = 7.0
    rendered = render(values, "clamped")
    assert (rendered.below, rendered.above, rendered.clipped) == (1, 4, 5)
    assert rendered.clipped_share == pytest.approx(5 / values.size)
    assert (rendered.low, rendered.high, rendered.nonfinite) == (0.0, 1.0, 0)


def test_the_ends_themselves_are_not_clipped() -> None:
    assert render(np.array([[[0.0, 1.0]]], np.float32), "clamped").clipped == 0


def test_a_limit_clips_and_counts_both_sides() -> None:
    values = np.array([[[-3.0, -1.0, 0.0, 2.0, 5.0]]], np.float32)
    signed = render(values, "signed", limit=2.0)
    assert (signed.below, signed.above, signed.low, signed.high) == (1, 1, -2.0, 2.0)
    absolute = render(values, "absolute", limit=2.0)
    assert (absolute.below, absolute.above, absolute.low, absolute.high) == (0, 2, 0.0, 2.0)
    assert [int(v) for v in shown(values, "absolute", limit=2.0)[0, :, 0]] == [255, 128, 0, 255, 255]


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_that_are_not_finite_are_magenta_counted_and_left_out_of_the_scale(
    view: str, channels: int
) -> None:
    clean = noise((channels, 300, 500))
    broken = clean.copy()
    broken[0, 5, 7] = math.nan
    broken[-1, 200, 3] = math.inf
    broken[-1, 299, 499] = -math.inf
    clean[:, [5, 200, 299], [7, 3, 499]] = 0.25
    rendered = render(broken, view)
    pixels = shown(broken, view)
    assert rendered.nonfinite == 3
    for row, column in ((5, 7), (200, 3), (299, 499)):
        assert tuple(pixels[row, column]) == MAGENTA
    expected = render(clean, view)
    finite = np.ones((300, 500), bool)
    finite[[5, 200, 299], [7, 3, 499]] = False
    assert (rendered.pixels[finite] == expected.pixels[finite]).all()
    assert (rendered.low, rendered.high) == (expected.low, expected.high)


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
def test_nothing_finite_at_all_still_renders(view: str) -> None:
    values = np.full((1, 4, 5), math.nan, np.float32)
    assert (shown(values, view) == MAGENTA).all()
    assert render(values, view).nonfinite == 20


@pytest.mark.parametrize("value", [0.0, -2.5, 0.4, 1e30, 1e-40])
def test_constant_pictures(value: float) -> None:
    values = np.full((1, 6, 4), value, np.float32)
    flat = render(values, "minmax")
    assert flat.low == flat.high == pytest.approx(value)
    assert (shown(values, "minmax") == 128).all()
    assert len(np.unique(shown(values, "signed").reshape(-1, 3), axis=0)) == 1
    zero = np.zeros((1, 2, 2), np.float32)
    assert (shown(zero, "signed") == 255).all()
    assert (shown(zero, "absolute") == 0).all()
    assert render(zero, "signed").high == 0.0


def test_the_whole_range_of_float64() -> None:
    values = np.array([[[-1.7e308, 0.0, 1.7e308]]])
    assert [int(v) for v in shown(values, "minmax")[0, :, 0]] == [0, 128, 255]
    assert [int(v) for v in shown(values * np.ones((3, 1, 1)), "signed")[0, :, 0]] == [0, 128, 255]


def test_a_narrow_range_far_from_zero_keeps_its_steps() -> None:
    values = (1000.0 + np.arange(256) / 1024.0).astype(np.float32).reshape(1, 1, -1)
    assert (shown(values, "minmax")[0, :, 0] == np.arange(256)).all()


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
@pytest.mark.parametrize("channel", [None, 1])
def test_the_8_bit_export_is_the_preview(view: str, channel: int | None) -> None:
    values = noise((3, 130, 70), spread=0.6)
    values[0, 3, 3] = math.nan
    assert (render_rgb(values, view, 8, channel=channel) == shown(values, view, channel=channel)).all()


@pytest.mark.parametrize("view", [kind.id for kind in VIEWS])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_16_bit_export_is_the_same_map_finer(view: str, channels: int) -> None:
    values = noise((channels, 90, 70), spread=0.6)
    fine = render_rgb(values, view, 16)
    assert fine.dtype == np.uint16
    coarse = shown(values, view).astype(np.float64)
    assert np.abs(fine / 257.0 - coarse).max() < (1.0 if view == "signed" and channels == 1 else 0.502)
    if view == "clamped":
        wanted = np.broadcast_to(np.moveaxis(np.rint(positions(values, view) * 65535), 0, -1), fine.shape)
        assert (fine == wanted).all()


def test_one_channel_of_three_is_scaled_by_itself() -> None:
    values = noise((3, 20, 20))
    values[0] *= 100.0
    alone = render(values, "absolute", channel=1)
    assert alone.high == pytest.approx(float(np.abs(values[1]).max()))
    assert alone.total == 400


def test_a_buffer_is_reused_and_a_wrong_one_is_refused() -> None:
    values = noise((3, 30, 20))
    buffer = np.empty((30, 20, 4), np.uint8)
    assert render(values, "signed", out=buffer).pixels is buffer
    assert (buffer == render(values, "signed").pixels).all()
    with pytest.raises(ValueError, match="out must be"):
        render(values, "signed", out=np.empty((20, 30, 4), np.uint8))


def test_views_of_other_arrays_render_alike_and_are_not_written_to() -> None:
    values = noise((3, 64, 90))
    before = values.copy()
    strided = np.moveaxis(np.ascontiguousarray(np.moveaxis(values, 0, -1)), -1, 0)
    values.setflags(write=False)
    for kind in VIEWS:
        assert (render(values, kind.id).pixels == render(strided, kind.id).pixels).all()
    assert (values == before).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 4, 4), {"view": "signed"}, "pick a channel"),
        ((4, 4), {"view": "signed"}, "must be float"),
        ((3, 4, 4), {"view": "rainbow"}, "no view 'rainbow'"),
        ((3, 4, 4), {"view": "signed", "channel": 3}, "from 0 to 2"),
        ((3, 4, 4), {"view": "signed", "limit": -1.0}, "positive"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(
    shape: tuple[int, ...], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        render(np.zeros(shape, np.float32), **options)  # type: ignore[arg-type]


class StoppedError(Exception):
    """What a cancelled control raises."""


class Impatient:
    """A control that gives up at its third check."""

    def __init__(self) -> None:
        self.checks = 0

    def check(self) -> None:
        self.checks += 1
        if self.checks >= 3:
            raise StoppedError


@pytest.mark.parametrize("view", ["signed", "clamped"])
def test_rendering_is_cancelled_between_bands(view: str) -> None:
    with pytest.raises(StoppedError):
        render(noise((3, 800, 800)), view, control=Impatient())


def test_an_empty_picture_renders_to_nothing() -> None:
    for kind in VIEWS:
        assert render(np.zeros((1, 0, 5), np.float32), kind.id).pixels.shape == (0, 5, 4)
        assert render(np.zeros((3, 5, 0), np.float32), kind.id).pixels.shape == (5, 0, 4)


def test_a_few_extremes_do_not_pale_the_signed_view_and_are_counted() -> None:
    values = np.random.default_rng(3).uniform(-1.0, 1.0, (1, 400, 500)).astype(np.float32)
    values[0, 0] = -4.0  # 0.25 % of the values
    rendered = render(values, "signed")
    assert 0.9 < rendered.high <= 1.0
    assert rendered.low == -rendered.high
    assert rendered.below == int((values < rendered.low).sum()) >= 500
    assert rendered.above == int((values > rendered.high).sum())
    assert (shown(values, "signed") == shown(values, "signed", limit=rendered.high)).all()
    values[0, :4] = -4.0  # 1 % is too much to leave out
    assert render(values, "signed").high == 4.0


def test_a_single_impulse_does_not_make_its_own_scale_tiny() -> None:
    values = np.full((1, 300, 300), 1e-7, np.float32)
    values[0, 7, 9] = -2.0
    rendered = render(values, "signed")
    assert rendered.high == 0.25
    assert rendered.below == 1
    assert (shown(values, "signed")[100, 100] == 255).all()
