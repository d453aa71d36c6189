"""What a level of cache is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tauro.errors import ValidationError


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a cache holds.

    Attributes:
        value: The value.
        ttl: Seconds it may still be used; None without limit.
    """

    value: Any
    ttl: float | None


@dataclass(frozen=True, slots=True)
class CacheStats:
    """How a cache has fared.

    Attributes:
        hits: Lookups that found a value.
        misses: Lookups that found none, or one too old.
        evictions: Values that went to make room.
        size: Values held now, those too old included until they are met.
    """

    hits: int
    misses: int
    evictions: int
    size: int

    @property
    def hit_rate(self) -> float:
        """Hits among all lookups; 0 before the first."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else 0.0


@dataclass(frozen=True, slots=True)
class Fill:
    """The right to put a value that was looked up elsewhere into a cache.

    Attributes:
        store: Called with the value and, where it is shorter than the cache's own, its ttl. Keeps
            the value unless the key was set or deleted since; tells whether it was kept.
    """

    store: Callable[..., bool]


@runtime_checkable
class Cache(Protocol):
    """A level of cache.

    Obligations, held by ``tauro.testing``: any thread may call. After ``delete`` or ``clear`` has
    returned, no value of before is found. A value is not found once its ttl has passed. What is
    kept may go at any time to make room.
    """

    def lookup(self, key: str) -> Found | None:
        """Return the value of a key and how long it may still be used; None if there is none."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value for ``ttl`` seconds, or for the cache's own time."""

    def delete(self, key: str) -> bool:
        """Forget a key; tell whether it was there."""

    def clear(self) -> None:
        """Forget everything."""

    def filling(self, key: str) -> Fill:
        """Announce that a value for this key is being looked up elsewhere.

        Whoever reads a slow source, and then stores what it read, must not bring back what somebody
        changed and deleted from the cache in between.
        """


def check_ttl(ttl: float | None, name: str = "ttl") -> float | None:
    """Return a time to live.

    Raises:
        ValidationError: It is not a positive number of seconds.
    """
    given: object = ttl
    if given is not None and not (isinstance(given, int | float) and given > 0):
        raise ValidationError(
            f"{name} is {ttl!r}; a positive number of seconds is expected.",
            suggestions=["None keeps values without limit of time."],
        )
    return ttl


def check_size(size: int, name: str = "max_size") -> int:
    """Return the most values that a cache holds.

    Raises:
        ValidationError: It is no whole number from one on.
    """
    given: object = size
    if not isinstance(given, int) or given < 1:
        raise ValidationError(
            f"{name} is {size!r}; a whole number, at least 1, is needed.",
            suggestions=["Do without the cache to keep nothing."],
        )
    return size
