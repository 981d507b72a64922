"""What the present numbers of any layer leave open for its parameters, and why the rest cannot work."""

from __future__ import annotations

from convstudio.core import GeometryError
from convstudio.layers import BankLayer, Conv, Layer
from convstudio.layers.base import Mate, Shape
from convstudio.layers.pooling import Pooling
from convstudio.spec.params import PADDING_WORDS, IntParam, Pair, PerAxisParam
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
            (param.each.minimum, _most(layer, name, axis, param.each, in_shape)) for axis in (0, 1)
        )
        ranges[name] = (rows, columns)
    words = {word: _word_misfit(layer, word, in_shape) for word in PADDING_WORDS}
    most: Pair = tuple(d * (k - 1) // 2 + 1 for d, k in zip(layer.dilation, layer.window, strict=True))  # type: ignore[assignment]
    try:
        amounts = layer.geometry(in_shape).amounts
    except GeometryError:
        amounts = ((0, 0), (0, 0))
    return Limits(
        ranges=ranges,
        reasons={
            "window": "A larger window would not fit what comes in.",
            "dilation": "With more, the window would not fit what comes in.",
            "stride": "A longer step than what comes in gives the same single cell.",
        },
        hidden=hidden,
        choices_off={"padding": {word: why for word, why in words.items() if why}},
        most=(min(most[0], spatial[0]), min(most[1], spatial[1])),
        amounts=amounts,
    )


def _word_misfit(layer: Pooling, word: str, in_shape: Shape) -> str:
    return misfit(layer.replace(padding=word), in_shape)


def _most(layer: Pooling, name: str, axis: int, each: IntParam, in_shape: Shape) -> int:
    """The largest number along an axis with which the layer fits, found by halving."""
    present = getattr(layer, name)

    def works(number: int) -> bool:
        pair = (number, present[1]) if axis == 0 else (present[0], number)
        return not misfit(layer.replace(**{name: pair}), in_shape)

    if name == "stride":
        return max(each.minimum, min(each.maximum, in_shape[1 + axis]))
    low, high = each.minimum, each.maximum
    if works(high) or not works(low):  # what does not fit for another reason is not narrowed
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low
