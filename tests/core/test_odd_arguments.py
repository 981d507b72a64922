"""Odd arguments that NumPy itself would complain about, or not at all: the caller is told in plain words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convstudio import core

X = np.ones((1, 2, 6, 6), np.float32)
RAGGED = [[1.0], [2.0, 3.0]]
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "conv x": (core.conv, {"x": RAGGED, "weight": np.ones((1, 2, 3, 3))}, "x must be an array of numbers"),
    "conv weight": (core.conv, {"x": X, "weight": RAGGED}, "weight must be an array of numbers"),
    "pool x": (core.max_pool, {"x": RAGGED, "kernel_size": 2}, "x must be an array of numbers"),
    "unpool indices": (
        core.max_unpool,
        {"x": X, "indices": RAGGED, "kernel_size": 2},
        "indices must be an array of numbers",
    ),
    "mse target": (core.mse, {"x": X, "target": RAGGED}, "target must be an array of numbers"),
    "mode": (core.pad, {"x": X, "padding": 1, "padding_mode": np.ones(3)}, "padding_mode must be one of"),
    "gelu": (core.gelu, {"x": X, "approximate": np.ones(3)}, "approximate must be one of"),
    "no gradient": (core.relu_backward, {"grad": None, "x": X}, "grad must"),
    "plan shape": (
        core.plan_conv,
        {"x_shape": 5, "dtype": "f4", "weight": np.ones((1, 1, 3, 3))},
        "x_shape must have one whole number",
    ),
    "plan dtype": (
        core.plan_conv,
        {"x_shape": (1, 1, 5, 5), "dtype": "real", "weight": np.ones((1, 1, 3, 3))},
        "dtype must be",
    ),
    "plan finite": (
        core.plan_conv,
        {"x_shape": (1, 1, 5, 5), "dtype": "f4", "weight": np.ones((1, 1, 3, 3)), "finite": "no"},
        "finite must be True or False",
    ),
    "huge result": (
        core.conv_transpose,
        {"x": X, "weight": np.ones((2, 1, 3, 3)), "stride": 10**10},
        "too large for any array",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_told_in_plain_words(name: str) -> None:
    call, arguments, words = CALLS[name]
    with pytest.raises(ValueError, match=words):
        call(**arguments)


@pytest.mark.parametrize("pool", [core.max_pool, core.min_pool, core.avg_pool, core.lp_pool])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_stride_far_beyond_the_picture_needs_no_memory(pool: Callable[..., Any], ceil_mode: bool) -> None:
    far = pool(X, 2, 10**10, ceil_mode=ceil_mode)
    np.testing.assert_array_equal(far, pool(X[..., :2, :2], 2))
