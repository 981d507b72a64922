"""Which frequencies a kernel lets through, in words such as “high-pass along x”."""

from __future__ import annotations

import cmath
import math

import numpy as np
import numpy.typing as npt

from convstudio.kernels.kernel import Values

_STEP = 5  # degrees between rays
_RAYS = 180 // _STEP  # a gain is the same in opposite directions


def _ray_cells() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the cells ``(rays, radii)`` of a centred 64 × 64 response, from just off zero to its rim.

    Rays go counter-clockwise as seen on the screen; the response wraps around, so that cell 64 is cell 0.
    """
    angles = np.radians(np.arange(0, 180, _STEP))[:, None]
    radii = np.arange(1, 33)[None, :]
    rows = 32 - np.rint(np.sin(angles) * radii)
    columns = 32 + np.rint(np.cos(angles) * radii)
    return rows.astype(np.intp) % 64, columns.astype(np.intp) % 64


_ROWS, _COLUMNS = _ray_cells()


def describe(values: Values, response: npt.NDArray[np.float32]) -> str:
    """Return what a kernel lets through, relative to what it lets through most.

    Args:
        values: the weights ``(rows, columns)``.
        response: their gain ``(64, 64)``, zero frequency at ``[32, 32]``.
    """
    if np.count_nonzero(values) <= 1:
        return _single(values)
    gain = response.astype(np.float64) / float(response.max())
    flat = float(gain[32, 32])
    rays = gain[_ROWS, _COLUMNS]
    if gain.min() > 0.9:
        return "passes everything about alike"
    if flat > 0.95:
        ray = _ray((1.0 - rays**2).clip(0.0).mean(axis=1), 0.5)
        return "low-pass" + _along(ray)
    ray = _ray((rays**2 - flat**2).clip(0.0).mean(axis=1), 0.35)
    profile = rays.mean(axis=0) if ray is None else rays[ray]
    rises = bool(profile[-1] >= 0.7 * profile.max())
    if flat > 0.05:
        return ("boosts fine detail" if rises else "boosts a band") + _along(ray)
    return ("high-pass" if rises else "band-pass") + _along(ray)


def _single(values: Values) -> str:
    """One weight passes every frequency alike; where it lies moves the picture."""
    places = np.argwhere(values)
    if not places.size:
        return "blocks everything"
    row, column = places[0].tolist()
    rows, columns = values.shape
    if (row, column) != ((rows - 1) // 2, (columns - 1) // 2):
        return "all-pass, moves the picture"
    return "all-pass (identity)" if values[row, column] == 1.0 else "all-pass (scales only)"


def _ray(effect: Values, share: float) -> int | None:
    """Return the ray along which a kernel acts, or ``None`` where there is not just one.

    Args:
        effect: how strongly it acts along each ray, at least 0.
        share: below this part of the strongest ray, the weakest does not count.
    """

    def harmonic(order: int) -> complex:
        return complex((effect * np.exp(2j * np.pi * order * np.arange(_RAYS) / _RAYS)).sum())

    # An effect repeats every 180°: half the angle of its second harmonic is its middle. One that acts along
    # two lines at right angles has the fourth harmonic instead.
    if effect.min() > share * effect.max() or abs(harmonic(1)) < 0.3 * abs(harmonic(2)):
        return None
    return round(math.degrees(cmath.phase(harmonic(1))) / 2 / _STEP) % _RAYS


def _along(ray: int | None) -> str:
    if ray is None:
        return ""
    angle = ray * _STEP
    return {0: " along x", 90: " along y"}.get(angle, f" along about {angle}°")
