"""Small convolutions with as little ado as possible.

For a picture of 28×28 the checks, the plan and the tiles take several times as long as the arithmetic. So
what follows from the arguments' shapes alone is remembered after the first call, and a call that only differs
in its numbers goes straight to one product: the windows unrolled into columns, as `gemm` does it.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from convstudio.core.checks import checked_out
from convstudio.core.job import ConvJob
from convstudio.core.padding import shown_cells
from convstudio.core.speeds import plans_steadily

Array: TypeAlias = npt.NDArray[Any]
Key: TypeAlias = tuple[Any, ...]

_MOST_PRODUCTS = 300_000  # beyond, other algorithms and threads are worth a thought
_MOST_COLUMNS = 1 << 16  # numbers
_MOST_PLANS = 256
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_plans: dict[Key, SmallConv] = {}


def key_of(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    padding_mode: Any,
    padding_value: Any,
) -> Key | None:
    """All that a plan depends on; None for arguments in other than their simplest form.

    Only exact types are taken: 1 and True would be the same key, but are not the same to us.
    """
    if not (type(x) is type(weight) is np.ndarray and type(padding_mode) is str):
        return None
    dtype = x.dtype
    if dtype not in _FLOATS or weight.dtype != dtype or not x.flags.c_contiguous:
        return None
    if not type(stride) is type(dilation) is type(groups) is int or type(padding) not in (int, str):
        return None
    if bias is not None and (type(bias) is not np.ndarray or bias.dtype != dtype):
        return None
    if type(padding_value) is not float:
        return None
    shape = None if bias is None else bias.shape
    return (
        x.shape,
        weight.shape,
        shape,
        dtype,
        stride,
        padding,
        dilation,
        groups,
        padding_mode,
        padding_value,
        plans_steadily(),
    )


def find(key: Key) -> SmallConv | None:
    """The plan that was made for such a call."""
    return _plans.get(key)


def remember(key: Key, job: ConvJob, shape: tuple[int, ...]) -> SmallConv:
    """Make a plan for such calls, whose result has this shape."""
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    plan = _plans[key] = SmallConv(job, shape)
    return plan


def fits(cells: int, window: int, outputs: int) -> bool:
    """Whether a job is small: output cells of all channels, values under a window, outputs of a group."""
    return cells * window <= _MOST_PRODUCTS and cells // outputs * window <= _MOST_COLUMNS


class SmallConv:
    """One product for the whole job."""

    def __init__(self, job: ConvJob, shape: tuple[int, ...]) -> None:
        examples, inputs = job.source.array.shape[:2]
        source = job.source
        self._shape = shape
        self._dtype = job.dtype
        self._pads = source.pads
        self._value = source.value
        self._padded: tuple[int, ...] | None = None
        self._inner: tuple[Any, ...] = ()
        self._shown: Array | None = None
        if source.pads != ((0, 0),) * 3:
            if source.mode in ("zeros", "constant"):
                self._padded = (examples, inputs, *source.shape)
                spatial = zip(source.pads, source.array.shape[2:], strict=True)
                self._inner = (..., *(slice(before, before + n) for (before, _), n in spatial))
            else:
                self._shown = shown_cells(tuple(source.array.shape[2:]), source.pads, source.mode)
        self._input = tuple(source.array.shape)
        self._cells = (examples * inputs, math.prod(source.array.shape[2:]))
        item = job.dtype.itemsize
        depth, height, width = source.shape
        of_cell = (height * width * item, width * item, item)
        of_channel = depth * height * width * item
        self._windows = (examples, job.groups, job.inputs, *job.kernel, *job.cells)
        self._strides = (
            inputs * of_channel,
            job.inputs * of_channel,
            of_channel,
            *(step * gap for step, gap in zip(of_cell, job.dilation, strict=True)),
            *(step * stride for step, stride in zip(of_cell, job.stride, strict=True)),
        )
        self._columns = (examples, job.groups, job.inputs * job.taps, math.prod(job.cells))
        self._matrix = (job.groups, job.outputs, job.inputs * job.taps)
        self._result = (examples, job.groups, job.outputs, math.prod(job.cells))
        self._flip = (slice(None), slice(None)) + (slice(None, None, -1),) * (len(shape) - 2)

    def __call__(self, x: Array, weight: Array, bias: Array | None, flip: bool, out: Any) -> Array:
        """The convolution, for arguments as in the plan's key. ValueError for an `out` that does not fit."""
        result = checked_out(out, self._shape, self._dtype, x=x, weight=weight)
        if self._padded is not None:
            block = np.empty(self._padded, self._dtype)
            block.fill(self._value)
            block[self._inner] = x.reshape(self._input)
        elif self._shown is not None:
            block = x.reshape(self._cells).take(self._shown, 1)
        else:
            block = x
        windows = np.ndarray(self._windows, self._dtype, block, 0, self._strides)
        columns = np.empty(self._columns, self._dtype)
        np.copyto(columns.reshape(self._windows), windows)
        with np.errstate(all="ignore"):
            matrix = (weight[self._flip] if flip else weight).reshape(self._matrix)
            np.matmul(matrix, columns, out=result.reshape(self._result))
            if bias is not None:
                result += bias.reshape(-1, *(1,) * (len(self._shape) - 2))
        return result
