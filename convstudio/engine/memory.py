"""How much memory the results of a stack may take, asked before anything is computed."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

_UNKNOWN = 8 << 30  # of a system that does not say
_SHARE = 2  # half of the computer's memory may be taken


def physical_memory() -> int:
    """Return the computer's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not a system that tells
        return _UNKNOWN


def memory_limit() -> int:
    """Return the bytes that all results of a stack may take together."""
    return physical_memory() // _SHARE


def memory_problem(shape: Sequence[int], taken: int = 0, itemsize: int = 4) -> str | None:
    """Return why a result of this ``(C, H, W)`` must not be tried, or None if it may.

    ``taken`` bytes are taken by the results above it.
    """
    needed, limit = math.prod(shape) * itemsize, memory_limit()
    if taken + needed <= limit:
        return None
    channels, height, width = shape
    words = f"{channels} channels of {height}×{width} cells need {_size(needed)}"
    if taken > limit // 8:
        words += f" beside the {_size(taken)} of the layers above"
    return (
        f"{words}; all results together may take {_size(limit)}, half of this computer's memory. "
        "Fewer filters, a stride or a pooling layer above make it smaller"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e8 else f"{count / 1e6:.3g} MB"
