"""What is said about a kernel, held to plain computations and to kernels whose answer is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstudio.kernels import PRESETS, transform
from convstudio.kernels.insight import analyse


def make(name: str, **params: Any) -> np.ndarray:
    return PRESETS[name].make(**params).values


class TestRank:
    @given(st.integers(1, 4), st.integers(4, 63), st.integers(4, 63), st.integers(0, 99))
    def test_a_sum_of_products_has_the_rank_of_its_number(
        self, rank: int, rows: int, columns: int, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        # Orthogonal factors: a random sum could come close to a lower rank.
        down, across = (np.linalg.qr(rng.normal(size=(n, rank)))[0] for n in (rows, columns))
        insight = analyse(down @ across.T)
        assert insight.rank == rank
        assert insight.full_mults == rows * columns
        assert insight.separable_mults == rank * (rows + columns)
        assert insight.saves == (rank * (rows + columns) < rows * columns)

    def test_weights_that_were_stored_as_float32_keep_their_rank(self) -> None:
        stored = make("gaussian", size=31, sigma=6).astype(np.float32).astype(np.float64)
        assert analyse(stored).rank == 1

    def test_scale_does_not_matter(self) -> None:
        for scale in (1e-20, 1e20):
            assert analyse(make("sharpen") * scale).rank == 2

    def test_zeros_have_none(self) -> None:
        insight = analyse(np.zeros((3, 5)))
        assert (insight.rank, insight.separable_mults, insight.saves) == (0, 0, False)

    @pytest.mark.parametrize(
        ("name", "rank"), [("sobel-x", 1), ("laplacian-4", 2), ("mean", 1), ("roberts", 2), ("identity", 1)]
    )
    def test_known_kernels(self, name: str, rank: int) -> None:
        assert analyse(make(name)).rank == rank


class TestSums:
    def test_by_number(self) -> None:
        insight = analyse(np.array([[3.0, -4.0], [0.0, 2.0]]))
        assert insight.total == 1.0
        assert insight.absolute_total == 9.0
        assert insight.noise_gain == pytest.approx(math.sqrt(29))

    def test_weights_that_cancel_sum_to_exactly_zero(self) -> None:
        assert analyse(make("difference-of-gaussians")).total == 0.0
        assert analyse(np.array([[0.1, 0.2, -0.3]])).total == 0.0

    def test_a_small_sum_is_not_dust(self) -> None:
        assert analyse(np.array([[1.0, -1.0 + 1e-9]])).total == pytest.approx(1e-9)


SYMMETRIES = [
    ([[1, 2, 1], [3, 4, 3], [1, 2, 1]], "symmetric"),
    ([[5]], "symmetric"),
    ([[-1, 0, 1]], "anti-symmetric along x"),
    ([[-1], [1]], "anti-symmetric along y"),
    ([[1, -1], [-1, 1]], "anti-symmetric along x and y"),
    ([[5, 5, 5], [-3, 0, -3], [-3, -3, -3]], "symmetric along x only"),
    ([[1, 2, 3], [4, 5, 6], [1, 2, 3]], "symmetric along y only"),
    ([[-1, 0, 1], [-5, 0, 5], [-2, 0, 2]], "anti-symmetric along x only"),
    ([[1, 2], [2, 1]], "symmetric about the centre"),
    ([[-1, 0], [0, 1]], "anti-symmetric about the centre"),
    ([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], "symmetric about a diagonal"),
    ([[0, 1, 5], [-1, 0, 2], [-5, -2, 0]], "anti-symmetric about a diagonal"),
    ([[1, 2, 4]], "no symmetry"),
    ([[1], [2], [4]], "no symmetry"),
    ([[1, 2], [3, 4]], "no symmetry"),
    ([[0, 0]], "all zero"),
]


@pytest.mark.parametrize(("values", "words"), SYMMETRIES)
def test_symmetry_in_words(values: list[list[float]], words: str) -> None:
    assert analyse(np.array(values, dtype=np.float64)).symmetry == words


def test_symmetry_forgives_rounding_but_not_a_difference() -> None:
    values = make("gaussian").copy()
    values[0, 0] *= 1 + 1e-9
    assert analyse(values).symmetry == "symmetric"
    values[4, 3] *= 1.001
    assert analyse(values).symmetry != "symmetric"


class TestResponse:
    @pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5), (63, 63)])
    def test_it_is_the_gain_at_each_frequency(self, shape: tuple[int, int]) -> None:
        values = np.random.default_rng(3).normal(size=shape)
        response = analyse(values).response
        assert response.shape == (64, 64)
        assert response.dtype == np.float32
        rows, columns = np.indices(shape)
        for v, u in ((32, 32), (32, 48), (0, 5), (63, 1), (17, 40)):
            wave = np.exp(-2j * np.pi * ((v - 32) / 64 * rows + (u - 32) / 64 * columns))
            assert response[v, u] == pytest.approx(abs((values * wave).sum()), rel=1e-5, abs=1e-6)

    def test_a_flat_area_is_in_the_centre(self) -> None:
        insight = analyse(make("mean", size=7))
        assert insight.response[32, 32] == pytest.approx(insight.total)
        assert insight.response.argmax() == 32 * 64 + 32


PASSBANDS: list[tuple[str, dict[str, Any], str]] = [
    ("identity", {}, "all-pass (identity)"),
    ("shift", {}, "all-pass, moves the picture"),
    ("mean", {}, "low-pass"),
    ("mean", {"size": 63}, "low-pass"),
    ("gaussian", {"size": 31, "sigma": 5}, "low-pass"),
    ("gaussian", {"size": 2, "sigma": 1}, "low-pass"),
    ("disk", {"radius": 9}, "low-pass"),
    ("motion-blur", {"angle": 0}, "low-pass along x"),
    ("motion-blur", {"angle": 90}, "low-pass along y"),
    ("motion-blur", {"angle": 30, "length": 15}, "low-pass along about 30°"),
    ("motion-blur", {"angle": -60, "length": 15}, "low-pass along about 120°"),
    ("sobel-x", {}, "band-pass along x"),
    ("sobel-y", {"size": 7}, "band-pass along y"),
    ("central-difference-x", {}, "band-pass along x"),
    ("forward-difference-y", {}, "high-pass along y"),
    ("second-difference-x", {}, "high-pass along x"),
    ("laplacian-4", {}, "high-pass"),
    ("laplacian-8", {}, "high-pass"),
    ("laplacian-of-gaussian", {}, "band-pass"),
    ("difference-of-gaussians", {}, "band-pass"),
    ("kirsch", {"direction": "NE"}, "band-pass along about 45°"),
    ("oriented-edge", {"angle": 150}, "band-pass along about 150°"),
    ("gabor", {"angle": 0}, "band-pass along x"),
    ("gabor", {"angle": 60}, "band-pass along about 60°"),
    ("line", {"direction": "vertical"}, "high-pass along x"),
    ("high-pass", {}, "high-pass"),
    ("sharpen", {}, "boosts fine detail"),
    ("unsharp-mask", {}, "boosts fine detail"),
    ("emboss", {"direction": "N"}, "boosts a band along y"),
]


@pytest.mark.parametrize(("name", "params", "words"), PASSBANDS)
def test_passband_in_words(name: str, params: dict[str, Any], words: str) -> None:
    assert analyse(make(name, **params)).passband == words


@pytest.mark.parametrize("scale", [-3.0, 1e-20, 1e20])
def test_the_passband_does_not_depend_on_the_scale(scale: float) -> None:
    assert analyse(make("sobel-x") * scale).passband == "band-pass along x"


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_turning_a_kernel_turns_its_passband(angle: int) -> None:
    turned = transform.rotate_90(make("oriented-edge", angle=angle))
    words = {0: "band-pass along x", 90: "band-pass along y"}
    quarter = (angle + 90) % 180
    assert analyse(turned).passband == words.get(quarter, f"band-pass along about {quarter}°")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0, 0]], "blocks everything"),
        ([[2]], "all-pass (scales only)"),
        ([[0, 0, 0], [0, -1, 0], [0, 0, 0]], "all-pass (scales only)"),
        ([[1, -1], [-1, 1]], "high-pass"),
        ([[0.01, 1, 0.01]], "passes everything about alike"),
        ([[1, 1]], "low-pass along x"),
    ],
)
def test_passband_of_odd_kernels(values: list[list[float]], words: str) -> None:
    assert analyse(np.array(values, dtype=np.float64)).passband == words
