"""A byte-bounded store of computed arrays, keyed by what they were computed from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Keeps the most recently used values while their sizes add up to at most ``max_bytes``.

    At most ``max_entries`` are kept. Keys are the immutable inputs themselves, so a hit is right by
    construction. The newest value is always kept, even when it alone is larger than the bound. Not thread
    safe: one worker owns it.
    """

    def __init__(self, max_bytes: int, max_entries: int = 1000) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def allow(self, entries: int) -> None:
        """Keep at most so many values from the next one on."""
        self._max_entries = entries

    @property
    def nbytes(self) -> int:
        """What the stored values occupy."""
        return self._bytes

    def get(self, key: Hashable) -> V | None:
        """Return the value stored under ``key``, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, value: V, nbytes: int) -> None:
        """Store a value of ``nbytes`` bytes and drop the least recently used beyond the bound."""
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= old[1]
        self._entries[key] = (value, nbytes)
        self._bytes += nbytes
        while len(self._entries) > 1 and (
            self._bytes > self._max_bytes or len(self._entries) > self._max_entries
        ):
            _, (_, freed) = self._entries.popitem(last=False)
            self._bytes -= freed
