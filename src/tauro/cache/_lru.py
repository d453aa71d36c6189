"""The values used last, in memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tauro._internal._fork import tell_after_fork
from tauro.cache._epochs import Epochs
from tauro.cache._protocol import CacheStats, Fill, Found, check_size, check_ttl


class LRUCache:
    """Keeps at most ``max_size`` values; the one unused for longest goes first.

    Any thread may call. A value is returned as the object that was set, not as a copy.

    Args:
        max_size: The most values to keep.
        default_ttl: Seconds a value is kept where ``set`` gives no other; None without limit.
        clock: Seconds since some fixed moment; for tests.
    """

    def __init__(
        self,
        max_size: int = 1000,
        default_ttl: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_size = check_size(max_size)
        self.default_ttl = check_ttl(default_ttl, "default_ttl")
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Any, float | None]] = OrderedDict()
        self._epochs = Epochs()
        self._hits = self._misses = self._evictions = 0
        tell_after_fork(self)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return self._live(key) is not None

    def lookup(self, key: str) -> Found | None:
        """Return the value of a key and how long it may still be used; None if there is none."""
        with self._lock:
            entry = self._live(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            value, expires = entry
            return Found(value, None if expires is None else expires - self._clock())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        found = self.lookup(key)
        return default if found is None else found.value

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value for ``ttl`` seconds, or for the cache's own time.

        Raises:
            ValidationError: ``ttl`` is not positive.
        """
        seconds = self.default_ttl if ttl is None else check_ttl(ttl)
        with self._lock:
            self._epochs.change(key)
            self._put(key, value, seconds)

    def delete(self, key: str) -> bool:
        """Forget a key; tell whether it was there."""
        with self._lock:
            self._epochs.change(key)
            there = self._live(key) is not None
            self._entries.pop(key, None)
            return there

    def clear(self) -> None:
        """Forget everything but the statistics."""
        with self._lock:
            self._epochs.change_all()
            self._entries.clear()

    def keys(self) -> list[str]:
        """Return the keys whose time has not passed, the one unused for longest first."""
        with self._lock:
            return [key for key in list(self._entries) if self._live(key) is not None]

    def stats(self) -> CacheStats:
        """Return hits, misses, evictions and size."""
        with self._lock:
            return CacheStats(self._hits, self._misses, self._evictions, len(self._entries))

    def filling(self, key: str) -> Fill:
        """Announce that a value for this key is being looked up elsewhere."""
        epoch = self._epochs.of(key)

        def store(value: Any, ttl: float | None = None) -> bool:
            limits = [one for one in (ttl, self.default_ttl) if one is not None]
            with self._lock:
                if self._epochs.of(key) != epoch or (limits and min(limits) <= 0):
                    return False
                self._put(key, value, min(limits, default=None))
                return True

        return Fill(store)

    def _put(self, key: str, value: Any, ttl: float | None) -> None:
        expires = None if ttl is None else self._clock() + ttl
        self._entries[key] = (value, expires)
        self._entries.move_to_end(key)
        if len(self._entries) > self.max_size:
            self._entries.popitem(last=False)
            self._evictions += 1

    def _live(self, key: str) -> tuple[Any, float | None] | None:
        entry = self._entries.get(key)
        if entry is not None and entry[1] is not None and entry[1] <= self._clock():
            del self._entries[key]
            return None
        return entry

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
