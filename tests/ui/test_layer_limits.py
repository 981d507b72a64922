"""What the limits of every layer kind leave open works, and what does not fit is said in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import LAYER_KINDS, Activation, Conv, Luminance, MaxPool, MaxUnpool
from convstudio.layers.common import fits
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import PADDING_WORDS
from convstudio.ui.conv_limits import conv_limits
from convstudio.ui.layer_limits import layer_limits, misfit
from tests.contracts.random_layers import cases

POOLINGS = [name for name, kind in LAYER_KINDS.items() if issubclass(kind, Pooling)]
some = settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much])

amounts = st.tuples(st.integers(0, 4), st.integers(0, 4))
pools = st.builds(
    MaxPool,
    window=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.one_of(st.sampled_from(PADDING_WORDS), st.tuples(amounts, amounts)),
    dilation=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    ceil_mode=st.booleans(),
)


def changed(layer: Pooling, name: str, axis: int, number: int) -> Pooling:
    pair = list(getattr(layer, name))
    pair[axis] = number
    return layer.replace(**{name: tuple(pair)})


@settings(max_examples=60)
@given(layer=pools, height=st.integers(1, 12), width=st.integers(1, 12))
def test_the_largest_window_and_dilation_work_and_no_larger_ones_do(
    layer: MaxPool, height: int, width: int
) -> None:
    shape = (2, height, width)
    limits = layer_limits(layer, shape)
    if not fits(layer, shape):
        return
    for name in ("window", "dilation"):
        for axis, (low, high) in enumerate(limits.ranges[name]):
            assert low == 1
            assert low <= getattr(layer, name)[axis] <= high
            assert fits(changed(layer, name, axis, high), shape)
            assert not any(fits(changed(layer, name, axis, n), shape) for n in range(high + 1, 65))


@some
@given(layer=pools, height=st.integers(1, 12), width=st.integers(1, 12))
def test_words_that_are_left_open_work_and_the_others_say_why(
    layer: MaxPool, height: int, width: int
) -> None:
    shape = (2, height, width)
    off = layer_limits(layer, shape).choices_off["padding"]
    for word in PADDING_WORDS:
        assert (word not in off) == fits(layer.replace(padding=word), shape)
        assert off.get(word, "X.")[0].isupper()
        assert off.get(word, "X.").endswith(".")


@some
@given(layer=pools, height=st.integers(1, 12), width=st.integers(1, 12))
def test_as_much_padding_as_is_left_open_works(layer: MaxPool, height: int, width: int) -> None:
    """On either side alone, so that a field need not forbid what another one makes possible."""
    shape = (2, height, width)
    limits = layer_limits(layer, shape)
    none = layer.replace(padding=((0, 0), (0, 0)), ceil_mode=False)
    if not fits(none, shape):
        return
    for axis in (0, 1):
        for side in (0, 1):
            pads = [[0, 0], [0, 0]]
            pads[axis][side] = limits.most[axis]
            assert fits(none.replace(padding=tuple(map(tuple, pads))), shape), pads
            pads[axis][side] += 1  # which a stride may leave unread
            assert not fits(none.replace(stride=(1, 1)).replace(padding=tuple(map(tuple, pads))), shape), pads


@some
@given(layer=pools, height=st.integers(1, 12), width=st.integers(1, 12))
def test_less_padding_than_is_needed_does_not_work(layer: MaxPool, height: int, width: int) -> None:
    shape = (2, height, width)
    needed = layer_limits(layer, shape).needed
    enough = layer.replace(padding=((needed[0], 0), (0, needed[1])), stride=(1, 1), ceil_mode=False)
    assert fits(enough, shape)
    for less in (((needed[0] - 1, 0), (0, needed[1])), ((needed[0], 0), (0, needed[1] - 1))):
        if min(map(min, less)) >= 0:
            assert not fits(enough.replace(padding=less), shape)


def test_a_step_beyond_the_picture_is_not_offered() -> None:
    limits = layer_limits(MaxPool(), (1, 9, 100))
    assert limits.ranges["stride"] == ((1, 9), (1, 64))
    assert layer_limits(MaxPool(), (1, 1, 1)).ranges["stride"] == ((1, 1), (1, 1))


def test_a_pooling_that_does_not_fit_is_not_narrowed() -> None:
    """Else no number could be entered that brings it back."""
    limits = layer_limits(MaxPool(padding=((64, 64), (5, 5))), (1, 9, 9))
    assert limits.ranges["window"] == ((1, 64), (1, 19)), "19 columns would fit, but never a row"
    assert limits.amounts == ((0, 0), (0, 0))


def test_what_padding_comes_to_is_known() -> None:
    assert layer_limits(MaxPool(window=(3, 4), padding="same", stride=(1, 1)), (1, 9, 9)).amounts == (
        (1, 1),
        (1, 2),
    )


@pytest.mark.parametrize("kind", LAYER_KINDS)
@some
@given(data=st.data())
def test_limits_of_every_kind_name_what_the_form_has(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind, wild=True))
    limits = layer_limits(case.layer, case.shape)
    names = {each.name for each in case.layer.parameters()}
    for found in (limits.ranges, limits.off, limits.hidden, limits.choices_off, limits.problems):
        assert set(found) <= names
    hidden = {name for name in names if not case.layer.applies(name)}
    assert hidden <= limits.hidden
    assert set(limits.ranges) == set(limits.reasons) or not limits.ranges


@pytest.mark.parametrize("kind", LAYER_KINDS)
@some
@given(data=st.data())
def test_a_misfit_is_said_in_a_sentence_exactly_where_there_is_one(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind, wild=True))
    text = misfit(case.layer, case.shape, case.mate)
    assert bool(text) == (case.out_shape() is None)
    if text:
        assert text[0] == text[0].upper()
        assert text.endswith((".", "!"))


def test_a_convolutions_limits_are_its_own() -> None:
    layer = Conv.of(Kernel.custom([[1.0, 2.0, 3.0]]), padding_mode="constant")
    assert layer_limits(layer, (3, 9, 9)) == conv_limits(layer, (3, 9, 9))
    assert layer_limits(Activation(), (3, 9, 9)).hidden == {"slope", "alpha", "beta", "threshold"}


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (
            Conv.of(Kernel.custom([[1.0] * 9] * 3), padding="valid"),
            (3, 9, 5),
            "The window spans 9 px, but the picture is only 5 px wide. Choose more padding, or a smaller",
        ),
        (
            Conv(Bank((Filter((Kernel.custom([[1.0]]),) * 3),)), channels="all"),
            (4, 9, 9),
            "The filters have kernels for 3 channels, but 4 come in.",
        ),
        (Luminance(), (4, 9, 9), "4 channels come in, which are no colours"),
        (MaxUnpool(), (4, 9, 9), "A max unpooling needs the max pooling that it undoes above it."),
    ],
)
def test_what_does_not_fit_is_said_with_its_numbers(layer: Any, shape: Any, words: str) -> None:
    assert words in misfit(layer, shape)
