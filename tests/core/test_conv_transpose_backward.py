"""conv_transpose_backward against finite differences of conv_transpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convstudio.core import Cancelled, Control, conv_transpose, conv_transpose_backward
from tests.core.test_conv_arrays import LAYOUTS
from tests.core.test_conv_transpose import Scatter, scatters, tolerance


def upstream(job: Scatter) -> np.ndarray:
    shape = conv_transpose(job.x, job.weight, **job.arguments).shape
    return np.random.default_rng(4).standard_normal(shape).astype(job.x.dtype)


@settings(deadline=None, max_examples=60)
@given(job=scatters(dtypes=(np.float64,)))
def test_finite_differences(job: Scatter) -> None:
    """conv_transpose is linear in each of its arrays: central differences are exact but for rounding."""
    grad = upstream(job)
    result = conv_transpose_backward(grad, job.x, job.weight, job.bias, **job.arguments)
    bias = np.zeros(grad.shape[1]) if job.bias is None else job.bias
    given = {"x": job.x, "weight": job.weight, "bias": bias}
    rng = np.random.default_rng(2)
    for name, values in given.items():
        gradient = getattr(result, f"grad_{name}")
        assert gradient.shape == values.shape
        assert gradient.dtype == np.float64
        assert gradient.flags.c_contiguous
        for _ in range(4):
            cell = tuple(int(rng.integers(n)) for n in values.shape)
            sides = []
            for step in (0.5, -0.5):
                moved = values.copy()
                moved[cell] += step
                sides.append(conv_transpose(**{**given, name: moved}, **job.arguments))
            difference = float(((sides[0] - sides[1]) * grad).sum())
            scale = float(np.abs(sides[0] * grad).sum()) + 1.0
            assert abs(difference - gradient[cell]) <= 1e-12 * scale, (name, cell)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=10)
@given(job=scatters())
def test_any_layout_gives_the_same(layout: str, job: Scatter) -> None:
    grad = upstream(job)
    lay = LAYOUTS[layout]
    result = conv_transpose_backward(lay(grad), lay(job.x), lay(job.weight), **job.arguments)
    wide = [array.astype(np.float64) for array in (grad, job.x, job.weight)]
    expected = conv_transpose_backward(*wide, **job.arguments)
    for got, exact in zip(result, expected, strict=True):
        assert got is not None
        assert exact is not None
        assert got.dtype == job.x.dtype
        scale = float(np.abs(exact).max()) + 1
        np.testing.assert_allclose(got, exact, rtol=0, atol=tolerance(job) * scale)


@pytest.mark.parametrize("needs", [(), ("x",), ("weight",), ("bias",), ["x", "bias"]])
def test_needs_leaves_out_the_rest(needs: Any) -> None:
    rng = np.random.default_rng(0)
    x, weight, grad = (rng.standard_normal(shape) for shape in ((2, 3, 5), (3, 4, 3), (2, 4, 11)))
    all_three = conv_transpose_backward(grad, x, weight, stride=2)
    some = conv_transpose_backward(grad, x, weight, stride=2, needs=needs)
    for name in ("x", "weight", "bias"):
        got, expected = getattr(some, f"grad_{name}"), getattr(all_three, f"grad_{name}")
        if name in needs:
            np.testing.assert_array_equal(got, expected)
        else:
            assert got is None


def test_only_extra_cells_left() -> None:
    """All that the windows reach is cut off; what output_padding adds does not depend on x."""
    arguments: dict[str, Any] = {"stride": 3, "output_padding": 2, "padding": ((2, 1),)}
    x, weight = np.ones((1, 1, 1)), np.ones((1, 1, 2))
    assert conv_transpose(x, weight, **arguments).shape == (1, 1, 1)
    result = conv_transpose_backward(np.ones((1, 1, 1)), x, weight, **arguments)
    np.testing.assert_array_equal(result.grad_x, np.zeros((1, 1, 1)))
    np.testing.assert_array_equal(result.grad_weight, np.zeros((1, 1, 2)))
    np.testing.assert_array_equal(result.grad_bias, [1])


def test_empty_batch() -> None:
    result = conv_transpose_backward(np.zeros((0, 4, 7)), np.zeros((0, 2, 5)), np.ones((2, 4, 3)))
    assert result.grad_x is not None
    assert result.grad_x.shape == (0, 2, 5)
    np.testing.assert_array_equal(result.grad_weight, np.zeros((2, 4, 3)))
    np.testing.assert_array_equal(result.grad_bias, np.zeros(4))


def test_progress_and_cancelling() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 90, 100)), rng.standard_normal((3, 4, 4, 4))
    grad = rng.standard_normal((2, 4, 182, 202))
    heard: list[float] = []
    conv_transpose_backward(grad, x, weight, stride=2, control=Control(heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    control = Control(lambda fraction: control.cancel())
    with pytest.raises(Cancelled):
        conv_transpose_backward(grad, x, weight, stride=2, control=control)
