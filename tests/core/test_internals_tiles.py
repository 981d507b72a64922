"""The same results however a job is cut into tiles, on however many threads.

Real tiles are megabytes large. Here they are made tiny, so that small jobs go through every kind of cut:
bands, column chunks, the sides of a picture apart from its inside, groups and examples, transform blocks.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from convstudio.core import ALGORITHMS, conv, planner
from convstudio.core import job as job_module
from convstudio.core.algorithms import banded_passes, column_sum, fft, flat_passes, row_plan, rows
from convstudio.core.factor import separate

SHAPES: list[dict[str, Any]] = [
    {"x": (1, 1, 61, 83), "w": (1, 1, 3, 3)},
    {"x": (1, 1, 61, 83), "w": (1, 1, 7, 5), "padding_mode": "reflect"},
    {"x": (2, 3, 40, 52), "w": (3, 1, 5, 5), "groups": 3, "padding_mode": "circular"},
    {"x": (2, 4, 33, 47), "w": (6, 2, 3, 4), "groups": 2, "stride": (2, 3), "padding_mode": "replicate"},
    {"x": (1, 2, 45, 64), "w": (3, 2, 3, 3), "dilation": (2, 3), "padding_mode": "symmetric"},
    {"x": (1, 1, 61, 83), "w": (2, 1, 5, 3), "dilation": (3, 2), "padding_mode": "reflect"},
    {"x": (1, 1, 50, 70), "w": (1, 1, 21, 19), "padding_mode": "constant", "padding_value": 1.5},
    {"x": (1, 1, 3000), "w": (1, 1, 31)},
    {"x": (1, 2, 3000), "w": (4, 2, 6), "stride": 3},
    {"x": (1, 1, 12, 22, 26), "w": (1, 1, 3, 3, 3)},
    {"x": (1, 2, 11, 14, 30), "w": (2, 1, 2, 3, 4), "groups": 2, "dilation": (2, 1, 2)},
]


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(job_module, "TILE_BYTES", 16 << 10)
    monkeypatch.setattr(job_module, "_WORTH_CUTTING", 1)
    monkeypatch.setattr(planner, "_START", 0.0)
    monkeypatch.setattr(fft, "_LARGEST_BLOCK", 1 << 11)
    monkeypatch.setattr(rows, "NARROW", 4)
    monkeypatch.setattr(row_plan, "_PART_BYTES", 8 << 10)
    monkeypatch.setattr(row_plan, "_MOST_BYTES", 12 << 10)
    monkeypatch.setattr(row_plan, "_FEWEST_ROWS", (3, 2))
    monkeypatch.setattr(row_plan, "_TILE_BYTES", 16 << 10)
    monkeypatch.setattr(row_plan, "_plans", {})
    monkeypatch.setattr(banded_passes, "_LONG", 20)
    monkeypatch.setattr(column_sum, "banded_wins", lambda count: count >= 4)
    monkeypatch.setattr(column_sum, "_ROW", 5)
    monkeypatch.setattr(column_sum, "rows_win", lambda count, step: step >= 5 and count % 2 == 1)
    planner._choices.clear()
    flat_passes._program.cache_clear()
    fft.block_shape.cache_clear()
    yield
    planner._choices.clear()
    flat_passes._program.cache_clear()
    fft.block_shape.cache_clear()


def job(shapes: dict[str, Any], *, product: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Random float64 data and kernels; as products of one column per axis, or of full rank."""
    rng = np.random.default_rng(7)
    rest = {key: value for key, value in shapes.items() if key not in ("x", "w")}
    weight = rng.standard_normal(shapes["w"])
    if product:
        weight = np.ones(shapes["w"])
        for axis in range(2, weight.ndim):
            shape = [weight.shape[0], weight.shape[1], *[1] * (weight.ndim - 2)]
            shape[axis] = weight.shape[axis]
            weight = weight * rng.standard_normal(shape)
    return rng.standard_normal(shapes["x"]), weight, {"padding": "same", **rest}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("product", [True, False], ids=["rank 1", "full rank"])
@pytest.mark.parametrize("shapes", SHAPES, ids=lambda shapes: f"{shapes['x']}*{shapes['w']}")
def test_cuts_do_not_show(
    tiny_tiles: None,
    monkeypatch: pytest.MonkeyPatch,
    shapes: dict[str, Any],
    algorithm: str,
    product: bool,
) -> None:
    x, weight, rest = job(shapes, product=product)
    cut = conv(x, weight, algorithm=algorithm, **rest)
    monkeypatch.undo()
    planner._choices.clear()
    flat_passes._program.cache_clear()
    fft.block_shape.cache_clear()
    whole = conv(x, weight, algorithm="taps", **rest)
    scale = float(np.abs(whole).max())
    # Elimination of a full-rank kernel loses a few digits; nothing else does.
    np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("algorithm", ["separable", "fft"])
def test_nan_is_mended_in_every_piece(tiny_tiles: None, algorithm: str) -> None:
    x, weight, rest = job(SHAPES[1], product=True)
    x[0, 0, ::17, ::19] = np.nan
    x[0, 0, 5, 7] = np.inf
    got = conv(x, weight, algorithm=algorithm, **rest)
    expected = conv(x, weight, algorithm="gemm", **rest)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.nanmax(np.abs(x[np.isfinite(x)])) * 50)


def test_rank_of_classic_kernels() -> None:
    def rank(values: Any) -> int:
        return len(separate(np.array([values], float), np.dtype(np.float32)))

    assert rank([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) == 1
    assert rank([[0, 1, 0], [1, -4, 1], [0, 1, 0]]) == 2
    assert rank([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == 3
    assert rank([[0, 0], [0, 0]]) == 1  # one term, of zeros: something has to carry NaN along


def test_rank_sees_through_single_precision() -> None:
    column = np.exp(-(np.linspace(-4, 4, 31) ** 2))
    kernel = np.outer(column, column).astype(np.float32)
    assert len(separate(kernel[None], np.dtype(np.float32))) == 1
    (term,) = separate(kernel[None], np.dtype(np.float32))
    np.testing.assert_allclose(np.outer(term.height, term.width), kernel, rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("weights", [[0, 0, 0], [1, 1, 1], [1, 2, 1], [-1, 0, 1], [0, 1, 0], [0.2, 0.7, 0.1]])
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_short_columns_in_place(mode: str, weights: list[float], algorithm: str) -> None:
    """Equal weights, none at all, 1 2 1, two taps and others: rows computed where they lie, sides apart."""
    x = np.random.default_rng(3).standard_normal((1, 1, 450, 462))
    kernel = np.outer([0.5, 1, 0.5], weights)[None, None]
    value = 2.5 if mode == "constant" else 0.0
    for turned in (kernel, kernel.swapaxes(2, 3)):
        got = conv(x, turned, padding="same", padding_mode=mode, padding_value=value, algorithm=algorithm)
        expected = ndimage.correlate(
            x[0, 0], turned[0, 0], mode="constant" if mode == "constant" else "mirror", cval=value
        )
        np.testing.assert_allclose(got[0, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("width", [461, 462, 463, 464])
@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (3, 3)])
def test_every_cell_of_rows_of_any_length(shape: tuple[int, int], width: int, algorithm: str) -> None:
    """Runs begin where memory is aligned, which is not where rows of odd lengths do."""
    rng = np.random.default_rng(5)
    x, kernel = rng.standard_normal((2, 1, 451, width)), rng.standard_normal((1, 1, *shape))
    out = np.full(x.shape, np.nan)
    conv(x, kernel, padding="same", padding_mode="circular", algorithm=algorithm, out=out)
    before = tuple((k - 1) // 2 for k in shape)
    expected = [
        sum(
            kernel[0, 0, i, j] * np.roll(image, (before[0] - i, before[1] - j), (0, 1))
            for i in range(shape[0])
            for j in range(shape[1])
        )
        for image in x[:, 0]
    ]
    np.testing.assert_allclose(out[:, 0], expected, rtol=0, atol=1e-12)
