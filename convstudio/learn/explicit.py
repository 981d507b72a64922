"""Layers whose padding is given in numbers, so that they do the same to a part of a picture."""

from __future__ import annotations

from convstudio.layers import Conv, ConvTranspose, GlobalPool, Involution, Layer, Normalize
from convstudio.layers.base import Shape
from convstudio.layers.pooling import Pooling
from convstudio.learn.errors import LearnError
from convstudio.spec.params import ParamError

_ADVICE = "choose the whole picture for each step."


def explicit_layer(layer: Layer, in_shape: Shape) -> Layer:
    """Return the layer with the padding that its word means on an input ``(C, H, W)``, which it fits.

    Raises:
        LearnError: what it does depends on the whole picture; the text continues a sentence that begins with
            what the layer is called.
    """
    if isinstance(layer, GlobalPool | Normalize):
        raise LearnError(f"sees the whole picture at once, so parts of it teach something else: {_ADVICE}")
    if isinstance(layer, Involution) and layer.stride != (1, 1):
        raise LearnError(f"at a stride pads by what the picture's size leaves over: {_ADVICE}")
    if not isinstance(layer, Conv | ConvTranspose | Pooling) or not isinstance(layer.padding, str):
        return layer
    if isinstance(layer, Conv):
        amounts = layer.amounts(in_shape[1:])
    elif isinstance(layer, ConvTranspose):
        amounts = layer.amounts(in_shape)
    else:
        _, rows, columns = layer.windows(in_shape).pads
        amounts = rows, columns
    try:
        return layer.replace(padding=amounts)
    except ParamError:
        raise LearnError(f"has more padding around the picture than a number may say: {_ADVICE}") from None
