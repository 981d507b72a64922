"""Every experiment makes its point, on the picture and with the steps that it comes with."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convstudio.io.samples import load_sample
from convstudio.kernels import preset
from convstudio.layers import Activation
from convstudio.learn.experiments import EXPERIMENTS, Experiment, experiment
from convstudio.learn.lab import Lab, comparisons, distance, open_lab, solve_lab
from convstudio.model import Project

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def first() -> Project:
    return Project.first(load_sample("impulse"))


def opened(which: str) -> Lab:
    project = experiment(which).onto(first(), load_sample)
    return open_lab(project.training, project)


def trained(lab: Lab) -> Lab:
    while lab.trainer.stopped is None:
        lab.trainer.advance()
    assert lab.trainer.stopped.kind == "finished"
    return lab


@pytest.mark.parametrize("each", EXPERIMENTS, ids=lambda each: each.id)
def test_each_is_explained_in_two_sentences_and_opens(each: Experiment) -> None:
    assert re.fullmatch(r"[A-Z][^.]+\. [A-Z][^.]+(\.\d+[^.]*)?\.", each.text), each.text
    assert experiment(each.id) is each
    lab = opened(each.id)
    assert lab.pair.target.shape == lab.network.out_shape
    assert lab.setup == each.setup


def test_the_ids_are_unlike() -> None:
    assert len({each.id for each in EXPERIMENTS}) == len(EXPERIMENTS)
    with pytest.raises(KeyError):
        experiment("none")


def test_sobel_is_found() -> None:
    lab = trained(opened("sobel"))
    assert_allclose(lab.trainer.values[0][0, 0], SOBEL, atol=1e-5)
    _, losses, _ = lab.trainer.losses()
    assert losses[-1] < 1e-10 * losses[0]


def test_a_blur_is_found_by_both_methods() -> None:
    lab = trained(opened("blur"))
    x = np.arange(5) - 2.0
    row = np.exp(-(x**2) / (2 * 1.2**2))
    blur = np.outer(row, row) / row.sum() ** 2
    assert_allclose(lab.trainer.values[0][0, 0], blur, atol=1e-6)
    assert_allclose(solve_lab(lab).weights[0, 0], blur, atol=1e-6)


def test_the_denoiser_beats_the_mean_and_the_gaussians() -> None:
    lab = trained(opened("denoiser"))
    found = {each.name: each for each in comparisons(lab, lab.trainer.look().prediction)}
    learned = found.pop("prediction")
    assert set(found) == {"input", "mean 3×3", "Gaussian 3×3", "Gaussian 5×5"}
    assert found["input"].psnr == pytest.approx(20.0, abs=0.1)  # of noise with σ 0.1
    assert learned.ssim is not None
    for other in found.values():
        assert other.ssim is not None
        assert learned.psnr > other.psnr + 0.5
        assert learned.ssim > other.ssim + 0.01


def test_a_flat_picture_determines_only_the_sum() -> None:
    lab = trained(opened("flat"))
    look = lab.trainer.look()
    assert look.loss < 1e-12
    assert look.values[0].sum() == pytest.approx(1.0, abs=1e-5)
    far = distance(lab, look.values)
    assert far is not None
    assert far > 0.1
    closed = solve_lab(lab)
    assert closed.verdict.kind == "undetermined"
    assert closed.rank == 1


def test_sobel_is_found_through_a_relu() -> None:
    lab = trained(opened("relu"))
    assert isinstance(lab.network.layers[1], Activation)
    assert_allclose(lab.trainer.values[0][0, 0], SOBEL, atol=1e-5)
    far = distance(lab, lab.trainer.values)
    assert far is not None
    assert far < 1e-5


def test_two_small_kernels_can_do_what_one_cannot() -> None:
    lab = trained(opened("two"))
    loss = lab.trainer.look().loss
    project = experiment("two").onto(first(), load_sample)
    alone = dataclasses.replace(
        project.training, student=dataclasses.replace(project.training.student, kind="kernel")
    )
    one = open_lab(alone, project)
    best = solve_lab(one).loss  # no 3×3 kernel comes lower, however it is found
    assert loss < best / 100
    first_kernel, second = (values[0, 0] for values in lab.trainer.values)
    together = np.zeros((5, 5))
    for (u, v), weight in np.ndenumerate(first_kernel):
        together[u : u + 3, v : v + 3] += weight * second
    assert_allclose(together, preset("binomial").make(size=5).values, atol=2e-3)


def test_the_textbook_edge_is_near_after_ten_steps() -> None:
    lab = trained(opened("edge"))
    assert lab.trainer.step == 10
    assert_allclose(lab.trainer.values[0][0, 0], [[1, -1]], atol=0.02)


def test_what_an_experiment_does_not_need_stays() -> None:
    project = first()
    changed = experiment("edge").onto(project, load_sample)
    assert changed.layers == project.layers
    assert changed.picture is project.picture
    stacked = experiment("relu").onto(project, load_sample)
    assert [item.id for item in stacked.layers] == ["learn-1", "learn-2"]
    assert stacked.selected == "learn-2"
