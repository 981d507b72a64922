"""Transposed and circular convolution layers: by plain loops, and as the adjoint of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from convstudio.core import GeometryError, circular_matrix, conv
from convstudio.kernels import Bank, Filter, Kernel
from convstudio.layers import CircularConv, Conv, ConvTranspose
from convstudio.layers.bank_layer import BankLayer
from tests.contracts.random_layers import layers


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def bank(filters: int, inputs: int, rows: int, columns: int, bias: float = 0.0) -> Bank:
    values = picture(filters, inputs, rows, columns, seed=9)
    return Bank.from_weights(values, [bias] * filters)


# --- transposed ---


def stamped(layer: ConvTranspose, x: np.ndarray) -> np.ndarray:
    """A copy of the kernel for every pixel, added into a canvas, which is then cropped."""
    channels, height, width = x.shape
    (kh, kw), (sh, sw), (dh, dw) = layer.bank.shape, layer.stride, layer.dilation
    filters = layer.bank.filters
    outputs = layer.out_shape(x.shape)
    canvas = np.zeros((outputs[0], height * sh + dh * kh + 70, width * sw + dw * kw + 70))
    groups = layer.group_count(channels)
    for k in range(outputs[0]):
        if layer.channels == "each":
            reads, each = [k // len(filters)], filters[k % len(filters)]
        else:
            wide, group = channels // groups, k * groups // len(filters)
            reads, each = list(range(group * wide, (group + 1) * wide)), filters[k]
        for place, c in enumerate(reads):
            kernel = each.kernel(c if layer.channels == "each" else place).values
            for i in range(height):
                for j in range(width):
                    for u in range(kh):
                        for v in range(kw):
                            canvas[k, i * sh + u * dh, j * sw + v * dw] += kernel[u, v] * x[c, i, j]
        canvas[k] += each.bias
    (top, _), (left, _) = layer.stage(x.shape).padding  # type: ignore[misc,union-attr]
    return canvas[:, top : top + outputs[1], left : left + outputs[2]]


@given(layer=layers("conv_transpose", 4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_transposed_values_are_stamps_added_up(layer: ConvTranspose) -> None:
    x = picture(4, 3, 4)
    try:
        shape = layer.out_shape(x.shape)
    except GeometryError:
        assume(False)
    result = layer.forward(x)
    assert result.shape == shape
    np.testing.assert_allclose(result, stamped(layer, x), atol=1e-10)


@pytest.mark.parametrize("channels", ["each", "all", "grouped"])
def test_it_is_the_adjoint_of_a_convolution_with_pytorchs_weights(channels: str) -> None:
    """⟨conv(y, w), x⟩ = ⟨y, conv_transpose(x, w)⟩ with the same array w."""
    layer = ConvTranspose(
        bank=bank(2, {"each": 4, "all": 4, "grouped": 2}[channels], 3, 2), channels=channels
    )
    x = picture(4, 5, 6)
    weight = layer.weights(4)["weight"]
    groups = layer.group_count(4)
    assert weight.shape == (4, layer.out_channels(4) // groups, 3, 2)
    y = picture(*layer.out_shape(x.shape), seed=2)
    pads = layer.stage(x.shape).padding
    there = conv(y[None], weight, stride=layer.stride, padding=pads, groups=groups)[0]
    assert float((there * x).sum()) == pytest.approx(float((y * layer.forward(x)).sum()))


def test_the_default_blends_between_pixels() -> None:
    x = picture(1, 5, 6)
    result = ConvTranspose().forward(x)
    assert result.shape == (1, 10, 12)
    np.testing.assert_allclose(result[0, 1::2, 1::2], x[0])
    np.testing.assert_allclose(result[0, 1::2, 2::2], (x[0, :, :-1] + x[0, :, 1:]) / 2)
    np.testing.assert_allclose(ConvTranspose().forward(np.ones((1, 6, 6)))[0, 1:, 1:], 1.0)


@pytest.mark.parametrize(
    ("layer", "shape", "words", "changes"),
    [
        (
            ConvTranspose(output_padding=(2, 0)),
            (1, 4, 4),
            "smaller than the stride",
            {"output_padding": (1, 0)},
        ),
        (ConvTranspose(stride=(5, 5)), (1, 4, 4), "padding .same. makes the height", {"padding": "valid"}),
        (
            ConvTranspose(padding=((9, 9), (0, 0))),
            (1, 4, 4),
            "must leave at least 1 px",
            {"padding": "same"},
        ),
        (
            ConvTranspose(stride=(5, 5), output_padding=(7, 0), padding=((40, 40), (0, 0))),
            (1, 4, 4),
            "output_padding",
            {"padding": "valid", "output_padding": (0, 0)},
        ),
    ],
)
def test_transposed_misfits_are_said_and_repaired(
    layer: ConvTranspose, shape: tuple[int, int, int], words: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(GeometryError, match=words):
        layer.out_shape(shape)
    repair = layer.repair(shape)
    assert repair is not None
    assert repair.changes == changes


def test_transposed_costs_and_names() -> None:
    layer = ConvTranspose(bank=bank(8, 4, 3, 3), channels="all")
    assert layer.cost((4, 5, 6)).multiply_adds == 8 * 4 * 9 * 30
    assert layer.cost((4, 5, 6)).parameters == 8 * 4 * 9 + 8
    assert layer.name() == "Transposed conv →8, 3×3 ×2"


# --- circular ---


@pytest.mark.parametrize("side", [1, 3, 5, 7])
@pytest.mark.parametrize("operation", ["correlation", "convolution"])
def test_a_circular_kernel_acts_as_its_resampled_square(side: int, operation: str) -> None:
    filters = bank(2, 3, side, side, bias=0.5)
    x = picture(3, 9, 10)
    squares = [
        Filter(
            tuple(
                Kernel.custom((circular_matrix(side).T @ kernel.values.reshape(-1)).reshape(side, side))
                for kernel in each.kernels
            ),
            each.bias,
        )
        for each in filters.filters
    ]
    geometry: dict[str, Any] = {
        "channels": "all",
        "operation": operation,
        "stride": (2, 1),
        "dilation": (1, 2),
    }
    plain = Conv(bank=Bank(tuple(squares)), **geometry)
    circular = CircularConv(bank=filters, **geometry)
    np.testing.assert_allclose(circular.forward(x), plain.forward(x), atol=1e-10)
    assert circular.out_shape(x.shape) == plain.out_shape(x.shape)
    assert circular.cost(x.shape) == plain.cost(x.shape)


def test_the_corners_of_a_mean_come_in() -> None:
    values = CircularConv().core_weights(1)[0, 0]
    assert values.sum() == pytest.approx(1.0)
    assert values[0, 0] < values[0, 2]


@pytest.mark.parametrize("shape", [(3, 5), (2, 2), (4, 3)])
@pytest.mark.parametrize("operation", ["correlation", "convolution"])
def test_kernels_without_a_centre_are_refused_and_made_square(shape: tuple[int, int], operation: str) -> None:
    layer = CircularConv(bank=bank(2, 1, *shape), operation=operation)
    rows, columns = shape
    with pytest.raises(GeometryError, match=f"this one has {rows}×{columns} taps"):
        layer.out_shape((3, 9, 9))
    repair = layer.repair((3, 9, 9))
    assert repair is not None
    squared = repair.changes["bank"]
    side = max(shape) + (max(shape) % 2 == 0)
    assert squared.shape == (side, side)
    x = picture(3, 9, 9)
    plain: list[BankLayer] = [
        Conv(bank=each, operation=operation, padding_mode="zeros") for each in (layer.bank, squared)
    ]
    np.testing.assert_allclose(plain[0].forward(x), plain[1].forward(x), atol=1e-12)
    layer.replace(bank=squared).out_shape((3, 9, 9))


def test_two_things_wrong_are_repaired_at_once() -> None:
    layer = CircularConv(bank=bank(1, 1, 9, 2))
    repair = layer.repair((3, 3, 3))
    assert repair is not None
    assert repair.text == "Make the kernels square and odd; use a border of zeros"
    layer.replace(**repair.changes).out_shape((3, 3, 3))


def test_the_name_says_circular() -> None:
    assert CircularConv().name() == "Mean, circular"
