"""Partial results that add up to the layer's output, and one cell's numbers, against plain loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.engine import partial_sums as module
from convstudio.engine.channel_statistics import channel_statistics
from convstudio.engine.feature_maps import thumbnails
from convstudio.engine.partial_sums import Summing, contributions, partial_sketches, partial_sums
from convstudio.kernels import Bank
from convstudio.layers import CircularConv, Conv, ConvTranspose
from tests.oracles import NUMPY_MODES
from tests.strategies import MODES

ORDINARY = settings(max_examples=80)


def random_bank(rng: np.random.Generator, filters: int, inputs: int, shape: tuple[int, int]) -> Bank:
    return Bank.from_weights(rng.standard_normal((filters, inputs, *shape)), rng.standard_normal(filters))


@st.composite
def jobs(
    draw: st.DrawFn, kinds: tuple[type[Summing], ...] = (Conv, CircularConv, ConvTranspose)
) -> tuple[Summing, np.ndarray]:
    """Return a convolution of one of the kinds with an input that it fits."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    kind = draw(st.sampled_from(kinds))
    channels = draw(st.sampled_from(["each", "all", "grouped"]))
    groups = draw(st.integers(1, 3))
    inputs = draw(st.integers(1, 3)) * (groups if channels == "grouped" else 1)
    filters = draw(st.integers(1, 3)) * (groups if channels == "grouped" else 1)
    shape = (3, 3) if kind is CircularConv else (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    kernels = inputs // groups if channels == "grouped" else inputs
    values: dict[str, Any] = {
        "bank": random_bank(rng, filters, draw(st.sampled_from([1, kernels])), shape),
        "channels": channels,
        "groups": groups,
        "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "dilation": (draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        "padding": draw(st.sampled_from(["valid", "same", "same_lower", "full", ((0, 2), (1, 0))])),
    }
    if kind is not ConvTranspose:
        values["operation"] = draw(st.sampled_from(["correlation", "convolution"]))
        values["padding_mode"] = draw(st.sampled_from(MODES))
        values["padding_value"] = 0.75
    layer = kind(**values)
    x = rng.standard_normal((inputs, draw(st.integers(1, 9)), draw(st.integers(1, 9))))
    try:
        layer.out_shape(x.shape)
    except GeometryError:
        assume(False)
    return layer, x.astype(draw(st.sampled_from([np.float32, np.float64])))


def tolerance(x: np.ndarray) -> float:
    return 1e-4 if x.dtype == np.float32 else 1e-11


@ORDINARY
@given(job=jobs(), data=st.data())
def test_parts_add_up_to_the_layers_output(job: tuple[Summing, np.ndarray], data: st.DataObject) -> None:
    layer, x = job
    output = layer.forward(x)
    channel = data.draw(st.integers(0, len(output) - 1))
    sums = partial_sums(layer, x, channel)
    assert sums.parts.shape == (len(sums.channels), *output.shape[1:])
    assert sums.parts.dtype == sums.total.dtype == x.dtype
    atol = tolerance(x)
    np.testing.assert_allclose(sums.total, output[channel], rtol=0, atol=atol)
    np.testing.assert_allclose(sums.running()[-1] + sums.bias, output[channel], rtol=0, atol=atol)
    np.testing.assert_array_equal(sums.running()[0], sums.parts[0])


@ORDINARY
@given(job=jobs(), data=st.data())
def test_a_part_is_what_is_left_without_the_other_channels(
    job: tuple[Summing, np.ndarray], data: st.DataObject
) -> None:
    layer, x = job
    if getattr(layer, "padding_mode", "") == "constant":  # a black channel's border would not be black
        layer = layer.replace(padding_value=0.0)
    channel = data.draw(st.integers(0, layer.out_shape(x.shape)[0] - 1))
    sums = partial_sums(layer, x, channel)
    for c, part in zip(sums.channels, sums.parts, strict=True):
        alone = np.zeros_like(x)
        alone[c] = x[c]
        expected = layer.forward(alone)[channel] - x.dtype.type(sums.bias)
        np.testing.assert_allclose(part, expected, rtol=0, atol=tolerance(x))


@ORDINARY
@given(job=jobs(), data=st.data(), batch=st.sampled_from([1, 1 << 20]))
def test_sketches_are_the_parts_in_small(
    job: tuple[Summing, np.ndarray], data: st.DataObject, batch: int
) -> None:
    layer, x = job
    count, height, width = layer.out_shape(x.shape)
    channel = data.draw(st.integers(0, count - 1))
    cell = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    sums = partial_sums(layer, x, channel)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BATCH_BYTES", batch)
        sketches = partial_sketches(layer, x, channel, (3, 4), cell=cell)
    atol = tolerance(x)
    assert sketches.channels == sums.channels
    np.testing.assert_allclose(sketches.thumbs, thumbnails(sums.parts, (3, 4)), rtol=0, atol=1e-4)
    magnitudes = thumbnails(sums.parts, (3, 4), magnitudes=True)
    np.testing.assert_allclose(sketches.magnitudes, magnitudes, rtol=0, atol=1e-4)
    np.testing.assert_allclose(sketches.running(), thumbnails(sums.running(), (3, 4)), rtol=0, atol=1e-4)
    np.testing.assert_allclose(sketches.at_cell, sums.parts[:, cell[0], cell[1]], rtol=0, atol=atol)
    np.testing.assert_allclose(sketches.total, sums.total, rtol=0, atol=atol)
    assert sketches.bias == sums.bias
    expected = channel_statistics(sums.parts)
    assert len(sketches.stats) == len(sums.channels)
    for name in ("low", "high", "mean", "usual"):
        np.testing.assert_allclose(getattr(sketches.stats, name), getattr(expected, name), rtol=0, atol=1e-4)


@ORDINARY
@given(job=jobs(), data=st.data())
def test_the_numbers_of_a_cell_add_up(job: tuple[Summing, np.ndarray], data: st.DataObject) -> None:
    layer, x = job
    output = layer.forward(x)
    channel, row, column = (data.draw(st.integers(0, n - 1)) for n in output.shape)
    found = contributions(layer, x, channel, row, column)
    products = np.where(found.reads, found.pixels * found.weights, 0.0)
    np.testing.assert_array_equal(found.products, products)
    np.testing.assert_allclose(found.sums, products.sum(axis=(1, 2)), rtol=0, atol=1e-12)
    assert found.result == pytest.approx(found.sums.sum() + found.bias, abs=1e-12)
    assert found.result == pytest.approx(output[channel, row, column], abs=tolerance(x))
    sums = partial_sums(layer, x, channel)
    np.testing.assert_allclose(found.sums, sums.parts[:, row, column], rtol=0, atol=tolerance(x))
    assert found.channels == sums.channels


def padded(x: np.ndarray, amounts: tuple[tuple[int, int], ...], mode: str) -> np.ndarray:
    value = {"constant_values": 0.75 if mode == "constant" else 0.0}
    return np.pad(x, ((0, 0), *amounts), NUMPY_MODES[mode], **value if mode in ("zeros", "constant") else {})


@ORDINARY
@given(job=jobs(), data=st.data())
def test_a_window_shows_what_lies_under_each_tap(
    job: tuple[Summing, np.ndarray], data: st.DataObject
) -> None:
    layer, x = job
    assume(not isinstance(layer, ConvTranspose))
    channel, row, column = (data.draw(st.integers(0, n - 1)) for n in layer.out_shape(x.shape))
    found = contributions(layer, x, channel, row, column)
    amounts = layer.amounts(x.shape[1:])
    around = padded(x, amounts, layer.padding_mode)
    height, width = x.shape[1:]
    for u, v in itertools.product(*(range(n) for n in layer.bank.shape)):
        i = row * layer.stride[0] + u * layer.dilation[0]
        j = column * layer.stride[1] + v * layer.dilation[1]
        np.testing.assert_array_equal(found.pixels[:, u, v], around[list(found.channels), i, j])
        at = i - amounts[0][0], j - amounts[1][0]
        assert (found.rows[u], found.columns[v]) == at
        assert found.padding[u, v] == (not (0 <= at[0] < height and 0 <= at[1] < width))
        source = found.shown_rows[u], found.shown_columns[v]
        if min(source) >= 0:
            np.testing.assert_array_equal(
                found.pixels[:, u, v], x[list(found.channels), source[0], source[1]]
            )
        else:
            assert layer.padding_mode in ("zeros", "constant")
            assert found.padding[u, v]
    assert found.reads.all()


@ORDINARY
@given(job=jobs((ConvTranspose,)), data=st.data())
def test_the_stamps_that_reach_a_cell(job: tuple[Summing, np.ndarray], data: st.DataObject) -> None:
    layer, x = job
    channel, row, column = (data.draw(st.integers(0, n - 1)) for n in layer.out_shape(x.shape))
    found = contributions(layer, x, channel, row, column)
    before = [pair[0] for pair in layer.stage(x.shape).padding]
    reaching = set()
    for i, j in itertools.product(range(x.shape[1]), range(x.shape[2])):
        for u, v in itertools.product(*(range(n) for n in layer.bank.shape)):
            lands = (
                i * layer.stride[0] + u * layer.dilation[0] - before[0],
                j * layer.stride[1] + v * layer.dilation[1] - before[1],
            )
            if lands == (row, column):
                reaching.add((u, v))
                np.testing.assert_array_equal(found.pixels[:, u, v], x[list(found.channels), i, j])
                assert (found.rows[u], found.columns[v]) == (i, j)
    assert {tuple(tap) for tap in np.argwhere(found.reads).tolist()} == reaching
    assert not found.padding.any()


def test_nothing_is_left_out_of_a_non_finite_sum() -> None:
    x = np.ones((2, 4, 4), np.float32)
    x[1, 1, 1] = np.inf
    layer = Conv(bank=random_bank(np.random.default_rng(0), 1, 1, (3, 3)), channels="all")
    sums = partial_sums(layer, x, 0)
    assert np.isfinite(sums.parts[0]).all()
    assert not np.isfinite(sums.total[1, 1])
    assert not np.isfinite(contributions(layer, x, 0, 1, 1).result)


def test_what_is_not_there_is_named() -> None:
    x = np.ones((2, 4, 5), np.float32)
    layer = Conv(channels="all", stride=(2, 1))
    with pytest.raises(GeometryError, match="the output channels are 0 to 0, got 1"):
        partial_sums(layer, x, 1)
    with pytest.raises(GeometryError, match="2×5 cells, got row 2, column 0"):
        contributions(layer, x, 0, 2, 0)
    with pytest.raises(GeometryError, match="2×5 cells, got row 0, column -1"):
        partial_sketches(layer, x, 0, (4, 4), cell=(0, -1))


def test_it_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    x = np.ones((2, 4, 5), np.float32)
    with pytest.raises(Cancelled):
        partial_sums(Conv(channels="all"), x, 0, control)
    with pytest.raises(Cancelled):
        partial_sketches(Conv(channels="all"), x, 0, (4, 4), control)
