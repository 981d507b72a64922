"""The test charts: pictures whose right answer under a filter is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drawing.noise import normal

Grey = npt.NDArray[np.uint8]


def to_bytes(values: npt.NDArray[np.floating]) -> Grey:
    """Round values in 0..1 to 8 bits, clipping what lies outside."""
    return np.floor(np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def zone_plate(size: int = 513) -> Grey:
    """Return 0.5 + 0.5 cos(pi r**2 / (size - 1)): its frequency at radius r is r / (size - 1) cycles a pixel.

    It is 0 in the middle and 0.5, the highest a grid of pixels carries, at the middle of each side; beyond
    that circle, in the corners, the frequency along x and along y still stays within 0.5.
    """
    at = np.arange(size) - (size - 1) / 2
    radius2 = at[:, None] ** 2 + at[None, :] ** 2
    return to_bytes(0.5 + 0.5 * np.cos(np.pi * radius2 / (size - 1)))


def siemens_star(size: int = 513, spokes: int = 36, finer: int = 8) -> Grey:
    """Return a star of black and white spokes, each pixel the mean over ``finer`` x ``finer`` points in it.

    The centre is the centre of the middle pixel, and a white ring of two pixels closes the star. Towards the
    middle, where a spoke is narrower than a pixel, the mean fades to grey by itself.
    """
    middle = (size - 1) / 2
    total = np.zeros((size, size))
    for i in range(finer):
        y = (np.arange(size) - middle + (i + 0.5) / finer - 0.5)[:, None]
        for j in range(finer):
            x = (np.arange(size) - middle + (j + 0.5) / finer - 0.5)[None, :]
            white = np.floor(np.arctan2(y, x) * (spokes / np.pi)) % 2 == 0
            radius = np.hypot(x, y)
            total += np.where(radius > middle - 8, 0.5, np.where(radius > middle - 10, 1.0, white))
    return to_bytes(total / finer**2)


def step_wedge(width: int = 544, height: int = 320) -> Grey:
    """Return 17 greys in equal steps above, the same falling in a ramp below.

    Above, plateau k (of 32 columns) is the byte 15 k + 7, hence the steps are all 15/255 and no plateau is
    clipped; below, the ramp falls from 255 to 0 in steps as even as whole bytes allow.
    """
    steps = 15 * (np.arange(width) * 17 // width) + 7
    ramp = np.floor(255.0 * (width - 1 - np.arange(width)) / (width - 1) + 0.5)
    picture = np.empty((height, width), dtype=np.uint8)
    picture[: height * 5 // 8] = steps
    picture[height * 5 // 8 :] = ramp
    return picture


def checkerboard(size: int = 256) -> Grey:
    """Return six checkerboards with squares of 32, 16, 8, 4, 2 and 1 pixels, black 0 and white 255.

    The top half is the coarsest, then the bottom half is shared by the finer ones: quarters and eighths.
    """
    y, x = np.mgrid[0:size, 0:size]
    half, quarter, eighth = size // 2, size // 4, size // 8
    square = np.full((size, size), 32)
    square[half:, :half] = 16
    square[half:, half:] = 8
    square[half + quarter :, half:] = 4
    square[half + quarter :, half + quarter :] = 2
    square[half + quarter + eighth :, half + quarter :] = 1
    return (((x // square + y // square) % 2) * 255).astype(np.uint8)


def impulse(size: int = 65) -> Grey:
    """Return a single 255 in the exact middle of 0."""
    picture = np.zeros((size, size), dtype=np.uint8)
    picture[size // 2, size // 2] = 255
    return picture


def noise(size: int = 512) -> Grey:
    """Return grey shapes under Gaussian noise of standard deviation 0.1.

    On 0.5 lie discs, bars and squares in three rows, in each row with contrasts of 0.05, 0.1, 0.2 and 0.3;
    the outermost 48 pixels are noise on plain 0.5, to measure.
    """
    y, x = np.mgrid[0:size, 0:size] + 0.5
    picture = np.full((size, size), 0.5)
    pitch = (size - 96) / 4
    for column, contrast in enumerate((0.05, 0.1, 0.2, 0.3)):
        u = x - 48 - pitch * (column + 0.5)
        high = (size - 96) / 3
        for row in range(3):
            v = y - 48 - high * (row + 0.5)
            if row == 0:
                inside = np.hypot(u, v) < 36
            elif row == 1:
                inside = (np.abs(u) < 38) & (np.abs(v) < 40) & (np.floor((u + 38) / 38 * 5) % 2 == 0)
            else:
                inside = np.abs(u * 0.866 + v * 0.5) + np.abs(v * 0.866 - u * 0.5) < 50
            picture += np.where(inside, contrast if (row + column) % 2 == 0 else -contrast, 0.0)
    return to_bytes(picture + 0.1 * normal((size, size), 303))
