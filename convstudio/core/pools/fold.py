"""Joining the cells of windows into one value, axis by axis.

A window of k cells is built by doubling (two windows of m cells side by side are one of 2·m), so that it
takes about log2(k) passes over rows in the processor's cache, and each output is a tree over its own cells
alone: nothing leaks between windows and sums lose no precision, unlike running ones.

All passes but the last run over flat arrays, a shift along any axis being a shift in memory: the cells that
join the end of one row with the start of the next are never looked at. NumPy runs such passes without an
iterator.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.threads import Scratch

Array: TypeAlias = npt.NDArray[Any]

# Rows as long as this are worth a call of the inner loop each. By default NumPy's iterator copies shorter
# ones than its buffer together there, which takes as long as the work itself.
WIDE = 192
_NARROW_BUFFER = 16  # elements
_LITTLE_ENDIAN = sys.byteorder == "little"
_TWICE: dict[int, np.dtype[Any]] = {1: np.dtype(np.uint16), 2: np.dtype(np.uint32), 4: np.dtype(np.uint64)}
_ONCE: dict[int, np.dtype[Any]] = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint32)}


@dataclass(frozen=True, slots=True)
class Fold:
    """How cells are joined. `overlaps`: a cell may come in twice (a maximum), so windows may overlap.

    identity: what padding holds.
    """

    join: np.ufunc
    identity: float
    overlaps: bool


MAXIMUM = Fold(np.maximum, -np.inf, overlaps=True)
MINIMUM = Fold(np.minimum, np.inf, overlaps=True)
SUM = Fold(np.add, 0.0, overlaps=False)


@lru_cache(maxsize=512)
def chain(k: int, overlaps: bool) -> tuple[tuple[bool, int, int], ...]:
    """Steps to windows of k cells: (whether with single cells, distance, cells afterwards) each.

    A step joins each window so far with the one, or with the single cell, that lies `distance` further on.
    """
    steps: list[tuple[bool, int, int]] = []
    m = 1
    if overlaps:
        while m < k:
            distance = min(m, k - m)
            m += distance
            steps.append((False, distance, m))
        return tuple(steps)
    for bit in bin(k)[3:]:
        steps.append((False, m, 2 * m))
        m *= 2
        if bit == "1":
            steps.append((True, m, m + 1))
            m += 1
    return tuple(steps)


def iterate_rows(width: int) -> None:
    """Let NumPy's iterator go row by row, if rows are wide. `run_tiles` takes it back with its errstate."""
    if width >= WIDE:
        np.setbufsize(_NARROW_BUFFER)


# The two scratch buffers that do not hold the data, for each that may.
OTHERS = {"a": ("b", "c"), "b": ("c", "a"), "c": ("a", "b"), "": ("a", "b")}


def fold_flat(
    fold: Fold, cells: Array, unit: int, k: int, scratch: Scratch, name: str, last: int = 0
) -> tuple[Array, str]:
    """Windows of k cells, `unit` elements apart in a flat array, and the scratch buffer that they are in.

    Those that would end beyond its end are left unset. name: the buffer that `cells` lie in, "" for none.
    `last` steps are left out, for the caller to do.
    """
    names = OTHERS[name]
    size = cells.size
    joined, join = cells, fold.join
    steps = chain(k, fold.overlaps)
    for turn in range(len(steps) - last):
        single, distance, m = steps[turn]
        n, shift = size - (m - 1) * unit, distance * unit
        name = names[turn % 2]
        target = scratch.take(name, cells.shape, cells.dtype)
        join(joined[:n], (cells if single else joined)[shift : shift + n], out=target[:n])
        joined = target
    return joined, name


def fold_axis(
    fold: Fold,
    a: Array,
    axis: int,
    k: int,
    s: int,
    d: int,
    count: int,
    scratch: Scratch,
    name: str,
    margins: tuple[int, int] = (0, 0),
) -> tuple[Array, str]:
    """Windows of k cells, d apart, at every s-th cell of an axis: the first `count`.

    The result lies in the scratch buffer whose name is returned, with room for `margins` at either end of its
    rows (unless they are what is folded).
    """
    names = OTHERS[name]
    join = fold.join
    steps = chain(k, fold.overlaps)
    lead = (slice(None),) * axis
    shape = list(a.shape)
    if s > 1 or len(steps) < 2:
        shape[axis] = count
        result, inner = _with_room(scratch, names[0], shape, margins, a.dtype)
        reach = (count - 1) * s + 1
        first = a[(*lead, slice(0, reach, s))]
        if k == 1:
            np.copyto(inner, first)
            return result, names[0]
        join(first, a[(*lead, slice(d, d + reach, s))], out=inner)
        for tap in range(2 * d, k * d, d):
            join(inner, a[(*lead, slice(tap, tap + reach, s))], out=inner)
        return result, names[0]
    joined = a
    for turn, (single, distance, length) in enumerate(steps):
        n, shift = count + (k - length) * d, distance * d
        shape[axis] = n
        ends = margins if length == k else (0, 0)
        result, inner = _with_room(scratch, names[turn % 2], shape, ends, a.dtype)
        far = a if single else joined
        join(joined[(*lead, slice(0, n))], far[(*lead, slice(shift, shift + n))], out=inner)
        joined = inner
    return result, names[turn % 2]


def _with_room(
    scratch: Scratch, name: str, shape: list[int], margins: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """A scratch array with room at either end of its rows, and the part of it between."""
    left, right = margins
    if left == right == 0:
        whole = scratch.take(name, tuple(shape), dtype)
        return whole, whole
    width = shape[-1]
    whole = scratch.take(name, (*shape[:-1], left + width + right), dtype)
    return whole, whole[..., left : left + width]


def fold_width(
    fold: Fold, a: Array, k: int, s: int, d: int, target: Array, scratch: Scratch, name: str
) -> None:
    """Windows of k cells, d apart, at every s-th cell of the rows of a contiguous array, into `target`.

    Rows are a multiple of s long, so that all of them begin in step. `a` may have more rows than `target`.
    """
    depth, height, width = target.shape[2:]
    some_rows = a.shape[2] != depth or a.shape[3] != height
    if k == 1:
        thin_out(a[:, :, :depth, :height] if some_rows else a, s, target)
        return
    direct = s == 1 and width >= WIDE
    flat, _ = fold_flat(fold, a.reshape(-1), d, k, scratch, name, 1 if direct else 0)
    joined = flat.reshape(a.shape)
    if some_rows:
        joined, a = joined[:, :, :depth, :height], a[:, :, :depth, :height]
    if direct:
        single, distance, _ = chain(k, fold.overlaps)[-1]
        shift = distance * d
        far = a if single else joined
        fold.join(joined[..., :width], far[..., shift : shift + width], out=target)
    else:
        thin_out(joined, s, target)


def thin_out(rows: Array, s: int, target: Array) -> None:
    """Copy every s-th cell of each row, as many as `target` has.

    Pairs of small numbers are read as one number of twice the size, whose lower half is the first of them:
    such casts are vectorized, copies from every second place are not.
    """
    width = target.shape[-1]
    size = rows.itemsize
    in_pairs = s == 2 and size in _TWICE and rows.shape[-1] >= 2 * width and rows.strides[-1] == size
    if in_pairs and _LITTLE_ENDIAN:
        pairs = rows[..., : 2 * width].view(_TWICE[size])
        np.copyto(target.view(_ONCE[size]), pairs, casting="unsafe")
    else:
        np.copyto(target, rows[..., : (width - 1) * s + 1 : s])
