"""Pictures whose error has a known cause: the verdict names that one, and no other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from convstudio.io.samples import load_sample
from convstudio.kernels import Kernel, preset
from convstudio.layers.base import FloatArray
from convstudio.learn.lab import open_lab, solve_lab
from convstudio.learn.least_squares import LeastSquares
from convstudio.learn.verdict import EIGHT_BIT, Facts, judge, percent
from convstudio.model import Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup

PHOTO: FloatArray = (np.rint(load_sample("still-life").values[:, 150:350, 200:440] * 255) / 255).astype(
    np.float32
)
GREY = PHOTO[1:2]
EMBOSS = np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
ELSE = "Something else is in the picture after"


def filtered(kernel: np.ndarray, offset: float = 0.0, before: np.ndarray = PHOTO) -> np.ndarray:
    """As an 8-bit file holds what a kernel makes."""
    made = np.stack([ndimage.correlate(plane, kernel, mode="mirror") for plane in before.astype(np.float64)])
    return np.rint(np.clip(made + offset, 0, 1) * 255) / 255


def eight_bit(values: np.ndarray) -> Picture:
    return Picture(values.astype(np.float32), "photo.png", source_depth="8-bit")


def solved(
    after: np.ndarray | None,
    before: np.ndarray = PHOTO,
    pair: dict[str, Any] | None = None,
    l2: float = 0.0,
    **student: Any,
) -> LeastSquares:
    setup = TrainingSetup(
        PairSetup(source="kernel" if after is None else "files", **(pair or {})),
        StudentSetup(**student),
        MethodSetup(l2=l2),
    )
    files: tuple[Picture, Picture] | tuple[None, None] = (None, None)
    if after is not None:
        files = eight_bit(before), eight_bit(after)
    return solve_lab(open_lab(setup, Project(Picture(before, "photo"), ()), *files))


def words(found: LeastSquares) -> str:
    return " ".join(found.verdict.sentences)


@pytest.mark.parametrize("channels", ["shared", "each", "all"])
def test_an_emboss_lacks_a_bias_and_is_not_blamed_on_clipping(channels: str) -> None:
    after = filtered(EMBOSS, 128 / 255)
    after[0, 50:52, 50:52] = 0.0  # some clipped pixels are there, too
    found = solved(after, channels=channels)
    assert found.residual > 0.05
    assert found.verdict.title == "A bias is missing: switch on “Bias”"
    assert "With a bias of 0.5 it would be off by 0.0" in words(found)
    assert ELSE not in words(found)
    assert "clipped" not in words(found)
    assert solved(after, channels=channels, bias=True).residual < 0.01


def test_more_brightness_is_a_bias() -> None:
    before = PHOTO * np.float32(0.8)
    found = solved(before + np.float32(40 / 255), before)
    assert found.verdict.title.startswith("A bias is missing")
    assert "With a bias of 0.16 it would be off by" in words(found)
    alone = solved(before + np.float32(40 / 255), before, bias=True)
    assert alone.residual < 1e-6
    assert alone.verdict.kind == "determined"


def test_biases_that_differ_have_no_one_number() -> None:
    offsets = np.array([0.1, 0.2, 0.3])[:, np.newaxis, np.newaxis]
    found = solved(PHOTO * 0.6 + offsets, channels="each")
    assert found.verdict.title.startswith("A bias is missing")
    assert "With biases it would be off by" in words(found)


@pytest.mark.parametrize("name", ["sobel-x", "laplacian-4"])
def test_a_clipped_edge_filter_is_blamed_on_clipping(name: str) -> None:
    found = solved(filtered(preset(name).make().values))
    assert found.verdict.title == "The picture after is clipped"
    assert f"clipped in {percent(found.clipped)} of its values: no linear filter explains those" in words(
        found
    )
    assert ELSE not in words(found)
    without = solved(filtered(preset(name).make().values), pair={"clipped": "leave out"})
    assert without.verdict.kind == "determined"


def test_a_few_clipped_pixels_are_no_cause_of_a_large_error() -> None:
    after = np.stack([ndimage.median_filter(plane, 7) for plane in PHOTO]).astype(np.float64)
    after[:, 20:22, 20:40] = 0.0
    found = solved(after)
    assert found.verdict.title == "More than a linear filter of this size"
    assert ELSE in words(found)
    assert "cut off" not in words(found)


def test_note_and_verdict_count_clipped_values_alike() -> None:
    after = filtered(preset("sobel-x").make().values)
    setup = TrainingSetup(PairSetup(source="files", clipped="leave out"), StudentSetup())
    lab = open_lab(setup, Project(eight_bit(PHOTO), ()), eight_bit(PHOTO), eight_bit(after))
    share = percent(float(np.isin(after[:, 1:-1, 1:-1], (0, 1)).mean()))
    assert lab.pair.notes == (
        f"{share} of the values of the picture after are black or white and were left out.",
    )
    assert f"{share} of its values are black or white" in words(solve_lab(lab))
    grey = solved(filtered(preset("sobel-x").make().values, before=GREY), GREY)
    assert "% of its pixels: no linear filter explains those" in words(grey)


def test_a_channel_that_is_clipped_counts_in_grey_too() -> None:
    after = filtered(preset("sobel-x").make().values)
    found = solved(after, pair={"grey": True})
    share = percent(float(np.isin(after[:, 1:-1, 1:-1], (0, 1)).any(axis=0).mean()))
    assert f"{share} of its pixels are black or white" in words(found)


def test_l2_is_named_where_it_holds_the_weights_back() -> None:
    after = filtered(preset("gaussian").make(size=3, sigma=0.8).values)
    assert solved(after).verdict.kind == "determined"
    found = solved(after, l2=0.5)
    assert found.verdict.title == "L2 holds the weights back"
    assert "without it the fit would be off by 0.001" in words(found)
    assert ELSE not in words(found)
    assert "clipped" not in found.verdict.title


def test_noise_that_was_set_up_is_named() -> None:
    identity = Kernel.custom([[1.0]])
    for strength in (0.02, 0.1, 0.3):
        for on in ("before", "after"):
            found = solved(None, pair={"teacher": identity, "noise": strength, "noise_on": on}, size=(5, 5))
            assert found.verdict.title == "What is left is noise that was added"
            assert f"The noise that was put on the picture {on} is the reason" in words(found)
            assert ELSE not in words(found)
            assert "clipped" not in words(found)
    little = solved(None, pair={"teacher": preset("mean").make(size=15), "noise": 1e-3}, size=(3, 3))
    assert ELSE in words(little)


def test_a_flat_picture_after_needs_a_bias() -> None:
    found = solved(np.full(PHOTO.shape, 0.5))
    assert found.verdict.title == "A bias is missing: switch on “Bias”"
    assert "With a bias of 0.5 it would be exact." in words(found)


FACTS = Facts(25, 25, 10_000, 25, (), False, EIGHT_BIT, None, 3e-4, (1, 2, -1), 0.5, 0.0, False)


def test_what_is_not_determined_may_lack_a_bias_too() -> None:
    verdict = judge(dataclasses.replace(FACTS, rank=20, residual=0.2, with_bias=0.001, offset=0.5))
    assert verdict.kind == "undetermined"
    assert "A bias is missing: switch on “Bias”." in verdict.sentences
    assert "With a bias of 0.5 it would be off by 0.001." in verdict.sentences


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (0.3, "less than rounding to 8 bits leaves (0.0011)"),
        (0.6, "about as much as rounding to 8 bits leaves (0.0011)"),
        (1.9, "about as much as rounding to 8 bits leaves (0.0011)"),
        (2.3, "little more than rounding to 8 bits leaves (0.0011)"),
        (3.0, "3 times what rounding to 8 bits leaves"),
    ],
)
def test_the_error_is_compared_with_that_of_rounding(times: float, said: str) -> None:
    verdict = judge(dataclasses.replace(FACTS, residual=times * EIGHT_BIT))
    assert said in " ".join(verdict.sentences)
