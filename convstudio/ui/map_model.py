"""The feature maps as a list model, and what is said about each in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage

from convstudio.engine.channel_statistics import order
from convstudio.engine.display import view_kind
from convstudio.session.map_reader import FeatureMaps
from convstudio.ui.legend_bar import legend_number
from convstudio.ui.tips import tip

CHANNEL_ROLE = Qt.ItemDataRole.UserRole + 1
IMAGE_ROLE = Qt.ItemDataRole.UserRole + 2
RANGE_ROLE = Qt.ItemDataRole.UserRole + 3  # "−0.35…0.42"
ZEROS_ROLE = Qt.ItemDataRole.UserRole + 4  # "12 % zeros"
PINNED_ROLE = Qt.ItemDataRole.UserRole + 5

_Index = QModelIndex | QPersistentModelIndex


def percent(share: float) -> str:
    """Return a share of 1 as a percentage; what is there but tiny is not called nothing.

    >>> percent(0.5), percent(0.0), percent(0.0001), percent(0.9999)
    ('50 %', '0 %', '<0.1 %', '>99.9 %')
    """
    hundred = 100.0 * share
    if 0.0 < hundred < 0.1:
        return "<0.1 %"
    if 99.9 < hundred < 100.0:
        return ">99.9 %"
    return f"{hundred:.0f} %" if hundred >= 10.0 or hundred == 0.0 else f"{hundred:.1f} %"


def number(value: float) -> str:
    """Return a number with three significant digits; a dash for none, as of no finite value at all.

    >>> number(-0.25), number(math.nan), number(math.inf)
    ('−0.25', '—', '∞')
    """
    if math.isnan(value):
        return "—"
    return legend_number(value) if math.isfinite(value) else "∞" if value > 0.0 else "−∞"


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """Return a picture over ``(h, w, 4)`` pixels, which must live as long as the picture does."""
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32)


class MapWords:
    """What is said about one channel, or about all together (None)."""

    def __init__(self, maps: FeatureMaps, channel: int | None) -> None:
        self._maps = maps
        self._channel = channel
        self._some = slice(None) if channel is None and maps.head.has_composite else slice(channel or 0, 1)
        if channel is not None:
            self._some = slice(channel, channel + 1)

    @property
    def cells(self) -> int:
        """How many values there are."""
        return self._maps.stats.cells * len(self._maps.stats.low[self._some])

    def numbers(self) -> dict[str, float]:
        """Return low, high, mean, deviation and zeros; NaN where no value is finite."""
        stats, some = self._maps.stats, self._some
        known = stats.cells - stats.nonfinite[some].astype(np.float64)
        total = known.sum()
        if not total:
            low = high = mean = deviation = math.nan
        else:
            share = known / total
            means, spreads = np.nan_to_num(stats.mean[some]), np.nan_to_num(stats.deviation[some])
            low, high = float(np.nanmin(stats.low[some])), float(np.nanmax(stats.high[some]))
            mean = float((share * means).sum())
            with np.errstate(over="ignore"):
                deviation = math.sqrt(float((share * (spreads**2 + (means - mean) ** 2)).sum()))
        zeros = float(stats.zeros[some].mean())
        return {"low": low, "high": high, "mean": mean, "deviation": deviation, "zeros": zeros}

    @property
    def nonfinite(self) -> int:
        """How many cells hold NaN or infinity."""
        return int(self._maps.stats.nonfinite[self._some].sum())

    @property
    def clipped(self) -> tuple[int, int]:
        """How many values the present view cuts off below and above its scale."""
        counts = self._maps.clipped[self._some].sum(axis=0)
        if self._maps.view == "absolute":
            return 0, int(counts.sum())
        return int(counts[0]), int(counts[1])

    def range_text(self) -> str:
        """Return "−0.35…0.42"."""
        numbers = self.numbers()
        if math.isnan(numbers["low"]):
            return "not finite"
        return f"{number(numbers['low'])}…{number(numbers['high'])}"

    def clipped_sentence(self) -> str:
        """Say what the present view clips."""
        below, above = self.clipped
        title = view_kind(self._maps.view).title
        scale = self._maps.shared_scale if self._channel is None else self._maps.scales[self._channel]
        ends = f"{legend_number(scale.low)} to {legend_number(scale.high, sign=scale.low < 0.0)}"
        start = f"Shown {title}, {ends}"
        if not below + above:
            return f"{start}: nothing is clipped."
        share = percent((below + above) / self.cells)
        return f"{start}: {below + above:,} values ({share}) are clipped, {below:,} below, {above:,} above."

    def sentences(self) -> tuple[str, ...]:
        """Return name, statistics and what is clipped, each a paragraph."""
        head, numbers = self._maps.head, self.numbers()
        title = "All channels as one colour picture" if self._channel is None and head.has_composite else ""
        shape = f"{head.shape[1]}×{head.shape[2]}"
        name = f"{title or head.label(self._channel)} · {head.title} · {shape}"
        if math.isnan(numbers["low"]):
            words = f"None of the {self.cells:,} values is a finite number."
            return name, words
        words = (
            f"Minimum {number(numbers['low'])}, maximum {number(numbers['high'])}, "
            f"mean {number(numbers['mean'])}, "
            f"standard deviation {number(numbers['deviation'])}; "
            f"{percent(numbers['zeros'])} of {self.cells:,} values are exactly zero."
        )
        broken = f"{self.nonfinite:,} values are infinite or no number." if self.nonfinite else ""
        return tuple(each for each in (name, words, broken, self.clipped_sentence()) if each)


class MapModel(QAbstractListModel):
    """The maps in the order in which they are shown, all together first where they make one picture."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._maps: FeatureMaps | None = None
        self._sort = "index"
        self._channels: tuple[int | None, ...] = ()
        self._pinned: tuple[str, int | None] | None = None
        self._images: dict[int | None, QImage] = {}
        self._small: dict[tuple[int | None, int], str] = {}  # the words that are painted, as scrolling wants

    @property
    def maps(self) -> FeatureMaps | None:
        """What is shown, None for nothing."""
        return self._maps

    @property
    def channels(self) -> tuple[int | None, ...]:
        """The channels in the order of the rows; None is for all together, or for the only one."""
        return self._channels

    def show_maps(self, maps: FeatureMaps | None) -> None:
        """Show other maps; where the rows stay the same, only their pictures and numbers change."""
        self._maps, self._images, self._small = maps, {}, {}
        self._fill()

    @property
    def sorted_by(self) -> str:
        """What the rows are ordered by, one of ``channel_statistics.ORDERS``."""
        return self._sort

    def sort_by(self, sort: str) -> None:
        """Order the rows by one of ``channel_statistics.ORDERS``."""
        self._sort = sort
        self._fill()

    def show_pinned(self, pinned: tuple[str, int | None] | None) -> None:
        """Mark the map that others are compared with: a layer's id and its channel."""
        self._pinned = pinned
        self._changed()

    def row_of(self, channel: int | None) -> int:
        """Return the row that shows a channel, -1 if none does."""
        return self._channels.index(channel) if channel in self._channels else -1

    def _fill(self) -> None:
        channels: list[int | None] = []
        if self._maps is not None:
            if len(self._maps.stats) == 1:
                channels = [None]  # it is shown as the whole, which is no channel picked out of several
            else:
                channels = [None] if self._maps.head.has_composite else []
                channels += order(self._maps.stats, self._sort)
        if tuple(channels) == self._channels:
            self._changed()
            return
        self.beginResetModel()
        self._channels = tuple(channels)
        self.endResetModel()

    def _changed(self) -> None:
        if self._channels:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._channels) - 1, 0))

    # --- Qt's model interface ---

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own default
        return 0 if parent.isValid() else len(self._channels)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._maps is None or not 0 <= index.row() < len(self._channels):
            return None
        channel = self._channels[index.row()]
        if role == IMAGE_ROLE:
            if channel not in self._images:
                self._images[channel] = image_of(self._maps.picture(channel))
            return self._images[channel]
        if role == PINNED_ROLE:
            return self._pinned == (self._maps.head.layer_id, channel)
        if role == CHANNEL_ROLE:
            return channel
        if role == Qt.ItemDataRole.DisplayRole:
            return self._maps.head.label(channel)
        if role in (RANGE_ROLE, ZEROS_ROLE):
            if (channel, role) not in self._small:
                self._small[channel, role] = self._words(channel, role) or ""
            return self._small[channel, role]
        return self._words(channel, role)

    def _words(self, channel: int | None, role: int) -> str | None:
        assert self._maps is not None
        words = MapWords(self._maps, channel)
        if role == RANGE_ROLE:
            return words.range_text()
        if role == ZEROS_ROLE:
            return f"{percent(words.numbers()['zeros'])} zeros"
        if role == Qt.ItemDataRole.ToolTipRole:
            how = "Click to show it, Ctrl+click to compare others with it." if self.rowCount() > 1 else ""
            return tip(*words.sentences(), how)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"map-{self._maps.head.label(channel)}"
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return " ".join(words.sentences()[1:])
        return None
