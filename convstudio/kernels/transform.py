"""Changes of a kernel as a whole: from weights to weights, all ``(rows, columns)`` float64."""

from __future__ import annotations

import numpy as np

from convstudio.kernels.kernel import Values


def flip_horizontal(values: Values) -> Values:
    """Return the kernel mirrored left to right."""
    return np.ascontiguousarray(values[:, ::-1])


def flip_vertical(values: Values) -> Values:
    """Return the kernel mirrored top to bottom."""
    return np.ascontiguousarray(values[::-1])


def rotate_90(values: Values) -> Values:
    """Return the kernel turned by 90° counter-clockwise."""
    return np.ascontiguousarray(np.rot90(values))


def rotate_180(values: Values) -> Values:
    """Return the kernel turned by 180°: what makes a correlation a convolution."""
    return np.ascontiguousarray(values[::-1, ::-1])


def transpose(values: Values) -> Values:
    """Return rows as columns."""
    return np.ascontiguousarray(values.T)


def negate(values: Values) -> Values:
    """Return the kernel with every sign changed."""
    return 0.0 - values


def normalize(values: Values) -> Values:
    """Return the weights scaled to keep brightness, or the size of an answer.

    Weights whose sum is not zero are divided by it, so that flat areas stay as they are. Weights that
    cancel out (|sum| below 1e-9 of the absolute sum) are scaled so that the positive ones sum to 1 and
    the negative ones to −1: a step from 0 to 1 answers at most 1. A kernel of zeros stays.
    """
    total, magnitude = float(values.sum()), float(np.abs(values).sum())
    if magnitude == 0.0:
        return values.copy()
    if abs(total) > 1e-9 * magnitude:
        return values / total
    return values / (magnitude / 2.0)


def centre(values: Values) -> Values:
    """Return the kernel shifted by whole taps so that its weight's middle lies nearest to the grid's.

    The middle is that of |weights|. Taps that would leave the grid are not lost: the shift stops where the
    first non-zero row or column reaches the edge.
    """
    weight = np.abs(values)
    if not weight.any():
        return values.copy()
    moved = values
    for axis in (0, 1):
        profile = weight.sum(axis=1 - axis)
        length = len(profile)
        middle = float((profile * np.arange(length)).sum() / profile.sum())
        wanted = round((length - 1) / 2.0 - middle)
        used = np.flatnonzero(profile)
        shift = min(max(wanted, -int(used[0])), length - 1 - int(used[-1]))
        moved = np.roll(moved, shift, axis)
    return np.ascontiguousarray(moved)


def resize(values: Values, rows: int, columns: int) -> Values:
    """Return the kernel in a grid of another size, its middle on the new middle, nothing rescaled.

    A larger grid adds zeros around, a smaller one cuts off. Of an even side the upper or left of the two
    middle taps counts: the one that "same" padding lays on the pixel itself.
    """
    grid = np.zeros((rows, columns))
    place = []
    for old, new in zip(values.shape, (rows, columns), strict=True):
        shift = (new - 1) // 2 - (old - 1) // 2
        place.append((max(0, shift), max(0, -shift), min(old - max(0, -shift), new - max(0, shift))))
    (to_row, from_row, high), (to_column, from_column, wide) = place
    grid[to_row : to_row + high, to_column : to_column + wide] = values[
        from_row : from_row + high, from_column : from_column + wide
    ]
    return grid
