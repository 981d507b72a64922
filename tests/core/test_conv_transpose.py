"""conv_transpose against plain loops, as the adjoint of conv, and through every way it can be computed."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError, conv, conv_transpose
from convstudio.core.gradients import bands, scatter, windows
from tests.core.test_conv_arrays import LAYOUTS
from tests.oracles import Pairs, per_axis


@dataclass(frozen=True, eq=False)
class Scatter:
    """Everything one call of ``conv_transpose`` needs."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    arguments: dict[str, Any]

    @property
    def rank(self) -> int:
        return self.x.ndim - 2

    @property
    def pads(self) -> Pairs:
        padding = self.arguments["padding"]
        if isinstance(padding, int):
            return ((padding, padding),) * self.rank
        return tuple((p, p) if isinstance(p, int) else (p[0], p[1]) for p in padding)

    def __repr__(self) -> str:
        return f"Scatter(x={self.x.shape} {self.x.dtype}, weight={self.weight.shape}, {self.arguments})"


def loops(job: Scatter) -> np.ndarray:
    """The definition: every value times every tap, added where it belongs, in Python floats."""
    a, rank = job.arguments, job.rank
    stride, dilation = per_axis(a["stride"], rank), per_axis(a["dilation"], rank)
    extra = per_axis(a["output_padding"], rank)
    kernel, groups = job.weight.shape[2:], a["groups"]
    outputs = job.weight.shape[1]
    lengths = [
        (n - 1) * s - sum(p) + d * (k - 1) + e + 1
        for n, s, d, k, p, e in zip(job.x.shape[2:], stride, dilation, kernel, job.pads, extra, strict=True)
    ]
    result = np.zeros((len(job.x), outputs * groups, *lengths))
    per_group = job.x.shape[1] // groups
    for n, i in itertools.product(range(len(job.x)), range(job.x.shape[1])):
        for cell in itertools.product(*map(range, job.x.shape[2:])):
            for tap in itertools.product(*map(range, kernel)):
                at = [
                    c * s + t * d - p[0]
                    for c, s, t, d, p in zip(cell, stride, tap, dilation, job.pads, strict=True)
                ]
                if all(0 <= c < length for c, length in zip(at, lengths, strict=True)):
                    first = i // per_group * outputs
                    values = float(job.x[(n, i, *cell)]) * job.weight[(i, slice(None), *tap)]
                    result[(n, slice(first, first + outputs), *at)] += values
    if job.bias is not None:
        result += job.bias.reshape(-1, *(1,) * rank)
    return result


@st.composite
def scatters(draw: st.DrawFn, *, dtypes: tuple[type, ...] = (np.float32, np.float64)) -> Scatter:
    rank = draw(st.integers(1, 3))
    longest, widest = {1: (12, 6), 2: (6, 4), 3: (3, 3)}[rank]

    def axes(low: int, high: int) -> tuple[int, ...]:
        return draw(st.tuples(*[st.integers(low, high)] * rank))

    spatial, kernel, stride, dilation = axes(1, longest), axes(1, widest), axes(1, 4), axes(1, 3)
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    pads = []
    for n, k, s, d, e in zip(spatial, kernel, stride, dilation, extra, strict=True):
        room = (n - 1) * s + d * (k - 1) + e
        before = draw(st.integers(0, min(room, 5)))
        pads.append((before, draw(st.integers(0, min(room - before, 5)))))
    groups = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))
    inputs, outputs = groups * draw(st.integers(1, 3)), draw(st.integers(1, 3))
    bias = rng.standard_normal(groups * outputs).astype(dtype) if draw(st.booleans()) else None
    return Scatter(
        rng.standard_normal((draw(st.integers(1, 2)), inputs, *spatial)).astype(dtype),
        rng.standard_normal((inputs, outputs, *kernel)).astype(dtype),
        bias,
        {
            "stride": stride,
            "padding": tuple(pads),
            "output_padding": extra,
            "dilation": dilation,
            "groups": groups,
        },
    )


def tolerance(job: Scatter) -> float:
    products = job.weight[0].size * job.x.shape[1]
    return 20 * float(np.finfo(job.x.dtype).eps) * math.sqrt(products) * 4


# What is set to force each way, and to cut small jobs as large ones are.
WAYS: dict[str, list[tuple[Any, str, Any]]] = {
    "as planned": [],
    "phases": [(scatter, "_MANY_INPUTS", 1 << 30)],
    "phases in bands": [
        (scatter, "_MANY_INPUTS", 1 << 30),
        (scatter, "_PHASE_BYTES", 64),
        (scatter, "_WORTH_THREADS", 0),
    ],
    "windows": [(scatter, "_MANY_INPUTS", 0), (scatter, "_adds", lambda job: False)],
    "windows in bands": [
        (scatter, "_MANY_INPUTS", 0),
        (scatter, "_adds", lambda job: False),
        (bands, "_BAND_BYTES", 64),
        (windows, "_WORTH_THREADS", 0),
    ],
    "columns": [(scatter, "_MANY_INPUTS", 0), (scatter, "_adds", lambda job: True)],
    "columns in bands": [
        (scatter, "_MANY_INPUTS", 0),
        (scatter, "_adds", lambda job: True),
        (bands, "_ALONE_BYTES", 64),
    ],
}


def force(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    for module, name, value in WAYS[way]:
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=40)
@given(job=scatters())
def test_agrees_with_loops(way: str, job: Scatter) -> None:
    expected = loops(job)
    with pytest.MonkeyPatch.context() as monkeypatch:
        force(monkeypatch, way)
        result = conv_transpose(job.x, job.weight, job.bias, **job.arguments)
    assert result.shape == expected.shape
    assert result.dtype == job.x.dtype
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance(job))


@settings(deadline=None, max_examples=60)
@given(job=scatters(dtypes=(np.float64,)))
def test_adjoint_of_conv(job: Scatter) -> None:
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩ for random x and y, with the padding that conv has."""
    a = job.arguments
    made = conv_transpose(job.x, job.weight, **a)
    other = np.random.default_rng(5).standard_normal(made.shape)
    # With output_padding beyond the stride conv has windows more than x has cells.
    pads = [(before, after) for before, after in job.pads]
    rank = job.rank
    padded = np.pad(other, [(0, 0), (0, 0), *pads])
    lengths = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(
            job.x.shape[2:],
            per_axis(a["stride"], rank),
            per_axis(a["dilation"], rank),
            job.weight.shape[2:],
            strict=True,
        )
    ]
    padded = padded[(..., *(slice(0, length) for length in lengths))]
    forward = conv(padded, job.weight, stride=a["stride"], dilation=a["dilation"], groups=a["groups"])
    assert forward.shape == job.x.shape
    np.testing.assert_allclose((forward * job.x).sum(), (other * made).sum(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=10)
@given(job=scatters())
def test_any_layout_gives_the_same(layout: str, job: Scatter) -> None:
    lay = LAYOUTS[layout]
    x, weight = lay(job.x), lay(job.weight)
    before = x.tobytes(), weight.tobytes()
    result = conv_transpose(x, weight, job.bias, **job.arguments)
    assert (x.tobytes(), weight.tobytes()) == before, "the input was written to"
    assert result.dtype == job.x.dtype
    assert result.dtype.isnative
    np.testing.assert_allclose(result, loops(job), rtol=0, atol=tolerance(job))


@pytest.mark.parametrize("way", WAYS)
def test_large_ones_cut_into_tiles(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 6, 40, 50))
    weight = rng.standard_normal((6, 5, 4, 3))
    force(monkeypatch, way)
    out = np.full((2, 10, 81, 149), np.nan)
    result = conv_transpose(x, weight, stride=(2, 3), padding=((1, 0), (0, 1)), groups=2, out=out)
    assert result is out
    stuffed = np.zeros((2, 6, 79, 148))
    stuffed[:, :, ::2, ::3] = x
    per_group = np.concatenate([weight[:3], weight[3:]], axis=1).swapaxes(0, 1)[:, :, ::-1, ::-1]
    expected = conv(stuffed, per_group, padding=((2, 3), (2, 1)), groups=2, algorithm="taps")
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)


def test_worked_example_of_stride_2() -> None:
    """Zhang et al., Dive into Deep Learning, section 14.10: 2×2 by 2×2, then with stride 2."""
    x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    np.testing.assert_array_equal(conv_transpose(x, x)[0, 0], [[0, 0, 1], [0, 4, 6], [4, 12, 9]])
    strided = [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]
    np.testing.assert_array_equal(conv_transpose(x, x, stride=2)[0, 0], strided)
    np.testing.assert_array_equal(conv_transpose(x, x, padding=1)[0, 0], [[4]])


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (3, 2), (5, 3), (2, 2)])
@pytest.mark.parametrize("word", ["same", "same_lower"])
def test_same_makes_stride_times_as_much(word: str, kernel: int, stride: int) -> None:
    """And is the adjoint of conv with that word over a picture of that length."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 1, 7)), rng.standard_normal((1, 1, kernel))
    made = conv_transpose(x, weight, stride=stride, padding=word)
    assert made.shape == (1, 1, 7 * stride)
    other = rng.standard_normal(made.shape)
    forward = conv(other, weight, stride=stride, padding=word)
    np.testing.assert_allclose((forward * x).sum(), (other * made).sum())


def test_full_is_the_adjoint_of_a_full_convolution() -> None:
    x, weight = np.random.default_rng(0).standard_normal((1, 1, 9)), np.array([[[1.0, 2.0, 3.0]]])
    made = conv_transpose(x, weight, padding="full")
    np.testing.assert_allclose(made, conv(x, weight, flip=True))
    np.testing.assert_allclose(conv_transpose(x, weight, padding="valid"), conv_transpose(x, weight))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", ["x", "weight"])
def test_nan_and_infinity_stay_in_their_windows(monkeypatch: pytest.MonkeyPatch, way: str, bad: str) -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.standard_normal((1, 2, 7, 8)), rng.standard_normal((2, 2, 3, 4))
    if bad == "x":
        x[0, 0, 3, 4], x[0, 1, 0, 0] = np.nan, np.inf
    else:
        weight[0, 0, 1, 2], weight[1, 1, 0, 0] = np.inf, np.nan
    arguments = {"padding": ((1, 0), (0, 2)), "dilation": 1, "output_padding": (0, 1), "groups": 1}
    for stride in (1, (2, 3)):
        given = {**arguments, "stride": stride, "output_padding": 0}
        force(monkeypatch, way)
        result = conv_transpose(x, weight, **given)
        with np.errstate(invalid="ignore"):
            expected = loops(Scatter(x, weight, None, given))
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
        assert np.isfinite(result).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.bool_])
def test_other_numbers_become_float32(dtype: type) -> None:
    x = np.array([[[0, 1, 1]]]).astype(dtype)
    result = conv_transpose(x, [[[1, 255]]], stride=2)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[[0, 0, 1, 255, 1, 255]]])


def test_empty_batch() -> None:
    result = conv_transpose(np.zeros((0, 4, 5, 6)), np.zeros((4, 2, 3, 3)), np.ones(4), stride=2, groups=2)
    assert result.shape == (0, 4, 11, 13)


@pytest.mark.parametrize("way", WAYS)
def test_progress_and_cancelling(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    force(monkeypatch, way)
    x = np.random.default_rng(0).standard_normal((2, 3, 60, 70))
    weight = np.random.default_rng(1).standard_normal((3, 4, 4, 4))
    heard: list[float] = []
    conv_transpose(x, weight, stride=2, control=Control(heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    control = Control(lambda fraction: control.cancel())
    with pytest.raises(Cancelled):
        conv_transpose(x, weight, stride=2, control=control)


GOOD: dict[str, Any] = {"x": np.zeros((1, 4, 5, 6), np.float32), "weight": np.zeros((4, 3, 3, 3), np.float32)}

WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x without channels": ({"x": np.zeros((5, 6))}, ["x must have", "(5, 6)"]),
    "x complex": ({"x": np.zeros((1, 4, 5, 6), complex)}, ["x", "complex128"]),
    "x empty": ({"x": np.zeros((1, 4, 0, 6))}, ["x", "(1, 4, 0, 6)"]),
    "weight of another rank": ({"weight": np.zeros((4, 3, 3))}, ["weight", "(4, 3, 3)"]),
    "weight for other channels": ({"weight": np.zeros((3, 4, 3, 3))}, ["weight takes 3 input channels", "4"]),
    "weight without taps": ({"weight": np.zeros((4, 3, 0, 3))}, ["weight", "(4, 3, 0, 3)"]),
    "groups not dividing": ({"groups": 3}, ["groups", "3", "4"]),
    "groups zero": ({"groups": 0}, ["groups", "0"]),
    "bias too short": ({"bias": np.zeros(4)}, ["bias", "(4,)", "3"]),
    "stride zero": ({"stride": 0}, ["stride", "0"]),
    "stride for three axes": ({"stride": (1, 2, 3)}, ["stride", "(1, 2, 3)"]),
    "dilation a fraction": ({"dilation": 1.5}, ["dilation", "1.5"]),
    "output_padding negative": ({"output_padding": -1}, ["output_padding", "-1"]),
    "output_padding too large": ({"output_padding": 1}, ["output_padding", "smaller than", "1"]),
    "output_padding on one axis": (
        {"output_padding": (1, 2), "stride": 2},
        ["output_padding", "(2 and 1)", "(1, 2)"],
    ),
    "padding negative": ({"padding": (0, -1)}, ["padding", "-1"]),
    "padding unknown": ({"padding": "half"}, ["padding", "'half'", "'same'"]),
    "padding eats all": ({"padding": (0, 4)}, ["padding", "width of 8 px", "4 before and 4 after"]),
    "same from a small kernel": (
        {"padding": "same", "stride": 5},
        ["padding 'same'", "25 px", "output_padding=2"],
    ),
    "out of another shape": ({"out": np.zeros((1, 3, 7, 7), np.float32)}, ["out", "(1, 3, 7, 8)"]),
    "out not an array": ({"out": [0.0]}, ["out", "list"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_argument_is_named(name: str) -> None:
    arguments, words = WRONG[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the words below are the match
        conv_transpose(**{**GOOD, **arguments})
    for word in words:
        assert word in str(caught.value), f"{caught.value} does not say {word!r}"
    if "shape" in str(caught.value) and "out" not in words:
        assert isinstance(caught.value, GeometryError)
