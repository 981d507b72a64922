"""Which arrays the core takes, and what it computes with."""

from __future__ import annotations

import numbers
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)


def real_array(name: str, value: Any) -> Array:
    """`value` as an array of real numbers, not copied; ValueError naming the argument for anything else."""
    array = any_array(name, value)
    kind = array.dtype.kind
    if kind in "buif" and array.dtype.itemsize <= 8:
        return array
    raise ValueError(
        f"{name} must hold real numbers (integers, float16, float32 or float64), got dtype {array.dtype}"
    )


def any_array(name: str, value: Any) -> Array:
    """`value` as an array, not copied; ValueError naming the argument for rows of different lengths."""
    if type(value) is np.ndarray:
        return value
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers, got rows of different lengths") from None
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{name} must be an array of numbers; this {type(value).__name__} does not become one: {error}"
        ) from None


def new_array(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """An array to be filled; ValueError for a shape that no array can have."""
    try:
        return np.empty(shape, dtype)
    except ValueError:
        raise ValueError(f"the result would have the shape {shape}, too large for any array") from None


def real_number(name: str, value: object) -> float:
    """`value` as a float; ValueError naming the argument for anything that is not a real number."""
    if type(value) is float:
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number in the range of float64, got {value!r}") from None


def checked_flag(name: str, value: Any) -> bool:
    """`value` as a bool; ValueError for anything that is not True or False."""
    if type(value) is bool or isinstance(value, np.bool_):
        return bool(value)
    raise ValueError(f"{name} must be True or False, got {value!r}")


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float64 for float64, float32 for every other real type; in the machine's byte order."""
    return _FLOAT64 if dtype.kind == "f" and dtype.itemsize == 8 else _FLOAT32


def strided(array: Array, shape: Shape, strides: Shape, offset: int = 0) -> Array:
    """A view from `offset` bytes after the array's first value on; it may reach all of the array's memory.

    `as_strided` takes several times as long and checks no bounds: it is left for memory with holes.
    """
    memory = array
    if not array.flags.c_contiguous:
        if isinstance(array.base, np.ndarray):
            memory = array.base
        if memory.flags.f_contiguous:
            memory = memory.T
        if not memory.flags.c_contiguous:
            moved: Array = as_strided(array, (2, *shape), (offset, *strides))[1]
            return moved
        offset += address(array) - address(memory)
    return np.ndarray(shape, array.dtype, memory, offset, strides)


def address(array: Array) -> int:
    """Where the array's first value lies in memory."""
    first: int = array.__array_interface__["data"][0]
    return first


def surely_finite(values: Array) -> bool:
    """Whether a quick look proves that no value is NaN or infinite: their sum of squares is finite.

    False proves nothing: squares of values above 1e19 leave the range of float32.
    """
    if values.flags.c_contiguous:
        run = values.reshape(-1)
        return bool(np.isfinite(np.dot(run, run)))
    return bool(np.isfinite(np.add.reduce(values, axis=None)))
