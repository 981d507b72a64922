"""What is told of a training: what was opened, and one look at it after another, with small pictures."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convstudio.core import Control
from convstudio.engine import rasterize
from convstudio.engine.display import Rendered, render, usual_limit
from convstudio.engine.feature_maps import thumbnails
from convstudio.layers import Layer
from convstudio.layers.base import FloatArray, Shape
from convstudio.learn.lab import Comparison, Lab, distance, reference
from convstudio.learn.look import Look
from convstudio.learn.network import Parameter, Values
from convstudio.learn.quality import SSIM_WINDOW, psnr, ssim
from convstudio.model import Project, TrainingSetup

MOST_PIXELS = 1 << 20
"""Of a picture in a frame."""
MOST_POINTS = 4096
"""Of a curve in a frame; a longer run's is thinned out."""

_QUALITY_SIDE = 512
"""Rows and columns, at most, of the crop on which PSNR and SSIM are measured."""
_QUALITY_SHARE = 9.0
"""So many times as long as measuring them took, they are not measured again while it plays."""
_LEAST_LIMIT = 1e-7
_GIVE_WAY = 3.0
_BARELY_BEYOND = 0.02
_MOSTLY_INSIDE = 0.9


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What a training that was opened is about.

    Attributes:
        setup: what was asked for.
        ids: of the stack's layers that are computed, in order, where the stack learns; () for a student of
            its own.
        layers: with the weights that it starts from.
        parameters: what is learned of them.
        start, teacher: an array for each parameter; the teacher's are None where they are not known.
        in_shape, out_shape: ``(C, H, W)`` of the picture before and of the prediction.
        split: rows of the prediction above it are learned from, the others validate.
        notes: whole sentences about what was cropped, turned grey or left out.
    """

    setup: TrainingSetup
    ids: tuple[str, ...]
    layers: tuple[Layer, ...]
    parameters: tuple[Parameter, ...]
    start: Values
    teacher: tuple[NDArray[np.float64], ...] | None
    in_shape: Shape
    out_shape: Shape
    split: int
    notes: tuple[str, ...]


def report_of(lab: Lab, project: Project, notes: tuple[str, ...] = ()) -> TrainingReport:
    """Return what a lab that was just opened is about; ``notes`` are told before its own."""
    stack = lab.setup.student.kind == "stack"
    start = lab.trainer.values
    return TrainingReport(
        setup=lab.setup,
        ids=tuple(item.id for item in project.layers if item.enabled) if stack else (),
        layers=lab.network.with_values(start),
        parameters=lab.network.parameters,
        start=start,
        teacher=lab.pair.teacher,
        in_shape=lab.network.in_shape,
        out_shape=lab.network.out_shape,
        split=lab.pair.split,
        notes=(*notes, *lab.pair.notes),
    )


@dataclass(frozen=True, eq=False)
class TrainingFrame:
    """One look at a training: numbers, and pictures of at most about a million pixels.

    Larger pictures are shown by the means of blocks, in which the noise of a residual averages out.

    Attributes:
        step, last: steps behind the present weights, and the furthest that were made.
        loss, validation_loss: of the present weights, both without L2; None where no rows validate.
        penalty: what L2 adds to the loss.
        rate, gradient_norm: of the step that comes next, and of the one that was made last.
        distance: the largest difference from a weight of the teacher; None where that is not known.
        steps_per_second: while it played last; None before.
        values: an array for each parameter. layers: with these values as their weights.
        steps, losses, validation_losses: at most ``MOST_POINTS`` of the curve so far, NaN where not measured.
        channel: the one that target, prediction and residual show; None for all (grey or colour).
        before, target, prediction: the latter two on one scale.
        residual: prediction − target, signed, on a scale that ends at 1, 2 or 5 times a power of ten.
        psnr, ssim: on rows that were not learned from, if there are any, without cells that were left out; in
            a crop of large pictures. PSNR is NaN and SSIM None where there are none.
        denoised: whether these and the comparisons are to the target without the noise that was added to it.
        measured: the step that these two belong to, which may be one of a moment ago.
        comparisons: how well other filters do, once the training rests.
    """

    step: int
    last: int
    loss: float
    validation_loss: float | None
    rate: float
    gradient_norm: float | None
    distance: float | None
    steps_per_second: float | None
    values: Values
    layers: tuple[Layer, ...]
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]
    validation_losses: NDArray[np.float64]
    channel: int | None
    before: Rendered
    target: Rendered
    prediction: Rendered
    residual: Rendered
    psnr: float | None
    ssim: float | None
    measured: int | None
    penalty: float = 0.0
    denoised: bool = False
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class _Quality:
    step: int
    psnr: float
    ssim: float | None


class FrameMaker:
    """Makes the frames of one lab, on the worker; what stays the same is drawn once."""

    def __init__(self, lab: Lab, control: Control | None = None) -> None:
        self._lab = lab
        self._reference = reference(lab)
        self._crop = _middle(lab.pair.target[:, lab.pair.judged])
        self._quality: _Quality | None = None
        self._measure_again = 0.0
        self._limit: float | None = None
        self._before = render(_small(lab.pair.before, control), "clamped")
        self._choose(None, control)

    def show_channel(self, channel: int | None, control: Control | None = None) -> None:
        """Show one channel, or all (None); where there are neither 1 nor 3, the first stands for all."""
        if channel != self._asked:
            self._choose(channel, control)

    def _choose(self, channel: int | None, control: Control | None) -> None:
        asked, target = channel, self._lab.pair.target
        if channel is None and len(target) not in (1, 3):
            channel = 0
        if channel is not None:
            channel = min(max(0, channel), len(target) - 1)
        planes = _planes(target, channel)
        small = _small(planes, control)
        # Noise reaches beyond black and white, where the picture that it lies on does not.
        view = _view(_planes(self._reference, channel), control)
        rendered = render(small, view, control=control)
        self._asked, self._channel = asked, channel
        self._small, self._target, self._limit = small, rendered, None

    def make(
        self, look: Look, speed: float | None, *, resting: bool = False, control: Control | None = None
    ) -> TrainingFrame:
        """Return a frame of what the trainer shows.

        Args:
            look: the trainer's present one.
            speed: steps per second.
            resting: whether nothing goes on, so that there is time to measure.

        Raises:
            LearnError: weights that no kernel can have.
            Cancelled: by the control.
        """
        lab = self._lab
        small = _small(_planes(look.prediction, self._channel), control)
        with np.errstate(invalid="ignore", over="ignore"):
            residual = small - self._small  # the mean of differences is the difference of means
        quality = self._measured(look, resting, control)
        steps, losses, validation = _thinned(*lab.trainer.losses())
        return TrainingFrame(
            step=look.step,
            last=lab.trainer.last,
            loss=max(look.loss - look.penalty, 0.0) if look.penalty else look.loss,
            validation_loss=look.validation_loss,
            rate=look.rate,
            gradient_norm=look.gradient_norm,
            distance=distance(lab, look.values),
            steps_per_second=speed,
            values=look.values,
            layers=lab.network.with_values(look.values),
            steps=steps,
            losses=losses,
            validation_losses=validation,
            channel=self._channel,
            before=self._before,
            target=self._target,
            prediction=render(small, self._target.view, like=self._target, control=control),
            residual=render(residual, "signed", limit=self._residual_limit(residual), control=control),
            psnr=None if quality is None else quality.psnr,
            ssim=None if quality is None else quality.ssim,
            measured=None if quality is None else quality.step,
            penalty=look.penalty,
            denoised=self._reference is not lab.pair.target,
        )

    def _measured(self, look: Look, resting: bool, control: Control | None) -> _Quality | None:
        known, start = self._quality, time.monotonic()
        if known is not None and (known.step == look.step or (not resting and start < self._measure_again)):
            return known
        judged = self._lab.pair.judged
        ours = look.prediction[:, judged][:, *self._crop]
        theirs = self._reference[:, judged][:, *self._crop]
        if not ours.size:
            return None
        kept = self._lab.pair.keep
        keep = None if kept is None else kept[:, judged][:, *self._crop]
        large_enough = min(ours.shape[1:]) >= SSIM_WINDOW
        with np.errstate(invalid="ignore", over="ignore"):
            similar = ssim(ours, theirs, control=control, keep=keep) if large_enough else math.nan
            self._quality = _Quality(
                look.step, psnr(ours, theirs, keep=keep), None if math.isnan(similar) else similar
            )
        now = time.monotonic()
        self._measure_again = now + _QUALITY_SHARE * (now - start)
        return self._quality

    def _residual_limit(self, residual: FloatArray) -> float:
        """Return the end of a scale that holds the usual residuals: 1, 2 or 5 times a power of ten.

        It stays until they outgrow it or need clearly less than the scale below it: the colours of frames
        that follow each other can be compared.
        """
        usual = max(usual_limit(residual), _LEAST_LIMIT)
        if self._limit is None or not self._limit / _GIVE_WAY <= usual <= self._limit:
            self._limit = round_limit(usual)
        return self._limit


def round_limit(usual: float) -> float:
    """Return the smallest number that is not below this one and 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(usual))
    ends = (float(f"{digit}e{power + more}") for more in (0, 1) for digit in (1, 2, 5))
    return next(end for end in ends if end >= usual)


def small_shape(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of a picture in a frame, at most, for one of these."""
    scale = min(1.0, math.sqrt(MOST_PIXELS / (height * width)))
    rows, columns = max(1, int(height * scale)), max(1, int(width * scale))
    return min(rows, MOST_PIXELS // columns or 1), min(columns, MOST_PIXELS)


def _small(planes: FloatArray, control: Control | None) -> FloatArray:
    """Return a picture by the means of blocks, or as it is where it is small."""
    height, width = planes.shape[1:]
    if height * width <= MOST_PIXELS:
        return planes
    return thumbnails(planes, small_shape(height, width), control)


def _planes(values: FloatArray, channel: int | None) -> FloatArray:
    return values if channel is None else values[channel : channel + 1]


def _middle(values: FloatArray) -> tuple[slice, slice]:
    """Return the crop, in the middle of a picture, on which its quality is measured."""
    top, left = (max(0, (n - _QUALITY_SIDE) // 2) for n in values.shape[1:])
    return slice(top, top + _QUALITY_SIDE), slice(left, left + _QUALITY_SIDE)


def _view(planes: FloatArray, control: Control | None) -> str:
    """Return the display view that suits a target: as a picture, as signed numbers, or stretched."""
    found = rasterize.measure(planes, control)
    if found.low >= -_BARELY_BEYOND and found.high <= 1.0 + _BARELY_BEYOND:
        return "clamped"
    if found.low < 0.0 and -found.low >= 0.5 * found.high:
        return "signed"
    rows = max(1, MOST_PIXELS // (planes.shape[0] * planes.shape[2]))
    some = planes[:, :: max(1, planes.shape[1] // rows)]
    inside = np.count_nonzero((some >= -_BARELY_BEYOND) & (some <= 1.0 + _BARELY_BEYOND))
    return "clamped" if inside >= _MOSTLY_INSIDE * some.size else "minmax"


def _thinned(
    steps: NDArray[np.float64], losses: NDArray[np.float64], validation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return copies of a curve's points: every second, fourth, … and the last, until they are few."""
    apart = 1
    while -(-len(steps) // apart) >= MOST_POINTS:
        apart *= 2
    chosen = np.arange(0, len(steps), apart)
    if len(steps) and chosen[-1] != len(steps) - 1:
        chosen = np.append(chosen, len(steps) - 1)
    return steps[chosen], losses[chosen], validation[chosen]
