"""Which cells of a layer's input each cell of its output reads, and where both lie on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd

from PySide6.QtCore import QRect

from convstudio.core import Stage, alignment, cells_read
from convstudio.core.geometry import per_axis
from convstudio.engine.display import Rendered
from convstudio.engine.evaluate import LayerResult
from convstudio.layers import Conv
from convstudio.layers.base import Shape
from convstudio.layers.pooling import Pooling
from convstudio.ui.view_picture import Axis, Border, Pair, padded_border

_NONE: tuple[Pair, Pair] = ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class CellMap:
    """The geometry between a layer's input and its output.

    Attributes:
        stage: the window that an output cell reads.
        spatial: rows and columns of the input.
        out: rows and columns of the output.
        amounts: padded cells that have values, per axis before and after.
        unread: trailing cells of the padded input that no window reads.
    """

    stage: Stage
    spatial: Pair
    out: Pair
    amounts: tuple[Pair, Pair] = _NONE
    unread: Pair = (0, 0)

    @classmethod
    def of(cls, result: LayerResult | None, spatial: Pair) -> CellMap:
        """Return the map of a layer's result; None is for the photo of these rows and columns."""
        if result is None or not result.item.enabled:
            return cls(Stage(1), spatial, spatial)
        layer = result.item.layer
        out = (result.output.shape[1], result.output.shape[2])
        shape: Shape = (result.source.shape[0], *spatial)
        stage = layer.stage(shape, result.mate)
        if isinstance(layer, Conv):
            geometry = layer.geometry(shape)
            return cls(stage, spatial, out, geometry.amounts, geometry.unread)
        if isinstance(layer, Pooling):
            return cls(stage, spatial, out, _NONE, layer.geometry(shape).unread)
        return cls(stage, spatial, out)

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """Where the rows and the columns of the output lie on the input."""
        rows, columns = (Axis(origin, pitch) for origin, pitch in alignment(self.stage, self.spatial))
        return rows, columns

    @property
    def dilation(self) -> Pair:
        """Input cells from one that an output cell reads to the next."""
        rows, columns = self._along
        if self.stage.kind != "transposed":
            return rows[0], columns[0]
        # An output cell reads through every tap that its distance makes a multiple of the stride.
        return rows[0] // gcd(*rows), columns[0] // gcd(*columns)

    @cached_property
    def _along(self) -> tuple[Pair, Pair]:
        """Dilation and stride of the stage by axis."""
        stage = self.stage
        default = stage.kernel if stage.kind == "pool" else 1
        stride = per_axis("stride", default if stage.stride is None else stage.stride, 2)
        rows, columns = zip(per_axis("dilation", stage.dilation, 2), stride, strict=True)
        return rows, columns

    def window(self, row: int, column: int) -> QRect:
        """Return the cells of the input, padding included, that an output cell reads; empty for none."""
        read, _ = cells_read([self.stage], self.spatial, (row, column))
        (top, bottom), (left, right) = read.window
        return QRect(left, top, right - left, bottom - top)

    def nearest_output(self, row: int, column: int) -> Pair:
        """Return the output cell whose window is centred nearest to a cell of the input."""
        rows, columns = self.axes
        height, width = self.out
        return min(max(rows.cell(row), 0), height - 1), min(max(columns.cell(column), 0), width - 1)


def border_of(
    result: LayerResult, amounts: tuple[Pair, Pair], shown: Rendered, channel: int | None
) -> Border | None:
    """Return the padded cells of a convolution's input as that is shown, None where nothing is padded."""
    layer = result.item.layer
    if not isinstance(layer, Conv) or not result.item.enabled:
        return None
    return padded_border(
        result.source, amounts, layer.padding_mode, layer.padding_value, like=shown, channel=channel
    )
