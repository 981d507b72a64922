"""What each input channel adds to one output channel, read on a worker for the panel that draws the sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Control, GeometryError
from convstudio.engine import rasterize
from convstudio.engine.channel_statistics import ChannelStatistics, channel_statistics, joined
from convstudio.engine.evaluate import Evaluation
from convstudio.engine.feature_maps import channel_scale, thumbnails
from convstudio.engine.partial_sums import PartialSketches, Summing, partial_sketches, used_weights
from convstudio.engine.rasterize import Scale
from convstudio.layers import Conv, ConvTranspose
from convstudio.layers.base import FloatArray
from convstudio.session.map_reader import channel_names, head_of
from convstudio.session.runner import LatestWins

_PATIENCE = 0.5

NO_SUM = "Only a convolution adds up what its input channels give: choose one in the stack."
OFF = "This layer is switched off: it hands on what comes in."
PICK_ONE = "Choose one map above: each output channel is a sum of its own."
ONE_INPUT = (
    "Every map of this layer comes from one input channel alone, so there is nothing to add up. "
    "Let its filters read all channels to see a sum."
)
ONE_CHANNEL = (
    "One channel comes in, so there is nothing to add up: the result is its convolution and the bias."
)


@dataclass(frozen=True, eq=False)
class SumRequest:
    """Which sum is wanted.

    Attributes:
        title: what the layer's card calls it.
        layer, source: the convolution and its input ``(C, H, W)``.
        output: its result, for comparison.
        channel: the output channel.
        name: what the output channel is called, with its number.
        input_names: of all input channels.
        view: the id of a display view.
        box: the most rows and columns of a picture.
    """

    title: str
    layer: Summing
    source: FloatArray
    output: FloatArray
    channel: int
    name: str
    input_names: tuple[str, ...]
    view: str
    box: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Term:
    """What one input channel adds.

    Attributes:
        channel, name: of the input.
        kernel: float64 ``(rows, columns)``, as it is entered.
        pixels, running: uint8 ``(h, w, 4)``, its part, and the sum up to and with it.
        mean: of its part.
        share: its energy, of that of all parts, 0 to 1.
        low, high: the extent of its part.
    """

    channel: int
    name: str
    kernel: NDArray[np.float64]
    pixels: NDArray[np.uint8]
    running: NDArray[np.uint8]
    mean: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SumPictures:
    """One output channel as a sum, all pictures on one scale.

    Attributes:
        title, name, channel: as of ``SumRequest``.
        flips: whether the kernels are rotated by 180° before they are applied.
        terms: in the order of the sum.
        bias: added at the end.
        total: uint8 ``(h, w, 4)``, all of it.
        mean: of the total.
        apart: the largest difference between the sum and the layer's own result.
        view: the id of the display view of all pictures.
        scale: theirs.
    """

    title: str
    name: str
    channel: int
    flips: bool
    terms: tuple[Term, ...]
    bias: float
    total: NDArray[np.uint8]
    mean: float
    apart: float
    view: str
    scale: Scale


def sum_request(evaluation: Evaluation, box: tuple[int, int]) -> SumRequest | str:
    """Return what to ask for to see the selected channel as a sum, or why there is none to see."""
    shown = evaluation.shown
    if shown is None or not isinstance(shown.item.layer, Conv | ConvTranspose):
        return NO_SUM
    if not shown.item.enabled:
        return OFF
    layer, source = shown.item.layer, shown.source
    if source.shape[0] == 1:
        return ONE_CHANNEL
    if layer.inputs_read(source.shape[0]) == 1:
        return ONE_INPUT
    channel = 0 if shown.output.shape[0] == 1 else evaluation.channel
    if channel is None:
        return PICK_ONE
    above = evaluation.layers[: evaluation.layers.index(shown)]
    head = head_of(evaluation)
    return SumRequest(
        title=head.title,
        layer=layer,
        source=source,
        output=shown.output,
        channel=channel,
        name=head.label(channel),
        input_names=channel_names(evaluation.project.picture.shape[0], above),
        view=evaluation.project.look.view,
        box=box,
    )


def read_sum(request: SumRequest, control: Control | None = None) -> SumPictures:
    """Return a channel's sum as pictures.

    Magnitudes do not add up, so that for the view of magnitudes the parts are shown signed.

    Raises:
        GeometryError: the layer does not fit.
        Cancelled: ``control`` was cancelled.
    """
    layer, view = request.layer, "signed" if request.view == "absolute" else request.view
    found = partial_sketches(layer, request.source, request.channel, request.box, control)
    whole = channel_statistics(found.total[np.newaxis], control)
    # The running sums are on the scale as well; what they exceed it by is clipped.
    scale = channel_scale(joined([found.stats, whole]), view, None)
    small = thumbnails(found.total[np.newaxis], request.box, control)
    with np.errstate(all="ignore"):
        apart = float(np.abs(found.total - request.output[request.channel]).max())
    return SumPictures(
        title=request.title,
        name=request.name,
        channel=request.channel,
        flips=layer.flips,
        terms=_terms(request, found, scale),
        bias=found.bias,
        total=_coloured(small, scale)[0],
        mean=float(whole.mean[0]),
        apart=apart,
        view=view,
        scale=scale,
    )


def _terms(request: SumRequest, found: PartialSketches, scale: Scale) -> tuple[Term, ...]:
    parts, running = _coloured(found.thumbs, scale), _coloured(found.running(), scale)
    kernels = used_weights(request.layer, len(request.source), request.channel)
    shares = _shares(found.stats)
    return tuple(
        Term(
            channel=channel,
            name=f"{channel} {request.input_names[channel]}".rstrip(),
            kernel=kernels[i],
            pixels=parts[i],
            running=running[i],
            mean=float(found.stats.mean[i]),
            share=float(shares[i]),
            low=float(found.stats.low[i]),
            high=float(found.stats.high[i]),
        )
        for i, channel in enumerate(found.channels)
    )


def _shares(stats: ChannelStatistics) -> NDArray[np.float64]:
    energy = np.nan_to_num(stats.energy, posinf=np.finfo(np.float64).max)
    total = energy.max(initial=0.0)
    if not total:
        return np.zeros(len(energy))
    scaled = energy / total
    shares: NDArray[np.float64] = scaled / scaled.sum()
    return shares


def _coloured(small: NDArray[np.float32], scale: Scale) -> NDArray[np.uint8]:
    count, height, width = small.shape
    pixels = np.empty((count, height, width, 4), np.uint8)
    tall = pixels.view(np.uint32)[..., 0].reshape(count * height, width)
    rasterize.fill(small.reshape(1, count * height, width), scale, tall)
    return pixels


class SumsReader(QObject):
    """Reads the newest sum that was asked for, on a worker of its own."""

    sums_ready = Signal(object)  # SumPictures
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = LatestWins("convstudio-sums", self, patience=_PATIENCE)
        self._worker.done.connect(self.sums_ready)
        self._worker.failed.connect(self._not_read)
        self._worker.busy_changed.connect(self.busy_changed)

    @property
    def busy(self) -> bool:
        """Whether a sum was asked for that is not there yet."""
        return self._worker.busy

    @Slot(object)
    def read(self, request: SumRequest) -> None:
        """Ask for a sum; a newer request takes the place of an older one."""

        def work(control: Control) -> SumPictures:
            return read_sum(request, control)

        self._worker.submit(work)

    @Slot()
    def cancel(self) -> None:
        """Drop what was asked for."""
        self._worker.cancel()

    def close(self) -> None:
        """End the worker and wait for it."""
        self._worker.close()

    @Slot(object)
    def _not_read(self, error: Exception) -> None:
        if isinstance(error, GeometryError | MemoryError):
            text = str(error) or "there is not enough memory for the parts"
            self.failed.emit(f"The sum cannot be shown: {text}.")
            return
        self.failed.emit(f"The sum could not be made: {error}")
        raise error  # a defect of ours: the exception hook logs it with its traceback
