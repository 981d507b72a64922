"""The proof of every layer kind: it agrees with the core on right results, and finds a wrong cell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.engine import layer_proof
from convstudio.engine.layer_proof import prove
from convstudio.engine.proof import Proof
from convstudio.kernels import Bank
from convstudio.layers import (
    LAYER_KINDS,
    Activation,
    AvgPool,
    CircularConv,
    Conv,
    ConvTranspose,
    GlobalPool,
    Involution,
    Layer,
    LpPool,
    Luminance,
    MaxPool,
    MaxUnpool,
    MinPool,
    Normalize,
    Pad,
    Upsample,
)
from convstudio.layers.activation import FUNCTIONS
from convstudio.layers.base import Mate
from tests.strategies import MODES

ALL_CELLS = 10**6
ORDINARY = settings(max_examples=12)
SMALL = st.integers(1, 3)
PAIR = st.tuples(SMALL, SMALL)
Made = tuple[Layer, int]


def bank(draw: st.DrawFn, side: int = 0) -> Bank:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = (side, side) if side else (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return Bank.from_weights(rng.standard_normal((draw(SMALL), 1, *shape)), None)


def pool_values(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "window": draw(PAIR),
        "stride": draw(PAIR),
        "dilation": draw(PAIR),
        "padding": draw(st.sampled_from(["valid", "same", "same_lower", ((1, 0), (0, 1))])),
        "ceil_mode": draw(st.booleans()),
    }


def conv_values(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "channels": draw(st.sampled_from(["each", "all"])),
        "stride": draw(PAIR),
        "dilation": draw(PAIR),
        "padding": draw(st.sampled_from(["valid", "same", "same_lower", "full", ((0, 1), (2, 0))])),
    }


def plain_conv(draw: st.DrawFn, kind: type[Conv], side: int = 0) -> Conv:
    mode, operation = st.sampled_from(MODES), st.sampled_from(["correlation", "convolution"])
    return kind(
        bank=bank(draw, side),
        padding_mode=draw(mode),
        padding_value=0.25,
        operation=draw(operation),
        **conv_values(draw),
    )


def activation(draw: st.DrawFn) -> Activation:
    number = st.sampled_from([0.05, 0.5, 1.0, 2.0])
    return Activation(
        function=draw(st.sampled_from(sorted(FUNCTIONS))),
        slope=draw(number),
        alpha=draw(number),
        beta=draw(number),
        threshold=draw(st.sampled_from([1.0, 20.0])),
    )


def involution(draw: st.DrawFn) -> Involution:
    return Involution(
        kernel=draw(PAIR),
        groups=draw(st.sampled_from([1, 3])),
        reduction=draw(SMALL),
        stride=draw(PAIR),
        dilation=draw(PAIR),
        padding_mode=draw(st.sampled_from([mode for mode in MODES if mode != "constant"])),
        seed=draw(st.integers(0, 9)),
    )


MAKERS: dict[str, Callable[[st.DrawFn], Layer]] = {
    "activation": activation,
    "avg_pool": lambda draw: AvgPool(**pool_values(draw), count_include_pad=draw(st.booleans())),
    "circular_conv": lambda draw: plain_conv(draw, CircularConv, draw(st.sampled_from([1, 3, 5, 7]))),
    "conv": lambda draw: plain_conv(draw, Conv),
    "conv_transpose": lambda draw: ConvTranspose(
        bank=bank(draw), output_padding=(draw(st.integers(0, 1)), 0), **conv_values(draw)
    ),
    "global_pool": lambda draw: GlobalPool(reduction=draw(st.sampled_from(["average", "maximum"]))),
    "involution": involution,
    "lp_pool": lambda draw: LpPool(**pool_values(draw), p=draw(st.sampled_from([1.0, 1.5, 2.0, 3.0, 8.0]))),
    "luminance": lambda draw: Luminance(standard=draw(st.sampled_from(["rec709", "rec601", "mean"]))),
    "max_pool": lambda draw: MaxPool(**pool_values(draw)),
    "max_unpool": lambda draw: MaxUnpool(),
    "min_pool": lambda draw: MinPool(**pool_values(draw)),
    "normalize": lambda draw: Normalize(
        method=draw(st.sampled_from(["standardize", "range"])),
        over=draw(st.sampled_from(["channel", "all"])),
        epsilon=draw(st.sampled_from([0.0, 1e-5])),
    ),
    "pad": lambda draw: Pad(
        vertical=draw(PAIR),
        horizontal=draw(st.tuples(st.integers(0, 4), st.integers(0, 4))),
        padding_mode=draw(st.sampled_from(MODES)),
        padding_value=0.3,
    ),
    "upsample": lambda draw: Upsample(
        factor=draw(PAIR), method=draw(st.sampled_from(["nearest", "bilinear"]))
    ),
}


def test_every_kind_is_tried() -> None:
    assert sorted(MAKERS) == sorted(LAYER_KINDS)


@st.composite
def jobs(draw: st.DrawFn, kind: str) -> tuple[Layer, np.ndarray, Mate | None]:
    """Return a layer of a kind with an input that it fits, and its mate."""
    layer = MAKERS[kind](draw)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = (3, draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    size = draw(st.sampled_from([1e-3, 1.0, 50.0]))
    x = (rng.standard_normal(shape) * size).astype(draw(st.sampled_from([np.float32, np.float64])))
    if draw(st.booleans()):  # equal values, and zeros
        x = np.round(x)
    spoil = draw(st.sampled_from([None, None, np.nan, np.inf, -np.inf]))
    if spoil is not None:
        x[tuple(rng.integers(0, n) for n in shape)] = spoil
    mate = None
    try:
        if kind == "max_unpool":
            pool = MaxPool(**pool_values(draw))
            mate = Mate(pool, shape, x)
            x = rng.standard_normal(pool.out_shape(shape)).astype(x.dtype)
        layer.out_shape(x.shape, mate)
    except GeometryError:
        assume(False)
    return layer, x, mate


def prove_all(layer: Layer, x: np.ndarray, output: np.ndarray, mate: Mate | None, seed: int = 0) -> Proof:
    found = prove(layer, x, output, mate, rng=np.random.default_rng(seed), cells=ALL_CELLS)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", sorted(MAKERS))
@ORDINARY
@given(data=st.data())
def test_right_results_are_proved(kind: str, data: st.DataObject) -> None:
    layer, x, mate = data.draw(jobs(kind))
    output = layer.forward(x, mate=mate)
    proof = prove_all(layer, x, output, mate, data.draw(st.integers(0, 9)))
    assert proof.ok, proof
    assert proof.max_error <= proof.tolerance
    assert proof.cells == output[list(proof.channels)].size
    assert proof.crop == (0, 0, *output.shape[1:])
    if np.isfinite(x).all():  # a tolerance that allowed anything would prove anything
        size = max(1.0, float(np.abs(output[np.isfinite(output)]).max(initial=0.0)), float(np.abs(x).max()))
        assert proof.tolerance <= (2e-3 if x.dtype == np.float32 else 1e-4) * size
    few = prove(layer, x, output, mate, rng=np.random.default_rng(1), cells=5)
    assert few is not None
    assert few.ok, few


@pytest.mark.parametrize("kind", sorted(MAKERS))
@ORDINARY
@given(data=st.data())
def test_one_wrong_cell_is_found(kind: str, data: st.DataObject) -> None:
    layer, x, mate = data.draw(jobs(kind))
    output = layer.forward(x, mate=mate)
    proof = prove_all(layer, x, output, mate)
    assume(len(proof.channels) == len(output))
    cell = tuple(data.draw(st.integers(0, n - 1)) for n in output.shape)
    wrong = output.copy()
    if np.isfinite(wrong[cell]) and not data.draw(st.booleans()):
        wrong[cell] += 3.0 * proof.tolerance + np.abs(wrong[cell]) * 1e-3 + 1e-3
    else:
        wrong[cell] = 7.0 if np.isnan(wrong[cell]) else np.nan
    assert not prove_all(layer, x, wrong, mate).ok


@pytest.mark.parametrize(
    ("layer", "other"),
    [
        (MaxPool(), MaxPool(ceil_mode=True, window=(2, 2), stride=(2, 2), padding=((0, 1), (0, 1)))),
        (AvgPool(padding=((1, 0), (1, 0))), AvgPool(padding=((1, 0), (1, 0)), count_include_pad=False)),
        (LpPool(p=2.0), LpPool(p=2.5)),
        (Activation(function="gelu"), Activation(function="gelu_tanh")),
        (Activation(function="leaky_relu"), Activation(function="leaky_relu", slope=0.02)),
        (Luminance(), Luminance(standard="rec601")),
        (Pad(), Pad(padding_mode="symmetric")),
        (Normalize(), Normalize(over="all")),
        (Upsample(), Upsample(method="nearest")),
        (Involution(), Involution(seed=1)),
        (GlobalPool(), GlobalPool(reduction="maximum")),
        (ConvTranspose(padding="same"), ConvTranspose(padding=((1, 0), (1, 0)))),
        (CircularConv(), Conv(bank=CircularConv().bank)),
    ],
)
def test_the_result_of_another_layer_is_not_proved(layer: Layer, other: Layer) -> None:
    x = np.random.default_rng(0).standard_normal((3, 17, 19)).astype(np.float32)
    output = other.forward(x)[:, : layer.out_shape(x.shape)[1], : layer.out_shape(x.shape)[2]]
    if isinstance(layer, MaxPool):
        output = other.forward(x[:, ::-1])[:, :8, :9]
    assert not prove_all(layer, x, np.ascontiguousarray(output), None).ok


def test_a_block_is_chosen_within_what_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_proof, "_MOST_VALUES", 2000)
    x = np.random.default_rng(0).random((20, 90, 100), np.float32)
    layer = MaxPool(window=(5, 5), stride=(1, 1))
    output = layer.forward(x)
    seen = set()
    for seed in range(40):
        proof = prove(layer, x, output, rng=np.random.default_rng(seed))
        assert proof is not None
        assert proof.ok
        assert len(proof.channels) == 8
        assert proof.cells * 25 <= 2000
        top, left, height, width = proof.crop
        assert 0 <= top <= 86 - height
        assert 0 <= left <= 96 - width
        seen |= {top == 0, left == 96 - width}
    assert seen == {True, False}


def test_a_thin_output_is_read_along_its_length() -> None:
    x = np.random.default_rng(0).random((1, 2, 5000), np.float32)
    layer = Activation()
    proof = prove(layer, x, layer.forward(x))
    assert proof is not None
    assert proof.cells == 2 * 2048


def test_either_case_is_right_where_rounding_decides() -> None:
    layer = Activation(function="softplus", threshold=1.0)
    x = np.full((1, 4, 4), 1.0, np.float32)
    smooth = np.full_like(x, np.log1p(np.exp(1.0)))
    assert prove_all(layer, x, x, None).ok
    assert prove_all(layer, x, smooth, None).ok
    assert not prove_all(layer, x, 0.5 * (x + smooth), None).ok


def test_an_infinite_value_may_have_a_finite_result() -> None:
    x = np.zeros((1, 2, 2), np.float32)
    x[0, 0, 0] = -np.inf
    layer = Activation(function="elu", alpha=0.05)
    output = layer.forward(x)
    assert output.min() == np.float32(-0.05)
    assert prove_all(layer, x, output, None).ok
    assert not prove_all(layer, x, output + np.float32(1e-6), None).ok


def test_a_sum_may_overflow_where_its_result_would_not() -> None:
    x = np.full((1, 4, 4), 1e38, np.float32)
    for layer in (AvgPool(window=(4, 4), stride=(4, 4)), LpPool(), GlobalPool()):
        output = layer.forward(x)
        assert prove_all(layer, x, output, None).ok
        assert prove_all(layer, x, np.full_like(output, np.inf), None).ok
    assert not prove_all(Activation(), x, np.full_like(x, np.inf), None).ok


def test_results_that_are_not_the_layers_are_refused() -> None:
    x = np.zeros((1, 6, 6), np.float32)
    with pytest.raises(ValueError, match=r"output must have shape \(1, 3, 3\)"):
        prove(MaxPool(), x, x)
    with pytest.raises(ValueError, match="of the input's type float32, got float64"):
        prove(Activation(), x, np.zeros((1, 6, 6)))


def test_there_is_no_proof_of_an_unknown_layer() -> None:
    from convstudio.layers.unknown import UnknownLayer

    x = np.zeros((1, 6, 6), np.float32)
    assert prove(UnknownLayer(original="warp"), x, x) is None


def test_scipy_waits_for_the_first_proof() -> None:
    code = "import sys, convstudio.engine.layer_proof; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
