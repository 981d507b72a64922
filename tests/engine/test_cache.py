"""The byte-bounded cache."""

from __future__ import annotations

from convstudio.engine.cache import ByteCache


def test_the_least_recently_used_goes_first() -> None:
    cache: ByteCache[str] = ByteCache(30)
    for key in "abc":
        cache.put(key, key.upper(), 10)
    assert cache.get("a") == "A"
    cache.put("d", "D", 10)
    assert cache.get("b") is None
    assert [cache.get(key) for key in "acd"] == ["A", "C", "D"]
    assert cache.nbytes == 30


def test_a_replaced_value_is_counted_once() -> None:
    cache: ByteCache[int] = ByteCache(100)
    cache.put("a", 1, 60)
    cache.put("a", 2, 70)
    assert cache.nbytes == 70
    assert cache.get("a") == 2


def test_a_value_larger_than_the_bound_is_kept_alone() -> None:
    cache: ByteCache[int] = ByteCache(100)
    cache.put("small", 1, 10)
    cache.put("huge", 2, 500)
    assert cache.get("huge") == 2
    assert cache.get("small") is None


def test_no_more_than_so_many_are_kept() -> None:
    cache: ByteCache[int] = ByteCache(100, max_entries=2)
    for number in range(4):
        cache.put(number, number, 1)
    assert [cache.get(number) for number in range(4)] == [None, None, 2, 3]
    assert cache.nbytes == 2


def test_fewer_can_be_allowed_later() -> None:
    cache: ByteCache[int] = ByteCache(100)
    for number in range(3):
        cache.put(number, number, 1)
    cache.allow(1)
    cache.put(3, 3, 1)
    assert [cache.get(number) for number in range(4)] == [None, None, None, 3]
