"""The numbers of a layer in the inspector's form: sizes along each axis, cost."""

from __future__ import annotations

from convstudio.engine.evaluate import LayerResult
from convstudio.layers import Conv, Layer
from convstudio.layers.base import Mate, Shape
from convstudio.layers.conv_transpose import ConvTranspose
from convstudio.layers.pooling import Pooling
from convstudio.ui.formula import AxisFacts, Facts

Axes = tuple[AxisFacts, AxisFacts]


def facts_of(layer: Layer, in_shape: Shape, mate: Mate | None = None) -> Facts:
    """Return a layer's numbers on an input of shape ``(C, H, W)``.

    Raises:
        GeometryError: the layer does not fit.
    """
    cost = layer.cost(in_shape, mate)
    return Facts(axes_of(layer, in_shape), cost.multiply_adds, cost.parameters, cost.fully_connected)


def result_facts(result: LayerResult) -> Facts:
    """Return the numbers of the finished result of a layer that is switched on, with what was measured."""
    channels, height, width = result.source.shape
    cost = result.cost
    return Facts(
        axes_of(result.item.layer, (channels, height, width)),
        cost.multiply_adds,
        cost.parameters,
        cost.fully_connected,
        plan=result.plan,
        algorithm=result.algorithm,
        seconds=result.seconds,
    )


def axes_of(layer: Layer, in_shape: Shape) -> Axes | None:
    """Return the numbers of the output-size formula per axis, None where no window slides."""
    if isinstance(layer, Conv | Pooling):
        geometry = layer.geometry(in_shape)
        rule = "ceil" if isinstance(layer, Pooling) and layer.ceil_mode else "floor"
        rows, columns = (
            AxisFacts(
                n=geometry.spatial[axis],
                before=geometry.amounts[axis][0],
                after=geometry.amounts[axis][1],
                kernel=geometry.kernel[axis],
                stride=geometry.stride[axis],
                dilation=geometry.dilation[axis],
                out=geometry.out[axis],
                unread=geometry.unread[axis],
                rule=rule,
            )
            for axis in (0, 1)
        )
        return rows, columns
    if isinstance(layer, ConvTranspose):
        return _transposed(layer, in_shape)
    return None


def _transposed(layer: ConvTranspose, in_shape: Shape) -> Axes:
    out, pads = layer.out_shape(in_shape)[1:], layer.placed(in_shape).pads
    rows, columns = (
        AxisFacts(
            n=in_shape[1 + axis],
            before=pads[axis][0],
            after=pads[axis][1],
            kernel=layer.bank.shape[axis],
            stride=layer.stride[axis],
            dilation=layer.dilation[axis],
            out=out[axis],
            rule="transposed",
            extra=layer.output_padding[axis],
        )
        for axis in (0, 1)
    )
    return rows, columns
