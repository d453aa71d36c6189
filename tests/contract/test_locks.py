"""Every lock keeps to the lock contract."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tauro.concurrency import FileLock, ReadWriteLock
from tauro.storage import LocalStorageBackend
from tauro.testing._locks import LockContract


class TestFileLock(LockContract):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return FileLock(folder / "a.lock", timeout=timeout)


class TestWritingWithFiles(LockContract):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return ReadWriteLock(folder, timeout=timeout).write()


class TestWritingWithThreads(LockContract):
    def setup_method(self) -> None:
        self.lock = ReadWriteLock()

    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return self.lock.write(timeout=timeout)


class TestLocksOfALocalStore(LockContract):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return LocalStorageBackend(folder).lock("runs/r1", timeout=timeout)
