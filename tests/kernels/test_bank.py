"""Filter banks: weights as plain loops make them, smaller kernels placed as they lie alone, edits, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import conv
from convstudio.kernels import LARGEST_BANK, Bank, Filter, Kernel, preset
from convstudio.kernels.bank import LARGEST_INPUTS
from convstudio.spec.params import ParamError


def kernel(rows: int, columns: int, seed: int = 0) -> Kernel:
    return Kernel.custom(np.random.default_rng(seed).integers(-9, 10, (rows, columns)))


sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@st.composite
def banks(draw: st.DrawFn, inputs: int) -> Bank:
    """Filters with one kernel or one for each input, in sizes of their own."""
    filters = []
    for k in range(draw(st.integers(1, 4))):
        count = draw(st.sampled_from((1, inputs)))
        filters.append(Filter(tuple(kernel(*draw(sizes), seed=9 * k + c) for c in range(count)), bias=k / 4))
    return Bank(tuple(filters))


# --- weights ---


def weights_in_loops(bank: Bank, inputs: int, *, flip: bool) -> np.ndarray:
    """The weights cell by cell: kernels share the pixel that "same" padding puts them around.

    Over its pixel a kernel of n taps reaches (n − 1) // 2 pixels back. One that is going to be rotated
    reaches as far with its other end.
    """
    rows = max(k.shape[0] for f in bank.filters for k in f.kernels)
    columns = max(k.shape[1] for f in bank.filters for k in f.kernels)
    weights = np.zeros((len(bank.filters), inputs, rows, columns))
    for number, each in enumerate(bank.filters):
        for c in range(inputs):
            one = each.kernels[c if len(each.kernels) > 1 else 0]
            high, wide = one.shape
            for u in range(high):
                for v in range(wide):
                    i = (rows - 1) // 2 - (high - 1) // 2 + (high - 1 - u if flip else u)
                    j = (columns - 1) // 2 - (wide - 1) // 2 + (wide - 1 - v if flip else v)
                    if flip:
                        i, j = rows - 1 - i, columns - 1 - j
                    weights[number, c, i, j] = one.values[u, v]
    return weights


@given(data=st.data(), inputs=st.integers(1, 4), flip=st.booleans())
def test_the_weights_are_those_of_plain_loops(data: st.DataObject, inputs: int, flip: bool) -> None:
    bank = data.draw(banks(inputs))
    weights = bank.weights(inputs, flip=flip)
    np.testing.assert_array_equal(weights, weights_in_loops(bank, inputs, flip=flip))
    assert weights.dtype == np.float64
    assert weights.shape[2:] == bank.shape
    assert bank.biases().tolist() == [k / 4 for k in range(len(bank.filters))]


@settings(max_examples=150)
@given(first=sizes, second=sizes, flip=st.booleans(), mode=st.sampled_from(("zeros", "circular")))
def test_a_smaller_kernel_gives_what_it_gives_alone(
    first: tuple[int, int], second: tuple[int, int], flip: bool, mode: str
) -> None:
    """ "same" convolution with the bank is that with each of its kernels, whatever their sizes."""
    x = np.random.default_rng(5).integers(-9, 10, (1, 1, 9, 8)).astype(np.float64)
    kernels = kernel(*first, seed=1), kernel(*second, seed=2)
    arguments: dict[str, Any] = {"padding": "same", "padding_mode": mode, "flip": flip}
    both = conv(x, Bank.of(*kernels).weights(1, flip=flip), **arguments)
    for channel, one in enumerate(kernels):
        alone = conv(x, one.values[None, None], **arguments)
        np.testing.assert_allclose(both[:, channel : channel + 1], alone, atol=1e-9)


def test_kernels_of_one_filter_may_differ_in_size_too() -> None:
    x = np.random.default_rng(5).integers(-9, 10, (1, 2, 9, 8)).astype(np.float64)
    kernels = kernel(2, 5, seed=1), kernel(5, 4, seed=2)
    both = conv(x, Bank((Filter(kernels),)).weights(2), padding="same")
    alone = [conv(x[:, c : c + 1], one.values[None, None], padding="same") for c, one in enumerate(kernels)]
    np.testing.assert_allclose(both, alone[0] + alone[1], atol=1e-9)


def test_weights_are_kept_and_cannot_be_written_to() -> None:
    bank = Bank.of(kernel(3, 3), kernel(2, 2))
    weights = bank.weights(3)
    assert bank.weights(3) is weights
    assert Bank.of(kernel(3, 3), kernel(2, 2)).weights(3) is weights, "an equal bank has equal weights"
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0, 0, 0] = 1.0


def test_weights_become_a_bank_and_come_back() -> None:
    weights = np.random.default_rng(3).standard_normal((4, 3, 2, 5))
    bank = Bank.from_weights(weights, [0.0, 1.0, -2.0, 0.5])
    np.testing.assert_array_equal(bank.weights(3), weights)
    assert bank.biases().tolist() == [0.0, 1.0, -2.0, 0.5]
    assert bank.inputs == 3
    shared = Bank.from_weights(weights[:, :1])
    assert shared.inputs is None
    assert not shared.biases().any()


def test_kernels_for_other_channels_are_repeated_or_left_out() -> None:
    first, second = kernel(3, 3, seed=1), kernel(3, 3, seed=2)
    weights = Bank((Filter((first, second)),)).weights(3)
    for channel, one in enumerate((first, second, first)):
        np.testing.assert_array_equal(weights[0, channel], one.values)
    np.testing.assert_array_equal(Bank((Filter((first, second)),)).weights(1)[0, 0], first.values)


# --- filters ---


def test_a_kernel_over_one_channel_leaves_the_others() -> None:
    shared, new = kernel(3, 3, seed=1), kernel(3, 3, seed=2)
    one = Filter((shared,), bias=0.5, name="mine")
    changed = one.with_kernel(new, channel=1, inputs=3)
    assert changed == Filter((shared, new, shared), 0.5, "mine")
    assert [changed.kernel(c) for c in (None, 0, 1, 2, 3)] == [shared, shared, new, shared, shared]
    assert changed.with_kernel(new) == Filter((new,), 0.5, "mine"), "over all channels it is the only one"
    assert one.kernel(2) == shared
    assert one.shared
    assert not changed.shared


def test_a_filter_is_called_by_its_name_or_its_kernel() -> None:
    sobel = preset("sobel-x").make()
    assert Filter((sobel, kernel(3, 3))).title == sobel.title
    assert Filter((sobel,), name="edges").title == "edges"


def test_the_bank_is_as_large_as_its_largest_kernel_along_each_axis() -> None:
    assert Bank.of(kernel(2, 5), kernel(4, 1)).shape == (4, 5)
    assert Filter((kernel(2, 5), kernel(4, 1))).shape == (4, 5)


def test_filters_are_replaced_added_and_taken_away() -> None:
    a, b, c = (Filter((kernel(3, 3, seed=n),), bias=n) for n in range(3))
    bank = Bank((a, b))
    assert bank.with_filter(1, c).filters == (a, c)
    assert bank.filters == (a, b)
    assert bank.resized(4).filters == (a, b, b, b)
    assert bank.resized(1).filters == (a,)
    assert bank.resized(2) == bank


def test_equal_banks_are_equal_and_hash_alike() -> None:
    one, other = (Bank.of(kernel(3, 3), bias=0.5) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    for different in (Bank.of(kernel(3, 3)), Bank.of(kernel(3, 3), kernel(3, 3), bias=0.5), "bank"):
        assert one != different


# --- what is refused ---


@pytest.mark.parametrize("bias", [float("nan"), float("inf"), -1e300, "much", None, True, 1 + 2j])
def test_a_bias_is_a_finite_number(bias: Any) -> None:
    with pytest.raises(ParamError, match="bias must be a finite number"):
        Filter((kernel(3, 3),), bias)


@pytest.mark.parametrize("bias", [1, np.float32(0.5), np.int64(-3), -0.0])
def test_a_bias_becomes_a_plain_number(bias: Any) -> None:
    held = Filter((kernel(1, 1),), bias).bias
    assert type(held) is float
    assert held == bias
    assert str(held) != "-0.0"


def test_a_filter_has_kernels_and_not_too_many() -> None:
    for kernels in ((), (kernel(1, 1),) * (LARGEST_INPUTS + 1)):
        with pytest.raises(ParamError, match=f"1 to {LARGEST_INPUTS} kernels"):
            Filter(kernels)
    with pytest.raises(ParamError, match="made of kernels"):
        Filter((np.ones((3, 3)),))  # type: ignore[arg-type]


def test_a_bank_has_filters_and_not_too_many() -> None:
    for filters in ((), (Filter((kernel(1, 1),)),) * (LARGEST_BANK + 1)):
        with pytest.raises(ParamError, match=f"1 to {LARGEST_BANK} filters"):
            Bank(filters)
    with pytest.raises(ParamError, match="made of filters"):
        Bank((kernel(1, 1),))  # type: ignore[arg-type]


def test_filters_of_a_bank_read_the_same_channels() -> None:
    k = kernel(1, 1)
    assert Bank((Filter((k, k, k)), Filter((k,)))).inputs == 3
    with pytest.raises(ParamError, match=r"\[2, 3\]"):
        _ = Bank((Filter((k, k, k)), Filter((k, k)))).inputs


@pytest.mark.parametrize(
    ("weights", "biases", "words"),
    [
        (np.ones((2, 3, 3)), None, "4 axes .* got 3"),
        (np.ones((2, 1, 3, 3)), [0.0], "2 filters need as many biases, got 1"),
        (np.full((1, 1, 1, 1), np.nan), None, "finite"),
        ([[[["a"]]]], None, "must be numbers"),
        ([[[[1.0], [1.0, 2.0]]]], None, "rows of the same length"),
        (np.ones((1, 0, 3, 3)), None, "kernels"),
        (np.ones((0, 1, 3, 3)), None, "filters"),
        (np.ones((1, 1, 0, 3)), None, "kernel"),
        (5.0, None, "4 axes"),
    ],
)
def test_what_makes_no_bank_is_said(weights: Any, biases: Any, words: str) -> None:
    with pytest.raises(ParamError, match=words):
        Bank.from_weights(weights, biases)


# --- other numbers in the same bank ---


@given(data=st.data(), inputs=st.integers(1, 4), flip=st.booleans())
def test_places_tell_which_number_an_entry_is(data: st.DataObject, inputs: int, flip: bool) -> None:
    bank = data.draw(banks(inputs))
    places = bank.places(inputs, flip=flip)
    own = np.concatenate([k.values.reshape(-1) for f in bank.filters for k in f.kernels])
    assert set(places.reshape(-1)) - {-1} == set(range(own.size))
    np.testing.assert_array_equal(np.append(own, 0.0)[places], bank.weights(inputs, flip=flip))
    # With all weights 1 what lies around smaller kernels is what stays 0.
    ones = Bank(tuple(Filter(tuple(k.edited(np.ones(k.shape)) for k in f.kernels)) for f in bank.filters))
    np.testing.assert_array_equal(places < 0, ones.weights(inputs, flip=flip) == 0)


@given(data=st.data(), inputs=st.integers(1, 4), flip=st.booleans())
def test_weights_go_back_to_where_they_come_from(data: st.DataObject, inputs: int, flip: bool) -> None:
    """Sharing, sizes and names stay; weights and biases are the new ones to the bit."""
    bank, other = data.draw(banks(inputs)), np.random.default_rng(7)
    moved = Bank(
        tuple(
            Filter(
                tuple(k.edited(k.values + other.standard_normal(k.shape)) for k in f.kernels),
                other.standard_normal(),
                f.name,
            )
            for f in bank.filters
        )
    )
    found = bank.with_weights(moved.weights(inputs, flip=flip), moved.biases(), flip=flip)
    assert found == moved
    assert bank.with_weights(bank.weights(inputs, flip=flip), bank.biases(), flip=flip) == bank


def test_a_shared_kernel_gets_the_mean_and_the_frame_is_left_out() -> None:
    shared, small = kernel(3, 3, seed=1), kernel(1, 1, seed=2)
    bank = Bank((Filter((shared,), 1.0, "mine"), Filter((small, small))))
    weights = np.random.default_rng(3).standard_normal((2, 2, 3, 3))
    found = bank.with_weights(weights, [2.0, -1.0])
    first, second = found.filters
    np.testing.assert_allclose(first.kernels[0].values, weights[0].mean(axis=0))
    assert (first.name, first.bias, second.bias) == ("mine", 2.0, -1.0)
    assert [k.values.tolist() for k in second.kernels] == [[[w]] for w in weights[1, :, 1, 1].tolist()]


def test_only_kernels_with_other_numbers_are_edited() -> None:
    bank = Bank.of(preset("sobel-x").make(), preset("sobel-y").make())
    weights = bank.weights(1).copy()
    weights[1, 0, 0, 0] += 1
    first, second = (f.kernels[0] for f in bank.with_weights(weights, bank.biases()).filters)
    assert first == preset("sobel-x").make()
    assert second.preset is None
    assert second.title == f"Custom (from {preset('sobel-y').make().title})"


def test_kernels_that_no_channel_uses_stay() -> None:
    first, second = kernel(3, 3, seed=1), kernel(3, 3, seed=2)
    bank = Bank((Filter((first, second)),))
    found = bank.with_weights(bank.weights(1) + 1.0, [0.0]).filters[0].kernels
    np.testing.assert_array_equal(found[0].values, first.values + 1.0)
    assert found[1] == second
    again = bank.with_weights(bank.weights(3), [0.0])
    assert again == bank, "the first stands for the third, too"


@pytest.mark.parametrize(
    ("weights", "biases", "words"),
    [
        (np.ones((1, 1, 3, 3)), [0.0], "this bank has 2 filters"),
        (np.ones((2, 1, 3, 2)), [0.0, 0.0], "of 3×3 weights, got"),
        (np.ones((2, 3, 3)), [0.0, 0.0], "of 3×3 weights, got"),
        (np.ones((2, 1, 3, 3)), [0.0], "this bank has 2 filters"),
        (np.full((2, 1, 3, 3), np.nan), [0.0, 0.0], "not a finite number"),
        (np.ones((2, 1, 3, 3)), [0.0, np.inf], "a bias must be a finite number"),
    ],
)
def test_numbers_that_do_not_go_into_a_bank_are_said(weights: Any, biases: Any, words: str) -> None:
    with pytest.raises(ParamError, match=words):
        Bank.of(kernel(3, 3), kernel(3, 3, seed=1)).with_weights(weights, biases)
