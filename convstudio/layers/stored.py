"""Trained arrays that a layer holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from convstudio.layers.base import FloatArray


class StoredArrays(Mapping[str, FloatArray]):
    """Arrays by name, float64 and read-only, which are equal where all their numbers are.

    Arrays that are given are copied, so that a layer which holds them never changes.
    """

    __slots__ = ("_arrays", "_hash")

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        self._arrays = {name: np.array(values, np.float64, order="C") for name, values in arrays.items()}
        for values in self._arrays.values():
            values.flags.writeable = False
        self._hash = hash(frozenset((name, a.shape, a.tobytes()) for name, a in self._arrays.items()))

    def __getitem__(self, name: str) -> FloatArray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredArrays):
            return NotImplemented
        if self._hash != other._hash or self.shapes() != other.shapes():
            return False
        return all(a.tobytes() == other[name].tobytes() for name, a in self.items())

    def __repr__(self) -> str:
        return f"StoredArrays({self.shapes()})"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the arrays' shapes by name."""
        return {name: values.shape for name, values in self._arrays.items()}
