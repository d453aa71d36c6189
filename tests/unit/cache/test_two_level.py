"""A small fast cache before a large slow one."""

from __future__ import annotations

from tauro.cache import LRUCache, TwoLevelCache


def test_a_hit_of_the_second_fills_the_first() -> None:
    cache = TwoLevelCache(l1=LRUCache(10), l2=LRUCache(10))
    cache.l2.set("k", 1)
    assert "k" not in cache.l1  # type: ignore[operator]
    assert cache.get("k") == 1
    assert cache.l1.get("k") == 1


def test_what_left_the_first_comes_from_the_second() -> None:
    l1, l2 = LRUCache(1), LRUCache(10)
    cache = TwoLevelCache(l1=l1, l2=l2)
    cache.set("a", 1)
    cache.set("b", 2)
    assert l1.keys() == ["b"]
    assert cache.get("a") == 1
    assert l1.keys() == ["a"]
    assert l2.stats().hits == 1


def test_a_hit_of_the_first_does_not_ask_the_second() -> None:
    l2 = LRUCache(10)
    cache = TwoLevelCache(l1=LRUCache(10), l2=l2)
    cache.set("a", 1)
    cache.get("a")
    assert l2.stats().hits == l2.stats().misses == 0


def test_each_level_keeps_for_its_own_time() -> None:
    now = [0.0]
    l1 = LRUCache(10, default_ttl=60, clock=lambda: now[0])
    l2 = LRUCache(10, default_ttl=3600, clock=lambda: now[0])
    cache = TwoLevelCache(l1=l1, l2=l2)
    cache.set("k", 1)
    now[0] = 61
    assert "k" not in l1
    assert cache.get("k") == 1
    assert "k" in l1


def test_a_value_never_outlives_its_time_in_the_second_by_way_of_the_first() -> None:
    now = [0.0]
    l1 = LRUCache(10, default_ttl=60, clock=lambda: now[0])
    l2 = LRUCache(10, default_ttl=100, clock=lambda: now[0])
    cache = TwoLevelCache(l1=l1, l2=l2)
    cache.set("k", 1)
    now[0] = 90
    assert cache.get("k") == 1
    now[0] = 101
    assert cache.get("k") is None
    assert "k" not in cache


def test_what_one_level_alone_holds_is_deleted_too() -> None:
    cache = TwoLevelCache(l1=LRUCache(10), l2=LRUCache(10))
    cache.l1.set("a", 1)
    cache.l2.set("b", 1)
    assert cache.delete("a")
    assert cache.delete("b")
    assert not cache.delete("b")


def test_a_fill_reaches_both() -> None:
    cache = TwoLevelCache(l1=LRUCache(10), l2=LRUCache(10))
    assert cache.filling("k").store(1)
    assert cache.l1.get("k") == cache.l2.get("k") == 1
