"""What the present numbers of any layer leave open for its parameters, and why the rest cannot work."""

from __future__ import annotations

from convstudio.core import GeometryError
from convstudio.core.pools.windows import checked_windows
from convstudio.layers import BankLayer, Conv, Layer
from convstudio.layers.base import Mate, Shape
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import PADDING_WORDS, IntParam, PaddingParam, PerAxisParam
from convstudio.ui.conv_limits import Limits, conv_limits, why_not


def layer_limits(layer: Layer, in_shape: Shape) -> Limits:
    """Return the limits for a layer on an input of shape ``(C, H, W)``."""
    if isinstance(layer, Conv):
        return conv_limits(layer, in_shape)
    hidden = frozenset(p.name for p in layer.parameters() if not layer.applies(p.name))
    if isinstance(layer, Pooling):
        return _pooling_limits(layer, in_shape, hidden)
    return Limits(hidden=hidden)


def misfit(layer: Layer, in_shape: Shape, mate: Mate | None = None) -> str:
    """Return why a layer does not fit an input ``(C, H, W)`` and what to do, or an empty string."""
    try:
        layer.out_shape(in_shape, mate)
    except GeometryError as error:
        text = str(error)
        if isinstance(layer, Conv) and not _channels_misfit(layer, in_shape[0]):
            text = why_not(layer, in_shape) or text
        return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!")) else ".")
    return ""


def _channels_misfit(layer: BankLayer, channels: int) -> bool:
    try:
        layer.inputs_read(channels)
    except GeometryError:
        return True
    return False


def _pooling_limits(layer: Pooling, in_shape: Shape, hidden: frozenset[str]) -> Limits:
    spatial = in_shape[1:]
    declared = {each.name: each.param for each in layer.parameters()}
    ranges = {}
    for name in ("window", "dilation", "stride"):
        param = declared[name]
        assert isinstance(param, PerAxisParam)
        rows, columns = (
            (param.each.minimum, _most(layer, name, axis, spatial[axis], param.each)) for axis in (0, 1)
        )
        ranges[name] = (rows, columns)
    padding = declared["padding"]
    assert isinstance(padding, PaddingParam)
    reaches = [d * (k - 1) for d, k in zip(layer.dilation, layer.window, strict=True)]
    try:
        amounts = layer.geometry(in_shape).amounts
    except GeometryError:
        amounts = ((0, 0), (0, 0))
    words = {word: misfit(layer.replace(padding=word), in_shape) for word in PADDING_WORDS}
    return Limits(
        ranges=ranges,
        reasons={
            "window": "A larger window would not fit what comes in.",
            "dilation": "With more, the window would not fit what comes in.",
            "stride": "A longer step than what comes in gives the same single cell.",
        },
        hidden=hidden,
        choices_off={"padding": {word: why for word, why in words.items() if why}},
        needed=(max(0, reaches[0] + 1 - spatial[0]), max(0, reaches[1] + 1 - spatial[1])),
        most=(min(reaches[0], padding.maximum), min(reaches[1], padding.maximum)),
        amounts=amounts,
    )


def _most(layer: Pooling, name: str, axis: int, n: int, each: IntParam) -> int:
    """The largest number with which the windows fit along an axis of n cells.

    Some smaller ones may not: padding may be too much for them, or their taps step over a tiny picture. If
    none does, the padding is at fault, and nothing is narrowed.
    """
    if name == "stride":
        return max(each.minimum, min(each.maximum, n))
    present = {"window": layer.window[axis], "dilation": layer.dilation[axis]}
    padding = layer.padding if isinstance(layer.padding, str) else (layer.padding[axis],)

    def works(number: int) -> bool:
        values = {**present, name: number}
        steps = values["window"], layer.stride[axis], padding, values["dilation"]
        try:
            checked_windows((1, 1, n), *steps, layer.ceil_mode)
        except ValueError:
            return False
        return True

    numbers = range(each.maximum, each.minimum - 1, -1)
    return next((number for number in numbers if works(number)), each.maximum)
