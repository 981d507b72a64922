"""Circular kernels: the taps of a square kernel, moved onto concentric circles.

He, Li, Yang, Huang and Hopcroft, Integrating large circular kernels into CNNs through neural architecture
search, arXiv 2107.02451, 2021: a k×k circular kernel samples k² points evenly on concentric circles. The
ring of a square kernel r cells from its centre has 8r cells; they become 8r points at equal angles on the
circle of radius r. A cell at (y, x) from the centre, the larger of |y| and |x| being r and the smaller m,
goes to

    r·cos(π·m / 4r) along the axis of the larger, r·sin(π·m / 4r) along the other, signs kept

so that cells on the axes stay and corners come in most. The point between cells is read by bilinear
interpolation, out of four cells. As all that is linear, it is moved from the picture to the weights, once:
with the matrix B (k²×k², row i holding what tap i reads of each cell of the square) tap weights w act like
the square kernel Bᵀ·w. Each row of B adds up to 1: the kernel's sum stays.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.geometry import GeometryError, whole_number

Array: TypeAlias = npt.NDArray[Any]


def circular_weight(weight: Any) -> Array:
    """The square kernels that act as `weight` does with its taps on circles.

    weight: (*, k, k), k odd: most often (C_out, C_in / groups, k, k). float32 and float64 are computed as
    they are, other real types as float32. Returns an array of that shape, C-contiguous. 1×1 and the cells on
    a kernel's axes have nowhere to go; an even kernel has no centre for the circles and is refused.

    Raises GeometryError for kernels that are not square and odd, ValueError for what is not real numbers.
    """
    values = real_array("weight", weight)
    taps, cells, shares = _reads(_checked_side(values.shape))
    return _spread(values, taps, cells, shares, compute_dtype(values.dtype))


def circular_weight_backward(grad: Any, weight: Any) -> Array:
    """The gradient of `circular_weight` with respect to `weight`: B · grad for each kernel.

    It is in float64 if `weight` is, else float32. Errors as of `circular_weight`, and GeometryError for a
    `grad` of another shape than `weight`.
    """
    values, slopes = real_array("weight", weight), real_array("grad", grad)
    if slopes.shape != values.shape:
        raise GeometryError(f"grad must have the shape of weight, {values.shape}, got {slopes.shape}")
    taps, cells, shares = _reads(_checked_side(values.shape))
    return _spread(slopes, cells, taps, shares, compute_dtype(values.dtype))


def circular_matrix(size: int) -> Array:
    """B for size×size kernels, (size², size²), float64: row i holds what tap i reads of each cell.

    Taps and cells are counted row by row. ValueError unless `size` is odd.
    """
    side = whole_number("size", size, 1)
    if side % 2 == 0:
        raise GeometryError(f"size must be odd, as circles need a centre cell, got {side}")
    taps, cells, shares = _reads(side)
    matrix = np.zeros((side * side, side * side))
    matrix[taps, cells] = shares
    return matrix


def _spread(kernels: Array, source: Array, target: Array, shares: Array, dtype: np.dtype[Any]) -> Array:
    """Shares of each kernel's cells `source` added to its cells `target`, in an array of the same shape.

    Only what has a share takes part, so that NaN and infinity go no farther.
    """
    given = kernels.reshape(-1, kernels.shape[-1] ** 2).astype(dtype, copy=False)
    moved = np.zeros(given.shape[::-1], dtype)
    with np.errstate(all="ignore"):
        np.add.at(moved, target, given.T[source] * shares[:, None].astype(dtype))
    return np.ascontiguousarray(moved.T).reshape(kernels.shape)


def _checked_side(shape: tuple[int, ...]) -> int:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise GeometryError(f"weight must hold square kernels in its last two axes, got shape {shape}")
    if shape[-1] % 2 == 0:
        raise GeometryError(
            f"weight must hold kernels with an odd side, as circles need a centre cell, got shape {shape}"
        )
    return shape[-1]


@lru_cache(maxsize=16)
def _reads(side: int) -> tuple[Array, Array, Array]:
    """What is not zero in B: taps, the cells that they read, both counted row by row, and the shares."""
    y, x = _points(side)
    top, left = np.floor(y), np.floor(x)
    down, right = y - top, x - left
    parts = []
    for below, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = (down if below else 1 - down) * (right if beside else 1 - right)
        taps = np.flatnonzero(share)  # a point on a row or column has no share in the next, which may not be
        cells = (top[taps] + below) * side + left[taps] + beside
        parts.append((taps, cells.astype(np.intp), share[taps]))
    taps, cells, shares = (np.concatenate(part) for part in zip(*parts, strict=True))
    return taps, cells, shares


def _points(side: int) -> tuple[Array, Array]:
    """Row and column of each tap's point, in cells from the kernel's first."""
    centre = side // 2
    y, x = (axis.reshape(-1) for axis in np.mgrid[-centre : centre + 1, -centre : centre + 1])
    radius = np.maximum(np.abs(y), np.abs(x))
    angle = math.pi / 4 * np.minimum(np.abs(y), np.abs(x)) / np.maximum(radius, 1)
    along, across = radius * np.cos(angle), radius * np.sin(angle)
    steep = np.abs(y) > np.abs(x)
    return (
        centre + np.sign(y) * np.where(steep, along, across),
        centre + np.sign(x) * np.where(steep, across, along),
    )
