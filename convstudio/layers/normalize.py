"""Normalization of a picture by its own statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from convstudio.core import Control
from convstudio.core.checks import checked_out
from convstudio.core.gradients.progress import share
from convstudio.core.threads import Scratch, run_tiles
from convstudio.layers.base import FloatArray, Layer, LayerGradients, Mate, Shape
from convstudio.layers.common import shape_of
from convstudio.spec.params import Choice, ChoiceParam, FloatParam

_CHUNK = 1 << 16  # cells at a time, in float64
Exact = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Normalize(Layer):
    """Brings numbers to a common scale: to mean 0 and deviation 1, or so that they fill the range 0 to 1.

    y = (x − mean) / √(variance + ε), or y = (x − min) / (max − min), with the statistics of each channel or
    of all channels together, taken over the whole picture. Where all numbers are equal the result is 0.

    As every output cell depends a little on every pixel through them, receptive fields leave the statistics
    out and count the cell's own pixel alone.

    (Ulyanov, Vedaldi and Lempitsky, Instance normalization, 2016; over all channels it is the layer
    normalization of Ba, Kiros and Hinton, 2016; both here without a learned scale.)
    """

    kind: ClassVar[str] = "normalize"
    title: ClassVar[str] = "Normalize"
    family: ClassVar[str] = "Colour and scale"
    keywords: ClassVar[str] = (
        "standardize instance layer norm batchnorm mean variance contrast stretch min max"
    )

    method: Annotated[
        str,
        ChoiceParam(
            label="Method",
            help="What the numbers are brought to.",
            choices=(
                Choice("standardize", "mean 0, deviation 1", "(x − mean) / √(variance + ε)"),
                Choice("range", "range 0 to 1", "(x − min) / (max − min)"),
            ),
        ),
    ] = "standardize"
    over: Annotated[
        str,
        ChoiceParam(
            label="Over",
            help="Which numbers share their mean and deviation, or their least and greatest value.",
            choices=(
                Choice(
                    "channel", "each channel", "Every channel by itself: differences between them vanish."
                ),
                Choice("all", "all channels", "All channels together: differences between them stay."),
            ),
        ),
    ] = "channel"
    epsilon: Annotated[
        float,
        FloatParam(
            label="Epsilon",
            help="Added to the variance, so that faint noise on a nearly even channel is not blown up.",
            minimum=0.0,
            maximum=1.0,
            step=1e-5,
            decimals=6,
        ),
    ] = 1e-5

    def applies(self, name: str) -> bool:
        return name != "epsilon" or self.method == "standardize"

    def name(self) -> str:
        what = "Standardize" if self.method == "standardize" else "Stretch to 0–1"
        return f"{what}, {'per channel' if self.over == 'channel' else 'all channels'}"

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        return in_shape

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        result: FloatArray = checked_out(out, shape_of(x), x.dtype, x=x)
        lines = self._lines(x)
        for k, (line, into) in enumerate(zip(lines, self._lines(result), strict=True)):
            part = share(control, k / len(lines), (k + 1) / len(lines))
            scale = self._scale(line, share(part, 0.0, 0.6))
            _fill(into, scale.applied, share(part, 0.6, 1.0))
        return result

    def backward(
        self,
        grad: FloatArray,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
    ) -> LayerGradients:
        found = np.empty(x.shape, x.dtype)
        backward = _standardized_backward if self.method == "standardize" else _stretched_backward
        lines = self._lines(x)
        for k, (line, above, into) in enumerate(
            zip(lines, self._lines(grad), self._lines(found), strict=True)
        ):
            part = share(control, k / len(lines), (k + 1) / len(lines))
            scale = self._scale(line, share(part, 0.0, 0.4))
            backward(scale, above, into, share(part, 0.4, 1.0))
        return LayerGradients(found)

    def _lines(self, x: FloatArray) -> FloatArray:
        """Return the numbers that share their statistics as rows: a view where ``x`` is contiguous."""
        return x.reshape(1 if self.over == "all" else len(x), -1)

    def _scale(self, line: FloatArray, control: Control | None) -> _Scale:
        low, high = float(line.min()), float(line.max())
        if self.method == "range":
            return _Scale(line, low, high - low)
        if low == high:  # so that the differences are 0 exactly, whatever rounding would make of the mean
            return _Scale(line, low, self.epsilon**0.5)
        mean = _sum(line.size, lambda cells: np.sum(line[cells], dtype=np.float64), share(control, 0.0, 0.4))
        mean /= line.size
        squares = _sum(
            line.size,
            lambda cells: np.sum((line[cells].astype(np.float64) - mean) ** 2),
            share(control, 0.4, 1.0),
        )
        with np.errstate(all="ignore"):  # NaN and infinity are data
            return _Scale(line, mean, float(np.sqrt(squares / line.size + self.epsilon)))


class _Scale(NamedTuple):
    """Numbers, what is subtracted from them, and what the differences are divided by; 0 makes them all 0."""

    line: FloatArray
    offset: float
    divisor: float

    def applied(self, cells: slice) -> Exact:
        """Return some of the numbers on the new scale."""
        if self.divisor == 0:
            return np.zeros(len(self.line[cells]))
        return (self.line[cells].astype(np.float64) - self.offset) / self.divisor


def _standardized_backward(
    scale: _Scale, grad: FloatArray, into: FloatArray, control: Control | None
) -> None:
    """(g − mean(g) − y · mean(g·y)) / deviation, with y the scaled numbers."""
    size, divisor = grad.size, scale.divisor
    if divisor == 0:
        into[:] = 0
        return
    mean = _sum(size, lambda cells: np.sum(grad[cells], dtype=np.float64), share(control, 0.0, 0.3)) / size
    slope = _sum(size, lambda cells: grad[cells] @ scale.applied(cells), share(control, 0.3, 0.6)) / size
    _fill(
        into,
        lambda cells: (grad[cells] - mean - scale.applied(cells) * slope) / divisor,
        share(control, 0.6, 1.0),
    )


def _stretched_backward(scale: _Scale, grad: FloatArray, into: FloatArray, control: Control | None) -> None:
    """g / range; and through the least and the greatest number, of equal ones the first."""
    if scale.divisor == 0:
        into[:] = 0
        return
    size, divisor = grad.size, scale.divisor
    total = _sum(size, lambda cells: np.sum(grad[cells], dtype=np.float64), share(control, 0.0, 0.3))
    slope = _sum(size, lambda cells: grad[cells] @ scale.applied(cells), share(control, 0.3, 0.6))
    _fill(into, lambda cells: grad[cells] / divisor, share(control, 0.6, 1.0))
    into[scale.line.argmin()] += (slope - total) / divisor
    into[scale.line.argmax()] -= slope / divisor


def _chunks(size: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, size)) for start in range(0, size, _CHUNK)]


def _sum(size: int, part: Callable[[slice], Any], control: Control | None) -> float:
    """Return the sum of what ``part`` makes of each chunk of so many numbers."""
    chunks = _chunks(size)
    sums = np.empty(len(chunks))

    def work(k: int, _: Scratch) -> None:
        sums[k] = part(chunks[k])

    run_tiles(range(len(chunks)), work, control)
    return float(sums.sum())


def _fill(into: FloatArray, part: Callable[[slice], FloatArray], control: Control | None) -> None:
    """Write what ``part`` makes of each chunk of ``into``."""

    def work(cells: slice, _: Scratch) -> None:
        into[cells] = part(cells)

    run_tiles(_chunks(len(into)), work, control)
