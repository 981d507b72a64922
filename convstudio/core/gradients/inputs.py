"""The gradient of a convolution's input: a transposed convolution, its border folded back."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.control import Control
from convstudio.core.gradients import scatter
from convstudio.core.gradients.borders import add_borders
from convstudio.core.gradients.phases import Scattered
from convstudio.core.job import ConvJob, Triple

Array: TypeAlias = npt.NDArray[Any]

# Bytes up to which the gradient of the whole padded input is made; of a larger one each side by itself.
_WHOLE_BYTES = 2 << 20
# And of each side so much at a time.
_SIDE_BYTES = 8 << 20


def input_gradient(job: ConvJob, grad: Array, algorithm: str, control: Control | None) -> Array:
    """The gradient of a convolution's input, (N, C_in, depth, height, width), from that of its result."""
    source = job.source
    result = np.empty(source.array.shape, job.dtype)
    scattered = Scattered(grad, job.weight, job.stride, job.dilation, algorithm=algorithm)
    before = (source.pads[0][0], source.pads[1][0], source.pads[2][0])
    constant = source.mode in ("zeros", "constant")
    if constant or not any(map(any, source.pads)) or result.size == 0:
        scatter.write(scattered, result, before, control)
        return result
    lead = result.shape[:2]
    if math.prod((*lead, *source.shape)) * result.itemsize <= _WHOLE_BYTES:
        everything = np.empty((*lead, *source.shape), job.dtype)
        scatter.write(scattered, everything, (0, 0, 0), control)
        d, h, w = (slice(low, low + n) for low, n in zip(before, result.shape[2:], strict=True))
        result[...] = everything[:, :, d, h, w]

        def cut(low: Triple, high: Triple) -> Array:
            return everything[:, :, low[0] : high[0], low[1] : high[1], low[2] : high[2]]

        add_borders(result, source.pads, source.mode, cut)
        return result
    scatter.write(scattered, result, before, control)
    for example in range(len(result)):
        part = scattered._replace(values=grad[example : example + 1])

        def side(low: Triple, high: Triple, part: Scattered = part) -> Array:
            d, h, w = (end - start for start, end in zip(low, high, strict=True))
            cells = np.empty((1, lead[1], d, h, w), job.dtype)
            scatter.write(part, cells, low)
            if control is not None:
                control.check()
            return cells

        most = _SIDE_BYTES // (lead[1] * result.itemsize)
        add_borders(result[example : example + 1], source.pads, source.mode, side, most)
    return result
