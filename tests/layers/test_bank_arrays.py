"""Layers with a filter bank, computed with other arrays than the bank's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control
from convstudio.layers import LAYER_KINDS, BankLayer
from tests.contracts.random_layers import fitting

KINDS = [kind for kind, cls in LAYER_KINDS.items() if issubclass(cls, BankLayer)]
every_kind = pytest.mark.parametrize("kind", KINDS)
few = settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much])


@every_kind
@few
@given(data=st.data())
def test_other_arrays_act_as_a_layer_that_holds_them(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    layer: Any = case.layer
    channels = len(case.x)
    numbers = np.random.default_rng(data.draw(st.integers(0, 99)))
    moved = {name: w + numbers.standard_normal(w.shape) for name, w in layer.weights(channels).items()}
    other: Any = layer.with_weights(moved, channels)
    arrays = other.weights(channels)  # where kernels are shared, entries are alike again
    expected = other.forward(case.x)
    buffer = np.full(expected.shape, np.nan)
    found = layer.compute(case.x, arrays["weight"], arrays["bias"], out=buffer)
    assert np.shares_memory(found, buffer)
    np.testing.assert_array_equal(buffer, expected)
    without = layer.compute(case.x, arrays["weight"], None)
    np.testing.assert_allclose(without + arrays["bias"][:, None, None], expected, atol=1e-12)

    grad = numbers.standard_normal(expected.shape)
    gradients = other.backward(grad, case.x)
    needs = data.draw(st.sets(st.sampled_from(["x", "weight", "bias"])))
    some = layer.gradients(grad, case.x, arrays["weight"], needs=needs)
    for name, whole in (("x", gradients.x), *gradients.weights.items()):
        if name in needs:
            np.testing.assert_array_equal(getattr(some, name), whole)
        else:
            assert getattr(some, name) is None


@every_kind
@few
@given(data=st.data())
def test_places_are_the_numbers_that_move_together(kind: str, data: st.DataObject) -> None:
    """Entries of one place are equal whatever is put there; entries of none are 0."""
    case = data.draw(fitting(kind))
    layer: Any = case.layer
    channels = len(case.x)
    places = layer.places(channels)
    numbers = np.random.default_rng(data.draw(st.integers(0, 99)))
    assert set(places) == set(layer.weights(channels))
    values = {}
    for name, where in places.items():
        assert where.shape == layer.weights(channels)[name].shape
        free = np.append(numbers.standard_normal(where.max() + 1), 0.0)
        values[name] = free[where]
    back = layer.with_weights(values, channels).weights(channels)
    for name, expected in values.items():
        np.testing.assert_array_equal(back[name], expected)


@every_kind
def test_arrays_can_be_computed_with_until_cancelled(kind: str) -> None:
    layer: Any = LAYER_KINDS[kind]()
    x = np.random.default_rng(0).random((3, 40, 30), dtype=np.float32)
    arrays, control = layer.weights(3), Control()
    grad = np.ones(layer.out_shape(x.shape), np.float32)
    control.cancel()
    with pytest.raises(Cancelled):
        layer.compute(x, arrays["weight"], arrays["bias"], control=control)
    with pytest.raises(Cancelled):
        layer.gradients(grad, x, arrays["weight"], control=control)
