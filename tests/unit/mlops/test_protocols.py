"""Our own classes, and those of others, fit the protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tauro.concurrency import FileLock, LockProtocol
from tauro.events import EventEmitter
from tauro.mlops._protocols import (
    EventEmitterProtocol,
    ExperimentTrackerProtocol,
    ModelRegistryProtocol,
    StorageBackendProtocol,
)
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, PrefixedStorage
from tauro.tracking import ExperimentTracker


def test_our_own_fit(tmp_path: Path) -> None:
    """The assignments are what mypy checks; the assertions what isinstance does."""
    local: StorageBackendProtocol = LocalStorageBackend(tmp_path)
    memory: StorageBackendProtocol = MemoryStorageBackend()
    wrapped: StorageBackendProtocol = PrefixedStorage(MemoryStorageBackend(), "a")
    tracker: ExperimentTrackerProtocol = ExperimentTracker(tmp_path)
    registry: ModelRegistryProtocol = ModelRegistry(MemoryStorageBackend())
    emitter: EventEmitterProtocol = EventEmitter()
    lock: LockProtocol = FileLock(tmp_path / "a.lock")
    for backend in (local, memory, wrapped):
        assert isinstance(backend, StorageBackendProtocol)
    assert isinstance(tracker, ExperimentTrackerProtocol)
    assert isinstance(registry, ModelRegistryProtocol)
    assert isinstance(emitter, EventEmitterProtocol)
    assert isinstance(lock, LockProtocol)


class _Dictionary:
    """A store of somebody else's, who knows nothing of ours."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def write_dataframe(self, df: pd.DataFrame, path: str, mode: str = "overwrite") -> None:
        self.kept[path] = df

    def read_dataframe(self, path: str) -> pd.DataFrame:
        frame: pd.DataFrame = self.kept[path]
        return frame

    def write_json(self, data: Any, path: str) -> None:
        self.kept[path] = data

    def read_json(self, path: str) -> Any:
        return self.kept[path]

    def write_artifact(self, src: str | Path, dest: str) -> None:
        self.kept[dest] = Path(src).read_bytes()

    def read_artifact(self, src: str, dest_local: str | Path) -> None:
        Path(dest_local).write_bytes(self.kept[src])

    def exists(self, path: str) -> bool:
        return path in self.kept

    def list_paths(self, prefix: str = "") -> list[str]:
        return [path for path in self.kept if path.startswith(prefix)]

    def delete(self, path: str) -> bool:
        return self.kept.pop(path, None) is not None


class _Printer:
    def __init__(self) -> None:
        self.said: list[str] = []

    def subscribe(self, event_type: str, callback: Callable[[Any], Any]) -> None: ...

    def unsubscribe(self, event_type: str, callback: Callable[[Any], Any]) -> None: ...

    def emit(self, event_type: str, data: Mapping[str, Any] | None = None) -> None:
        self.said.append(event_type)


def test_those_of_others_fit_without_inheriting() -> None:
    def process(storage: StorageBackendProtocol, emitter: EventEmitterProtocol) -> int:
        storage.write_dataframe(pd.DataFrame({"a": [1, 2]}), "data.parquet")
        emitter.emit("data.written")
        return len(storage.read_dataframe("data.parquet"))

    store, printer = _Dictionary(), _Printer()
    assert process(store, printer) == 2
    assert printer.said == ["data.written"]
    assert isinstance(store, StorageBackendProtocol)
    assert isinstance(printer, EventEmitterProtocol)


def test_what_lacks_a_method_does_not_fit(tmp_path: Path) -> None:
    class WithoutDelete(_Dictionary):
        delete = None  # type: ignore[assignment]

    assert not isinstance(object(), StorageBackendProtocol)
    assert not isinstance(_Printer(), StorageBackendProtocol)
    assert not isinstance(EventEmitter(), LockProtocol)
    assert not isinstance(ExperimentTracker(tmp_path), ModelRegistryProtocol)
