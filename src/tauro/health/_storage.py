"""Whether a store answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from tauro._internal._ids import new_id
from tauro.health._check import HealthCheck
from tauro.health._models import Finding, HealthStatus
from tauro.storage import StorageBackend, get_active_storage


class StorageHealthCheck(HealthCheck):
    """Writes a small value to a store, reads it back and deletes it.

    Of a store that cannot be written it lists a folder.

    Args:
        name: What it is called in reports.
        storage: The store, or a function that returns it at each check; by default the active
            store of that moment.
        critical: Whether the whole is unhealthy when the store is.
        readiness: Whether the process is ready only when the store answers.
        timeout: Seconds it may take.
    """

    def __init__(
        self,
        name: str = "storage",
        storage: StorageBackend | Callable[[], StorageBackend] | None = None,
        *,
        critical: bool = True,
        readiness: bool = True,
        timeout: float = 5.0,
    ) -> None:
        super().__init__(name, critical=critical, readiness=readiness, timeout=timeout)
        self._storage = storage if storage is not None else get_active_storage

    def check(self) -> Finding:
        """Find out whether the store answers."""
        backend = self._storage() if callable(self._storage) else self._storage
        start = time.perf_counter()
        if backend.read_only:
            backend.list_paths("_tauro")
            verb = "can be read"
        else:
            _round_trip(backend)
            verb = "can be read and written"
        seconds = time.perf_counter() - start
        return Finding(
            HealthStatus.HEALTHY,
            f"{backend.uri} {verb}.",
            {"uri": backend.uri, "latency_seconds": round(seconds, 6)},
        )


def _round_trip(backend: StorageBackend) -> None:
    key = f"_tauro/health/{new_id()}"
    written = key.encode()
    backend.write_bytes(key, written)
    try:
        read = backend.read_bytes(key)
    finally:
        backend.delete(key)
    if read != written:
        raise OSError(f"{backend.uri} returned other bytes than were written a moment before.")
