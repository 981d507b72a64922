"""A registry of named kinds that answers a wrong name with the nearest right ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownKindError(LookupError):
    """No kind has this name; the message suggests those that are close."""

    def __str__(self) -> str:  # KeyError and LookupError quote their message; users read this one
        return str(self.args[0])


class Registry(Generic[T]):
    """Kinds by id, in the order of their registration."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._kinds: dict[str, T] = {}

    def add(self, name: str, kind: T) -> None:
        """Register a kind.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._kinds:
            raise ValueError(f"{self._what} {name!r} is registered twice")
        self._kinds[name] = kind

    def __getitem__(self, name: str) -> T:
        if name in self._kinds:
            return self._kinds[name]
        close = difflib.get_close_matches(name, self._kinds, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(self._kinds)}"
        raise UnknownKindError(f"there is no {self._what} {name!r}; {hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def items(self) -> list[tuple[str, T]]:
        """Return all names with their kinds."""
        return list(self._kinds.items())
