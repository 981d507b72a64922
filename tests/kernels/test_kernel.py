"""A kernel: frozen, canonical, compared by content."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convstudio.kernels import Kernel, preset
from convstudio.spec.params import ParamError


def test_the_weights_are_a_frozen_copy() -> None:
    given = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    kernel = Kernel(given, "Mine")
    given[0, 0] = 9
    assert kernel.values.dtype == np.float64
    assert kernel.values.flags.c_contiguous
    assert kernel.values[0, 0] == 0
    assert kernel.shape == (2, 3)
    with pytest.raises(ValueError, match="read-only"):
        kernel.values[0, 0] = 1


def test_equal_weights_and_names_are_equal_kernels() -> None:
    assert Kernel.custom([[0.0, 1]]) == Kernel.custom(np.array([[-0.0, 1]]))
    assert hash(Kernel.custom([[0.0, 1]])) == hash(Kernel.custom([[-0.0, 1]]))
    assert preset("mean").make(size=5) == preset("mean").make(size=5.0)


@pytest.mark.parametrize(
    "other",
    [Kernel.custom([[1], [2]]), Kernel.custom([[1, 2.5]]), Kernel([[1, 2]], "Other"), [[1, 2]]],
)
def test_other_weights_shapes_and_names_are_not(other: Any) -> None:
    assert Kernel.custom([[1, 2]]) != other


def test_editing_a_preset_forgets_where_it_came_from() -> None:
    edited = preset("gaussian").make().custom([[1.0]])
    assert (edited.title, edited.preset, edited.params) == ("Custom", None, ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([["a"]], "grid of numbers"),
        ([[1, 2], [3]], "grid of numbers"),
        ([1, 2], "got 1 axes"),
        (np.zeros((0, 3)), "this one is 0×3"),
        (np.zeros((64, 3)), "1 to 63 rows and columns, this one is 64×3"),
        ([[1, 2], [np.nan, 3]], "row 2, column 1 is not a finite number"),
        ([[1, -np.inf]], "row 1, column 2 is not a finite number"),
        ([[1e31]], "too large"),
        ([[1j]], "grid of numbers"),
    ],
)
def test_what_cannot_be_a_kernel_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        Kernel.custom(values)
