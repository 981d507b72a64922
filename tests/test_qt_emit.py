"""The installed PySide6 survives what an afternoon of use emits."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal

EMITS = 100_000


class Bell(QObject):
    rang = Signal(bool)


def test_emitting_a_signal_does_not_eat_references_to_true() -> None:
    # PySide6 6.12.0 on CPython 3.11 drops one reference at every emit and aborts in the end.
    bell = Bell()
    heard = []
    bell.rang.connect(heard.append)
    before = sys.getrefcount(True)
    for _ in range(EMITS):
        bell.rang.emit(True)
        heard.clear()
    assert abs(sys.getrefcount(True) - before) < 50
