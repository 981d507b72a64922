"""Every algorithm against SciPy and against plain loops, over random shapes and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convstudio.core import ALGORITHMS, conv
from tests.oracles import allowed_error, assert_agrees, loops_conv, scipy_conv
from tests.strategies import MODES, WORDS, Job, jobs, kernel_values

EVERY = ("auto", *ALGORITHMS)


def run(job: Job, algorithm: str) -> np.ndarray:
    return conv(job.x, job.weight, job.bias, algorithm=algorithm, **job.arguments)


def check(job: Job, algorithm: str, oracle: str = "ndimage.correlate") -> None:
    result = run(job, algorithm)
    assert result.dtype == job.x.dtype
    assert result.flags.c_contiguous
    assert_agrees(result, scipy_conv(job, oracle), allowed_error(job, algorithm), f"{algorithm}, {job}")


@pytest.mark.parametrize("algorithm", EVERY)
@settings(deadline=None, max_examples=120)
@given(job=jobs())
def test_agrees_with_ndimage(algorithm: str, job: Job) -> None:
    check(job, algorithm)


@pytest.mark.parametrize("oracle", ["signal.correlate", "signal.convolve"])
@settings(deadline=None, max_examples=30)
@given(job=jobs())
def test_auto_agrees_with_signal(oracle: str, job: Job) -> None:
    check(job, "auto", oracle)


@settings(deadline=None, max_examples=40)
@given(job=jobs(batches=(1,), max_groups=2).filter(lambda job: job.x.size * job.weight.size <= 4000))
def test_agrees_with_plain_loops(job: Job) -> None:
    expected = loops_conv(job)
    for algorithm in EVERY:
        allowed = allowed_error(job, algorithm)
        assert_agrees(run(job, algorithm), expected, allowed, f"{algorithm}, {job}")


def make(
    shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    *,
    kind: str = "random",
    dtype: type = np.float32,
    bias: bool = False,
    **arguments: Any,
) -> Job:
    """Return a job of a given size, with uneven brightness so that a swapped border shows."""
    rng = np.random.default_rng(sum(shape) + sum(weight_shape))
    x = rng.random(shape) + np.linspace(0, 2, shape[-1])
    weight = kernel_values(rng, weight_shape, kind, len(shape) - 2)
    plain: dict[str, Any] = {
        "stride": 1,
        "padding": "same",
        "dilation": 1,
        "groups": 1,
        "padding_mode": "reflect",
        "padding_value": 0.0,
        "flip": False,
    }
    offsets = rng.standard_normal(weight_shape[0]).astype(dtype) if bias else None
    return Job(x.astype(dtype), weight.astype(dtype), offsets, plain | arguments)


# Large enough for many bands, tiles and blocks, with sizes that divide none of them evenly.
LARGE = {
    "3x3": make((1, 1, 517, 733), (1, 1, 3, 3)),
    "7x7 rgb depthwise": make((1, 3, 317, 431), (3, 1, 7, 7), groups=3, bias=True),
    "15x15": make((1, 1, 401, 523), (1, 1, 15, 15), padding_mode="circular"),
    "31x31": make((1, 1, 263, 301), (1, 1, 31, 31), padding_mode="symmetric"),
    "gaussian-like 21x21": make((1, 1, 399, 517), (1, 1, 21, 21), kind="outer", padding_mode="replicate"),
    "box 15x15": make((1, 2, 333, 411), (2, 1, 15, 15), kind="box", groups=2),
    "rank two 9x9": make((1, 1, 333, 411), (1, 1, 9, 9), kind="rank two", padding="full"),
    "sparse 9x9": make((1, 1, 333, 411), (1, 1, 9, 9), kind="sparse", flip=True),
    "filter bank": make((1, 3, 211, 307), (8, 3, 3, 3), bias=True, padding_mode="zeros"),
    "strided": make((1, 3, 411, 533), (3, 1, 5, 5), groups=3, stride=(2, 3)),
    "dilated": make((1, 1, 411, 533), (1, 1, 5, 5), dilation=(7, 4)),
    "pointwise": make((2, 16, 97, 113), (24, 16, 1, 1)),
    "one column": make((1, 1, 20011, 1), (1, 1, 9, 1)),
    "one row": make((1, 1, 1, 20011), (1, 1, 1, 9), padding_mode="circular"),
    "wide and flat": make((1, 1, 9, 40001), (1, 1, 5, 5)),
    "tall and thin": make((1, 1, 40001, 9), (1, 1, 5, 5)),
    "signal": make((2, 2, 50021), (2, 1, 301), groups=2),
    "volume": make((1, 2, 37, 53, 61), (3, 2, 3, 3, 3), padding_mode="replicate", bias=True),
    "batch": make((7, 1, 61, 83), (1, 1, 5, 5)),
    "float64 11x11": make((1, 1, 257, 331), (1, 1, 11, 11), dtype=np.float64),
    "even 4x6": make((1, 1, 257, 331), (1, 1, 4, 6), padding="same_lower"),
    "kernel as large as the image": make((1, 1, 45, 47), (1, 1, 45, 47), padding="valid"),
}


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("name", LARGE)
def test_agrees_on_many_bands(name: str, algorithm: str) -> None:
    job = LARGE[name]
    expected, allowed = _expected(name, algorithm)
    assert_agrees(run(job, algorithm), expected, allowed, f"{algorithm}, {name}")


_KNOWN: dict[str, np.ndarray] = {}


def _expected(name: str, algorithm: str) -> tuple[np.ndarray, np.ndarray]:
    job = LARGE[name]
    if name not in _KNOWN:
        oracle = "ndimage.correlate" if np.prod(job.kernel) < 400 else "fft"
        _KNOWN[name] = _scipy_fft(job) if oracle == "fft" else scipy_conv(job, oracle)
    if np.prod(job.kernel) < 400:
        return _KNOWN[name], allowed_error(job, algorithm)
    # sum|w||x| by the same fast oracle: only its size matters.
    magnitudes = Job(np.abs(job.x), np.abs(job.weight), None, job.arguments)
    eps = float(np.finfo(job.x.dtype).eps)
    most = _scipy_fft(magnitudes).max()
    return _KNOWN[name], np.full(_KNOWN[name].shape, 4 * np.sqrt(np.prod(job.kernel)) * eps * most)


def _scipy_fft(job: Job) -> np.ndarray:
    """Large kernels by SciPy's float64 FFT: its error is far below what float32 is allowed."""
    from scipy.signal import fftconvolve

    from tests.oracles import numpy_pad

    assert job.arguments["stride"] == job.arguments["dilation"] == 1
    assert job.bias is None
    assert job.arguments["groups"] == job.weight.shape[0] == job.x.shape[1]
    padded = numpy_pad(job.x.astype(np.float64), job.amounts, job.arguments["padding_mode"], 0.0)
    axes = tuple(range(1, 1 + job.rank))
    turned = np.flip(job.weight[:, 0].astype(np.float64), axis=axes)
    return np.stack([fftconvolve(image, turned, mode="valid", axes=axes) for image in padded])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [*WORDS, 2, (1, 3), ((0, 3), (2, 1))])
def test_every_padding_and_mode(mode: str, padding: Any) -> None:
    """Each spelling with each mode at least once, whatever hypothesis happens to draw."""
    value = 0.75 if mode == "constant" else 0.0
    job = make(
        (2, 2, 9, 11), (2, 2, 4, 3), padding=padding, padding_mode=mode, padding_value=value, stride=(2, 1)
    )
    for algorithm in EVERY:
        check(job, algorithm)


def test_padding_value_matters_only_in_constant_mode() -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    weight = np.ones((1, 1, 3, 3), np.float32)
    zeros = conv(x, weight, padding=1, padding_mode="zeros", padding_value=9.0)
    constant = conv(x, weight, padding=1, padding_mode="constant", padding_value=9.0)
    assert zeros[0, 0, 0, 0] == 4.0
    assert constant[0, 0, 0, 0] == 4.0 + 5 * 9.0


@pytest.mark.parametrize("algorithm", EVERY)
def test_bias_is_added_once_per_channel(algorithm: str) -> None:
    x = np.zeros((2, 2, 5, 6), np.float64)
    weight = np.ones((3, 2, 2, 2))
    result = conv(x, weight, np.array([1.0, -2.0, 0.5]), algorithm=algorithm)
    np.testing.assert_array_equal(
        result, np.broadcast_to(np.array([1, -2, 0.5])[:, None, None], (2, 3, 4, 5))
    )
