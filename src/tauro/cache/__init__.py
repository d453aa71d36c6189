"""Caches in memory and in a store, keys for them, and operations in batches."""

from tauro.cache._batch import BatchOperation, BatchProcessor
from tauro.cache._keys import CacheKeyBuilder
from tauro.cache._lru import LRUCache
from tauro.cache._protocol import Cache, CacheStats, Fill, Found
from tauro.cache._storage import ByteStore, StorageCache
from tauro.cache._two_level import TwoLevelCache

__all__ = [
    "BatchOperation",
    "BatchProcessor",
    "ByteStore",
    "Cache",
    "CacheKeyBuilder",
    "CacheStats",
    "Fill",
    "Found",
    "LRUCache",
    "StorageCache",
    "TwoLevelCache",
]
