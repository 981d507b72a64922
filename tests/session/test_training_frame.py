"""What a frame shows: small pictures that are true to the large ones, on scales that can be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control
from convstudio.engine.display import render
from convstudio.learn.lab import Lab, comparisons, open_lab
from convstudio.learn.look import Look
from convstudio.learn.pairs import Pair
from convstudio.learn.quality import psnr, ssim
from convstudio.model import Project
from convstudio.session import training_frame
from convstudio.session.training_frame import (
    MOST_PIXELS,
    MOST_POINTS,
    FrameMaker,
    round_limit,
    small_shape,
)
from tests.session.training_hands import project, run, with_value


def opened(of: Project) -> Lab:
    return open_lab(of.training, of)


def with_target(lab: Lab, target: Any) -> Lab:
    """A lab with another picture to come to."""
    pair: Pair = replace(lab.pair, target=target.astype(np.float32))
    return replace(lab, pair=pair)


def looking(lab: Lab, prediction: Any, step: int = 1) -> Look:
    """What the trainer would show if it predicted this."""
    return replace(lab.trainer.look(), prediction=prediction.astype(np.float32), step=step)


# --- pictures ---


def test_a_small_picture_is_shown_as_it_is() -> None:
    lab = run(project(), 3)
    maker = FrameMaker(lab)
    look = lab.trainer.look()
    frame = maker.make(look, None)
    residual = look.prediction - lab.pair.target
    target = render(lab.pair.target, "signed")
    assert np.array_equal(frame.before.pixels, render(lab.pair.before, "clamped").pixels)
    assert np.array_equal(frame.target.pixels, target.pixels)
    assert np.array_equal(frame.prediction.pixels, render(look.prediction, "signed", like=target).pixels)
    assert np.array_equal(frame.residual.pixels, render(residual, "signed", limit=frame.residual.high).pixels)
    assert frame.prediction.high == frame.target.high
    assert frame.residual.low == -frame.residual.high


def test_a_large_picture_is_shown_by_means_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_frame, "MOST_PIXELS", 11 * 13)
    lab = opened(project())  # predicts 22 × 26 cells
    values = np.random.default_rng(1).random((1, 22, 26))
    frame = FrameMaker(lab).make(looking(lab, values), None)
    residual = (values - lab.pair.target).reshape(1, 11, 2, 13, 2).mean((2, 4)).astype(np.float32)
    expected = render(residual, "signed", limit=frame.residual.high)
    assert frame.residual.pixels.shape == (11, 13, 4)
    apart = frame.residual.pixels.astype(int) - expected.pixels
    assert np.abs(apart).max() <= 1  # rounding of the means


@given(height=st.integers(1, 40_000), width=st.integers(1, 40_000))
def test_pictures_in_frames_are_small_and_keep_their_proportions(height: int, width: int) -> None:
    rows, columns = small_shape(height, width)
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    assert rows * columns <= MOST_PIXELS
    if height * width <= MOST_PIXELS:
        assert (rows, columns) == (height, width)
    elif min(rows, columns) > 100:
        assert rows / columns == pytest.approx(height / width, rel=0.02)


@pytest.mark.parametrize(
    ("low", "high", "view"),
    [
        (0.0, 1.0, "clamped"),
        (-0.01, 1.01, "clamped"),
        (-1.0, 1.0, "signed"),
        (-0.5, 0.2, "signed"),
        (0.0, 4.0, "minmax"),
    ],
)
def test_the_target_is_shown_in_a_view_that_suits_it(low: float, high: float, view: str) -> None:
    lab = opened(project())
    target = np.linspace(low, high, 22 * 26).reshape(1, 22, 26)
    assert FrameMaker(with_target(lab, target)).make(lab.trainer.look(), None).target.view == view


def test_a_sharpened_picture_is_still_a_picture() -> None:
    lab = opened(project())
    target = np.full((1, 22, 26), 0.5)
    target[0, 0, :4] = (-0.4, 1.5, -0.3, 1.4)
    frame = FrameMaker(with_target(lab, target)).make(lab.trainer.look(), None)
    assert (frame.target.view, frame.target.clipped) == ("clamped", 4)


def test_what_is_no_number_is_shown_as_such() -> None:
    lab = opened(project())
    values = np.zeros((1, 22, 26))
    values[0, 3, 4] = np.nan
    values[0, 5, 6] = np.inf
    frame = FrameMaker(lab).make(looking(lab, values), None)
    assert (frame.prediction.nonfinite, frame.residual.nonfinite) == (2, 2)


def test_of_many_channels_one_is_shown() -> None:
    made = with_value(project(), "pair", "source", "stack")
    layers = made.bank_layer("conv-1").bank.resized(5)
    made = with_value(made.with_param("conv-1", "bank", layers), "student", "channels", "all")
    lab = opened(with_value(made, "student", "padding", "same"))
    assert len(lab.pair.target) == 5
    maker = FrameMaker(lab)
    look = lab.trainer.look()
    assert maker.make(look, None).channel == 0
    for channel, shown in ((3, 3), (99, 4), (None, 0)):
        maker.show_channel(channel)
        frame = maker.make(look, None)
        assert frame.channel == shown
        expected = render(lab.pair.target[shown : shown + 1], frame.target.view)
        assert np.array_equal(frame.target.pixels, expected.pixels)


# --- the residual's scale ---


@given(usual=st.floats(1e-7, 1e30))
def test_scales_end_at_round_numbers(usual: float) -> None:
    limit = round_limit(usual)
    assert usual <= limit <= usual * 2.5 * (1 + 1e-9)
    assert f"{limit:.0e}"[0] in "125"
    assert float(f"{limit:.0e}") == limit


def test_the_residuals_scale_stays_until_it_does_not_suit_any_more() -> None:
    lab = opened(project())
    maker = FrameMaker(lab)
    signs = np.where(np.arange(22 * 26).reshape(1, 22, 26) % 2, 1.0, -1.0)
    seen = []
    for size in (0.9, 0.5, 0.31, 0.25, 0.2, 0.11, 0.25, 0.31, 0.0, 1.1):
        look = looking(lab, lab.pair.target + size * signs)
        seen.append(maker.make(look, None).residual.high)
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.5, 0.2, 0.5, 0.5, 1e-7, 2.0]


# --- numbers ---


def test_quality_is_that_of_the_rows_that_were_not_learned_from() -> None:
    lab = run(project(80), 3)
    look = lab.trainer.look()
    assert lab.pair.validates
    frame = FrameMaker(lab).make(look, None)
    ours, theirs = look.prediction[:, lab.pair.split :], lab.pair.target[:, lab.pair.split :]
    assert frame.psnr == psnr(ours, theirs)
    assert frame.ssim == pytest.approx(ssim(ours, theirs), abs=1e-12)
    assert frame.measured == 3


@pytest.mark.parametrize("noise_on", ["before", "after"])
def test_running_and_resting_quality_is_measured_against_one_picture(noise_on: str) -> None:
    noisy = with_value(with_value(project(80), "pair", "noise", 0.2), "pair", "noise_on", noise_on)
    lab = run(noisy, 3)
    look = lab.trainer.look()
    frame = FrameMaker(lab).make(look, None)
    resting = next(each for each in comparisons(lab, look.prediction) if each.name == "prediction")
    assert frame.psnr == resting.psnr
    assert frame.ssim == pytest.approx(resting.ssim, abs=1e-12)
    assert frame.denoised == (noise_on == "after"), "noise before leaves the target without any"


def test_the_loss_is_told_without_the_penalty_which_is_told_beside_it() -> None:
    lab = run(project(l2=0.1), 4)
    frame = FrameMaker(lab).make(lab.trainer.look(), None)
    (weight,) = frame.values
    error = lab.trainer.look().prediction.astype(np.float64) - lab.pair.target
    assert frame.penalty == pytest.approx(0.05 * float((weight**2).sum()))
    assert frame.loss == pytest.approx(float((error[:, : lab.pair.split] ** 2).mean()), rel=1e-5)
    assert frame.losses[-1] == pytest.approx(frame.loss, rel=1e-9)


def test_of_a_large_picture_the_middle_is_measured() -> None:
    lab = opened(with_value(project(700), "pair", "validation", 0.0))
    look = lab.trainer.look()
    frame = FrameMaker(lab).make(look, None)
    top, left = (698 - 512) // 2, (702 - 512) // 2
    crop = (slice(None), slice(top, top + 512), slice(left, left + 512))
    assert frame.psnr == psnr(look.prediction[crop], lab.pair.target[crop])


def test_a_picture_smaller_than_the_window_has_no_ssim() -> None:
    lab = opened(project(10))
    frame = FrameMaker(lab).make(lab.trainer.look(), None)
    assert frame.psnr is not None
    assert frame.ssim is None


def test_measuring_waits_its_turn_while_it_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    lab = opened(project(40))
    maker = FrameMaker(lab)
    times = iter([now, now + 1.0, now + 5.0, now + 5.0, now + 20.0, now + 20.5, now + 20.6, now + 20.7])
    monkeypatch.setattr(training_frame.time, "monotonic", lambda: next(times))
    assert maker.make(looking(lab, lab.pair.target * 0.5, 1), None).measured == 1  # took a second
    assert maker.make(looking(lab, lab.pair.target * 0.6, 2), None).measured == 1
    assert maker.make(looking(lab, lab.pair.target * 0.6, 3), None).measured == 1
    assert maker.make(looking(lab, lab.pair.target * 0.6, 4), None).measured == 4
    assert maker.make(looking(lab, lab.pair.target * 0.6, 5), None, resting=True).measured == 5


@pytest.mark.parametrize("count", [1, 2, MOST_POINTS - 1, MOST_POINTS, 3 * MOST_POINTS + 7])
def test_long_curves_are_thinned_out_and_keep_both_ends(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = opened(project())
    steps = np.arange(count, dtype=np.float64)
    monkeypatch.setattr(lab.trainer, "losses", lambda: (steps, steps * 2, steps * 3))
    frame = FrameMaker(lab).make(lab.trainer.look(), None)
    assert len(frame.steps) <= MOST_POINTS
    assert len(frame.steps) == count or count >= MOST_POINTS
    assert (frame.steps[0], frame.steps[-1]) == (0, count - 1)
    assert np.array_equal(frame.losses, frame.steps * 2)
    assert np.array_equal(frame.validation_losses, frame.steps * 3)
    assert not np.shares_memory(frame.steps, steps)


def test_making_a_frame_can_be_cancelled() -> None:
    lab = opened(project(1100))
    maker = FrameMaker(lab)
    look = lab.trainer.look()
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        maker.make(look, None, control=control)


def test_cells_that_are_left_out_are_not_measured() -> None:
    lab = opened(project(80))
    keep = np.ones(lab.pair.target.shape, bool)
    keep[:, -2:] = False
    odd = replace(lab, pair=replace(lab.pair, keep=keep))
    prediction = lab.pair.target + np.float32(0.1)
    prediction[~keep] = 50.0
    assert FrameMaker(odd).make(looking(odd, prediction), None).psnr == pytest.approx(20.0, abs=1e-3)
    none = replace(lab, pair=replace(lab.pair, keep=np.zeros(keep.shape, bool)))
    frame = FrameMaker(none).make(looking(none, prediction), None)
    assert frame.psnr is not None
    assert np.isnan(frame.psnr)
    assert frame.ssim is None
