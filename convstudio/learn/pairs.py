"""The pair that is learned from: the picture before, and what it should become."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from convstudio.layers.base import FloatArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture before, and the target of the same shape as what the student makes of it.

    Attributes:
        before: ``(C, H, W)`` float32, what the student sees.
        target: float32, exactly of the student's output shape.
        keep: the cells of the target that count, bool of its shape; None for all.
        split: output rows above it are learned from, the others validate; the number of rows where none do.
        after: the picture after as it came, for showing.
        teacher: what each of the student's arrays should become, where it is known and comparable.
        clean: the target's picture or the picture before without noise, where noise was added.
        notes: what was cropped, turned grey or left out, in whole sentences.
    """

    before: FloatArray
    target: FloatArray
    keep: Mask | None
    split: int
    after: FloatArray
    teacher: tuple[NDArray[np.float64], ...] | None = None
    clean: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def trained(self) -> tuple[int, int] | Mask:
        """The cells that are learned from, as an objective takes them: a range of rows, or a mask."""
        if self.keep is None:
            return 0, self.split
        mask = self.keep.copy()
        mask[..., self.split :, :] = False
        return mask

    @property
    def validates(self) -> bool:
        """Whether some rows are kept for validation."""
        rows: int = self.target.shape[-2]
        return self.split < rows
