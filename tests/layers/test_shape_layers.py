"""Padding and enlarging: against NumPy, SciPy and plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convstudio.core import GeometryError
from convstudio.layers import Pad, Upsample
from convstudio.spec.params import ParamError

NUMPY_MODES = {
    "zeros": {"mode": "constant"},
    "constant": {"mode": "constant", "constant_values": 0.75},
    "replicate": {"mode": "edge"},
    "reflect": {"mode": "reflect"},
    "symmetric": {"mode": "symmetric"},
    "circular": {"mode": "wrap"},
}


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# --- padding ---

sides = st.tuples(st.integers(0, 5), st.integers(0, 5))


@pytest.mark.parametrize("mode", NUMPY_MODES)
@given(vertical=sides, horizontal=sides)
@settings(max_examples=20)
def test_padding_is_numpys(mode: str, vertical: tuple[int, int], horizontal: tuple[int, int]) -> None:
    x = picture(2, 6, 7)
    layer = Pad(vertical=vertical, horizontal=horizontal, padding_mode=mode, padding_value=0.75)
    expected = np.pad(x, ((0, 0), vertical, horizontal), **NUMPY_MODES[mode])  # type: ignore[call-overload]
    np.testing.assert_array_equal(layer.forward(x), expected)
    assert layer.out_shape(x.shape) == expected.shape


def test_the_gradient_of_a_mirrored_pixel_counts_both_images() -> None:
    x = picture(1, 1, 3)
    layer = Pad(vertical=(0, 0), horizontal=(2, 0), padding_mode="reflect")
    grad = np.array([[[1.0, 10, 100, 1000, 10000]]])  # of c b a b c
    assert layer.backward(grad, x).x.tolist() == [[[100, 1010, 10001]]]


@pytest.mark.parametrize(
    ("layer", "shape", "changes"),
    [
        (Pad(vertical=(9, 1), horizontal=(2, 2)), (1, 4, 8), {"vertical": (3, 1), "horizontal": (2, 2)}),
        (
            Pad(vertical=(9, 1), horizontal=(2, 2), padding_mode="circular"),
            (1, 4, 8),
            {"vertical": (4, 1), "horizontal": (2, 2)},
        ),
        (Pad(), (1, 1, 1), {"padding_mode": "replicate"}),
    ],
)
def test_a_mirror_longer_than_the_picture_is_repaired(
    layer: Pad, shape: tuple[int, int, int], changes: dict[str, Any]
) -> None:
    with pytest.raises(GeometryError, match="at most"):
        layer.out_shape(shape)
    repair = layer.repair(shape)
    assert repair is not None
    assert repair.changes == changes


def test_names_of_pads() -> None:
    assert Pad().name() == "Pad 1 px, reflect"
    assert Pad(vertical=(1, 2), horizontal=(0, 3), padding_mode="zeros").name() == "Pad ↑1 ↓2 ←0 →3, zeros"


def test_the_value_belongs_to_the_constant_border() -> None:
    assert Pad(padding_mode="constant").applies("padding_value")
    assert not Pad().applies("padding_value")


# --- enlarging ---


def blended(x: np.ndarray, factor: tuple[int, int]) -> np.ndarray:
    """Bilinear enlarging by its definition: half-pixel centres, edges clamped, one output at a time."""
    channels, height, width = x.shape
    out = np.zeros((channels, height * factor[0], width * factor[1]))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            row = min(max((i + 0.5) / factor[0] - 0.5, 0.0), height - 1.0)
            column = min(max((j + 0.5) / factor[1] - 0.5, 0.0), width - 1.0)
            top, left = math.floor(row), math.floor(column)
            below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
            down, right = row - top, column - left
            out[:, i, j] = (1 - down) * ((1 - right) * x[:, top, left] + right * x[:, top, beside]) + down * (
                (1 - right) * x[:, below, left] + right * x[:, below, beside]
            )
    return out


factors = st.tuples(st.integers(1, 8), st.integers(1, 8))


@given(factor=factors, height=st.integers(1, 6), width=st.integers(1, 6))
@settings(max_examples=40)
def test_bilinear_is_its_definition(factor: tuple[int, int], height: int, width: int) -> None:
    x = picture(2, height, width)
    np.testing.assert_allclose(Upsample(factor=factor).forward(x), blended(x, factor), atol=1e-12)


def test_bilinear_is_scipys_map_of_coordinates() -> None:
    x = picture(1, 5, 7)
    rows, columns = (np.arange(10) + 0.5) / 2 - 0.5, (np.arange(21) + 0.5) / 3 - 0.5
    at = np.meshgrid(rows, columns, indexing="ij")
    expected = ndimage.map_coordinates(x[0], at, order=1, mode="nearest")
    np.testing.assert_allclose(Upsample(factor=(2, 3)).forward(x)[0], expected, atol=1e-12)


@given(factor=factors)
@settings(max_examples=20)
def test_nearest_repeats_pixels(factor: tuple[int, int]) -> None:
    x = picture(2, 4, 3)
    result = Upsample(factor=factor, method="nearest").forward(x)
    np.testing.assert_array_equal(result, np.kron(x, np.ones((1, *factor))))


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@given(factor=factors, seed=st.integers(0, 99))
@settings(max_examples=20)
def test_the_gradient_is_the_exact_adjoint(method: str, factor: tuple[int, int], seed: int) -> None:
    """⟨A·x, g⟩ = ⟨x, Aᵀ·g⟩ for every x and g."""
    layer = Upsample(factor=factor, method=method)
    x = picture(2, 4, 5, seed=seed)
    grad = picture(*layer.out_shape(x.shape), seed=seed + 1)
    one = float((layer.forward(x) * grad).sum())
    other = float((x * layer.backward(grad, x).x).sum())
    assert one == pytest.approx(other, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_bands_of_a_large_picture_join_without_a_seam(method: str) -> None:
    x = picture(2, 601, 700).astype(np.float32)  # several bands a channel
    layer = Upsample(factor=(2, 3), method=method)
    result = layer.forward(x)
    for start in (0, 180, 370, 560):
        part = layer.forward(np.ascontiguousarray(x[:, start : start + 41]))
        inner = slice(2 if start else 0, 80 if start + 41 < 601 else 82)
        np.testing.assert_array_equal(
            result[:, start * 2 :][:, inner], part[:, inner], err_msg=f"rows from {start}"
        )
    grad = picture(*result.shape, seed=3).astype(np.float32)
    found = layer.backward(grad, x).x
    one = float((result.astype(np.float64) * grad).sum())
    assert one == pytest.approx(float((found.astype(np.float64) * x).sum()), rel=1e-4)
    whole = layer.backward(grad.astype(np.float64), x.astype(np.float64)).x
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_infinity_stays_with_the_cells_that_blend_it() -> None:
    x = np.zeros((1, 1, 5))
    x[0, 0, 2] = np.inf
    result = Upsample(factor=(1, 3)).forward(x)[0, 0]
    assert np.isinf(result[5:10]).all()
    assert (result[:5] == 0).all()
    assert (result[10:] == 0).all()


def test_costs_and_names_of_enlarging() -> None:
    assert Upsample().cost((3, 4, 5)).multiply_adds == 3 * 8 * 10 * 4
    assert Upsample(factor=(1, 2)).cost((3, 4, 5)).multiply_adds == 3 * 4 * 10 * 2
    assert Upsample(method="nearest").cost((3, 4, 5)).multiply_adds == 0
    assert Upsample().name() == "Upsample ×2 bilinear"
    assert Upsample(factor=(2, 3), method="nearest").name() == "Upsample ×2×3 nearest"
    with pytest.raises(ParamError, match="Factor"):
        Upsample(factor=(9, 1))
