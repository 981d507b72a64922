"""Small pictures of all channels of a layer's output, coloured as the main view would colour them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.core.threads import Scratch, run_tiles
from convstudio.engine import rasterize
from convstudio.engine.channel_statistics import (
    CHUNK,
    ChannelStatistics,
    check_values,
    cut,
    value_ranges,
    worth_threads,
)
from convstudio.engine.display import LEAST_SHARE, inverse, minmax_scale, view_kind
from convstudio.engine.rasterize import Scale

Values = NDArray[np.floating[Any]]


def thumbnail_shape(spatial: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of a picture's thumbnail: its proportions, within the box, not enlarged.

    Args:
        spatial: rows and columns of the picture.
        box: the most rows and columns.
    """
    (height, width), (most_rows, most_columns) = spatial, box
    scale = min(1.0, most_rows / height, most_columns / width)
    rows, columns = round(height * scale), round(width * scale)
    return min(max(1, rows), most_rows), min(max(1, columns), most_columns)


def thumbnails(
    values: Values,
    box: tuple[int, int],
    control: Control | None = None,
    *,
    magnitudes: bool = False,
) -> NDArray[np.float32]:
    """Return small pictures of all channels, float32 ``(C, h, w)``: each cell the mean of a block of values.

    The blocks cover every value once, so that no detail is missed or makes a pattern of its own. A block that
    holds NaN is NaN.

    Args:
        values: float ``(C, H, W)``.
        box: the most rows and columns of a thumbnail.
        magnitudes: whether to take the means of ``|v|``, as the view of magnitudes needs: those of the two
            sides of an edge would cancel out.

    Raises:
        ValueError: not a float array of that shape, or an empty box.
        Cancelled: ``control`` was cancelled.
    """
    check_values(values)
    if min(box) < 1:
        raise ValueError(f"a box must have 1 row and 1 column or more, got {box}")
    channels, height, width = values.shape
    rows, columns = thumbnail_shape((height, width), box)
    tops, lefts = _bounds(height, rows), _bounds(width, columns)
    areas = np.outer(np.diff(tops), np.diff(lefts))
    out = np.empty((channels, rows, columns), np.float32)

    deep = min(channels, max(1, CHUNK // (height * width)))
    pieces = [
        (slice(first, min(first + deep, channels)), part)
        for first in range(0, channels, deep)
        for part in cut(rows, max(1, CHUNK // (width * max(1, height // rows))))
    ]

    def work(piece: tuple[slice, slice], scratch: Scratch) -> None:
        some, part = piece
        planes = values[some]
        sums = scratch.take("sums", (part.stop - part.start, len(planes), width), values.dtype)
        for line, row in enumerate(range(part.start, part.stop)):
            block = planes[:, tops[row] : tops[row + 1]]
            if magnitudes:
                block = np.abs(block, out=scratch.take("magnitudes", block.shape, block.dtype))
            np.add.reduce(block, axis=1, out=sums[line])
        means = np.add.reduceat(sums, lefts[:-1], axis=2) / areas[part, None]
        out[some, part] = means.swapaxes(0, 1)

    run_tiles(pieces, work, control, parallel=worth_threads(values))
    return out


def _bounds(length: int, parts: int) -> list[int]:
    """Where parts of nearly the same length begin, and the end."""
    return [i * length // parts for i in range(parts + 1)]


# --- colours ---


def channel_scale(stats: ChannelStatistics, view: str, channel: int | None) -> Scale:
    """Return the scale of a view by which ``display.render`` shows a channel, or one for all of them (None).

    For the views signed and absolute its ``high`` is the ``limit`` with which ``render`` shows the same.

    Raises:
        ValueError: an unknown view.
    """
    view_kind(view)
    if view == "clamped":
        return Scale(low=0.0, high=1.0, factor=1.0, clips=True)
    ranges = value_ranges(stats, shared=channel is None)
    low, high = ranges[channel or 0].tolist()
    if view == "minmax":
        return minmax_scale(low, high, clips=True)
    largest = max(-low, high)
    if view == "absolute":
        return Scale(0.0, largest, inverse(largest), magnitude=True, clips=True)
    usual = stats.usual_of_all if channel is None else float(stats.usual[channel])
    limit = min(largest, max(usual, largest * LEAST_SHARE))
    return Scale(-limit, limit, 0.5 * inverse(limit), offset=0.5, coloured=True, clips=True)


def colour_thumbnails(
    thumbs: NDArray[np.float32], stats: ChannelStatistics, view: str, *, shared: bool
) -> NDArray[np.uint8]:
    """Return the pixels of thumbnails, uint8 ``(C, h, w, 4)`` as ``display.Rendered`` has them.

    Colours are those of the scale of the whole channels, not of the thumbnails, so that they are the main
    view's. Means that are not finite are magenta.

    Args:
        thumbs: float32 ``(C, h, w)`` of ``thumbnails``; for the view absolute those of magnitudes.
        stats: of the values that the thumbnails were made of.
        view: the id of one of ``display.VIEWS``.
        shared: one scale for all channels, instead of one for each.

    Raises:
        ValueError: an unknown view, or statistics of another number of channels.
    """
    channels, height, width = thumbs.shape
    if len(stats) != channels:
        raise ValueError(f"statistics of {len(stats)} channels do not belong to {channels} thumbnails")
    pixels = np.empty((channels, height, width, 4), np.uint8)
    words = pixels.view(np.uint32)[..., 0]
    if shared:  # one tall picture
        planes = thumbs.reshape(1, channels * height, width)
        tall = words.reshape(channels * height, width)
        rasterize.fill(planes, channel_scale(stats, view, None), tall)
        return pixels
    for channel in range(channels):
        scale = channel_scale(stats, view, channel)
        rasterize.fill(thumbs[channel : channel + 1], scale, words[channel])
    return pixels


# --- the grid ---


def grid_shape(count: int, aspect: float, cell_aspect: float = 1.0) -> tuple[int, int]:
    """Return rows and columns of a grid for so many pictures that comes closest to a wanted shape.

    Args:
        count: pictures, 1 or more.
        aspect: width over height of the room there is.
        cell_aspect: width over height of one picture with its label.
    """
    columns = round(math.sqrt(count * aspect / cell_aspect))
    rows = -(-count // min(max(1, columns), count))
    return rows, -(-count // rows)  # so that no column stays empty
