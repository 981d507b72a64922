"""A kernel: a small grid of weights with the name it goes by, as cross-correlation uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from convstudio.spec.params import ParamError

Values = npt.NDArray[np.float64]

LARGEST_SIDE = 63
"""Rows and columns that a kernel has at most."""

LARGEST_WEIGHT = 1e30
"""Weights stay below this, so that sums over the largest kernel are finite in float32 too."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights ``(rows, columns)``, float64, read-only and C-contiguous, 1 to 63 a side.

    The weight at ``[r, c]`` multiplies the pixel at that place in the window: cross-correlation, with the
    first row on top. ``preset`` and ``params`` say which preset gave the weights, ``None`` and ``()`` after
    an edit. Two kernels are equal when weights, title, preset and parameters are.

    Example:
        >>> Kernel([[-1, 0, 1]], "Difference").shape
        (1, 3)

    Raises:
        ParamError: not a grid of numbers, a side outside 1 to 63, a weight that is not finite or too large.
    """

    values: Values
    title: str
    preset: str | None = None
    params: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _frozen(self.values))

    @classmethod
    def custom(cls, values: npt.ArrayLike) -> Self:
        """Return a kernel with weights of the user's own.

        Raises:
            ParamError: as for the class.
        """
        return cls(values, "Custom")  # type: ignore[arg-type]  # made float64 on the way in

    def edited(self, values: npt.ArrayLike) -> Self:
        """Return the user's own kernel that editing made of this one; the title says of which preset.

        Raises:
            ParamError: as for the class.
        """
        title = f"Custom (from {self.title})" if self.preset else self.title
        return type(self)(values, title)  # type: ignore[arg-type]  # made float64 on the way in

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.values.shape
        return rows, columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[Any, ...]:
        return self.values.shape, self.values.tobytes(), self.title, self.preset, self.params


def _frozen(values: npt.ArrayLike) -> Values:
    try:
        grid = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ParamError("a kernel must be a grid of numbers with rows of the same length") from None
    if grid.ndim != 2:
        raise ParamError(f"a kernel must have rows and columns (2 axes), got {grid.ndim} axes")
    rows, columns = grid.shape
    if not (1 <= rows <= LARGEST_SIDE and 1 <= columns <= LARGEST_SIDE):
        raise ParamError(f"a kernel has 1 to {LARGEST_SIDE} rows and columns, this one is {rows}×{columns}")
    fine = np.abs(grid) <= LARGEST_WEIGHT  # so written, NaN is wrong too
    if not fine.all():
        row, column = np.argwhere(~fine)[0].tolist()
        what = "too large" if np.isfinite(grid[row, column]) else "not a finite number"
        raise ParamError(f"the weight in row {row + 1}, column {column + 1} is {what}: {grid[row, column]:g}")
    grid += 0.0  # −0 becomes 0: equal kernels then have equal bytes, and no cell reads “−0”
    grid.flags.writeable = False
    return grid
