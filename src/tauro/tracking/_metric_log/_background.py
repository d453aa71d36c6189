"""Compaction in a thread of its own, when enough has gathered."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from tauro.errors import StorageError
from tauro.tracking._metric_log._compact import DUE, compact
from tauro.tracking._metric_log._view import open_view

_logger = logging.getLogger(__name__)
_EVERY: Final = 5.0
"""Seconds between two looks at a folder: a look costs tens of microseconds, a run ends in 500."""


class BackgroundCompaction:
    """Compacts the experiments of one log, one at a time. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def consider(self, folder: str, own: Callable[[], Collection[str]]) -> None:
        """Start a compaction where one is due and none is running."""
        now = time.monotonic()
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if running or now - self._looked.get(folder, -_EVERY) < _EVERY:
                return
            self._looked[folder] = now
            if not _is_due(folder, own):
                return
            self._thread = threading.Thread(
                target=_compact_quietly, args=(folder, own), name="tauro-compaction", daemon=True
            )
            self._thread.start()

    def wait(self) -> None:
        """Return when no compaction is running."""
        thread = self._thread
        if thread is not None:
            thread.join()


def _is_due(folder: str, own: Callable[[], Collection[str]]) -> bool:
    try:
        paths = {ref.path for ref in open_view(folder).segments}
    except (StorageError, OSError):
        return False
    return len(paths - set(own())) >= DUE


def _compact_quietly(folder: str, own: Callable[[], Collection[str]]) -> None:
    """Compact; whatever fails is tried again when next due, and ``verify`` tells of damage."""
    try:
        result = compact(folder, own=own(), merge=False)
    except (StorageError, OSError) as error:
        _logger.warning("Compacting %s failed: %s", folder, error)
        return
    if result.skipped:
        names = ", ".join(map(os.path.basename, result.skipped))
        _logger.warning("Damaged files in %s wait for `tauro store repair`: %s", folder, names)
