"""Independent answers to compare the core with: SciPy over a NumPy pad, and plain loops.

Nothing here calls the core. Stride is taken from the dense result and dilation is a zero-stuffed kernel,
so neither is a computation of its own that could share a mistake with the code under test.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, signal

if TYPE_CHECKING:
    from tests.strategies import Job

Pairs = tuple[tuple[int, int], ...]

NUMPY_MODES = {
    "zeros": "constant",
    "constant": "constant",
    "replicate": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "circular": "wrap",
}


def per_axis(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return an int repeated on every axis, or the tuple as it is."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def amounts_of(
    padding: Any,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Pairs:
    """Return the padding's ``(before, after)`` per axis, from its definition in words."""
    rank = len(spatial)
    if isinstance(padding, int):
        return ((padding, padding),) * rank
    if not isinstance(padding, str):
        return tuple((p, p) if isinstance(p, int) else (p[0], p[1]) for p in padding)
    pairs = []
    for n, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        reach = d * (k - 1)
        if padding == "valid":
            pairs.append((0, 0))
        elif padding == "full":
            pairs.append((reach, reach))
        else:
            total = max(0, (math.ceil(n / s) - 1) * s + reach + 1 - n)
            small, large = total // 2, total - total // 2
            pairs.append((small, large) if padding == "same" else (large, small))
    return tuple(pairs)


def numpy_pad(x: np.ndarray, amounts: Pairs, mode: str, value: float) -> np.ndarray:
    """Pad the trailing axes of ``x`` by NumPy's own pad."""
    widths = [(0, 0)] * (x.ndim - len(amounts)) + list(amounts)
    numpy_mode: Any = NUMPY_MODES[mode]
    if numpy_mode == "constant":
        fill = value if mode == "constant" else 0.0
        return np.pad(x, widths, mode="constant", constant_values=fill)
    return np.pad(x, widths, mode=numpy_mode)


def zero_stuffed(kernel: np.ndarray, dilation: tuple[int, ...]) -> np.ndarray:
    """Return the kernel with ``dilation - 1`` zeros between its taps."""
    shape = tuple(d * (k - 1) + 1 for k, d in zip(kernel.shape, dilation, strict=True))
    stuffed = np.zeros(shape, dtype=kernel.dtype)
    stuffed[tuple(slice(None, None, d) for d in dilation)] = kernel
    return stuffed


def _valid_ndimage(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlate where the kernel fits; ndimage computes all centres, of which these are cut out."""
    dense = ndimage.correlate(image, kernel, mode="constant")
    window = tuple(slice(k // 2, k // 2 + n - k + 1) for n, k in zip(image.shape, kernel.shape, strict=True))
    return dense[window]


def _valid_signal(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.asarray(signal.correlate(image, kernel, mode="valid", method="direct"))


def _valid_signal_convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.asarray(signal.convolve(image, np.flip(kernel), mode="valid", method="direct"))


VALID = {
    "ndimage.correlate": _valid_ndimage,
    "signal.correlate": _valid_signal,
    "signal.convolve": _valid_signal_convolve,
}


def scipy_conv(job: Job, oracle: str = "ndimage.correlate", *, magnitudes: bool = False) -> np.ndarray:
    """Return what ``conv`` must give, in float64; with ``magnitudes`` sum ``|w||x|`` + ``|bias|``."""
    a = job.arguments
    valid = VALID[oracle]
    stride, dilation = per_axis(a["stride"], job.rank), per_axis(a["dilation"], job.rank)
    padded = numpy_pad(job.x.astype(np.float64), job.amounts, a["padding_mode"], a["padding_value"])
    weight = job.weight.astype(np.float64)
    bias = np.zeros(len(weight)) if job.bias is None else job.bias.astype(np.float64)
    if a["flip"]:
        weight = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    if magnitudes:
        padded, weight, bias = np.abs(padded), np.abs(weight), np.abs(bias)
    c_out, c_group = weight.shape[:2]
    out_per_group = c_out // a["groups"]
    planes = []
    steps = tuple(slice(None, None, s) for s in stride)
    for image in padded:
        for o in range(c_out):
            first = (o // out_per_group) * c_group
            dense = sum(valid(image[first + i], zero_stuffed(weight[o, i], dilation)) for i in range(c_group))
            planes.append(np.asarray(dense)[steps] + bias[o])
    return np.stack(planes).reshape(len(padded), c_out, *planes[0].shape)


def loops_conv(job: Job) -> np.ndarray:
    """Return the definition, cell by cell and tap by tap, in Python floats."""
    a = job.arguments
    stride, dilation = per_axis(a["stride"], job.rank), per_axis(a["dilation"], job.rank)
    padded = numpy_pad(job.x.astype(np.float64), job.amounts, a["padding_mode"], a["padding_value"])
    c_out, c_group = job.weight.shape[:2]
    lengths = tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(padded.shape[2:], job.kernel, stride, dilation, strict=True)
    )
    result = np.zeros((len(padded), c_out, *lengths))
    for n, o in itertools.product(range(len(padded)), range(c_out)):
        first = (o // (c_out // a["groups"])) * c_group
        for cell in itertools.product(*map(range, lengths)):
            total = 0.0 if job.bias is None else float(job.bias[o])
            for i in range(c_group):
                for tap in itertools.product(*map(range, job.kernel)):
                    at = tuple(c * s + t * d for c, s, t, d in zip(cell, stride, tap, dilation, strict=True))
                    rotated = tuple(k - 1 - t for k, t in zip(job.kernel, tap, strict=True))
                    w = float(job.weight[(o, i, *(rotated if a["flip"] else tap))])
                    total += w * float(padded[(n, first + i, *at)])
            result[(n, o, *cell)] = total
    return result


# Algorithms that add up exactly the products w·x of a cell, so that each cell's rounding error is bounded by
# its own sum of |w||x|. The others pass through sums or spectra that other cells share.
CELLWISE = ("taps", "rows", "gemm", "depthwise")


def allowed_error(job: Job, algorithm: str) -> np.ndarray:
    """Return the largest rounding error to accept per output cell, in the job's own precision.

    Adding K products in any order errs by at most about K·eps·sum|w||x| (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, ch. 3); typical errors grow with the square root of K, and that is what is
    allowed, times a constant. FFT, SVD and running sums are held to the largest sum|w|·max|x| of the job.
    """
    eps = float(np.finfo(job.x.dtype).eps)
    per_cell = scipy_conv(job, magnitudes=True)
    products = int(np.prod(job.weight.shape[1:]))
    if algorithm in CELLWISE:
        return (4 + 2 * math.sqrt(products)) * eps * per_cell
    fill = abs(job.arguments["padding_value"])
    peak = max(float(np.abs(job.x).max(initial=0.0)), fill)
    gain = float(np.abs(job.weight).astype(np.float64).sum(axis=tuple(range(1, job.weight.ndim))).max())
    offset = 0.0 if job.bias is None else float(np.abs(job.bias).max())
    return np.full(per_cell.shape, (16 + 4 * math.sqrt(products)) * eps * (gain * peak + offset))


def assert_agrees(result: np.ndarray, expected: np.ndarray, allowed: np.ndarray, what: str = "") -> None:
    """Fail with the worst cell's position and numbers unless every cell is within its allowed error."""
    assert result.shape == expected.shape, f"{what}: shape {result.shape}, expected {expected.shape}"
    if not expected.size:
        return
    error = np.abs(result.astype(np.float64) - expected)
    excess = np.where(np.isnan(error), np.inf, error - allowed)
    worst = np.unravel_index(int(np.argmax(excess)), excess.shape)
    assert excess[worst] <= 0, (
        f"{what}: cell {tuple(map(int, worst))} is {result[worst]}, expected {expected[worst]}, "
        f"error {error[worst]:.3g}, allowed {allowed[worst]:.3g}"
    )
