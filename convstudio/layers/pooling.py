"""What the poolings by sliding windows have in common: their parameters, their geometry, their repairs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from convstudio.core import Control, GeometryError
from convstudio.core.geometry import span
from convstudio.core.pools.windows import Windows, checked_windows
from convstudio.core.receptive import Stage
from convstudio.layers.base import FloatArray, Layer, Mate, Repair, Shape
from convstudio.layers.common import first_that_fits, one_example, per_axis_text, shape_of, times
from convstudio.spec.params import BoolParam, IntParam, Padding, PaddingParam, Pair, PerAxisParam

LARGEST_WINDOW = 64


@dataclass(frozen=True)
class PoolGeometry:
    """The numbers of pooling windows over one picture, per axis with rows first.

    Attributes:
        amounts: pixels of padding, before and after.
        out: ⌊(n + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1; with ``ceil_mode`` ⌈ ⌉, as long
            as the last window starts inside the picture or the padding before it.
        unread: pixels at the end of the padded picture that no window reads.
        overhang: cells of the last window beyond the padded picture, with ``ceil_mode``.
    """

    spatial: Pair
    kernel: Pair
    amounts: tuple[Pair, Pair]
    stride: Pair
    dilation: Pair
    out: Pair
    unread: Pair
    ceil_mode: bool
    overhang: Pair


@dataclass(frozen=True)
class Pooling(Layer):
    """A layer that makes one number of each window, channel by channel."""

    family: ClassVar[str] = "Pooling"

    window: Annotated[
        Pair,
        PerAxisParam(
            label="Window",
            help="How many rows and columns of the picture each output cell looks at.",
            each=IntParam(
                label="Window", help="Pixels of the window.", minimum=1, maximum=LARGEST_WINDOW, unit="px"
            ),
        ),
    ] = (2, 2)
    stride: Annotated[
        Pair,
        PerAxisParam(
            label="Stride",
            help="How many pixels the window moves from one output cell to the next; as far as the window is "
            "large, windows neither overlap nor leave gaps.",
            each=IntParam(label="Stride", help="Pixels per step.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (2, 2)
    padding: Annotated[
        Padding,
        PaddingParam(
            label="Padding",
            help="How many pixels the windows may reach beyond the picture; each must still cover a pixel of "
            "it.",
            maximum=LARGEST_WINDOW,
        ),
    ] = "valid"
    dilation: Annotated[
        Pair,
        PerAxisParam(
            label="Dilation",
            help="The distance between neighbouring pixels of a window; 2 leaves one between them unread.",
            each=IntParam(label="Dilation", help="Pixels per step.", minimum=1, maximum=64, unit="px"),
        ),
    ] = (1, 1)
    ceil_mode: Annotated[
        bool,
        BoolParam(
            label="Round up",
            help="Whether a last window may hang over the end, so that no pixel is left out where the stride "
            "is uneven.",
        ),
    ] = False

    # --- what it is ---

    def short_title(self) -> str:
        """Return the kind's name on a card, without numbers."""
        return self.title

    def name(self) -> str:
        step = "" if self.stride == (1, 1) else f" /{per_axis_text(self.stride)}"
        return f"{self.short_title()} {times(self.window)}{step}"

    # --- shapes ---

    def windows(self, in_shape: Shape) -> Windows:
        """Return where the windows lie.

        Raises:
            GeometryError: they do not fit this input.
        """
        if self.padding == "full":
            raise GeometryError(
                'padding "full" is not for pooling: its outer windows would see next to nothing but padding'
            )
        try:
            return checked_windows(
                (1, *in_shape), self.window, self.stride, self.padding, self.dilation, self.ceil_mode
            )
        except GeometryError as error:  # the core calls every window a kernel
            raise GeometryError(str(error).replace("kernel spans", "the window spans")) from None

    def out_shape(self, in_shape: Shape, mate: Mate | None = None) -> Shape:
        height, width = self.windows(in_shape).out_spatial
        return in_shape[0], height, width

    def geometry(self, in_shape: Shape) -> PoolGeometry:
        """Return the present numbers of the output-size formula.

        Raises:
            GeometryError: the windows do not fit this input.
        """
        _, rows, columns = (axis for axis in self.windows(in_shape).pads)
        _, *out = self.out_shape(in_shape)
        left = [
            n + sum(pads) - ((cells - 1) * step + span(taps, gap))
            for n, pads, cells, step, taps, gap in zip(
                in_shape[1:], (rows, columns), out, self.stride, self.window, self.dilation, strict=True
            )
        ]
        return PoolGeometry(
            spatial=in_shape[1:],
            kernel=self.window,
            amounts=(rows, columns),
            stride=self.stride,
            dilation=self.dilation,
            out=(out[0], out[1]),
            unread=(max(left[0], 0), max(left[1], 0)),
            ceil_mode=self.ceil_mode,
            overhang=(max(-left[0], 0), max(-left[1], 0)),
        )

    def stage(self, in_shape: Shape, mate: Mate | None = None) -> Stage:
        self.out_shape(in_shape)
        return Stage(
            self.window,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            kind="pool",
            ceil_mode=self.ceil_mode,
        )

    # --- computing ---

    def core_arguments(self) -> dict[str, Any]:
        """Return the parameters as keyword arguments of the core's pooling functions."""
        return {
            "kernel_size": self.window,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }

    def forward(
        self,
        x: FloatArray,
        *,
        mate: Mate | None = None,
        control: Control | None = None,
        out: FloatArray | None = None,
    ) -> FloatArray:
        self.out_shape(shape_of(x))
        result: FloatArray = self.pooled(x[np.newaxis], control, one_example(out))[0]
        return result

    @abstractmethod
    def pooled(self, x: FloatArray, control: Control | None, out: FloatArray | None) -> FloatArray:
        """Pool ``(1, C, H, W)``, into ``out`` where it is given."""

    # --- repairs ---

    def repair(self, in_shape: Shape, mate: Mate | None = None) -> Repair | None:
        return first_that_fits(self, self._repairs(in_shape[1:]), in_shape)

    def _repairs(self, spatial: Pair) -> Iterator[Repair]:
        """Changes that may help, the smallest first; the last always does."""
        if self.padding == "full":
            yield Repair("Pad to the same size", {"padding": "same"})
        if not isinstance(self.padding, str):
            most = [span(taps, gap) // 2 for taps, gap in zip(self.window, self.dilation, strict=True)]
            (top, bottom), (left, right) = self.padding
            halves = (min(top, most[0]), min(bottom, most[0])), (min(left, most[1]), min(right, most[1]))
            yield Repair("Pad by at most half the window", {"padding": halves})
        for padding, how in ((self.padding, ""), ("valid", ", without padding")):
            window = self._largest_window(spatial, padding)
            if window is not None:
                text = f"Shrink the window to {times(window)}{how}"
                changes = {"window": window} if not how else {"window": window, "padding": padding}
                yield Repair(text, changes)

    def _largest_window(self, spatial: Pair, padding: Padding) -> Pair | None:
        """Return the largest window, at most the present one, that fits with this padding."""
        sides = []
        for axis, n in enumerate(spatial):
            amount = padding if isinstance(padding, str) else (padding[axis],)
            fitting = (
                taps for taps in range(self.window[axis], 0, -1) if self._axis_fits(axis, n, taps, amount)
            )
            sides.append(next(fitting, 0))
        return (sides[0], sides[1]) if all(sides) else None

    def _axis_fits(self, axis: int, n: int, taps: int, padding: Any) -> bool:
        try:
            checked_windows((1, 1, n), taps, self.stride[axis], padding, self.dilation[axis], self.ceil_mode)
        except ValueError:  # "full" is no GeometryError
            return False
        return True
