"""What a kernel is like: rank, sums, symmetry, and what it does to each frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]

RESPONSE_SIZE = 64
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Insight:
    """Facts about a kernel.

    Attributes:
        rank: how many separable kernels add up to it; 0 for a kernel of zeros.
        singular_values: largest first.
        full_mults: multiplications a pixel when computed as it is, rows × columns.
        separable_mults: multiplications a pixel as ``rank`` pairs of a column and a row.
        total: sum of the weights, which is what a flat picture is multiplied with (gain at frequency 0).
        absolute_total: sum of |weights|, the largest answer to a picture within ±1.
        noise_gain: √(sum of squares): by what the standard deviation of white noise is multiplied.
        symmetry: in words.
        response: float32 ``(64, 64)``, |H| from −½ to ½ cycles a pixel, frequency 0 at ``[32, 32]``.
        passband: in words.
    """

    rank: int
    singular_values: NDArray[np.floating]
    full_mults: int
    separable_mults: int
    total: float
    absolute_total: float
    noise_gain: float
    symmetry: str
    response: NDArray[np.float32]
    passband: str


def analyse(values: Grid) -> Insight:
    """Return what there is to say about the weights ``(rows, columns)``."""
    rows, columns = values.shape
    singular = np.linalg.svd(values, compute_uv=False)
    rank = int((singular > singular[0] * max(rows, columns) * 1e-13).sum()) if singular[0] > 0.0 else 0
    magnitude = float(np.abs(values).sum())
    total = float(values.sum())
    if abs(total) < 1e-12 * magnitude:
        total = 0.0  # rounding of weights that cancel out
    response = frequency_response(values)
    return Insight(
        rank=rank,
        singular_values=singular,
        full_mults=rows * columns,
        separable_mults=rank * (rows + columns),
        total=total,
        absolute_total=magnitude,
        noise_gain=float(np.sqrt((values**2).sum())),
        symmetry=symmetry(values),
        response=response,
        passband=passband(response, values),
    )


def frequency_response(values: Grid, size: int = RESPONSE_SIZE) -> NDArray[np.float32]:
    """Return |H(u, v)| on a grid of frequencies from −½ to ½, rows v downwards and columns u to the right."""
    frequency = np.arange(size) / size - 0.5
    rows, columns = values.shape
    # A small matrix product on each side: exact at these frequencies for kernels of any size.
    down = np.exp(-2j * np.pi * np.outer(frequency, np.arange(rows)))
    across = np.exp(-2j * np.pi * np.outer(np.arange(columns), frequency))
    gain: NDArray[np.float32] = np.abs(down @ values @ across).astype(np.float32)
    return gain


def symmetry(values: Grid) -> str:
    """Return the kernel's symmetry in words."""
    scale = float(np.abs(values).max())
    if scale == 0.0:
        return "empty"

    def same(other: Grid, sign: float = 1.0) -> bool:
        return other.shape == values.shape and bool(np.abs(values - sign * other).max() <= _NOTHING * scale)

    left_right, top_bottom = values[:, ::-1], values[::-1]
    if same(left_right) and same(top_bottom):
        return "symmetric in every direction" if same(values.T) else "symmetric along x and y"
    if same(left_right, -1.0):
        return "anti-symmetric along x"
    if same(top_bottom, -1.0):
        return "anti-symmetric along y"
    turned = values[::-1, ::-1]
    if same(turned):
        return "symmetric about the centre"
    if same(turned, -1.0):
        return "anti-symmetric about the centre"
    if same(left_right):
        return "symmetric along x"
    if same(top_bottom):
        return "symmetric along y"
    if same(values.T):
        return "symmetric about the diagonal"
    return "not symmetric"


def passband(response: NDArray[np.float32], values: Grid) -> str:
    """Return in words which frequencies a kernel lets through."""
    peak = float(response.max())
    if peak <= _NOTHING:
        return "blocks everything"
    if np.count_nonzero(values) == 1:
        return "all-pass: changes size and place only"
    gain = response / peak
    half = len(gain) // 2
    lowest = float(gain[half, half])
    lines = {  # the gains at growing frequency, from 0 to ½ cycles a pixel
        "x": gain[half, half::-1],
        "y": gain[half::-1, half],
    }
    diagonals = (np.diagonal(gain)[half::-1], np.diagonal(gain[:, ::-1])[half - 1 :: -1])
    if lowest > 0.95:
        stopped = [axis for axis, line in lines.items() if float(line[-1]) <= 0.5]
        if not stopped:
            return "passes all frequencies"
        return "low-pass" if len(stopped) == 2 else f"low-pass along {stopped[0]}"
    if lowest > 0.05:
        return "boosts high frequencies"
    peaks = {axis: float(line.max()) for axis, line in lines.items()}
    strongest = max(peaks, key=lambda axis: peaks[axis])
    if max(float(line.max()) for line in diagonals) > 0.9 and peaks[strongest] < 0.4:
        return "band-pass along the diagonals" if _is_band(diagonals) else "high-pass along the diagonals"
    kind = "band-pass" if _is_band((lines[strongest],)) else "high-pass"
    if min(peaks.values()) > 0.5 * peaks[strongest]:
        aslant = [float(line.max()) for line in diagonals]
        return kind if min(aslant) > 0.4 * max(aslant) else f"{kind} along a diagonal"
    return f"{kind} along {strongest}"


def _is_band(lines: tuple[NDArray[np.float32], ...]) -> bool:
    """Whether the gain falls again towards the highest frequency."""
    return all(float(line[-1]) < 0.7 * float(line.max()) for line in lines)
