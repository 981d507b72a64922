"""Ready-made filter banks: what each promises holds for any number of channels and any parameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.kernels.banks import BANKS, BankKind
from convstudio.spec.params import FloatParam, IntParam, ParamError


@pytest.mark.parametrize("kind", BANKS.values(), ids=BANKS)
@given(data=st.data(), inputs=st.sampled_from((1, 2, 3, 8)))
def test_every_bank_can_be_made_and_says_what_it_is(kind: BankKind, data: st.DataObject, inputs: int) -> None:
    values = {}
    for each in kind.params:
        assert isinstance(each.param, IntParam | FloatParam)
        low, high = each.param.minimum, each.param.maximum
        whole = isinstance(each.param, IntParam)
        values[each.name] = data.draw(st.integers(int(low), int(high)) if whole else st.floats(low, high))
        assert each.param.help
    bank = kind.make(inputs, **values)
    assert len(bank.filters) == values.get("count", len(bank.filters))
    assert bank.inputs in (None, inputs)
    assert all(each.title for each in bank.filters)
    assert kind.summary
    assert kind.source
    assert bank == kind.make(inputs, **values)


def test_a_gabor_fan_turns_evenly() -> None:
    bank = BANKS["gabor"].make(count=4)
    assert [dict(f.kernels[0].params)["angle"] for f in bank.filters] == [0.0, 45.0, 90.0, 135.0]


def test_a_gaussian_pyramid_doubles_the_width_and_keeps_the_brightness() -> None:
    bank = BANKS["scale-space"].make(count=4, sigma=0.8)
    assert [dict(f.kernels[0].params)["sigma"] for f in bank.filters] == [0.8, 1.6, 3.2, 6.4]
    for each in bank.filters:
        assert each.kernels[0].values.sum() == pytest.approx(1.0)


def test_random_weights_have_the_spread_that_was_promised_and_a_seed() -> None:
    bank = BANKS["random"].make(8, count=64, size=5, seed=3)
    weights = bank.weights(8)
    assert weights.shape == (64, 8, 5, 5)
    assert weights.std() == pytest.approx(np.sqrt(2 / (8 * 25)), rel=0.03)
    assert BANKS["random"].make(8, count=64, size=5, seed=4) != bank


def test_the_identity_hands_on_each_channel() -> None:
    np.testing.assert_array_equal(BANKS["identity"].make(4).weights(4)[..., 0, 0], np.eye(4))


def test_opponent_colours_answer_nothing_to_grey_but_its_brightness() -> None:
    weights = BANKS["opponent"].make(3).weights(3)[..., 0, 0]
    np.testing.assert_allclose(weights.sum(axis=1), [1.0, 0.0, 0.0], atol=1e-12)


def test_a_wrong_number_is_refused_in_words() -> None:
    with pytest.raises(ParamError, match="Filters must be a whole number from 1"):
        BANKS["gabor"].make(count=0)
