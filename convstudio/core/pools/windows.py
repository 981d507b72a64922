"""Where pooling windows lie, from the arguments as a user gives them.

PyTorch's rules (aten/src/ATen/native/Pool.h): with `ceil_mode` a last window may hang over the end if it
starts inside the input or its padding before; padding is at most half of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import checked_flag
from convstudio.core.geometry import (
    GeometryError,
    Pair,
    axis_name,
    fitted_shape,
    output_length,
    per_axis,
    resolve_padding,
    span,
)

Array: TypeAlias = npt.NDArray[Any]
Triple: TypeAlias = tuple[int, int, int]
Pads: TypeAlias = tuple[Pair, Pair, Pair]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows over an input, by axis: depth, height, width. A picture has depth 1, a signal height 1 too.

    rank: how many of the axes the caller has.
    pads: as asked for. What windows reach is `reach`.
    cells: windows along each axis.
    """

    rank: int
    spatial: Triple
    kernel: Triple
    stride: Triple
    dilation: Triple
    pads: Pads
    cells: Triple

    @cached_property
    def out_spatial(self) -> tuple[int, ...]:
        """Output cells on the caller's axes."""
        return self.cells[3 - self.rank :]

    @cached_property
    def taps(self) -> int:
        """Cells of one window."""
        return self.kernel[0] * self.kernel[1] * self.kernel[2]

    @cached_property
    def spans(self) -> Triple:
        """Cells from a window's first to its last, per axis."""
        return self.covered((1, 1, 1))

    @cached_property
    def reach(self) -> Pads:
        """Padding that windows reach: less than asked for where the stride is uneven, more by `ceil_mode`."""
        ends = self.covered(self.cells)
        first, second, third = (
            (before, max(end - before - n, 0))
            for (before, _), end, n in zip(self.pads, ends, self.spatial, strict=True)
        )
        return (first, second, third)

    def covered(self, cells: Sequence[int]) -> Triple:
        """Cells of input and padding from the first to the last of so many windows, per axis."""
        (s0, s1, s2), (d0, d1, d2), (k0, k1, k2) = self.stride, self.dilation, self.kernel
        return (
            (cells[0] - 1) * s0 + d0 * (k0 - 1) + 1,
            (cells[1] - 1) * s1 + d1 * (k1 - 1) + 1,
            (cells[2] - 1) * s2 + d2 * (k2 - 1) + 1,
        )

    def first_taps(self, axis: int) -> Array:
        """The first tap of each window that lies on the input."""
        starts = np.arange(self.cells[axis]) * self.stride[axis] - self.pads[axis][0]
        return -(np.minimum(starts, 0) // self.dilation[axis])

    def ranges(self, axis: int) -> list[range]:
        """The cells of the input that each window covers."""
        n, s, d, k = self.spatial[axis], self.stride[axis], self.dilation[axis], self.kernel[axis]
        before = self.pads[axis][0]
        return [
            range(i * s - before + tap * d, min(i * s - before + d * (k - 1) + 1, n), d)
            for i, tap in enumerate(self.first_taps(axis).tolist())
        ]

    def counts(self, axis: int, *, padding: bool) -> Array:
        """Taps of each window on the input, or with `padding` on the padded input, as PyTorch counts them."""
        before, after = self.pads[axis]
        starts = np.arange(self.cells[axis]) * self.stride[axis] - before
        first = 0 if padding else self.first_taps(axis)
        end = self.spatial[axis] + (after if padding else 0)
        return np.minimum(-((starts - end) // self.dilation[axis]), self.kernel[axis]) - first


def checked_windows(
    shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> Windows:
    """The windows over an input (N, C, *spatial) of this shape; ValueError for what does not fit."""
    arguments = (kernel_size, stride, padding, dilation)
    if type(ceil_mode) is bool and _plain(arguments):
        return _cached(shape, *arguments, ceil_mode)
    return _windows(shape, *arguments, ceil_mode)


def checked_shape(shape: Sequence[int]) -> None:
    """GeometryError unless it is (N, C, *spatial) with 1 to 3 spatial axes and only N may be 0."""
    if not 3 <= len(shape) <= 5:
        raise GeometryError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {tuple(shape)}"
        )
    if 0 in shape[1:]:
        raise GeometryError(
            f"x must have at least 1 channel and 1 px along each axis, got shape {tuple(shape)}"
        )


def _plain(values: tuple[Any, ...]) -> bool:
    """Whether values are safe as a key: 1, 1.0 and True would be the same one."""
    for value in values:
        kind = type(value)
        if (
            kind is not int
            and value is not None
            and kind is not str
            and not (kind is tuple and _plain(value))
        ):
            return False
    return True


def _windows(
    shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> Windows:
    checked_shape(shape)
    spatial = shape[2:]
    rank = len(spatial)
    kernel = per_axis("kernel_size", kernel_size, rank)
    steps = kernel if stride is None else per_axis("stride", stride, rank)
    gaps = per_axis("dilation", dilation, rank)
    ceil = checked_flag("ceil_mode", ceil_mode)
    pads = pooling_padding(padding, spatial, kernel, steps, gaps)
    shape_rule = _ceil_shape if ceil else fitted_shape
    cells = shape_rule(spatial, kernel, steps, pads, gaps)
    # The step to a second window is nothing to make room for where there is none.
    steps = tuple(1 if n == 1 else step for n, step in zip(cells, steps, strict=True))
    lead = 3 - rank
    windows = Windows(
        rank,
        _three((1,) * lead + spatial),
        _three((1,) * lead + kernel),
        _three((1,) * lead + steps),
        _three((1,) * lead + gaps),
        _three(((0, 0),) * lead + pads),
        _three((1,) * lead + cells),
    )
    for axis in range(lead, 3):
        _check_covered(windows, axis)
    return windows


_cached = lru_cache(maxsize=256)(_windows)


def _three(values: Sequence[Any]) -> Any:
    a, b, c = values
    return (a, b, c)


def pooling_padding(
    padding: Any,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[Pair, ...]:
    """Padding per axis and side. Numbers for both sides of an axis have PyTorch's limit, half a window.

    Pairs (before, after), which PyTorch does not have, may be longer, as in ONNX, as long as every window
    still covers a cell of the input.
    """
    if isinstance(padding, str) and padding == "full":
        raise ValueError(
            "padding='full' is not for pooling: its outer windows would see next to nothing but padding; "
            "give a number of cells or one of 'valid', 'same', 'same_lower'"
        )
    pads = resolve_padding(padding, spatial, kernel, stride, dilation)
    if isinstance(padding, str):
        return pads
    for axis, (taps, gap) in enumerate(zip(kernel, dilation, strict=True)):
        both_sides = not isinstance(padding, Sequence) or not isinstance(padding[axis], Sequence)
        most = span(taps, gap) // 2
        if both_sides and pads[axis][0] > most:
            side = axis_name(axis, len(spatial))
            raise GeometryError(
                f"padding must be at most half of the window's {span(taps, gap)} px along the {side}, so "
                f"{most} px, got {padding!r}"
            )
    return pads


def _ceil_shape(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pads: Sequence[Pair],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """Output cells where the last window may hang over the end."""
    cells = []
    for axis, (n, (before, after)) in enumerate(zip(spatial, pads, strict=True)):
        s = stride[axis]
        length = output_length(n, kernel[axis], s, before, after + s - 1, dilation[axis])
        if (length - 1) * s >= n + before:
            length -= 1
        if length < 1:
            fitted_shape(spatial, kernel, stride, pads, dilation)  # says which axis, and why
        cells.append(length)
    return tuple(cells)


def _check_covered(windows: Windows, axis: int) -> None:
    """GeometryError where a window lies on padding alone; it would have no greatest value and no mean."""
    if windows.reach[axis] == (0, 0):
        return
    empty = np.flatnonzero(windows.counts(axis, padding=False) < 1)
    if len(empty):
        at = int(empty[0])
        before, after = windows.pads[axis]
        side = axis_name(axis - 3 + windows.rank, windows.rank)
        raise GeometryError(
            f"window {at} along the {side} covers no px of the input: {windows.kernel[axis]} taps, stride "
            f"{windows.stride[axis]}, dilation {windows.dilation[axis]}, padding {before} before and {after} "
            f"after {windows.spatial[axis]} px"
        )
