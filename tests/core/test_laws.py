"""The laws that textbooks state of convolution, as far as `test_conv_properties.py` does not hold them.

Data are small whole numbers: every sum of products is then exact in floating point, and the algorithms that
add just those products must agree to the last bit. The others pass through spectra or factors and may round.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.core import ALGORITHMS, conv, conv_transpose, linear, pad, relu
from tests.oracles import CELLWISE

ORDINARY = settings(deadline=None, max_examples=40)
EVERY = ("auto", *ALGORITHMS)
SEEDS = st.integers(0, 2**32 - 1)


def whole(rng: np.random.Generator, *shape: int, most: int = 4) -> np.ndarray:
    return rng.integers(-most, most + 1, shape).astype(np.float32)


def same(one: np.ndarray, other: np.ndarray, algorithm: str, scale: float) -> None:
    """Equal, or to within rounding relative to `scale` where the algorithm rounds."""
    assert one.shape == other.shape
    if algorithm in CELLWISE:
        np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * max(scale, 1))


def full(f: np.ndarray, g: np.ndarray, algorithm: str) -> np.ndarray:
    """f ∗ g for (*spatial) arrays: the mathematical convolution, as long as it is."""
    return conv(f[None, None], g[None, None], padding="full", flip=True, algorithm=algorithm)[0, 0]


def gain(weight: np.ndarray) -> float:
    """The largest Σ|w| of any output channel: what no output exceeds for a picture of ones."""
    return float(np.abs(weight).reshape(len(weight), -1).sum(axis=1).max())


def amount(*arrays: np.ndarray) -> float:
    """What no cell of their convolution can exceed."""
    return float(np.prod([np.abs(a).sum() for a in arrays]))


@ORDINARY
@given(data=st.data(), rank=st.integers(1, 3), seed=SEEDS, algorithm=st.sampled_from(EVERY))
def test_full_convolution_associates_and_distributes(
    data: st.DataObject, rank: int, seed: int, algorithm: str
) -> None:
    """(f ∗ g) ∗ h = f ∗ (g ∗ h);  f ∗ (g + g') = f ∗ g + f ∗ g' (Bracewell, The Fourier Transform, ch. 3)."""
    rng = np.random.default_rng(seed)
    sizes = st.tuples(*[st.integers(1, {1: 9, 2: 5, 3: 3}[rank])] * rank)
    f, g, h = (whole(rng, *data.draw(sizes)) for _ in range(3))
    other = whole(rng, *g.shape)
    scale = amount(f, g, h)
    left, right = full(full(f, g, algorithm), h, algorithm), full(f, full(g, h, algorithm), algorithm)
    same(left, right, algorithm, scale)
    both = full(f, g, algorithm) + full(f, other, algorithm)
    same(full(f, g + other, algorithm), both, algorithm, amount(f, g) + amount(f, other))


@ORDINARY
@given(f=st.lists(st.integers(-9, 9), min_size=1, max_size=9), algorithm=st.sampled_from(EVERY))
def test_an_impulse_is_neutral_and_shifts(f: list[int], algorithm: str) -> None:
    """f ∗ δ = f, and an impulse elsewhere moves f there."""
    signal = np.array(f, np.float32)
    impulse = np.array([0, 0, 1, 0], np.float32)
    expected = np.concatenate([[0, 0], signal, [0]]).astype(np.float32)
    same(full(signal, impulse, algorithm), expected, algorithm, amount(signal))


@ORDINARY
@given(
    spatial=st.lists(st.integers(3, 9), min_size=1, max_size=3),
    shift=st.tuples(*[st.integers(-9, 9)] * 3),
    stride=st.integers(1, 3),
    seed=SEEDS,
    algorithm=st.sampled_from(EVERY),
)
def test_translation_equivariance_on_a_ring(
    spatial: list[int], shift: tuple[int, ...], stride: int, seed: int, algorithm: str
) -> None:
    """With circular padding, a picture moved by m strides gives the result moved by m cells: exactly."""
    rng = np.random.default_rng(seed)
    spatial = [stride * (n // stride + 1) for n in spatial]  # else the ring of the output does not close
    moves = shift[: len(spatial)]
    axes = tuple(range(2, 2 + len(spatial)))
    x, weight = whole(rng, 2, 4, *spatial), whole(rng, 4, 2, *(3,) * len(spatial))
    keywords: dict[str, Any] = {
        "padding": 1, "padding_mode": "circular", "stride": stride, "groups": 2, "algorithm": algorithm,
    }  # fmt: skip
    moved = conv(np.roll(x, [m * stride for m in moves], axes), weight, **keywords)
    same(moved, np.roll(conv(x, weight, **keywords), moves, axes), algorithm, 4 * gain(weight))


@ORDINARY
@given(seed=SEEDS, shift=st.integers(0, 4), algorithm=st.sampled_from(EVERY))
def test_translation_equivariance_away_from_borders(seed: int, shift: int, algorithm: str) -> None:
    rng = np.random.default_rng(seed)
    x, weight = whole(rng, 1, 2, 20, 18), whole(rng, 3, 2, 4, 3)
    result = conv(x, weight, algorithm=algorithm)
    moved = conv(x[:, :, shift:, shift:], weight, algorithm=algorithm)
    same(moved, result[:, :, shift:, shift:], algorithm, 4 * gain(weight))


@ORDINARY
@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=2),
    channels=st.tuples(*[st.integers(1, 3)] * 3),
    rank=st.integers(1, 3),
    seed=SEEDS,
    algorithm=st.sampled_from(EVERY),
)
def test_two_layers_are_one_with_a_larger_kernel(
    sizes: list[int], channels: tuple[int, int, int], rank: int, seed: int, algorithm: str
) -> None:
    """Without anything between them: the kernels' full convolution, summed over the middle channels.

    Two 3×3 see what one 5×5 sees (Simonyan and Zisserman, VGG, 2015).
    """
    rng = np.random.default_rng(seed)
    (a, b), (first, middle, last) = sizes, channels
    x = whole(rng, 1, first, *(9,) * rank, most=2)
    one, two = whole(rng, middle, first, *(a,) * rank, most=2), whole(rng, last, middle, *(b,) * rank, most=2)
    # Correlation by `one`, then `two`, is correlation by their convolution.
    together = np.stack(
        [
            [sum(full(one[m, c], two[o, m], "taps") for m in range(middle)) for c in range(first)]
            for o in range(last)
        ]
    )
    assert together.shape[2:] == (a + b - 1,) * rank
    layers = conv(conv(x, one, algorithm=algorithm), two, algorithm=algorithm)
    same(layers, conv(x, together, algorithm=algorithm), algorithm, 2 * gain(one) * gain(two))


@pytest.mark.parametrize("algorithm", EVERY)
def test_two_threes_answer_to_the_same_cells_as_a_five(algorithm: str) -> None:
    """Also with a non-linearity between: one cell changed is felt 2 cells away, and no farther."""
    rng = np.random.default_rng(7)
    x = whole(rng, 1, 1, 15, 15)
    three, five = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 5, 5), np.float32)
    changed = x.copy()
    changed[0, 0, 7, 6] += 1000

    def felt(layers: Any) -> np.ndarray:
        return np.abs(layers(changed) - layers(x))[0, 0] > 1

    def twice(v: np.ndarray) -> np.ndarray:
        inner = relu(conv(v, three, padding=1, algorithm=algorithm))
        return conv(inner, three, padding=1, algorithm=algorithm)

    expected = np.zeros((15, 15), bool)
    expected[5:10, 4:9] = True
    np.testing.assert_array_equal(felt(twice), expected)
    np.testing.assert_array_equal(felt(lambda v: conv(v, five, padding=2, algorithm=algorithm)), expected)


@ORDINARY
@given(
    factors=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    stride=st.integers(1, 2),
    seed=SEEDS,
    algorithm=st.sampled_from(EVERY),
)
def test_an_outer_product_is_one_axis_after_the_other(
    factors: list[int], stride: int, seed: int, algorithm: str
) -> None:
    rng = np.random.default_rng(seed)
    rank = len(factors)
    x = whole(rng, 1, 2, *(9, 8, 7)[:rank], most=2)
    parts = [whole(rng, n, most=2) for n in factors]
    weight = parts[0]
    for part in parts[1:]:
        weight = np.multiply.outer(weight, part)
    whole_kernel = np.broadcast_to(weight, (2, 1, *weight.shape))
    at_once = conv(x, whole_kernel, stride=stride, groups=2, algorithm=algorithm)
    stepwise = x
    for axis, part in enumerate(parts):
        shape, steps = [1] * rank, [1] * rank
        shape[axis], steps[axis] = len(part), stride
        along = np.broadcast_to(part.reshape(1, 1, *shape), (2, 1, *shape))
        stepwise = conv(stepwise, along, stride=tuple(steps), groups=2, algorithm=algorithm)
    same(at_once, stepwise, algorithm, 2 * amount(*parts))


@ORDINARY
@given(groups=st.integers(1, 4), rank=st.integers(1, 3), seed=SEEDS, algorithm=st.sampled_from(EVERY))
def test_groups_are_a_block_diagonal_kernel(groups: int, rank: int, seed: int, algorithm: str) -> None:
    """No input of another group counts: the same as a kernel that is zero there."""
    rng = np.random.default_rng(seed)
    x, weight = whole(rng, 2, 2 * groups, *(6,) * rank), whole(rng, 3 * groups, 2, *(3,) * rank)
    blocks = np.zeros((3 * groups, 2 * groups, *(3,) * rank), np.float32)
    for g in range(groups):
        blocks[3 * g : 3 * g + 3, 2 * g : 2 * g + 2] = weight[3 * g : 3 * g + 3]
    grouped = conv(x, weight, padding=1, groups=groups, algorithm=algorithm)
    same(grouped, conv(x, blocks, padding=1, algorithm=algorithm), algorithm, 4 * gain(weight))


@ORDINARY
@given(rank=st.integers(1, 3), seed=SEEDS, algorithm=st.sampled_from(EVERY))
def test_depthwise_then_pointwise_is_a_kernel_of_rank_one_over_channels(
    rank: int, seed: int, algorithm: str
) -> None:
    """Chollet, Xception (2017): a separable layer is a full one whose weights are p[o, c]·d[c, taps]."""
    rng = np.random.default_rng(seed)
    x, depthwise, pointwise = whole(rng, 1, 3, *(6,) * rank), whole(rng, 3, 1, *(3,) * rank), whole(rng, 4, 3)
    ones = (1,) * rank
    inner = conv(x, depthwise, groups=3, algorithm=algorithm)
    separable = conv(inner, pointwise.reshape(4, 3, *ones), algorithm=algorithm)
    product = pointwise.reshape(4, 3, *ones) * depthwise[:, 0]
    same(separable, conv(x, product, algorithm=algorithm), algorithm, 16 * gain(depthwise) * gain(pointwise))
    over_cells = np.moveaxis(linear(np.moveaxis(inner, 1, -1), pointwise), -1, 1)
    same(separable, over_cells, algorithm, 16 * gain(depthwise) * gain(pointwise))


@ORDINARY
@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=3), seed=SEEDS, algorithm=st.sampled_from(EVERY)
)
def test_convolution_theorem(shape: list[int], seed: int, algorithm: str) -> None:
    """On a ring, the spectrum of the convolution is the product of the spectra."""
    rng = np.random.default_rng(seed)
    f, g = rng.standard_normal(shape), rng.standard_normal(shape)
    # A kernel as long as the ring: padded in front by all but one cell, output p is Σ_t g[t]·f[p − t].
    before = tuple((n - 1, 0) for n in shape)
    result = conv(
        f[None, None], g[None, None], padding=before, padding_mode="circular", flip=True, algorithm=algorithm
    )
    right = np.fft.ifftn(np.fft.fftn(f) * np.fft.fftn(g)).real
    np.testing.assert_allclose(result[0, 0], right, rtol=0, atol=1e-12 * (1 + amount(f, g)))


@ORDINARY
@given(
    rank=st.integers(1, 3),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 2),
    seed=SEEDS,
)
def test_transposed_convolution_is_the_adjoint(
    rank: int, stride: int, dilation: int, padding: int, seed: int
) -> None:
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩, in whole numbers: exactly, with the very same weights."""
    rng = np.random.default_rng(seed)
    geometry: dict[str, Any] = {"stride": stride, "dilation": dilation, "padding": padding, "groups": 2}
    x, weight = whole(rng, 2, 4, *(8, 7, 6)[:rank]), whole(rng, 6, 2, *(2, 3, 1)[:rank])
    forward = conv(x, weight, algorithm="taps", **geometry)
    y = whole(rng, *forward.shape)
    least = conv_transpose(y, weight, **geometry)
    missing = tuple(n - m for n, m in zip(x.shape[2:], least.shape[2:], strict=True))
    back = conv_transpose(y, weight, output_padding=missing, **geometry)
    assert float((forward * y).sum(dtype=np.float64)) == float((x * back).sum(dtype=np.float64))


@pytest.mark.parametrize("algorithm", CELLWISE)
def test_a_constant_picture_keeps_its_level_under_weights_of_sum_one(algorithm: str) -> None:
    """With a border that continues the picture there is no edge: sixteenths add up exactly."""
    x = np.full((1, 1, 9, 9), 48, np.float32)
    weight = np.multiply.outer([1, 2, 1], [1, 2, 1]).reshape(1, 1, 3, 3) / 16
    for mode in ("replicate", "reflect", "symmetric", "circular"):
        np.testing.assert_array_equal(conv(x, weight, padding=1, padding_mode=mode, algorithm=algorithm), x)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_padding_commutes_with_reversal(rank: int) -> None:
    """A symmetric kernel on a mirrored picture gives the mirrored result, whatever the border."""
    rng = np.random.default_rng(rank)
    x, half = whole(rng, 1, 1, *(7,) * rank), whole(rng, 1, 1, *(3,) * rank)
    axes = tuple(range(2, 2 + rank))
    kernel = half + np.flip(half, axes)
    for mode in ("zeros", "replicate", "reflect", "symmetric", "circular"):
        np.testing.assert_array_equal(
            conv(np.flip(x, axes), kernel, padding=1, padding_mode=mode, algorithm="gemm"),
            np.flip(conv(pad(x, 1, padding_mode=mode), kernel, algorithm="gemm"), axes),
        )


def test_every_subset_of_taps_adds_up() -> None:
    """A kernel is the sum of its taps: 2⁴ subsets of a 2×2 kernel and their complements."""
    rng = np.random.default_rng(0)
    x, kernel = whole(rng, 1, 1, 6, 6), whole(rng, 1, 1, 2, 2)
    right = conv(x, kernel, algorithm="rows")
    for chosen in itertools.product([False, True], repeat=4):
        mask = np.reshape(chosen, (2, 2))
        parts = [conv(x, kernel * m, algorithm="rows") for m in (mask, ~mask)]
        np.testing.assert_array_equal(parts[0] + parts[1], right)
