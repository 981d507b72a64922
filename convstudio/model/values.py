"""Parameters as JSON and back: numbers, words, tuples, filter banks, trained arrays.

A kernel that its preset still makes is stored as the preset's name and parameters, any other by its weights,
a row a line. Many numbers go apart, as float64 arrays under a name; every float comes back as the very same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convstudio.kernels import LARGEST_BANK, LARGEST_SIDE, PRESETS, Bank, Filter, Kernel, preset
from convstudio.kernels.bank import LARGEST_INPUTS
from convstudio.layers.stored import StoredArrays
from convstudio.model.json_text import clipped
from convstudio.spec.params import ParamError

MOST_INLINE = 4096
"""Numbers of a bank or an array that are written into the text; more go apart."""

Numbers = NDArray[np.float64]
Apart = dict[str, Numbers]
"""The arrays that do not stand in the text, by name."""
Fetch = Callable[[str], NDArray[Any]]
"""Returns one of them, or raises an error of its own."""

_RECIPE = {"preset", "params", "title", "values", "shape", "count"}


class NotKnownError(ParamError):
    """A value that a newer program wrote, such as a preset that this one does not have."""


# --- values ---


def encode(value: Any, name: str, apart: Apart) -> Any:
    """Return a parameter's value as JSON can hold it; ``name`` is for what goes apart.

    Raises:
        TypeError: a kind of value that has no form here.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [encode(each, f"{name}-{k}", apart) for k, each in enumerate(value)]
    if isinstance(value, Bank):
        return encode_bank(value, name, apart)
    if isinstance(value, Kernel):
        return {"kernel": _recipe(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {"arrays": {key: _array(each, f"{name}-{key}", apart) for key, each in value.items()}}
    raise TypeError(f"{name} holds {type(value).__name__}, which a project file has no form for")


def decode(value: Any, fetch: Fetch) -> Any:
    """Return the value that ``encode`` made this of, not yet checked by its declaration.

    Raises:
        ParamError: it is none.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return tuple(decode(each, fetch) for each in value)
    if isinstance(value, dict) and "filters" in value:
        return decode_bank(value, fetch)
    if isinstance(value, dict) and "kernel" in value:
        return _kernels(value["kernel"], None)[0]
    if isinstance(value, dict) and isinstance(value.get("arrays"), dict):
        return StoredArrays({name: _from_array(each, fetch) for name, each in value["arrays"].items()})
    raise NotKnownError("it is a kind of value that this program does not know")


def _array(values: NDArray[Any], name: str, apart: Apart) -> dict[str, Any]:
    numbers = np.asarray(values, np.float64)
    if 0 < numbers.size <= MOST_INLINE and np.isfinite(numbers).all():
        rows = numbers.reshape(numbers.shape[0] if numbers.ndim > 1 else 1, -1)
        return {"shape": list(numbers.shape), "rows": rows.tolist()}
    apart[name] = numbers
    return {"part": name}


def _from_array(data: Any, fetch: Fetch) -> Numbers:
    if isinstance(data, dict) and "part" in data:
        return np.asarray(fetch(_text(data["part"], "the name of an array")), np.float64)
    if not isinstance(data, dict) or not isinstance(data.get("shape"), list):
        raise ParamError("an array must have a shape and rows")
    shape = data["shape"]
    rows = _rows(data.get("rows"), MOST_INLINE)
    sound = len(shape) <= 8 and all(type(side) is int and 0 < side <= MOST_INLINE for side in shape)
    if not sound or math.prod(shape) != rows.size:
        raise ParamError("the shape of an array does not fit its rows")
    return rows.reshape(shape)


# --- banks ---


def encode_bank(bank: Bank, name: str, apart: Apart, most_inline: float = MOST_INLINE) -> dict[str, Any]:
    """Return a bank as JSON can hold it; the weights of a large one go apart, in one row."""
    runs = [_runs(each.kernels) for each in bank.filters]
    own = [kernel for each in runs for kernel, _ in each if not made_by_preset(kernel)]
    large = sum(kernel.values.size for kernel in own) > most_inline
    if large:
        kernels = [k.values.ravel() for each in bank.filters for k in each.kernels if not made_by_preset(k)]
        apart[name] = np.concatenate(kernels)
    filters = [
        {
            "kernels": _shapes(each.kernels) if large else [_recipe(*run) for run in run_list],
            "bias": each.bias,
            "name": each.name,
        }
        for each, run_list in zip(bank.filters, runs, strict=True)
    ]
    return {"weights": {"part": name}, "filters": filters} if large else {"filters": filters}


def _runs(kernels: Iterable[Kernel]) -> list[tuple[Kernel, int]]:
    """Return equal neighbours once, with their number."""
    return [(kernel, sum(1 for _ in group)) for kernel, group in itertools.groupby(kernels)]


def decode_bank(data: dict[str, Any], fetch: Fetch) -> Bank:
    """Return the bank that ``encode_bank`` wrote.

    Raises:
        ParamError: it is none; the message says which filter and which kernel.
    """
    supply = None
    if "weights" in data:
        where = data["weights"]
        supply = _Supply(fetch(_text(where.get("part") if isinstance(where, dict) else where, "weights")))
    filters = data["filters"]
    if not isinstance(filters, list) or not 1 <= len(filters) <= LARGEST_BANK:
        raise ParamError(f"a bank must be a list of 1 to {LARGEST_BANK} filters")
    found = []
    for number, each in enumerate(filters, 1):
        try:
            found.append(_filter(each, supply))
        except ParamError as error:
            raise type(error)(f"filter {number}: {error}") from None
    if supply is not None and supply.left:
        raise ParamError(f"{supply.left} weights are left over")
    return Bank(tuple(found))


def _filter(data: Any, supply: _Supply | None) -> Filter:
    if not isinstance(data, dict) or not isinstance(data.get("kernels"), list):
        raise ParamError("it must be an object with a list of kernels")
    kernels: list[Kernel] = []
    for number, each in enumerate(data["kernels"], 1):
        try:
            kernels += _kernels(each, supply)
        except ParamError as error:
            raise type(error)(f"kernel {number}: {error}") from None
        if len(kernels) > LARGEST_INPUTS:
            raise ParamError(f"a filter has at most {LARGEST_INPUTS} kernels")
    bias = data.get("bias", 0.0)
    if not is_number(bias):
        raise ParamError(f"the bias must be a number, got {clipped(repr(bias))}")
    return Filter(tuple(kernels), bias, _text(data.get("name", ""), "the name"))


def unknown_in_bank(data: Any) -> set[str]:
    """Return the names in a bank's JSON that ``decode_bank`` passes over."""
    found: set[str] = set()
    if isinstance(data, dict) and isinstance(data.get("filters"), list):
        found |= set(data) - {"filters", "weights"}
        for each in data["filters"]:
            found |= set(each) - {"kernels", "bias", "name"}
            for kernel in each["kernels"]:
                found |= set(kernel) - _RECIPE
    return found


def unknown_in_kernel(data: Any) -> set[str]:
    """Return the names in a single kernel's JSON that ``decode`` passes over; none where it is no kernel."""
    if not isinstance(data, dict) or not isinstance(data.get("kernel"), dict):
        return set()
    return (set(data) - {"kernel"}) | (set(data["kernel"]) - _RECIPE)


# --- kernels ---


@lru_cache(maxsize=1024)
def _made(name: str, params: tuple[tuple[str, Any], ...]) -> Kernel | None:
    try:
        return preset(name).make(**dict(params))
    except (ParamError, LookupError):
        return None


def made_by_preset(kernel: Kernel) -> bool:
    """Whether the preset that a kernel names makes just this kernel."""
    return kernel.preset is not None and _made(kernel.preset, kernel.params) == kernel


def _recipe(kernel: Kernel, count: int = 1) -> dict[str, Any]:
    repeated = {"count": count} if count > 1 else {}
    if made_by_preset(kernel):
        params = {name: encode(value, name, {}) for name, value in kernel.params}
        return {"preset": kernel.preset, "params": params} | repeated
    rows = [[_short(value) for value in row] for row in kernel.values.tolist()]
    return {"title": kernel.title, "values": rows} | repeated


def _shapes(kernels: Iterable[Kernel]) -> list[dict[str, Any]]:
    """Return recipes whose weights stand apart: neighbours of one title and shape are told together."""
    found = []
    groups = itertools.groupby(kernels, lambda k: None if made_by_preset(k) else (k.title, k.shape))
    for key, group in groups:
        if key is None:
            found += [_recipe(*run) for run in _runs(group)]
        else:
            found.append({"title": key[0], "shape": [sum(1 for _ in group), *key[1]]})
    return found


def _short(value: float) -> float | int:
    """A whole number without its ".0", which JSON reads as the same weight."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _kernels(data: Any, supply: _Supply | None) -> tuple[Kernel, ...]:
    """Return the kernels that a recipe describes: one as often as it says, or several from the supply."""
    if not isinstance(data, dict):
        raise ParamError("it must be an object with a preset, or with a title and values")
    if "shape" in data and supply is not None:
        title = _text(data.get("title", "Custom"), "the title")
        return tuple(Kernel(plane, title) for plane in supply.take(data["shape"]))
    count = data.get("count", 1)
    if type(count) is not int or not 1 <= count <= LARGEST_INPUTS:
        raise ParamError(f"the count must be a whole number from 1 to {LARGEST_INPUTS}")
    if "preset" in data:
        return (_from_preset(data),) * count
    if "values" not in data:
        raise ParamError("it has neither a preset nor values")
    return (
        Kernel(_rows(data["values"], LARGEST_SIDE), _text(data.get("title", "Custom"), "the title")),
    ) * count


def _from_preset(data: dict[str, Any]) -> Kernel:
    name = _text(data["preset"], "the preset")
    if name not in PRESETS:
        raise NotKnownError(f"there is no preset “{clipped(name)}” in this program")
    params = data.get("params", {})
    if not isinstance(params, dict):
        raise ParamError("the preset's parameters must be an object")
    chosen = preset(name)
    unknown = set(params) - {each.name for each in chosen.params}
    if unknown:
        raise NotKnownError(f"the preset {name} has no parameter “{clipped(min(unknown))}” in this program")
    try:
        return chosen.make(**{key: _plain(value) for key, value in params.items()})
    except (TypeError, ArithmeticError) as error:
        raise ParamError(f"the preset {name} cannot be made: {error}") from None


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _rows(data: Any, longest: int) -> Numbers:
    """Return lists of numbers, all of a length, as an array; so many at most, and so long."""
    if not isinstance(data, list) or not 1 <= len(data) <= longest:
        raise ParamError(f"the values must be a list of 1 to {longest} rows")
    for row in data:
        if not isinstance(row, list) or not 1 <= len(row) <= longest:
            raise ParamError(f"a row of the values must be a list of 1 to {longest} numbers")
        if len(row) != len(data[0]):
            raise ParamError("the rows of the values must be of the same length")
        for value in row:
            if not is_number(value):
                raise ParamError(f"a weight must be a number, got {clipped(repr(value))}")
    return np.array(data, np.float64)


class _Supply:
    """The weights of a large bank, handed out in their order."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = np.asarray(values, np.float64).ravel()
        self._at = 0

    @property
    def left(self) -> int:
        """How many there still are."""
        return len(self._values) - self._at

    def take(self, shape: Any) -> Numbers:
        """Return the next ones as so many kernels: ``(kernels, rows, columns)``."""
        most = (LARGEST_INPUTS, LARGEST_SIDE, LARGEST_SIDE)
        sound = isinstance(shape, list) and len(shape) == 3
        if not sound or not all(type(n) is int and 1 <= n <= m for n, m in zip(shape, most, strict=True)):
            raise ParamError(f"the shape must be a number of kernels, rows and columns up to {most}")
        count = math.prod(shape)
        if count > self.left:
            raise ParamError("there are too few weights for it")
        self._at += count
        return self._values[self._at - count : self._at].reshape(shape)


def is_number(value: Any) -> bool:
    """Whether a value read from JSON is a number that a float can be; True and False are not."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 10**40)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ParamError(f"{what} must be text, got {clipped(repr(value))}")
    return value
