"""From float planes to 32-bit pixels, fast: chunks that stay in cache, rows shared out over the cores.

Rounding uses that a float32 from 2**23 up has no fraction bits: after adding 2**23 the low bits of the
word are the value rounded to the nearest whole number (half to even), ready to be shifted into place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convstudio.core.threads import Scratch, run_tiles, thread_count
from convstudio.engine.colormaps import lookup_table

Values = NDArray[np.floating]
Words = NDArray[np.uint32]

# Values: 1 MiB of float32 and as much output stay in a cache near the core, and a pass takes long enough
# (40 microseconds) that handing the interpreter lock from thread to thread does not eat the gain.
_CHUNK = 262144
_TABLE = 1023  # colours of the signed scale: finer than 8 bits show, odd so that zero has an entry
_ROUND = np.float32(2.0**23)
_ALPHA = np.uint32(0xFF000000)
_GREY = np.uint32(0x00010101)
_LOUD = np.uint32(0xFFFF00FF)  # magenta: no view uses it


class Checks(Protocol):
    """What can be asked between bands whether to go on."""

    def check(self) -> None:
        """Raise if the work was cancelled."""


@dataclass(frozen=True)
class Scale:
    """How a value becomes a position: ``offset + (v - base) * factor``, or ``|v| * factor``; 0 to 1.

    ``low`` and ``high`` are the legend's ends; ``clips``: values may lie outside and are counted;
    ``crowded``: some are known to lie outside, all over the picture; ``finite``: all are known to be
    finite; ``coloured``: the signed colours, else grey or the channels.
    """

    low: float
    high: float
    factor: float
    offset: float = 0.0
    base: float = 0.0
    magnitude: bool = False
    coloured: bool = False
    clips: bool = False
    crowded: bool = False
    finite: bool = False


@dataclass(frozen=True)
class Range:
    """The smallest and the largest finite value (0 and 0 if there is none), and whether all are finite."""

    low: float
    high: float
    finite: bool


@dataclass
class Counts:
    """Values clipped at either end, and pixels that are not finite."""

    below: int = 0
    above: int = 0
    nonfinite: int = 0


def measure(planes: Values, control: Checks | None = None) -> Range:
    """Find the range of float planes ``(C, H, W)``."""
    parts: list[Range] = []

    def chunk(rows: slice, _scratch: Scratch) -> None:
        _check(control)
        parts.extend(_range(plane) for plane in planes[:, rows])

    run_tiles(_chunks(planes), chunk)
    lows = [part.low for part in parts if part.low <= part.high]
    highs = [part.high for part in parts if part.low <= part.high]
    return Range(min(lows, default=0.0), max(highs, default=0.0), all(part.finite for part in parts))


def _range(plane: Values) -> Range:
    low, high = float(plane.min()), float(plane.max())
    if math.isfinite(low) and math.isfinite(high):  # NaN and infinity would show in one of them
        return Range(low, high, finite=True)
    known = np.isfinite(plane)
    low = float(plane.min(where=known, initial=math.inf))
    return Range(low, float(plane.max(where=known, initial=-math.inf)), finite=False)


def fill(planes: Values, scale: Scale, out: Words, control: Checks | None = None) -> Counts:
    """Write the pixels of ``(C, H, W)``, C 1 or 3, as words ``0xffRRGGBB`` to ``out``, ``(H, W)``."""
    counts: list[Counts] = []

    def chunk(rows: slice, scratch: Scratch) -> None:
        _check(control)
        counts.append(_ChunkPainter(scale, scratch).paint(planes[:, rows], out[rows]))

    run_tiles(_chunks(planes), chunk)
    return Counts(
        sum(part.below for part in counts),
        sum(part.above for part in counts),
        sum(part.nonfinite for part in counts),
    )


class _ChunkPainter:
    """Paints one chunk with a worker's buffers."""

    def __init__(self, scale: Scale, scratch: Scratch) -> None:
        self._scale = scale
        self._scratch = scratch
        self._top = _TABLE - 1.0 if scale.coloured else 255.0
        self._counts = Counts()

    def paint(self, chunk: Values, out: Words) -> Counts:
        """Paint ``(C, rows, W)`` to ``(rows, W)`` words and return the counts."""
        finite, clips = True, False
        for plane in chunk:
            inside, known = self._look(plane, self._counts)
            finite, clips = finite and known, clips or not inside
        self._write(chunk, out, clips or not finite)
        if not finite:
            broken = ~np.isfinite(chunk).all(axis=0)
            out[broken] = _LOUD
            self._counts.nonfinite = int(np.count_nonzero(broken))
        return self._counts

    def _look(self, plane: Values, counts: Counts) -> tuple[bool, bool]:
        """Return whether all values lie on the scale and whether all are finite; count the others."""
        scale = self._scale
        if scale.finite and not scale.clips:
            return True, True
        lowest = -scale.high if scale.magnitude else scale.low
        finite = True
        if not (scale.finite and scale.crowded):
            low, high = float(plane.min()), float(plane.max())
            finite = math.isfinite(low) and math.isfinite(high)
            if not scale.clips:
                return finite, finite
            if finite and lowest <= low and high <= scale.high:
                return True, True
        under, over = plane < lowest, plane > scale.high
        if not finite:
            under &= np.isfinite(plane)
            over &= np.isfinite(plane)
        below, above = int(np.count_nonzero(under)), int(np.count_nonzero(over))
        counts.below += 0 if scale.magnitude else below
        counts.above += above + (below if scale.magnitude else 0)
        return False, finite

    def _write(self, chunk: Values, out: Words, clip: bool) -> None:
        if self._scale.coloured:
            index = self._scratch.take("index", out.shape, np.dtype(np.intp))
            np.bitwise_and(self._round(chunk[0], clip), 0x3FF, out=index)
            np.take(_signed_words(), index, out=out, mode="clip")
        elif len(chunk) == 1:
            np.multiply(self._round(chunk[0], clip), _GREY, out=out)
            np.bitwise_or(out, _ALPHA, out=out)
        else:
            red, green, blue = chunk
            np.bitwise_or(self._round(blue, clip), _ALPHA, out=out)
            for plane, shift in ((green, 8), (red, 16)):
                bits = self._round(plane, clip)
                np.left_shift(bits, shift, out=bits)  # the exponent's bits fall off the top
                np.bitwise_or(out, bits, out=out)

    def _round(self, plane: Values, clip: bool) -> Words:
        """Return words whose low bits are the rounded positions, 0 to ``top``."""
        levels = self._scratch.take("levels", plane.shape, np.dtype(np.float32))
        work = levels
        if plane.dtype != np.float32 or not _float32_suffices(self._scale, self._top):
            work = self._scratch.take("wide", plane.shape, np.dtype(np.float64))
        _place(plane, self._scale, self._top, work)
        if clip:
            np.clip(work, 0.0, self._top, out=work)
        if work is not levels:
            np.copyto(levels, work, casting="same_kind")
        np.add(levels, _ROUND, out=levels)
        words: Words = levels.view(np.uint32)
        return words


def _place(plane: Values, scale: Scale, top: float, out: NDArray[Any]) -> None:
    """Write the positions, 0 to ``top``, not clipped."""
    if scale.magnitude:
        np.abs(plane, out=out)
        np.multiply(out, scale.factor * top, out=out)
    elif scale.base:
        np.subtract(plane, scale.base, out=out)  # first: values of a narrow range keep their digits
        np.multiply(out, scale.factor * top, out=out)
    else:
        np.multiply(plane, scale.factor * top, out=out)
    if scale.offset:
        np.add(out, scale.offset * top, out=out)


def _float32_suffices(scale: Scale, top: float) -> bool:
    """Whether neither the factor nor a difference can overflow or lose digits in float32."""
    return (scale.factor == 0.0 or 1e-30 < scale.factor * top < 1e30) and abs(scale.base) < 1e30


@cache
def _signed_words() -> Words:
    levels = np.rint(lookup_table("signed", _TABLE) * 255.0).astype(np.uint32)
    words: Words = levels[:, 0] << 16 | levels[:, 1] << 8 | levels[:, 2] | _ALPHA
    return words


def red_green_blue(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return words ``0xffRRGGBB``, given as uint8 ``(H, W, 4)``, as ``(H, W, 3)`` red, green, blue."""
    words = pixels.view(np.uint32)[:, :, 0]
    out = np.empty((*words.shape, 3), np.uint8)
    for channel, shift in enumerate((16, 8, 0)):
        out[:, :, channel] = words >> np.uint32(shift) & np.uint32(0xFF)
    return out


def fill_16_bit(planes: Values, scale: Scale, control: Checks | None = None) -> NDArray[np.uint16]:
    """Return ``(H, W, 3)`` red, green, blue of 16 bits; done in float64, as exports may take their time."""
    out = np.empty((*planes.shape[1:], 3), np.uint16)

    def chunk(rows: slice, scratch: Scratch) -> None:
        _check(control)
        part, target = planes[:, rows], out[rows]
        positions = scratch.take("wide", part.shape, np.dtype(np.float64))
        _place(part, scale, 1.0, positions)
        np.clip(positions, 0.0, 1.0, out=positions)
        broken = ~np.isfinite(part).all(axis=0)
        positions[:, broken] = 0.0
        if scale.coloured:
            colours = lookup_table("signed", 65535)[np.rint(positions[0] * 65534.0).astype(np.intp)]
            target[:] = np.rint(colours * 65535.0)
        else:
            target[:] = np.moveaxis(np.rint(positions * 65535.0), 0, -1)
        target[broken] = (65535, 0, 65535)

    run_tiles(_chunks(planes), chunk)
    return out


def _chunks(planes: Values) -> list[slice]:
    """Cut the rows into cache-sized pieces, at least one a core when there is enough to share out."""
    _, height, width = planes.shape
    if not height or not width:
        return []
    wanted = -(-height * width // _CHUNK)
    if planes.size > _CHUNK:
        wanted = max(wanted, thread_count())
    rows = -(-height // wanted)
    return [slice(first, min(first + rows, height)) for first in range(0, height, rows)]


def _check(control: Checks | None) -> None:
    if control is not None:
        control.check()
