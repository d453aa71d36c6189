"""A small fast cache before a large slow one."""

from __future__ import annotations

import threading
from typing import Any, Final

from tauro._internal._fork import tell_after_fork
from tauro.cache._protocol import Cache, Fill, Found

_STRIPES: Final = 64


class TwoLevelCache:
    """Looks into ``l1`` first and then into ``l2``, whose hits fill ``l1``.

    What is set or deleted is so in both. A value that came from ``l2`` stays in ``l1`` no longer
    than it would have in ``l2``. Any thread may call; writes to one key go one after the other, so
    that both levels end with the same value.

    Args:
        l1: The fast one, an :class:`LRUCache`.
        l2: The large one: an :class:`LRUCache`, or a :class:`StorageCache` that other processes
            share. Those keep what they have in their own ``l1`` until its time has passed.
    """

    def __init__(self, l1: Cache, l2: Cache) -> None:
        self.l1 = l1
        self.l2 = l2
        self._after_fork()
        tell_after_fork(self)

    def __contains__(self, key: str) -> bool:
        return self.lookup(key) is not None

    def lookup(self, key: str) -> Found | None:
        """Return the value of a key and how long it may still be used; None if there is none."""
        found = self.l1.lookup(key)
        if found is not None:
            return found
        fill = self.l1.filling(key)
        found = self.l2.lookup(key)
        if found is not None:
            fill.store(found.value, found.ttl)
        return found

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        found = self.lookup(key)
        return default if found is None else found.value

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value in both for ``ttl`` seconds, or for each one's own time.

        Raises:
            ValidationError: ``ttl`` is not positive.
        """
        # The slow level first: who reads it before this has its fill of the fast one voided after.
        with self._writing(key):
            self.l2.set(key, value, ttl)
            self.l1.set(key, value, ttl)

    def delete(self, key: str) -> bool:
        """Forget a key in both; tell whether one had it."""
        with self._writing(key):
            in_l2 = self.l2.delete(key)
            return self.l1.delete(key) or in_l2

    def clear(self) -> None:
        """Forget everything in both."""
        self.l2.clear()
        self.l1.clear()

    def filling(self, key: str) -> Fill:
        """Announce that a value for this key is being looked up elsewhere."""
        first, second = self.l1.filling(key), self.l2.filling(key)

        def store(value: Any, ttl: float | None = None) -> bool:
            with self._writing(key):
                return second.store(value, ttl) and first.store(value, ttl)

        return Fill(store)

    def _writing(self, key: str) -> threading.RLock:
        return self._writers[hash(key) % _STRIPES]

    def _after_fork(self) -> None:
        self._writers = [threading.RLock() for _ in range(_STRIPES)]
