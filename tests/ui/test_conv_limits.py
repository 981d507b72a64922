"""What the limits leave open works in the core, and what they rule out does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError, conv
from convstudio.kernels import Kernel
from convstudio.layers.conv import Conv
from convstudio.spec.params import PADDING_WORDS
from convstudio.ui.conv_limits import conv_limits, why_not

MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")


def layer_of(rows: int, columns: int, **values: Any) -> Conv:
    return Conv.of(Kernel.custom(np.ones((rows, columns))), **values)


def works(layer: Conv, height: int, width: int) -> bool:
    try:
        conv(np.ones((1, 1, height, width)), layer.core_weights(1), **layer.core_arguments(1))
    except GeometryError:
        return False
    return True


amounts = st.tuples(st.integers(0, 4), st.integers(0, 4))
layers = st.builds(
    layer_of,
    st.integers(1, 7),
    st.integers(1, 7),
    padding=st.one_of(st.sampled_from(PADDING_WORDS), st.tuples(amounts, amounts)),
    padding_mode=st.sampled_from(MODES),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)


@settings(max_examples=40)
@given(layer=layers, height=st.integers(1, 12), width=st.integers(1, 12))
def test_a_problem_is_named_exactly_where_the_core_refuses(layer: Conv, height: int, width: int) -> None:
    limits = conv_limits(layer, (1, height, width))
    assert bool(limits.problems) == (not works(layer, height, width))


@settings(max_examples=40)
@given(layer=layers, height=st.integers(1, 12), width=st.integers(1, 12))
def test_words_and_modes_that_are_left_open_work(layer: Conv, height: int, width: int) -> None:
    limits = conv_limits(layer, (1, height, width))
    for word in PADDING_WORDS:
        open_ = word not in limits.choices_off["padding"]
        assert open_ == works(layer.replace(padding=word), height, width)
    if "padding" not in limits.problems:
        for mode in MODES:
            open_ = mode not in limits.choices_off["padding_mode"]
            assert open_ == works(layer.replace(padding_mode=mode), height, width)


@settings(max_examples=40)
@given(layer=layers, height=st.integers(1, 12), width=st.integers(1, 12))
def test_the_largest_dilation_works_and_the_next_does_not(layer: Conv, height: int, width: int) -> None:
    limits = conv_limits(layer, (1, height, width))
    if limits.problems:
        return
    for axis, (low, high) in enumerate(limits.ranges["dilation"]):
        for number, expected in ((high, True), (high + 1, False)):
            if low <= number <= 64:
                pair = tuple(number if each == axis else layer.dilation[each] for each in (0, 1))
                assert works(layer.replace(dilation=pair), height, width) == expected


def test_the_border_is_off_where_nothing_is_padded() -> None:
    limits = conv_limits(layer_of(3, 3, padding="valid", padding_mode="constant"), (3, 9, 9))
    assert limits.off == {"padding_mode": "Nothing is padded, so there is no border to fill."}


def test_the_border_can_be_changed_where_only_that_lets_a_tiny_picture_be_padded() -> None:
    limits = conv_limits(layer_of(3, 3, padding="valid", padding_mode="reflect"), (3, 1, 2))
    assert "same" in limits.choices_off["padding"], "one pixel cannot be reflected"
    assert "padding_mode" not in limits.off
    other = conv_limits(layer_of(3, 3, padding="valid", padding_mode="zeros"), (3, 1, 2))
    assert "same" not in other.choices_off["padding"]
    assert "padding_value" in limits.hidden


def test_the_border_value_belongs_to_a_constant_border() -> None:
    assert "padding_value" in conv_limits(layer_of(3, 3), (3, 9, 9)).hidden
    assert conv_limits(layer_of(3, 3, padding_mode="constant"), (3, 9, 9)).hidden == {"groups"}


def test_the_number_of_groups_belongs_to_groups() -> None:
    assert "groups" in conv_limits(layer_of(3, 3, channels="all"), (4, 9, 9)).hidden
    assert "groups" not in conv_limits(layer_of(3, 3, channels="grouped"), (4, 9, 9)).hidden


def test_a_grey_picture_leaves_no_choice_of_channels() -> None:
    assert "single channel" in conv_limits(layer_of(3, 3), (1, 9, 9)).off["channels"]
    grouped = conv_limits(layer_of(3, 3, channels="grouped"), (1, 9, 9))
    assert "channels" not in grouped.off, "two groups of one channel do not work: the way out stays open"


def test_one_cell_has_nothing_to_spread() -> None:
    assert "dilation" in conv_limits(layer_of(1, 1), (3, 9, 9)).off


@pytest.mark.parametrize(
    ("values", "shape", "name", "words"),
    [
        (
            {"padding": "valid", "dilation": (4, 1)},
            (1, 5, 20),
            "padding",
            "The window spans 9 px, but the picture is only 5 px high.",
        ),
        (
            {"padding": ((0, 0), (1, 0)), "dilation": (1, 4)},
            (1, 20, 5),
            "padding",
            "The window spans 9 px, but the padded picture is only 6 px wide.",
        ),
        (
            {"padding": "full", "dilation": (4, 4), "padding_mode": "reflect"},
            (1, 5, 20),
            "padding_mode",
            "Reflection can fill 4 px beside 5 px, but 8 px are padded.",
        ),
    ],
)
def test_reasons_come_with_their_numbers(
    values: dict[str, Any], shape: tuple[int, int, int], name: str, words: str
) -> None:
    assert conv_limits(layer_of(3, 3, **values), shape).problems == {name: words}


def test_the_reason_comes_with_what_to_do() -> None:
    assert why_not(layer_of(3, 3, padding_mode="reflect"), (1, 1, 8)) == (
        "Reflection can fill 0 px beside 1 px, but 1 px are padded. Choose another border, or less padding."
    )
    assert "more padding" in why_not(layer_of(7, 3, padding="valid"), (3, 5, 6))
    assert why_not(layer_of(3, 3), (1, 8, 8)) == ""
