"""Windows that grow, each with its best value so far and the code of its place.

Of equal values the first wins and of several NaN the last, counted row by row, as in PyTorch's kernels, which
take a value if it is greater or NaN (aten/src/ATen/native/cpu/MaxPoolKernel.cpp).

The code is the place among the window's cells, row by row, in the smallest unsigned type. Windows are joined
along the width first, then over height and depth, so that a cell further on wins only by being strictly
better, and its code is then the larger one: the new code is the maximum of the old one and of
(code further on + distance) · better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.pools.fold import MAXIMUM, Fold, chain, thin_out
from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]


class Race:
    """Values and codes of windows as they grow. `codes` is None while every window is a single cell."""

    __slots__ = ("_fold", "_kind", "_nan", "_scratch", "_turn", "codes", "values")

    def __init__(self, fold: Fold, values: Array, kind: np.dtype[Any], scratch: Scratch, nan: bool) -> None:
        self._fold = fold
        self._kind = kind
        self._scratch = scratch
        self._nan = nan
        self._turn = 0
        self.values = values
        self.codes: Array | None = None

    def buffers(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Where the next values and codes may go: not where they or the input are."""
        self._turn = 1 - self._turn
        values = self._scratch.take("bc"[self._turn], shape, self.values.dtype)
        return values, self._scratch.take(("codes", "more codes")[self._turn], shape, self._kind)

    def join(
        self,
        near: Array,
        far: Array,
        codes: Array | None,
        far_codes: Array | None,
        add: int,
        to: tuple[Array, Array],
    ) -> None:
        """Join windows with those further on, whose codes are larger by `add` then."""
        values_out, codes_out = to
        take = self._scratch.take
        better = take("better", near.shape, np.dtype(np.bool_))
        compare = np.greater if self._fold is MAXIMUM else np.less
        compare(far, near, out=better)
        if self._nan:
            missing = take("missing", near.shape, np.dtype(np.bool_))
            np.isnan(far, out=missing)
            np.logical_or(better, missing, out=better)
        self._fold.join(near, far, out=values_out)
        place = np.asarray(add, self._kind)
        if far_codes is None:
            moved = place
        else:
            moved = take("moved", near.shape, self._kind)
            np.add(far_codes, place, out=moved)
        if codes is None:
            np.multiply(better.view(np.uint8), moved, out=codes_out)
        else:
            gained = take("moved", near.shape, self._kind)
            np.multiply(better.view(np.uint8), moved, out=gained)
            np.maximum(codes, gained, out=codes_out)

    def slide(self, unit: int, k: int, add: int) -> None:
        """Windows of k cells, `unit` elements apart in flat memory."""
        values, codes = self.values.reshape(-1), None if self.codes is None else self.codes.reshape(-1)
        shape = self.values.shape
        for _, distance, m in chain(k, True):
            n, shift = values.size - (m - 1) * unit, distance * unit
            next_values, next_codes = self.buffers(values.shape)
            self.join(
                values[:n],
                values[shift : shift + n],
                None if codes is None else codes[:n],
                None if codes is None else codes[shift : shift + n],
                distance * add,
                (next_values[:n], next_codes[:n]),
            )
            values, codes = next_values, next_codes
        self.values, self.codes = values.reshape(shape), None if codes is None else codes.reshape(shape)

    def stride(self, axis: int, k: int, s: int, d: int, count: int, add: int) -> None:
        """Windows of k cells, d apart, at every s-th cell of an axis."""
        lead = (slice(None),) * axis
        parts = [(*lead, slice(t * d, t * d + (count - 1) * s + 1, s)) for t in range(k)]
        values, codes = self.values, self.codes
        shape = (*values.shape[:axis], count, *values.shape[axis + 1 :])
        best, place = self.buffers(shape)
        best_codes = None if codes is None else codes[parts[0]]
        near = values[parts[0]]
        for tap in range(1, k):
            far = values[parts[tap]]
            far_codes = None if codes is None else codes[parts[tap]]
            self.join(near, far, best_codes, far_codes, tap * add, (best, place))
            near, best_codes = best, place
        if k == 1:
            np.copyto(best, near)
            np.copyto(place, 0 if best_codes is None else best_codes)
        self.values, self.codes = best, place

    def gather(self, axis: int, windows: Sequence[range], add: int) -> None:
        """Windows that are runs of cells of an axis, of different lengths."""
        starts = np.array([window.start for window in windows])
        reach = np.array([len(window) - 1 for window in windows])
        values, codes = self.values, self.codes
        shape = (*values.shape[:axis], len(windows), *values.shape[axis + 1 :])
        best, place = self.buffers(shape)
        np.take(values, starts, axis, out=best, mode="clip")
        place.fill(0)
        if codes is not None:
            np.take(codes, starts, axis, out=place, mode="clip")
        for tap in range(1, int(reach.max()) + 1):
            taps = np.minimum(tap, reach)  # a shorter window sees its last cell again, which cannot win then
            far = np.take(values, starts + taps, axis)
            far_codes = None if codes is None else np.take(codes, starts + taps, axis)
            added = (taps * add).astype(self._kind).reshape(-1, *(1,) * (values.ndim - axis - 1))
            self.join(best, far, place, far_codes, added, (best, place))
        self.values, self.codes = best, place

    def thin(self, s: int, width: int) -> None:
        """Keep every s-th cell of each row, `width` of them."""
        values, codes = self.buffers((*self.values.shape[:-1], width))
        thin_out(self.values, s, values)
        if self.codes is None:
            codes.fill(0)
        else:
            thin_out(self.codes, s, codes)
        self.values, self.codes = values, codes
