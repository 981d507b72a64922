"""Proof of a convolution layer's result against SciPy."""

from __future__ import annotations

from convstudio.engine.proof import Proof, ProofJob, prove_crop
from convstudio.layers import Conv
from convstudio.layers.base import FloatArray


def prove_conv(layer: Conv, source: FloatArray, output: FloatArray) -> Proof:
    """Check a random crop of a layer's result; ``source`` is the layer's input ``(C, H, W)``."""
    channels, height, width = source.shape
    weights, biases = layer.arrays(channels, source.dtype)
    job = ProofJob(
        x=source,
        weight=weights,
        amounts=layer.amounts((height, width)),
        stride=layer.stride,
        dilation=layer.dilation,
        bias=biases,
        groups=layer.group_count(channels),
        padding_mode=layer.padding_mode,
        padding_value=layer.padding_value,
        flip=layer.flips,
    )
    return prove_crop(job, output)
