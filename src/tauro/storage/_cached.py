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
from tauro.types import StrPath


class _InFlight:
    """The keys that are being changed, by all that share a cache."""

    def __init__(self) -> None:
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._guard = threading.Lock()
        self._keys: Counter[str] = Counter()

    def __contains__(self, key: str) -> bool:
        return self._keys[key] > 0

    def add(self, keys: tuple[str, ...]) -> None:
        """Count keys in."""
        with self._guard:
            self._keys.update(keys)

    def remove(self, keys: tuple[str, ...]) -> None:
        """Count keys out."""
        with self._guard:
            self._keys.subtract(keys)
            for key in keys:
                if not self._keys[key]:
                    del self._keys[key]


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
        self._in_flight = _InFlight()

    def _sharing(self, storage: StorageBackend, kind: type[CachedStorage]) -> CachedStorage:
        made = kind(storage, self.cache)
        made._in_flight = self._in_flight
        return made

    def _rewrap(self, storage: StorageBackend) -> StorageBackend:
        return self._sharing(storage, type(self))

    def uncached(self) -> StorageBackend:
        """Return the same place, read past this cache; writes still make it forget."""
        return self._sharing(self.storage.uncached(), _PastCache)

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        if path in self._in_flight:
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
        self._in_flight.add(paths)
        try:
            for path in paths:
                self.cache.delete(path)
            yield
        finally:
            for path in paths:
                self.cache.delete(path)
            self._in_flight.remove(paths)

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

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""
        moved = self.storage.list_paths(src)
        gone = self.storage.list_paths(dest) if replace else []
        new = [dest + path[len(src) :] for path in moved]
        with self._changing(src, dest, *moved, *gone, *new):
            self.storage.move(src, dest, replace=replace)

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        with self._changing(path, *self.storage.list_paths(path)):
            return self.storage.delete(path)


class _PastCache(CachedStorage):
    """Read past a cache that others use, and make it forget what is written."""

    def uncached(self) -> StorageBackend:
        """Return itself."""
        return self

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key, as the place has them now."""
        return self.storage.read_bytes(path)
