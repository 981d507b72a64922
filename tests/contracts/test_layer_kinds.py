"""What holds for every layer kind that is registered, whatever its parameters."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError, cells_read, receptive_fields
from convstudio.layers import LAYER_KINDS, BankLayer, Layer
from convstudio.layers.base import FAMILIES, Mate, Repair
from tests.contracts.random_layers import LARGEST_RESULT, Case, cases, fitting, slope, values_of

KINDS = list(LAYER_KINDS)
every_kind = pytest.mark.parametrize("kind", KINDS)
some = settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
few = settings(max_examples=15, suppress_health_check=[HealthCheck.filter_too_much])

NOT_LOCAL = {"normalize"}
"""Kinds whose receptive field leaves something out that they say: statistics of the whole picture."""
READS_LESS = {"max_unpool", "involution"}
"""Kinds that read only some cells of their window: those that won; those of the kernel or of the step."""


def stage_of(case: Case) -> Any:
    """The layer's stage; that of a kind with a mate depends on it."""
    layer: Any = case.layer
    return layer.stage(case.shape, case.mate) if layer.mate_kind else layer.stage(case.shape)


# --- what a kind says of itself ---


@every_kind
def test_a_kind_teaches(kind: str) -> None:
    cls = LAYER_KINDS[kind]
    assert cls.kind == kind
    assert cls.title
    assert cls.family in FAMILIES
    assert cls.keywords
    assert 20 < len(cls.summary()) < 200
    assert cls.summary().endswith(".")
    assert len(cls.help()) > len(cls.summary())
    labels = [each.param.label for each in cls.parameters()]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    for each in cls.parameters():
        assert each.param.help.endswith(".")
        assert each.param.check(each.default) == each.default
        for choice in getattr(each.param, "choices", ()):
            assert choice.label
            assert choice.help


def test_the_source_of_every_formula_is_named() -> None:
    without = [kind for kind, cls in LAYER_KINDS.items() if not any(y in cls.help() for y in ("19", "20"))]
    assert not without


def test_titles_and_summaries_differ() -> None:
    assert len({cls.title for _, cls in LAYER_KINDS.items()}) == len(KINDS)
    assert len({cls.summary() for _, cls in LAYER_KINDS.items()}) == len(KINDS)


@every_kind
@few
@given(data=st.data())
def test_a_name_fits_on_a_card(kind: str, data: st.DataObject) -> None:
    layer = data.draw(cases(kind, wild=True)).layer
    assert 0 < len(layer.name()) <= 45
    assert layer.name() == layer.name().strip()


@every_kind
@few
@given(data=st.data())
def test_equal_layers_are_one_key(kind: str, data: st.DataObject) -> None:
    layer = data.draw(cases(kind)).layer
    again = type(layer)(**{each.name: getattr(layer, each.name) for each in layer.parameters()})
    assert again == layer
    assert hash(again) == hash(layer)


# --- shapes ---


@every_kind
@some
@given(data=st.data())
def test_the_shape_rule_is_the_computation(kind: str, data: st.DataObject) -> None:
    """Both give the same shape, or both say that the layer does not fit."""
    case = data.draw(cases(kind, wild=True))
    promised = case.out_shape()
    if promised is None:
        with pytest.raises(GeometryError):
            case.forward()
        with pytest.raises(GeometryError):
            case.layer.cost(case.shape, case.mate)
        return
    if np.prod(promised, dtype=float) > LARGEST_RESULT:
        return
    assert case.forward().shape == promised
    assert case.layer.cost(case.shape, case.mate).fully_connected == int(
        np.prod(case.shape) * np.prod(promised)
    )


@every_kind
@some
@given(data=st.data())
def test_a_repair_makes_the_layer_fit(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind, wild=True))
    repair = case.layer.repair(case.shape, case.mate)
    if case.out_shape() is not None:
        assert repair is None
        return
    # First the channels, then the geometry: two numbers of a bank may be wrong at once.
    clicks = 3 if isinstance(case.layer, BankLayer) else 1
    layer, mate = case.layer, case.mate
    for _ in range(clicks):
        if repair is None or repair.switch_off:
            return
        assert repair.text[0].isupper()
        assert not repair.text.endswith(".")
        layer, shape, mate = repaired(layer, case, repair)
        if fits(layer, shape, mate):
            return
        repair = layer.repair(shape, mate)
    pytest.fail(f"{case} does not fit after {clicks} repairs")


def repaired(layer: Layer, case: Case, repair: Repair) -> tuple[Layer, Any, Mate | None]:
    """The layer, its input and its mate after a click."""
    if not repair.insert:
        assert repair.changes
        return layer.replace(**repair.changes), case.shape, case.mate
    inserted = LAYER_KINDS[repair.insert]()
    return layer, inserted.out_shape(case.shape), Mate(inserted, case.shape)


def fits(layer: Layer, shape: Any, mate: Mate | None) -> bool:
    try:
        layer.out_shape(shape, mate)
    except GeometryError:
        return False
    return True


# --- values ---


@every_kind
@some
@given(data=st.data())
def test_a_result_goes_into_a_buffer_and_nothing_else_changes(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    before = case.x.copy()
    case.x.setflags(write=False)
    plain = case.forward()
    assert plain.dtype == np.float64
    assert plain.flags.c_contiguous
    assert not np.shares_memory(plain, case.x)
    buffer = np.full(plain.shape, np.nan)
    result = case.forward(out=buffer)
    assert np.shares_memory(result, buffer)
    np.testing.assert_array_equal(buffer, plain)
    grad = np.ones(plain.shape)
    grad.setflags(write=False)
    case.backward(grad)
    np.testing.assert_array_equal(case.x, before)


@every_kind
@some
@given(data=st.data())
def test_float32_agrees_with_float64(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    single = case.x.astype(np.float32)
    exact = case.forward(single.astype(np.float64))
    rounded = case.forward(single)
    assert rounded.dtype == np.float32
    scale = float(np.abs(exact).max()) + 1.0
    np.testing.assert_allclose(rounded, exact, rtol=1e-4, atol=2e-5 * scale)
    gradient = case.layer.backward(np.ones_like(rounded), single, mate=case.mate).x
    assert gradient.dtype == np.float32
    assert gradient.shape == case.x.shape


@every_kind
@some
@given(data=st.data())
def test_parameters_that_do_not_apply_change_nothing(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    layer, plain = case.layer, case.forward()
    for each in layer.parameters():
        if not layer.applies(each.name):
            other = layer.replace(**{each.name: data.draw(values_of(each, len(case.x)))})
            np.testing.assert_array_equal(other.forward(case.x, mate=case.mate), plain)


@every_kind
def test_work_can_be_cancelled(kind: str) -> None:
    layer = LAYER_KINDS[kind]()
    x, mate = np.random.default_rng(0).random((3, 40, 30), dtype=np.float32), None
    if layer.mate_kind:
        mate = Mate(LAYER_KINDS[layer.mate_kind](), x.shape, x)
        x = mate.layer.forward(x)
    heard: list[float] = []
    grad = layer.forward(x, mate=mate, control=Control(heard.append))
    assert heard == sorted(heard)
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        layer.forward(x, mate=mate, control=control)
    with pytest.raises(Cancelled):
        layer.backward(grad, x, mate=mate, control=control)


# --- gradients ---


@every_kind
@some
@given(data=st.data())
def test_the_gradient_is_that_of_the_computation(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    numbers = np.random.default_rng(data.draw(st.integers(0, 999)))
    direction, grad = numbers.standard_normal(case.x.shape), numbers.standard_normal(case.forward().shape)
    numeric = slope(lambda t: float((case.forward(case.x + t * direction) * grad).sum()))
    found = float((case.backward(grad).x * direction).sum())
    assert found == pytest.approx(numeric, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", [kind for kind, cls in LAYER_KINDS.items() if cls().weights(3)])
@some
@given(data=st.data())
def test_the_gradients_of_weights_are_those_of_the_computation(kind: str, data: st.DataObject) -> None:
    case = data.draw(fitting(kind))
    channels = len(case.x)
    weights = case.layer.weights(channels)
    layer = case.layer.with_weights(weights, channels)
    np.testing.assert_allclose(layer.forward(case.x), case.forward(), atol=1e-12)
    numbers = np.random.default_rng(data.draw(st.integers(0, 999)))
    grad = numbers.standard_normal(case.forward().shape)
    found = layer.backward(grad, case.x).weights
    assert {name: each.shape for name, each in found.items()} == {n: w.shape for n, w in weights.items()}
    for name, values in weights.items():
        step = numbers.standard_normal(values.shape)

        def moved(t: float, name: str = name, step: np.ndarray = step) -> Layer:
            return layer.with_weights({**weights, name: weights[name] + t * step}, channels)

        # What biases of one filter have in common moves together.
        really = moved(1.0).weights(channels)[name] - layer.weights(channels)[name]
        numeric = slope(lambda t, moved=moved: float((moved(t).forward(case.x) * grad).sum()))
        assert float((found[name] * really).sum()) == pytest.approx(numeric, rel=1e-5, abs=1e-5)


# --- receptive fields ---


@every_kind
@few
@given(data=st.data())
def test_the_receptive_field_is_what_impulses_show(kind: str, data: st.DataObject) -> None:
    """Not-a-number in a pixel reaches exactly the cells that read it."""
    case = data.draw(fitting(kind))
    if hasattr(case.layer, "padding_mode"):  # mirrored pixels are made in the geometry, not read
        case = Case(case.layer.replace(padding_mode="zeros"), case.x, case.mate)
    stage = stage_of(case)
    plain = case.forward()
    assert receptive_fields([stage], case.shape[1:])[-1].spatial == plain.shape[1:]
    if kind in NOT_LOCAL:
        return
    touched = np.zeros((*plain.shape[1:], *case.shape[1:]), dtype=bool)
    for row, column in product(*map(range, case.shape[1:])):
        x = case.x.copy()
        x[:, row, column] = np.nan
        touched[:, :, row, column] = np.isnan(case.forward(x)).any(axis=0)
    for cell in product(*map(range, plain.shape[1:])):
        rows, columns = cells_read([stage], case.shape[1:], cell)[0].cells
        expected = np.zeros(case.shape[1:], dtype=bool)
        expected[np.ix_(rows, columns)] = True
        if kind in READS_LESS:
            expected &= touched[cell]
            assert (touched[cell] <= expected).all()
        np.testing.assert_array_equal(touched[cell], expected, err_msg=f"output cell {cell} of {case}")
