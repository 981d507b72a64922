"""The gradient of `pad`."""

from __future__ import annotations

from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.arrays import compute_dtype, real_array
from convstudio.core.geometry import Padding, resolve_padding
from convstudio.core.gradients.borders import add_borders
from convstudio.core.gradients.checks import checked_grad, five_axes
from convstudio.core.job import Triple
from convstudio.core.padding import checked_mode
from convstudio.core.threads import Scratch, run_tiles

Array: TypeAlias = npt.NDArray[Any]

# Cells from which several threads are worth waking.
_WORTH_THREADS = 1 << 18


def pad_backward(
    grad: Any, x: Any, padding: Padding, *, padding_mode: str = "zeros", padding_value: float = 0.0
) -> Array:
    """The gradient of `pad` with respect to `x`: each cell's own, and that of every padded cell showing it.

    grad: the gradient of pad's result, (N, C, *padded). x: what was padded, (N, C, *spatial); only its shape
    and type matter. The others as of `pad`.

    Returns an array of x's shape, C-contiguous: float64 if x is, else float32. Errors as of `pad`, and
    GeometryError for a grad of another shape than pad's result.
    """
    array = real_array("x", x)
    if not 3 <= array.ndim <= 5:
        raise ValueError(
            f"x must have a batch axis, a channel axis and 1 to 3 spatial axes, got shape {array.shape}"
        )
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding={padding!r} depends on a kernel; give pad_backward a number of cells")
    spatial = array.shape[2:]
    amounts = resolve_padding(padding, spatial, 1)
    checked_mode(padding_mode, padding_value, spatial, amounts)
    padded = tuple(n + before + after for n, (before, after) in zip(spatial, amounts, strict=True))
    dtype = compute_dtype(array.dtype)
    upstream = five_axes(checked_grad(grad, (*array.shape[:2], *padded), dtype, "pad's result"))
    result = np.empty(array.shape, dtype)
    if result.size == 0:
        return result
    target = five_axes(result)
    pads = ((0, 0),) * (5 - array.ndim) + amounts
    d, h, w = (slice(before, before + n) for n, (before, _) in zip(target.shape[2:], pads, strict=True))

    def work(tile: tuple[slice, slice], _: Scratch) -> None:
        part, cells = upstream[tile], target[tile]

        def region(low: Triple, high: Triple) -> Array:
            return part[:, :, low[0] : high[0], low[1] : high[1], low[2] : high[2]]

        cells[...] = part[:, :, d, h, w]
        add_borders(cells, pads, padding_mode, region)

    if result.size < _WORTH_THREADS:
        tiles = [(slice(None), slice(None))]
    else:
        tiles = [
            (slice(n, n + 1), slice(c, c + 1)) for n, c in product(range(len(array)), range(array.shape[1]))
        ]
    run_tiles(tiles, work)
    return result
