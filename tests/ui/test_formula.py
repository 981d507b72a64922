"""The words and numbers of the formula, the cost and the time."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.core import GeometryError
from convstudio.core.geometry import output_length
from convstudio.kernels import Kernel
from convstudio.layers import ConvTranspose, MaxPool
from convstudio.ui.formula import (
    AxisFacts,
    Facts,
    algorithm_line,
    cost_line,
    duration,
    explain_formula,
    explain_plan,
    fully_connected_line,
    long_count,
    short_count,
    size_formula_text,
    sizes_line,
)
from convstudio.ui.layer_facts import axes_of

MOCKUP = AxisFacts(n=300, before=1, after=1, kernel=3, stride=1, dilation=1, out=300)


def test_the_formula_shows_the_present_numbers() -> None:
    assert size_formula_text(MOCKUP) == "⌊(300 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 300"


def test_uneven_padding_is_written_out() -> None:
    axis = AxisFacts(n=300, before=1, after=2, kernel=4, stride=2, dilation=3, out=147)
    assert size_formula_text(axis) == "⌊(300 + 1+2 − 3·(4−1) − 1)/2⌋ + 1 = 147"


sizes = st.integers(1, 40)


def evaluated(text: str) -> int:
    """What a formula as it is written comes to, where its brackets round down."""
    python = text.replace("⌊", "").replace("⌋", "").replace("·", "*").replace("−", "-").replace("/", "//")
    assert re.fullmatch(r"[0-9+\-*/() ]+", python)
    return int(eval(python))


@given(n=sizes, before=sizes, after=sizes, kernel=sizes, stride=sizes, dilation=sizes)
def test_the_formula_as_written_is_true(
    n: int, before: int, after: int, kernel: int, stride: int, dilation: int
) -> None:
    out = output_length(n, kernel, stride, before, after, dilation)
    text = size_formula_text(AxisFacts(n, before, after, kernel, stride, dilation, out))
    left, right = text.split(" = ")
    assert evaluated(left) == int(right)


@given(n=sizes, window=sizes, stride=sizes, dilation=sizes, padding=st.integers(0, 20))
def test_the_formula_of_a_pooling_that_rounds_up_is_true(
    n: int, window: int, stride: int, dilation: int, padding: int
) -> None:
    layer = MaxPool(
        (window, 1),
        stride=(stride, 1),
        dilation=(dilation, 1),
        padding=((padding, padding), (0, 0)),
        ceil_mode=True,
    )
    try:
        axes = axes_of(layer, (1, n, 1))
    except GeometryError:
        return
    assert axes is not None
    left, right = size_formula_text(axes[0]).split(" = ")
    assert left.startswith("⌈")
    inside, last = left.removeprefix("⌈").split("⌉")
    whole = math.ceil(Fraction(evaluated(inside.rpartition("/")[0]), int(inside.rpartition("/")[2])))
    out = whole + evaluated("0" + last)
    # The last window must not start in the padding at the end, as the tooltip says.
    assert int(right) == (out if (out - 1) * stride < n + padding else out - 1)
    assert "rounded up" in explain_formula(axes[0], "height")


@given(
    n=sizes, kernel=sizes, stride=sizes, dilation=sizes, padding=st.integers(0, 20), extra=st.integers(0, 3)
)
def test_the_formula_of_a_transposed_convolution_is_true(
    n: int, kernel: int, stride: int, dilation: int, padding: int, extra: int
) -> None:
    layer = ConvTranspose.of(
        Kernel.custom(np.ones((kernel, 1))),
        stride=(stride, 1),
        dilation=(dilation, 1),
        padding=((padding, padding), (0, 0)),
        output_padding=(extra, 0),
    )
    try:
        axes = axes_of(layer, (1, n, 1))
    except GeometryError:
        return
    assert axes is not None
    left, right = size_formula_text(axes[0]).split(" = ")
    assert evaluated(left) == int(right) == layer.out_shape((1, n, 1))[1]
    assert "stamp" in explain_formula(axes[0], "height")
    assert "rounded" not in explain_formula(axes[0], "height")


def test_every_symbol_is_explained() -> None:
    axis = AxisFacts(n=300, before=1, after=2, kernel=4, stride=2, dilation=3, out=147, unread=1)
    text = explain_formula(axis, "height")
    for words in (
        "height of the input",
        "top and bottom",
        "dilation",
        "rows of the window",
        "stride",
        "rounded",
    ):
        assert words in text
    assert "spans d·(k−1)+1 = 10 px" in text
    assert "1 of the padded rows are never read" in text
    assert "left and right" in explain_formula(axis, "width")


@pytest.mark.parametrize(
    ("number", "short", "long"),
    [
        (0, "0", "0"),
        (864, "864", "864"),
        (9600, "9 600", "9 600"),
        (29_160_000, "29.2 M", "29.2 million"),
        (437_400_000_000, "437 G", "437 billion"),
        (1_000_000, "1 M", "1 million"),
        (2_500_000_000_000_000, "2500 T", "2.5 quadrillion"),
    ],
)
def test_counts_keep_three_digits(number: int, short: str, long: str) -> None:
    assert short_count(number) == short
    assert long_count(number).replace("\N{NO-BREAK SPACE}", " ") == long


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00042, "0.42 ms"),
        (0.0019, "1.9 ms"),
        (0.0234, "23 ms"),
        (0.23, "230 ms"),
        (1.44, "1.4 s"),
        (75, "75 s"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def facts(**changes: object) -> Facts:
    numbers = {"multiply_adds": 29_160_000, "parameters": 224, "fully_connected": 437_400_000_000}
    return Facts(**({"axes": (MOCKUP, MOCKUP)} | numbers | changes))  # type: ignore[arg-type]


def test_the_cost_reads_as_in_a_textbook() -> None:
    assert cost_line(facts()) == "29.2 M mult-adds · 224 parameters"
    assert cost_line(facts(parameters=1)).endswith("1 parameter")
    line = fully_connected_line(facts()).replace("\N{NO-BREAK SPACE}", " ")
    assert line == "a fully connected layer would need 437 billion"


def test_the_sizes_line_names_what_is_never_read() -> None:
    bare = AxisFacts(n=10, before=0, after=0, kernel=3, stride=1, dilation=1, out=8)
    odd = AxisFacts(n=10, before=0, after=0, kernel=3, stride=4, dilation=1, out=2, unread=3)
    assert sizes_line(Facts((bare, bare), 1, 1, 1)) == ""
    assert sizes_line(facts()) == ""
    assert sizes_line(Facts((odd, bare), 1, 1, 1)) == "the last 3 rows never read"


def test_layers_without_weights_say_so() -> None:
    assert cost_line(facts(parameters=0, multiply_adds=0)) == "no parameters, nothing to multiply"
    assert cost_line(facts(parameters=0)) == "29.2 M mult-adds · 0 parameters"
    assert sizes_line(facts(axes=None)) == ""


def test_plan_and_time_say_only_what_is_known() -> None:
    candidates = (
        SimpleNamespace(name="rows", milliseconds=1.9, exact=True, reason="few taps"),
        SimpleNamespace(name="fft", milliseconds=float("inf"), exact=False, reason="NaN would spread"),
    )
    plan = SimpleNamespace(algorithm="rows", candidates=candidates)
    assert algorithm_line(facts()) == ""
    assert algorithm_line(facts(plan=plan, algorithm="rows")) == "rows"
    assert algorithm_line(facts(plan=plan, algorithm="rows", seconds=0.0019)) == "rows · 1.9 ms"
    assert algorithm_line(facts(seconds=0.0019)) == "1.9 ms", "of a layer that has only one way"
    text = explain_plan(plan)  # type: ignore[arg-type]
    assert "<b>rows</b>" in text
    assert "≈ 1.9 ms" in text
    assert "NaN would spread" in text
    assert "<b>fft</b>" not in text
