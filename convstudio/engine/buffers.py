"""Large arrays that are used again: fresh memory costs more than the computation that fills it.

The system hands out large blocks page by page, at their first use, cleared. On a virtual machine that was
measured to take 2.5 ms a megabyte, so that a 1080p RGB result took 60 ms to write instead of 1.5.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

_ALONE = 2  # references to a buffer that only the pool's list holds, as ``sys.getrefcount`` counts them


class BufferPool:
    """Hands out arrays and takes back, without being told, those that nobody refers to any more.

    An array and all views of it refer to the buffer under them, so a buffer that only the pool refers to
    cannot be seen by anyone. One thread may ask for arrays; others may drop theirs at any time.
    """

    def __init__(self, most_unused: int = 3) -> None:
        self._buffers: list[npt.NDArray[np.uint8]] = []
        self._most_unused = most_unused

    def take(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a writable, C-contiguous array of any content.

        Raises:
            MemoryError: there is not enough.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        unused = self._unused()
        fitting = [buffer for buffer in unused if buffer.nbytes == size]
        if fitting:
            return fitting[-1].view(kind).reshape(shape)
        self._forget(unused)
        del unused, fitting
        fresh = np.empty(size, np.uint8)
        self._buffers.append(fresh)
        return fresh.view(kind).reshape(shape)

    @property
    def nbytes(self) -> int:
        """What all buffers occupy, those in use included."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def _unused(self) -> list[npt.NDArray[np.uint8]]:
        held = self._buffers
        return [held[i] for i in range(len(held)) if sys.getrefcount(held[i]) <= _ALONE]

    def _forget(self, unused: list[npt.NDArray[np.uint8]]) -> None:
        """Let go of what is not in use and does not fit, but for the last few: two sizes may take turns."""
        gone = {id(buffer) for buffer in unused[: max(0, len(unused) - self._most_unused)]}
        self._buffers = [buffer for buffer in self._buffers if id(buffer) not in gone]
