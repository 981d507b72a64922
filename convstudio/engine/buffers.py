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

_SLACK = 1.125  # how much larger than needed a buffer may be
_ALONE = 2  # references to a buffer that only the pool's list holds, as ``sys.getrefcount`` counts them


class BufferPool:
    """Hands out arrays and takes back, without being told, those that nobody refers to any more.

    An array and all views of it refer to the buffer under them, so a buffer that only the pool refers to
    cannot be seen by anyone. One thread may ask for arrays; others may drop theirs at any time.
    """

    def __init__(self, most_unused: int = 3, longest_unused: int = 16) -> None:
        self._buffers: list[npt.NDArray[np.uint8]] = []
        self._last_takes: list[int] = []  # of each buffer, as counted by _takes
        self._takes = 0
        self._most_unused = most_unused
        self._longest_unused = longest_unused

    def take(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a writable, C-contiguous array of any content.

        Raises:
            MemoryError: there is not enough.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        self._takes += 1
        unused = self._unused()
        best = self._best(unused, size)
        if best is not None:
            buffer = self._buffers[best]
            self._last_takes[best] = self._takes
            self._forget(self._outdated(unused))
        else:
            # Let go of what does not fit, but for the last few: two sizes may take turns.
            self._forget({*unused[: max(0, len(unused) - self._most_unused)], *self._outdated(unused)})
            buffer = np.empty(size, np.uint8)
            self._buffers.append(buffer)
            self._last_takes.append(self._takes)
        return buffer[:size].view(kind).reshape(shape)

    @property
    def nbytes(self) -> int:
        """What all buffers occupy, those in use included."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def _best(self, unused: list[int], size: int) -> int | None:
        """The unused buffer that is the smallest to hold so much, if it is not much too large.

        A window that grows by a pixel makes a result a little smaller: that is no reason for fresh memory.
        """
        fitting = [i for i in unused if size <= self._buffers[i].nbytes <= _SLACK * size]
        return min(fitting, key=lambda i: (self._buffers[i].nbytes, -self._last_takes[i]), default=None)

    def _unused(self) -> list[int]:
        held = self._buffers
        return [i for i in range(len(held)) if sys.getrefcount(held[i]) <= _ALONE]

    def _outdated(self, unused: list[int]) -> set[int]:
        """Those of a size that nobody has asked for in a while, as of a larger picture before this one."""
        oldest = self._takes - self._longest_unused
        return {i for i in unused if self._last_takes[i] < oldest}

    def _forget(self, gone: set[int]) -> None:
        if gone:
            kept = [i for i in range(len(self._buffers)) if i not in gone]
            self._buffers = [self._buffers[i] for i in kept]
            self._last_takes = [self._last_takes[i] for i in kept]
