"""A picture as the program holds it: float values with where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Picture:
    """An immutable picture; two pictures are equal only if they are the same object.

    Attributes:
        values: float32 ``(C, H, W)``, C is 1 (grey) or 3 (red, green, blue), read-only. 8-bit and
            16-bit files are scaled to 0–1, float files are as they are.
        name: what the window calls it, such as the file's name.
        path: the file it was read from, if any.
        notes: plain sentences about what happened on the way in, such as "Transparency was laid over white."
        source_depth: how the file stored its values: "8-bit", "16-bit", "float32" and so on.
    """

    values: NDArray[np.float32]
    name: str
    path: Path | None = None
    notes: tuple[str, ...] = ()
    source_depth: str = field(default="float32")

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)``."""
        channels, height, width = self.values.shape
        return channels, height, width
