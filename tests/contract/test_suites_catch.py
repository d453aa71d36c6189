"""The suites of the mechanisms find what is wrong: each of these looks whole and is not."""

from __future__ import annotations

import inspect
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tauro.cache import Cache, Fill, LRUCache
from tauro.concurrency import FileLock
from tauro.errors import LockTimeoutError, ModelNotFoundError
from tauro.events import AuditRecord, AuditSink, FileAuditSink
from tauro.mlops import ModelRegistryProtocol
from tauro.registry import ModelRegistry
from tauro.testing import (
    CacheSuite,
    LockSuite,
    ModelRegistryProtocolSuite,
    PersistentAuditSinkSuite,
)


def _failures(suite: Any, folder: Path, **given: Any) -> list[str]:
    """Run every test of a suite; return the names of those that fail."""
    failed = []
    for name in (name for name in dir(suite) if name.startswith("test_")):
        method = getattr(suite, name)
        for number, arguments in enumerate(_cases(method)):
            own = folder / f"{name}-{number}"
            own.mkdir()
            have = {"tmp_path": own, **arguments}
            have |= {key: make(suite, own) for key, make in given.items()}
            wanted = inspect.signature(method).parameters
            try:
                method(**{key: have[key] for key in wanted})
            # A failing test raises whatever it found; that is what is counted here.
            except (Exception, pytest.fail.Exception):  # noqa: BLE001
                failed.append(name)
                break
    return failed


def _cases(method: Any) -> Iterator[dict[str, Any]]:
    marks = getattr(method, "pytestmark", [])
    for mark in marks:
        for value in mark.args[1]:
            yield {mark.args[0]: value}
    if not marks:
        yield {}


# Locks


class _Locks(LockSuite):
    @contextmanager
    def hold(self, folder: Path, timeout: float) -> Iterator[None]:
        with FileLock(folder / "lock", timeout=timeout):
            yield


class _NoLock(_Locks):
    @contextmanager
    def hold(self, folder: Path, timeout: float) -> Iterator[None]:
        yield


class _EntersAnyway(_Locks):
    """What a time-out once did here and there: it was logged, and the body ran."""

    @contextmanager
    def hold(self, folder: Path, timeout: float) -> Iterator[None]:
        lock = FileLock(folder / "lock", timeout=timeout)
        try:
            lock.acquire()
        except LockTimeoutError:
            yield
            return
        try:
            yield
        finally:
            lock.release()


class _KeepsItAfterAnError(_Locks):
    kept: list[FileLock] = []  # noqa: RUF012 - alive as long as the process

    @contextmanager
    def hold(self, folder: Path, timeout: float) -> Iterator[None]:
        lock = FileLock(folder / "lock", timeout=timeout)
        lock.acquire()
        self.kept.append(lock)
        yield
        lock.release()


class _RaisesSomethingElse(_Locks):
    @contextmanager
    def hold(self, folder: Path, timeout: float) -> Iterator[None]:
        lock = _thread_locks.setdefault(folder, threading.Lock())
        if not lock.acquire(timeout=timeout):
            raise TimeoutError
        try:
            yield
        finally:
            lock.release()


_thread_locks: dict[Path, threading.Lock] = {}


@pytest.mark.parametrize(
    "broken", [_NoLock, _EntersAnyway, _KeepsItAfterAnError, _RaisesSomethingElse]
)
def test_locks_that_are_none(broken: type[_Locks], tmp_path: Path) -> None:
    assert _failures(broken(), tmp_path)


def test_a_lock_passes(tmp_path: Path) -> None:
    assert _failures(_Locks(), tmp_path) == []


# Caches


class _Caches(CacheSuite):
    kind: type[LRUCache] = LRUCache

    def make_cache(self, folder: Path) -> Cache:
        self.now = 1000.0
        return self.kind(1000, clock=lambda: self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds


class _Eternal(LRUCache):
    def _put(self, key: str, value: Any, ttl: float | None) -> None:
        super()._put(key, value, None)


class _FillsWhateverComes(LRUCache):
    """Brings back what somebody deleted while it was read."""

    def filling(self, key: str) -> Fill:
        def store(value: Any, ttl: float | None = None) -> bool:
            self.set(key, value, ttl)
            return True

        return Fill(store)


class _DeletesQuietly(LRUCache):
    def delete(self, key: str) -> bool:
        super().delete(key)
        return True


class _NoneIsNothing(LRUCache):
    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key) or default


class _ForgetsHalf(LRUCache):
    def clear(self) -> None:
        for key in self.keys()[::2]:
            self.delete(key)


class _FoldsCase(LRUCache):
    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        super().set(key[:255], value, ttl)

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key[:255], default)


@pytest.mark.parametrize(
    "broken",
    [_Eternal, _FillsWhateverComes, _DeletesQuietly, _NoneIsNothing, _ForgetsHalf, _FoldsCase],
)
def test_caches_that_lie(broken: type[LRUCache], tmp_path: Path) -> None:
    suite = _Caches()
    suite.kind = broken
    assert _failures(suite, tmp_path, cache=_Caches.make_cache)


def test_a_cache_passes(tmp_path: Path) -> None:
    assert _failures(_Caches(), tmp_path, cache=_Caches.make_cache) == []


# Audit sinks


class _Sinks(PersistentAuditSinkSuite):
    kind: type[FileAuditSink] = FileAuditSink

    def make_sink(self, folder: Path) -> AuditSink:
        return self.kind(folder)


class _OnlyItsOwn(FileAuditSink):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "x" / str(id(self)))


class _ReadingEmptiesIt(FileAuditSink):
    def records(self) -> Iterator[AuditRecord]:
        yield from list(super().records())
        for path in self._files():
            Path(path).unlink()
        self.close()


class _KeepsTheLast(FileAuditSink):
    def append(self, record: AuditRecord) -> None:
        for path in self._files():
            Path(path).unlink()
        self.close()
        super().append(record)


@pytest.mark.parametrize("broken", [_OnlyItsOwn, _ReadingEmptiesIt, _KeepsTheLast])
def test_sinks_that_lose(broken: type[FileAuditSink], tmp_path: Path) -> None:
    suite = _Sinks()
    suite.kind = broken
    assert _failures(suite, tmp_path, sink=_Sinks.make_sink)


def test_a_sink_passes(tmp_path: Path) -> None:
    assert _failures(_Sinks(), tmp_path, sink=_Sinks.make_sink) == []


# Registries, written by others


class _Version:
    def __init__(self, row: Mapping[str, Any]) -> None:
        self.__dict__.update(row)


class Shelf:
    """A registry of its own: a folder a version and a JSON file beside it, under one lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = FileLock(folder.parent / "shelf.lock", timeout=240)

    def register_model(
        self, name: str, artifact_path: Path, artifact_type: str, framework: str, **more: Any
    ) -> _Version:
        with self.lock:
            version = len(self._files(name)) + 1
            row = {"name": name, "version": version, "framework": framework, "stage": "None"}
            place = self.folder / name / str(version)
            place.mkdir(parents=True)
            shutil.copy(artifact_path, place)
            return self._write({**row, **more, "artifact_type": artifact_type})

    def get_model_version(self, name: str, version: int | None = None) -> _Version:
        return _Version(self._row(name, version))

    def list_models(self) -> list[dict[str, Any]]:
        return [self._row(path.name, None) for path in self.folder.glob("*")]

    def list_model_versions(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in self._files(name)]

    def promote_model(
        self, name: str, version: int, stage: str, archive_existing: bool = True
    ) -> _Version:
        with self.lock:
            row = self._row(name, version)
            for other in self.list_model_versions(name):
                if other["stage"] == stage == "Production":
                    self._write({**other, "stage": "Archived"})
            return self._write({**row, "stage": stage})

    def download_artifact(self, name: str, version: int | None, local_destination: Path) -> None:
        row = self._row(name, version)
        shutil.copytree(self.folder / name / str(row["version"]), local_destination)

    def _files(self, name: str) -> list[Path]:
        return sorted((self.folder / name).glob("*.json"), key=lambda path: int(path.stem))

    def _row(self, name: str, version: int | None) -> dict[str, Any]:
        rows = [row for row in self.list_model_versions(name) if version in (None, row["version"])]
        if not rows:
            raise ModelNotFoundError(f"There is no {name!r} {version or ''} on this shelf.")
        return rows[-1]

    def _write(self, row: dict[str, Any]) -> _Version:
        (self.folder / row["name"] / f"{row['version']}.json").write_text(json.dumps(row))
        return _Version(row)


class TestShelf(ModelRegistryProtocolSuite):
    """Whoever writes only what the protocol names passes."""

    def make_registry(self, folder: Path) -> ModelRegistryProtocol:
        return Shelf(folder)  # type: ignore[return-value]  # names are needed here, not optional


class TestOurs(ModelRegistryProtocolSuite):
    def make_registry(self, folder: Path) -> ModelRegistryProtocol:
        return ModelRegistry(folder)


class _Registries(ModelRegistryProtocolSuite):
    kind: type[Shelf] = Shelf

    def make_registry(self, folder: Path) -> ModelRegistryProtocol:
        return self.kind(folder)  # type: ignore[return-value]

    def on_shelf(self, folder: Path) -> ModelRegistryProtocol:
        return self.make_registry(folder / "store")

    def file(self, folder: Path) -> Path:
        path = folder / "model.bin"
        path.write_bytes(b"x" * 100)
        return path


class _TwoInProduction(Shelf):
    def promote_model(
        self, name: str, version: int, stage: str, archive_existing: bool = True
    ) -> _Version:
        return self._write({**self._row(name, version), "stage": stage})


class _CountsAllModels(Shelf):
    def register_model(self, name: str, *args: Any, **more: Any) -> _Version:
        return super().register_model("one", *args, **more)


class _FirstForLatest(Shelf):
    def _row(self, name: str, version: int | None) -> dict[str, Any]:
        return super()._row(name, 1 if version is None else version)


class _KeyErrors(Shelf):
    def _row(self, name: str, version: int | None) -> dict[str, Any]:
        try:
            return super()._row(name, version)
        except ModelNotFoundError as error:
            raise KeyError(name) from error


class _NotesThePathOnly(Shelf):
    def download_artifact(self, name: str, version: int | None, local_destination: Path) -> None:
        Path(local_destination).mkdir()


class _Racing(Shelf):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.together = threading.Barrier(4, timeout=240)

    def register_model(self, name: str, *args: Any, **more: Any) -> _Version:
        version = len(self._files(name)) + 1
        if threading.current_thread() is not threading.main_thread():
            self.together.wait()
        registered = super().register_model(name, *args, **more)
        registered.version = version  # type: ignore[attr-defined]
        return registered


@pytest.mark.parametrize(
    "broken",
    [_TwoInProduction, _CountsAllModels, _FirstForLatest, _KeyErrors, _NotesThePathOnly, _Racing],
)
def test_registries_that_go_wrong(broken: type[Shelf], tmp_path: Path) -> None:
    suite = _Registries()
    suite.kind = broken
    given = {"registry": _Registries.on_shelf, "artifact": _Registries.file}
    assert _failures(suite, tmp_path, **given)


def test_a_registry_passes(tmp_path: Path) -> None:
    given = {"registry": _Registries.on_shelf, "artifact": _Registries.file}
    assert _failures(_Registries(), tmp_path, **given) == []
