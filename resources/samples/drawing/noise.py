"""Reproducible randomness: numbers from a fixed bit stream, and smooth periodic noise made from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def uniform(shape: int | tuple[int, ...], seed: int) -> npt.NDArray[np.float64]:
    """Return float64 numbers in [0, 1) that are the same on every machine and with every NumPy.

    Only the raw output of a bit generator is promised never to change; what ``Generator`` makes of it is not.
    """
    raw = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)


def normal(shape: int | tuple[int, ...], seed: int) -> npt.NDArray[np.float64]:
    """Return float64 numbers of the standard normal distribution (Box and Muller 1958)."""
    first, second = uniform((2, int(np.prod(shape))), seed)
    return (np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)).reshape(shape)


def cloudy(
    shape: tuple[int, int],
    seed: int,
    *,
    slope: float = 2.0,
    stretch: tuple[float, float] = (1.0, 1.0),
    lowest: float = 0.0,
    highest: float = 0.5,
) -> npt.NDArray[np.float32]:
    """Return periodic noise of mean 0 and standard deviation 1 whose power falls as frequency**-slope.

    ``stretch`` lengthens its features along (rows, columns); frequencies below ``lowest`` or above
    ``highest`` cycles a pixel (after stretching) are left out.
    """
    rows = np.fft.fftfreq(shape[0])[:, None] * stretch[0]
    columns = np.fft.rfftfreq(shape[1])[None, :] * stretch[1]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1.0
    gain = frequency ** (-slope / 2.0) * (frequency >= lowest) * (frequency <= highest)
    gain[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(normal(shape, seed)) * gain, s=shape)
    return (field / field.std()).astype(np.float32)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """Return the cubic ramp that is 0 below ``low`` and 1 above ``high``."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def blend(first: object, second: object, amount: Floats) -> Floats:
    """Return colours (3, n) going from ``first`` (3,) or (3, n) to ``second`` by ``amount`` (n,)."""
    a = _colour(first, amount)
    b = _colour(second, amount)
    return a + (b - a) * amount


def _colour(value: object, like: Floats) -> Floats:
    colour = np.asarray(value, dtype=np.float32)
    return colour.reshape(3, *([1] * like.ndim)) if colour.ndim == 1 else colour
