"""Padding: cells around an array that continue it by a rule.

Modes, along one axis of `a b c d`, three cells on each side:

    zeros      0 0 0 | a b c d | 0 0 0
    constant   v v v | a b c d | v v v
    replicate  a a a | a b c d | d d d
    reflect    d c b | a b c d | c b a     the edge is not repeated: at most n − 1 cells
    symmetric  c b a | a b c d | d c b     the edge is repeated: at most n cells
    circular   b c d | a b c d | a b c     at most n cells

`pad` makes the padded array. Operations that only read it use `PaddedSource`, which hands out blocks of
the padded array and never makes all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, new_array, real_array, real_number
from convstudio.core.geometry import GeometryError, Padding, Pair, axis_name, resolve_padding

Array: TypeAlias = npt.NDArray[Any]

PADDING_MODES = ("zeros", "constant", "replicate", "reflect", "symmetric", "circular")

_SMALL = 1 << 18  # cells of a block below which the number of assignments counts, not their lengths
_GATHERED = 1 << 12  # cells of a padded channel up to which one gather is quicker still

# Part of a padded axis: where it lies in the block, and the cells of the input it shows (None: the constant).
Segment: TypeAlias = tuple[int, int, slice | None]


def pad(x: Any, padding: Padding, *, padding_mode: str = "zeros", padding_value: float = 0.0) -> Array:
    """`x` (N, C, *spatial) with its 1 to 3 spatial axes padded, as a new C-contiguous array.

    `padding` is an int, an int per spatial axis, or a (before, after) pair per spatial axis; of the words,
    which depend on a kernel, only "valid" has a meaning here. float32 and float64 are kept, other real
    types become float32. ValueError for an unknown mode, GeometryError for more cells than the mode can give.
    """
    array = real_array("x", x)
    if not 3 <= array.ndim <= 5:
        raise ValueError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {array.shape}"
        )
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding={padding!r} depends on a kernel; give pad a number of cells")
    spatial = array.shape[2:]
    pads = resolve_padding(padding, spatial, 1)
    value = checked_mode(padding_mode, padding_value, spatial, pads)
    lead = 5 - array.ndim
    source = PaddedSource(array, ((0, 0),) * lead + pads, padding_mode, value, compute_dtype(array.dtype))
    out = new_array((*array.shape[:2], *source.shape), source.dtype)
    source.fill(out, (0, array.shape[0]), (0, array.shape[1]), (0, 0, 0), source.shape)
    return out.reshape(*array.shape[:2], *source.shape[lead:])


def checked_mode(
    padding_mode: str, padding_value: float, spatial: Sequence[int], pads: Sequence[Pair]
) -> float:
    """The constant that the mode pads with, after checking that mode, value and amounts go together."""
    if not isinstance(padding_mode, str) or padding_mode not in PADDING_MODES:
        modes = ", ".join(repr(mode) for mode in PADDING_MODES)
        raise ValueError(f"padding_mode must be one of {modes}, got {padding_mode!r}")
    value = real_number("padding_value", padding_value)
    if padding_mode in ("zeros", "constant"):
        return value if padding_mode == "constant" else 0.0
    for axis, (n, pair) in enumerate(zip(spatial, pads, strict=True)):
        most = n if padding_mode == "symmetric" or padding_mode == "circular" else n - 1
        if padding_mode != "replicate" and max(pair) > most:
            side = axis_name(axis, len(spatial))
            raise GeometryError(
                f"padding_mode {padding_mode!r} allows at most {most} px of padding on a {side} of {n} px, "
                f"got {max(pair)}"
            )
        if n == 0 and max(pair) > 0:
            raise GeometryError(f"padding_mode {padding_mode!r} needs at least 1 px to continue, got none")
    return value


class PaddedSource:
    """Blocks of a padded (N, C, depth, height, width) array, made when they are asked for.

    A block that needs neither padding nor a change of type or layout is a view of the input; any other is
    written into a buffer that the caller brings.
    """

    __slots__ = ("_direct", "_spatial", "_value", "array", "dtype", "mode", "pads", "shape")

    def __init__(
        self, array: Array, pads: Sequence[Pair], mode: str, value: float, dtype: np.dtype[Any]
    ) -> None:
        lead = 5 - array.ndim
        self.array = array.reshape(*array.shape[:2], *(1,) * lead, *array.shape[2:]) if lead else array
        self.pads = tuple(pads)
        self.mode = mode
        self.dtype = dtype
        self._value = value
        self._spatial: tuple[int, ...] = self.array.shape[2:]
        self.shape = tuple(
            n + before + after for n, (before, after) in zip(self._spatial, self.pads, strict=True)
        )
        self._direct = self.array.dtype == dtype and self.array.flags.c_contiguous

    @property
    def in_place(self) -> bool:
        """Whether blocks without padding are views of the input."""
        return self._direct

    @property
    def value(self) -> float:
        """What the constant modes pad with (0 for "zeros")."""
        return self._value

    def view(self, examples: Pair, channels: Pair, low: Sequence[int], high: Sequence[int]) -> Array | None:
        """The block as a view of the input, or None where it has to be made.

        `low` and `high` are cells of the padded depth, height and width; `examples` and `channels` ranges.
        """
        if not self._direct:
            return None
        (d, _), (h, _), (w, _) = self.pads
        depth, height, width = self._spatial
        if (
            low[0] < d
            or low[1] < h
            or low[2] < w
            or high[0] > d + depth
            or high[1] > h + height
            or high[2] > w + width
        ):
            return None
        return self.array[
            examples[0] : examples[1],
            channels[0] : channels[1],
            low[0] - d : high[0] - d,
            low[1] - h : high[1] - h,
            low[2] - w : high[2] - w,
        ]

    def fill(
        self, block: Array, examples: Pair, channels: Pair, low: Sequence[int], high: Sequence[int]
    ) -> None:
        """Write the block of the padded array into `block` (examples, channels, depth, height, width).

        `block` is C-contiguous.
        """
        part = self.array[examples[0] : examples[1], channels[0] : channels[1]]
        constant = self.mode in ("zeros", "constant")
        if constant and block.size < _SMALL:
            self._fill_small(block, part, low, high)
            return
        everywhere = self._direct and block.shape[2:] == self.shape
        if everywhere and not constant and math.prod(self.shape) <= _GATHERED:
            self._gather(block, part)
            return
        segments = [
            axis_segments(self._spatial[axis], self.pads[axis][0], self.mode, low[axis], high[axis])
            for axis in range(3)
        ]
        for (d0, d1, d), (h0, h1, h), (w0, w1, w) in product(*segments):
            if d is None or h is None or w is None:
                block[:, :, d0:d1, h0:h1, w0:w1] = self._value
            else:
                block[:, :, d0:d1, h0:h1, w0:w1] = part[:, :, d, h, w]

    def _gather(self, block: Array, part: Array) -> None:
        """`fill` of whole channels that the input alone makes up, in one call."""
        shown = shown_cells(self._spatial, self.pads, self.mode)
        lead = block.shape[:2]
        # All indices are within bounds; "clip" keeps NumPy from buffering the output.
        cells = part.reshape(*lead, math.prod(self._spatial))
        np.take(cells, shown, 2, block.reshape(*lead, len(shown)), mode="clip")

    def _fill_small(self, block: Array, part: Array, low: Sequence[int], high: Sequence[int]) -> None:
        """`fill` by a constant everywhere and the input's part on top: fewer assignments."""
        block.fill(self._value)
        within: list[slice] = []
        of_input: list[slice] = []
        for start, stop, n, (before, _) in zip(low, high, self._spatial, self.pads, strict=True):
            first, last = max(start, before), min(stop, before + n)
            if first >= last:
                return
            within.append(slice(first - start, last - start))
            of_input.append(slice(first - before, last - before))
        d, h, w = of_input
        block[:, :, within[0], within[1], within[2]] = part[:, :, d, h, w]


@lru_cache(maxsize=64)
def shown_cells(spatial: tuple[int, ...], pads: tuple[Pair, ...], mode: str) -> Array:
    """For each cell of a padded channel the input's cell that it shows, both counted row by row."""
    depth, height, width = (shown_along(n, pair, mode) for n, pair in zip(spatial, pads, strict=True))
    cells: Array = (depth[:, None, None] * spatial[1] + height[:, None]) * spatial[2] + width
    return cells.reshape(-1)


def shown_along(n: int, pad: Pair, mode: str) -> Array:
    """For each cell of an axis of n cells, padded, the input's cell that it shows; −1 for a constant."""
    shown = np.full(pad[0] + n + pad[1], -1, np.intp)
    for start, stop, cells in axis_segments(n, pad[0], mode, 0, len(shown)):
        if cells is not None:
            shown[start:stop] = np.arange(n)[cells]
    return shown


def axis_segments(n: int, before: int, mode: str, low: int, high: int) -> list[Segment]:
    """Cells `low` to `high` of an axis of `n` cells padded by `before` cells in front, as up to three parts.

    Within the limits that `checked_mode` sets, padding shows the input once, forwards or backwards, so that a
    part is a slice. Segments are placed relative to `low`.
    """
    low, high = low - before, high - before  # now in cells of the input
    segments: list[Segment] = []
    if low < 0:
        end = min(high, 0)
        segments.append((0, end - low, _before(n, mode, low, end)))
    if low < n and high > 0:
        start, end = max(low, 0), min(high, n)
        segments.append((start - low, end - low, slice(start, end)))
    if high > n:
        start = max(low, n)
        segments.append((start - low, high - low, _after(n, mode, start, high)))
    return segments


def _before(n: int, mode: str, low: int, high: int) -> slice | None:
    """What stands at cells low ≤ i < high ≤ 0 in front of the input."""
    if mode == "replicate":
        return slice(0, 1)
    if mode == "reflect":  # cell i shows −i
        return slice(-low, -high, -1)
    if mode == "symmetric":  # cell i shows −i − 1
        return slice(-low - 1, _stop(-high - 1), -1)
    if mode == "circular":
        return slice(n + low, n + high)
    return None


def _after(n: int, mode: str, low: int, high: int) -> slice | None:
    """What stands at cells n ≤ low ≤ i < high behind the input."""
    if mode == "replicate":
        return slice(n - 1, n)
    if mode == "reflect":  # cell i shows 2(n − 1) − i
        return slice(2 * n - 2 - low, _stop(2 * n - 2 - high), -1)
    if mode == "symmetric":  # cell i shows 2n − 1 − i
        return slice(2 * n - 1 - low, _stop(2 * n - 1 - high), -1)
    if mode == "circular":
        return slice(low - n, high - n)
    return None


def _stop(index: int) -> int | None:
    """The end of a backward slice: −1 would count from the far end."""
    return index if index >= 0 else None
