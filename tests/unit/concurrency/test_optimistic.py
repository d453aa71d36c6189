"""Changing without holding a lock."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from tauro.concurrency import OptimisticLock, VersionedFile
from tauro.errors import StorageConflictError, StorageNotFoundError, ValidationError

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def lock(tmp_path: Path) -> OptimisticLock[bytes]:
    return OptimisticLock(VersionedFile(tmp_path / "value"))


def test_a_missing_file_is_empty_and_made_by_the_first_change(
    lock: OptimisticLock[bytes], tmp_path: Path
) -> None:
    assert lock.read() == (b"", "")
    assert lock.update(lambda old: old + b"1") == b"1"
    assert (tmp_path / "value").read_bytes() == b"1"


def test_a_version_belongs_to_its_value(lock: OptimisticLock[bytes]) -> None:
    lock.update(lambda old: b"a")
    _, first = lock.read()
    lock.update(lambda old: b"b")
    _, second = lock.read()
    assert first != second
    with pytest.raises(StorageConflictError, match="changed since"):
        lock.replace(b"c", first)
    lock.replace(b"c", second)
    assert lock.read()[0] == b"c"


def test_an_update_that_lost_is_repeated_with_the_new_value(lock: OptimisticLock[bytes]) -> None:
    seen: list[bytes] = []

    def change(old: bytes) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            lock.replace(b"other", lock.read()[1])
        return old + b"!"

    assert lock.update(change) == b"other!"
    assert seen == [b"", b"other"]


def test_after_the_last_attempt_the_conflict_is_raised(tmp_path: Path) -> None:
    source = VersionedFile(tmp_path / "value")
    lock = OptimisticLock(source, max_attempts=3)
    attempts: list[bytes] = []

    def change(old: bytes) -> bytes:
        attempts.append(old)
        source.replace(old + b"x", source.read()[1])
        return old

    with pytest.raises(StorageConflictError, match="3 attempts") as caught:
        lock.update(change)
    assert len(attempts) == 3
    assert isinstance(caught.value.__cause__, StorageConflictError)


def test_what_the_change_raises_changes_nothing(lock: OptimisticLock[bytes]) -> None:
    lock.update(lambda old: b"a")
    with pytest.raises(ZeroDivisionError):
        lock.update(lambda old: bytes(1 // 0))
    assert lock.read()[0] == b"a"


def test_no_attempts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="max_attempts is 0"):
        OptimisticLock(VersionedFile(tmp_path / "value"), max_attempts=0)


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageNotFoundError, match="is a folder"):
        VersionedFile(tmp_path).read()


def _add(path: str, rounds: int) -> None:
    lock = OptimisticLock(VersionedFile(path, timeout=240), max_attempts=10_000)
    for _ in range(rounds):
        lock.update(lambda old: str(int(old or b"0") + 1).encode())


def test_processes_and_threads_lose_no_update(tmp_path: Path) -> None:
    path = str(tmp_path / "value")
    children: list[Any] = [spawn.Process(target=_add, args=(path, 40)) for _ in range(2)]
    threads = [threading.Thread(target=_add, args=(path, 40)) for _ in range(2)]
    for worker in (*children, *threads):
        worker.start()
    for worker in (*children, *threads):
        worker.join(240)
    assert Path(path).read_bytes() == b"160"


def test_a_value_that_was_changed_and_changed_back_is_the_value_that_was_read(
    lock: OptimisticLock[bytes],
) -> None:
    """Versions are of values: who decided on what is there again decided rightly."""
    lock.update(lambda old: b"a")
    value, version = lock.read()
    lock.update(lambda old: b"b")
    lock.update(lambda old: b"a")
    lock.replace(value + b"!", version)
    assert lock.read()[0] == b"a!"
