"""What every level of cache keeps to."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

from tauro.cache import Cache
from tauro.errors import ValidationError


class CacheSuite(ABC):
    """Subclass it, say how a cache is made and how its time passes, and let pytest collect it."""

    @abstractmethod
    def make_cache(self, folder: Path) -> Cache:
        """Return a new, empty cache that keeps at least 100 values, without limit of time."""

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Let time pass for the cache."""

    @pytest.fixture
    def cache(self, tmp_path: Path) -> Cache:
        """An empty cache."""
        return self.make_cache(tmp_path)

    def test_it_has_the_methods_of_a_cache(self, cache: Cache) -> None:
        assert isinstance(cache, Cache)

    @pytest.mark.parametrize(
        "value", [1, "a", None, False, [1, {"b": None}], {"a": 0.5}, b"\0\n\xff", b""]
    )
    def test_what_was_set_is_found(self, cache: Cache, value: Any) -> None:
        cache.set("k", value)
        assert cache.get("k", "default") == value
        found = cache.lookup("k")
        assert found is not None
        assert found.value == value
        assert found.ttl is None

    def test_what_was_not_set_is_not_found(self, cache: Cache) -> None:
        assert cache.lookup("k") is None
        assert cache.get("k") is None
        assert cache.get("k", 3) == 3

    @pytest.mark.parametrize("key", ["", "a/b:c", "..", "ü", "a" * 1000, "A", "a"])
    def test_any_text_is_a_key(self, cache: Cache, key: str) -> None:
        cache.set(key, 1)
        cache.set(f"{key}x", 2)
        assert cache.get(key) == 1
        assert cache.get(f"{key}x") == 2

    def test_setting_again_replaces(self, cache: Cache) -> None:
        cache.set("k", 1)
        cache.set("k", 2)
        assert cache.get("k") == 2

    def test_a_value_is_not_found_once_its_time_has_passed(self, cache: Cache) -> None:
        cache.set("short", 1, ttl=10)
        cache.set("long", 2, ttl=100)
        cache.set("ever", 3)
        self.advance(9)
        found = cache.lookup("short")
        assert found is not None
        assert found.ttl is not None
        assert 0 < found.ttl <= 1.001
        self.advance(1)
        assert cache.lookup("short") is None
        assert cache.get("long") == 2
        self.advance(1e6)
        assert cache.get("long") is None
        assert cache.get("ever") == 3

    def test_setting_again_gives_a_new_time(self, cache: Cache) -> None:
        cache.set("k", 1, ttl=10)
        self.advance(9)
        cache.set("k", 2, ttl=10)
        self.advance(9)
        assert cache.get("k") == 2

    @pytest.mark.parametrize("ttl", [0, -1, float("nan")])
    def test_a_time_that_is_none_is_refused(self, cache: Cache, ttl: float) -> None:
        with pytest.raises(ValidationError, match="ttl is"):
            cache.set("k", 1, ttl=ttl)
        assert cache.get("k") is None

    def test_what_was_deleted_is_gone(self, cache: Cache) -> None:
        cache.set("k", 1)
        assert cache.delete("k")
        assert cache.lookup("k") is None
        assert not cache.delete("k")

    def test_a_value_whose_time_has_passed_was_not_there_to_delete(self, cache: Cache) -> None:
        cache.set("k", 1, ttl=1)
        self.advance(2)
        assert not cache.delete("k")

    def test_clear_forgets_everything(self, cache: Cache) -> None:
        for number in range(20):
            cache.set(str(number), number)
        cache.clear()
        assert [cache.get(str(number)) for number in range(20)] == [None] * 20

    def test_a_filled_value_is_kept(self, cache: Cache) -> None:
        fill = cache.filling("k")
        assert fill.store({"a": 1}, 10)
        assert cache.get("k") == {"a": 1}
        self.advance(10)
        assert cache.get("k") is None

    @pytest.mark.parametrize("change", ["set", "delete", "clear"])
    def test_a_fill_does_not_bring_back_what_was_changed(self, cache: Cache, change: str) -> None:
        fill = cache.filling("k")
        if change == "set":
            cache.set("k", "new")
        elif change == "delete":
            cache.delete("k")
        else:
            cache.clear()
        assert not fill.store("old")
        assert cache.get("k") == ("new" if change == "set" else None)

    def test_a_fill_without_time_left_is_not_kept(self, cache: Cache) -> None:
        assert not cache.filling("k").store(1, 0.0)
        assert cache.get("k") is None

    def test_threads_find_what_was_last_set(self, cache: Cache) -> None:
        wrong: list[object] = []

        def work(index: int) -> None:
            for number in range(25):
                cache.set(f"k{index}", number)
                if cache.get(f"k{index}") != number:
                    wrong.append((index, number))
                cache.get("shared")
                cache.set("shared", number)
                if number % 10 == 9:
                    cache.delete(f"k{index}")
                    if cache.get(f"k{index}") is not None:
                        wrong.append((index, "deleted"))

        threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert wrong == []
        assert cache.get("shared") == 24

    def test_after_a_delete_no_reader_finds_the_value_again(self, cache: Cache) -> None:
        """Readers that fill the cache race with somebody who changes the source."""
        source = {"k": 0}
        stale: list[int] = []
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                if cache.lookup("k") is None:
                    fill = cache.filling("k")
                    fill.store(source["k"])

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(1, 60):
            source["k"] = number
            cache.delete("k")
            found = cache.lookup("k")
            if found is not None and found.value != number:
                stale.append(number)
        stop.set()
        for reader in readers:
            reader.join(60)
        assert stale == []
