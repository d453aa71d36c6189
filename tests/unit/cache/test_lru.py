"""The values used last."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from tauro.cache import CacheStats, LRUCache
from tauro.errors import ValidationError


def test_the_one_unused_for_longest_goes_first() -> None:
    cache = LRUCache(max_size=2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.get("a")
    cache.set("c", 3)
    assert cache.keys() == ["a", "c"]
    assert "b" not in cache
    assert len(cache) == 2


def test_setting_counts_as_use() -> None:
    cache = LRUCache(max_size=2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.set("a", 3)
    cache.set("c", 4)
    assert cache.keys() == ["a", "c"]


def test_asking_whether_it_is_there_does_not_count_as_use() -> None:
    cache = LRUCache(max_size=2)
    cache.set("a", 1)
    cache.set("b", 2)
    assert "a" in cache
    cache.set("c", 3)
    assert cache.keys() == ["b", "c"]


def test_the_default_time_holds_where_no_other_is_given() -> None:
    now = [0.0]
    cache = LRUCache(default_ttl=10, clock=lambda: now[0])
    cache.set("default", 1)
    cache.set("longer", 2, ttl=20)
    assert cache.filling("filled").store(3, 50)
    now[0] = 10
    assert cache.keys() == ["longer"]
    assert len(cache) == 1


def test_statistics_count_lookups_and_evictions() -> None:
    cache = LRUCache(max_size=1)
    assert cache.stats().hit_rate == 0
    cache.get("a")
    cache.set("a", 1)
    cache.get("a")
    cache.get("a")
    cache.set("b", 2)
    assert cache.stats() == CacheStats(hits=2, misses=1, evictions=1, size=1)
    assert cache.stats().hit_rate == pytest.approx(2 / 3)


def test_the_object_itself_is_kept() -> None:
    cache, model = LRUCache(), object()
    cache.set("model:v1", model)
    assert cache.get("model:v1") is model


@pytest.mark.parametrize(
    "options",
    [
        {"max_size": 0},
        {"max_size": -1},
        {"max_size": 2.5},
        {"default_ttl": 0},
        {"default_ttl": float("nan")},
        {"default_ttl": "5"},
    ],
)
def test_absurd_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        LRUCache(**options)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_uses_it_also_when_the_lock_was_held() -> None:
    cache = LRUCache()
    cache.set("a", 1)
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)
    with cache._lock:
        child = fork.Process(target=lambda: send.send(cache.get("a")))
        child.start()
    assert receive.poll(60)
    assert receive.recv() == 1
    child.join(60)
