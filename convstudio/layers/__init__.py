"""The layer kinds; importing the package registers them all."""

from convstudio.layers.base import LAYER_KINDS, Layer
from convstudio.layers.conv import Conv

__all__ = ["LAYER_KINDS", "Conv", "Layer"]
