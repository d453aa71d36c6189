"""Data that lives in this process, between the nodes of a run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tauro._internal._dataset import DatasetSpec
from tauro.errors import DatasetNotFoundError

_ABSENT = object()


class MemoryDataset:
    """Keeps the object that was saved and returns the same one."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        del root
        self._spec = spec
        self._value: Any = _ABSENT
        self._lock = threading.Lock()

    def load(self) -> Any:
        """Return the object that was saved last.

        Raises:
            DatasetNotFoundError: Nothing was saved in this process.
        """
        with self._lock:
            value = self._value
        if value is _ABSENT:
            raise DatasetNotFoundError(
                f"Dataset {self._spec.name!r} lives in memory and nothing was saved to it yet.",
                suggestions=[
                    "Run the node that makes it, or give it a path so that it outlives the run."
                ],
            )
        return value

    def save(self, data: Any) -> None:
        """Keep an object."""
        with self._lock:
            self._value = data

    def exists(self) -> bool:
        """Tell whether something was saved."""
        return self._value is not _ABSENT

    def fingerprint(self) -> str:
        """Return the empty text: objects are not looked into."""
        return ""

    def describe(self) -> dict[str, Any]:
        """Return the kind of object that is held."""
        held = type(self._value).__name__ if self.exists() else None
        return {**self._spec.to_dict(), "exists": self.exists(), "type": held}
