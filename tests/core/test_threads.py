"""Threads of one run keep to cores of their own."""

from __future__ import annotations

import os
import threading
import weakref

import numpy as np
import pytest

from convstudio.core import threads

_current = threads._current_core()


@pytest.mark.skipif(_current is None, reason="the system does not tell a thread's core")
def test_a_thread_leaves_a_core_that_is_taken() -> None:
    assert _current is not None
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    found: list[tuple[list[int], set[int], set[int]]] = []

    def run() -> None:
        assert _current is not None
        first = min(os.sched_getaffinity(0))
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {first})  # now it is there for certain
        os.sched_setaffinity(0, before)
        taken = [first, _current()]
        threads._spread(taken)
        found.append((taken, before, os.sched_getaffinity(0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    taken, before, after = found[0]
    assert len(taken) == 3
    assert len(before.difference(taken[:2])) == 0 or taken[2] not in taken[:2]
    assert after == before


def test_all_cores_may_be_taken() -> None:
    taken = list(range(4096))
    threads._spread(taken)
    assert taken[:4096] == list(range(4096))


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_current_core", lambda: None)
    taken = [0]
    threads._spread(taken)
    assert taken == [0]


def test_what_is_kept_of_buffers_goes_with_them() -> None:
    scratch, made = threads.Scratch(), []

    def view(size: int) -> np.ndarray:
        array = scratch.take("a", (size,), np.dtype(np.uint8))
        made.append(weakref.ref(array))
        return array

    first = scratch.kept("owner", lambda _: view(1000))
    assert scratch.kept("owner", lambda _: view(1000)) is first
    assert len(made) == 1
    del first
    large = threads._KEPT_BYTES + 1
    assert len(scratch.kept("other", lambda _: view(large))) == large
    assert made[0]() is None  # it would have held the smaller buffer
    scratch.trim()
    assert made[1]() is None
    assert len(scratch.kept("owner", lambda _: view(1000))) == 1000
