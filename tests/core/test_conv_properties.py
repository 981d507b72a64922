"""Laws of convolution that need no oracle: what must hold between two answers of the core itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import ALGORITHMS, conv, pad
from tests.oracles import per_axis, zero_stuffed
from tests.strategies import Job, jobs

EVERY = ("auto", *ALGORITHMS)
ORDINARY = settings(deadline=None, max_examples=40)


def close(a: np.ndarray, b: np.ndarray, job: Job) -> None:
    """Compare to the precision of the dtype, relative to the largest possible |output|."""
    gain = float(np.abs(job.weight).sum(axis=tuple(range(1, job.weight.ndim))).max())
    peak = max(float(np.abs(job.x).max()), abs(job.arguments["padding_value"]))
    offset = 0.0 if job.bias is None else float(np.abs(job.bias).max())
    tolerance = 60 * float(np.finfo(job.x.dtype).eps) * (gain * peak + offset)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def rotated(weight: np.ndarray) -> np.ndarray:
    return np.flip(weight, axis=tuple(range(2, weight.ndim)))


@ORDINARY
@given(job=jobs(), algorithm=st.sampled_from(EVERY))
def test_convolution_is_correlation_with_the_rotated_kernel(job: Job, algorithm: str) -> None:
    flipped = conv(job.x, job.weight, job.bias, algorithm=algorithm, **{**job.arguments, "flip": True})
    turned = conv(
        job.x, rotated(job.weight), job.bias, algorithm=algorithm, **{**job.arguments, "flip": False}
    )
    close(flipped, turned, job)


@ORDINARY
@given(job=jobs(), data=st.data())
def test_any_two_algorithms_agree(job: Job, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(EVERY))[:2]
    close(
        conv(job.x, job.weight, job.bias, algorithm=one, **job.arguments),
        conv(job.x, job.weight, job.bias, algorithm=other, **job.arguments),
        job,
    )


@ORDINARY
@given(job=jobs(max_dilation=3), algorithm=st.sampled_from(EVERY))
def test_dilation_is_a_zero_stuffed_kernel(job: Job, algorithm: str) -> None:
    dilation = per_axis(job.arguments["dilation"], job.rank)
    stuffed = np.stack([[zero_stuffed(w, dilation) for w in row] for row in job.weight])
    arguments = {**job.arguments, "padding": job.amounts}
    dilated = conv(job.x, job.weight, job.bias, algorithm=algorithm, **arguments)
    plain = conv(job.x, stuffed, job.bias, algorithm=algorithm, **{**arguments, "dilation": 1})
    close(dilated, plain, job)


@ORDINARY
@given(job=jobs(), algorithm=st.sampled_from(EVERY))
def test_stride_samples_the_dense_result(job: Job, algorithm: str) -> None:
    arguments = {**job.arguments, "padding": job.amounts}
    steps = tuple(slice(None, None, s) for s in per_axis(job.arguments["stride"], job.rank))
    dense = conv(job.x, job.weight, job.bias, algorithm=algorithm, **{**arguments, "stride": 1})
    strided = conv(job.x, job.weight, job.bias, algorithm=algorithm, **arguments)
    close(strided, dense[(..., *steps)], job)


@ORDINARY
@given(job=jobs(), algorithm=st.sampled_from(EVERY))
def test_padding_first_gives_the_same(job: Job, algorithm: str) -> None:
    mode = {key: job.arguments[key] for key in ("padding_mode", "padding_value")}
    padded = pad(job.x, job.amounts, **mode)
    inside = conv(padded, job.weight, job.bias, algorithm=algorithm, **{**job.arguments, "padding": "valid"})
    close(conv(job.x, job.weight, job.bias, algorithm=algorithm, **job.arguments), inside, job)


@ORDINARY
@given(
    job=jobs(modes=("circular",), max_stride=1),
    shift=st.tuples(*[st.integers(-20, 20)] * 3),
    algorithm=st.sampled_from(EVERY),
)
def test_circular_padding_commutes_with_rolling(job: Job, shift: tuple[int, ...], algorithm: str) -> None:
    """Translation equivariance, exact where the border is no border; holds where the size is kept."""
    kept = {**job.arguments, "padding": "same"}
    axes = tuple(range(2, job.x.ndim))
    dilation = per_axis(kept["dilation"], job.rank)
    halves = [(d * (k - 1) + 1) // 2 for d, k in zip(dilation, job.kernel, strict=True)]
    assume(all(half <= n for half, n in zip(halves, job.spatial, strict=True)))
    shift = shift[: job.rank]
    first = conv(np.roll(job.x, shift, axes), job.weight, job.bias, algorithm=algorithm, **kept)
    after = np.roll(conv(job.x, job.weight, job.bias, algorithm=algorithm, **kept), shift, axes)
    close(first, after, job)


@ORDINARY
@given(
    seed=st.integers(0, 2**32 - 1),
    a=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    data=st.data(),
    algorithm=st.sampled_from(EVERY),
)
def test_full_convolution_commutes(seed: int, a: list[int], data: st.DataObject, algorithm: str) -> None:
    b = data.draw(st.lists(st.integers(1, 9), min_size=len(a), max_size=len(a)))
    rng = np.random.default_rng(seed)
    f, g = rng.standard_normal((1, 1, *a)), rng.standard_normal((1, 1, *b))
    one = conv(f, g, padding="full", flip=True, algorithm=algorithm)
    other = conv(g, f, padding="full", flip=True, algorithm=algorithm)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * f.size * g.size)


@ORDINARY
@given(job=jobs(max_groups=1, max_channels=1), channels=st.integers(2, 4), algorithm=st.sampled_from(EVERY))
def test_as_many_groups_as_channels_is_depthwise(job: Job, channels: int, algorithm: str) -> None:
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((1, channels, *job.spatial)).astype(job.x.dtype)
    weight = rng.standard_normal((channels, 1, *job.kernel)).astype(job.x.dtype)
    together = conv(x, weight, algorithm=algorithm, **{**job.arguments, "groups": channels})
    for c in range(channels):
        alone = conv(x[:, c : c + 1], weight[c : c + 1], algorithm=algorithm, **job.arguments)
        close(together[:, c : c + 1], alone, Job(x, weight, None, job.arguments))


@ORDINARY
@given(job=jobs(), algorithm=st.sampled_from(EVERY), factor=st.sampled_from([-2.0, 0.5, 3.0]))
def test_linear_in_the_picture_and_in_the_kernel(job: Job, algorithm: str, factor: float) -> None:
    arguments = {**job.arguments, "padding_value": 0.0}
    once = conv(job.x, job.weight, algorithm=algorithm, **arguments)
    picture = conv(job.x * job.x.dtype.type(factor), job.weight, algorithm=algorithm, **arguments)
    kernel = conv(job.x, job.weight * job.x.dtype.type(factor), algorithm=algorithm, **arguments)
    scaled = Job(job.x * factor, job.weight, None, arguments)
    close(picture, once * job.x.dtype.type(factor), scaled)
    close(kernel, once * job.x.dtype.type(factor), scaled)


@ORDINARY
@given(job=jobs(batches=(2, 3)), algorithm=st.sampled_from(EVERY))
def test_pictures_of_a_batch_do_not_meet(job: Job, algorithm: str) -> None:
    together = conv(job.x, job.weight, job.bias, algorithm=algorithm, **job.arguments)
    for n in range(len(job.x)):
        alone = conv(job.x[n : n + 1], job.weight, job.bias, algorithm=algorithm, **job.arguments)
        close(together[n : n + 1], alone, job)


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_identity_kernel_returns_the_picture(algorithm: str, rank: int) -> None:
    x = np.random.default_rng(rank).standard_normal((2, 1, *(9, 8, 7)[:rank])).astype(np.float32)
    weight = np.zeros((1, 1, *(3,) * rank), np.float32)
    weight[(0, 0, *(1,) * rank)] = 1
    result = conv(x, weight, padding="same", padding_mode="replicate", algorithm=algorithm)
    np.testing.assert_allclose(result, x, rtol=0, atol=1e-5)
    assert not np.shares_memory(result, x)
