"""The closed form against numpy.linalg.lstsq on the explicit matrix, and on pictures made for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convstudio.core import Cancelled, Control, GeometryError
from convstudio.io.samples import load_sample
from convstudio.kernels import Bank, Filter, Kernel, preset
from convstudio.layers import CircularConv, Conv, ConvTranspose, Layer
from convstudio.learn.errors import LearnError
from convstudio.learn.least_squares import MOST_DRAWN, LeastSquares, normal_matrix, solve
from convstudio.learn.network import Network
from convstudio.learn.pairs import Pair
from tests.learn.training_pairs import CancelAt

RNG = np.random.default_rng(5)


def columns_of(layer: Conv, x: np.ndarray, *, bias: bool) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """What each number of a layer's bank makes of a picture, ``(numbers, *output)``, and where it stands."""
    silent = Bank(
        tuple(
            Filter(tuple(one.edited(np.zeros(one.shape)) for one in each.kernels))
            for each in layer.bank.filters
        )
    )
    made, where = [], []
    for k, each in enumerate(silent.filters):
        for c, one in enumerate(each.kernels):
            for cell in np.ndindex(one.shape):
                values = one.values.copy()
                values[cell] = 1.0
                kernels = (*each.kernels[:c], one.edited(values), *each.kernels[c + 1 :])
                made.append(layer.replace(bank=silent.with_filter(k, Filter(kernels))).forward(x))
                where.append((k, c, *cell))
    if bias:
        for k, each in enumerate(silent.filters):
            made.append(layer.replace(bank=silent.with_filter(k, Filter(each.kernels, 1.0))).forward(x))
            where.append((k,))
    return np.stack(made), where


def numbers_of(layer: Conv, *, bias: bool) -> np.ndarray:
    """The numbers of a layer's bank in the same order."""
    parts = [one.values.reshape(-1) for each in layer.bank.filters for one in each.kernels]
    return np.concatenate([*parts, [each.bias for each in layer.bank.filters] if bias else []])


@st.composite
def students(draw: st.DrawFn) -> tuple[Conv, tuple[int, int, int]]:
    """A convolution of any make that fits a small picture, and the picture's shape."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.integers(1, 3))
    mode = draw(st.sampled_from(["each", "all", "grouped"]))
    groups = channels if mode == "grouped" else 1
    inputs = 1 if mode == "grouped" else channels
    count = groups * draw(st.integers(1, 2))
    circular = draw(st.booleans()) and draw(st.booleans())
    filters = []
    for _ in range(count):
        shape = (3, 3) if circular else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        alone = draw(st.booleans())
        kernels = tuple(Kernel.custom(rng.standard_normal(shape)) for _ in range(1 if alone else inputs))
        filters.append(Filter(kernels, float(rng.standard_normal())))
    layer = (CircularConv if circular else Conv)(
        bank=Bank(tuple(filters)),
        channels=mode,
        groups=groups,
        operation=draw(st.sampled_from(["correlation", "convolution"])),
        padding=draw(st.sampled_from(["valid", "same", "full", 1])),
        padding_mode=draw(st.sampled_from(["zeros", "constant", "replicate", "reflect", "circular"])),
        padding_value=0.3,
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    )
    shape3 = (channels, draw(st.integers(9, 14)), draw(st.integers(9, 14)))
    try:
        layer.out_shape(shape3)
    except GeometryError:
        assume(False)
    return layer, shape3


@settings(max_examples=60)
@given(students(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.02]))
def test_solution_is_that_of_lstsq(
    student: tuple[Conv, tuple[int, int, int]], bias: bool, masked: bool, split: bool, l2: float
):
    layer, shape = student
    rng = np.random.default_rng(shape[1])
    x = rng.random(shape, dtype=np.float32)
    network = Network([layer], shape, {(0, "weight")} | ({(0, "bias")} if bias else set()))
    target = rng.random(network.out_shape, dtype=np.float32)
    keep = rng.random(target.shape) < 0.7 if masked else None
    rows = target.shape[1] * 2 // 3 if split else target.shape[1]
    pair = Pair(x, target, keep, rows, target)
    counts = np.ones(target.shape, bool) if keep is None else keep.copy()
    counts[:, rows:] = False
    made, where = columns_of(layer, x.astype(np.float64), bias=bias)
    fixed = target
    held = layer.biases(shape[0])
    if not bias and held is not None:
        fixed = target - held[:, np.newaxis, np.newaxis]
    design, wanted = made[:, counts].T, fixed[counts].astype(np.float64)
    assume(np.linalg.matrix_rank(design) == len(where))
    assume(np.linalg.cond(design) < 1e4)
    if l2:
        pull = np.sqrt(0.5 * l2 * len(wanted)) * np.diag([float(len(at) > 1) for at in where])
        design, wanted = np.concatenate([design, pull]), np.concatenate([wanted, np.zeros(len(where))])
    expected = np.linalg.lstsq(design, wanted, rcond=None)[0]
    found = solve(network, pair, l2=l2)
    values = (found.weights,) if found.bias is None else (found.weights, found.bias)
    learned = network.with_values(values)[0]
    assert isinstance(learned, Conv)
    np.testing.assert_allclose(numbers_of(learned, bias=bias), expected, rtol=1e-6, atol=1e-7)
    assert found.unknowns == found.rank == len(where)
    error = network.forward(x, values).output.astype(np.float64) - target
    assert found.residual == pytest.approx(np.sqrt((error[counts] ** 2).mean()))
    assert found.loss == pytest.approx((error[counts] ** 2).mean())
    others = ~counts if keep is None else keep & ~counts
    if others.any():
        assert found.validation_residual == pytest.approx(np.sqrt((error[others] ** 2).mean()))
    else:
        assert found.validation_residual is None


@settings(max_examples=30)
@given(students(), st.booleans())
def test_normal_matrix_has_the_curvatures_of_the_loss(student: tuple[Conv, tuple[int, int, int]], bias: bool):
    layer, shape = student
    x = np.random.default_rng(shape[2]).random(shape, dtype=np.float32)
    network = Network([layer], shape, {(0, "weight")} | ({(0, "bias")} if bias else set()))
    target = np.zeros(network.out_shape, np.float32)
    found = normal_matrix(network, Pair(x, target, None, target.shape[1], target))
    made, _ = columns_of(layer, x.astype(np.float64), bias=bias)
    design = made.reshape(len(made), -1)
    expected = np.linalg.eigvalsh(design @ design.T)
    eigenvalues = np.linalg.eigvalsh(found)
    assert eigenvalues[-1] == pytest.approx(expected[-1], rel=1e-9)
    # A matrix that several right sides share is there once: each of its eigenvalues is one of the whole.
    gaps = np.abs(eigenvalues[:, np.newaxis] - expected).min(axis=1)
    assert (gaps <= 1e-9 * expected[-1]).all()


# --- pictures that leave something open ---


def student(
    shape: tuple[int, int, int], size: tuple[int, int], *, bias: bool = False, **values: Any
) -> Network:
    layer = Conv.of(Kernel.custom(np.zeros(size)), **values)
    return Network([layer], shape, {(0, "weight")} | ({(0, "bias")} if bias else set()))


def pair_of(network: Network, x: np.ndarray, kernel: np.ndarray, bias: float = 0.0) -> Pair:
    """The pair of a picture and what a kernel makes of it."""
    made = {"weight": np.asarray(kernel, np.float64), "bias": np.float64(bias)}
    values = tuple(np.broadcast_to(made[each.name], each.shape) for each in network.parameters)
    after = network.forward(x, values).output
    return Pair(x, after, None, after.shape[1], after)


def learned(x: np.ndarray, kernel: np.ndarray, **values: Any) -> LeastSquares:
    network = student((len(x), *x.shape[1:]), kernel.shape, **values)
    return solve(network, pair_of(network, x, kernel))


def assert_orthonormal(found: LeastSquares) -> None:
    vectors = np.stack([np.append(each.kernel, each.bias) for each in found.undetermined])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-9)
    for vector in vectors:
        assert vector[np.abs(vector) > np.abs(vector).max() * (1 - 1e-6)][0] > 0


def test_a_flat_picture_tells_the_sum_alone():
    kernel = RNG.standard_normal((3, 3))
    found = learned(np.full((1, 20, 30), 0.3, np.float32), kernel)
    np.testing.assert_allclose(found.weights, np.full((1, 1, 3, 3), kernel.mean()), atol=1e-6)
    assert (found.rank, found.unknowns, len(found.undetermined)) == (1, 9, 8)
    assert found.condition == float("inf")
    assert np.isinf(found.uncertainty).all()
    assert_orthonormal(found)
    for each in found.undetermined:
        assert each.kernel.sum() == pytest.approx(0, abs=1e-9)
    assert found.verdict.kind == "undetermined"


def test_vertical_edges_tell_the_sums_of_columns():
    kernel = RNG.standard_normal((5, 5))
    found = learned(np.repeat(RNG.random((1, 1, 40), dtype=np.float32), 30, axis=1), kernel)
    np.testing.assert_allclose(found.weights[0, 0], np.tile(kernel.mean(axis=0), (5, 1)), atol=1e-5)
    assert (found.rank, found.unknowns, len(found.undetermined)) == (5, 25, MOST_DRAWN)
    assert_orthonormal(found)
    for each in found.undetermined:
        np.testing.assert_allclose(each.kernel.sum(axis=1), 0, atol=1e-7)


def test_a_period_of_three_ties_columns_three_apart():
    kernel = RNG.standard_normal((5, 5))
    x = np.tile(RNG.random((1, 30, 3), dtype=np.float32), (1, 1, 12))
    found = learned(x, kernel, padding="valid")
    assert (found.rank, found.unknowns) == (15, 25)
    for column in (0, 1):
        both = kernel[:, column] + kernel[:, column + 3]
        np.testing.assert_allclose(found.weights[0, 0, :, column], both / 2, atol=1e-4)
    for each in found.undetermined:
        np.testing.assert_allclose(each.kernel[0][:, :2], -each.kernel[0][:, 3:], atol=1e-6)


def test_an_impulse_tells_every_weight():
    kernel = RNG.standard_normal((5, 5))
    x = np.zeros((1, 30, 30), np.float32)
    x[0, 14, 15] = 1
    found = learned(x, kernel)
    np.testing.assert_allclose(found.weights[0, 0], kernel, atol=1e-6)
    assert (found.rank, found.condition) == (25, pytest.approx(1.0))
    assert found.undetermined == ()
    assert found.verdict.kind == "determined"


def test_directions_are_the_same_however_the_picture_lies_in_memory():
    x = np.repeat(RNG.random((1, 1, 40), dtype=np.float32), 30, axis=1)
    kernel = RNG.standard_normal((3, 3))
    one = learned(x, kernel)
    other = learned(np.asfortranarray(2 * x), kernel)
    for a, b in zip(one.undetermined, other.undetermined, strict=True):
        np.testing.assert_allclose(a.kernel, b.kernel, atol=1e-6)


def test_a_black_picture_tells_the_bias_alone():
    network = student((1, 12, 12), (3, 3), bias=True)
    found = solve(network, pair_of(network, np.zeros((1, 12, 12), np.float32), np.eye(3), 0.25))
    assert found.bias is not None
    np.testing.assert_allclose(found.bias, 0.25)
    assert not found.weights.any()
    assert (found.rank, found.unknowns) == (1, 10)


def test_fewer_cells_than_weights_are_not_enough():
    found = learned(RNG.random((1, 6, 6), dtype=np.float32), RNG.standard_normal((5, 5)), padding="valid")
    assert (found.rank, found.unknowns) == (4, 25)
    assert found.verdict.kind == "undetermined"
    assert any("4 cells" in sentence for sentence in found.verdict.sentences)


def test_standard_errors_are_those_of_repeated_noise():
    network = student((1, 24, 24), (2, 2), padding="valid")
    kernel = np.array([[0.5, -0.25], [0.1, 0.7]])
    pair = pair_of(network, RNG.random((1, 24, 24), dtype=np.float32), kernel)
    estimates, claimed = [], []
    for _ in range(300):
        noisy = (pair.target + RNG.normal(0, 0.1, pair.target.shape)).astype(np.float32)
        found = solve(network, Pair(pair.before, noisy, None, pair.split, noisy))
        estimates.append(found.weights.reshape(-1))
        claimed.append(found.uncertainty.reshape(-1))
    spread = np.std(estimates, axis=0)
    np.testing.assert_allclose(np.mean(claimed, axis=0), spread, rtol=0.2)  # 300 draws: ± 4 %


# --- filters that are found again ---


def rounded(values: np.ndarray) -> np.ndarray:
    """As an 8-bit file holds it."""
    return (np.rint(np.clip(values, 0, 1) * 255) / 255).astype(np.float32)


@pytest.mark.parametrize("sample", ["still-life", "landscape", "texture"])
@pytest.mark.parametrize(
    "kernel",
    [
        preset("gaussian").make(size=5, sigma=1.0).values,
        preset("motion-blur").make().values,
        preset("sobel-x").make().values,
    ],
    ids=["Gaussian", "motion", "Sobel"],
)
def test_filters_come_back_from_photos(sample: str, kernel: np.ndarray):
    x = load_sample(sample).values
    network = student((len(x), *x.shape[1:]), kernel.shape, padding="valid")
    pair = pair_of(network, x, kernel)
    exact = solve(network, pair)
    assert np.abs(exact.weights - kernel).max() < 1e-5
    assert exact.verdict.kind == "determined"
    assert exact.clipped == 0
    file = rounded(pair.target)
    inside = (file > 0) & (file < 1)
    found = solve(network, Pair(x, file, inside, pair.split, file))
    assert np.abs(found.weights - kernel).max() < 1e-2
    assert found.verdict.kind == "determined"
    assert found.residual < 1.1 / 255 / np.sqrt(12)


def test_clipped_pixels_are_counted_and_told():
    x = load_sample("texture").values
    kernel = preset("sobel-x").make().values
    network = student((len(x), *x.shape[1:]), (3, 3), padding="valid")
    pair = pair_of(network, x, kernel)
    file = rounded(pair.target)
    found = solve(network, Pair(x, file, None, pair.split, file))
    assert found.verdict.kind == "imperfect"
    fit = network.forward(x, (found.weights,)).output
    beyond = ((file == 0) & (fit < -0.5 / 255)) | ((file == 1) & (fit > 1 + 0.5 / 255))
    assert found.clipped == pytest.approx(beyond.mean())
    assert found.clipped > 0.1
    left_out = solve(network, Pair(x, file, (file > 0) & (file < 1), pair.split, file))
    beyond = ((pair.target < -0.5 / 255) & (file == 0)) | ((pair.target > 1 + 0.5 / 255) & (file == 1))
    assert left_out.clipped == pytest.approx(beyond.mean(), abs=1e-3)


# --- what it refuses, and stopping ---


@pytest.mark.parametrize(
    ("layers", "trainable", "says"),
    [
        ([Conv(), Conv()], {(1, "weight")}, "one linear layer"),
        ([ConvTranspose()], {(0, "weight")}, "one linear layer"),
        ([Conv()], {(0, "bias")}, "one linear layer"),
        ([Conv.of(Kernel.custom(np.zeros((31, 31))), padding="valid")], {(0, "weight")}, ""),
        (
            [Conv(bank=Bank((Filter((Kernel.custom(np.zeros((31, 31))),) * 3),)), channels="all")],
            {(0, "weight")},
            "2883 unknowns",
        ),
    ],
)
def test_what_is_not_one_convolution_is_refused(
    layers: list[Layer], trainable: set[tuple[int, str]], says: str
):
    network = Network(layers, (3, 40, 40), trainable)
    x = RNG.random((3, 40, 40), dtype=np.float32)
    target = np.zeros(network.out_shape, np.float32)
    pair = Pair(x, target, None, target.shape[1], target)
    if not says:
        assert solve(network, pair).unknowns == 961
        return
    with pytest.raises(LearnError, match=says):
        solve(network, pair)


def test_pictures_without_cells_or_numbers_are_refused():
    network = student((1, 9, 9), (3, 3))
    x = RNG.random((1, 9, 9), dtype=np.float32)
    with pytest.raises(LearnError, match="no pixel to learn from"):
        solve(network, Pair(x, x, np.zeros(x.shape, bool), 9, x))
    broken = x.copy()
    broken[0, 3, 3] = np.nan
    with pytest.raises(LearnError, match="picture before"):
        solve(network, Pair(broken, x, None, 9, x))
    with pytest.raises(LearnError, match="picture after"):
        solve(network, Pair(x, broken, None, 9, x))


@pytest.mark.parametrize("asked", [0, 3, 40])
def test_it_stops_when_cancelled(asked: int):
    network = student((1, 300, 400), (9, 9))
    x = RNG.random((1, 300, 400), dtype=np.float32)
    control = CancelAt(asked)
    with pytest.raises(Cancelled):
        solve(network, Pair(x, x, None, 300, x), control=control)
    assert control.left >= -3  # nobody goes on: each thread hears of it at most once more


def test_the_same_pair_gives_the_same_bits_and_progress_grows():
    x = load_sample("texture").values
    network = student((len(x), *x.shape[1:]), (7, 7))
    pair = pair_of(network, x, preset("gaussian").make(size=7, sigma=1.2).values)
    heard: list[float] = []
    one, other = solve(network, pair), solve(network, pair, control=Control(heard.append))
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.uncertainty.tobytes() == other.uncertainty.tobytes()
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
