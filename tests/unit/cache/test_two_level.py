"""A small fast cache before a large slow one."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.cache import LRUCache, StorageCache, TwoLevelCache
from tauro.storage import LocalStorageBackend


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


class _Meddled(LRUCache):
    """A slow level in whose operations others come in between."""

    def __init__(self) -> None:
        super().__init__(10)
        self.before: Callable[[], object] | None = None
        self.after: Callable[[], object] | None = None

    def _meddle(self, name: str) -> None:
        meddle = getattr(self, name)
        setattr(self, name, None)
        if meddle is not None:
            meddle()

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        self._meddle("before")
        super().set(key, value, ttl)
        self._meddle("after")

    def clear(self) -> None:
        self._meddle("before")
        super().clear()


def test_a_reader_amid_a_set_does_not_keep_the_old_value_in_the_first() -> None:
    """Its fill from the second is old as soon as the second is set."""
    slow = _Meddled()
    cache = TwoLevelCache(l1=LRUCache(1), l2=slow)
    cache.set("k", "old")

    def read() -> None:
        cache.l1.set("other", 1)  # makes room of "k", so that the reader looks further
        assert cache.get("k") == "old"

    slow.before = read
    cache.set("k", "new")
    assert cache.get("k") == "new"
    assert slow.get("k") == "new"


def test_two_writers_leave_both_levels_with_one_value() -> None:
    slow = _Meddled()
    cache = TwoLevelCache(l1=LRUCache(10), l2=slow)
    other = threading.Thread(target=cache.set, args=("k", "second"))

    def come_in() -> None:
        other.start()
        other.join(0.05)  # were it let in, it would be done by then

    slow.after = come_in
    cache.set("k", "first")
    other.join(240)
    assert cache.l1.get("k") == slow.get("k") == cache.get("k") == "second"


def test_a_reader_amid_a_clear_brings_nothing_back() -> None:
    slow = _Meddled()
    cache = TwoLevelCache(l1=LRUCache(10), l2=slow)
    cache.set("k", 1)
    slow.before = lambda: cache.get("k")
    cache.clear()
    assert cache.get("k") is None


def test_while_one_level_fails_to_set_the_other_keeps_what_it_has() -> None:
    slow = _Meddled()
    cache = TwoLevelCache(l1=LRUCache(10), l2=slow)
    cache.set("k", 1)

    def fail() -> None:
        raise ConnectionError("the store is away")

    slow.before = fail
    with pytest.raises(ConnectionError):
        cache.set("k", 2)
    assert cache.l1.get("k") == slow.get("k") == 1


def _serve(folder: str, orders: Any, answers: Any) -> None:
    cache = TwoLevelCache(LRUCache(10), StorageCache(LocalStorageBackend(folder)))
    for verb, *arguments in iter(orders.get, None):
        if verb == "forget":  # as its first level does when the value's time has passed
            cache.l1.clear()
        answers.put(getattr(cache, verb)(*arguments) if verb != "forget" else None)


def test_two_processes_agree_once_the_first_level_lets_go(tmp_path: Path) -> None:
    """And nothing that one of them set or deleted is undone by what the other remembered."""
    context = multiprocessing.get_context("spawn")
    queues = [(context.Queue(), context.Queue()) for _ in range(2)]
    processes = [
        context.Process(target=_serve, args=(str(tmp_path), *pair), daemon=True) for pair in queues
    ]
    for process in processes:
        process.start()

    def ask(number: int, *order: Any) -> Any:
        queues[number][0].put(order)
        return queues[number][1].get(timeout=240)

    ask(0, "set", "k", 1)
    assert ask(1, "get", "k") == 1
    ask(0, "set", "k", 2)
    assert ask(1, "get", "k") == 1
    ask(1, "forget")
    assert ask(1, "get", "k") == 2
    assert ask(1, "delete", "k") is True
    assert ask(0, "get", "k") == 2
    ask(0, "forget")
    assert ask(0, "get", "k") is None
    ask(0, "set", "k", 3)
    assert ask(1, "get", "k") == 3
    for (orders, _), process in zip(queues, processes, strict=True):
        orders.put(None)
        process.join(240)
