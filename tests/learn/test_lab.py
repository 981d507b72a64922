"""A lab as the session opens it: what it finds, how it compares, what it refuses."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convstudio.core import Cancelled, Control
from convstudio.io.samples import load_sample
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import Activation, Conv, Layer, MaxPool
from convstudio.learn.errors import LearnError
from convstudio.learn.lab import Lab, comparisons, distance, open_lab, solve_lab
from convstudio.learn.quality import psnr, ssim
from convstudio.model import LayerItem, Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup

PHOTO = load_sample("still-life").values[:, 200:330, 300:470]
SOBEL, BLUR = preset("sobel-x").make(), preset("gaussian").make(size=3, sigma=0.8)


def project(*layers: Layer, values: np.ndarray = PHOTO) -> Project:
    items = tuple(LayerItem(f"layer-{n}", layer) for n, layer in enumerate(layers, 1))
    return Project(Picture(np.array(values, np.float32), "photo"), items)


def lab(
    *layers: Layer,
    pair: dict[str, Any] | None = None,
    student: dict[str, Any] | None = None,
    method: dict[str, Any] | None = None,
    values: np.ndarray = PHOTO,
    files: tuple[Picture, Picture] | None = None,
) -> Lab:
    setup = TrainingSetup(
        PairSetup(**(pair or {})), StudentSetup(**(student or {})), MethodSetup(**(method or {}))
    )
    return open_lab(setup, project(*layers, values=values), *(files or (None, None)))


def eight_bit(values: np.ndarray, name: str) -> Picture:
    stored = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return Picture(stored.astype(np.float32) / 255, name, source_depth="8-bit")


@pytest.mark.parametrize("channels", ["shared", "each"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_blur_of_another_program_is_found_through_eight_bits(channels: str, padding: str) -> None:
    blurred = cv2.GaussianBlur(PHOTO.transpose(1, 2, 0), (5, 5), 1.2).transpose(2, 0, 1)
    files = eight_bit(PHOTO, "before.png"), eight_bit(blurred, "after.png")
    opened = lab(
        pair={"source": "files"},
        student={"size": (5, 5), "channels": channels, "padding": padding, "padding_mode": "reflect"},
        files=files,
    )
    row = cv2.getGaussianKernel(5, 1.2)[:, 0]
    solved = solve_lab(opened)
    for kernel in solved.weights[:, 0]:
        assert_allclose(kernel, np.outer(row, row), atol=1e-2)
    assert solved.verdict.kind in ("determined", "weak")


def test_a_median_is_no_linear_filter() -> None:
    pixels = np.rint(PHOTO.transpose(1, 2, 0) * 255).astype(np.uint8)
    files = eight_bit(PHOTO, "a"), eight_bit(cv2.medianBlur(pixels, 5).transpose(2, 0, 1) / 255, "b")
    assert solve_lab(lab(pair={"source": "files"}, files=files)).verdict.kind == "imperfect"


def test_the_distance_is_the_largest_difference() -> None:
    opened = lab(student={"size": (5, 5), "bias": True})
    wanted = np.zeros((3, 1, 5, 5))
    wanted[:, 0, 1:4, 1:4] = SOBEL.values
    assert distance(opened, (wanted, np.zeros(3))) == 0.0
    assert distance(opened, (wanted, np.full(3, -0.25))) == 0.25
    wanted[1, 0, 0, 0] = 3.0
    assert distance(opened, (wanted, np.zeros(3))) == 3.0
    unknown = lab(pair={"teacher": preset("mean").make(size=5)})
    assert distance(unknown, unknown.trainer.values) is None


def test_l2_means_the_same_to_both_answers() -> None:
    """Where the loss is a sum, the same decay weighs less than beside a mean."""
    for reduction in ("mean", "sum"):
        opened = lab(pair={"grey": True}, method={"reduction": reduction, "l2": 0.2})
        (solved,) = (solve_lab(opened).weights,)
        trainer = opened.trainer
        grad = []
        for place in ((0, 0), (1, 2), (2, 1)):  # the slope of the whole loss there, by differences
            losses = []
            for side in (-1e-4, 1e-4):
                values = solved.copy()
                values[(0, 0, *place)] += side
                tape = opened.network.forward(opened.pair.before.astype(np.float64), (values,))
                rows = slice(0, opened.pair.split)
                square = (tape.output[:, rows] - opened.pair.target[:, rows]) ** 2
                data = square.mean() if reduction == "mean" else square.sum()
                losses.append(data + 0.1 * (values**2).sum())
            grad.append((losses[1] - losses[0]) / 2e-4)
        assert_allclose(grad, 0.0, atol=1e-5 if reduction == "mean" else 1e-2)
        assert trainer.step == 0


# --- comparisons ---


def test_comparisons_are_of_the_rows_that_were_not_learned_from() -> None:
    opened = lab(pair={"teacher": BLUR, "validation": 0.3})
    prediction = opened.pair.target + np.float32(0.01)
    prediction[:, : opened.pair.split] = 99.0
    found = {each.name: each for each in comparisons(opened, prediction)}
    assert set(found) == {"input", "prediction"}
    assert found["prediction"].psnr == pytest.approx(40.0, abs=1e-3)
    rows = slice(opened.pair.split, None)
    one, other = PHOTO[:, 1:-1, 1:-1][:, rows], opened.pair.target[:, rows]
    assert found["input"].psnr == psnr(one, other)
    assert found["input"].ssim == ssim(one, other)


def test_against_noise_known_filters_compete() -> None:
    identity = preset("identity").make()
    opened = lab(pair={"teacher": identity, "noise": 0.1, "noise_on": "before", "validation": 0.0})
    found = {each.name: each for each in comparisons(opened, opened.pair.target)}
    assert list(found) == ["input", "prediction", "mean 3×3", "Gaussian 3×3", "Gaussian 5×5"]
    assert found["prediction"] == dataclasses.replace(found["prediction"], psnr=math.inf, ssim=1.0)
    noisy: np.ndarray = opened.pair.before.transpose(1, 2, 0)
    box: Any = cv2.blur(noisy, (3, 3), borderType=cv2.BORDER_REFLECT).transpose(2, 0, 1)[:, 1:-1, 1:-1]
    assert found["mean 3×3"].psnr == pytest.approx(psnr(box, opened.pair.target), abs=1e-4)
    bell: Any = cv2.GaussianBlur(noisy, (5, 5), 1.1, borderType=cv2.BORDER_REFLECT)
    bell = bell.transpose(2, 0, 1)[:, 1:-1, 1:-1]
    assert found["Gaussian 5×5"].psnr == pytest.approx(psnr(bell, opened.pair.target), abs=1e-4)


def test_answers_with_noise_are_compared_with_those_without() -> None:
    opened = lab(pair={"teacher": BLUR, "noise": 0.1})
    assert opened.pair.clean is not None
    found = {each.name: each for each in comparisons(opened, opened.pair.clean)}
    assert set(found) == {"input", "prediction"}
    assert found["prediction"].psnr == math.inf


def test_rows_that_were_left_out_are_not_compared() -> None:
    after = np.clip(PHOTO, 0.1, 0.9)
    after[:, -40:] = 1.0  # all of the rows that validate
    left_out: dict[str, Any] = {"source": "files", "clipped": "leave out", "validation": 0.2}
    opened = lab(pair=left_out, files=(eight_bit(PHOTO, "a"), eight_bit(after, "b")))
    for each in comparisons(opened, opened.pair.target):
        assert math.isnan(each.psnr)
        assert each.ssim is None
    after[:, -20:] = 0.5
    opened = lab(pair=left_out, files=(eight_bit(PHOTO, "a"), eight_bit(after, "b")))
    prediction = opened.pair.target + np.float32(0.1)
    assert opened.pair.keep is not None
    prediction[~opened.pair.keep] = 50.0
    found = {each.name: each for each in comparisons(opened, prediction)}
    assert found["prediction"].psnr == pytest.approx(20.0, abs=1e-3)


def test_small_pictures_and_other_channels() -> None:
    edge = lab(pair={"source": "edge"}, student={"size": (1, 2)})
    assert [each.ssim for each in comparisons(edge, edge.pair.target)] == [None, None]
    grey = load_sample("impulse").values
    mixing = lab(
        pair={"source": "files"},
        student={"channels": "all"},
        files=(eight_bit(PHOTO[:, :65, :65], "a"), eight_bit(grey, "b")),
    )
    assert [each.name for each in comparisons(mixing, mixing.pair.target)] == ["prediction"]


# --- the start ---


MARKS = (("layer-1", "weight"), ("layer-2", "weight"))


def test_a_start_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(LearnError, match="From this start no step leads anywhere"):
        lab(Conv(), Conv(), student={"kind": "stack", "marks": MARKS})
    dark = Conv(bank=Bank((Filter((Kernel.custom(np.zeros((3, 3))),), -1.0),)))
    student = {"kind": "stack", "marks": MARKS[:1], "start": "present"}
    with pytest.raises(LearnError, match="or a ReLU lets nothing pass"):
        lab(dark, Activation(), student=student)


def test_a_start_with_some_slope_is_taken() -> None:
    opened = lab(Conv(), Conv(), student={"kind": "stack", "marks": MARKS[:1]})
    opened.trainer.advance()
    assert opened.trainer.values[0].any()


def test_a_black_picture_is_refused_unless_a_bias_is_learned() -> None:
    black = np.zeros((1, 20, 20), np.float32)
    files = eight_bit(black, "a"), eight_bit(black + 0.5, "b")
    with pytest.raises(LearnError, match="The picture before is black everywhere"):
        lab(pair={"source": "files"}, files=files)
    opened = lab(pair={"source": "files"}, student={"bias": True}, files=files)
    opened.trainer.advance()
    assert opened.trainer.values[1][0] > 0


def test_a_start_that_is_perfect_already_is_noted() -> None:
    opened = lab(
        Conv(),
        MaxPool(),
        pair={"source": "stack"},
        student={"kind": "stack", "marks": MARKS[:1], "start": "present"},
    )
    assert opened.pair.notes == (
        "The start makes the picture after already: there is nothing left to learn.",
    )
    assert opened.trainer.look().loss == 0.0


def test_a_stack_learns_through_pooling_and_activation() -> None:
    noise = np.random.default_rng(2).normal(size=(1, 60, 70))
    opened = lab(
        Conv.of(SOBEL, padding="valid"),
        Activation(),
        MaxPool(),
        pair={"source": "stack"},
        student={"kind": "stack", "marks": MARKS[:1], "start": "he", "seed": 1},
        method={"rate": 0.05, "steps": 300},
        values=noise,
    )
    before = distance(opened, opened.trainer.values)
    while opened.trainer.stopped is None:
        opened.trainer.advance()
    after = distance(opened, opened.trainer.values)
    assert before is not None
    assert after is not None
    assert before > 1
    assert after < 1e-2


def test_the_same_seed_is_the_same_run() -> None:
    runs = []
    for _ in range(2):
        opened = lab(student={"start": "random", "seed": 8}, method={"data": "patch", "patch": 32})
        for _ in range(5):
            opened.trainer.advance()
        runs.append(opened.trainer.values[0])
    assert_array_equal(runs[0], runs[1])


def test_opening_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        open_lab(TrainingSetup(), project(), control=control)
