"""Every level of cache keeps to the cache contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _clock
from tauro.cache import Cache, LRUCache, StorageCache, TwoLevelCache
from tauro.storage import LocalStorageBackend, MemoryStorageBackend
from tauro.testing import CacheSuite


class _Clocked(CacheSuite):
    """Both the clock of caches in memory and the wall clock of those in a store stand still."""

    now: float

    @pytest.fixture(autouse=True)
    def _clock(self) -> Iterator[None]:
        self.now = 1_700_000_000.0
        _clock.set_source(lambda: int(self.now * 1e9))
        yield
        _clock.set_source(None)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def lru(self, size: int = 1000) -> LRUCache:
        return LRUCache(size, clock=lambda: self.now)


class TestLRUCache(_Clocked):
    def make_cache(self, folder: Path) -> Cache:
        return self.lru()


class TestStorageCacheInMemory(_Clocked):
    def make_cache(self, folder: Path) -> Cache:
        return StorageCache(MemoryStorageBackend())


class TestStorageCacheInAFolder(_Clocked):
    def make_cache(self, folder: Path) -> Cache:
        return StorageCache(LocalStorageBackend(folder))


class TestTwoLevelsInMemory(_Clocked):
    def make_cache(self, folder: Path) -> Cache:
        return TwoLevelCache(l1=self.lru(2), l2=self.lru())


class TestTwoLevelsWithAStore(_Clocked):
    def make_cache(self, folder: Path) -> Cache:
        return TwoLevelCache(l1=self.lru(), l2=StorageCache(LocalStorageBackend(folder)))
