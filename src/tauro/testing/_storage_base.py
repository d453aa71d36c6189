"""What the parts of the storage suite stand on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.storage import StorageBackend


def race(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run ``work(0)`` … ``work(count - 1)`` at once; return results, or errors, in that order."""
    results: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = work(number)
        # The test looks at what came; an error is a result here.
        except Exception as error:  # noqa: BLE001
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class StorageSuitePart:
    """A part of :class:`~tauro.testing.StorageBackendSuite`: it has a backend to look at."""

    def make_backend(self, folder: Path) -> StorageBackend:
        """Return an empty backend; ``folder`` is the test's own."""
        raise AssertionError("a suite's subclass defines make_backend")

    @pytest.fixture
    def backend(self, tmp_path: Path) -> StorageBackend:
        """The backend under test."""
        return self.make_backend(tmp_path / "backend")
