"""The suite must fail on backends that break the contract: one a clause, each broken in one way."""

from __future__ import annotations

import copy
import inspect
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tauro._internal._paths import check_key
from tauro.errors import (
    CorruptDataError,
    StorageConflictError,
    StorageError,
    StorageNotFoundError,
)
from tauro.storage import MemoryStorageBackend, StorageBackend, StorageMetadata
from tauro.storage._protocol import Progress
from tauro.testing import StorageBackendSuite
from tauro.types import StrPath


class Meeting:
    """A place where the first of racing threads is held until another is there too.

    What a race does once in a while it then does for certain. The main thread races with nobody.
    """

    def __init__(self) -> None:
        self._came = 0
        self._met = threading.Event()

    def wait(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            self._came += 1
            if self._came > 1:
                self._met.set()
            self._met.wait(10)


class ForgetsTheEnd(MemoryStorageBackend):
    """Drops the last byte of long values."""

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        return super().write_bytes(path, data[:-1] if len(data) > 1000 else data)


class WritesInTwoSteps(MemoryStorageBackend):
    """Lets readers see half of a long value."""

    def __init__(self) -> None:
        super().__init__()
        self._half = -1
        self._was_read = threading.Event()

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        super().write_bytes(path, data[: len(data) // 2])
        if len(data) > 10_000 and threading.current_thread() is not threading.main_thread():
            self._half = len(data) // 2
            self._was_read.wait(10)
        return super().write_bytes(path, data)

    def read_bytes(self, path: str) -> bytes:
        data = super().read_bytes(path)
        if len(data) == self._half:
            self._was_read.set()
        return data


class LooksBeforeItCreates(MemoryStorageBackend):
    """Checks and writes without holding anything between."""

    def __init__(self) -> None:
        super().__init__()
        self._between = Meeting()

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        if self.exists(path):
            return super().create_bytes(path, data)
        self._between.wait()
        return self.write_bytes(path, data)


class IgnoresTheVersion(MemoryStorageBackend):
    """Replaces whatever version is there."""

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        self.stat(path)
        return self.write_bytes(path, data)


class ReplacesWhatItShouldCreate(MemoryStorageBackend):
    """Creates over what is there."""

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        return self.write_bytes(path, data)


class VersionsAreSizes(MemoryStorageBackend):
    """Gives two contents of one size the same version."""

    def stat(self, path: str) -> StorageMetadata:
        found = super().stat(path)
        return StorageMetadata(
            found.path, found.size, str(found.size), found.modified, found.format
        )


class AbsenceIsEmpty(MemoryStorageBackend):
    """Reads nothing where nothing is."""

    def read_bytes(self, path: str) -> bytes:
        try:
            return super().read_bytes(path)
        except StorageNotFoundError:
            return b""


class DeletingNothingFails(MemoryStorageBackend):
    """Raises where there is nothing to delete."""

    def delete(self, path: str) -> bool:
        if not super().delete(path):
            raise StorageError("nothing to delete")
        return True


class PrefixIsABeginning(MemoryStorageBackend):
    """Lists ``bb/1`` below ``b``."""

    def list_paths(self, prefix: str = "") -> list[str]:
        key = check_key(prefix.rstrip("/")) if prefix else ""
        return sorted(name for name in self._entries if name.startswith(key))


class TakesAnyKey(MemoryStorageBackend):
    """Takes keys that leave the root."""

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        return super().write_bytes(path.replace("../", "").strip("/.") or "x", data)


class DeletesNeighbours(MemoryStorageBackend):
    """Deletes every key that begins so."""

    def delete(self, path: str) -> bool:
        found = [name for name in self._entries if name.startswith(check_key(path))]
        for name in found:
            del self._entries[name]
        return bool(found)


class KeepsOldFiles(MemoryStorageBackend):
    """Leaves files of the folder before."""

    def write_artifact(self, src: Any, dest: str, *, progress: Any = None) -> StorageMetadata:
        before = {name: e for name, e in self._entries.items() if name.startswith(f"{dest}/")}
        written = super().write_artifact(src, dest)
        self._entries = {**before, **self._entries}
        return written


class FollowsLinks(MemoryStorageBackend):
    """Copies what a link outside points at."""

    def write_artifact(self, src: Any, dest: str, *, progress: Any = None) -> StorageMetadata:
        source = Path(src)
        if not source.is_dir() or ".." in source.parts:
            return super().write_artifact(src, dest)
        for file in sorted(source.rglob("*")):
            if file.is_file():
                self.write_bytes(f"{dest}/{file.relative_to(source).as_posix()}", file.read_bytes())
        return self.stat(dest)


class MovesOver(MemoryStorageBackend):
    """Moves onto what is there."""

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        super().move(src, dest, replace=True)


class LeavesAMomentWithout(MemoryStorageBackend):
    """Takes away what it replaces before the new is there."""

    def __init__(self) -> None:
        super().__init__()
        self._missed = threading.Event()

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        if replace and src != dest:
            self.stat(src)
            self.delete(dest)
            if threading.current_thread() is not threading.main_thread():
                # Readers go on until they miss it; those that have are not waited for again.
                self._missed.wait(10)
        super().move(src, dest)

    def read_bytes(self, path: str) -> bytes:
        try:
            return super().read_bytes(path)
        except StorageNotFoundError:
            self._missed.set()
            raise


class MovesInto(MemoryStorageBackend):
    """Lays a folder over the one it should replace."""

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        before = {name: each for name, each in self._entries.items() if name.startswith(f"{dest}/")}
        super().move(src, dest, replace=replace)
        self._entries = {**before, **self._entries}


class HandsOutItsOwn(MemoryStorageBackend):
    """Gives every caller the same document."""

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[str, Any] = {}

    def write_json(self, data: Any, path: str) -> StorageMetadata:
        written = super().write_json(data, path)
        self._documents[path] = copy.deepcopy(data)
        return written

    def read_json(self, path: str) -> Any:
        return self._documents[path] if path in self._documents else super().read_json(path)


class LosesRacingAppends(MemoryStorageBackend):
    """Reads, joins and writes without looking at the version."""

    def __init__(self) -> None:
        super().__init__()
        self._between = Meeting()

    def _append_frame(self, df: Any, data: bytes, path: str) -> StorageMetadata:
        import pandas as pd

        if self.exists(path):
            df = pd.concat([self.read_dataframe(path), df], ignore_index=True)
        self._between.wait()
        return self.write_dataframe(df, path)


class PutsFilesBelowFiles(MemoryStorageBackend):
    """Lets a key be a file and a folder at once."""

    def _refuse_obstacle(self, verb: str, key: str) -> None:
        pass


class OfLargeWritesGivesAnotherVersion(MemoryStorageBackend):
    """Returns a version that a later look does not confirm."""

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        written = super().write_bytes(path, data)
        return replace(written, etag="other") if len(data) > 1 << 20 else written


class SizesAreCounts(MemoryStorageBackend):
    """Gives the number of files for their size."""

    def size(self, path: str) -> int:
        self.stat(path)
        return len(self.list_paths(path))


class NumbersRowsAnew(MemoryStorageBackend):
    """Drops an index when it appends."""

    def _append_frame(self, df: Any, data: bytes, path: str) -> StorageMetadata:
        return super()._append_frame(df.reset_index(drop=True), data, path)


class CleansUpTooMuch(MemoryStorageBackend):
    """Takes what was written for unfinished."""

    def remove_temporaries(self, prefix: str = "", *, older_than: float = 0.0) -> int:
        keys = self.list_paths(prefix)
        return sum(self.delete(key) for key in keys)


class ReadsTheUncachedFromACopy(MemoryStorageBackend):
    """Gives a view that does not see what is written later."""

    def uncached(self) -> StorageBackend:
        copied = MemoryStorageBackend()
        copied._entries, copied._name = dict(self._entries), self._name
        return copied


class GivesAllContentsOneVersion(MemoryStorageBackend):
    """Cannot tell what was replaced."""

    def stat(self, path: str) -> StorageMetadata:
        return replace(super().stat(path), etag="one")


class TakesDamageForNothing(MemoryStorageBackend):
    """Reads what is no document as an empty one, and what is no frame as an empty frame."""

    def read_json(self, path: str) -> Any:
        try:
            return super().read_json(path)
        except CorruptDataError:
            return {}


class HasNoAddress(MemoryStorageBackend):
    """Has a name and no scheme."""

    @property
    def uri(self) -> str:
        return "memory"


class LooksAndThenReplaces(MemoryStorageBackend):
    """Lets another in between the look at the version and the write."""

    def __init__(self) -> None:
        super().__init__()
        self._between = Meeting()

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        if self.stat(path).etag != etag:
            raise StorageConflictError(f"{path!r} was changed.")
        self._between.wait()
        return self.write_bytes(path, data)


class KeepsPipesAsNothing(MemoryStorageBackend):
    """Takes what is neither a file nor a folder for an empty file."""

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        if Path(src).is_fifo():
            return self.write_bytes(dest, b"")
        return super().write_artifact(src, dest, progress=progress)


class TellsTimesWithoutAZone(MemoryStorageBackend):
    """Gives a time that means another moment elsewhere."""

    def stat(self, path: str) -> StorageMetadata:
        found = super().stat(path)
        return replace(found, modified=found.modified.replace(tzinfo=None))


class WritesAnything(MemoryStorageBackend):
    """Keeps the text of what JSON cannot hold."""

    def write_json(self, data: Any, path: str) -> StorageMetadata:
        return self.write_bytes(path, json.dumps(data, default=repr).encode())


class KeepsTheVeryObject(MemoryStorageBackend):
    """Writes a document when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[str, Any] = {}

    def write_json(self, data: Any, path: str) -> StorageMetadata:
        self._given[path] = data
        return super().write_json(data, path)

    def read_json(self, path: str) -> Any:
        return copy.deepcopy(self._given[path]) if path in self._given else super().read_json(path)


BROKEN = [
    each
    for each in list(globals().values())
    if inspect.isclass(each) and issubclass(each, MemoryStorageBackend)
    if each is not MemoryStorageBackend
]


def _cases(name: str) -> Iterator[dict[str, Any]]:
    """Yield the arguments of a test's ``parametrize`` marks."""
    marks = getattr(getattr(StorageBackendSuite, name), "pytestmark", [])
    for mark in marks:
        for value in mark.args[1]:
            yield {mark.args[0]: value}
    if not marks:
        yield {}


TESTS = [name for name in dir(StorageBackendSuite) if name.startswith("test_")]


def _failures(
    backend_class: type[StorageBackend], folder: Path, names: Collection[str] = TESTS
) -> list[str]:
    """Run tests of the suite on fresh backends; return the names of those that fail."""
    suite, failed = StorageBackendSuite(), []
    for number, name in enumerate(names):
        for case, arguments in enumerate(_cases(name)):
            own = folder / f"{number}-{case}"
            own.mkdir()
            source = own / "source"
            (source / "sub dir").mkdir(parents=True)
            (source / "model.bin").write_bytes(bytes(range(256)) * 1000)
            (source / "sub dir" / "ü.txt").write_text("text")
            given = {"backend": backend_class(), "tmp_path": own, "folder": source, **arguments}
            method = getattr(suite, name)
            wanted = inspect.signature(method).parameters
            try:
                method(**{key: given[key] for key in wanted})
            # A failing test raises whatever it found; that is what is counted here.
            except (Exception, pytest.fail.Exception):  # noqa: BLE001
                failed.append(name)
                break
    return failed


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.__name__)
def test_the_suite_catches(broken: type[StorageBackend], tmp_path: Path) -> None:
    """Each broken backend fails at least one test of the suite."""
    assert _failures(broken, tmp_path), f"{broken.__name__} passes: {broken.__doc__}"


def test_every_clause_of_the_suite_can_fail(tmp_path: Path) -> None:
    """None is there for show: each is failed by a backend that breaks it."""
    untried = list(TESTS)
    for number, broken in enumerate(BROKEN):
        (tmp_path / str(number)).mkdir()
        failed = _failures(broken, tmp_path / str(number), untried)
        untried = [name for name in untried if name not in failed]
    assert untried == []


def test_the_suite_passes_what_is_whole(tmp_path: Path) -> None:
    """Run the same way, the backend that they are made from fails none."""
    assert _failures(MemoryStorageBackend, tmp_path) == []
