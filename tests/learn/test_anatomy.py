"""The gradients of one step: values against the formulas, checks against what they check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate2d

from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import LAYER_KINDS, Conv, ConvTranspose, Layer
from convstudio.learn.anatomy import Anatomy, take_apart
from convstudio.learn.network import Network
from convstudio.learn.objectives import Objective
from convstudio.learn.pairs import Pair


def example(
    layers: Sequence[Layer], shape: tuple[int, int, int], marks: set[tuple[int, str]], *, seed: int = 0
) -> tuple[Network, Pair]:
    rng = np.random.default_rng(seed)
    network = Network(layers, shape, marks)
    before = rng.random(shape, dtype=np.float32)
    target = rng.standard_normal(network.out_shape).astype(np.float32)
    return network, Pair(before, target, None, target.shape[1], target)


def one_kernel(**values: Any) -> Conv:
    kernel = Kernel.custom(np.random.default_rng(1).standard_normal((3, 2)))
    return Conv(bank=Bank.of(kernel, bias=0.2), channels="all", padding="valid", **values)


def apart(layers: Sequence[Layer], shape: tuple[int, int, int], marks: set[tuple[int, str]]) -> Anatomy:
    network, pair = example(layers, shape, marks)
    return take_apart(network, network.values(), pair, Objective())


def test_one_layer_has_the_gradients_of_the_textbook() -> None:
    network, pair = example([one_kernel()], (1, 9, 8), {(0, "weight"), (0, "bias")})
    found = take_apart(network, network.values(), pair, Objective())
    weight = network.values()[0][0, 0]
    error = correlate2d(pair.before[0].astype(float), weight, "valid") + 0.2 - pair.target[0]
    by_output = 2 * error / error.size
    np.testing.assert_allclose(found.loss, np.mean(error**2), rtol=1e-12)
    np.testing.assert_allclose(found.by_output[0], by_output, atol=1e-12)
    np.testing.assert_allclose(
        found.by_weights["weight"][0, 0],
        correlate2d(pair.before[0].astype(float), by_output, "valid"),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        found.by_input[0], correlate2d(by_output, weight[::-1, ::-1], "full"), atol=1e-12
    )
    np.testing.assert_allclose(found.by_weights["bias"], [by_output.sum()], atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "shape", "marks"),
    [
        ([one_kernel(stride=(2, 1), dilation=(1, 2))], (2, 14, 13), {(0, "weight"), (0, "bias")}),
        ([Conv()], (3, 8, 9), {(0, "weight"), (0, "bias")}),
        ([one_kernel(), LAYER_KINDS["activation"](), Conv()], (1, 12, 11), {(0, "weight"), (2, "weight")}),
        (
            [one_kernel(), LAYER_KINDS["max_pool"](), ConvTranspose()],
            (1, 12, 12),
            {(0, "weight"), (2, "weight")},
        ),
    ],
    ids=["strided", "shared", "relu", "pool"],
)
def test_finite_differences_agree(
    layers: list[Layer], shape: tuple[int, int, int], marks: set[tuple[int, str]]
) -> None:
    network, pair = example(layers, shape, marks)
    for place in sorted({place for place, _ in marks}):
        found = take_apart(network, network.values(), pair, Objective(), place)
        assert set(found.checks) == {"x", *found.by_weights}
        assert all(found.checks.values())
        assert found.double
        assert found.worst < 1e-6
        assert found.agrees
        assert not any(check.kink for some in found.checks.values() for check in some)


def test_a_kink_is_told_from_a_wrong_gradient() -> None:
    layers = [Conv(), LAYER_KINDS["activation"]()]
    network = Network(layers, (1, 6, 6), {(0, "weight")})
    before = np.full((1, 6, 6), 0.5, np.float32)  # Sobel gives 0 everywhere, where ReLU has its kink
    target = np.full((1, 6, 6), 1.0, np.float32)
    found = take_apart(network, network.values(), Pair(before, target, None, 6, target), Objective())
    assert any(check.kink for check in found.checks["weight"])
    assert found.agrees


def test_a_shared_kernel_shows_the_sum_over_its_channels() -> None:
    found = apart([Conv()], (3, 8, 9), {(0, "weight")})
    by_weight = found.by_weights["weight"]
    assert by_weight.shape == (3, 1, 3, 3)
    np.testing.assert_array_equal(by_weight[0], by_weight[2])
    assert len(found.checks["weight"]) == 9  # each number once, not once a channel


def test_rows_kept_for_validation_have_no_gradient() -> None:
    network, pair = example([one_kernel()], (1, 9, 8), {(0, "weight")})
    half = Pair(pair.before, pair.target, None, 4, pair.after)
    found = take_apart(network, network.values(), half, Objective())
    assert np.any(found.by_output[0, :4])
    assert not np.any(found.by_output[0, 4:])
    assert found.worst < 1e-6


def test_a_wrong_gradient_is_found_out() -> None:
    class Wrong(Conv):
        def through_weights(self, grad: np.ndarray, in_channels: int) -> np.ndarray:  # type: ignore[override]
            return 1.01 * grad

    layer = Wrong(bank=Bank((Filter((Kernel.custom(np.ones((3, 3))),)),)), padding="valid")
    found = apart([layer], (1, 8, 8), {(0, "weight")})
    assert found.worst > 1e-3
    assert not found.agrees


def test_the_same_entries_are_checked_each_time() -> None:
    layer = Conv(bank=Bank.of(Kernel.custom(np.random.default_rng(3).standard_normal((7, 7)))))
    first, second = (apart([layer], (1, 20, 20), {(0, "weight")}) for _ in range(2))
    assert first.checks == second.checks
    indices = [check.index for check in first.checks["weight"]]
    largest = np.unravel_index(np.abs(first.by_weights["weight"]).argmax(), (1, 1, 7, 7))
    assert tuple(int(n) for n in largest) in indices
    assert len(indices) in (8, 9)


def test_a_gradient_that_is_nothing_but_rounding_is_not_told_wrong() -> None:
    rng = np.random.default_rng(5)
    before = rng.random((1, 12, 12)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(before[0].astype(float), (3, 3)).reshape(-1, 9)
    wanted = rng.standard_normal(100).astype(np.float32)
    best, *_ = np.linalg.lstsq(np.hstack([windows, np.ones((100, 1))]), wanted.astype(float), rcond=None)
    layer = Conv(
        bank=Bank.of(Kernel.custom(best[:9].reshape(3, 3)), bias=best[9]), channels="all", padding="valid"
    )
    target = wanted.reshape(1, 10, 10)
    network = Network([layer], (1, 12, 12), {(0, "weight"), (0, "bias")})
    found = take_apart(network, network.values(), Pair(before, target, None, 10, target), Objective())
    assert found.loss > 0.1
    assert np.abs(found.by_weights["weight"]).max() < 1e-13
    assert found.agrees
