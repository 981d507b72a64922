"""Large arrays that are used again, and never while someone can still see them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convstudio.engine.buffers import BufferPool

SHAPE = (3, 40, 50)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_a_dropped_array_is_handed_out_again() -> None:
    pool = BufferPool()
    first = pool.take(SHAPE, np.float32)
    place = address(first)
    del first
    assert address(pool.take(SHAPE, np.float32)) == place


def test_the_same_memory_serves_another_shape_of_the_same_size() -> None:
    pool = BufferPool()
    place = address(pool.take((4, 10, 10), np.float32))
    again = pool.take((10, 10, 16), np.uint8)
    assert address(again) == place
    assert again.flags.c_contiguous
    assert again.flags.writeable


def test_an_array_in_use_is_never_handed_out() -> None:
    pool = BufferPool()
    first = pool.take(SHAPE, np.float32)
    view = first[1, ::2].T
    first[...] = 7.0
    view.setflags(write=False)
    del first
    second = pool.take(SHAPE, np.float32)
    second[...] = 1.0
    assert (view == 7.0).all()


def test_what_does_not_fit_any_more_is_let_go() -> None:
    pool = BufferPool(most_unused=1)
    arrays = [pool.take(SHAPE, np.float32) for _ in range(5)]
    size = arrays[0].nbytes
    assert pool.nbytes == 5 * size
    arrays.clear()
    small = pool.take((2, 2), np.float32)
    assert pool.nbytes == size + small.nbytes


def test_what_a_larger_picture_needed_is_not_kept_for_ever() -> None:
    pool = BufferPool()
    small = pool.take((2, 2), np.float32)
    place, size = address(small), small.nbytes
    large = [pool.take(SHAPE, np.float32) for _ in range(3)]
    large.clear()
    del small
    for _ in range(100):
        assert address(pool.take((2, 2), np.float32)) == place
    assert pool.nbytes == size


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=60))
def test_arrays_in_use_keep_their_values(steps: list[tuple[int, bool]]) -> None:
    pool = BufferPool()
    held: list[tuple[np.ndarray, int]] = []
    for number, (rows, drop) in enumerate(steps):
        if drop and held:
            held.pop(0)
        array = pool.take((rows, 8), np.float64)
        array[...] = number
        held.append((array, number))
    assert all((array == number).all() for array, number in held)


def test_a_result_that_is_a_little_smaller_takes_no_fresh_memory() -> None:
    pool = BufferPool()
    first = pool.take((100, 100), np.float32)
    address = first.ctypes.data
    del first
    smaller = pool.take((98, 99), np.float32)
    assert smaller.ctypes.data == address
    assert smaller.shape == (98, 99)
    assert smaller.flags.c_contiguous
    other = pool.take((98, 99), np.float32)  # the buffer is in use: its views count
    assert not np.shares_memory(other, smaller)
    del smaller, other
    assert pool.take((40, 40), np.float32).ctypes.data != address  # not a small one in a large one
