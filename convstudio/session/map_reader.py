"""All channels of a layer's output for the feature-map panel, read on a worker: pictures and numbers."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from convstudio.core import Control
from convstudio.engine import rasterize
from convstudio.engine.cache import ByteCache
from convstudio.engine.channel_statistics import (
    ChannelStatistics,
    Counts,
    Histograms,
    channel_statistics,
    clipped_counts,
    histograms,
    value_ranges,
)
from convstudio.engine.evaluate import Evaluation, LayerResult
from convstudio.engine.feature_maps import channel_scale, colour_thumbnails, thumbnails
from convstudio.engine.rasterize import Scale
from convstudio.layers import BankLayer
from convstudio.layers.base import FloatArray
from convstudio.session.runner import LatestWins

COLOURS = ("red", "green", "blue")
BINS = 128
"""Bars of a histogram."""

_FIRST_MILLISECONDS = 10  # the main view paints before its maps are read
_APART_MILLISECONDS = 120  # while results keep coming, most of the processor stays with them
_PATIENCE = 0.5
_KEPT_BYTES = 48 << 20
_KEPT_OUTPUTS = 6


@dataclass(frozen=True, eq=False)
class MapHead:
    """What is known of a layer's output without looking at its values.

    Attributes:
        layer_id: ``PHOTO`` for the picture itself.
        title: what the layer's card calls it.
        shape: ``(C, H, W)``.
        names: of the channels; "" for one without a name.
    """

    layer_id: str
    title: str
    shape: tuple[int, int, int]
    names: tuple[str, ...]

    @property
    def has_composite(self) -> bool:
        """Whether all channels make one colour picture."""
        return self.shape[0] == len(COLOURS)

    def label(self, channel: int | None) -> str:
        """Return a channel's number and name; None is for all together, or for the only one.

        >>> MapHead("conv-1", "Conv", (3, 4, 4), ("Sobel x", "", "")).label(0)
        '0 Sobel x'
        """
        if channel is None and self.shape[0] > 1:
            return "all"
        return f"{channel or 0} {self.names[channel or 0]}".rstrip()


@dataclass(frozen=True, eq=False)
class MapRequest:
    """Which maps are wanted, and how they are shown.

    Attributes:
        head, values: of a layer's output ``(C, H, W)``.
        view: the id of a display view.
        channel: whose histogram is wanted, None for all together.
        shared: one scale for all channels, instead of one for each.
        box: the most rows and columns of a thumbnail.
    """

    head: MapHead
    values: FloatArray
    view: str
    channel: int | None = None
    shared: bool = False
    box: tuple[int, int] = (58, 88)


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Pictures and numbers of all channels; the values themselves are not held.

    Attributes:
        head: of the layer's output.
        view, channel, shared: as they were asked for.
        stats: of each channel.
        pixels: uint8 ``(C, h, w, 4)`` as ``display.Rendered`` has them.
        composite: uint8 ``(h, w, 4)``, all channels as one colour picture, where they make one.
        scales: of each channel, by which it is coloured; of all together in ``shared_scale``.
        clipped: int64 ``(C, 2)``, values below and above each channel's scale.
        histogram: of the channel asked for, or one for each of all together.
    """

    head: MapHead
    view: str
    channel: int | None
    shared: bool
    stats: ChannelStatistics
    pixels: NDArray[np.uint8]
    composite: NDArray[np.uint8] | None
    scales: tuple[Scale, ...]
    shared_scale: Scale
    clipped: Counts
    histogram: Histograms

    def picture(self, channel: int | None) -> NDArray[np.uint8]:
        """Return a channel's pixels, or those of all together."""
        if channel is None and self.composite is not None:
            return self.composite
        pixels: NDArray[np.uint8] = self.pixels[channel or 0]
        return pixels


# --- what the channels are called ---


def head_of(evaluation: Evaluation) -> MapHead:
    """Return what is known of the selected layer's output, or of the picture."""
    channels, height, width = evaluation.output.shape
    shown, project = evaluation.shown, evaluation.project
    title = project.picture.name if shown is None else shown.item.title
    above = () if shown is None else evaluation.layers[: evaluation.layers.index(shown) + 1]
    names = channel_names(project.picture.shape[0], above)
    return MapHead(project.selected, title, (channels, height, width), names[:channels])


def channel_names(channels: int, layers: tuple[LayerResult, ...]) -> tuple[str, ...]:
    """Return what the channels are called below a picture of so many and these layers.

    A filter bank names its outputs; what keeps the number of channels keeps their names.
    """
    names: tuple[str, ...] = COLOURS if channels == len(COLOURS) else ("",) * channels
    for result in layers:
        layer, count = result.item.layer, result.output.shape[0]
        if result.output is result.source:
            continue
        if isinstance(layer, BankLayer):
            names = _bank_names(layer, names)
        if len(names) != count:
            names = ("",) * count
    return names


def _bank_names(layer: BankLayer, given: tuple[str, ...]) -> tuple[str, ...]:
    names = layer.channel_names(len(given))
    if layer.channels != "each" or len(given) == 1:
        return names
    filters = len(layer.bank.filters)
    return tuple(f"{name} {given[i // filters]}".rstrip() for i, name in enumerate(names))


# --- on the worker ---


@dataclass(eq=False)
class _Known:
    """What was found out about one output."""

    values: weakref.ref[FloatArray]
    stats: ChannelStatistics
    small: dict[tuple[tuple[int, int], bool], NDArray[np.float32]] = field(default_factory=dict)
    clipped: dict[tuple[str, bool], Counts] = field(default_factory=dict)
    histograms: dict[int | None, Histograms] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        small = sum(each.nbytes for each in self.small.values())
        return small + 128 * len(self.stats) * (1 + len(self.clipped)) + 8 * BINS * len(self.histograms)


class MapSource:
    """Finds out about outputs and remembers it while they live; one thread owns it."""

    def __init__(self, max_bytes: int = _KEPT_BYTES) -> None:
        self._cache: ByteCache[_Known] = ByteCache(max_bytes, _KEPT_OUTPUTS)

    def read(self, request: MapRequest, control: Control | None = None) -> FeatureMaps:
        """Return the maps that were asked for.

        Raises:
            Cancelled: ``control`` was cancelled.
        """
        values, view, shared = request.values, request.view, request.shared
        known = self._known(values, control)
        stats = known.stats
        magnitudes = view == "absolute"
        small = known.small.get((request.box, magnitudes))
        if small is None:
            # Sizes of before are dropped: a panel that is being resized asks for many.
            known.small = {key: each for key, each in known.small.items() if key[0] == request.box}
            small = thumbnails(values, request.box, control, magnitudes=magnitudes)
            known.small[request.box, magnitudes] = small
        pixels = colour_thumbnails(small, stats, view, shared=shared)
        together = channel_scale(stats, view, None)
        scales = tuple(together if shared else channel_scale(stats, view, c) for c in range(len(stats)))
        if (view, shared) not in known.clipped:
            ends = np.array([_ends(scale) for scale in scales])
            known.clipped[view, shared] = clipped_counts(values, ends, control, stats=stats)
        maps = FeatureMaps(
            head=request.head,
            view=view,
            channel=request.channel,
            shared=shared,
            stats=stats,
            pixels=pixels,
            composite=_composite(small, together) if request.head.has_composite else None,
            scales=scales,
            shared_scale=together,
            clipped=known.clipped[view, shared],
            histogram=self._histogram(known, request, control),
        )
        self._cache.put(id(values), known, known.nbytes)
        return maps

    def _known(self, values: FloatArray, control: Control | None) -> _Known:
        known = self._cache.get(id(values))
        if known is None or known.values() is not values:  # another array may come to lie in its place
            known = _Known(weakref.ref(values), channel_statistics(values, control))
        return known

    def _histogram(self, known: _Known, request: MapRequest, control: Control | None) -> Histograms:
        channel = request.channel
        if channel is None and not request.head.has_composite:
            channel = 0
        if channel not in known.histograms:
            values = request.values
            if channel is None:
                found = histograms(values, value_ranges(known.stats, shared=True), control, bins=BINS)
            else:
                part = slice(channel, channel + 1)
                ranges = value_ranges(known.stats, shared=False)[part]
                found = histograms(values[part], ranges, control, bins=BINS)
            known.histograms[channel] = found
        return known.histograms[channel]


def _ends(scale: Scale) -> tuple[float, float]:
    """Return the least and the greatest value that are not clipped."""
    return (-scale.high if scale.magnitude else scale.low), scale.high


def _composite(small: NDArray[np.float32], scale: Scale) -> NDArray[np.uint8]:
    pixels = np.empty((*small.shape[1:], 4), np.uint8)
    rasterize.fill(small, replace(scale, coloured=False), pixels.view(np.uint32)[..., 0])
    return pixels


# --- the two threads ---


class MapReader(QObject):
    """Reads the newest maps that were asked for, on a worker of its own."""

    maps_ready = Signal(object)  # FeatureMaps
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = MapSource()
        self._wanted: MapRequest | None = None
        self._submitted = 0.0
        self._worker = LatestWins("convstudio-maps", self, patience=_PATIENCE)
        self._worker.done.connect(self.maps_ready)
        self._worker.failed.connect(self._not_read)
        self._worker.busy_changed.connect(self._tell_busy)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._submit)

    @property
    def busy(self) -> bool:
        """Whether maps were asked for that are not there yet."""
        return self._wanted is not None or self._worker.busy

    @Slot(object)
    def read(self, request: MapRequest) -> None:
        """Ask for maps; newer requests take the place of older ones."""
        self._wanted = request
        if not self._soon.isActive():
            passed = 1000.0 * (time.monotonic() - self._submitted)
            self._soon.start(max(_FIRST_MILLISECONDS, round(_APART_MILLISECONDS - passed)))

    @Slot()
    def cancel(self) -> None:
        """Drop what was asked for, as when nobody looks any more."""
        self._soon.stop()
        self._wanted = None
        self._worker.cancel()

    def close(self) -> None:
        """End the worker and wait for it."""
        self.cancel()
        self._worker.close()

    @Slot()
    def _submit(self) -> None:
        request, self._wanted = self._wanted, None
        if request is None:
            return
        source = self._source

        def work(control: Control) -> FeatureMaps:
            return source.read(request, control)

        self._submitted = time.monotonic()
        self._worker.submit(work)

    @Slot(bool)
    def _tell_busy(self, busy: bool) -> None:
        self.busy_changed.emit(busy or self._wanted is not None)

    @Slot(object)
    def _not_read(self, error: Exception) -> None:
        if isinstance(error, MemoryError):
            self.failed.emit("There is not enough memory for the feature maps. Close something first.")
            return
        self.failed.emit(f"The feature maps could not be made: {error}")
        raise error  # a defect of ours: the exception hook logs it with its traceback
