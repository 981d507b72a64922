"""Work cut into tiles, spread over the processor's cores.

NumPy and BLAS release the interpreter lock while they compute, so plain threads use every core. A BLAS that
starts threads of its own under each of ours would fight them: it is held to one while ours run.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no stubs

from convstudio.core.arrays import address
from convstudio.core.control import Control

Array: TypeAlias = npt.NDArray[Any]
T = TypeVar("T")

# A worker keeps its scratch buffers for the next call up to this many bytes.
_KEPT_BYTES = 8 << 20
_MOST_VIEWS = 64  # of them, by what they were made for
_PAGE = 4096  # bytes


class Scratch:
    """Buffers of one worker, grown when needed and used again for the next tile."""

    __slots__ = ("_buffers", "_views")

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}
        self._views: dict[Any, Any] = {}

    def take(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], copied_to: Array | None = None
    ) -> Array:
        """A C-contiguous array of unset values; the same name shares memory with what it gave before.

        One that is to be `copied_to` an array lies half a page from it: processors copy at a tenth of their
        speed where the target is a few bytes ahead of the source, modulo the size of a page.
        """
        size = dtype.itemsize
        for n in shape:
            size *= n
        room = size + _PAGE
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < room:
            self._views.clear()  # of the smaller one, which would not be given back
            buffer = self._buffers[name] = np.empty(room, np.uint8)
        if copied_to is None:
            return np.ndarray(shape, dtype, buffer=buffer)
        return np.ndarray(shape, dtype, buffer, (address(copied_to) + _PAGE // 2 - address(buffer)) % _PAGE)

    def kept(self, owner: object, make: Callable[[Scratch], T]) -> T:
        """What `make` made of the buffers for an owner, now or before."""
        found: T | None = self._views.get(owner)
        if found is None:
            if len(self._views) >= _MOST_VIEWS:
                self._views.clear()
            found = make(self)
            self._views[owner] = found
        return found

    def trim(self) -> None:
        """Give large buffers back to the system."""
        if sum(buffer.nbytes for buffer in self._buffers.values()) > _KEPT_BYTES:
            self._buffers.clear()
            self._views.clear()


class _Local(threading.local):
    def __init__(self) -> None:
        self.scratch = Scratch()


_local = _Local()


@cache
def thread_count() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(thread_count() - 1, 1), thread_name_prefix="convstudio-core")


@cache
def _current_core() -> Callable[[], int] | None:
    """What tells the core that the calling thread is on; None where the system does not say or let choose."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        found: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu  # which keeps the interpreter, for 0.3 µs
    except (OSError, AttributeError):
        return None
    return found


def _spread(taken: list[int]) -> None:
    """Move this thread off the cores that others of the same run are on, and add its own to them.

    Linux wakes a thread where it last ran if it thinks of no better core, and where cores share no cache that
    it knows of, as in virtual machines, it does not look for one: two threads were measured to take turns on
    one core, the other idle, for hundreds of runs, until something else happened to part them. The thread may
    go back to any core afterwards: it stays by itself.
    """
    current = _current_core()
    if current is None:
        return
    core = current()
    if core in taken:
        allowed = os.sched_getaffinity(0)
        if others := allowed.difference(taken):
            try:
                os.sched_setaffinity(0, others)
                os.sched_setaffinity(0, allowed)
            except OSError:  # not permitted here, or the cores have just been taken away
                return
            core = current()
    taken.append(core)


class _BlasHold:
    """Holds NumPy's BLAS to one thread while any of our parallel runs is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before: list[tuple[Any, int]] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._before = [(library, library.num_threads) for library in _blas_libraries()]
                for library, _ in self._before:
                    library.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0:
                    for library, threads in self._before:
                        library.set_num_threads(threads)


@cache
def _blas_libraries() -> tuple[Any, ...]:
    """NumPy's BLAS as threadpoolctl finds it (a search of the loaded libraries: once is enough)."""
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


blas_single_threaded = _BlasHold()

# Sides of a product that writes to all of the memory that BLAS packs usual operands into: some 6 ms.
_WARMING = (256, 640, 640)


@cache
def warm_blas() -> None:
    """Let BLAS write once to the buffers into which it packs its operands, one for each core.

    Until then its kernels prefetch from pages that do not exist yet, and go on paying for that in every
    product that does not reach those pages itself: measured, products of 16 to 64 rows with 200 to 600
    values each took 1.3 to 3 times as long.
    """
    rows, inner, columns = _WARMING
    left, right = np.zeros((rows, inner), np.float32), np.zeros((inner, columns), np.float32)
    np.matmul(left, right)  # BLAS's own threads
    together = threading.Barrier(thread_count())

    def multiply() -> None:
        together.wait()  # two products one after the other would use the same buffer
        np.matmul(left, right)

    with blas_single_threaded():
        threads = [threading.Thread(target=multiply) for _ in range(thread_count())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def run_tiles(
    tiles: Sequence[T],
    work: Callable[[T, Scratch], object],
    control: Control | None = None,
    *,
    parallel: bool = True,
) -> None:
    """Call `work(tile, scratch)` for every tile; return when all are done.

    Tiles are taken in order, by this thread and, if `parallel`, by a worker for each further core. The
    `control` is checked before each tile and told after it. The first exception stops the rest and is raised.
    Floating-point warnings are off: NaN and infinity in the data are results, not mistakes.
    """
    if control is not None:
        control.check()
    if len(tiles) > 1 and parallel and thread_count() > 1:
        warm_blas()
        with blas_single_threaded():
            _run_parallel(tiles, work, control)
        return
    scratch = _local.scratch
    with np.errstate(all="ignore"):
        for index, tile in enumerate(tiles, 1):
            work(tile, scratch)
            if control is not None:
                control.report(index, len(tiles))
    scratch.trim()


def _run_parallel(tiles: Sequence[T], work: Callable[[T, Scratch], object], control: Control | None) -> None:
    tickets = count()
    finished = 0
    failures: list[BaseException] = []
    lock = threading.Lock()

    taken: list[int] = []

    def drain() -> None:
        nonlocal finished
        _spread(taken)
        scratch = _local.scratch
        try:
            with np.errstate(all="ignore"):
                while not failures and (ticket := next(tickets)) < len(tiles):
                    work(tiles[ticket], scratch)
                    if control is not None:
                        with lock:  # so that progress never falls
                            finished += 1
                            control.report(finished, len(tiles))
        except BaseException as failure:  # handed to the caller below, whatever it is
            failures.append(failure)
        scratch.trim()

    helpers = [_pool().submit(drain) for _ in range(min(thread_count(), len(tiles)) - 1)]
    drain()
    for helper in helpers:
        # One that never started (the pool is busy with another operation) has nothing to wait for.
        if not helper.cancel():
            helper.result()
    try:
        if failures:
            raise failures[0]
    finally:
        failures.clear()  # each knows the frames that know this list: a cycle that would keep all arrays
