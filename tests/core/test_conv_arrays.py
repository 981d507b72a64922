"""Which arrays go in and what comes out: dtypes, layouts, empty batches, buffers to reuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import ALGORITHMS, conv, pad
from tests.oracles import allowed_error, assert_agrees, scipy_conv
from tests.strategies import Job, jobs

EVERY = ("auto", *ALGORITHMS)


def backwards(x: np.ndarray) -> np.ndarray:
    """The same values through negative strides on every spatial axis."""
    axes = tuple(range(2, x.ndim))
    return np.flip(np.ascontiguousarray(np.flip(x, axes)), axes)


def every_other(x: np.ndarray) -> np.ndarray:
    """The same values as every second cell of a larger array full of NaN."""
    holder = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
    holder[..., ::2] = x
    return holder[..., ::2]


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same values with the channel varying fastest, as image files are laid out."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.setflags(write=False)
    return x


def unaligned(x: np.ndarray) -> np.ndarray:
    """The same values one byte off the boundary that the processor prefers."""
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = np.ndarray(x.shape, x.dtype, buffer=raw.data, offset=1)
    view[...] = x
    return view


def byte_swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(x.dtype.newbyteorder())


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "backwards": backwards,
    "every other": every_other,
    "channels last": channels_last,
    "Fortran": np.asfortranarray,
    "read only": read_only,
    "unaligned": unaligned,
    "byte-swapped": byte_swapped,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=25)
@given(job=jobs(), algorithm=st.sampled_from(EVERY), weight_too=st.booleans())
def test_any_layout_gives_the_same(layout: str, job: Job, algorithm: str, weight_too: bool) -> None:
    lay = LAYOUTS[layout]
    x = lay(job.x)
    weight = lay(job.weight) if weight_too else job.weight
    bias = None if job.bias is None else (lay(job.bias[None, None])[0, 0] if weight_too else job.bias)
    before = x.tobytes(), weight.tobytes()
    result = conv(x, weight, bias, algorithm=algorithm, **job.arguments)
    assert (x.tobytes(), weight.tobytes()) == before, "the input was written to"
    assert result.dtype == job.x.dtype
    assert result.dtype.isnative
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert_agrees(result, scipy_conv(job), allowed_error(job, algorithm), f"{algorithm}, {job}")


def test_a_picture_repeated_without_a_copy() -> None:
    """Broadcast input has stride 0, so a careless write would show everywhere."""
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((1, 1, 30, 40)).astype(np.float32)
    x = np.broadcast_to(plane, (2, 3, 30, 40))
    weight = np.broadcast_to(rng.standard_normal((1, 1, 3, 3)).astype(np.float32), (3, 1, 3, 3))
    result = conv(x, weight, groups=3, padding="same")
    alone = conv(plane, weight[:1], padding="same")
    np.testing.assert_allclose(result, np.broadcast_to(alone, result.shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.bool_, np.float16])
@pytest.mark.parametrize("algorithm", EVERY)
def test_other_numbers_become_float32(dtype: type, algorithm: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2 if dtype is np.bool_ else 100, (1, 2, 8, 9)).astype(dtype)
    weight = rng.integers(-3, 4, (2, 2, 3, 3)).astype(np.float32)
    result = conv(x, weight, algorithm=algorithm)
    expected = conv(x.astype(np.float64), weight.astype(np.float64), algorithm="taps")
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.02)
    if algorithm == "taps":
        np.testing.assert_array_equal(result, expected)


def test_unsigned_bytes_do_not_wrap_around() -> None:
    x = np.full((1, 1, 4, 4), 255, np.uint8)
    weight = np.array([[[[-1, 2]]]])
    np.testing.assert_array_equal(conv(x, weight), np.full((1, 1, 4, 3), 255, np.float32))
    np.testing.assert_array_equal(conv(x, -weight), np.full((1, 1, 4, 3), -255, np.float32))


@pytest.mark.parametrize("weight_dtype", [np.int8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_picture_decides_the_precision(dtype: type, weight_dtype: type) -> None:
    x = np.arange(20, dtype=dtype).reshape(1, 1, 4, 5)
    weight = np.array([[[[1, 2], [3, 4]]]], dtype=weight_dtype)
    result = conv(x, weight, np.array([1.0]), padding=1)
    assert result.dtype == dtype
    assert result[0, 0, 1, 1] == 0 * 1 + 1 * 2 + 5 * 3 + 6 * 4 + 1


def test_float64_is_not_rounded_to_float32() -> None:
    x = np.full((1, 1, 6, 6), 1 + 1e-12)
    for algorithm in EVERY:
        result = conv(x, np.ones((1, 1, 3, 3)), algorithm=algorithm)
        np.testing.assert_allclose(result - 9, 9e-12, rtol=1e-2)


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_empty_batch(algorithm: str, dtype: type) -> None:
    x = np.zeros((0, 2, 10, 12), dtype)
    weight = np.ones((4, 1, 3, 3))
    result = conv(
        x,
        weight,
        np.zeros(4),
        groups=2,
        stride=2,
        padding=1,
        padding_mode="reflect",
        algorithm=algorithm,
    )
    assert result.shape == (0, 4, 5, 6)
    assert result.dtype == (np.float64 if dtype is np.float64 else np.float32)
    assert pad(x, 1).shape == (0, 2, 12, 14)


@pytest.mark.parametrize("algorithm", EVERY)
@settings(deadline=None, max_examples=15)
@given(job=jobs())
def test_out_receives_every_cell(algorithm: str, job: Job) -> None:
    expected = scipy_conv(job)
    out = np.full(expected.shape, np.nan, job.x.dtype)
    result = conv(job.x, job.weight, job.bias, algorithm=algorithm, out=out, **job.arguments)
    assert result is out
    assert_agrees(out, expected, allowed_error(job, algorithm), f"{algorithm}, {job}")
    again = conv(job.x, job.weight, job.bias, algorithm=algorithm, out=out, **job.arguments)
    assert_agrees(again, expected, allowed_error(job, algorithm), "second use of the buffer")


def test_results_are_separate_arrays() -> None:
    """A result must not be a scratch buffer that the next call overwrites."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1, 1, 64, 64)).astype(np.float32)
    for algorithm in EVERY:
        weight = rng.standard_normal((1, 1, 5, 5)).astype(np.float32)
        first = conv(x, weight, algorithm=algorithm)
        kept = first.copy()
        second = conv(x, -weight, algorithm=algorithm)
        np.testing.assert_array_equal(first, kept)
        assert not np.shares_memory(first, second)
        assert not np.shares_memory(first, x)


@pytest.mark.parametrize("algorithm", EVERY)
def test_the_same_job_gives_the_same_bits(algorithm: str) -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((1, 3, 210, 330)).astype(np.float32)
    weight = rng.standard_normal((3, 1, 7, 7)).astype(np.float32)
    first = conv(x, weight, groups=3, padding="same", algorithm=algorithm)
    for _ in range(3):
        again = conv(x, weight, groups=3, padding="same", algorithm=algorithm)
        np.testing.assert_array_equal(again, first)


def test_two_threads_at_once() -> None:
    """Two computations share the pool of workers and must not share buffers."""
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(7)
    x = rng.standard_normal((1, 2, 300, 400)).astype(np.float32)
    weights = [rng.standard_normal((2, 1, k, k)).astype(np.float32) for k in (3, 5, 9, 17) * 2]

    def one(weight: np.ndarray) -> np.ndarray:
        return conv(x, weight, groups=2, padding="same", padding_mode="circular")

    alone = [one(weight) for weight in weights]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, weights))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)
