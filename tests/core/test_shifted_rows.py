"""`rows` copies shifted input rows straight from the input: every edge, type and step against `gemm`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from numpy.lib.stride_tricks import as_strided

from convstudio.core import conv
from convstudio.core.algorithms import rows
from convstudio.core.algorithms.row_input import reads_directly
from convstudio.core.checks import checked_job

Array: TypeAlias = npt.NDArray[Any]

RNG = np.random.default_rng(8)


def both(x: Array, weight: Array, **options: object) -> tuple[Array, Array]:
    """The result of `rows`, and in float64 that of `gemm`."""
    found = conv(x, weight, algorithm="rows", **options)  # type: ignore[arg-type]
    told = conv(x.astype(np.float64), weight.astype(np.float64), algorithm="gemm", **options)  # type: ignore[arg-type]
    return found, told


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stride", [1, 2, 3, (1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("padding", [0, 1, 4, ((0, 3), (5, 2)), ((9, 0), (0, 9))])
def test_any_edge_at_any_step(dtype: type, stride: object, padding: object) -> None:
    for height, width in ((40, 63), (7, 64), (33, 70)):
        for kernel in ((3, 3), (2, 4), (5, 7)):
            x: Array = RNG.standard_normal((2, 4, height, width)).astype(dtype)
            weight: Array = RNG.standard_normal((6, 2, *kernel)).astype(dtype)
            found, told = both(x, weight, stride=stride, padding=padding, groups=2)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, told, rtol=0, atol=1e-4 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("dilation", [2, (1, 3), 40])
def test_with_gaps_between_the_columns(dilation: int | tuple[int, int]) -> None:
    x, weight = (
        RNG.standard_normal((1, 3, 90, 120), np.float32),
        RNG.standard_normal((8, 3, 3, 3), np.float32),
    )
    found, told = both(x, weight, stride=2, dilation=dilation, padding=20)
    np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dilation", [2, 3, (2, 1), (5, 2)])
@pytest.mark.parametrize("padding", [0, 2, 5, ((0, 3), (5, 2)), ((9, 0), (0, 9))])
def test_rows_in_phases(dilation: object, padding: object) -> None:
    for height, width in ((40, 63), (33, 70)):
        for kernel in ((3, 3), (2, 4)):
            x: Array = RNG.standard_normal((2, 4, height, width), np.float32)
            weight: Array = RNG.standard_normal((6, 2, *kernel), np.float32)
            found, told = both(x, weight, dilation=dilation, padding=padding, groups=2)
            np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)


@pytest.mark.parametrize("value", [2.5, float("inf"), float("nan")])
def test_a_constant_around_the_input(value: float) -> None:
    x, weight = RNG.standard_normal((1, 1, 50, 51), np.float32), RNG.random((8, 1, 5, 5), np.float32)
    options = {"stride": 2, "padding": 3, "padding_mode": "constant", "padding_value": value}
    found, told = both(x, weight, **options)
    np.testing.assert_allclose(found, told, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["replicate", "reflect", "symmetric", "circular"])
@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (1, 2), (3, 1), ((1, 2), (3, 1)), (2, 3)])
@pytest.mark.parametrize("padding", [1, 4, ((0, 3), (5, 2)), ((9, 0), (0, 9)), ((20, 20), (30, 30))])
def test_rows_that_padding_shows_again(mode: str, steps: Any, padding: object) -> None:
    stride, dilation = steps
    for height, width in ((40, 63), (21, 64)):
        for kernel in ((3, 3), (2, 4), (5, 7)):
            x: Array = RNG.standard_normal((2, 4, height, width), np.float32)
            weight: Array = RNG.standard_normal((6, 2, *kernel), np.float32)
            options = {"stride": stride, "dilation": dilation, "padding_mode": mode}
            found, told = both(x, weight, padding=padding, groups=2, **options)
            np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)


def test_jobs_of_the_same_shapes_share_nothing_else() -> None:
    for value in (0.5, -2.0, float("nan")):
        x, weight = RNG.standard_normal((1, 2, 40, 70), np.float32), RNG.random((8, 2, 3, 5), np.float32)
        options = {"padding": 2, "padding_mode": "constant", "padding_value": value}
        for values in (x, RNG.standard_normal(x.shape, np.float32), x[:, :, ::-1], x.astype(np.float64)):
            found, told = both(values, weight, **options)
            np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)


def test_an_axis_of_length_one_may_have_any_stride() -> None:
    plain, weight = RNG.standard_normal((1, 1, 1, 90), np.float32), RNG.random((8, 1, 3, 3), np.float32)
    strange = as_strided(plain, plain.shape, (12, 20, 28, 4))
    assert strange.flags.c_contiguous
    found, told = both(strange, weight, padding=2)
    np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)
    tall = as_strided(plain, (1, 1, 90, 1), (12, 20, 4, 28))
    found, told = both(tall, weight, padding=20)
    np.testing.assert_allclose(found, told, rtol=0, atol=1e-4)


def test_bits_are_copied_as_they_are() -> None:
    x = RNG.standard_normal((1, 1, 64, 64), np.float32)
    x[0, 0, 10, 11], x[0, 0, 31, 63], x[0, 0, 63, 0] = np.nan, np.inf, -np.inf
    x[0, 0, 20] = np.float32(1e-42)
    weight = np.zeros((9, 1, 3, 3), np.float32)
    weight.reshape(9, 9)[np.arange(9), np.arange(9)] = 1
    found, told = both(x, weight, stride=2, padding=1)
    np.testing.assert_array_equal(found, told.astype(np.float32))


def test_a_picture_of_many_bands_as_wide_as_the_output() -> None:
    x, weight = RNG.standard_normal((1, 3, 301, 1601), np.float32), RNG.random((4, 3, 7, 7), np.float32)
    found, told = both(x, weight, stride=2, padding=3)
    np.testing.assert_allclose(found, told, rtol=0, atol=1e-3)


def test_wide_signals_stay_in_small_tiles() -> None:
    x, weight = np.zeros((1, 1, 1 << 21), np.float32), np.zeros((8, 1, 9), np.float32)
    job, _ = checked_job(x, weight, None, 2, 4, 1, 1, "zeros", 0.0, False, None)
    tiles, _ = rows.prepare(job)
    assert max(tile.extent[2] for tile in tiles) < 1 << 16


def test_what_needs_a_padded_block_first() -> None:
    x, weight = np.zeros((1, 1, 40, 40), np.float32), np.zeros((2, 1, 3, 3), np.float32)

    def direct(values: Array, mode: str = "zeros", dilation: int = 1) -> bool:
        job, _ = checked_job(values, weight, None, 2, 1, dilation, 1, mode, 0.0, False, None)
        return reads_directly(job)

    assert direct(x)
    assert direct(x, "constant")
    assert direct(x, "reflect")
    assert not direct(x.astype(np.uint8))
    assert not direct(x[..., ::-1])
    assert direct(x, dilation=2)
