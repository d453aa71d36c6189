"""A place whose reads are remembered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tauro._internal._fork import tell_after_fork
from tauro.cache import Cache, LRUCache
from tauro.storage._protocol import Progress, StorageBackend, StorageMetadata
from tauro.storage._wrappers import StorageWrapper
from tauro.types import Durability, StrPath


class CachedStorage(StorageWrapper):
    """Remember what was read; every write through this wrapper forgets what it changes.

    What others write to the place is seen once the cache lets go of the old value: give it a time.

    Args:
        storage: The place.
        cache: Where bytes are remembered; by default 1,000 keys for 300 seconds.
    """

    def __init__(self, storage: StorageBackend, cache: Cache | None = None) -> None:
        super().__init__(storage)
        self.cache: Cache = cache if cache is not None else LRUCache(1000, 300.0)
        self._guard = threading.Lock()
        self._in_flight: Counter[str] = Counter()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._guard = threading.Lock()
        self._in_flight = Counter()

    def with_durability(self, durability: Durability) -> StorageBackend:
        """Return this wrapper, with the same cache, around the place with another durability."""
        return CachedStorage(self.storage.with_durability(durability), self.cache)

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        if self._in_flight[path]:
            return self.storage.read_bytes(path)
        found = self.cache.lookup(path)
        if found is not None:
            data: bytes = found.value
            return data
        fill = self.cache.filling(path)
        data = self.storage.read_bytes(path)
        fill.store(data)
        return data

    @contextmanager
    def _changing(self, *paths: str) -> Iterator[None]:
        """Keep keys out of the cache while they change, and forget what it had of them.

        Without this a reader might see the new version's etag and the old version's bytes, and with
        the two replace what it never read.
        """
        with self._guard:
            self._in_flight.update(paths)
        try:
            for path in paths:
                self.cache.delete(path)
            yield
        finally:
            for path in paths:
                self.cache.delete(path)
            with self._guard:
                self._in_flight.subtract(paths)
                for path in paths:
                    if not self._in_flight[path]:
                        del self._in_flight[path]

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        with self._changing(path):
            return self.storage.write_bytes(path, data)

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        with self._changing(path):
            return self.storage.create_bytes(path, data)

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``."""
        with self._changing(path):
            return self.storage.replace_bytes(path, data, etag=etag)

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        with self._changing(dest, *self.storage.list_paths(dest)):
            return self.storage.write_artifact(src, dest, progress=progress)

    def move(self, src: str, dest: str) -> None:
        """Rename a file or folder to a key where nothing is."""
        with self._changing(src, dest, *self.storage.list_paths(src)):
            self.storage.move(src, dest)

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        with self._changing(path, *self.storage.list_paths(path)):
            return self.storage.delete(path)
