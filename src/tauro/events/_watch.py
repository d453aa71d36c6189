"""A flag that says whether anybody looks at an operation."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable


class Watch:
    """Keeps an answer up to date, so that a hot path reads one attribute and calls nothing.

    Attributes:
        active: The answer now.
    """

    __slots__ = ("__weakref__", "_lock", "_look", "active")

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self.active = look()

    def update(self) -> None:
        """Look again."""
        # Look and keep in one step: of two racing updates the later one saw the later state.
        with self._lock:
            self.active = self._look()


class Watched:
    """The watches of something that changes; they are not kept alive by it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()

    def add(self, watch: Watch) -> None:
        """Tell this watch of every change from now on."""
        with self._lock:
            self._watches.add(watch)
        watch.update()

    def changed(self) -> None:
        """Have every watch look again."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            watch.update()
