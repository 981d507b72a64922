"""The upstream gradient and which gradients are wanted, checked before any work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import real_array
from convstudio.core.geometry import GeometryError
from convstudio.core.job import Triple

Array: TypeAlias = npt.NDArray[Any]


def checked_grad(grad: Any, shape: Sequence[int], dtype: np.dtype[Any], of: str = "the output") -> Array:
    """`grad` in the dtype of the computation, not copied if it is; GeometryError for a shape but `of`'s."""
    values = real_array("grad", grad)
    if values.shape != tuple(shape):
        raise GeometryError(f"grad must have the shape of {of}, {tuple(shape)}, got {values.shape}")
    return values.astype(dtype, copy=False)


def checked_needs(needs: Any, names: Collection[str]) -> frozenset[str]:
    """The names of the gradients to compute; ValueError for anything but some of `names`."""
    wanted = (
        list(needs) if isinstance(needs, Collection) and not isinstance(needs, str | np.ndarray) else [needs]
    )
    for name in wanted:
        if not isinstance(name, str) or name not in names:
            known = ", ".join(repr(known) for known in names)
            raise ValueError(f"needs must hold some of {known}, got {needs!r}")
    return frozenset(wanted)


def five_axes(array: Array) -> Array:
    """(N, C, *spatial) as (N, C, depth, height, width), a view: missing axes have length 1."""
    return array.reshape(*array.shape[:2], *(1,) * (5 - array.ndim), *array.shape[2:])


def three(values: Sequence[int], missing: int = 1) -> Triple:
    """One number for each of the axes that there are, as one for depth, height and width."""
    depth, height, width = (missing,) * (3 - len(values)) + tuple(values)
    return (depth, height, width)
