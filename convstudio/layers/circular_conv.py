"""Convolution with circular kernels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

import numpy as np

from convstudio.core import GeometryError, circular_weight, circular_weight_backward
from convstudio.kernels import Bank, Kernel, preset
from convstudio.layers.base import FloatArray, Mate, Repair, Shape
from convstudio.layers.common import fits, times
from convstudio.layers.conv import Conv
from convstudio.spec.params import BankParam


@dataclass(frozen=True)
class CircularConv(Conv):
    """Convolves with kernels whose taps are moved onto circles, so that they look alike in all directions.

    The ring of a k×k kernel r pixels from its centre has 8r taps; they become 8r points at equal angles on
    the circle of radius r, each read by bilinear interpolation. As that is linear it is done once, to the
    weights: Bᵀ·w takes the place of w in the convolution. Kernels must be square with an odd side, as circles
    need a centre.

    y[k, i, j] = b[k] + Σ_c Σ_u Σ_v (Bᵀ·w)[k, c, u, v] · x[c, i·s + u·d − p, j·s + v·d − p]

    (He, Li, Yang, Huang and Hopcroft, Integrating large circular kernels into CNNs through neural
    architecture search, arXiv 2107.02451, 2021.)
    """

    kind: ClassVar[str] = "circular_conv"
    title: ClassVar[str] = "Circular convolution"
    family: ClassVar[str] = "Convolution"
    keywords: ClassVar[str] = "circle round isotropic rotation kernel filter cnn"

    bank: Annotated[
        Bank,
        BankParam(
            label="Filters",
            help="The kernels of each output channel as squares, whose taps are then moved onto circles.",
        ),
    ] = field(default_factory=lambda: Bank.of(preset("mean").make(size=5)))

    def name(self) -> str:
        return f"{super().name()}, circular"

    def out_channels(self, in_channels: int) -> int:
        self._check_square()
        return super().out_channels(in_channels)

    def from_filters(self, weights: FloatArray) -> FloatArray:
        return circular_weight(weights)

    def through_weights(self, grad: FloatArray, weights: FloatArray) -> FloatArray:
        return circular_weight_backward(grad, weights)

    def _check_square(self) -> None:
        rows, columns = self.bank.shape
        if rows != columns or rows % 2 == 0:
            raise GeometryError(
                f"circles need a square kernel with an odd side, this one has {times((rows, columns))} taps"
            )

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        try:
            self._check_square()
        except GeometryError:
            text, squared = (
                "Make the kernels square and odd",
                self.replace(bank=_squared(self.bank, self.flips)),
            )
            more = None if fits(squared, in_shape) else squared.repair(in_shape)
            if more is None:
                return Repair(text, {"bank": squared.bank})
            return Repair(
                f"{text}; {more.text[0].lower()}{more.text[1:]}", {"bank": squared.bank, **more.changes}
            )
        return super().repair(in_shape)


def _squared(bank: Bank, flips: bool) -> Bank:
    """Return the bank with zeros around its kernels, of the same odd number of rows and columns."""
    side = max(bank.shape)
    side += side % 2 == 0
    return Bank(
        tuple(
            replace(each, kernels=tuple(_embedded(kernel, side, flips) for kernel in each.kernels))
            for each in bank.filters
        )
    )


def _embedded(kernel: Kernel, side: int, flips: bool) -> Kernel:
    """Return a kernel with zeros around that does the same with "same" padding."""
    if kernel.shape == (side, side):
        return kernel
    values = np.zeros((side, side))
    # Where an even side has no middle, its place depends on whether it is going to be rotated.
    top, left = (side // 2 - (taps - 1 + flips) // 2 for taps in kernel.shape)
    values[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel.values
    return kernel.edited(values)
