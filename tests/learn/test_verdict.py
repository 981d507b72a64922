"""What is said about a solution."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from convstudio.learn.verdict import EIGHT_BIT, Facts, causes_of, judge, number, percent

CLEAR = Facts(
    unknowns=25,
    rank=25,
    cells=10_000,
    most=25,
    causes=(),
    bias=False,
    residual=EIGHT_BIT,
    validation=None,
    error=3e-4,
    place=(1, 2, -1),
    largest=0.5,
    clipped=0.0,
    left_out=False,
)


def said(**changes: object) -> tuple[str, str]:
    """The kind, and all sentences."""
    verdict = judge(dataclasses.replace(CLEAR, **changes))
    assert verdict.title
    for sentence in verdict.sentences:
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".")
    return verdict.kind, " ".join(verdict.sentences)


def test_a_good_fit_is_determined():
    kind, text = said()
    assert kind == "determined"
    assert "All 25 weights follow from this picture, to within 0.0003" in text
    assert "about as much as rounding to 8 bits leaves (0.0011)" in text
    assert "clipped" not in text


def test_an_exact_fit_has_no_error():
    kind, text = said(residual=0.0, error=0.0)
    assert kind == "determined"
    assert "All 25 weights follow from this picture. The fit leaves no error at all." in text


def test_one_unknown_and_biases_have_their_words():
    assert "The one weight follows" in said(unknowns=1, rank=1)[1]
    assert "Both weights follow" in said(unknowns=2, rank=2)[1]
    assert "All 26 numbers follow" in said(unknowns=26, rank=26, bias=True)[1]


def test_a_large_error_is_no_linear_filter():
    kind, text = said(residual=20 * EIGHT_BIT)
    assert kind == "imperfect"
    assert "off by 0.023 (RMS), 20 times what rounding to 8 bits leaves" in text
    assert "a filter larger than the student" in text


def test_clipped_pixels_are_to_be_left_out():
    kind, text = said(residual=20 * EIGHT_BIT, clipped=0.03, limits=0.07, carried=0.6)
    assert kind == "imperfect"
    assert "clipped in 3 % of its pixels: no linear filter explains those" in text
    assert "7 % of its pixels are black or white, clipped are those where the fit lies beyond" in text
    assert "Leave them out" in text
    assert "larger than the student" not in text
    kind, text = said(clipped=0.03, left_out=True)
    assert kind == "determined"
    assert "They were left out" in text


def test_uncertain_weights_are_named():
    kind, text = said(error=0.2, residual=2 * EIGHT_BIT)
    assert kind == "weak"
    assert "weight in row 2, column 3 is known to 0.2" in text
    assert "largest weight is 0.5" in text
    assert "column 3 of channel 2" in said(error=0.2, place=(1, 2, 1))[1]


def test_other_rows_that_fit_worse_are_told():
    assert "not learned from" not in said(validation=1.5 * EIGHT_BIT)[1]
    assert "does not hold everywhere" in said(validation=9 * EIGHT_BIT)[1]
    assert "does not hold everywhere" not in said(residual=1e-8, validation=3e-8)[1]


def test_what_is_missing_comes_first():
    kind, text = said(rank=1, causes=("It is flat.",), residual=20 * EIGHT_BIT)
    assert kind == "undetermined"
    assert text.startswith("24 directions of 25 unknowns cannot be told from this picture")
    assert "It is flat." in text
    assert "20 times" in text
    assert said(rank=24)[1].startswith("1 direction of 25")
    assert "only 12 cells to learn from, fewer than the 25" in said(rank=12, cells=12)[1]
    assert "nothing is known of any weight" in said(rank=0)[1]


def null_space(windows: np.ndarray) -> np.ndarray:
    """Orthonormal directions that no window, a row each, has a part in."""
    _, singular, vectors = np.linalg.svd(windows)
    rank = int((singular > 1e-9 * singular[0]).sum())
    return vectors[rank:].T


def windows_of(*channels: np.ndarray, size: int) -> np.ndarray:
    views = [np.lib.stride_tricks.sliding_window_view(each, (size, size)) for each in channels]
    return np.stack(views, axis=2).reshape(-1, len(channels) * size * size)


NOISE = np.random.default_rng(3).random((20, 21))
TAPS = np.arange(9).reshape(1, 3, 3)


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.full((20, 20), 0.5), ["It is the same everywhere: only the sum of a kernel's weights is known."]),
        (np.tile(NOISE[:1], (20, 1)), ["It does not change from top to bottom: of each column"]),
        (np.tile(NOISE[:, :1], (1, 20)), ["It does not change from left to right: of each row"]),
        (
            np.tile(NOISE[:, :2], (1, 9)),
            ["It repeats every 2 pixels from left to right: of weights that lie 2"],
        ),
        (
            np.tile(NOISE[:2, :2], (9, 9)),
            ["It repeats every 2 pixels from top to bottom", "It repeats every 2 pixels from left to right"],
        ),
        (NOISE, []),
        (np.tile(NOISE[:, :7], (1, 3)), []),
    ],
    ids=["flat", "columns", "rows", "period", "both", "noise", "long period"],
)
def test_causes_are_named(picture: np.ndarray, says: list[str]):
    found = causes_of(null_space(windows_of(picture, size=3)), TAPS, (1, 1))
    assert len(found) == len(says)
    for sentence, start in zip(found, says, strict=True):
        assert sentence.startswith(start)


def test_channels_that_are_alike_are_named():
    windows = windows_of(NOISE, NOISE, size=3)
    found = causes_of(null_space(windows), np.arange(18).reshape(2, 3, 3), (1, 1))
    assert [each[:23] for each in found] == ["Its channels are alike:"]
    other = windows_of(NOISE, NOISE[::-1], size=3)
    assert causes_of(null_space(other), np.arange(18).reshape(2, 3, 3), (1, 1)) == ()


def test_a_dilated_period_is_told_in_pixels():
    picture = np.tile(NOISE[:, :4], (1, 5))
    views = np.lib.stride_tricks.sliding_window_view(picture, (5, 5))[..., ::2, ::2]
    (found,) = causes_of(null_space(views.reshape(-1, 9)), TAPS, (2, 2))
    assert found.startswith(
        "It repeats every 4 pixels from left to right: of weights that lie 2 columns apart"
    )


def test_a_flat_picture_does_not_tell_the_bias_from_the_sum():
    windows = np.append(np.full((5, 9), 0.5), np.ones((5, 1)), axis=1)
    (found,) = causes_of(null_space(windows), TAPS, (1, 1), biases=1)
    assert "only what kernel and bias make of it together is known" in found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.00113, "0.0011"),
        (12.4, "12"),
        (3.14e-8, "3.1e−8"),
        (-0.25, "−0.25"),
        (123456.0, "123456"),
        (2.5e9, "2.5e9"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_have_sensible_digits(value: float, text: str):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.03, "3 %"), (0.128, "13 %"), (0.034, "3.4 %"), (0.002, "0.2 %"), (1e-6, "less than 0.01 %")],
)
def test_shares_are_percents(share: float, text: str):
    assert percent(share) == text
