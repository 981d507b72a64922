"""Showing signed float results honestly: named views from numbers to colours, each with its legend.

A view is a map from a value to a position on a scale from 0 to 1, and from there to a colour. The preview
and the export take the same map; what a view had to clip, and what is not a number at all, is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convstudio.engine import rasterize
from convstudio.engine.colormaps import lookup_table
from convstudio.engine.rasterize import Checks, Scale

Values = NDArray[np.floating]

_USUAL_SHARE = 0.995
_SAMPLES = 1 << 14
LEAST_SHARE = 0.125
"""Of the largest magnitude, below which the end of the signed scale is never put."""


@dataclass(frozen=True)
class ViewKind:
    """One way to show a result: its id, its name on screen and a sentence that explains it."""

    id: str
    title: str
    help: str


VIEWS: tuple[ViewKind, ...] = (
    ViewKind(
        "signed",
        "signed",
        "Blue is negative, white is zero, red is positive; colour results vary around mid-grey, which is "
        "zero. The scale leaves out the 0.5 % largest magnitudes, so that few extremes do not pale the rest.",
    ),
    ViewKind("absolute", "absolute", "The magnitude of every value, from zero to the largest."),
    ViewKind(
        "clamped",
        "clamped 0–1",
        "Values as a file stores them: what lies below 0 or above 1 is clipped, and counted.",
    ),
    ViewKind("minmax", "min–max", "Stretched from the smallest value to the largest."),
)


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture ready to be painted, with the numbers of its legend.

    Attributes:
        pixels: uint8 ``(H, W, 4)``, C-contiguous, ``0xffRRGGBB`` as native 32-bit words: what
            ``QImage.Format_RGB32`` wants.
        view: the id of the view.
        low, high: the values at the ends of the legend; equal when all values are.
        below, above: how many values lie outside of the legend and were clipped to its ends.
        nonfinite: how many pixels hold NaN or infinity; they are drawn in magenta.
        total: how many values there are.
        legend: float32 ``(256, 3)``, the colours from ``low`` to ``high`` in 0–1.
        scale: the map from values to positions on the legend.
    """

    pixels: NDArray[np.uint8]
    view: str
    low: float
    high: float
    below: int
    above: int
    nonfinite: int
    total: int
    legend: NDArray[np.float32]
    scale: Scale

    @property
    def clipped(self) -> int:
        """How many values were clipped."""
        return self.below + self.above

    @property
    def clipped_share(self) -> float:
        """The part of the values that was clipped, 0–1."""
        return self.clipped / self.total if self.total else 0.0


def view_kind(view: str) -> ViewKind:
    """Return the view of that id.

    Raises:
        ValueError: there is none; the message names those there are.
    """
    for kind in VIEWS:
        if kind.id == view:
            return kind
    raise ValueError(f"There is no view {view!r}; there are {', '.join(kind.id for kind in VIEWS)}.")


def render(
    values: Values,
    view: str,
    *,
    channel: int | None = None,
    limit: float | None = None,
    like: Rendered | None = None,
    control: Checks | None = None,
    out: NDArray[np.uint8] | None = None,
) -> Rendered:
    """Turn a result into pixels.

    Args:
        values: float ``(C, H, W)``; C is 1 or 3 (red, green, blue) unless a channel is picked.
        view: the id of one of ``VIEWS``.
        channel: shows this channel alone.
        limit: the end of the scale of the views ``signed`` and ``absolute``, instead of the magnitude that
            ``usual_limit`` finds or the largest; what lies outside is clipped and counted.
        like: another picture in this view, whose scale is to hold for these values too.
        control: its ``check`` is called between bands and may raise to cancel.
        out: uint8 ``(H, W, 4)``, C-contiguous, is filled and returned instead of a new array.

    Raises:
        ValueError: an unknown view, or values, channel, limit or buffer of the wrong kind.
    """
    planes = _planes(values, channel)
    if like is None:
        scale = _scale(planes, view, limit, control)
    else:  # nothing is known of these values
        scale = replace(like.scale, clips=True, finite=False)
    height, width = planes.shape[1:]
    if out is None:
        out = np.empty((height, width, 4), np.uint8)
    elif out.shape != (height, width, 4) or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous uint8 {(height, width, 4)}, got {out.dtype} {out.shape}")
    counts = rasterize.fill(planes, scale, out.view(np.uint32)[:, :, 0], control)
    legend = lookup_table("signed" if scale.coloured else "grey")
    if scale.low == scale.high:  # all of the picture is one colour, and so is its legend
        legend = np.repeat(legend[round(scale.offset * 255.0)][None], 256, axis=0)
    return Rendered(
        pixels=out,
        view=view,
        low=scale.low,
        high=scale.high,
        below=counts.below,
        above=counts.above,
        nonfinite=counts.nonfinite,
        total=planes.size,
        legend=legend,
        scale=scale,
    )


def render_rgb(
    values: Values,
    view: str,
    bits: int = 8,
    *,
    channel: int | None = None,
    limit: float | None = None,
    control: Checks | None = None,
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return ``(H, W, 3)`` red, green, blue for a file: uint8 for 8 bits, uint16 for 16.

    With 8 bits these are exactly the pixels of ``render``; with 16 bits the same map, finer.

    Raises:
        ValueError: as ``render``, or ``bits`` is neither 8 nor 16.
    """
    if bits == 8:
        pixels = render(values, view, channel=channel, limit=limit, control=control).pixels
        return rasterize.red_green_blue(pixels)
    if bits != 16:
        raise ValueError(f"bits must be 8 or 16, got {bits!r}")
    planes = _planes(values, channel)
    return rasterize.fill_16_bit(planes, _scale(planes, view, limit, control), control)


def _planes(values: Values, channel: int | None) -> Values:
    if values.ndim != 3 or not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"values must be float (C, H, W), got {values.dtype} {values.shape}")
    if channel is not None:
        if not 0 <= channel < values.shape[0]:
            raise ValueError(f"channel must be from 0 to {values.shape[0] - 1}, got {channel}")
        return values[channel : channel + 1]
    if values.shape[0] not in (1, 3):
        raise ValueError(f"pick a channel: only 1 or 3 can be shown together, got {values.shape[0]}")
    return values


def _scale(planes: Values, view: str, limit: float | None, control: Checks | None) -> Scale:
    view_kind(view)
    if limit is not None and not (math.isfinite(limit) and limit > 0.0):
        raise ValueError(f"limit must be a positive number, got {limit!r}")
    if view == "clamped":
        return Scale(low=0.0, high=1.0, factor=1.0, clips=True)
    known = limit is not None and view != "minmax"
    found = rasterize.Range(0.0, 0.0, finite=False) if known else rasterize.measure(planes, control)
    if view == "minmax":
        return minmax_scale(found.low, found.high, finite=found.finite)
    largest = limit if known and limit is not None else max(abs(found.low), abs(found.high))
    if view == "absolute":
        return Scale(0.0, largest, inverse(largest), magnitude=True, clips=known, finite=found.finite)
    crowded = False
    if not known:
        # Never so low that rounding noise fills the scale of a picture that is flat but for a few edges.
        usual = max(usual_limit(planes), largest * LEAST_SHARE)
        crowded = known = usual < largest
        largest = usual
    return Scale(
        low=-largest,
        high=largest,
        factor=0.5 * inverse(largest),
        offset=0.5,
        coloured=planes.shape[0] == 1,
        clips=known,
        crowded=crowded,
        finite=found.finite,
    )


def usual_limit(planes: Values) -> float:
    """Return the magnitude that all but the largest 0.5 % of the finite values stay within.

    Up to 16,384 values decide, all of a small picture, else drawn at random places (the same ones for
    the same shape, so that preview and export agree); 0 when there is none.
    """
    if planes.size <= _SAMPLES:
        some = planes.ravel()
    else:
        draw = np.random.default_rng(0)
        places = tuple(draw.integers(0, n, _SAMPLES) for n in planes.shape)
        some = planes[places]
    magnitudes = np.abs(some[np.isfinite(some)])
    if not magnitudes.size:
        return 0.0
    rank = math.ceil(_USUAL_SHARE * magnitudes.size) - 1
    return float(np.partition(magnitudes, rank)[rank])


def minmax_scale(low: float, high: float, *, clips: bool = False, finite: bool = False) -> Scale:
    """Return the scale of the view ``minmax`` for values between these."""
    span = high - low
    if span == 0.0:  # all values are the same: mid-grey says neither low nor high
        return Scale(low, high, 0.0, offset=0.5, clips=clips, finite=finite)
    if math.isinf(span):  # the range of float64 itself
        factor = 0.5 * inverse(0.5 * high - 0.5 * low)
        return Scale(low, high, factor, offset=-low * factor, clips=clips, finite=finite)
    return Scale(low, high, inverse(span), base=low, clips=clips, finite=finite)


def inverse(span: float) -> float:
    """Return ``1 / span``, or 0 for nothing and for what is too small to divide by."""
    return 1.0 / span if span > 1e-300 else 0.0
