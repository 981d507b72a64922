"""The ready-made stacks: each fits a colour picture and a grey one, and does what its sentence says."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.core.receptive import receptive_fields
from convstudio.kernels import preset
from convstudio.layers import Conv, Layer
from convstudio.layers.base import FloatArray
from convstudio.layers.recipes import RECIPES, Recipe


def recipe(recipe_id: str) -> Recipe:
    return next(each for each in RECIPES if each.id == recipe_id)


def random(channels: int) -> FloatArray:
    values: FloatArray = np.random.default_rng(channels).random((channels, 32, 32))
    return values


def run(layers: tuple[Layer, ...], x: FloatArray) -> FloatArray:
    for layer in layers:
        channels, height, width = x.shape
        expected = layer.out_shape((channels, height, width))
        x = layer.forward(x)
        assert x.shape == expected
    return x


def test_ids_and_titles_are_unique() -> None:
    assert len({each.id for each in RECIPES}) == len({each.title for each in RECIPES}) == len(RECIPES)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("each", RECIPES, ids=lambda each: each.id)
def test_the_layers_fit_a_colour_and_a_grey_picture(each: Recipe, channels: int) -> None:
    result = run(each.layers, random(channels))
    assert np.isfinite(result).all()
    assert float(np.ptp(result)) > 0.0
    assert each.summary.endswith((".", ")"))


def test_the_edge_bank_has_eight_different_maps() -> None:
    result = run(recipe("edge-bank").layers, random(3))
    assert result.shape == (8, 32, 32)
    assert len({plane.tobytes() for plane in result}) == 8
    np.testing.assert_allclose(result[0], -result[4], err_msg="north is the opposite of south")


def test_the_block_shrinks_and_has_nothing_negative() -> None:
    result = run(recipe("conv-relu-pool").layers, random(3))
    assert result.shape == (8, 16, 16)
    assert result.min() >= 0.0


def test_depthwise_and_pointwise_make_what_one_full_convolution_makes() -> None:
    x = random(3)
    full = Conv.of(preset("sobel-x").make(), channels="all")
    separable = recipe("depthwise-separable").layers
    np.testing.assert_allclose(run(separable, x), run((full,), x), atol=1e-12)
    widths = [layer.channels for layer in separable if isinstance(layer, Conv)]
    assert widths == ["each", "all"]


def test_two_small_kernels_are_one_large_one_with_its_receptive_field() -> None:
    layers, x = recipe("two-3x3").layers, random(1)
    large = Conv.of(preset("binomial").make(size=5))
    inner = (slice(None), slice(2, -2), slice(2, -2))  # the borders reflect once or twice
    np.testing.assert_allclose(run(layers, x)[inner], run((large,), x)[inner], atol=1e-12)
    shape = (1, 32, 32)
    levels = receptive_fields([layer.stage(shape) for layer in layers], (32, 32))
    assert [field.size for field in levels[-1].fields] == [5, 5]
