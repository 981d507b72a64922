"""The shape rule against the computation, the padding words, what no window reads, and what a job costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import ALGORITHMS, GeometryError, conv
from convstudio.core.geometry import conv_cost, output_length, output_shape, resolve_padding, unread
from tests.oracles import amounts_of, per_axis
from tests.strategies import Job, jobs

AXES = st.tuples(st.integers(1, 30), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))


@settings(deadline=None, max_examples=80)
@given(job=jobs(), algorithm=st.sampled_from(("auto", *ALGORITHMS)))
def test_the_rule_is_the_shape_of_the_result(job: Job, algorithm: str) -> None:
    a = job.arguments
    result = conv(job.x, job.weight, job.bias, algorithm=algorithm, **a)
    rule = output_shape(
        job.spatial, job.kernel, stride=a["stride"], padding=a["padding"], dilation=a["dilation"]
    )
    assert result.shape == (len(job.x), len(job.weight), *rule)


@settings(deadline=None, max_examples=200)
@given(
    axes=st.lists(AXES, min_size=1, max_size=3), word=st.sampled_from(["valid", "same", "same_lower", "full"])
)
def test_words_become_amounts(axes: list[tuple[int, int, int, int]], word: str) -> None:
    spatial, kernel, stride, dilation = (tuple(column) for column in zip(*axes, strict=True))
    resolved = resolve_padding(word, spatial, kernel, stride, dilation)
    assert tuple(map(tuple, resolved)) == amounts_of(word, spatial, kernel, stride, dilation)


@settings(deadline=None, max_examples=200)
@given(axis=AXES, word=st.sampled_from(["same", "same_lower"]))
def test_same_is_as_long_as_the_input_over_the_stride(axis: tuple[int, int, int, int], word: str) -> None:
    n, k, s, d = axis
    ((before, after),) = resolve_padding(word, (n,), (k,), (s,), (d,))
    assert output_length(n, k, s, before, after, d) == math.ceil(n / s)
    assert output_shape((n,), (k,), stride=s, padding=word, dilation=d) == (math.ceil(n / s),)
    assert after - before in ((0, 1) if word == "same" else (0, -1))


@settings(deadline=None, max_examples=200)
@given(axis=AXES, before=st.integers(0, 9), after=st.integers(0, 9))
def test_output_length_counts_the_windows(axis: tuple[int, int, int, int], before: int, after: int) -> None:
    """The formula against sliding the window along until it no longer fits."""
    n, k, s, d = axis
    total, span = n + before + after, d * (k - 1) + 1
    starts = [start for start in range(0, total, s) if start + span <= total]
    if not starts:
        with pytest.raises(GeometryError):
            output_shape((n,), (k,), stride=s, padding=((before, after),), dilation=d)
        return
    assert output_length(n, k, s, before, after, d) == len(starts)
    left_over = total - (starts[-1] + span)
    assert unread((n,), (k,), stride=s, padding=((before, after),), dilation=d) == (left_over,)


def test_unread_cells_change_nothing_and_the_others_do() -> None:
    """7 rows and 8 columns under 3×3 with stride 2: the last column is never read."""
    x = np.random.default_rng(0).standard_normal((1, 1, 7, 8))
    weight = np.random.default_rng(1).standard_normal((1, 1, 3, 3))
    assert unread((7, 8), (3, 3), stride=2) == (0, 1)
    plain = conv(x, weight, stride=2)
    changed = x.copy()
    changed[..., -1] += 1
    np.testing.assert_array_equal(conv(changed, weight, stride=2), plain)
    changed[..., -2] += 1
    assert not np.array_equal(conv(changed, weight, stride=2), plain)


@pytest.mark.parametrize(
    ("spatial", "kernel", "keywords", "expected"),
    [
        ((224, 224), (11, 11), {"stride": 4, "padding": 2}, (55, 55)),  # AlexNet conv1
        ((224, 224), (7, 7), {"stride": 2, "padding": 3}, (112, 112)),  # ResNet conv1
        ((32, 32), (5, 5), {}, (28, 28)),  # LeNet-5 C1
        ((299, 299), (3, 3), {"stride": 2}, (149, 149)),  # Inception v3, first layer
        ((65, 65), (3, 3), {"padding": 12, "dilation": 12}, (65, 65)),  # DeepLab v3's atrous 3×3
        ((1080, 1920), 3, {"padding": "same"}, (1080, 1920)),
        ((100,), 5, {"padding": "full"}, (104,)),
        ((16, 112, 112), 3, {"padding": 1, "stride": (1, 2, 2)}, (16, 56, 56)),
    ],
)
def test_published_shapes(
    spatial: tuple[int, ...], kernel: object, keywords: dict[str, object], expected: tuple[int, ...]
) -> None:
    assert output_shape(spatial, kernel, **keywords) == expected


def test_a_kernel_that_does_not_fit_is_said_in_pixels() -> None:
    with pytest.raises(GeometryError) as caught:
        output_shape((40, 14), (3, 9), padding=((0, 0), (1, 1)), dilation=2)
    message = str(caught.value)
    assert "kernel spans 17 px (9 taps, dilation 2) but the padded input is 16 px wide" in message
    with pytest.raises(GeometryError, match=r"kernel spans 5 px.* 4 px high"):
        output_shape((4, 40), (5, 5))
    assert issubclass(GeometryError, ValueError)


@settings(deadline=None, max_examples=50)
@given(job=jobs())
def test_amounts_are_the_same_for_conv_and_the_rule(job: Job) -> None:
    stride = per_axis(job.arguments["stride"], job.rank)
    dilation = per_axis(job.arguments["dilation"], job.rank)
    resolved = resolve_padding(job.arguments["padding"], job.spatial, job.kernel, stride, dilation)
    assert tuple(map(tuple, resolved)) == job.amounts


def test_cost_of_alexnet() -> None:
    """Krizhevsky, Sutskever and Hinton (2012): conv1 has 96·(3·11·11) weights and 55²·96 outputs.

    105,415,200 multiply-adds and 34,944 parameters are the numbers commonly printed for it.
    """
    cost = conv_cost((3, 227, 227), (96, 3, 11, 11), (55, 55), bias=True)
    assert cost.multiply_adds == 105_415_200
    assert cost.parameters == 34_944
    assert cost.fully_connected == 3 * 227 * 227 * 96 * 55 * 55


def test_cost_of_a_grouped_layer() -> None:
    """AlexNet's conv2 in two groups: 307,456 parameters, 223,948,800 multiply-adds."""
    cost = conv_cost((96, 27, 27), (256, 48, 5, 5), (27, 27), bias=True)
    assert cost.multiply_adds == 223_948_800
    assert cost.parameters == 307_456
    assert conv_cost((96, 27, 27), (256, 48, 5, 5), (27, 27)).parameters == 307_200


def test_cost_of_depthwise_separable() -> None:
    """Howard et al., MobileNets (2017), equation 5: the saving is 1/N + 1/D²."""
    dense = conv_cost((512, 14, 14), (512, 512, 3, 3), (14, 14)).multiply_adds
    depthwise = conv_cost((512, 14, 14), (512, 1, 3, 3), (14, 14)).multiply_adds
    pointwise = conv_cost((512, 14, 14), (512, 512, 1, 1), (14, 14)).multiply_adds
    assert (depthwise + pointwise) / dense == pytest.approx(1 / 512 + 1 / 9)


def test_cost_of_lenet() -> None:
    """LeCun et al. (1998), C1: 156 trainable parameters and 122,304 connections (biases included)."""
    cost = conv_cost((1, 32, 32), (6, 1, 5, 5), (28, 28), bias=True)
    assert cost.parameters == 156
    assert cost.multiply_adds + 6 * 28 * 28 == 122_304
