"""What can be said about a kernel: rank, sums, symmetry, and what it does to each frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convstudio.kernels.kernel import Values
from convstudio.kernels.passband import describe

RESPONSE_SIZE = 64

_EPS = float(np.finfo(np.float32).eps)
"""Results are computed in float32: what it cannot tell apart is the same here."""


@dataclass(frozen=True, eq=False)
class Insight:
    """Facts about a kernel.

    Attributes:
        rank: how many products of a column and a row add up to the kernel; 0 when all weights are 0.
        singular_values: float64, largest first.
        full_mults: multiplications a pixel with the kernel as it is, rows × columns.
        separable_mults: multiplications a pixel in separable passes, rank × (rows + columns).
        total: the sum of the weights: what a flat area is multiplied by.
        absolute_total: the sum of their magnitudes: the largest answer to a picture within −1 to 1.
        noise_gain: √ of the sum of squares: what the standard deviation of white noise is multiplied by.
        symmetry: in words.
        response: float32 ``(64, 64)``, the gain |H| from −½ to just below ½ cycles a pixel, rows for y and
            columns for x, zero frequency at ``[32, 32]``.
        passband: what it lets through, in words.
    """

    rank: int
    singular_values: Values
    full_mults: int
    separable_mults: int
    total: float
    absolute_total: float
    noise_gain: float
    symmetry: str
    response: npt.NDArray[np.float32]
    passband: str

    @property
    def saves(self) -> bool:
        """Whether separable passes take fewer multiplications than the whole window."""
        return 0 < self.separable_mults < self.full_mults


def analyse(values: Values) -> Insight:
    """Return the facts about finite weights ``(rows, columns)``, at most 64 a side."""
    rows, columns = values.shape
    singular: Values = np.linalg.svd(values, compute_uv=False).astype(np.float64)
    rank = int(np.count_nonzero(singular > singular[0] * max(rows, columns) * _EPS))
    magnitude = math.fsum(np.abs(values).ravel().tolist())
    total = math.fsum(values.ravel().tolist())
    if abs(total) <= 1e-12 * magnitude:
        total = 0.0  # weights that cancel but for their own rounding
    response = frequency_response(values)
    return Insight(
        rank=rank,
        singular_values=singular,
        full_mults=rows * columns,
        separable_mults=rank * (rows + columns),
        total=total,
        absolute_total=magnitude,
        noise_gain=float(np.linalg.norm(values)),
        symmetry=symmetry(values),
        response=response,
        passband=describe(values, response),
    )


def frequency_response(values: Values) -> npt.NDArray[np.float32]:
    """Return the gain |H| at 64 × 64 frequencies, float32, as ``Insight.response`` describes it."""
    spectrum = np.fft.fft2(values, (RESPONSE_SIZE, RESPONSE_SIZE))
    return np.abs(np.fft.fftshift(spectrum)).astype(np.float32)


def symmetry(values: Values) -> str:
    """Return which mirror images and turns of the kernel equal it, or its negative, in words.

    “Along x” compares left with right, “along y” top with bottom.
    """
    largest = float(np.abs(values).max())
    if largest == 0.0:
        return "all zero"

    def sign(other: Values) -> int:
        """1 for a mirror image that is the same, −1 for one that is the negative, else 0."""
        for found in (1, -1):
            if np.abs(values - found * other).max() <= 4 * _EPS * largest:
                return found
        return 0

    left_right, top_bottom = sign(values[:, ::-1]), sign(values[::-1])
    rows, columns = values.shape
    if not left_right and rows == 1:
        top_bottom = 0  # a single row has no top and bottom to compare
    if not top_bottom and columns == 1:
        left_right = 0
    if left_right and top_bottom:
        return {
            (1, 1): "symmetric",
            (-1, 1): "anti-symmetric along x",
            (1, -1): "anti-symmetric along y",
            (-1, -1): "anti-symmetric along x and y",
        }[left_right, top_bottom]
    if left_right or top_bottom:
        kind = "symmetric" if left_right + top_bottom > 0 else "anti-symmetric"
        return f"{kind} along {'x' if left_right else 'y'} only"
    turned = sign(values[::-1, ::-1])
    if turned:
        return "symmetric about the centre" if turned > 0 else "anti-symmetric about the centre"
    if rows == columns and (mirrored := sign(values.T) or sign(values[::-1, ::-1].T)):
        return "symmetric about a diagonal" if mirrored > 0 else "anti-symmetric about a diagonal"
    return "no symmetry"
